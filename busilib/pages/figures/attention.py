"""Figures of explanations: where a classifier's heat map lies, and how much of it inside the lesion."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from busilib.data.dataset import CLASSES, Dataset
from busilib.pages.figures.style import (
    NEUTRAL,
    PALETTE,
    RECORDED,
    REFERENCE,
    bars,
    done,
    grid,
    outline,
    plots,
    show,
)

HEAT = "#44AA99"


def heat_maps(
    data: Dataset,
    indices: np.ndarray,
    heat: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    shares: Mapping[str, np.ndarray],
) -> Figure:
    """Grid: one row per image, one column per network, heat in green, reference outline yellow.

    Args:
        data: the dataset.
        indices: int (m,), which images to show.
        heat: network name to heat maps, float (m, h, w), 0 to 1.
        predicted: network name to labels, int (m,).
        shares: network name to the shares of the heat inside the lesion, float (m,).
    """
    figure, axes = grid(len(indices), 1 + len(heat))
    for row, (line, index) in enumerate(zip(axes, indices, strict=True)):
        show(line[0], data.images[index], f"{data.ids[index]}\n ")
        outline(line[0], data.masks[index], REFERENCE)
        for axis, name in zip(line[1:], heat, strict=True):
            label = predicted[name][row]
            verdict = "✓" if label == data.labels[index] else "✗"
            share = shares[name][row]
            inside = "no heat" if np.isnan(share) else f"{share:.0%} inside"
            show(axis, data.images[index], f"{name}\n{verdict} {CLASSES[label]}, {inside}")
            axis.imshow(_veil(heat[name][row]))
            outline(axis, data.masks[index], REFERENCE)
    return figure


def _veil(heat: np.ndarray) -> np.ndarray:
    """RGBA (h, w, 4): one colour, the denser the more heat."""
    colour = np.broadcast_to(to_rgb(HEAT), (*heat.shape, 3))
    return np.concatenate([colour, 0.75 * np.clip(heat, 0, 1)[..., None]], axis=-1)


def attention(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Scatter, one panel per network: share of the heat inside the lesion over the lesion's share of area.

    Args:
        tables: name to rows as `busilib.studies.attention.attention_rows` gives them; rows without heat
            are left out.
    """
    figure, axes = plots(len(tables), min(len(tables), 3), 3.3, 3.1, sharex=True, sharey=True)
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        axis.plot([0, 100], [0, 100], "--", color="black", linewidth=1, label="indifferent map")
        seen = table.dropna(subset="share_inside")
        sns.scatterplot(
            x=100 * seen["lesion_share"],
            y=100 * seen["share_inside"],
            hue=seen["true"],
            hue_order=["benign", "malignant"],
            style=seen["true"],
            style_order=["benign", "malignant"],
            palette=PALETTE,
            s=22,
            alpha=0.7,
            legend=axis is axes[0],
            ax=axis,
        )
        axis.set_title(name, fontsize=10)
        axis.set(
            xlabel="lesion (% of image)", ylabel="heat inside lesion (%)", xlim=(-2, 102), ylim=(-2, 102)
        )
    axes[0].legend(title=None, fontsize=8)
    return done(figure)


def shares_inside(columns: Mapping[str, Mapping[str, dict]], colour: str = RECORDED) -> Figure:
    """Dots with 95% intervals: share of the heat inside the lesion, beside two maps that know nothing.

    Args:
        columns: figures of each network and method (see `busilib.studies.study.Study.columns`).
        colour: of the dots, by where they come from (see `busilib.pages.figures.style`).

    Example (not run):
        >>> shares_inside(read_study("attention").columns)
    """
    figure, axis = plt.subplots(figsize=(7.6, 1.4 + 0.45 * len(columns)), layout="constrained")
    for row, found in enumerate(columns.values()):
        own, first = found["share_inside"], not row
        axis.errorbar(
            100 * own["value"],
            row,
            xerr=100 * bars(own),
            fmt="o",
            color=colour,
            capsize=4,
            label="inside the lesion" if first else None,
        )
        for key, marker, words in (
            ("fixed_share", "|", "a fixed gaze"),
            ("lesion_share", "x", "an indifferent map"),
        ):
            axis.plot(
                100 * found[key]["value"],
                row,
                marker,
                color=NEUTRAL,
                ms=11,
                mew=2,
                label=words if first else None,
            )
    axis.set(yticks=range(len(columns)), yticklabels=list(columns), xlabel="heat inside the lesion (%)")
    axis.set(ylim=(len(columns) - 0.5, -0.5), xlim=(0, None))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return done(figure)
