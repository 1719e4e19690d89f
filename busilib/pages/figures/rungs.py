"""Figures of notebooks 9 and 10: the inflation ladder and the negative controls."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from busilib.data.dataset import CLASSES, Dataset
from busilib.pages.figures.style import NEUTRAL, RECORDED, bars, done, grid, show
from busilib.studies.study import Study

FALL, RISE = "#E69F00", "#56B4E9"


def waterfall(study: Study, names: Mapping[str, str], colour: str = RECORDED) -> Figure:
    """Waterfall: the reported figure of each rung with its 95 % interval, and the step that led to it.

    Args:
        study: a ladder.
        names: what each figure is called.
        colour: of the dots, by where the study comes from (see `busilib.pages.figures.style`).
    """
    rungs = list(study.conditions.items())
    figures = [rung["metrics"][rung["figure"]] for _, rung in rungs]
    figure, axis = plt.subplots(figsize=(8, 0.9 + 0.72 * len(rungs)), layout="constrained")
    for row, ((_, rung), here) in enumerate(zip(rungs, figures, strict=True)):
        value = here["value"]
        if row:
            above = figures[row - 1]["value"]
            axis.barh(row, value - above, left=above, height=0.5, color=FALL if value < above else RISE)
            axis.plot([above, above], [row - 1, row], color="#666666", lw=0.8)
            text = f"{rung['step']['value']:+.3f}".replace("-", "−")
            axis.annotate(text, (min(value, above), row), (-38, 14), textcoords="offset points", fontsize=9)
        axis.errorbar(value, row, xerr=bars(here), fmt="o", color=colour, capsize=4, markersize=7, zorder=3)
        axis.annotate(
            f"{value:.3f}",
            (value + bars(here)[1, 0], row),
            (8, -4),
            textcoords="offset points",
            fontsize=10,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
        )
    labels = [f"{name}\n({names[rung['figure']]})" for name, rung in rungs]
    axis.set(yticks=range(len(rungs)), yticklabels=labels, xlabel="reported figure, with 95 % interval")
    low = min(one["value"] - bars(one)[0, 0] for one in figures)
    high = max(one["value"] + bars(one)[1, 0] for one in figures)
    axis.set_xlim(max(low - 0.12, -0.02), min(high + 0.12, 1.09))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return done(figure)


def controls(
    study: Study, baseline: Mapping[str, float], key: str, label: str, colour: str = RECORDED
) -> Figure:
    """Dots with 95 % intervals: one figure of each control, beside what knowing nothing gives.

    Args:
        study: the negative controls; the first condition sees the whole image.
        baseline: name of a rule that knows nothing to its value.
        key: of the figure.
        label: of the axis.
        colour: of the dots, by where the study comes from (see `busilib.pages.figures.style`).
    """
    rows = list(study.conditions)
    figure, axis = plt.subplots(figsize=(7.5, 1.3 + 0.42 * len(rows)), layout="constrained")
    for row, name in enumerate(rows):
        found = study.metrics(name).get(key)
        if found is None:
            continue
        axis.errorbar(
            found["value"],
            row,
            xerr=bars(found),
            fmt="s" if row == 0 else "o",
            color=colour,
            capsize=4,
            markersize=7,
        )
    for name, value in baseline.items():
        axis.axvline(value, color=NEUTRAL, ls="--", lw=1.2)
        axis.annotate(name, (value, -0.75), (4, 0), textcoords="offset points", color=NEUTRAL, fontsize=9)
    axis.set(yticks=range(len(rows)), yticklabels=rows, xlabel=label, xlim=(-0.02, 1.02))
    axis.set_ylim(len(rows) - 0.5, -1.0)
    axis.grid(axis="y", visible=False)
    return done(figure)


def control_views(data: Dataset, views: Mapping[str, np.ndarray], seed: int = 0) -> Figure:
    """Grid: one image of each class as each control sees it.

    Args:
        data: the dataset.
        views: name to uint8 (n, h, w), the images as they are shown.
        seed: of the choice of images.
    """
    rng = np.random.default_rng(seed)
    figure, axes = grid(len(CLASSES), len(views))
    for label, row in enumerate(axes):
        index = rng.choice(np.flatnonzero(data.labels == label))
        for axis, (name, images) in zip(row, views.items(), strict=True):
            show(axis, images[index], f"{data.ids[index]}\n{name}")
    return figure
