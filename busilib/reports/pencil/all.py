"""What a pencil finds in the reports: each line computed from the figures they print."""

from __future__ import annotations

from collections.abc import Mapping

from busilib.reports.experiment import Experiment
from busilib.reports.pencil import r1_r2 as contradictions_r1_r2
from busilib.reports.pencil import r3_r5 as contradictions_r3_r5
from busilib.reports.pencil.contradiction import Contradiction
from busilib.reports.registry import EXPERIMENTS


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
