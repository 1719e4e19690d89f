"""R1's combined evaluation from records: one network outlines, one names, and both must be right."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.splits import hold_out
from busilib.metrics.combined import gate_counts
from busilib.metrics.measure import intervals
from busilib.metrics.pairing import groups_of
from busilib.metrics.segmentation import COUNTS, dice_per_image
from busilib.metrics.weighted import each_once, mean, settled
from busilib.pages.figures.outcomes import OUTCOMES
from busilib.pages.segmenters import first_seed
from busilib.runs.profiles import profile
from busilib.runs.records import Record, find_record

PAIRS = {"R1": ("r1-unet", "r1-densenet121"), "ours": ("own-seg", "own-clf")}
"""Who outlines and who names."""

ENOUGH = 0.5
"""Dice from which on an outline counts as in the right place."""

CAREFUL = 0.6
"""Probability of normal above which the careful veto throws an outline away."""


def records(pair: str = "R1") -> tuple[Record, Record] | None:
    """The grouped records of a pair of networks, or None where one is missing.

    Example (not run):
        >>> [record.name for record in records("R1")]
        ['r1-unet', 'r1-densenet121+random-weights']
    """
    outlined, named = (find_record(id, "laptop") for id in PAIRS[pair])
    return None if outlined is None or named is None else (outlined, named)


def images(pair: str = "R1") -> pd.DataFrame:
    """What both networks say of every image that both have predicted, of their first seeds.

    Returns:
        One row per image, in the order of the outlining record: `id`, `fold`, `true`, `called` (class names),
        `normal` (its probability), `tp`, `fp`, `fn`, `tn` without the gate, `dice` (after R1's gate),
        `right name` and `right place` (bool).

    Example (not run):
        >>> images("R1")["right name"].mean()
    """
    outlined, named = (first_seed(record) for record in records(pair) or ())
    named = named.set_index("id")
    outlined = outlined[outlined["id"].isin(named.index)].reset_index(drop=True)
    named = named.loc[outlined["id"]].reset_index()
    table = outlined[["id", "fold", "true", *COUNTS]].copy()
    table["called"], table["normal"] = named[list(CLASSES)].idxmax(axis=1), named["normal"]
    table["dice"] = dice_per_image(gate_counts(table, (table["called"] == "normal").to_numpy()))
    table["right name"] = table["called"] == table["true"]
    table["right place"] = table["dice"] >= ENOUGH
    return table


def sixty(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """As many images of each class as R1 set aside, drawn from the first test fold.

    Seed 0 draws the images of `busilib.runs.measured.combined_records`.

    Args:
        table: of `images`.
        seed: of the draw.

    Example (not run):
        >>> len(sixty(images("R1")))
        60
    """
    fold = table[table["fold"] == 0]
    labels = pd.Categorical(fold["true"], categories=CLASSES).codes
    return fold.iloc[hold_out(labels, profile("laptop").hold_out, seed)[0]].reset_index(drop=True)


def _joint(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    w = each_once(len(table)) if weights is None else weights
    name, place = table["right name"].to_numpy(), table["right place"].to_numpy()
    figures = {
        "right name": mean(name.astype(float), w),
        "right place": mean(place.astype(float), w),
        "both": mean((name & place).astype(float), w),
    }
    return settled(figures, weights)


def joint(table: pd.DataFrame) -> dict[str, dict]:
    """Share of images with the right name, with the right place and with both, with 95% intervals.

    Args:
        table: of `images`.

    Example (not run):
        >>> joint(images("R1"))["both"]["value"]
    """
    return intervals(_joint, table, groups_of(table, read_table()), profile("laptop").bootstrap_draws)


def outcome_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many images of each class have both answers right, one of them, or neither.

    Example (not run):
        >>> outcome_counts(images("R1")).loc["all", "both right"]
    """
    name, place = table["right name"], table["right place"]
    kind = np.select([name & place, name, place], list(OUTCOMES)[:3], default="neither")
    counts = pd.crosstab(table["true"], kind)
    counts = counts.reindex(index=list(CLASSES), columns=list(OUTCOMES), fill_value=0)
    counts.loc["all"] = counts.sum()
    return counts


def gates(table: pd.DataFrame) -> pd.DataFrame:
    """What no veto, R1's and a careful one leave: false lesions on normals, and good outlines of lesions.

    Example (not run):
        >>> gates(images("R1")).loc["R1's veto", "good outlines"]
    """
    called = table["called"] == "normal"
    thrown = {"no veto": called & False, "R1's veto": called, "careful veto": table["normal"] > CAREFUL}
    painted, normal = table["tp"] + table["fp"] > 0, table["true"] == "normal"
    good = ~normal & (dice_per_image(table) >= ENOUGH)
    rows = {
        name: {
            "false lesions on normals": (painted & normal & ~gone).sum(),
            "good outlines": (good & ~gone).sum(),
        }
        for name, gone in thrown.items()
    }
    return pd.DataFrame(rows).T


@lru_cache
def accuracies(draws: int = 200) -> tuple[float, ...]:
    """Accuracy of R1's classifier on sixty images, drawn again and again from the same predictions.

    Example (not run):
        >>> min(accuracies()), max(accuracies())
    """
    table = images("R1")
    return tuple(float(sixty(table, seed)["right name"].mean()) for seed in range(draws))


def both_of_pairs() -> pd.DataFrame:
    """`joint` of all recorded pairs on the images that all of them have predicted.

    Example (not run):
        >>> both_of_pairs().columns.tolist()
        ['right name', 'right place', 'both']
    """
    tables: Mapping[str, pd.DataFrame] = {pair: images(pair) for pair in PAIRS if records(pair)}
    ids = set.intersection(*(set(table["id"]) for table in tables.values()))
    rows = {
        pair: joint(table[table["id"].isin(ids)].reset_index(drop=True)) for pair, table in tables.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
