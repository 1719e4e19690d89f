"""What a finished run predicts with: its network, a rule, or the networks that an ensemble joins."""

from __future__ import annotations

import json
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES, Dataset
from busilib.data.tiles import Tiles
from busilib.errors import UserError
from busilib.metrics.outline import circumferences
from busilib.metrics.redrawn import RAW, redrawn
from busilib.metrics.segmentation import count_pixels, dice_per_image, surface_distances
from busilib.metrics.tissue import tissue_counts
from busilib.reports.experiment import Experiment
from busilib.settings import Settings

if TYPE_CHECKING:
    from busilib.runs.run import Run

THRESHOLD = 0.5
"""Lesion probability from which a pixel counts as lesion, in every report and here."""

EVALUATION_BATCH = 32

PRESENCE_THRESHOLDS = np.arange(1, 20) / 20
"""Among which the validation images choose from which presence on a mask counts."""


def build(entry: Experiment, settings: Settings, pretrained: bool = False):
    """What an experiment predicts with: a Keras model, a rule or an ensemble (see `Experiment.build`).

    A model gets pretrained weights only if they are asked for.

    Example (not run):
        >>> build(experiment("r2-unet"), experiment("r2-unet").settings).count_params()
        31030593
    """
    return _build(entry.build, settings if pretrained else replace(settings, weights=None, frozen=False))


def _build(builder: str, settings: Settings):
    from busilib.keras_backend import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        return pkgutil.resolve_name(builder)(settings)
    finally:
        keras.config.set_dtype_policy(before)


def predictor(run: Run) -> Callable[..., np.ndarray]:
    """What a finished run predicts with, loaded once.

    Returns:
        A function of indices (int (m,), into the run's data), inputs (key of `INPUTS`) and head; what it
        returns is described at `Run.probabilities`, and for tissues it is the codes, uint8 (m, h, w).
    """
    if run.experiment.kind == "rule":
        rule = build(run.experiment, run.settings)
        return lambda indices, inputs="", head="": rule(run.data.images[indices])
    if run.experiment.kind == "head":
        (member,) = run.members
        return lambda indices, inputs="", head="": member.probabilities(indices, inputs, run.experiment.head)
    if run.experiment.kind == "ensemble":
        ensemble, weights = build(run.experiment, run.settings), _member_weights(run)
        members = [predictor(member) for member in run.members]
        return lambda indices, inputs="image", head="": ensemble.join(
            np.stack([member(indices, inputs) for member in members]), weights
        )
    return network_predictor(run, network(run), run.facts.get("presence_threshold"))


def network(run: Run):
    """The trained Keras model of a finished run, loaded once: ask it, do not train it on.

    Raises:
        UserError: if the run's experiment is a rule or an ensemble.

    Example (not run):
        >>> network(run("r2-cnn", data, "smoke")).name
        'r2_cnn'
    """
    from busilib.training.fit import BEST

    if run.experiment.kind != "network":
        raise UserError(f"{run.experiment.id} has no network of its own: it is a {run.experiment.kind}")
    return _loaded(run.experiment.build, run.settings, run.folder / BEST)


@lru_cache(maxsize=4)
def _loaded(builder: str, settings: Settings, weights: Path):
    """A trained network, kept for the next question: deep ones take longer to build than to predict."""
    model = _build(builder, replace(settings, weights=None, frozen=False))
    model.load_weights(weights)
    return model


def network_predictor(run: Run, model, threshold: float | None = None) -> Callable[..., np.ndarray]:
    """The same as `predictor` for a model at hand.

    A segmenter with a second head gives its mask, gated if there is a threshold of presence, or what
    "presence" or "class" says.
    """
    from busilib.training.fit import predict_codes

    if run.experiment.task == "tissue":
        return lambda indices, inputs="", head="": predict_codes(model, batches(run, indices, inputs))

    def ask(indices: np.ndarray, inputs: str, head: str = "") -> np.ndarray:
        found = _heads(run, model, indices, inputs)
        if not isinstance(found, dict):
            return found
        if not run.settings.second_head:
            return found[head or "class"]
        if head == "presence":
            return presence_of(found)
        if head == "class":
            return found["class"]
        return found["mask"] if threshold is None else gated(found["mask"], presence_of(found), threshold)

    return ask


def _heads(run: Run, model, indices: np.ndarray, inputs: str):
    """What all heads say, of images as the dataset has them, whatever shape the network was shown."""
    from busilib.keras_backend import keras
    from busilib.training.fit import predict
    from busilib.training.letterbox import unbox

    found = predict(model, batches(run, indices, inputs), run.settings.test_flip)
    if run.settings.shape != "letterbox":
        return found
    sides = run.data.table[["width", "height"]].to_numpy()[indices]
    return keras.tree.map_structure(lambda x: unbox(x, sides) if x.ndim == 3 else x, found)


