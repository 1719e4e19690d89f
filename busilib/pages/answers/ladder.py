"""Notebook 9: how does an honest figure become a splendid one?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages import rungs
from busilib.pages.figures.rungs import waterfall
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    study = rungs.recorded("classification")
    top, end = rungs.both_ends(study, "accuracy")
    name, step = rungs.largest_step(rungs.in_one(study, "accuracy"))
    flat, fair = rungs.both_ends(study, "balanced_accuracy")
    return (
        f"**From {top['value']:.2f} to {end['value']:.2f}, most of it in one step.** One classifier on the "
        f"same {top['n']} real images has an accuracy of {cell(top)} with every common mistake at once "
        f"and of {cell(end)} with none; in balanced accuracy the two ends are {cell(flat)} and {cell(fair)}. "
        f"The largest step in accuracy is to *{name}*: {rungs.signed(step)}."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return waterfall(rungs.in_one(rungs.recorded("classification"), "accuracy"), METRIC_NAMES)
