"""The studies of the book by name."""

from __future__ import annotations

from collections.abc import Callable

from busilib.errors import UnknownNameError
from busilib.studies.attention import attention
from busilib.studies.context import Context
from busilib.studies.context_controls import context_controls, with_gaps
from busilib.studies.controls import negative_controls
from busilib.studies.duplicate_threshold import duplicate_threshold, with_differences
from busilib.studies.factorial import ladder_factorial
from busilib.studies.ladder import ladder_classification, ladder_segmentation, with_steps
from busilib.studies.outline import outline
from busilib.studies.outside_sets import outside_classification, outside_segmentation
from busilib.studies.study import Study

STUDIES: dict[str, Callable[[Context], Study]] = {
    "duplicate-threshold": duplicate_threshold,
    "ladder-classification": ladder_classification,
    "ladder-factorial": ladder_factorial,
    "ladder-segmentation": ladder_segmentation,
    "negative-controls": negative_controls,
    "context-controls": context_controls,
    "attention": attention,
    "outline": outline,
    "outside-classification": outside_classification,
    "outside-segmentation": outside_segmentation,
}
"""What runs a study."""

ACROSS: dict[str, Callable[[Study], Study]] = {
    "context-controls": with_gaps,
    "duplicate-threshold": with_differences,
    "ladder-classification": with_steps,
    "ladder-segmentation": with_steps,
}
"""What adds the figures that rest on several conditions to a study, whatever the number of its seeds."""


def study(name: str, context: Context) -> Study:
    """Run a study; trainings that are finished are read back.

    Raises:
        UnknownNameError: naming the studies that exist.

    Example (not run):
        >>> study("negative-controls", Context("smoke")).name
        'negative-controls'
    """
    if name not in STUDIES:
        raise UnknownNameError(f"no study {name!r}. There are: {', '.join(STUDIES)}")
    return STUDIES[name](context)
