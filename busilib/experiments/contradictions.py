"""What a pencil finds in the reports: each line computed from the figures they print."""

from __future__ import annotations

from collections.abc import Mapping

from busilib.experiments import contradictions_r1_r2, contradictions_r3_r5
from busilib.experiments.contradiction import Contradiction
from busilib.experiments.experiment import Experiment
from busilib.experiments.registry import EXPERIMENTS


def contradictions(entries: Mapping[str, Experiment] = EXPERIMENTS) -> tuple[Contradiction, ...]:
    """Every line that can be computed from the given experiments, in the order of the reports.

    Args:
        entries: experiments by id; lines about experiments that are not among them are left out.

    Raises:
        KeyError: if an experiment lacks a claim that a line about it needs.

    Example:
        >>> contradictions()[0].report
        'R1'
    """
    checks = contradictions_r1_r2.CHECKS + contradictions_r3_r5.CHECKS
    return tuple(check(entries) for needed, check in checks if entries.keys() >= set(needed))