def presence_of(found: Mapping[str, np.ndarray]) -> np.ndarray:
    """The probability that there is a lesion at all, from what the heads of a segmenter say.

    Args:
        found: as `busilib.training.fit.predict` gives it.

    Returns:
        float32 (n,): that of "presence", else 1 − P(normal) of "class".

    Example:
        >>> presence_of({"class": np.array([[0.2, 0.1, 0.7]])}).round(6)
        array([0.3])
    """
    return found["presence"] if "presence" in found else 1 - found["class"][:, CLASSES.index("normal")]


def gated(masks: np.ndarray, presence: np.ndarray, threshold: float) -> np.ndarray:
    """Lesion probabilities, set to 0 in images that show no lesion.

    Args:
        masks: float (n, h, w).
        presence: float (n,), probability of any lesion.
        threshold: presence from which a mask counts.

    Returns:
        float (n, h, w).

    Example:
        >>> gated(np.ones((2, 1, 1)), np.array([0.2, 0.6]), 0.5).ravel()
        array([0., 1.])
    """
    return masks * (presence >= threshold)[:, None, None]


def presence_threshold(masks: np.ndarray, found: np.ndarray, presence: np.ndarray) -> float:
    """The threshold of presence with the highest mean Dice over all validation images.

    An image without a lesion has Dice 1 where nothing is marked and else 0, so false lesions and missed ones
    weigh as much as each other. Of `PRESENCE_THRESHOLDS` that are equally good, that nearest 0.5 is taken:
    few validation images must not drive it to an edge.

    Args:
        masks: bool (n, h, w), the reference.
        found: float (n, h, w), lesion probabilities without a gate.
        presence: float (n,).

    Example (not run):
        >>> presence_threshold(masks, found, presence)
        0.5
    """
    dice = np.array(
        [
            dice_per_image(count_pixels(masks, gated(found, presence, each) >= THRESHOLD)).mean()
            for each in PRESENCE_THRESHOLDS
        ]
    )
    best = PRESENCE_THRESHOLDS[dice >= dice.max() - 1e-9]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _member_weights(run: Run) -> np.ndarray:
    shares = json.loads((run.folder / "weights.json").read_text(encoding="utf-8"))
    return np.array([shares[id] for id in run.experiment.members])


def batches(run: Run, indices: np.ndarray, inputs: str, training: bool = False):
    """Batches of images of a run, for its network; in training they are shuffled and augmented."""
    from busilib.training.batches import Batches, class_weights
    from busilib.training.tile_batches import TileBatches

    entry, settings = run.experiment, run.settings
    size = settings.batch if training else EVALUATION_BATCH
    if isinstance(run.data, Tiles):
        return TileBatches(run.data, indices, batch=size, shuffle=training, seed=run.seed)
    return Batches(
        run.data if settings.drawing == RAW else _redrawn(run.data, indices, settings.drawing),
        indices,
        batch=size,
        augmentation=entry.augmentation if training else None,
        seed=run.seed,
        target=entry.target,
        inputs=inputs,
        pair=entry.pair,
        predicted=run.predicted,
        image_only_from=settings.image_only_from,
        second_head=settings.second_head,
        letterbox=settings.shape == "letterbox",
        class_weights=class_weights(run.data.labels[run.split.train], settings.class_power)
        if training and settings.class_power
        else None,
    )


def _redrawn(data: Dataset, indices: np.ndarray, drawing: str) -> Dataset:
    masks = data.masks.copy()
    masks[indices] = redrawn(data.masks[indices], drawing)
    return replace(data, masks=masks)


def milliseconds_per_image(run: Run, predict: Callable[..., np.ndarray]) -> float:
    """How long a prediction takes, batching included, once the network is warm: timed on a second pass."""
    images = run.split.test[: 2 * EVALUATION_BATCH]
    predict(images, run.test_inputs)
    started = time.perf_counter()
    predict(images, run.test_inputs)
    return round(1000 * (time.perf_counter() - started) / len(images), 2)


def prediction_table(run: Run, indices: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """Predictions as `predictions.csv` holds them: `id`, `fold`, `true`, then the figures of the task.

    `true` is the class of an image, or the slide of a tile.
    """
    part = run.data.subset(indices)
    true = part.table["slide" if isinstance(part, Tiles) else "class"]
    table = pd.DataFrame({"id": part.ids, "fold": run.fold, "true": true})
    if isinstance(part, Tiles):
        figures = [tissue_counts(part.codes, found)]
    elif run.experiment.task == "segmentation":
        predicted = found >= THRESHOLD
        figures = [
            count_pixels(part.masks, predicted),
            surface_distances(part.masks, predicted),
            circumferences(part.masks, predicted),
        ]
    else:
        figures = [pd.DataFrame(found.round(6), columns=list(CLASSES))]
    return pd.concat([table, *figures], axis=1)
