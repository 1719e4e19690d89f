"""Means, ratios, areas and errors of many weightings of the same rows at once.

Weights are float (draws, n): how often, or how much, each of n rows counts in each draw. Results are float64
(draws,) or (draws, columns), NaN where nothing that counts is there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Element by element; NaN where `whole` is 0.

    Example:
        >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
        array([0.5, nan])
    """
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)


def mean(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of a value per row.

    Args:
        values: (n,), bool or float.
        weights: float (draws, n).
        rows: bool (n,), the rows that count; all, unless given.

    Returns:
        float64 (draws,).

    Example:
        >>> mean(np.array([1, 2, 9]), np.array([[1.0, 3.0, 1.0]]), np.array([True, True, False]))
        array([1.75])
    """
    values = np.asarray(values, float)
    if rows is not None:
        values, weights = values[rows], weights[:, rows]
    return ratio(weights @ values, weights.sum(axis=1))


def auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: how often a positive row scores above a negative one, ties counted half.

    Args:
        positive: bool (n,).
        score: float (n,).
        weights: float (draws, n).

    Returns:
        float64 (draws,), NaN where a draw lacks positive or negative rows.

    Example:
        >>> auc(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]), np.ones((1, 3)))
        array([0.75])
    """
    if not len(score):
        return np.full(len(weights), np.nan)
    order = np.argsort(score, kind="stable")
    positive, score, weights = positive[order], score[order], weights[:, order]
    levels = np.flatnonzero(np.append(True, score[1:] > score[:-1]))
    hits = np.add.reduceat(weights * positive, levels, axis=1)
    alarms = np.add.reduceat(weights * ~positive, levels, axis=1)
    below = alarms.cumsum(axis=1) - alarms / 2
    return ratio((hits * below).sum(axis=1), hits.sum(axis=1) * alarms.sum(axis=1))


def binned_error(gap: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over bins of the absolute weighted sum of a gap, over the sum of weights (as in the ECE).

    Args:
        gap: float (n,), such as confidence − whether right.
        bins: int (n,), the bin of each row.
        weights: float (draws, n).

    Returns:
        float64 (draws,).

    Example:
        >>> binned_error(np.array([0.2, -0.2, 0.1]), np.array([0, 0, 1]), np.ones((1, 3))).round(3)
        array([0.033])
    """
    columns = np.where(bins[:, None] == np.unique(bins), gap[:, None], 0)
    return ratio(np.abs(weights @ columns).sum(axis=1), weights.sum(axis=1))


def each_once(n: int) -> np.ndarray:
    """Weights under which every figure is that of the table itself: float64 (1, n)."""
    return np.ones((1, n))


def settled(figures: Mapping[str, np.ndarray], weights: np.ndarray | None) -> dict:
    """Figures as asked for: those of all draws, or plain numbers where no weights were given.

    Example:
        >>> settled({"accuracy": np.array([0.5])}, None)
        {'accuracy': 0.5}
    """
    return dict(figures) if weights is not None else {key: float(value[0]) for key, value in figures.items()}
