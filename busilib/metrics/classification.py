"""Classification metrics from a table of class probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from busilib.data.dataset import CLASSES

ECE_BINS = 15


def confusion(table: pd.DataFrame) -> np.ndarray:
    """Confusion matrix, rows true, columns predicted (the most probable class), in the order of `CLASSES`.

    Args:
        table: columns `true` (class name), `benign`, `malignant`, `normal` (probabilities).

    Returns:
        int64 (3, 3).

    Example:
        >>> confusion(predictions).sum() == len(predictions)
        True
    """
    true, probabilities = _arrays(table)
    flat = np.bincount(true * len(CLASSES) + probabilities.argmax(axis=1), minlength=len(CLASSES) ** 2)
    return flat.reshape(len(CLASSES), len(CLASSES))


def confusion_metrics(matrix: np.ndarray) -> dict[str, float]:
    """The figures that follow from a confusion matrix alone (also one printed in a report).

    Args:
        matrix: (3, 3) counts, rows true, columns predicted.

    Returns:
        `accuracy` (also the weighted recall), `balanced_accuracy` (also the macro recall), macro and weighted
        `…_precision` and `…_f1`, and per class `<class>_precision`, `<class>_recall`, `<class>_f1`.
        Precision of a class never predicted is 0, as in scikit-learn.

    Example:
        >>> confusion_metrics(np.diag([5, 3, 2]))["accuracy"]
        1.0
    """
    matrix = np.asarray(matrix, float)
    hits, actual, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = _safe(hits, called), _safe(hits, actual)
    f1 = _safe(2 * hits, actual + called)
    present = actual > 0
    figures = {
        "accuracy": hits.sum() / matrix.sum(),
        "balanced_accuracy": recall[present].mean(),
        "macro_precision": precision[present | (called > 0)].mean(),
        "weighted_precision": (precision * actual).sum() / actual.sum(),
        "macro_f1": f1[present | (called > 0)].mean(),
        "weighted_f1": (f1 * actual).sum() / actual.sum(),
    }
    for index, name in enumerate(CLASSES):
        figures |= {
            f"{name}_precision": precision[index],
            f"{name}_recall": recall[index],
            f"{name}_f1": f1[index],
        }
    return {key: float(value) for key, value in figures.items()}


def classification_metrics(table: pd.DataFrame) -> dict[str, float]:
    """All classification figures of a table of predictions.

    Args:
        table: columns `true` (class name) and the three class probabilities, which add up to 1.

    Returns:
        The figures of `confusion_metrics`, one-vs-rest `<class>_auc` and their mean `macro_auc` (NaN where
        a class is absent), multi-class `brier` (0 to 2, lower is better), `ece` (expected calibration
        error of the predicted class in 15 equal bins) and `log_loss` (nats).

    Example:
        >>> classification_metrics(predictions)["macro_f1"]
    """
    true, probabilities = _arrays(table)
    one_hot = np.eye(len(CLASSES))[true]
    aucs = {
        f"{name}_auc": _auc(one_hot[:, index], probabilities[:, index]) for index, name in enumerate(CLASSES)
    }
    chosen = np.clip(probabilities[np.arange(len(true)), true], 1e-7, 1)
    return {
        **confusion_metrics(confusion(table)),
        **aucs,
        "macro_auc": float(np.mean(list(aucs.values()))),
        "brier": float(((probabilities - one_hot) ** 2).sum(axis=1).mean()),
        "ece": _ece(true, probabilities),
        "log_loss": float(-np.log(chosen).mean()),
    }


def classification_support(table: pd.DataFrame) -> dict[str, int]:
    """How many images stand behind each figure of `classification_metrics`.

    Recall and F1 of a class rest on its own images; everything else on all.

    Example:
        >>> classification_support(predictions)["normal_recall"]
        26
    """
    counts = dict.fromkeys(classification_metrics(table), len(table))
    for name in CLASSES:
        counts |= {f"{name}_{figure}": int((table["true"] == name).sum()) for figure in ("recall", "f1")}
    return counts


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    true = pd.Categorical(table["true"], categories=CLASSES).codes.astype(np.int64)
    if (true < 0).any():
        raise ValueError(
            f"column `true` holds {sorted(set(table['true']) - set(CLASSES))}; expected {list(CLASSES)}"
        )
    return true, table[list(CLASSES)].to_numpy(float)


def _auc(positive: np.ndarray, score: np.ndarray) -> float:
    return float(roc_auc_score(positive, score)) if 0 < positive.sum() < len(positive) else float("nan")


def _ece(true: np.ndarray, probabilities: np.ndarray) -> float:
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.clip((confidence * ECE_BINS).astype(int), 0, ECE_BINS - 1)
    gap = np.bincount(bins, weights=confidence - (predicted == true), minlength=ECE_BINS)
    return float(np.abs(gap).sum() / len(true))


def _safe(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part, float), where=whole > 0)
