"""How a run comes to its predictions: a network learns, a rule is applied, an ensemble joins its members."""

from __future__ import annotations

import json
import pkgutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from busilib import provenance
from busilib.data.dataset import CLASSES
from busilib.errors import UserError
from busilib.metrics.segmentation import count_pixels, surface_distances
from busilib.metrics.tissue import tissue_counts
from busilib.reports.experiment import Experiment
from busilib.runs.run import FACTS, HOLD_OUT, MASKS, PREDICTIONS, VALIDATION, Run
from busilib.settings import Settings

THRESHOLD = 0.5
"""Lesion probability from which a pixel counts as lesion, in every report and here."""

EVALUATION_BATCH = 32
EPOCHLESS = pd.DataFrame(columns=["epoch", "seconds"])
"""The history of what is not trained in epochs."""


def build(entry: Experiment, settings: Settings, pretrained: bool = False):
    """What an experiment predicts with: a Keras model, a rule or an ensemble (see `Experiment.build`).

    A model gets pretrained weights only if they are asked for.

    Example:
        >>> build(experiment("r2-unet"), experiment("r2-unet").settings).count_params()
        31030593
    """
    return _build(entry.build, settings if pretrained else replace(settings, weights=None, frozen=False))


def _build(builder: str, settings: Settings):
    return pkgutil.resolve_name(builder)(settings)


