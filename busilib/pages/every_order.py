"""What each mistake of the ladder is worth, whatever the order: tables and sentences of notebook 9."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from busilib.metrics.factorial import COMPANY, EVERY, MISTAKES, NONE, PARTS
from busilib.metrics.figure import above, below
from busilib.pages.common import signed
from busilib.pages.shipped import the_study
from busilib.pages.tables import cell

RECORD = "ladder-factorial+efficientnetlite0"
Metrics = Mapping[str, dict]


def recorded() -> Metrics:
    """Figures of the recorded study, as `busilib.metrics.measure.measure` gives them.

    Example (not run):
        >>> recorded()["inflation"]["seeds"] > 1
        True
    """
    return the_study(RECORD).metrics("every combination")


def worths(metrics: Metrics) -> pd.DataFrame:
    """What each mistake adds to the accuracy, the most costly first.

    Args:
        metrics: as `recorded` gives them.

    Example (not run):
        >>> worths(recorded()).columns.tolist()
        ['mean over all orders', 'alone', 'on top of all others']
    """
    rows = {
        MISTAKES[key]: {words: signed(metrics[f"{part}:{key}"], 3) for part, words in PARTS.items()}
        for key in by_worth(metrics)
    }
    whole = {PARTS["shapley"]: signed(metrics["inflation"], 3), PARTS["alone"]: "–", PARTS["last"]: "–"}
    return pd.DataFrame({**rows, "all together": whole}).T


def by_worth(metrics: Metrics) -> list[str]:
    """Keys of the mistakes, the most costly first.

    Example (not run):
        >>> by_worth(recorded())[0]
        'true_mask'
    """
    return sorted(MISTAKES, key=lambda key: -metrics[f"shapley:{key}"]["value"])


def told(metrics: Metrics) -> str:
    """The whole in words: both ends, and each mistake's share of what lies between.

    Example (not run):
        >>> told(recorded()).startswith("**")
        True
    """
    honest, every, whole = (metrics[f"accuracy:{NONE}"], metrics[f"accuracy:{EVERY}"], metrics["inflation"])
    shares = [f"*{MISTAKES[key]}* {signed(metrics[f'shapley:{key}'], 3)}" for key in by_worth(metrics)]
    return (
        f"**Accuracy is {cell(honest)} with no mistake and {cell(every)} with all four.** Of the "
        f"{signed(whole, 3)} between them, averaged over every order, {', '.join(shares)}."
    )


def depends(metrics: Metrics) -> str:
    """Which mistakes are worth something else alone than on top of the others.

    A mistake is named where the interval of the difference of the two leaves out zero.

    Example (not run):
        >>> depends(recorded())
    """
    named = [
        f"*{MISTAKES[key]}* is worth {signed(metrics[f'alone:{key}'], 3)} where no other mistake is made and "
        f"{signed(metrics[f'last:{key}'], 3)} where all others are, a difference of {signed(change, 3)}"
        for key in by_worth(metrics)
        if above(change := metrics[f"{COMPANY}:{key}"]) or below(change)
    ]
    if not named:
        return "No mistake clearly changes its worth with the company it keeps."
    return f"The company counts: {'; '.join(named)}."


def spread(metrics: Metrics) -> str:
    """On how many draws of folds and copies the study rests, and how far they differ.

    Example (not run):
        >>> spread(recorded())
    """
    whole = metrics["inflation"]
    return (
        f"Mean of {whole['seeds']} draws of folds and copies; the whole has a standard deviation of "
        f"{whole['sd']:.3f} between them. Intervals are those of the {whole['n']} images."
    )
