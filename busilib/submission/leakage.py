"""Near-duplicates on both sides of a split: which test images a model may have seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from busilib.data.csv_table import read_csv_table, visible
from busilib.submission.read import NEVER, SubmissionError, fold_faults, folds, id_faults, refuse, some

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""What a part may be called in a split file, and what it is called here."""


@dataclass(frozen=True)
class Leakage:
    """What a split lets through.

    Attributes:
        test: ids of the test images, in BUSI's order; under cross-validation, of all images but those of
            fold -1.
        leaked: by test image, its near-duplicates among the images trained on. An image that is itself
            among them stands in its own list.
        in_validation: ids of test images with a near-duplicate in the validation part, which chose the
            epoch or the threshold.
        in_two_parts: ids that stand in more than one part.
    """

    test: tuple[str, ...]
    leaked: Mapping[str, tuple[str, ...]]
    in_validation: tuple[str, ...] = ()
    in_two_parts: tuple[str, ...] = ()


def read_split(path: Path, busi: pd.DataFrame) -> pd.DataFrame:
    """Read and check a split file.

    Args:
        path: a CSV with the columns `id` and `part` ("train", "validation" or "test"), or `id` and `fold`
            (cross-validation: the fold in which an image is tested, -1 for one that never is).
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.

    Returns:
        Columns `id` and `part`, or `id` and `fold`.

    Raises:
        DataError: if the file is no CSV or lacks a column, see `read_csv_table`.
        SubmissionError: for unknown ids, an id twice in one part, a part of another name, no training or
            no test images, or fewer than two folds.

    Example:
        >>> read_split(Path("split.csv"), read_table())["part"].value_counts()
    """
    rows = read_csv_table(path, ["id"]).reset_index(drop=True)
    kinds = [name for name in ("part", "fold") if name in rows]
    if len(kinds) != 1:
        found = "both part and fold" if kinds else f"neither part nor fold ({', '.join(map(visible, rows))})"
        raise SubmissionError(
            f"{path}: {found}. Expected the columns id,part (train, validation or test) for a single "
            "split, or id,fold for cross-validation."
        )
    split = rows[["id", *kinds]]
    if kinds == ["fold"]:
        faults = id_faults(split["id"], busi)
        faults += fold_faults(split)
        split = split.assign(fold=folds(split["fold"]))
        if split["fold"].nunique() < 2:
            faults.append("a single fold. Cross-validation needs two or more; add the other folds.")
        refuse(path, faults)
        return split
    names = split["part"].str.lower()
    named = split.assign(part=names.map(PARTS).fillna(names))
    refuse(path, _part_faults(named, busi))
    return named


def _part_faults(split: pd.DataFrame, busi: pd.DataFrame) -> list[str]:
    faults = [fault for _, part in split.groupby("part") for fault in id_faults(part["id"], busi)]
    if odd := sorted(set(split["part"]) - set(PARTS.values())):
        faults.append(f"unknown part: {some(odd)}. Expected train, validation or test.")
    faults += [
        f"no {part} images. Expected both train and test; a leak is one between them."
        for part in ("train", "test")
        if not (split["part"] == part).any()
    ]
    return list(dict.fromkeys(faults))


def check_split(split: pd.DataFrame, busi: pd.DataFrame) -> Leakage:
    """Find the test images of which a near-duplicate, or they themselves, were trained on.

    Under cross-validation an image is taken to be tested in its own fold by a model trained on all others.
    Those of fold -1 are trained on in every fold and tested in none.

    Args:
        split: as `read_split` returns it.
        busi: as `busilib.data.busi.fingerprint.read_table` returns it; its groups decide.

    Example:
        >>> len(check_split(read_split(Path("split.csv"), busi), busi).leaked)
    """
    order = pd.Series(range(len(busi)), index=busi["id"])
    split = split.assign(group=split["id"].map(busi.set_index("id")["group"]), place=split["id"].map(order))
    split = split.sort_values("place", kind="stable")
    if "fold" in split:
        members = dict(list(split.groupby("group")))
        tested = split[split["fold"] != NEVER]
        twins = {
            row.id: tuple(own["id"][own["fold"] != row.fold])
            for row in tested.itertuples()
            for own in [members[row.group]]
        }
        leaked = {id: others for id, others in twins.items() if others}
        return Leakage(tuple(tested["id"]), leaked)

    test = split[split["part"] == "test"]

    def alike(part: str) -> dict[str, tuple[str, ...]]:
        ids = split[split["part"] == part].groupby("group")["id"].agg(tuple)
        return {row.id: ids[row.group] for row in test.itertuples() if row.group in ids}

    parts = split.groupby("id", sort=False)["part"].nunique()
    return Leakage(
        test=tuple(test["id"]),
        leaked=alike("train"),
        in_validation=tuple(alike("validation")),
        in_two_parts=tuple(parts.index[parts > 1]),
    )
