"""Figures of histology: tiles, the tissue of every pixel, and how well each tissue is found."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from busilib.data.tiles import CODES, IGNORED, TISSUES, Tiles
from busilib.pages.figures.style import bars, done, grid

COMMON = {
    "tumor": "#D55E00",
    "stroma": "#E7B6D0",
    "lymphocytic_infiltrate": "#0072B2",
    "necrosis_or_debris": "#4D4D4D",
    "fat": "#F0E442",
    "blood": "#8B0000",
    "plasma_cells": "#56B4E9",
    "normal_acinus_or_duct": "#009E73",
    "dcis": "#CC79A7",
    "glandular_secretions": "#B8A1D9",
}
"""Colours of the tissues that are met most; the others share one."""
OTHER, UNNAMED = "#A6A6A6", "#FFFFFF"


def _colour(code: int) -> str:
    return UNNAMED if code in IGNORED else COMMON.get(CODES[code], OTHER)


def tissue_tiles(tiles: Tiles, indices: np.ndarray, predicted: np.ndarray | None = None) -> Figure:
    """Grid: tiles above, the codes of their pixels below, and predicted codes below those.

    Args:
        tiles: the tiles.
        indices: int (m,), which to show.
        predicted: uint8 (m, h, w), predicted codes of these tiles; None to leave them out.
    """
    colours = ListedColormap([_colour(code) for code in range(len(CODES))])
    rows = [tiles.codes[indices]] if predicted is None else [tiles.codes[indices], predicted]
    figure, axes = grid(1 + len(rows), len(indices))
    for column, index in enumerate(indices):
        axes[0, column].imshow(tiles.images[index])
        axes[0, column].set_title(f"slide {tiles.groups[index]}", fontsize=9)
        for row, codes in enumerate(rows, start=1):
            axes[row, column].imshow(codes[column], cmap=colours, vmin=0, vmax=len(CODES) - 1)
            axes[row, column].set_title(("reference", "predicted")[row - 1], fontsize=9)
    present = np.unique(np.concatenate([codes.ravel() for codes in rows]))
    named = {CODES[code]: _colour(code) for code in present if code not in IGNORED}
    shown = {name: colour for name, colour in named.items() if name in COMMON}
    if len(shown) < len(named):
        shown["other tissues"] = OTHER
    handles = [Patch(color=colour, label=name.replace("_", " ")) for name, colour in shown.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def code_shares(pixels: np.ndarray) -> Figure:
    """Bars: the share of pixels that each code owns, the codes without a tissue in gray.

    Args:
        pixels: int (22,), pixels by code.
    """
    share = pixels / pixels.sum() * 100
    order = [code for code in np.argsort(-share) if share[code] > 0]
    figure, axis = plt.subplots(figsize=(7, 0.6 + 0.28 * len(order)), layout="constrained")
    colours = [OTHER if code in IGNORED else "#0072B2" for code in order]
    bars = axis.barh([CODES[code].replace("_", " ") for code in order], share[order], color=colours)
    axis.bar_label(bars, [f"{share[code]:.2g}%" for code in order], padding=4, fontsize=8)
    axis.set(xlabel="share of pixels (%)", xlim=(0, share.max() * 1.15))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return done(figure)


def dice_of_tissues(figures: Mapping[str, Mapping[str, float]]) -> Figure:
    """Dots with 95% intervals: Dice of each tissue, from the commonest to the rarest.

    Args:
        figures: as `busilib.metrics.measure.measure` returns them for tissues.
    """
    shares = {name: figures.get(f"{name}_frequency", {"value": 0.0})["value"] for name in TISSUES}
    order = sorted((name for name in TISSUES if shares[name] > 0), key=lambda name: -shares[name])
    dice = [figures[f"{name}_dice"] for name in order]
    errors = np.hstack([bars(d) for d in dice])
    figure, axis = plt.subplots(figsize=(7, 0.9 + 0.3 * len(order)), layout="constrained")
    axis.errorbar(
        [d["value"] for d in dice], range(len(order)), xerr=errors, fmt="o", color="#0072B2", capsize=3
    )
    labels = [f"{name.replace('_', ' ')} ({shares[name]:.1%})" for name in order]
    axis.set(xlim=(-0.03, 1.03), xlabel="Dice", yticks=range(len(order)), yticklabels=labels)
    axis.invert_yaxis()
    return done(figure)
