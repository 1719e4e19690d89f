"""A linear probe: logistic regression on what a frozen encoder sees, usually a MobileNet.

It learns in seconds, so one question can be asked many times, under many splits and of many changed images
(notebooks 9 and 10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from busilib import provenance
from busilib.data.dataset import CLASSES, Dataset
from busilib.data.splits import Split
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile_settings
from busilib.studies.context import ENCODER, Context

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation strengths (C) to choose from."""

BATCH = 64


def probe_weights(profile: str, weights: str = "", encoder: str = ENCODER) -> str | None:
    """Where the probe's encoder gets its weights: as the MobileNet of `r2-mobilenet` does under that profile.

    Args:
        profile: "smoke", "laptop" or "full".
        weights: see `busilib.runs.profiles.settings_for`.
        encoder: see `busilib.studies.context.Context`.

    Returns:
        "imagenet", the path of a file, or None for random weights.

    Example:
        >>> probe_weights("smoke") is None
        True
    """
    from busilib.models.encoders import find_weights

    wanted = weights or _usual_weights(profile)
    source = find_weights(encoder, None if wanted == "none" else wanted)
    return None if source is None else str(source)


def _usual_weights(profile: str) -> str | None:
    return profile_settings(experiment("r2-mobilenet"), profile).weights


def about_probe(context: Context) -> dict:
    """What a study says of its probe: facts and `apart`, as `busilib.studies.study.measured` takes them.

    Example:
        >>> about_probe(Context("smoke"))["encoder"]
        'mobilenet'
    """
    source = probe_weights(context.profile, context.weights, context.encoder)
    lacking = source is None and _usual_weights(context.profile) is not None
    other = [context.encoder] if context.encoder != ENCODER else []
    return {
        "apart": other + (["random-weights"] if lacking else []),
        "model": "linear probe on a frozen encoder",
        "encoder": context.encoder,
        "weights": provenance.weights(source),
    }


def features(images: np.ndarray, weights: str | None, seed: int = 0, encoder: str = ENCODER) -> np.ndarray:
    """The last feature map of an encoder, averaged over the image.

    Args:
        images: uint8 (n, h, h), gray levels; h at least 32.
        weights: as `probe_weights` gives them; None for random ones, whose features say little.
        seed: of random weights.
        encoder: see `busilib.studies.context.Context`.

    Returns:
        float32 (n, c), of the MobileNet 1024 channels.

    Raises:
        busilib.errors.WeightsError: if the weights cannot be had.

    Example (not run):
        >>> features(data.images, probe_weights("laptop", "local")).shape
        (780, 1024)
    """
    return eye(images.shape[1], weights, seed, encoder)(images)


def eye(
    size: int, weights: str | None, seed: int = 0, encoder: str = ENCODER
) -> Callable[[np.ndarray], np.ndarray]:
    """`features` for many sets of images of one size, so that the encoder is built once.

    Args:
        size: height and width of the images.
        weights, seed, encoder: as `features` takes them.

    Returns:
        From images to their features.

    Raises:
        busilib.errors.WeightsError: if the weights cannot be had.

    Example (not run):
        >>> see = eye(data.size, probe_weights("laptop"))
        >>> whole, border = see(data.images), see(border_only(data.images))
    """
    from busilib.keras_backend import keras
    from busilib.models import encoders

    keras.utils.set_random_seed(seed)
    base = encoders.encoder(encoder, size, weights)
    pooled = keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))

    def see(images: np.ndarray) -> np.ndarray:
        return pooled.predict(images[..., None] / np.float32(255), batch_size=BATCH, verbose=0)

    return see


def fit_probe(x: np.ndarray, labels: np.ndarray, watch: np.ndarray, watch_labels: np.ndarray) -> Pipeline:
    """Fit a logistic regression for each of `STRENGTHS` and keep the one that is most accurate on `watch`.

    Args:
        x: float32 (m, d), features of the training images.
        labels: int (m,).
        watch: float32 (k, d), features of the images that choose: validation images, if all is well.
        watch_labels: int (k,).

    Returns:
        The fitted pipeline; of equals the most regularised.

    Example (not run):
        >>> fit_probe(x[train], labels[train], x[validation], labels[validation]).predict_proba(x[test])
    """
    return most_accurate(fit_strengths(x, labels), watch, watch_labels)


def fit_strengths(x: np.ndarray, labels: np.ndarray) -> list[Pipeline]:
    """A logistic regression for each of `STRENGTHS`, see `fit_probe`.

    Example (not run):
        >>> len(fit_strengths(x[train], labels[train])) == len(STRENGTHS)
        True
    """
    return [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(x, labels)
        for strength in STRENGTHS
    ]


def most_accurate(fitted: Sequence[Pipeline], watch: np.ndarray, watch_labels: np.ndarray) -> Pipeline:
    """The one of `fit_strengths` that is most accurate on `watch`; of equals the most regularised.

    Example (not run):
        >>> most_accurate(fitted, x[validation], labels[validation]).predict_proba(x[test])
    """
    return max(fitted, key=lambda one: one.score(watch, watch_labels))


def probe_predictions(x: np.ndarray, data: Dataset, splits: Sequence[Split]) -> pd.DataFrame:
    """What a probe says about the test images of each split, its strength chosen on the validation images.

    Args:
        x: float32 (n, d), features of all images of `data`.
        data: labels, ids and groups.
        splits: one per fold.

    Returns:
        Rows for `busilib.studies.study.Condition`: `id`, `fold`, `true`, `group` and three class
        probabilities.

    Example (not run):
        >>> splits = [grouped_split(data.labels, data.groups, fold) for fold in range(5)]
        >>> len(probe_predictions(x, data, splits)) == len(data)
        True
    """
    return out_of_fold([fit_split(x, data.labels, split) for split in splits], x, data, splits)


def fit_split(x: np.ndarray, labels: np.ndarray, split: Split) -> Pipeline:
    """`fit_probe` on the training images of a split, its strength chosen on the validation images.

    Example (not run):
        >>> fit_split(x, data.labels, split).predict_proba(x[split.test])
    """
    train, watch = split.train, split.validation
    return fit_probe(x[train], labels[train], x[watch], labels[watch])


def out_of_fold(
    models: Sequence[ClassifierMixin], x: np.ndarray, data: Dataset, splits: Sequence[Split]
) -> pd.DataFrame:
    """What fitted models, one per split, say about the test images of theirs (see `probe_predictions`).

    Example (not run):
        >>> out_of_fold([fit_split(x, data.labels, split) for split in splits], x, data, splits)
    """
    return pd.concat(
        [
            prediction_rows(model, x[split.test], data.subset(split.test), fold)
            for fold, (model, split) in enumerate(zip(models, splits, strict=True))
        ],
        ignore_index=True,
    )


def prediction_rows(model: ClassifierMixin, x: np.ndarray, data: Dataset, fold: int) -> pd.DataFrame:
    """Rows of predictions (see `probe_predictions`) of a fitted probe for the images of `data`.

    Example (not run):
        >>> prediction_rows(model, x[split.test], data.subset(split.test), fold=0)
    """
    found = np.zeros((len(data), len(CLASSES)))
    found[:, model.classes_] = model.predict_proba(x)
    table = data.table[["id", "group"]].assign(fold=fold, true=data.table["class"])
    return table.assign(**dict(zip(CLASSES, found.round(4).T, strict=True))).reset_index(drop=True)
