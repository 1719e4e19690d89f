"""The one training loop: early stopping, best checkpoint, history, and resuming after a kill."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.keras_backend import keras
from busilib.settings import Settings
from busilib.training.batches import Batches
from busilib.training.progress import Progress

BEST, LAST, HISTORY = "best.weights.h5", "last.weights.h5", "history.csv"
METRICS = {
    "mask": lambda: [
        keras.metrics.BinaryAccuracy(name="accuracy"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
    ],
    "label": lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
}


class _Checkpoints(keras.callbacks.Callback):
    """After each epoch: the history so far, the best weights and the last state, each written whole."""

    def __init__(self, folder: Path, monitor: str, history: pd.DataFrame):
        super().__init__()
        self.folder, self.monitor, self.rows = folder, monitor, history.to_dict("records")

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"{self.folder}: the loss is no longer a number in epoch {epoch}. "
                "A smaller learning rate usually mends this."
            )
        seconds = time.perf_counter() - self.started
        self.rows.append({"epoch": epoch, "seconds": round(seconds, 2), **logs})
        history = pd.DataFrame(self.rows)
        if best_epoch(history, self.monitor) == epoch:
            self._save(BEST)
        _replace(self.folder / HISTORY, lambda part: history.to_csv(part, index=False))
        self._save(LAST)

    def _save(self, name: str) -> None:
        _replace(self.folder / name, self.model.save_weights, suffix=".part.weights.h5")


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
    """The epoch whose weights are kept: lowest `val_loss`, or highest `val_accuracy`, first one on ties.

    Example:
        >>> best_epoch(history, "val_loss")
        17
    """
    column = history[monitor]
    best = column.idxmin() if monitor.endswith("loss") else column.idxmax()
    return int(history["epoch"][best])


def fit(
    model: keras.Model, train: Batches, validation: Batches, settings: Settings, folder: Path, title: str
) -> pd.DataFrame:
    """Train a model with Adam, or go on where a killed training stopped, and leave it at its best epoch.

    Args:
        model: uncompiled.
        train: augmented batches; `first_epoch` is set here when resuming.
        validation: batches without augmentation.
        settings: loss, learning rate, epochs, patience and the monitored quantity.
        folder: receives `history.csv`, `best.weights.h5` and, until the end, `last.weights.h5`.
        title: of the progress line.

    Returns:
        The history: one row per epoch with `epoch`, `seconds`, training and `val_` figures.

    Raises:
        FloatingPointError: if the loss stops being a number.

    Example:
        >>> history = fit(model, train, validation, settings, Path("runs/r1-unet"), "r1-unet")
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=settings.loss,
        metrics=METRICS[train.target](),
    )
    history, done = _resume(model, folder, len(train))
    train.epoch = done - 1
    checkpoints = _Checkpoints(folder, settings.monitor, history)
    callbacks = [checkpoints, Progress(title, done)]
    stopped = False
    if settings.patience is not None:
        callbacks.append(_EarlyStopping(checkpoints, settings.patience))
        stopped = done and done - 1 - best_epoch(history, settings.monitor) >= settings.patience
    if done < settings.epochs and not stopped:
        model.fit(
            train,
            validation_data=validation,
            epochs=settings.epochs,
            initial_epoch=done,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    history = pd.DataFrame(checkpoints.rows)
    model.load_weights(folder / BEST)
    (folder / LAST).unlink(missing_ok=True)
    return history


def _resume(model: keras.Model, folder: Path, steps: int) -> tuple[pd.DataFrame, int]:
    """The history and the number of epochs that the last saved state holds (the optimiser's count)."""
    if not (folder / LAST).is_file():
        return pd.DataFrame(), 0
    model.optimizer.build(model.trainable_variables)
    model.load_weights(folder / LAST)
    done = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps
    history = pd.read_csv(folder / HISTORY)
    return history[history["epoch"] < done], done


def predict(model: keras.Model, batches: Batches) -> np.ndarray:
    """Probabilities for every image of `batches`, float32: (n, h, w) for masks, (n, 3) for classes.

    Example:
        >>> predict(model, Batches(data, split.test, target="label", inputs="image", batch=32)).shape
        (156, 3)
    """
    parts = [
        keras.ops.convert_to_numpy(model.predict_on_batch(batches[position][0]))
        for position in range(len(batches))
    ]
    probabilities = np.concatenate(parts).astype(np.float32)
    return probabilities[..., 0] if batches.target == "mask" else probabilities
