"""Malignant against benign: how a classifier with three classes does on images that show a lesion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from busilib.data.dataset import DataError
from busilib.metrics.weighted import auc, each_once, mean, ratio, settled


def malignancy_score(table: pd.DataFrame) -> np.ndarray:
    """The probability of malignant once normal is ruled out: p(malignant) / (p(malignant) + p(benign)).

    Args:
        table: columns `benign` and `malignant` (probabilities).

    Returns:
        float (n,), 0–1; 0.5 where both are 0, which says nothing either way.

    Example:
        >>> malignancy_score(pd.DataFrame({"benign": [0.1], "malignant": [0.3]}))
        array([0.75])
    """
    malignant = table["malignant"].to_numpy(float)
    either = malignant + table["benign"].to_numpy(float)
    return np.divide(malignant, either, out=np.full(len(table), 0.5), where=either > 0)


def lesions_only(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose true class is benign or malignant."""
    return table[table["true"].isin(["benign", "malignant"])].reset_index(drop=True)


def threshold_for(validation: pd.DataFrame, sensitivity: float) -> float:
    """The highest threshold of the score that still finds so many of the malignant validation images.

    Args:
        validation: columns `true`, `benign` and `malignant`; rows that show no lesion are passed over.
        sensitivity: share of the malignant images to find, above 0, at most 1.

    Returns:
        The threshold: a score counts as malignant from there on.

    Raises:
        DataError: if no image is malignant, or none is benign.

    Example (not run):
        >>> threshold_for(run.validation, 0.9)
        0.21
    """
    lesions = lesions_only(validation) if len(validation) else pd.DataFrame({"true": []})
    malignant = lesions["true"] == "malignant"
    if not 0 < malignant.sum() < len(malignant):
        raise DataError(
            f"validation part: {malignant.sum()} malignant of {len(malignant)} lesion images. A threshold is "
            "chosen on images of both classes; add images, or use the grouped protocol."
        )
    _, found, thresholds = roc_curve(malignant, malignancy_score(lesions), drop_intermediate=False)
    return float(thresholds[np.argmax(found >= sensitivity - 1e-9)])


def malignancy_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """Figures of a table of predictions on lesion images.

    Args:
        table: columns `fold` (which network predicted), `true` ("benign" or "malignant"), `benign`,
            `malignant`, `normal` (probabilities) and, where one was chosen elsewhere, `threshold` (of the
            score).
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights:
        `accuracy`: of the most probable of three classes, so that "normal" is an error;
        `called_normal`: share of lesion images that are called normal;
        `malignancy_auc`: area under the curve of malignant against benign by `malignancy_score`, within each
        network and then averaged, because scores of two networks need not be on one scale;
        `sensitivity`, `specificity`: shares of malignant and of benign images on the right side of the
        threshold, where there is one;
        `malignancy_brier`: mean squared error of the score, 0 to 1.
        A figure whose denominator is empty is NaN.

    Raises:
        ValueError: if a row shows no lesion.

    Example (not run):
        >>> malignancy_metrics(predictions)["sensitivity"]
    """
    malignant = (table["true"] == "malignant").to_numpy()
    if not (malignant | (table["true"] == "benign")).all():
        raise ValueError("rows must be of benign or malignant images: see `lesions_only`")
    w = each_once(len(table)) if weights is None else weights
    score, called = malignancy_score(table), table[["benign", "malignant", "normal"]].idxmax(axis=1)
    sides = {}
    if "threshold" in table:
        flagged = score >= table["threshold"].to_numpy(float)
        sides = {"sensitivity": mean(flagged, w, malignant), "specificity": mean(~flagged, w, ~malignant)}
    return settled(
        {
            "accuracy": mean(called == table["true"], w),
            "called_normal": mean(called == "normal", w),
            "malignancy_auc": _mean_auc(malignant, score, table["fold"].to_numpy(), w),
            **sides,
            "malignancy_brier": mean((score - malignant) ** 2, w),
        },
        weights,
    )


def malignancy_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The predictions that stand behind figures of `malignancy_metrics`: bool (n,) by what they are called.

    Example:
        >>> malignancy_rows(predictions)["malignant images"].sum()
        210
    """
    kinds = {f"{name} images": (table["true"] == name).to_numpy() for name in ("benign", "malignant")}
    return {"images": np.ones(len(table), bool), **kinds}


def _mean_auc(malignant: np.ndarray, score: np.ndarray, fold: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the folds that have both classes; NaN where none has."""
    parts = [fold == number for number in np.unique(fold)]
    areas = np.array([auc(malignant[part], score[part], weights[:, part]) for part in parts])
    return ratio(np.nansum(areas, axis=0), np.isfinite(areas).sum(axis=0))
