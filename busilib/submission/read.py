"""Predictions on BUSI that somebody brings, checked before anything is measured.

They come as a CSV with class probabilities or as a folder of masks. What is wrong with them ends in one
`SubmissionError` that lists every fault with the images it concerns.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES
from busilib.errors import UserError

SUM_TOLERANCE = 1e-3
"""How far the three probabilities of an image may be from adding up to 1."""

ROUNDING = 1e-6
"""How far a probability may lie outside 0 to 1, as single precision rounds."""

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
    """

    task: str
    table: pd.DataFrame
    soft: tuple[str, ...] = ()


def some(ids: Iterable[str], most: int = 5) -> str:
    """The first few of a list of ids, and how many more there are.

    Example:
        >>> some(["normal (1)", "normal (2)"], most=1)
        'normal (1) and 1 more'
    """
    ids = [str(id) or "(nothing)" for id in ids]
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


def read_rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV as text, with the columns it must have.

    Args:
        path: UTF-8, separated by commas, names in the first line.
        columns: that must be there; others are kept.

    Returns:
        One row per line, every value a str without blanks around it.

    Raises:
        SubmissionError: if there is no such file, it is empty or not a CSV, or a column is missing.

    Example:
        >>> read_rows(Path("split.csv"), ["id", "part"])["part"].unique()
    """
    expected = f"Expected a CSV (UTF-8, separated by commas) with the columns {','.join(columns)}"
    if not path.is_file():
        raise SubmissionError(f"{path}: no such file. {expected}; check the path.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file), [])]
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError as error:
        raise SubmissionError(f"{path}: an empty file. {expected}.") from error
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        longer = isinstance(error, pd.errors.ParserWarning)
        reason = "lines with more values than names" if longer else str(error).strip().splitlines()[0]
        raise SubmissionError(f"{path}: not a CSV ({reason}). {expected}; save it again as CSV.") from error
    if not "".join(names).isprintable():
        raise SubmissionError(f"{path}: not a CSV (a binary file). {expected}; save it again as CSV.")
    if missing := [name for name in columns if name not in names]:
        hint = "separate values by commas, not semicolons" if ";" in names[0] else "add or rename columns"
        raise SubmissionError(
            f"{path}: column missing: {', '.join(missing)} (it has {', '.join(names)}). {expected}; {hint}."
        )
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise SubmissionError(f"{path}: column twice: {', '.join(twice)}. Each name may stand once.")
    if table.empty:
        raise SubmissionError(f"{path}: only a head, no rows. {expected}, one row per image.")
    table.columns = names
    return table.fillna("").apply(lambda column: column.str.strip())


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


def read_predictions(path: Path, busi: pd.DataFrame, expected: Sequence[str], partial: bool) -> Submission:
    """Read and check a CSV of class probabilities.

    Args:
        path: columns `id`, `benign`, `malignant`, `normal`, which add up to 1 within `SUM_TOLERANCE`, and
            as you like `fold` and `true`; other columns are passed over.
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.
        expected: ids that must be there.
        partial: whether some of them may be missing.

    Returns:
        All images of the file, also those that were not expected.

    Raises:
        SubmissionError: listing every fault.

    Example:
        >>> busi = read_table()
        >>> read_predictions(Path("mine.csv"), busi, busi["id"], partial=False).table["fold"].unique()
    """
    rows = read_rows(path, ["id", *CLASSES])
    faults = id_faults(rows["id"], busi) + missing_faults(set(rows["id"]), expected, partial)
    values = rows[list(CLASSES)].apply(pd.to_numeric, errors="coerce")
    faults += _value_faults(rows["id"], rows[list(CLASSES)], values)
    if "fold" in rows and (empty := rows["id"][rows["fold"] == ""].tolist()):
        faults.append(f"{count(len(empty), 'image')} without a fold: {some(empty)}. Fill the column in.")
    if "true" in rows:
        faults += _class_faults(rows, busi)
    refuse(path, faults)
    figures = values.assign(id=rows["id"], **({"fold": folds(rows["fold"])} if "fold" in rows else {}))
    return Submission("classification", with_truth(figures, busi))


def folds(column: pd.Series) -> pd.Series:
    """Names of folds, as whole numbers where all of them are.

    Example:
        >>> folds(pd.Series(["0", "1"])).tolist()
        [0, 1]
    """
    return column.astype(int) if column.str.fullmatch(r"\d{1,9}").all() else column


def _value_faults(ids: pd.Series, text: pd.DataFrame, values: pd.DataFrame) -> list[str]:
    """What is wrong with probabilities; an image is named with the first of its faults."""
    scale = "Percentages must be divided by 100, and logits go through a softmax first."
    unfit = [
        ("a probability that is not a number (NaN, empty or text)", values.isna(), "Fill it in, as 0.25."),
        ("an infinite probability", np.isinf(values), scale),
        ("a probability below 0 or above 1", (values < -ROUNDING) | (values > 1 + ROUNDING), scale),
        (
            f"probabilities that do not add up to 1 (tolerance {SUM_TOLERANCE:g})",
            ((values.sum(axis=1, skipna=False) - 1).abs() > SUM_TOLERANCE).to_frame(),
            scale,
        ),
    ]
    faults, named = [], pd.Series(False, ids.index)
    for what, cells, mend in unfit:
        wrong = cells.any(axis=1) & ~named
        named |= wrong
        if wrong.any():
            shown = ", ".join(value or "nothing" for value in text.loc[wrong.idxmax()])
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
