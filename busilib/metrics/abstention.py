"""What a classifier gains by leaving the images it is least sure of to somebody else."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.metrics.calibration import confidence_of
from busilib.metrics.pairing import by_fold
from busilib.metrics.weighted import each_once, mean, settled


def risk_coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Share of errors among the answered images, from the most confident answer to all of them.

    Confidence is the probability of the predicted class. Images of equal confidence are answered together,
    so that the order of the rows does not matter. Sources: El-Yaniv and Wiener 2010, Geifman and
    El-Yaniv 2017.

    Args:
        table: columns `true` (class name) and the three class probabilities.

    Returns:
        One row per distinct confidence, falling: `confidence` (the lowest that is answered), `coverage`
        (share of images answered, the last is 1) and `risk` (share of wrong ones among these).

    Example:
        >>> risk_coverage(predictions)["coverage"].iloc[-1]
        1.0
    """
    confidence, right = confidence_of(table)
    held = pd.DataFrame({"confidence": confidence, "wrong": ~right})
    level = held.groupby("confidence")["wrong"].agg(["sum", "size"]).sort_index(ascending=False).cumsum()
    return pd.DataFrame(
        {
            "confidence": level.index.to_numpy(),
            "coverage": (level["size"] / len(table)).to_numpy(),
            "risk": (level["sum"] / level["size"]).to_numpy(),
        }
    )


def aurc(table: pd.DataFrame) -> float:
    """Area under the risk–coverage curve: the mean risk over all coverages, lower is better.

    A confidence that says nothing about errors gives the overall error rate.

    Args:
        table: columns `true` (class name) and the three class probabilities.

    Example:
        >>> 0 < aurc(predictions) < 1
        True
    """
    curve = risk_coverage(table)
    return float((curve["risk"] * curve["coverage"].diff().fillna(curve["coverage"])).sum())


def coverage_at(table: pd.DataFrame, risk: float) -> float:
    """The largest share of images that can be answered with at most this share of errors; 0 if none can.

    The threshold that does it is chosen with the answers known: an upper bound, not a promise.

    Example:
        >>> coverage_at(predictions, risk=0.05)
        0.137…
    """
    curve = risk_coverage(table)
    return float(curve.loc[curve["risk"] <= risk, "coverage"].max()) if (curve["risk"] <= risk).any() else 0.0


def threshold_for(validation: pd.DataFrame, risk: float) -> float:
    """The lowest confidence that, on validation images, is answered with at most this share of errors.

    Returns:
        A confidence; infinity where no threshold reaches the risk.

    Example:
        >>> threshold_for(record.validation.query("fold == 0"), risk=0.1)
        0.86526
    """
    curve = risk_coverage(validation)
    return (
        float(curve.loc[curve["risk"] <= risk, "confidence"].min())
        if (curve["risk"] <= risk).any()
        else np.inf
    )


def answered(predictions: pd.DataFrame, validation: pd.DataFrame, risk: float) -> np.ndarray:
    """Which images a model would answer, with the threshold of each fold chosen on its validation rows.

    Args:
        predictions: rows as in a classification record's `predictions.csv`.
        validation: rows as in its `validation.csv`.
        risk: the share of errors to aim at.

    Returns:
        bool (n,).

    Raises:
        busilib.metrics.pairing.PairingError: if a fold has no validation rows.

    Example:
        >>> answered(record.predictions, record.validation, risk=0.1).mean()
        0.401…
    """
    confidence, _ = confidence_of(predictions)
    chosen = np.zeros(len(predictions), bool)
    for _, rows, inner in by_fold(predictions, validation):
        chosen[rows] = confidence[rows] >= threshold_for(inner, risk)
    return chosen


def abstention_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """How much was answered and how much of that was wrong.

    Args:
        table: columns `true` (class name), the three class probabilities and `answered` (bool).
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        `coverage`, and `risk` among the answered (NaN where nothing was).

    Example:
        >>> abstention_metrics(predictions.assign(answered=True))["coverage"]
        1.0
    """
    w = each_once(len(table)) if weights is None else weights
    chosen = table["answered"].to_numpy(bool)
    _, right = confidence_of(table)
    return settled({"coverage": mean(chosen, w), "risk": mean(~right, w, chosen)}, weights)
