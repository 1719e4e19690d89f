"""What is recorded of classifiers that were asked of the same images, and how far they are apart.

A record may hold several seeds; a paired comparison needs one answer an image, and takes those of its first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.calibration import confidence_of
from busilib.metrics.classification import answer_metrics
from busilib.metrics.comparison import difference_table, mcnemar_table
from busilib.metrics.figure import above, below
from busilib.metrics.intervals import mean_interval
from busilib.metrics.measure import measure
from busilib.metrics.pairing import groups_of, shared
from busilib.pages.common import made
from busilib.pages.comparisons import LEVEL
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES
from busilib.runs.profiles import profile
from busilib.runs.records import Record, find_record

CLASSIFIERS = {
    "MobileNet": ("r2-mobilenet", ""),
    "CNN": ("r2-cnn", ""),
    "ImageMaskNet": ("r3-imagemasknet", "image and predicted mask"),
    "our own-clf": ("own-clf", ""),
}
"""Experiment and inputs of each classifier that may have answered for all images."""

DRAWS = profile("laptop").bootstrap_draws


@dataclass(frozen=True, eq=False)
class Answers:
    """What one seed of a record says of test images and, for choices, of validation images.

    Attributes:
        predictions: one row per test image.
        validation: one row per fold and validation image; no rows where none were recorded.
        sees: what the model was shown.
        trained: how it falls short of its report (see `busilib.pages.common.made`).
        seeds: how many the record holds.
    """

    predictions: pd.DataFrame
    validation: pd.DataFrame
    sees: str = ""
    trained: str = ""
    seeds: int = 1


def first_seed(record: Record) -> Answers:
    """The first seed of a record.

    Example:
        >>> len(first_seed(read_record("r2-cnn", "laptop")).validation)
        390
    """
    seeds, validation = record.facts["seeds"], record.validation
    return Answers(
        _of(record.predictions, seeds[0]),
        _of(validation, seeds[0]) if len(validation) else validation,
        record.facts["inputs"],
        made(record),
        len(seeds),
    )


def _of(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    return table[table["seed"] == seed].reset_index(drop=True)


def classifiers() -> dict[str, Answers]:
    """The recorded classifiers that predicted every image of BUSI out of fold, without leaks.

    Example:
        >>> list(classifiers())[:2]
        ['MobileNet', 'CNN']
    """
    every = len(read_table())
    found = {name: find_record(id, "laptop", inputs=inputs) for name, (id, inputs) in CLASSIFIERS.items()}
    return {
        name: first_seed(record)
        for name, record in found.items()
        if record is not None and record.predictions["id"].nunique() == every
    }


def asked(models: Mapping[str, Answers]) -> pd.DataFrame:
    """What stands behind each classifier.

    Example:
        >>> asked(classifiers()).loc["CNN", "images"]
        780
    """
    return pd.DataFrame(
        {
            name: {
                "sees": model.sees,
                "trained": model.trained,
                "images": len(model.predictions),
                "folds": model.predictions["fold"].nunique(),
                "seeds": f"first of {model.seeds}" if model.seeds > 1 else "1",
            }
            for name, model in models.items()
        }
    ).T


def groups(model: Answers) -> np.ndarray:
    """The near-duplicate group of each of its test images.

    Example:
        >>> len(groups(classifiers()["CNN"]))
        780
    """
    return groups_of(model.predictions, read_table())


def measured(model: Answers) -> dict[str, dict]:
    """All figures of a classifier with intervals.

    Example (not run):
        >>> measured(classifiers()["CNN"])["accuracy"]["n"]
        780
    """
    return measure("classification", model.predictions, groups(model), DRAWS)


def figures_table(models: Mapping[str, Answers], keys: Sequence[str]) -> pd.DataFrame:
    """Some figures of each classifier, one row each.

    Example (not run):
        >>> figures_table(classifiers(), ["accuracy"]).loc["CNN", "accuracy"]
    """
    rows = {name: measured(model) for name, model in models.items()}
    return pd.DataFrame(
        {name: {METRIC_NAMES[key]: cell(found[key]) for key in keys} for name, found in rows.items()}
    ).T


def spread(model: Answers, sizes: Sequence[int], draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """How far the accuracy of a classifier moves with the test images that were drawn.

    Groups of near-duplicates are drawn with replacement until there are about so many images.

    Args:
        model: recorded.
        sizes: numbers of test images.
        draws, seed: of the drawing.

    Returns:
        One row per size: `images`, `low` and `high`, between which 95% of the draws lie.

    Example:
        >>> spread(classifiers()["CNN"], [60], draws=20)["images"].item()
        60
    """
    _, right = confidence_of(model.predictions)
    held = (
        pd.DataFrame({"group": groups(model), "right": right}).groupby("group")["right"].agg(["sum", "size"])
    )
    hits, counts = held["sum"].to_numpy(), held["size"].to_numpy()
    rng, rows = np.random.default_rng(seed), []
    for size in sizes:
        drawn = rng.integers(len(held), size=(draws, max(round(size * len(held) / len(right)), 1)))
        shares = hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        rows.append((size, *np.quantile(shares, (0.025, 0.975))))
    return pd.DataFrame(rows, columns=["images", "low", "high"])


def wider_by_group(model: Answers) -> float:
    """How many times as wide the interval of the accuracy is if groups are drawn and not images.

    Example (not run):
        >>> wider_by_group(classifiers()["MobileNet"]) > 1
        True
    """
    _, right = confidence_of(model.predictions)
    drawn = (groups(model), np.arange(len(right)))
    by_group, by_image = (mean_interval(right, each, DRAWS) for each in drawn)
    return (by_group["high"] - by_group["low"]) / (by_image["high"] - by_image["low"])


def same_images(models: Mapping[str, Answers]) -> dict[str, pd.DataFrame]:
    """The predictions of all classifiers in one order.

    Example:
        >>> list(same_images(classifiers()))[0]
        'MobileNet'
    """
    return shared({name: model.predictions for name, model in models.items()})


def gaps(models: Mapping[str, Answers]) -> pd.DataFrame:
    """Differences of all pairs in the figures of their answers (see `difference_table`).

    Example (not run):
        >>> gaps(classifiers()).query("figure == 'accuracy'")
    """
    first = next(iter(models.values()))
    return difference_table(answer_metrics, same_images(models), groups(first), DRAWS)


def clear(table: pd.DataFrame, figure: str) -> tuple[int, int]:
    """In how many pairs the interval of a difference leaves out zero, and of how many.

    Args:
        table: of `gaps`.
        figure: which.

    Example (not run):
        >>> clear(gaps(classifiers()), "malignant_recall")
    """
    rows = table[table["figure"] == figure].to_dict("records")
    return sum(above(row) or below(row) for row in rows), len(rows)


def tests(models: Mapping[str, Answers]) -> pd.DataFrame:
    """McNemar's test of each pair on all images.

    Example:
        >>> tests(classifiers())["n"].unique().tolist()
        [780]
    """
    return mcnemar_table(same_images(models))


def tests_of_one_each(models: Mapping[str, Answers]) -> pd.DataFrame:
    """The same with the first image of each group of near-duplicates alone.

    Example:
        >>> tests_of_one_each(classifiers())["n"].unique().tolist()
        [615]
    """
    first = next(iter(models.values()))
    kept = ~pd.Series(groups(first)).duplicated().to_numpy()
    return mcnemar_table({name: table[kept] for name, table in same_images(models).items()})


def drawn_of_each(models: Mapping[str, Answers], draws: int = 200, seed: int = 0) -> pd.DataFrame:
    """McNemar's p of each pair with one image of each group, drawn at random again and again.

    Returns:
        Columns `one`, `other`, `low`, `median` and `high`: the range in which 95% of the draws lie.

    Example:
        >>> drawn_of_each(classifiers(), draws=5)["high"].max() <= 1
        True
    """
    right = {name: confidence_of(table)[1] for name, table in same_images(models).items()}
    members, rng = groups(next(iter(models.values()))), np.random.default_rng(seed)
    orders = [rng.permutation(len(members)) for _ in range(draws)]
    kept = [order[~pd.Series(members[order]).duplicated().to_numpy()] for order in orders]
    rows = []
    for one, other in combinations(right, 2):
        found = [_sign_test(right[one][rows_], right[other][rows_]) for rows_ in kept]
        rows.append((one, other, *np.quantile(found, (0.025, 0.5, 0.975))))
    return pd.DataFrame(rows, columns=["one", "other", "low", "median", "high"])


def _sign_test(one: np.ndarray, other: np.ndarray) -> float:
    """McNemar's exact p of two arrays of right answers."""
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    return binomtest(only_one, only_one + only_other).pvalue if only_one + only_other else 1.0


def most_moved(models: Mapping[str, Answers]) -> pd.Series:
    """The pair whose p changes most where copies are left out; first those whose verdict changes by Holm.

    Returns:
        `one`, `other`, `p` and `holm` (all images), `holm_alone` (the first image of each group) and `low`,
        `median`, `high` (see `drawn_of_each`).

    Example (not run):
        >>> most_moved(classifiers())[["one", "other"]].tolist()
    """
    pair = ["one", "other"]
    alone = tests_of_one_each(models).set_index(pair)["holm"].rename("holm_alone")
    table = tests(models).merge(drawn_of_each(models), on=pair).join(alone, on=pair)
    changed = (table["holm"] < LEVEL) != (table["holm_alone"] < LEVEL)
    moved = (table["p"] - table["median"]).abs()
    return table.loc[moved.where(changed | ~changed.any()).idxmax()]
