"""Classification metrics from a table of class probabilities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES
from busilib.metrics.weighted import auc, binned_error, each_once, mean, ratio, settled

ECE_BINS = 15

SAME_ANSWER = 0.95
"""Share of the images with one and the same answer from which on a classifier counts as answering alike."""

SMALLEST = 1e-7
"""Probabilities below are taken as this in the log loss, so that one certain error does not outweigh all."""


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
    cells = np.bincount(_cells(*_arrays(table)), minlength=len(CLASSES) ** 2)
    return cells.reshape(len(CLASSES), len(CLASSES))


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
    return settled(_of_confusions(matrix[None], matrix), None)


def classification_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """All classification figures of a table of predictions.

    Args:
        table: columns `true` (class name) and the three class probabilities, which add up to 1.
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights: the figures of `confusion_metrics`, one-vs-rest
        `<class>_auc` and their mean `macro_auc` (NaN where a class is absent), multi-class `brier` (0 to 2,
        lower is better), `ece` (expected calibration error of the predicted class in 15 equal bins) and
        `log_loss` (nats).
        A draw that lacks a class which the table has, or never predicts one which the table predicts, has
        NaN for each figure that needs it.

    Raises:
        ValueError: if `true` holds anything but the three classes.

    Example:
        >>> classification_metrics(predictions)["macro_f1"]
    """
    w = each_once(len(table)) if weights is None else weights
    true, probabilities = _arrays(table)
    areas = {name: auc(true == index, probabilities[:, index], w) for index, name in enumerate(CLASSES)}
    return settled(
        {
            **answer_metrics(table, w),
            **{f"{name}_auc": area for name, area in areas.items()},
            "macro_auc": np.mean(list(areas.values()), axis=0),
            **probability_errors(table, w),
        },
        weights,
    )


def answer_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """The figures of `confusion_metrics` for a table: those of the answers alone, quicker than all.

    Args:
        table, weights: as `classification_metrics` takes them.

    Returns:
        Floats, or float64 (draws,) with weights.

    Example:
        >>> answer_metrics(predictions)["accuracy"]
    """
    w, kinds = each_once(len(table)) if weights is None else weights, len(CLASSES)
    cells = np.eye(kinds**2)[_cells(*_arrays(table))]
    return settled(_of_confusions((w @ cells).reshape(-1, kinds, kinds), confusion(table)), weights)


def probability_errors(table: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """`brier`, `ece` and `log_loss` of `classification_metrics` for each weighting of the rows."""
    true, probabilities = _arrays(table)
    one_hot = np.eye(len(CLASSES))[true]
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.clip((confidence * ECE_BINS).astype(int), 0, ECE_BINS - 1)
    chosen = np.clip((probabilities * one_hot).sum(axis=1), SMALLEST, 1)
    return {
        "brier": mean(((probabilities - one_hot) ** 2).sum(axis=1), weights),
        "ece": binned_error(confidence - (predicted == true), bins, weights),
        "log_loss": mean(-np.log(chosen), weights),
    }


def classification_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows that stand behind figures of `classification_metrics`: bool (n,) by what they are called.

    Example:
        >>> classification_rows(predictions)["normal images"].sum()
        133
    """
    true, probabilities = _arrays(table)
    called = probabilities.argmax(axis=1)
    return {
        "images": np.ones(len(table), bool),
        **{f"{name} images": true == index for index, name in enumerate(CLASSES)},
        **{f"images called {name}": called == index for index, name in enumerate(CLASSES)},
    }


def constant_answer(table: pd.DataFrame) -> str | None:
    """A sentence for a classifier that answers the same to everybody; None for one that does not.

    It does where one class is the answer to at least 95% of the images, and to at least 95% of those that
    are of another class. So a classifier is not blamed for a set that is nearly all of one class.

    Args:
        table: columns `true` (class name) and the three class probabilities; the most probable class is the
            answer.

    Example:
        >>> constant_answer(predictions) is None
        True
    """
    true, probabilities = _arrays(table)
    called = probabilities.argmax(axis=1)
    answer = np.bincount(called, minlength=len(CLASSES)).argmax()
    same, others = called == answer, true != answer
    if not others.any() or min(same.mean(), same[others].mean()) < SAME_ANSWER:
        return None
    name = CLASSES[answer]
    return (
        f"The answer is {name} for {same.sum()} of {len(same)} images, whatever they show: this classifier "
        f"tells hardly anything apart, and {(~others).mean():.2f} of the images are {name}."
    )


def same_answer(metrics: Mapping[str, Mapping]) -> str:
    """The answer of a classifier that says the same to everybody, from its figures alone; else "".

    How often a class is called follows from its recall and precision, so that wherever figures are shown it
    can be said, by the rule of `constant_answer`. Of several seeds the figures are means, and so is this.

    Args:
        metrics: as `busilib.metrics.measure.measure` gives them for classification; others give "".

    Returns:
        Such as "benign for 155 of 156".

    Example:
        >>> same_answer(read_record("r2-cnn", "laptop").metrics)
        ''
    """
    for name in CLASSES:
        if f"{name}_precision" not in metrics or not metrics[f"{name}_precision"]["value"]:
            continue
        n, own = metrics["accuracy"]["n"], metrics[f"{name}_recall"]["n"]
        hits = metrics[f"{name}_recall"]["value"] * own
        called = hits / metrics[f"{name}_precision"]["value"]
        if n > own and min(called / n, (called - hits) / (n - own)) >= SAME_ANSWER - 1e-6:
            return f"{name} for {called:.0f} of {n}"
    return ""


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    true = pd.Categorical(table["true"], categories=CLASSES).codes.astype(np.int64)
    if (true < 0).any():
        raise ValueError(
            f"column `true` holds {sorted(set(table['true']) - set(CLASSES))}; expected {list(CLASSES)}"
        )
    return true, table[list(CLASSES)].to_numpy(float)


def _cells(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return true * len(CLASSES) + probabilities.argmax(axis=1)


def _of_confusions(matrices: np.ndarray, whole: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of (draws, 3, 3) matrices; what is undefined in `whole` too is 0, as in scikit-learn."""
    hits, actual, called = matrices.diagonal(axis1=1, axis2=2), matrices.sum(axis=2), matrices.sum(axis=1)
    there, named = whole.sum(axis=1) > 0, whole.sum(axis=0) > 0
    precision = np.where(named, ratio(hits, called), 0)
    recall = np.where(there, ratio(hits, actual), 0)
    f1 = np.where(there, ratio(2 * hits, np.where(actual > 0, actual + called, 0)), 0)
    total = actual.sum(axis=1)
    figures = {
        "accuracy": ratio(hits.sum(axis=1), total),
        "balanced_accuracy": ratio(recall[:, there].sum(axis=1), there.sum()),
        "macro_precision": ratio(precision[:, there | named].sum(axis=1), (there | named).sum()),
        "weighted_precision": ratio(np.where(actual > 0, precision * actual, 0).sum(axis=1), total),
        "macro_f1": ratio(f1[:, there | named].sum(axis=1), (there | named).sum()),
        "weighted_f1": ratio(np.where(actual > 0, f1 * actual, 0).sum(axis=1), total),
    }
    for index, name in enumerate(CLASSES):
        figures |= {
            f"{name}_precision": precision[:, index],
            f"{name}_recall": recall[:, index],
            f"{name}_f1": f1[:, index],
        }
    return figures
