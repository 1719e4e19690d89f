"""What all figures share: colours that colour-blind readers can tell apart, grids of images, outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython.core.getipython import get_ipython
from matplotlib.figure import Figure
from matplotlib_inline.config import InlineBackend

PALETTE = {"benign": "#009E73", "malignant": "#D55E00", "normal": "#0072B2"}
REFERENCE, PREDICTED = "#F0E442", "#56B4E9"
CLAIMED, RECORDED, AS_REPORTED, THIS_RUN = "#D55E00", "#0072B2", "#56B4E9", "#CC79A7"
"""What a report claims; what is recorded on real images without leaks, and under a report's own protocol;
what the run at hand computed. No figure uses one of them for another."""

FIRST, SECOND = "#332288", "#999933"
"""Two of a kind, where neither is a claim: inside and outside, as it is and scaled."""

NEUTRAL = "0.3"
"""Baselines and differences."""

LOOKS = {
    "claimed": (CLAIMED, "D"),
    "recorded, grouped": (RECORDED, "o"),
    "recorded, as the report did": (AS_REPORTED, "s"),
    "this run": (THIS_RUN, "^"),
}
"""Colour and marker of each source of a figure."""

sns.set_theme(style="whitegrid", context="notebook", rc={"figure.dpi": 110, "savefig.bbox": "tight"})
if shell := get_ipython():
    # Twice the pixels at the same size, so that a picture is sharp where a reader enlarges it.
    InlineBackend.instance(parent=shell).figure_formats = {"retina"}


def grid(rows: int, columns: int, cell: float = 2.1) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(
        rows, columns, figsize=(cell * columns, (cell + 0.25) * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return done(figure), axes


def plots(count: int, columns: int, width: float, height: float, **shared) -> tuple[Figure, np.ndarray]:
    """Axes for so many plots, row by row; what is left over of the last row stays empty.

    Args:
        count: of plots, above 0.
        columns: at most so many in a row.
        width, height: of each, in inches.
        shared: `sharex` and `sharey`, as `matplotlib.pyplot.subplots` takes them.

    Returns:
        The figure, and its axes in one row (rows · columns,).

    Example (not run):
        >>> figure, axes = plots(4, 3, 3.3, 3.1)
    """
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows),
        squeeze=False,
        layout="constrained",
        **shared,
    )
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return figure, axes.ravel()


def done(figure: Figure) -> Figure:
    """Close the figure in pyplot, so that a notebook shows it once: as the value of its cell."""
    plt.close(figure)
    return figure


def show(axis, image: np.ndarray, title: str = "") -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(title, fontsize=9)


def outline(axis, mask: np.ndarray, colour: str, style: str = "-") -> None:
    if mask.any() and not mask.all():
        axis.contour(mask, levels=[0.5], colors=[colour], linewidths=1.4, linestyles=style)


def bars(figure: Mapping) -> np.ndarray:
    """How far an interval reaches below and above its value: float (2, 1), 0 where there is none."""
    if figure["low"] is None:
        return np.zeros((2, 1))
    return np.maximum([[figure["value"] - figure["low"]], [figure["high"] - figure["value"]]], 0)


def dots(axis, found: Sequence[Mapping], places: Sequence[float] | np.ndarray, **look) -> None:
    """Figures with their intervals as dots, one at each height; `look` is that of Matplotlib's `errorbar`.

    Example (not run):
        >>> dots(axis, [record.metrics["accuracy"]], [0], fmt="o")
    """
    errors = np.concatenate([bars(one) for one in found], axis=1)
    axis.errorbar([one["value"] for one in found], places, xerr=errors, **{"capsize": 3, **look})
