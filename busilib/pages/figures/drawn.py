"""Figures of real lesions without pixels: their outlines, as they were drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from busilib.data.busi.outlines import Outline
from busilib.data.polygons import filled
from busilib.pages.figures.style import PALETTE, done

MARGIN = 0.12
"""Around a lesion, as a share of its longer side."""


def outlines(shown: Sequence[Outline], columns: int = 6) -> Figure:
    """Grid: each outline in the proportions of its picture and as large as its cell, in the class's colour.

    Example:
        >>> from busilib.data.busi.outlines import read_outlines
        >>> len(outlines(read_outlines()[:6]).axes)
        6
    """
    rows = -(-len(shown) // columns)
    figure, axes = _cells(rows, columns, 1.3)
    for axis, outline in zip(axes.flat, shown, strict=False):
        draw(axis, outline)
    return done(figure)


def side_by_side(groups: Sequence[Sequence[Outline]], values: Mapping[str, float] | None = None) -> Figure:
    """One column for each group of outlines of the same picture, one outline below the other.

    Args:
        groups: outlines of a picture.
        values: by id, a number that is printed above each; None for none.

    Example (not run):
        >>> side_by_side(contradicting_outlines(read_table()))
    """
    figure, axes = _cells(max(map(len, groups)), len(groups), 1.6)
    for column, group in zip(axes.T, groups, strict=True):
        spare = len(column) - len(group)  # so that the last of each group stand in one row
        for axis, outline in zip(column[spare:], group, strict=True):
            draw(axis, outline)
            if values is not None:
                axis.set_title(f"{outline.id}\n{values[outline.id]:.2f}", fontsize=8)
    return done(figure)


def squeezed(shown: Sequence[Outline], sizes: Sequence[int] = (128, 64, 32)) -> Figure:
    """One row for each outline: in its picture's proportions, then as a mask of some square sizes.

    Example (not run):
        >>> squeezed([outline_of("malignant (33)")])
    """
    figure, axes = _cells(len(shown), len(sizes) + 1, 1.75)
    for row, outline in zip(axes, shown, strict=True):
        axis = row[0]
        frame = Rectangle((0, 0), outline.width, outline.height, facecolor="0.94", edgecolor="0.6")
        axis.add_patch(frame)
        axis.add_patch(_patch(outline))
        axis.set(xlim=(-2, outline.width + 2), ylim=(outline.height + 2, -2), aspect="equal")
        axis.set_title(f"{outline.id}\n{outline.width}×{outline.height} px", fontsize=8)
        for axis, size in zip(row[1:], sizes, strict=True):
            mask = filled(outline.rings, (size, size))
            colours = np.where(mask[..., None], _rgb(outline), 0.94)
            axis.imshow(colours, interpolation="nearest")
            axis.set_title(f"{size}×{size} px", fontsize=8)
    return done(figure)


def found_over_drawn(
    drawn: Sequence[Outline], found: Sequence[Outline], dice: Sequence[float], columns: int = 6
) -> Figure:
    """Grid: what was drawn by hand, filled, and what a network found of it, dashed, with the Dice of the two.

    Args:
        drawn, found: of the same images, in one order; nothing may have been found.
        dice: of each.
        columns: how many stand in a row.

    Example (not run):
        >>> found_over_drawn(drawn, found, [0.8, 0.4])
    """
    rows = -(-len(drawn) // columns)
    figure, axes = _cells(rows, columns, 1.4)
    for axis, one, other, value in zip(axes.flat, drawn, found, dice, strict=False):
        draw(axis, one, beside=other)
        for ring in other.rings:
            corners = _corners([*ring, ring[0]], other)
            axis.plot(*corners.T, color="black", linewidth=1.2, linestyle="--")
        axis.set_title(f"{one.id}\nDice {value:.2f}", fontsize=8)
    return done(figure)


def draw(axis, outline: Outline, beside: Outline | None = None) -> None:
    """One outline on an axis, with its id above it; if another is to be drawn beside it, both have room."""
    axis.add_patch(_patch(outline))
    shown = [outline] if beside is None else [outline, beside]
    corners = np.concatenate([_corners(ring, one) for one in shown for ring in one.rings])
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre, half = (low + high) / 2, (0.5 + MARGIN) * (high - low).max()
    axis.set(
        xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] + half, centre[1] - half), aspect="equal"
    )
    axis.set_title(outline.id, fontsize=8)


def _corners(ring: Sequence[Sequence[float]], outline: Outline) -> np.ndarray:
    return np.asarray(ring) * (outline.width, outline.height)


def _patch(outline: Outline) -> PathPatch:
    rings = [_corners(ring, outline) for ring in outline.rings]
    path = Path.make_compound_path(*(Path(np.vstack([ring, ring[:1]]), closed=True) for ring in rings))
    colour = PALETTE[outline.label]
    return PathPatch(path, facecolor=(*_rgb(outline), 0.25), edgecolor=colour, linewidth=1.3)


def _rgb(outline: Outline) -> tuple[float, float, float]:
    return to_rgb(PALETTE[outline.label])


def _cells(rows: int, columns: int, size: float) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.2) * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes
