"""Predictions on BUSI that somebody brings, checked before anything is measured.

They come as a CSV with class probabilities or as a folder of masks. What is wrong with them ends in one
`SubmissionError` that lists every fault with the images it concerns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.csv_table import decimals, numbers, read_csv_table, visible
from busilib.data.dataset import CLASSES
from busilib.errors import UserError

SUM_TOLERANCE = 1e-3
"""How far the three probabilities of an image may be from adding up to 1, however they were rounded."""

ROUNDING = 1e-6
"""How far a probability may lie outside 0 to 1, as single precision rounds."""

ADDS_UP = 1e-5
"""Sums no farther from 1, such as those of six decimals, are left as they are; others are made 1."""

FEWEST_DECIMALS = 2
"""Probabilities rounded more coarsely than that must add up as well as these."""

NEVER = -1
"""The fold of an image that is trained on and never tested, as in scikit-learn's PredefinedSplit."""

FOLD = re.compile(r"(?:fold[ _-]?)?(-?\d{1,9})(?:[.,]0+)?", re.ASCII | re.IGNORECASE)
"""How a fold may be written: 3, 3.0, "fold 3", "Fold_3"."""

IDS = 'BUSI\'s file stems, such as "benign (1)"'


class SubmissionError(UserError, ValueError):
    """Predictions or a split file that cannot be measured; the message lists every fault."""


@dataclass(frozen=True)
class Submission:
    """Checked predictions.

    Attributes:
        task: "classification" or "segmentation".
        table: one row per image in BUSI's order: `id`, `fold` where it was given, `true`, `group`,
            `label_conflict`, then the three class probabilities, or `tp`, `fp`, `fn`, `tn`, `hd95`, `nsd`,
            `dice` and `iou` at the image's original size.
        soft: ids of masks with gray levels, as JPEG or smooth edges leave them, cut at half of white.
        swapped: ids of masks that mark all four corners and more than half of their picture.
        rounded: ids of images whose probabilities did not quite add up to 1 and were divided by their sum.
    """

    task: str
    table: pd.DataFrame
    soft: tuple[str, ...] = ()
    swapped: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()


def some(ids: Iterable[str], most: int = 5) -> str:
    """The first few of a list of ids, unseen characters by name, and how many more there are.

    Example:
        >>> some(["normal (1)", "normal (2)"], most=1)
        'normal (1) and 1 more'
    """
    ids = [visible(str(id)) or "(nothing)" for id in ids]
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def refuse(path: Path, faults: Sequence[str]) -> None:
    """Raise one error that lists the faults of a file or folder, the first twenty in full; none, no error.

    Raises:
        SubmissionError: if there is any fault.
    """
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise SubmissionError(f"{path}: {count}, nothing measured:\n  " + "\n  ".join(faults[:20]) + more)


def id_faults(ids: pd.Series, busi: pd.DataFrame) -> list[str]:
    """What is wrong with a list of ids: those that BUSI does not have, and those that come twice.

    Args:
        ids: str (n,).
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.

    Example:
        >>> id_faults(pd.Series(["benign (1)", "benign (1)"]), read_table())
        ['1 id more than once: benign (1). Expected one row per image; keep one of them.']
    """
    faults = []
    if unknown := [id for id in ids.unique() if id not in set(busi["id"])]:
        faults.append(
            f"{count(len(unknown), 'unknown id')}: {some(unknown)}. Expected {IDS}; "
            "leave folder and ending out, and rows that are not BUSI's."
        )
    if doubled := ids[ids.duplicated()].unique().tolist():
        faults.append(
            f"{count(len(doubled), 'id')} more than once: {some(doubled)}. "
            "Expected one row per image; keep one of them."
        )
    return faults


def tables_of(path: Path) -> list[Path]:
    """The CSVs of a submission: the file itself, or the folds of the first seed of a record's folder.

    Example:
        >>> [table.parent.name for table in tables_of(Path("results/laptop/r2-mobilenet"))][:2]
        ['seed0-fold0', 'seed0-fold1']
    """
    if not path.is_dir():
        return [path]
    parts = sorted(path.glob("seed*-fold*/predictions.csv"))
    first = parts[0].parent.name.split("-")[0] if parts else ""
    return [table for table in parts if table.parent.name.startswith(f"{first}-")]


def read_predictions(path: Path, busi: pd.DataFrame, expected: Sequence[str], partial: bool) -> Submission:
    """Read and check a CSV of class probabilities.

    Args:
        path: a file, or the folder of a record (see `tables_of`): columns `id`, `benign`, `malignant`,
            `normal`, which add up to 1 as far as the decimals with
            which they are written allow (see `tolerances`), and as you like `fold` and `true`; other columns
            are passed over.
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.
        expected: ids that must be there.
        partial: whether some of them may be missing.

    Returns:
        All images of the file, also those that were not expected.

    Raises:
        DataError: if the file is no CSV or lacks a column, see `read_csv_table`.
        SubmissionError: listing every other fault.

    Example:
        >>> busi = read_table()
        >>> read_predictions(Path("mine.csv"), busi, busi["id"], partial=False).table["fold"].unique()
    """
    rows = pd.concat(
        [read_csv_table(table, ["id", *CLASSES]) for table in tables_of(path)], ignore_index=True
    )
    faults = id_faults(rows["id"], busi) + missing_faults(set(rows["id"]), expected, partial)
    values = rows[list(CLASSES)].apply(numbers)
    faults += _value_faults(rows["id"], rows[list(CLASSES)], values)
    if "true" in rows:
        faults += _class_faults(rows, busi)
    if "fold" in rows:
        faults += fold_faults(rows)
    refuse(path, faults)
    sums = values.sum(axis=1)
    off = (sums - 1).abs() > ADDS_UP
    figures = values.div(sums.where(off, 1), axis=0)
    figures = figures.assign(id=rows["id"], **({"fold": folds(rows["fold"])} if "fold" in rows else {}))
    return Submission("classification", with_truth(figures, busi), rounded=tuple(rows["id"][off]))


def folds(column: pd.Series) -> pd.Series:
    """Names of folds, as whole numbers where all of them are written as such in one way or another.

    Example:
        >>> folds(pd.Series(["0", "1.0", "fold 2"])).tolist()
        [0, 1, 2]
    """
    found = column.str.replace("\N{MINUS SIGN}", "-").str.extract(f"^{FOLD.pattern}$", FOLD.flags)[0]
    return found.astype(int) if found.notna().all() else column


def fold_faults(rows: pd.DataFrame) -> list[str]:
    """What is wrong with the column `fold` of a table of text with `id`.

    Example:
        >>> fold_faults(pd.DataFrame({"id": ["benign (1)"], "fold": ["-2"]}))[0][:31]
        '1 image with a fold below -1: b'
    """
    faults = []
    if empty := rows["id"][rows["fold"] == ""].tolist():
        faults.append(f"{count(len(empty), 'image')} without a fold: {some(empty)}. Fill the column in.")
    named = folds(rows["fold"])
    if named.dtype.kind != "i":
        named = pd.to_numeric(rows["fold"], errors="coerce").where(lambda fold: fold < 0)
        if named.notna().any():
            faults.append(
                f"folds named by words and by {named.min():g}. Expected whole numbers if one of them is "
                f"{NEVER}, which means that an image is never tested."
            )
        return faults
    if below := rows["id"][named < NEVER].tolist():
        faults.append(
            f"{count(len(below), 'image')} with a fold below {NEVER}: {some(below)}. Expected 0, 1, 2 …, or "
            f"{NEVER} for an image that is always trained on and never tested."
        )
    if (named == NEVER).all():
        faults.append(f"every image in fold {NEVER}, which means never tested. Expected folds 0, 1, 2 …")
    return faults


def tolerances(text: pd.DataFrame) -> pd.Series:
    """How far the probabilities of each image may be from adding up to 1.

    Rounding moves each by half a unit in its last place at most, and those of one image are rounded alike:
    n of them written with at most d decimals may miss 1 by n/2 · 10^−d. At least `SUM_TOLERANCE` is allowed,
    and fewer than `FEWEST_DECIMALS` decimals count as so many.

    Args:
        text: the probabilities as they are written, one column a class.

    Example:
        >>> tolerances(pd.DataFrame({"benign": ["0.723"], "malignant": ["0.082"], "normal": ["0.194"]}))[0]
        0.0015
    """
    places = text.map(decimals).max(axis=1).clip(FEWEST_DECIMALS, 9)
    return np.maximum(SUM_TOLERANCE, 0.5 * text.shape[1] * 10.0**-places)


def _value_faults(ids: pd.Series, text: pd.DataFrame, values: pd.DataFrame) -> list[str]:
    """What is wrong with probabilities; an image is named with the first of its faults."""
    scale = "Percentages must be divided by 100, and logits go through a softmax first."
    unfit = [
        ("a probability that is not a number (NaN, empty or text)", values.isna(), "Fill it in, as 0.25."),
        ("an infinite probability", np.isinf(values), scale),
        ("a probability below 0 or above 1", (values < -ROUNDING) | (values > 1 + ROUNDING), scale),
        (
            "probabilities that do not add up to 1, even if they were rounded to the decimals given",
            ((values.sum(axis=1, skipna=False) - 1).abs() > tolerances(text) + ROUNDING).to_frame(),
            scale,
        ),
    ]
    faults, named = [], pd.Series(False, ids.index)
    for what, cells, mend in unfit:
        wrong = cells.any(axis=1) & ~named
        named |= wrong
        if wrong.any():
            shown = ", ".join(visible(value) or "nothing" for value in text.loc[wrong.idxmax()])
            faults.append(
                f"{count(int(wrong.sum()), 'image')} with {what}: {some(ids[wrong])}; the first has {shown}. "
                f"Expected three numbers from 0 to 1 that add up to 1. {mend}"
            )
    return faults


def _class_faults(rows: pd.DataFrame, busi: pd.DataFrame) -> list[str]:
    own = rows["id"].map(busi.set_index("id")["class"])
    wrong = own.notna() & (rows["true"] != own)
    if not wrong.any():
        return []
    first = wrong.idxmax()
    return [
        f"{count(int(wrong.sum()), 'image')} whose `true` is not BUSI's class: {some(rows['id'][wrong])}; "
        f"the first says {rows['true'][first]!r}, BUSI says {own[first]!r}. "
        "BUSI's labels are what is measured against; mend the column or leave it out."
    ]


def missing_faults(found: set[str], expected: Sequence[str], partial: bool) -> list[str]:
    """What is wrong with a set of ids of which `expected` must be there, or with `partial` any of them.

    Example:
        >>> missing_faults({"benign (1)"}, ["benign (1)"], partial=False)
        []
    """
    missing = [id for id in expected if id not in found]
    if len(missing) == len(expected):
        return [f"none of the {len(expected)} images that are expected. Expected {IDS}."]
    if not missing or partial:
        return []
    return [
        f"{count(len(missing), 'id')} missing of {len(expected)}: {some(missing)}. Every one is expected; "
        "add them, or use --partial to measure the part that is there."
    ]


def with_truth(figures: pd.DataFrame, busi: pd.DataFrame) -> pd.DataFrame:
    """Predictions in BUSI's order, with class, group and label conflict beside them.

    Args:
        figures: `id`, each once, and any other columns.
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.

    Example:
        >>> list(with_truth(pd.DataFrame({"id": ["benign (1)"]}), read_table()))
        ['id', 'true', 'group', 'label_conflict']
    """
    known = busi.rename(columns={"class": "true"})[["id", "true", "group", "label_conflict"]]
    table = known.merge(figures, on="id", how="inner", validate="one_to_one")
    first = [name for name in ("id", "fold", "true", "group", "label_conflict") if name in table]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def count(n: int, what: str) -> str:
    """A number of things in words.

    Example:
        >>> count(2, "image")
        '2 images'
    """
    return f"{n} {what}" + ("s" if n != 1 else "")
