"""Figures of notebooks 9 and 10: the inflation ladder and the negative controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from busilib.data.busi.outlines import Outline
from busilib.data.dataset import CLASSES, Dataset
from busilib.data.polygons import filled
from busilib.metrics.factorial import MISTAKES
from busilib.pages.figures.style import (
    FIRST,
    LOOKS,
    NEUTRAL,
    RECORDED,
    SECOND,
    THIS_RUN,
    bars,
    done,
    dots,
    grid,
    show,
)
from busilib.studies.controls import MARGIN, grown_box
from busilib.studies.study import Study

FALL, RISE = "0.6", "0.85"
SIZE = 128
"""Pixels of a mask that is drawn without its picture."""


def waterfall(study: Study, names: Mapping[str, str], colour: str = RECORDED) -> Figure:
    """Waterfall: the reported figure of each rung with its 95% interval, and the step that led to it.

    Args:
        study: a ladder.
        names: what each figure is called.
        colour: of the dots, by where the study comes from (see `busilib.pages.figures.style`); of a recorded
            study, rungs that still make a mistake look like what is recorded as a report did it.
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
            text = f"{rung['step']['value']:+z.3f}".replace("-", "−")
            axis.annotate(text, (min(value, above), row), (-38, 14), textcoords="offset points", fontsize=9)
        dot, marker = _look(rungs[row][1], colour)
        axis.errorbar(value, row, xerr=bars(here), fmt=marker, color=dot, capsize=4, markersize=7, zorder=3)
        axis.annotate(
            f"{value:.3f}",
            (value + bars(here)[1, 0], row),
            (8, -4),
            textcoords="offset points",
            fontsize=10,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
        )
    told = {names[rung["figure"]] for _, rung in rungs}
    labels = [f"{name}\n({names[rung['figure']]})" if len(told) > 1 else name for name, rung in rungs]
    what = told.pop() if len(told) == 1 else "reported figure"
    axis.set(yticks=range(len(rungs)), yticklabels=labels, xlabel=f"{what}, with 95% interval")
    low = min(one["value"] - bars(one)[0, 0] for one in figures)
    high = max(one["value"] + bars(one)[1, 0] for one in figures)
    axis.set_xlim(max(low - 0.12, -0.02), min(high + 0.12, 1.09))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return done(figure)


def _look(rung: Mapping, colour: str) -> tuple[str, str]:
    """Colour and marker of a rung."""
    if colour == THIS_RUN:
        return LOOKS["this run"]
    wrong = any(rung[name] for name in MISTAKES)
    return LOOKS["recorded, as the report did"] if wrong else LOOKS["recorded, grouped"]


def counted(study: Study, names: Mapping[str, str]) -> Figure:
    """Dots with 95% intervals: every rung in several metrics, one mark for each metric.

    Args:
        study: a ladder in one metric (see `busilib.pages.rungs.in_one`), so that each rung is a training.
        names: keys of up to three metrics, and what they are called.
    """
    rungs = list(study.conditions.items())
    figure, axis = plt.subplots(figsize=(8, 1.1 + 0.62 * len(rungs)), layout="constrained")
    looks = ((NEUTRAL, "D"), (SECOND, "s"), (FIRST, "o"))
    for number, ((key, words), (colour, marker)) in enumerate(zip(names.items(), looks, strict=False)):
        place = np.arange(len(rungs)) + 0.17 * (number - (len(names) - 1) / 2)
        found = [rung["metrics"][key] for _, rung in rungs]
        dots(axis, found, place, fmt=marker, color=colour, label=words)
    axis.set(yticks=range(len(rungs)), yticklabels=[name for name, _ in rungs])
    axis.set(xlabel="value, with its 95% interval", xlim=(0, 1))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=len(names), frameon=False, fontsize=9)
    return done(figure)


def worths(metrics: Mapping[str, dict], order: Sequence[str], parts: Mapping[str, str]) -> Figure:
    """Dots with 95% intervals: what each mistake adds to the accuracy, one mark for each way to ask.

    Args:
        metrics: of the study "ladder-factorial".
        order: keys of the mistakes, from the top down.
        parts: of up to three ways to ask, the beginning of their keys and what they are called.
    """
    figure, axis = plt.subplots(figsize=(8, 1.2 + 0.75 * len(order)), layout="constrained")
    looks = ((RECORDED, "o", 9), (NEUTRAL, "D", 5), (SECOND, "s", 5))
    for number, ((part, words), (colour, marker, size)) in enumerate(zip(parts.items(), looks, strict=False)):
        found = [metrics[f"{part}:{key}"] for key in order]
        place = np.arange(len(order)) + 0.2 * (number - 1)
        dots(axis, found, place, fmt=marker, color=colour, markersize=size, label=words)
    axis.axvline(0, color="0.6", lw=1)
    axis.set(yticks=range(len(order)), yticklabels=[MISTAKES[key] for key in order])
    axis.set_xlabel("added to the accuracy, with 95% interval")
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=len(parts), frameon=False, fontsize=9)
    return done(figure)


def shapes_alone(shown: Sequence[Outline]) -> Figure:
    """Grid: each outline as two of the controls see it, as a mask and as the box around it, white on black.

    Example (not run):
        >>> shapes_alone(read_outlines()[2::6])
    """
    figure, axes = grid(2, len(shown), cell=1.35)
    for (above, below), outline in zip(axes.T, shown, strict=True):
        mask = filled(outline.rings, (SIZE, SIZE))
        show(above, mask * 255, outline.id)
        show(below, grown_box(mask, MARGIN) * 255)
    return figure


def controls(
    found: Mapping[str, Mapping], baseline: Mapping[str, float], label: str, colour: str = RECORDED
) -> Figure:
    """Dots with 95% intervals: one figure of each control, beside what knowing nothing gives.

    Args:
        found: of each control, as `busilib.pages.controls.malignancy`; the first sees the whole image.
        baseline: name of a rule that knows nothing to its value.
        label: of the axis.
        colour: of the dots, by where the study comes from (see `busilib.pages.figures.style`).
    """
    marker = dict(LOOKS.values())[colour]
    figure, axis = plt.subplots(figsize=(7.5, 1.3 + 0.42 * len(found)), layout="constrained")
    for row, one in enumerate(found.values()):
        dots(axis, [one], [row], fmt=marker, color=colour, capsize=4, markersize=9 if row == 0 else 6)
    for name, value in baseline.items():
        axis.axvline(value, color=NEUTRAL, ls="--", lw=1.2)
        axis.annotate(name, (value, -0.75), (4, 0), textcoords="offset points", color=NEUTRAL, fontsize=9)
    axis.set(yticks=range(len(found)), yticklabels=list(found), xlabel=label, xlim=(-0.02, 1.02))
    axis.set_ylim(len(found) - 0.5, -1.0)
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
