"""Anybody's predictions on BUSI: checked, measured with intervals, and asked for leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial as with_arguments
from pathlib import Path

import numpy as np
import pandas as pd

from busilib import provenance
from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.calibration import reliability
from busilib.metrics.classification import confusion, constant_answer
from busilib.metrics.figure import DECIMALS, Figure
from busilib.metrics.intervals import group_weights, with_interval
from busilib.metrics.measure import FIGURES, measure, support
from busilib.submission.leakage import Leakage, check_split, read_split
from busilib.submission.masks import read_masks
from busilib.submission.read import (
    NEVER,
    Submission,
    SubmissionError,
    count,
    read_predictions,
    some,
    tables_of,
)

DIFFERENCES = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1"),
    "segmentation": ("lesion_dice", "lesion_iou", "normal_false_positive_rate"),
}
"""The figures that are compared between leaked and clean test images."""


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` finds. Figures are `value`, `low`, `high` and `n`, as in a record.

    Attributes:
        facts: `source` (file name), `sha256` of a CSV, `task`, `draws`, `n` images measured, `expected`,
            `missing` (with --partial), `left_out` (predicted, but no test images of the split), `classes`,
            `groups`, `constant_answer` (a sentence on a classifier that answers the same to everybody, else
            None), and where it comes from.
        table: the images that were measured, as `Submission.table`, with `leaked` where a split is known.
        metrics: of all of them.
        by_class: of the images of each class (segmentation), else empty.
        confusion: rows true, columns predicted (classification), else empty.
        reliability: bins as in `busilib.metrics.calibration.reliability`; empty for segmentation.
        conflict_free: `n` and `metrics` without images whose near-duplicate has another label.
        folds: by fold, figures with `value` and `n` only; empty where there are no folds.
        leakage: what `check_split` finds with `source`, counts, and figures of `leaked` and `clean` test
            images and their `difference` (leaked − clean); None where no split is known.
        notes: what else a reader should know, one sentence or two each.
    """

    facts: Mapping
    table: pd.DataFrame
    metrics: Mapping[str, dict]
    by_class: Mapping[str, Mapping[str, dict]]
    confusion: list[list[int]]
    reliability: list[dict]
    conflict_free: Mapping
    folds: Mapping[str, Mapping[str, dict]]
    leakage: Mapping | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict:
        """All but the table, as JSON can hold it."""
        whole = {name: value for name, value in vars(self).items() if name not in ("facts", "table")}
        return {**self.facts, **whole, "notes": list(self.notes)}


