"""What a line of arithmetic on a report is, and what such lines are computed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scipy.stats import binomtest

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.reports.experiment import Claim, Experiment


@dataclass(frozen=True)
class Contradiction:
    """One line of arithmetic on the figures of a report.

    Attributes:
        report: "R1" to "R5".
        statement: what is looked at, one sentence.
        arithmetic: lines of plain text, computed.
        conclusion: what follows, and what does not.
    """

    report: str
    statement: str
    arithmetic: str
    conclusion: str


Check = tuple[tuple[str, ...], Callable[[Mapping[str, Experiment]], Contradiction]]
"""Ids of the experiments that a line needs, and the function that computes it."""


def find(entries: Mapping[str, Experiment], id: str, metric: str, part: str = "test") -> Claim:
    """A claim of an experiment.

    Raises:
        KeyError: naming what is missing.

    Example:
        >>> find(EXPERIMENTS, "r2-cnn", "accuracy").n
        78
    """
    for claim in entries[id].claims:
        if (claim.metric, claim.part) == (metric, part):
            return claim
    raise KeyError(f"{id} has no claim {metric!r} of part {part!r}")


def value(entries: Mapping[str, Experiment], id: str, metric: str, part: str = "test") -> float:
    """The value of a claim (see `find`).

    Example:
        >>> value(EXPERIMENTS, "r2-cnn", "accuracy")
        0.82
    """
    return find(entries, id, metric, part).value


def support(entries: Mapping[str, Experiment], id: str, metric: str, part: str = "test") -> int:
    """The images behind a claim (see `find`).

    Raises:
        KeyError: if there is no such claim, or the report does not say.

    Example:
        >>> support(EXPERIMENTS, "r2-cnn", "accuracy")
        78
    """
    n = find(entries, id, metric, part).n
    if n is None:
        raise KeyError(f"{id} does not say how many images are behind {metric!r} of part {part!r}")
    return n


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction as a percentage.

    Example:
        >>> percent(0.9292)
        '92.92%'
    """
    return f"{100 * fraction:.{digits}f}%"


def wilson(hits: int, n: int) -> str:
    """The 95% Wilson interval of `hits` among `n`.

    Example:
        >>> wilson(59, 60)
        '91.1 to 99.7%'
    """
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}%"


def harmonic(precision: float, recall: float) -> float:
    """Harmonic mean, which F1 is by definition.

    Example:
        >>> harmonic(0.5, 1.0)
        0.6666666666666666
    """
    return 2 * precision * recall / (precision + recall)


def busi_counts() -> dict[str, int]:
    """Images of each class in BUSI.

    Example:
        >>> busi_counts()
        {'benign': 437, 'malignant': 210, 'normal': 133}
    """
    counts = read_table()["class"].value_counts()
    return {name: int(counts[name]) for name in CLASSES}
