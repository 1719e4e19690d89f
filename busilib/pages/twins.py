"""How many test images have a near-duplicate in training, under each report's split of the real BUSI.

Counted on the shipped table of near-duplicate groups; nothing is trained and no picture is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.splits import (
    FOLDS,
    REPEATS,
    ReportSplit,
    Split,
    leaked,
    random_split,
    split_with_copies,
)
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile
from busilib.runs.protocols import R1_COPIES

SEEDS = 20
"""Draws of a split: no report says which one it drew."""

REPORTS = {
    "R1, U-Net": "r1-unet",
    "R1, classifier": "r1-densenet121",
    "R2": "r2-cnn",
    "R3": "r3-imagemasknet",
    "R4": "r4-unet",
}
"""An experiment for each way in which a report divides BUSI."""

COPIED = "R1, classifier, copies first"
"""As the counts of its confusion matrix suggest: copies are made, then the pool is divided."""

GROUPED = "this book: grouped folds"
AS_REPORTED = "as the report did"


def _labels() -> np.ndarray:
    return read_table()["class"].map(CLASSES.index).to_numpy()


def report_split(name: str, seed: int = 0) -> Split:
    """BUSI divided as a report did.

    Args:
        name: key of `REPORTS`.
        seed: of the draw.

    Example:
        >>> report_split("R2").test.size
        78
    """
    return random_split(
        _labels(), experiment(REPORTS[name]).report_split, profile("full").hold_out, seed=seed
    )


def folds(repeat: int = 0) -> Iterator[Split]:
    """The five grouped folds of the shipped table, without a validation part.

    Example:
        >>> [split.test.size for split in folds()]
        [156, 156, 156, 157, 155]
    """
    fold, nobody = read_table()[f"fold_{repeat}"].to_numpy(), np.array([], np.int64)
    for number in range(FOLDS):
        yield Split(np.flatnonzero(fold != number), nobody, np.flatnonzero(fold == number), nobody)


@lru_cache
def twins() -> pd.DataFrame:
    """Test images with a near-duplicate in training: one row per split and draw.

    Returns:
        Columns `split`, `source` ("as the report did" or "grouped"), `test` and `twins` (images), `share`
        (percent).

    Example:
        >>> twins().query("split == 'R2'")["twins"].agg(["min", "max"]).tolist()
        [17, 37]
    """
    groups = read_table()["group"].to_numpy()
    rows = [
        (name, AS_REPORTED, leaked(groups, report_split(name, seed)))
        for name in REPORTS
        for seed in range(SEEDS)
    ]
    plan, held = experiment(REPORTS["R1, classifier"]).report_split, profile("full").hold_out
    many = np.tile(groups, R1_COPIES + 1)
    rows += [
        (COPIED, AS_REPORTED, leaked(many, split_with_copies(_labels(), plan, held, R1_COPIES, seed=seed)))
        for seed in range(SEEDS)
    ]
    rows += [
        (GROUPED, "grouped", leaked(groups, split)) for repeat in range(REPEATS) for split in folds(repeat)
    ]
    table = pd.DataFrame(
        [(name, source, len(found), int(found.sum())) for name, source, found in rows],
        columns=["split", "source", "test", "twins"],
    )
    return table.assign(share=100 * table["twins"] / table["test"])


def twins_table() -> pd.DataFrame:
    """`twins`, one row per split: test images, and how many of them have a twin.

    Example:
        >>> twins_table().loc["R2", "mean"]
        26.4
    """
    found = twins().groupby("split", sort=False)
    return pd.DataFrame(
        {
            "draws": found.size(),
            "tested": found["test"].agg(_range),
            "with a twin": found["twins"].agg(_range),
            "mean": found["twins"].mean().round(1),
            "in %": found["share"].mean().round(0).astype(int),
        }
    )


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return str(low) if low == high else f"{low}–{high}"


def parts_table() -> pd.DataFrame:
    """How many images each report trains on, chooses on, tests on and sets aside.

    Example:
        >>> parts_table().loc["R2", "choose"]
        'test'
    """
    rows = {name: report_split(name) for name in REPORTS}
    return pd.DataFrame(
        {
            name: {
                "train": len(split.train),
                "choose": len(split.validation) if split.selected_on == "validation" else "test",
                "test": len(split.test),
                "aside": len(split.hold_out),
            }
            for name, split in rows.items()
        }
    ).T


def folds_table(repeat: int = 0) -> pd.DataFrame:
    """What the five grouped folds of the shipped table hold.

    Example:
        >>> int(folds_table().loc["images"].sum())
        780
    """
    table = read_table()
    found = table.groupby(f"fold_{repeat}")
    counts = pd.crosstab(table[f"fold_{repeat}"], table["class"])[list(CLASSES)]
    counts.insert(0, "images", found.size())
    return counts.assign(pictures=found["group"].nunique()).T


def share_by_test_size(shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)) -> pd.DataFrame:
    """Share of test images with a twin in training, by the share of BUSI that a random split tests on.

    Example:
        >>> share_by_test_size((0.1,)).loc["10%", "mean (%)"] > 30
        True
    """
    groups, labels = read_table()["group"].to_numpy(), _labels()

    def mean(test: float) -> float:
        draws = (random_split(labels, ReportSplit(test=test), 0, seed=seed) for seed in range(SEEDS))
        return 100 * float(np.mean([leaked(groups, split).mean() for split in draws]))

    rows = {f"{100 * test:.0f}%": mean(test) for test in shares}
    return pd.DataFrame({"mean (%)": rows}).round(1)
