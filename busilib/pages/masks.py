"""Page 6: what a classifier learns that is shown a mask, on the images that all its versions tested."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import HTML
from sklearn.metrics import roc_auc_score

from busilib.data.busi.fingerprint import pixel_hash, read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.malignancy import lesions_only, malignancy_score
from busilib.pages.common import Records, common_ids
from busilib.pages.plain import plain
from busilib.pages.segmenters import kept_epoch
from busilib.pages.shipped import PROFILE, the_record
from busilib.reports.registry import experiment
from busilib.runs.records import Record, find_record

DIETS = {
    "image and true mask": "image and true mask",
    "true mask alone": "true mask alone",
    "image and predicted mask": "image and predicted mask",
    "image alone": "image",
}
"""What R3's network is shown, by what the page calls it."""

CUTS = {
    "cut by the true mask": "image cut by the true mask",
    "cut by a predicted mask": "image cut by the predicted mask",
    "whole image": "image",
}
"""What R2's classifiers are shown, by what the page calls it."""


def fed(id: str, inputs: dict[str, str]) -> dict[str, Record]:
    """The grouped records of one network by what it was shown; those that exist.

    Example:
        >>> list(fed("r2-mobilenet", CUTS))
        ['cut by the true mask', 'cut by a predicted mask', 'whole image']
    """
    found = {name: find_record(id, PROFILE, inputs=shown) for name, shown in inputs.items()}
    return {name: record for name, record in found.items() if record is not None}


def outliner() -> Record:
    """The U-Net behind the predicted masks, out of fold."""
    return the_record("r4-unet")


def two_heads() -> Record:
    """R3's second network: trained with true masks, asked about the image alone."""
    return the_record("r3-imagemasknet2")


def kept_stage(two: Record) -> str:
    """Which epoch of R3's second network is kept, on its first fold, and what the second stage did for it.

    Args:
        two: of `two_heads`.

    Example:
        >>> kept_stage(two_heads()).startswith("The epoch kept is")
        True
    """
    (kept, ran), switch = kept_epoch(two), two.facts["settings"]["image_only_from"]
    told = f"The epoch kept is {kept} of {ran}; from {switch + 1} on the image head learns alone"
    if kept > switch:
        return f"{told}."
    return f"{told}, and its validation loss was never as low again: the second stage is not behind this."


@cache
def _empty_hash(height: int, width: int) -> str:
    return pixel_hash(np.zeros((height, width), bool))


def empty_masks(table: pd.DataFrame) -> pd.Series:
    """Whether each mask of the shipped table is empty: its hash is that of an empty mask of its size.

    Args:
        table: columns `height`, `width` and `mask_sha256`.

    Returns:
        bool (n,).

    Example:
        >>> int(empty_masks(read_table()).sum())
        133
    """
    sizes = zip(table["height"], table["width"], strict=True)
    return table["mask_sha256"] == [_empty_hash(height, width) for height, width in sizes]


def empties() -> HTML:
    """How many masks of each class are empty, from the shipped table.

    Example:
        >>> "empty masks" in empties().data
        True
    """
    table = read_table()
    empty = empty_masks(table).groupby(table["class"]).agg(["sum", "count"]).loc[list(CLASSES)]
    return plain(empty.set_axis(["empty masks", "images"], axis=1), "class")


def rule_accuracy(ids: list[str] | None = None) -> float:
    """How often "an empty mask is normal, any other is benign" is right; it never sees an image.

    Args:
        ids: of the images that count; all 780, unless given.

    Example:
        >>> round(rule_accuracy(), 3)
        0.731
    """
    table = read_table()
    table = table if ids is None else table[table["id"].isin(ids)]
    answer = np.where(empty_masks(table), "normal", "benign")
    return float((answer == table["class"]).mean())


def painted(record: Record) -> tuple[float, float]:
    """Of a segmentation record: the share of normal images with anything painted, of lesions with nothing.

    Example:
        >>> 0 < painted(outliner())[0] < 1
        True
    """
    table = record.predictions
    anything = table["tp"] + table["fp"] > 0
    lesion = table["tp"] + table["fn"] > 0
    return float(anything[table["true"] == "normal"].mean()), float((~anything)[lesion].mean())


def shape_alone(records: Records) -> HTML:
    """AUC of malignant against benign on the common lesion images, where an empty mask gives nothing away.

    Example:
        >>> "AUC" in shape_alone(fed("r2-mobilenet", CUTS)).data
        True
    """
    ids, rows = common_ids(records), {}
    for name, record in records.items():
        tables = [part[part["id"].isin(ids)] for _, part in record.predictions.groupby(["seed", "fold"])]
        areas = [_auc(lesions_only(table)) for table in tables if len(table)]
        rows[name] = {"AUC": f"{np.mean(areas):.2f}", "networks": len(areas)}
    counted = read_table()
    lesions = (counted[counted["id"].isin(ids)]["class"] != "normal").sum()
    return plain(pd.DataFrame.from_dict(rows, orient="index"), f"the same {lesions} lesion images")


def _auc(lesions: pd.DataFrame) -> float:
    return float(roc_auc_score(lesions["true"] == "malignant", malignancy_score(lesions)))


def size_rule(record: Record) -> dict[str, float]:
    """How often "larger than a threshold is malignant" is right, the threshold chosen on the other folds.

    Args:
        record: of a segmentation network; only its counts of true pixels are used, and no prediction.

    Returns:
        `accuracy`, `base` (always the larger class) and `n`, of lesion images.

    Example:
        >>> size_rule(outliner())["n"]
        647
    """
    table = record.predictions.drop_duplicates("id")
    table = table[table["true"] != "normal"]
    area = ((table["tp"] + table["fn"]) / table[["tp", "fp", "fn", "tn"]].sum(axis=1)).to_numpy()
    malignant, fold = (table["true"] == "malignant").to_numpy(), table["fold"].to_numpy()
    right = np.zeros(len(table), bool)
    for number in np.unique(fold):
        known, asked = fold != number, fold == number
        steps = np.quantile(area[known], np.linspace(0, 1, 41))
        best = max(steps, key=lambda step: ((area[known] > step) == malignant[known]).mean())
        right[asked] = (area[asked] > best) == malignant[asked]
    base = max(malignant.mean(), 1 - malignant.mean())
    return {"accuracy": float(right.mean()), "base": float(base), "n": len(table)}


def claims_of_r3() -> HTML:
    """Every accuracy that R3 prints for its two networks on pictures not learned from, and ours; each says
    which images it is of.

    Example:
        >>> "comparison section" in claims_of_r3().data
        True
    """
    rows = []
    for id, name in (("r3-imagemasknet", "ImageMaskNet"), ("r3-imagemasknet2", "ImageMaskNet2")):
        for claim in experiment(id).claims:
            if claim.metric == "accuracy" and (claim.part == "test" or "comparison" in claim.part):
                images = f"{claim.n}, its own" if claim.n else "not given"
                rows.append((f"{name}: claimed, {claim.part}", f"{claim.value:.4f}".rstrip("0"), images))
        for protocol, words in (("random", "split as R3 did"), ("grouped", "grouped folds")):
            if record := find_record(id, PROFILE, protocol):
                figure = record.metrics["accuracy"]
                shown = f"{figure['value']:.2f} ({figure['low']:.2f}–{figure['high']:.2f})"
                which = "its own" if protocol == "random" else f"{record.folds} of 5 folds"
                rows.append((f"{name}: recorded, {words}", shown, f"{figure['n']}, {which}"))
    table = pd.DataFrame(rows, columns=["figure", "accuracy", "images"]).set_index("figure")
    return plain(table, "figure")
