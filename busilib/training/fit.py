"""The one training loop: early stopping, best checkpoint, history, and resuming after a kill."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.keras_backend import keras
from busilib.settings import Settings
from busilib.training.batches import Batches
from busilib.training.losses import loss_named
from busilib.training.optimizer import optimizer
from busilib.training.progress import Progress
from busilib.training.tile_batches import TileBatches

EAGER_STEPS = 20
"""Trainings of so few steps run eagerly: turning a deep network into a graph would take longer."""

BEST, LAST, HISTORY = "best.weights.h5", "last.npz", "history.csv"
METRICS = {
    "mask": lambda: [
        keras.metrics.BinaryAccuracy(name="accuracy"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
    ],
    "label": lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    "codes": lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    "presence": lambda: [keras.metrics.BinaryAccuracy(name="accuracy")],
    "class": lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
}
"""What is watched, by target or second head."""

SECOND_LOSSES = {"presence": "binary_crossentropy", "class": "sparse_categorical_crossentropy"}


class _Checkpoints(keras.callbacks.Callback):
    """After each epoch: the history so far, and the last state with the best weights, each written whole.

    An epoch counts from the moment its last state is written; a kill before that repeats the epoch. The state
    is plain arrays, since Keras takes longer over a file of weights than small networks over an epoch.
    """

    def __init__(self, folder: Path, monitor: str, history: pd.DataFrame, best: list[np.ndarray]):
        super().__init__()
        self.folder, self.monitor, self.rows, self.best = folder, monitor, history.to_dict("records"), best

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        for name in ("loss", self.monitor):
            if not np.isfinite(logs.get(name, 0)):  # "epoch" is no figure of the training
                raise FloatingPointError(
                    f"{self.folder}: {name} is no longer a number in epoch {epoch}. "
                    "A smaller learning rate usually mends this."
                )
        seconds = time.perf_counter() - self.started
        self.rows.append({"epoch": epoch, "seconds": round(seconds, 2), **logs})
        history = pd.DataFrame(self.rows)
        _replace(self.folder / HISTORY, lambda part: history.to_csv(part, index=False))
        if best_epoch(history, self.monitor) == epoch:
            self.best = self.model.get_weights()
        _replace(self.folder / LAST, self._save_state)

    def _save_state(self, part: Path) -> None:
        state = [keras.ops.convert_to_numpy(variable) for variable in _variables(self.model)]
        with part.open("wb") as file:
            np.savez(file, *state, *self.best)


def _variables(model: keras.Model) -> list[keras.Variable]:
    """What a training goes on from: weights, random states of dropout, the optimiser's own numbers."""
    return [*model.variables, *model.optimizer.variables]


def _replace(path: Path, write, suffix: str = ".part") -> None:
    part = path.with_name(path.name + suffix)
    write(part)
    part.replace(path)


class _EarlyStopping(keras.callbacks.Callback):
    """Stop after `patience` epochs without improvement; unlike Keras's own it counts across a resumed run."""

    def __init__(self, checkpoints: _Checkpoints, patience: int):
        super().__init__()
        self.checkpoints, self.patience = checkpoints, patience

    def on_epoch_end(self, epoch, logs=None):
        history = pd.DataFrame(self.checkpoints.rows)
        if epoch - best_epoch(history, self.checkpoints.monitor) >= self.patience:
            self.model.stop_training = True


def best_epoch(history: pd.DataFrame, monitor: str) -> int:
    """The epoch whose weights are kept: lowest `val_loss`, highest `val_accuracy` or `epoch`, first on ties.

    Example:
        >>> best_epoch(history, "val_loss")
        17
    """
    column = history[monitor]
    best = column.idxmin() if monitor.endswith("loss") else column.idxmax()
    return int(history["epoch"][best])


