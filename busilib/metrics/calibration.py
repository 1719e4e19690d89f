"""Whether probabilities mean what they say, and the one number that can make them mean more."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from busilib.data.dataset import CLASSES
from busilib.metrics.classification import ECE_BINS, SMALLEST, probability_errors
from busilib.metrics.pairing import PairingError, by_fold
from busilib.metrics.weighted import each_once, mean, settled

TEMPERATURES = (0.05, 20.0)
"""Where a temperature is sought; a bound is met only where a table is all right or worse than guessing."""


def reliability(table: pd.DataFrame) -> pd.DataFrame:
    """Confidence and accuracy in 15 equal bins of the probability of the predicted class.

    The count-weighted mean of |confidence − accuracy| is the expected calibration error, `ece` in
    `busilib.metrics.classification.classification_metrics`.

    Args:
        table: columns `true` (class name) and the three class probabilities.

    Returns:
        One row per bin: `low`, `high` (its bounds, low included), mean `confidence`, `accuracy` (both NaN
        where the bin is empty) and `n`.

    Example:
        >>> reliability(predictions).query("n > 0")[["confidence", "accuracy", "n"]]
    """
    confidence, right = confidence_of(table)
    place = _bins(confidence)
    held = pd.DataFrame({"confidence": confidence, "accuracy": right.astype(float), "bin": place})
    edges = np.linspace(0, 1, ECE_BINS + 1)
    means = held.groupby("bin")[["confidence", "accuracy"]].mean().reindex(range(ECE_BINS))
    counts = np.bincount(place, minlength=ECE_BINS)
    return means.assign(n=counts, low=edges[:-1], high=edges[1:])[
        ["low", "high", "confidence", "accuracy", "n"]
    ].reset_index(drop=True)


def confidence_of(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the predicted class of each row, and whether that class is the true one.

    Returns:
        float (n,) and bool (n,).

    Example:
        >>> confidence, right = confidence_of(predictions)
    """
    probabilities = table[list(CLASSES)].to_numpy(float)
    named = np.array(CLASSES)[probabilities.argmax(axis=1)]
    return probabilities.max(axis=1), named == table["true"].to_numpy()


def fit_temperature(validation: pd.DataFrame) -> float:
    """The temperature under which validation probabilities have the lowest log loss.

    Above 1 a model was too sure, below 1 not sure enough. Source: Guo et al. 2017, "On calibration of modern
    neural networks". The logits are taken from the probabilities: log p is a logit up to a constant per row,
    which softmax ignores.

    Args:
        validation: columns `true` (class name) and the three class probabilities, of images that no training
            step has seen and no result is reported on.

    Returns:
        A number within `TEMPERATURES`.

    Raises:
        PairingError: if the table has no rows.

    Example:
        >>> fit_temperature(record.validation.query("fold == 0"))
        1.087…
    """
    if not len(validation):
        raise PairingError("a temperature needs validation rows, and the table has none")
    logits = _logits(validation)
    true = pd.Categorical(validation["true"], categories=CLASSES).codes.astype(int)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(true)), true].mean())

    bounds = tuple(np.log(TEMPERATURES))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def apply_temperature(table: pd.DataFrame, temperature: float | np.ndarray) -> pd.DataFrame:
    """Probabilities softened (above 1) or sharpened (below 1); no predicted class changes.

    Args:
        table: the three class probabilities; further columns are kept.
        temperature: above 0; one number, or float (n,) where it differs by row.

    Returns:
        A copy with softmax(log p / temperature).

    Raises:
        ValueError: if a temperature is not above 0.

    Example:
        >>> soft = apply_temperature(predictions, 2.0)
    """
    temperature = np.asarray(temperature, float)
    if not (temperature > 0).all():
        raise ValueError(f"a temperature must be above 0, not {temperature.min()}")
    scaled = softmax(_logits(table) / temperature.reshape(-1, 1), axis=1)
    return table.assign(**dict(zip(CLASSES, scaled.T, strict=True)))


def calibrate(predictions: pd.DataFrame, validation: pd.DataFrame) -> tuple[pd.DataFrame, dict[int, float]]:
    """Scale each fold by the temperature fitted on its own validation rows, and on nothing else.

    Args:
        predictions: rows as in a classification record's `predictions.csv`.
        validation: rows as in its `validation.csv`.

    Returns:
        The scaled predictions, and the temperature of each fold.

    Raises:
        PairingError: if a fold has no validation rows.

    Example:
        >>> scaled, temperatures = calibrate(record.predictions, record.validation)
    """
    temperatures = {fold: fit_temperature(inner) for fold, _, inner in by_fold(predictions, validation)}
    return apply_temperature(predictions, predictions["fold"].map(temperatures).to_numpy()), temperatures


def calibration_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """The figures that a temperature can change or must leave alone, quicker than all of them.

    Args:
        table: columns `true` (class name) and the three class probabilities.
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        `accuracy`, `ece`, `brier` and `log_loss`, as in `classification_metrics`.

    Example:
        >>> calibration_metrics(predictions)["ece"]
    """
    w = each_once(len(table)) if weights is None else weights
    _, right = confidence_of(table)
    return settled({"accuracy": mean(right, w), **probability_errors(table, w)}, weights)


def _bins(confidence: np.ndarray) -> np.ndarray:
    return np.clip((confidence * ECE_BINS).astype(int), 0, ECE_BINS - 1)


def _logits(table: pd.DataFrame) -> np.ndarray:
    return np.log(np.clip(table[list(CLASSES)].to_numpy(float), SMALLEST, 1))
