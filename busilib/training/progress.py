"""One live progress line for a training: in a terminal and in JupyterLab, silent everywhere else."""

from __future__ import annotations

import os
import sys

from rich import progress
from rich.console import Console

from busilib.keras_backend import keras


class Progress(keras.callbacks.Callback):
    """Show the epochs done, the time left and the validation figures of the last epoch.

    Nothing is shown where nobody watches (papermill, CI, a log file).

    Args:
        title: what is trained.
        done: epochs that an earlier training has done.
        epochs: of the whole training.

    Example:
        >>> with Progress("r1-unet fold 0", done=0, epochs=60) as line:  # doctest: +SKIP
        ...     model.fit(batches, verbose=0, callbacks=[line])
    """

    def __init__(self, title: str, done: int, epochs: int):
        super().__init__()
        console = Console(stderr=True)
        watched = console.is_jupyter or sys.stderr.isatty()
        self.display = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            console=console,
            refresh_per_second=1,
            disable=not watched or bool(os.environ.get("BUSI_HEADLESS")),
        )
        self.line = self.display.add_task(title, total=epochs, completed=done, figures="")

    def __enter__(self) -> Progress:
        self.display.start()
        return self

    def __exit__(self, *failure) -> None:
        self.display.stop()  # also after a failure, or the cursor stays hidden

    def on_epoch_end(self, epoch, logs=None):
        shown = (f"{key}={value:.4f}" for key, value in (logs or {}).items() if key.startswith("val_"))
        self.display.update(self.line, advance=1, figures=", ".join(shown))
