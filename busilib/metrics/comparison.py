"""Whether two models differ on the same images: McNemar's test, and the interval of the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from busilib.metrics.calibration import confidence_of
from busilib.metrics.figure import Figure
from busilib.metrics.intervals import group_weights, two_sided_p, with_interval
from busilib.metrics.measure import FIGURES, Figures
from busilib.metrics.metric import METRICS
from busilib.metrics.pairing import matched


@dataclass(frozen=True)
class McNemar:
    """Who was right where, and how surprising that is if both models were equally good.

    Attributes:
        both, only_one, only_other, neither: images that both models, one or the other, or none got right.
        p: two-sided, exact.
    """

    both: int
    only_one: int
    only_other: int
    neither: int
    p: float


def mcnemar(one: pd.DataFrame, other: pd.DataFrame) -> McNemar:
    """McNemar's exact test of two classifiers on the same images.

    Only images that one model got right and the other wrong count; without a difference each of them is a
    fair coin. The test takes images for independent, which near-duplicates are not: its p can then be too
    small, or too large.
    Source: McNemar 1947; the exact form is the sign test.

    Args:
        one: columns `id`, `true` (class name) and the three class probabilities.
        other: the same images, in any order.

    Raises:
        busilib.metrics.pairing.PairingError: if the tables do not hold the same images.

    Example:
        >>> mcnemar(mobilenet.predictions, cnn.predictions).p
        0.316…
    """
    from statsmodels.stats.contingency_tables import mcnemar as exact_test

    _, right = confidence_of(one)
    _, right_other = confidence_of(matched(one, other))
    both, only_one = int((right & right_other).sum()), int((right & ~right_other).sum())
    only_other, neither = int((~right & right_other).sum()), int((~right & ~right_other).sum())
    p = exact_test([[both, only_one], [only_other, neither]], exact=True).pvalue
    return McNemar(both, only_one, only_other, neither, float(p))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values of several tests, raised so that the chance of any false alarm stays below the level.

    Source: Holm 1979.

    Args:
        p: float (m,).

    Returns:
        float (m,), at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    return multipletests(np.asarray(p, float), method="holm")[1]


def mcnemar_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """McNemar's test of each pair of models, with Holm's correction for the number of pairs.

    Args:
        tables: two or more models by name, with predictions on the same images.

    Returns:
        One row per pair: `one`, `other`, `only_one` and `only_other` (images that only this model got
        right), `p`, `holm` (corrected) and `n`.

    Raises:
        busilib.metrics.pairing.PairingError: if the tables do not hold the same images.

    Example:
        >>> mcnemar_table(shared({"CNN": cnn.predictions, "MobileNet": mobilenet.predictions}))
    """
    rows = []
    for (one, first), (other, second) in combinations(tables.items(), 2):
        test = mcnemar(first, second)
        rows.append((one, other, test.only_one, test.only_other, test.p, len(first)))
    table = pd.DataFrame(rows, columns=["one", "other", "only_one", "only_other", "p", "n"])
    table.insert(5, "holm", holm(table["p"]))
    return table


def paired_difference(
    figures: Figures,
    one: pd.DataFrame,
    other: pd.DataFrame,
    groups: np.ndarray,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, dict]:
    """How far two models are apart in any figure, with the 95% interval of the difference.

    Each bootstrap sample draws near-duplicate groups and measures both models on the same images, so that
    what makes images hard for both cancels.

    Args:
        figures: such as `classification_metrics`.
        one: column `id` and what `figures` needs.
        other: the same images, in any order.
        groups: int (n,), the group of each row of `one`.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        For each figure of one minus other `value`, `low`, `high` (NaN where there is no interval) and `n`.

    Raises:
        busilib.metrics.pairing.PairingError: if the tables do not hold the same images.

    Example (not run):
        >>> paired_difference(segmentation_metrics, wide, narrow, groups)["lesion_dice"]["low"] > 0
        True
    """
    found = difference_table(figures, {"one": one, "other": other}, groups, draws, seed)
    return found.set_index("figure")[["value", "low", "high", "n"]].to_dict("index")


def difference_table(
    figures: Figures,
    tables: Mapping[str, pd.DataFrame],
    groups: np.ndarray,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """`paired_difference` of each pair of models, all from the same draws.

    Args:
        figures: such as `classification_metrics`.
        tables: two or more models by name, with predictions on the same images.
        groups: int (n,), the group of each row of the first.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        One row per pair and figure: `row` ("one − other"), `figure`, `value`, `low`, `high` (both NaN where
        there are too few images for an interval), `n`.

    Example:
        >>> tables = {"CNN": cnn.predictions, "MobileNet": mobilenet.predictions}
        >>> difference_table(classification_metrics, tables, groups, draws=50)
    """
    first = next(iter(tables.values()))
    same = {name: matched(first, table) for name, table in tables.items()}
    weights, groups = group_weights(groups, draws, seed), np.asarray(groups)
    values = {name: figures(table) for name, table in same.items()}
    drawn = {name: figures(table, weights) for name, table in same.items()}
    rows = []
    for one, other in combinations(same, 2):
        for key, value in values[one].items():
            gap, gaps = value - values[other][key], drawn[one][key] - drawn[other][key]
            found = with_interval(gap, gaps, groups)
            rows.append((f"{one} − {other}", key, gap, found.low, found.high, found.n))
    table = pd.DataFrame(rows, columns=["row", "figure", "value", "low", "high", "n"])
    return table.astype({"low": float, "high": float})


@dataclass(frozen=True)
class Difference:
    """One figure of a model minus that of another, on the same images.

    Attributes:
        figure: the difference with its paired 95% interval.
        p: two-sided, of no difference (see `busilib.metrics.intervals.two_sided_p`).
    """

    figure: Figure
    p: float


def seeds_difference(
    task: str, key: str, one: pd.DataFrame, other: pd.DataFrame, groups: pd.Series, draws: int
) -> Difference:
    """How far two models are apart in one figure on some images, each the mean of its own seeds.

    Each draw takes the same near-duplicate groups for both, and for all seeds.

    Args:
        task: key of `busilib.metrics.measure.FIGURES`.
        key: of the figure.
        one, other: rows as in `predictions.csv` with `id` and `seed`; every seed has every image of `groups`.
        groups: the near-duplicate group by id, of the images that count.
        draws: bootstrap samples.

    Raises:
        KeyError: if a seed lacks an image.

    Example (not run):
        >>> seeds_difference("classification", "accuracy", cut, whole, groups, draws=1000).p < 0.05
        True
    """
    weights = group_weights(groups.to_numpy(), draws)
    figures, rows_of = FIGURES[task]

    def measured(table: pd.DataFrame) -> tuple[float, np.ndarray, pd.DataFrame]:
        tables = [rows.set_index("id").loc[groups.index].reset_index() for _, rows in table.groupby("seed")]
        values = [figures(rows)[key] for rows in tables]
        drawn = [figures(rows, weights)[key] for rows in tables]
        return float(np.mean(values)), np.mean(drawn, axis=0), tables[0]

    (value, drawn, first), (other_value, other_drawn, _) = measured(one), measured(other)
    behind = groups.to_numpy()[rows_of(first)[METRICS[key].support]]
    gaps = drawn - other_drawn
    return Difference(with_interval(value - other_value, gaps, behind), two_sided_p(gaps))