def produce(run: Run) -> None:
    """Train what there is to train, predict the test images, and write the run's folder.

    The run counts as finished once `run.json` is there: it appears whole, after everything else.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    learn = {"network": _train_network, "rule": _apply_rule, "ensemble": _join_members}[run.experiment.kind]
    facts, predict = learn(run)
    learned = time.perf_counter()
    inner = run.split.validation if run.split.selected_on == "validation" else []
    for name, indices in (
        (PREDICTIONS, run.split.test),
        (VALIDATION, inner),
        (HOLD_OUT, run.split.hold_out),
    ):
        if len(indices):
            found = predict(indices, run.test_inputs)
            prediction_table(run, indices, found).to_csv(run.folder / name, index=False)
            if name == PREDICTIONS and run.experiment.task == "segmentation":
                np.savez_compressed(run.folder / MASKS, masks=found >= THRESHOLD)
    total = facts.pop("prepare_seconds") + facts["train_seconds"] + time.perf_counter() - learned
    facts |= {
        "total_seconds": round(total, 1),
        "predict_ms_per_image": milliseconds_per_image(run, predict),
        **provenance.environment(),
    }
    part = run.folder / f"{FACTS}.part"
    part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    part.replace(run.folder / FACTS)
    # The last state of a training goes after the facts, so that a kill in between loses nothing.
    (run.folder / "last.weights.h5").unlink(missing_ok=True)


def predictor(run: Run) -> Callable[..., np.ndarray]:
    """What a finished run predicts with, loaded once.

    Returns:
        A function of indices (int (m,), into the run's data), inputs (key of `INPUTS`) and head; what it
        returns is described at `Run.probabilities`, and for tissues it is the codes, uint8 (m, h, w).
    """
    if run.experiment.kind == "rule":
        rule = build(run.experiment, run.settings)
        return lambda indices, inputs="", head="": rule(run.data.images[indices])
    if run.experiment.kind == "ensemble":
        ensemble, weights = build(run.experiment, run.settings), _member_weights(run)
        members = [predictor(member) for member in run.members]
        return lambda indices, inputs="image", head="": ensemble.join(
            np.stack([member(indices, inputs) for member in members]), weights
        )
    return _network_predictor(run, network(run))


def network(run: Run):
    """The trained Keras model of a finished run, loaded once: ask it, do not train it on.

    Raises:
        UserError: if the run's experiment is a rule or an ensemble.

    Example:
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


def _network_predictor(run: Run, model) -> Callable[..., np.ndarray]:
    from busilib.training.fit import predict, predict_codes

    if run.experiment.task == "tissue":
        return lambda indices, inputs="", head="": predict_codes(model, _batches(run, indices, inputs))
    return lambda indices, inputs, head="class": predict(model, _batches(run, indices, inputs), head)


def milliseconds_per_image(run: Run, predict: Callable[..., np.ndarray]) -> float:
    """How long a prediction takes, batching included, once the network is warm: timed on a second pass."""
    images = run.split.test[: 2 * EVALUATION_BATCH]
    predict(images, run.test_inputs)
    started = time.perf_counter()
    predict(images, run.test_inputs)
    return round(1000 * (time.perf_counter() - started) / len(images), 2)


def _train_network(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    from busilib.keras_backend import keras
    from busilib.training.fit import fit

    started = time.perf_counter()
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    model = build(run.experiment, run.settings, pretrained=True)
    train = _batches(run, run.split.train, run.inputs, training=True)
    validation = _batches(run, run.split.validation, run.inputs)
    prepared = time.perf_counter() - started
    history = fit(model, train, validation, run.settings, run.folder, f"{run.name} fold {run.fold}")
    facts = {
        "parameters": model.count_params(),
        "weights": provenance.weights(run.settings.weights),
        "prepare_seconds": prepared,
        # The history also counts the epochs of a process that was killed; our own clock does not.
        "train_seconds": round(float(history["seconds"].sum()), 1),
    }
    return facts, _network_predictor(run, model)


def _apply_rule(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    EPOCHLESS.to_csv(run.folder / "history.csv", index=False)
    facts = {"parameters": 0, "weights": {"source": "none"}, "prepare_seconds": 0.0, "train_seconds": 0.0}
    return facts, predictor(run)


def _join_members(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    """Fit the weights of the members on the validation images, which no member learned from."""
    EPOCHLESS.to_csv(run.folder / "history.csv", index=False)
    started = time.perf_counter()
    stacked = np.stack([member.probabilities(run.split.validation) for member in run.members])
    weights = build(run.experiment, run.settings).fit(stacked, run.data.masks[run.split.validation])
    shares = dict(zip(run.experiment.members, (round(float(w), 6) for w in weights), strict=True))
    (run.folder / "weights.json").write_text(json.dumps(shares, indent=2) + "\n", encoding="utf-8")
    facts = {
        "parameters": sum(member.facts["parameters"] for member in run.members),
        "weights": {"source": "members"},
        "members": shares,
        "prepare_seconds": time.perf_counter() - started,
        "train_seconds": round(sum(member.facts["train_seconds"] for member in run.members), 1),
    }
    return facts, predictor(run)


def _member_weights(run: Run) -> np.ndarray:
    shares = json.loads((run.folder / "weights.json").read_text(encoding="utf-8"))
    return np.array([shares[id] for id in run.experiment.members])


def _batches(run: Run, indices: np.ndarray, inputs: str, training: bool = False):
    from busilib.training.batches import Batches
    from busilib.training.tile_batches import TileBatches

    entry, settings = run.experiment, run.settings
    if entry.task == "tissue":
        size = settings.batch if training else EVALUATION_BATCH
        return TileBatches(run.data, indices, batch=size, shuffle=training, seed=run.seed)
    shared = {
        "batch": settings.batch if training else EVALUATION_BATCH,
        "augmentation": entry.augmentation if training else None,
        "seed": run.seed,
    }
    return Batches(
        run.data,
        indices,
        target=entry.target,
        inputs=inputs,
        pair=entry.pair,
        predicted=run.predicted,
        image_only_from=settings.image_only_from,
        **shared,
    )


def prediction_table(run: Run, indices: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """Predictions as `predictions.csv` holds them: `id`, `fold`, `true`, then the figures of the task.

    `true` is the class of an image, or the slide of a tile.
    """
    part = run.data.subset(indices)
    true = part.table["slide" if run.experiment.task == "tissue" else "class"]
    table = pd.DataFrame({"id": part.ids, "fold": run.fold, "true": true})
    if run.experiment.task == "tissue":
        figures = [tissue_counts(part.codes, found)]
    elif run.experiment.task == "segmentation":
        predicted = found >= THRESHOLD
        figures = [count_pixels(part.masks, predicted), surface_distances(part.masks, predicted)]
    else:
        figures = [pd.DataFrame(found.round(6), columns=list(CLASSES))]
    return pd.concat([table, *figures], axis=1)
