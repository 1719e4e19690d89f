"""What the outline knows: how far the drawn mask alone, without any picture, tells malignant from benign."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from busilib.data.busi.catalog import Entry, scan
from busilib.data.dataset import CLASSES, Dataset
from busilib.data.images import MaskReader, decode, lesion
from busilib.data.outside.sets import read_outside
from busilib.data.outside.sheet import entries_of
from busilib.data.splits import FOLDS
from busilib.metrics.measure import measure
from busilib.metrics.outline import DESCRIPTORS, ELLIPSE_AND_PLACE, describe, descriptor_auc_table
from busilib.metrics.redrawn import DRAWINGS, RAW
from busilib.studies.context import Context
from busilib.studies.study import Condition, Study, about, measured

FITTED = {
    "circumference": ("circumference",),
    "solidity": ("solidity",),
    "all descriptors": tuple(DESCRIPTORS),
    "ellipse and place": ELLIPSE_AND_PLACE,
}
"""What a logistic regression is given, by the name of the condition."""

DIGITS = 6
"""Of the probabilities that a record keeps of a set's own folds. Those across two sets stay whole: many are
so near to 1 that rounding would make ties of them."""


def fold_numbers(data: Dataset, seed: int = 0) -> np.ndarray:
    """The test fold of each image: that of `busilib.data.splits.grouped_split` with the same seed.

    Args:
        data: its groups are never separated.
        seed: of the folds.

    Returns:
        int64 (n,), 0 to 4. A class with fewer groups than folds takes no part and has -1, as the four normal
        images of BrEaST.

    Example:
        >>> fold_numbers(busi)[grouped_split(busi.labels, busi.groups, fold=3).test]
        array([3, 3, …
    """
    folds = np.full(len(data), -1)
    large = [label for label in range(len(CLASSES)) if _count(data, label) >= FOLDS]
    divided = np.flatnonzero(np.isin(data.labels, large))
    labels, groups = data.labels[divided], data.groups[divided]
    plan = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(plan.split(labels, labels, groups)):
        folds[divided[test]] = fold
    return folds


def _count(data: Dataset, label: int) -> int:
    return len(np.unique(data.groups[data.labels == label]))


def outline_tables(
    entries: Sequence[Entry],
    data: Dataset,
    drawings: Mapping[str, Callable[[np.ndarray], np.ndarray]] = DRAWINGS,
    seed: int = 0,
    read_mask: MaskReader = lesion,
) -> dict[str, pd.DataFrame]:
    """The descriptors of every lesion's mask at its original size, by how the masks are redrawn before.

    Images of class normal are left out, and those whose mask is not known. Several masks of one image are
    merged, and of the merged mask the largest component is described.

    Args:
        entries: the files of `data`; one mask at a time is read.
        data: gives groups and folds; its size does not matter.
        drawings: some or all of `busilib.metrics.redrawn.DRAWINGS`.
        seed: of the folds.
        read_mask: see `busilib.data.images.decode`.

    Returns:
        Tables with columns `id`, `fold` (see `fold_numbers`), `true`, `group` and one for each descriptor.

    Raises:
        DataError: if a file is damaged.
        ValueError: if a mask is empty.

    Example (not run):
        >>> outline_tables(scan(folder)[0], load_busi(folder))[RAW]["circumference"].median()
    """
    lesions = [entry for entry in entries if CLASSES[entry.label] != "normal" and entry.masks]
    facts = data.table.assign(fold=fold_numbers(data, seed), true=data.table["class"]).set_index("id")
    rows = facts.loc[[entry.id for entry in lesions], ["fold", "true", "group"]].reset_index()
    described: dict[str, list[dict[str, float]]] = {name: [] for name in drawings}
    for entry in lesions:
        mask = decode(entry, read_mask).mask
        for name, redraw in drawings.items():
            described[name].append(describe(redraw(mask)))
    return {
        name: rows.join(pd.DataFrame(found, columns=list(DESCRIPTORS))) for name, found in described.items()
    }


def fit_outline(table: pd.DataFrame, descriptors: Sequence[str]) -> Pipeline:
    """Logistic regression on standardised descriptors, both classes weighing the same.

    Args:
        table: columns `true` and descriptors.
        descriptors: names of columns.

    Example (not run):
        >>> fit_outline(busi, ["circumference"]).predict_proba(breast[["circumference"]])
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return model.fit(table[list(descriptors)], table["true"] == "malignant")


def out_of_fold(table: pd.DataFrame, descriptors: Sequence[str]) -> pd.DataFrame:
    """What `fit_outline` says of each fold after learning from the others.

    Args:
        table: one of those that `outline_tables` returns.
        descriptors: names of columns.

    Returns:
        Rows for a study of task "malignancy": `id`, `fold`, `true`, `group`, `benign`, `malignant`, `normal`
        (0) and `threshold` (0.5).

    Example (not run):
        >>> malignancy_metrics(out_of_fold(table, list(DESCRIPTORS)))["malignancy_auc"]
    """
    parts = [
        _rows(
            fit_outline(table[table["fold"] != fold], descriptors), table[table["fold"] == fold], descriptors
        )
        for fold in sorted(table["fold"].unique())
    ]
    return pd.concat(parts, ignore_index=True)


def across(learned: pd.DataFrame, other: pd.DataFrame, descriptors: Sequence[str]) -> pd.DataFrame:
    """What `fit_outline` says of one set after learning from all of another: rows as of `out_of_fold`.

    Example (not run):
        >>> malignancy_metrics(across(busi, breast, DESCRIPTORS))["malignancy_auc"]
    """
    return _rows(fit_outline(learned, descriptors), other.assign(fold=0), descriptors).reset_index(drop=True)


def _rows(model: Pipeline, table: pd.DataFrame, descriptors: Sequence[str]) -> pd.DataFrame:
    malignant = model.predict_proba(table[list(descriptors)])[:, 1]
    facts = table[["id", "fold", "true", "group"]]
    return facts.assign(benign=1 - malignant, malignant=malignant, normal=0.0, threshold=0.5)


def outline(context: Context) -> Study:
    """What the drawn masks tell of malignant against benign, drawn as they are and plainer and plainer.

    Args:
        context: without an outside set its data are measured; with one that set, and what each of the two
            tells of the other.

    Returns:
        Study "outline", task "malignancy", with a condition for each way to draw ("BUSI, convex hull"): the
        rows of `outline_tables`, and what all descriptors together say out of fold. Of an outside set also
        "BUSI → BrEaST" and the reverse: learned from all drawings of the first.

    Raises:
        OptionError: if weights, an encoder or models are asked for: nothing looks at a picture.

    Example (not run):
        >>> study = outline(Context("laptop", "Dataset_BUSI_with_GT"))
        >>> study.metrics("BUSI, raw")["malignancy_auc"]
    """
    context.refuse("weights", "encoder", "models")
    data, entries = context.load(), scan(context.folder)[0]
    if not context.outside:
        drawn = outline_tables(entries, data, seed=context.seed)
        return measured("outline", "malignancy", _conditions(data.name, drawn), context, data)
    sheet, outside = read_outside(context.outside_folder), context.load_outside()
    drawn = outline_tables(entries_of(sheet)[0], outside, DRAWINGS, context.seed, sheet.read_mask)
    home = outline_tables(entries, data, {RAW: DRAWINGS[RAW]}, context.seed)
    raw = {data.name: home[RAW], outside.name: drawn[RAW]}
    crossed = [
        Condition(f"{learned} → {other}", across(raw[learned], raw[other], list(DESCRIPTORS)))
        for learned, other in permutations(raw, 2)
    ]
    conditions, apart = _conditions(outside.name, drawn) + crossed, [outside.name.replace(" ", "-")]
    return measured("outline", "malignancy", conditions, context, data, apart, outside=about(outside))


def _conditions(name: str, drawn: Mapping[str, pd.DataFrame]) -> list[Condition]:
    return [
        Condition(f"{name}, {drawing}", _with_descriptors(out_of_fold(table, list(DESCRIPTORS)), table))
        for drawing, table in drawn.items()
    ]


def _with_descriptors(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    return rows.round(DIGITS).merge(table[["id", *DESCRIPTORS]].round(5), on="id", validate="one_to_one")


def dose_response(tables: Mapping[str, pd.DataFrame], draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """How well each descriptor alone, and all together, still tell the class as the drawing gets plainer.

    Args:
        tables: one set's, by name of the drawing, as `outline_tables` returns them.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        Columns `drawing`, `descriptor` (or a name in `FITTED` that ends in ", fitted"), and the area under
        the curve `value` with its 95% interval over groups, `low` and `high`, and `n`. Of the fitted ones it
        is taken within each fold and averaged, as in `malignancy_metrics`; nothing is fitted anew in a draw.

    Example (not run):
        >>> dose_response({"raw": raw, "smoothed 0.04": plainer})
    """
    parts = []
    for drawing, table in tables.items():
        parts.append(descriptor_auc_table(table, draws, seed).assign(drawing=drawing))
        fitted = {name: out_of_fold(table, columns) for name, columns in FITTED.items()}
        rows = [(f"{name}, fitted", *auc_interval(each, draws), len(each)) for name, each in fitted.items()]
        parts.append(
            pd.DataFrame(rows, columns=["descriptor", "value", "low", "high", "n"]).assign(drawing=drawing)
        )
    return pd.concat(parts, ignore_index=True)[["drawing", "descriptor", "value", "low", "high", "n"]]


def auc_interval(rows: pd.DataFrame, draws: int = 1000) -> tuple[float, float | None, float | None]:
    """Area under the curve of malignant against benign, and its 95% interval over groups: value, low, high.

    Args:
        rows: as `out_of_fold` or `across` returns them.
        draws: bootstrap samples.

    Example (not run):
        >>> auc_interval(across(busi, breast, DESCRIPTORS))
        (0.79, 0.73, 0.85)
    """
    found = measure("malignancy", rows, rows["group"].to_numpy(), draws)["malignancy_auc"]
    return found["value"], found["low"], found["high"]
