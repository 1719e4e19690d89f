"""What all figures share: colours that colour-blind readers can tell apart, grids of images, outlines."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

PALETTE = {"benign": "#009E73", "malignant": "#D55E00", "normal": "#0072B2"}
REFERENCE, PREDICTED = "#F0E442", "#56B4E9"
CLAIMED, MEASURED, RECORDED = "#D55E00", "#0072B2", "#009E73"

sns.set_theme(style="whitegrid", context="notebook", rc={"figure.dpi": 110, "savefig.bbox": "tight"})


def grid(rows: int, columns: int, cell: float = 2.1) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(
        rows, columns, figsize=(cell * columns, (cell + 0.25) * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return done(figure), axes


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
