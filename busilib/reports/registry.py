"""The registry: every system of the five reports by its id.

Notebooks, the command line, the tests and the book read it. Facts and figures come from the reports, one
module each; what a report leaves open is marked `ours`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from busilib.errors import UnknownNameError
from busilib.reports import ours, r1, r2, r3, r4, r5
from busilib.reports.experiment import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    entry.id: entry for report in (r1, r2, r3, r4, r5, ours) for entry in report.EXPERIMENTS
}
"""All experiments by id, in the order of the reports."""


def experiment(id: str) -> Experiment:
    """The entry of one experiment.

    Raises:
        UnknownNameError: naming the ids that exist.

    Example:
        >>> experiment("r1-unet").claims[0].metric
        'pooled_accuracy'
    """
    if id not in EXPERIMENTS:
        raise UnknownNameError(f"no experiment {id!r}. There are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[id]


def as_dict(entry: Experiment) -> dict[str, Any]:
    """An entry as plain values, for `busi experiments --json` and other programs.

    Example:
        >>> as_dict(experiment("r2-unet"))["parameters"]
        31030593
    """
    return asdict(entry) | {"input": entry.inputs_under("random")}