def fit(
    model: keras.Model,
    train: Batches | TileBatches,
    validation: Batches | TileBatches,
    settings: Settings,
    folder: Path,
    title: str,
) -> pd.DataFrame:
    """Train a model with Adam, or go on where a killed training stopped, and leave it at its best epoch.

    Args:
        model: uncompiled.
        train: augmented or shuffled batches; their epoch is set here when resuming.
        validation: batches without augmentation.
        settings: loss, learning rate, epochs, patience and the monitored quantity.
        folder: receives `history.csv`, `best.weights.h5` and, in `last.npz`, the state of the last epoch.
            With it in place a finished training is not repeated; delete it once the results are safe.
        title: of the progress line.

    Returns:
        The history: one row per epoch with `epoch`, `seconds`, training and `val_` figures.

    Raises:
        FloatingPointError: if the loss or the monitored quantity stops being a number.

    Example (not run):
        >>> history = fit(model, train, validation, settings, Path("runs/r1-unet"), "r1-unet")
    """
    folder.mkdir(parents=True, exist_ok=True)
    loss, metrics, shares = _watched(model, train.target, settings)
    weighted = train.target == "codes"  # pixels without a tissue have weight 0 and count in no figure
    model.compile(
        optimizer=optimizer(model, settings, len(train)),
        loss=loss,
        loss_weights=shares,
        metrics=None if weighted else metrics,
        weighted_metrics=metrics if weighted else None,
        run_eagerly=len(train) * settings.epochs <= EAGER_STEPS,
    )
    # An optimiser that is built within the first step makes TensorFlow trace that step twice.
    model.optimizer.build(model.trainable_variables)
    history, best = _resume(model, folder, len(train))
    done = len(history)
    train.epoch = done - 1
    checkpoints = _Checkpoints(folder, settings.monitor, history, best)
    callbacks = [checkpoints]
    stopped = False
    if settings.patience is not None:
        callbacks.append(_EarlyStopping(checkpoints, settings.patience))
        stopped = done > 0 and done - 1 - best_epoch(history, settings.monitor) >= settings.patience
    if done < settings.epochs and not stopped:
        with Progress(title, done, settings.epochs) as line:
            model.fit(
                train,
                validation_data=validation,
                epochs=settings.epochs,
                initial_epoch=done,
                shuffle=False,
                verbose=0,
                callbacks=[*callbacks, line],
            )
    model.set_weights(checkpoints.best)
    _replace(folder / BEST, model.save_weights, suffix=".part.weights.h5")
    return pd.DataFrame(checkpoints.rows)


def _watched(model: keras.Model, target: str, settings: Settings) -> tuple:
    """Losses, metrics and shares of the losses; of a model with several heads, each by head."""
    loss, second, shares = loss_named(settings.loss), settings.second_head, None
    if len(model.outputs) == 1:
        return loss, METRICS[target](), shares
    heads = model.output_names
    losses, metrics = dict.fromkeys(heads, loss), {head: METRICS[target]() for head in heads}
    if second:
        losses[second], metrics[second] = SECOND_LOSSES[second], METRICS[second]()
        shares = {"mask": 1.0, second: settings.second_weight}
    return losses, metrics, shares


def _resume(model: keras.Model, folder: Path, steps: int) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """The history up to the last saved state, by the optimiser's count, and the best weights so far."""
    if not (folder / LAST).is_file():
        return pd.DataFrame(), []
    variables = _variables(model)
    with np.load(folder / LAST) as saved:
        arrays = [saved[name] for name in saved.files]
    if len(arrays) != len(variables) + len(model.weights):  # another version of Keras wrote it
        return pd.DataFrame(), []
    for variable, value in zip(variables, arrays, strict=False):
        variable.assign(value)
    done = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps
    history = pd.read_csv(folder / HISTORY)
    return history[history["epoch"] < done], arrays[len(variables) :]


def predict(
    model: keras.Model, batches: Batches | TileBatches, flip: bool = False
) -> np.ndarray | dict[str, np.ndarray]:
    """Probabilities for every image of `batches`.

    Args:
        model: with one head or several.
        batches: without augmentation.
        flip: take the mean over an image and its mirror image, whose mask is mirrored back.

    Returns:
        float32: (n, h, w) for masks, (n, 3) for classes, (n,) for presence, (n, h, w, 21) for codes; of a
        model with several heads, a dict of them.

    Example (not run):
        >>> sorted(predict(model, Batches(data, split.test, target="mask", inputs="image", batch=32)))
        ['mask', 'presence']
    """

    def ask(inputs):
        output = model.predict_on_batch(inputs)
        return keras.tree.map_structure(lambda x: keras.ops.convert_to_numpy(x).astype(np.float32), output)

    def mirror(arrays):
        return keras.tree.map_structure(lambda x: x[:, :, ::-1] if x.ndim == 4 else x, arrays)

    def mean(inputs):
        return keras.tree.map_structure(
            lambda one, other: (one + other) / 2, ask(inputs), mirror(ask(mirror(inputs)))
        )

    parts = [(mean if flip else ask)(batches[position][0]) for position in range(len(batches))]
    joined = keras.tree.map_structure(lambda *each: np.concatenate(each), *parts)
    return keras.tree.map_structure(lambda x: x[..., 0] if x.shape[-1] == 1 else x, joined)


def predict_codes(model: keras.Model, batches: TileBatches) -> np.ndarray:
    """The most probable code of every pixel, uint8 (n, h, w).

    Batch by batch: the probabilities of all tiles of BCSS together would not fit into memory.

    Example (not run):
        >>> predict_codes(model, TileBatches(tiles, split.test, batch=32)).shape
        (12, 224, 224)
    """
    outputs = (model.predict_on_batch(batches[position][0]) for position in range(len(batches)))
    best = [keras.ops.convert_to_numpy(output).argmax(-1).astype(np.uint8) for output in outputs]
    return np.concatenate(best) + np.uint8(1)