def evaluate(
    predictions: Path,
    data: str = "",
    split: Path | None = None,
    partial: bool = False,
    draws: int = 1000,
    step: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    """Check predictions on BUSI, measure them, and look for near-duplicates that their split separates.

    Args:
        predictions: a CSV of class probabilities, the folder of a record, or a folder of masks: see
            `read_predictions` and
            `read_masks`.
        data: BUSI's folder; needed for masks alone.
        split: see `read_split`. Predictions are then expected of its test images (of all its images under
            cross-validation, but those of fold -1), and others are left out; without it, of all images of
            BUSI.
        partial: whether expected images may be missing.
        draws: bootstrap samples.
        step: told what is being done.

    Raises:
        SubmissionError: for predictions or a split that cannot be measured.
        DataError: if the true masks, or the CSVs as such, cannot be read.

    Example (not run):
        >>> evaluate(Path("mine.csv"), split=Path("split.csv")).leakage["leaked_images"]
    """
    busi = read_table()
    divided = None if split is None else read_split(split, busi)
    found = None if divided is None else check_split(divided, busi)
    expected = busi["id"].tolist() if found is None else list(found.test)
    submission = _read(predictions, data, busi, expected, partial, step)
    table = submission.table[submission.table["id"].isin(expected)].reset_index(drop=True)
    source = split.name if split else ""
    if divided is not None:  # a single split has no folds, whatever the predictions say
        table = (
            _with_fold(table, divided, predictions, source)
            if "fold" in divided
            else table.drop(columns="fold", errors="ignore")
        )
    elif "fold" in table and table["fold"].nunique() > 1:
        found, source = check_split(table[["id", "fold"]], busi), f"the column fold of {predictions.name}"
        expected = [id for id in expected if id not in set(table["id"]) - set(found.test)]
        table = table[table["id"].isin(expected)].reset_index(drop=True)
    if found is not None:
        table = table.assign(leaked=table["id"].isin(found.leaked))

    step("Drawing intervals …")
    figures = with_arguments(_measured, submission.task, draws=draws)
    classifies = submission.task == "classification"
    left_out = len(submission.table) - len(table)
    facts = {
        "source": predictions.name,
        "sha256": _digest(predictions) if classifies else None,
        "task": submission.task,
        "draws": draws,
        "n": len(table),
        "expected": len(expected),
        "missing": len(expected) - len(table),
        "left_out": left_out,
        "classes": {name: int((table["true"] == name).sum()) for name in CLASSES},
        "groups": int(table["group"].nunique()),
        "constant_answer": constant_answer(table) if classifies else None,
        "busilib": provenance.versions()["busilib"],
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    clean = table[~table["label_conflict"]]
    return Evaluation(
        facts=facts,
        table=table,
        metrics=figures(table),
        by_class={}
        if classifies
        else {name: figures(own) for name in CLASSES if len(own := table[table["true"] == name])},
        confusion=confusion(table).tolist() if classifies else [],
        reliability=_bins(table) if classifies else [],
        conflict_free={"n": len(clean), "metrics": figures(clean) if len(clean) else {}},
        folds=_by_fold(submission.task, table),
        leakage=None if found is None else _leakage(found, source, submission.task, table, draws),
        notes=tuple(_notes(submission, table, left_out, found, divided is None)),
    )


def _digest(predictions: Path) -> str:
    """Hexadecimal SHA-256 of all tables, one behind the other."""
    whole = hashlib.sha256()
    for table in tables_of(predictions):
        whole.update(table.read_bytes())
    return whole.hexdigest()


def _read(
    path: Path,
    data: str,
    busi: pd.DataFrame,
    expected: list[str],
    partial: bool,
    step: Callable[[str], None],
) -> Submission:
    if tables_of(path):
        return read_predictions(path, busi, expected, partial)
    if not data:
        raise SubmissionError(
            f"{path}: masks are measured against BUSI's own, which are not shipped. "
            "Name BUSI's folder with --data DIR; `busi data fetch` downloads it."
        )
    return read_masks(
        path, data, busi, expected, partial, lambda done, all: step(f"Reading masks: {done} of {all} …")
    )


def _with_fold(table: pd.DataFrame, split: pd.DataFrame, predictions: Path, source: str) -> pd.DataFrame:
    """Predictions with the folds of the split file, which must not contradict their own.

    Folds may be called otherwise there, such as 1 to 5 instead of 0 to 4: what must agree is which images are
    tested together.
    """
    theirs = table["id"].map(split.set_index("id")["fold"])
    if "fold" in table and (other := table["id"][_strays(table["fold"], theirs)].tolist()):
        raise SubmissionError(
            f"{predictions}: {count(len(other), 'image')} with another fold than in {source}: {some(other)}. "
            "Give the split file that these predictions were made with, or leave the column fold out."
        )
    rest = table.drop(columns="fold", errors="ignore")
    rest.insert(1, "fold", theirs)
    return rest


def _strays(ours: pd.Series, theirs: pd.Series) -> pd.Series:
    """Which images two divisions into folds do not put together, bool (n,), all False where they are one.

    Folds are matched, most images in common first; an image outside the matched pairs is a stray.
    """
    common = pd.crosstab(ours, theirs).stack().sort_values(ascending=False, kind="stable")
    match: dict = {}
    for (own, other), n in common.items():
        if n and own not in match and other not in match.values() and (own == NEVER) == (other == NEVER):
            match[own] = other
    return ours.map(match) != theirs


def _measured(task: str, table: pd.DataFrame, draws: int) -> dict[str, dict]:
    return measure(task, table, table["group"].to_numpy(), draws)


def _bins(table: pd.DataFrame) -> list[dict]:
    """The bins of `reliability` that have any image, as JSON can hold them."""
    return reliability(table).query("n > 0").round(8).to_dict("records")


def _by_fold(task: str, table: pd.DataFrame) -> dict[str, dict[str, dict]]:
    if "fold" not in table:
        return {}
    figures, _ = FIGURES[task]
    return {
        str(fold): {
            name: {"value": round(value, DECIMALS), "n": counts[name]}
            for name, value in figures(own).items()
            if np.isfinite(value)
        }
        for fold, own in table.groupby("fold")
        for counts in [support(task, own)]
    }


def _leakage(found: Leakage, source: str, task: str, table: pd.DataFrame, draws: int) -> dict:
    leaked, clean = table[table["leaked"]], table[~table["leaked"]]
    result = {
        "source": source,
        "test_images": len(found.test),
        "leaked_images": len(found.leaked),
        "leaked_share": round(len(found.leaked) / len(found.test), 8),
        **{key: _plain(value) for key, value in asdict(found).items() if key != "test"},
    }
    if len(leaked) and len(clean):
        both = [_measured(task, part, draws) for part in (leaked, clean)]
        result |= {
            "leaked_metrics": both[0],
            "clean_metrics": both[1],
            "difference": _difference(task, table, draws, *both),
        }
    return result


def _plain(value: Mapping | tuple) -> dict | list:
    """Tuples as lists, which is what JSON gives back."""
    return {key: list(ids) for key, ids in value.items()} if isinstance(value, Mapping) else list(value)


def _difference(
    task: str, table: pd.DataFrame, draws: int, of_leaked: Mapping[str, dict], of_clean: Mapping[str, dict]
) -> dict[str, dict]:
    """Leaked minus clean, with 95% intervals where both have one: near-duplicates are of one kind."""
    figures, _ = FIGURES[task]
    groups, leaked = table["group"].to_numpy(), table["leaked"].to_numpy(bool)
    weights = group_weights(groups, draws)
    ours, theirs = (figures(table[part], weights[:, part]) for part in (leaked, ~leaked))
    found = {}
    for key in DIFFERENCES[task]:
        if key in of_leaked and key in of_clean:
            value = of_leaked[key]["value"] - of_clean[key]["value"]
            figure = with_interval(value, ours[key] - theirs[key], groups)
            if why := of_leaked[key].get("why") or of_clean[key].get("why"):
                figure = Figure(value, None, None, len(table), why=why)
            found[key] = figure.to_dict()
    return found


def _notes(
    submission: Submission, table: pd.DataFrame, left_out: int, found: Leakage | None, no_file: bool
) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{count(left_out, 'predicted image')} left out: never tested, by the split.")
    if found is None:
        notes.append(
            "No split is known, so nothing was asked about leaks. Give the split file with --split, or a "
            "column fold with two folds or more."
        )
    elif no_file:
        notes.append(
            "The leakage check takes it that the model of each fold was trained on all other images given "
            "here, and on no others."
        )
    if submission.task == "classification":
        if rounded := table["id"][table["id"].isin(submission.rounded)].tolist():
            notes.append(
                f"{count(len(rounded), 'image')} whose probabilities add up to 1 only as rounded: "
                f"{some(rounded)}. They were divided by their sum."
            )
        chances = table[list(CLASSES)].to_numpy()
        ties = table["id"][(chances == chances.max(axis=1, keepdims=True)).sum(axis=1) > 1].tolist()
        if ties:
            notes.append(
                f"{count(len(ties), 'image')} with two classes of one and the same largest probability: "
                f"{some(ties)}. The first counts as predicted, in the order benign, malignant, normal."
            )
        return notes
    notes.append(
        "Masks were compared at each image's original size. Distances (HD95, and the 2 pixels of the NSD) "
        "are in pixels of the original image, which are not of one size in millimetres; in pooled figures "
        "a large image weighs more."
    )
    if soft := [id for id in submission.soft if id in set(table["id"])]:
        notes.append(
            f"{count(len(soft), 'mask')} with more than two gray levels: {some(soft)}. They pile up at "
            "black and white; what is brighter than half of white counted as lesion."
        )
    if swapped := [id for id in submission.swapped if id in set(table["id"])]:
        notes.append(
            f"{count(len(swapped), 'mask')} with all four corners and more than half of the picture marked: "
            f"{some(swapped)}. Black is no lesion; if the two are swapped there, invert the masks."
        )
    normals = table[(table["true"] == "normal") & (table["tp"] + table["fp"] > 0)]
    if len(normals):
        notes.append(f"{count(len(normals), 'normal')} with a false lesion: {some(normals['id'])}.")
    lesions = table[table["tp"] + table["fn"] > 0]
    if len(missed := lesions["id"][lesions["tp"] == 0]):
        notes.append(f"{len(missed)} of {len(lesions)} lesions missed altogether (Dice 0): {some(missed)}.")
    return notes
