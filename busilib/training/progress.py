"""One live progress line for a training: in a terminal and in JupyterLab, silent everywhere else."""

from __future__ import annotations

import os
import sys

from tqdm.auto import tqdm as notebook_tqdm
from tqdm.std import tqdm as terminal_tqdm

from busilib.keras_backend import keras


def _bar():
    """The bar that fits where we run, or None where nobody watches (papermill, CI, a log file)."""
    if os.environ.get("BUSI_HEADLESS"):
        return None
    if "ipykernel" in sys.modules:
        return notebook_tqdm
    return terminal_tqdm if sys.stderr.isatty() else None


class Progress(keras.callbacks.Callback):
    """Show the epochs done, the time left and the validation figures of the last epoch.

    Example:
        >>> model.fit(batches, verbose=0, callbacks=[Progress("r1-unet fold 0", first_epoch=0)])
    """

    def __init__(self, title: str, first_epoch: int):
        super().__init__()
        self.title, self.first_epoch, self.line = title, first_epoch, None

    def on_train_begin(self, logs=None):
        if bar := _bar():
            self.line = bar(
                desc=self.title, total=self.params["epochs"], initial=self.first_epoch, unit="epoch"
            )

    def on_epoch_end(self, epoch, logs=None):
        if self.line is not None:
            shown = {key: f"{value:.4f}" for key, value in (logs or {}).items() if key.startswith("val_")}
            self.line.set_postfix(shown, refresh=False)
            self.line.update()

    def on_train_end(self, logs=None):
        if self.line is not None:
            self.line.close()
