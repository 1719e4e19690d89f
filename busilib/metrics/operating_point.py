"""The operating point: which class is named, chosen apart from how probable the classes are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES
from busilib.metrics.pairing import PairingError, by_fold

STEPS = np.arange(-20, 21) / 10
"""Offsets that are tried, in nats: the outermost change the odds by 7.4."""

PENALTY = 0.02
"""Macro F1 that offsets must bring for each squared nat. A validation part of BUSI has about 78 images, and
one of them is worth 0.01 to 0.02: an offset of 1 nat must mend one or two of them."""

SMALLEST = 1e-7
"""Probabilities below count as this."""


def fit_offsets(validation: pd.DataFrame) -> np.ndarray:
    """Offsets of the log probabilities with which the most probable class has the best macro F1.

    Macro F1 is what `own-clf` is judged by, and unlike balanced accuracy it also minds how many images are
    wrongly called by a rare class's name. All offsets of a grid are tried, and `PENALTY` times their squares
    is taken off, so that few validation images move the decision little, and none without need.

    Args:
        validation: columns `true` (class name), `benign`, `malignant`, `normal` (probabilities), of images
            that the network did not learn from and that are not tested.

    Returns:
        float64 (3,), in nats and in the order of `CLASSES`; they add up to 0.

    Raises:
        PairingError: if a class has no validation image.

    Example (not run):
        >>> fit_offsets(run.validation).round(2)
        array([ 0.33, -0.17, -0.17])
    """
    true = pd.Categorical(validation["true"], categories=CLASSES).codes
    absent = [name for label, name in enumerate(CLASSES) if not (true == label).any()]
    if absent:
        raise PairingError(
            f"no validation image is {', '.join(absent)}: an operating point needs all classes"
        )
    grid = np.stack(np.meshgrid(STEPS, STEPS, indexing="ij"), axis=-1).reshape(-1, 2)
    offsets = np.column_stack([np.zeros(len(grid)), grid])
    offsets -= offsets.mean(axis=1, keepdims=True)
    called = (_logs(validation)[None] + offsets[:, None]).argmax(axis=2)
    scores = np.zeros(len(offsets))
    for label in range(len(CLASSES)):
        named, real = called == label, true == label
        scores += 2 * (named & real).sum(axis=1) / (named.sum(axis=1) + real.sum()) / len(CLASSES)
    scores -= PENALTY * (offsets**2).sum(axis=1)
    return offsets[scores.argmax()]


def with_offsets(predictions: pd.DataFrame, offsets: np.ndarray) -> pd.DataFrame:
    """Predictions whose log probabilities are moved, and add up to 1 again.

    Args:
        predictions: columns `benign`, `malignant`, `normal`.
        offsets: float (3,), see `fit_offsets`.

    Returns:
        A copy with other probabilities.

    Example:
        >>> with_offsets(pd.DataFrame({"benign": [0.6], "malignant": [0.3], "normal": [0.1]}), np.zeros(3))
    """
    moved = _logs(predictions) + offsets
    moved = np.exp(moved - moved.max(axis=1, keepdims=True))
    return predictions.assign(**dict(zip(CLASSES, (moved / moved.sum(axis=1, keepdims=True)).T, strict=True)))


def at_operating_point(predictions: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """Predictions at the operating point that the validation rows of the same seed and fold choose.

    Figures of decisions (macro F1, accuracy) are meant to be read from it, beside those of `predictions`; AUC
    and calibration are those of the network, and of `predictions`.

    Args:
        predictions: a record's, with `fold` and, of several seeds, `seed`.
        validation: the record's.

    Returns:
        The same rows in the same order, with other probabilities.

    Raises:
        PairingError: if a seed or fold has no validation rows.

    Example:
        >>> classification_metrics(at_operating_point(record.predictions, record.validation))["macro_f1"]
    """
    seeds = predictions["seed"].unique() if "seed" in predictions else [None]
    parts = []
    for seed in seeds:
        own, inner = predictions, validation
        if seed is not None:
            own = predictions[predictions["seed"] == seed]
            inner = validation[validation["seed"] == seed] if len(validation) else validation
        parts += [with_offsets(own[rows], fit_offsets(chosen)) for _, rows, chosen in by_fold(own, inner)]
    return pd.concat(parts).loc[predictions.index]


def mean_of_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions of an ensemble of the seeds: for each image the mean of the probabilities it has in each.

    Of grouped folds each of them is of a network that learned neither from the image nor from its
    near-duplicates. To decide at operating points, give what `at_operating_point` returns.

    Args:
        predictions: columns `id`, `true`, `seed` and the three class probabilities.

    Returns:
        One row per image, in the order of the first seed, with `id`, `true` and probabilities; without
        `seed` and `fold`, which differ between the networks behind a row.

    Raises:
        PairingError: if the seeds did not test the same images, each once.

    Example:
        >>> mean_of_seeds(record.predictions).shape[0]
        780
    """
    counts = predictions.groupby("id")["seed"].agg(["size", "nunique"])
    seeds = predictions["seed"].nunique()
    odd = counts[(counts["size"] != seeds) | (counts["nunique"] != seeds)]
    if len(odd):
        raise PairingError(
            f"{odd.index[0]!r} has {odd['size'].iloc[0]} row(s) in {seeds} seed(s): every seed must have "
            "tested every image once. Give the predictions of whole seeds."
        )
    grouped = predictions.groupby("id", sort=False)
    return pd.concat([grouped["true"].first(), grouped[list(CLASSES)].mean()], axis=1).reset_index()


def _logs(table: pd.DataFrame) -> np.ndarray:
    return np.log(np.maximum(table[list(CLASSES)].to_numpy(float), SMALLEST))
