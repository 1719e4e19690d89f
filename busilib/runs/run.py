"""One run: what was asked for, what came of it, and asking the trained model more."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.dataset import DataError, Dataset
from busilib.data.splits import Split
from busilib.data.tiles import Tiles
from busilib.reports.experiment import Experiment
from busilib.runs.predict import predictor
from busilib.runs.spec import Spec
from busilib.settings import Settings

FACTS, HISTORY, PREDICTIONS, MASKS = "run.json", "history.csv", "predictions.csv", "masks.npz"
VALIDATION, HOLD_OUT = "validation.csv", "hold_out.csv"


@dataclass(frozen=True, eq=False)
class Run:
    """One experiment on one split, with what it predicted on images it never saw.

    Attributes:
        spec: everything that decides its result.
        experiment: its entry of the registry.
        settings: as trained; `weights` names the file on this machine.
        data: the dataset it runs on.
        split: indices into `data`.
        folder: holds `run.json`, `history.csv`, `predictions.csv`, `validation.csv`, of a network
            `best.weights.h5`, and of a segmentation `masks.npz`.
        members: runs of the experiments an ensemble joins.
        makers: runs of all folds of the experiment that makes the predicted masks it is shown.
        predicted: bool (n, h, w), these masks, once their makers are finished.
    """

    spec: Spec
    experiment: Experiment
    settings: Settings
    data: Dataset | Tiles
    split: Split
    folder: Path
    members: tuple[Run, ...] = ()
    makers: tuple[Run, ...] = ()
    predicted: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Folder name of its record (see `busilib.runs.spec.record_name`)."""
        return self.spec.record

    @property
    def fold(self) -> int:
        return self.spec.fold

    @property
    def seed(self) -> int:
        return self.spec.seed

    @property
    def inputs(self) -> str:
        """What the model is shown in training."""
        return self.spec.inputs

    @property
    def test_inputs(self) -> str:
        """What the finished model is shown, if nothing else is asked for."""
        return self.experiment.test_inputs or self.spec.inputs

    @property
    def finished(self) -> bool:
        return (self.folder / FACTS).is_file()

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; no rows where nothing was trained."""
        return pd.read_csv(self.folder / HISTORY)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test image: `id`, `fold`, `true` (class, or slide of a tile), figures of the task."""
        return pd.read_csv(self.folder / PREDICTIONS)

    @cached_property
    def validation(self) -> pd.DataFrame:
        """The same for the validation images, on which epoch, temperature and thresholds are chosen; empty
        where the test set took their place."""
        return self._table(VALIDATION)

    @cached_property
    def hold_out(self) -> pd.DataFrame:
        """The same for R1's held-out images; empty elsewhere."""
        return self._table(HOLD_OUT)

    def _table(self, name: str) -> pd.DataFrame:
        file = self.folder / name
        return pd.read_csv(file) if file.is_file() else pd.DataFrame()

    @cached_property
    def masks(self) -> np.ndarray:
        """bool (m, h, w): predicted lesions of the test images, of a segmentation run."""
        with np.load(self.folder / MASKS) as stored:
            return stored["masks"]

    @cached_property
    def facts(self) -> dict:
        """Seconds, parameters, versions, hardware and commit of the training."""
        return json.loads((self.folder / FACTS).read_text(encoding="utf-8"))

    def probabilities(
        self,
        indices: np.ndarray,
        inputs: str = "",
        head: str = "",
        predicted: np.ndarray | None = None,
    ) -> np.ndarray:
        """What the finished run says about images of `data`.

        Args:
            indices: int (m,), into `data`.
            inputs: show it something else than usual; empty for `test_inputs`.
            predicted: bool (n, h, w), predicted masks of all images of `data`, where the inputs ask for masks
                that the run was not trained with.
            head: of a network with two heads: R3's has "class" (image alone, the usual one) and "combined", a
                segmenter "mask" (gated, the usual one), and "presence" or "class".

        Returns:
            float32 (m, h, w) lesion probabilities, (m, 3) class probabilities or (m,) presence; of histology
            the codes, uint8 (m, h, w).

        Example:
            >>> run.probabilities(run.split.test).shape
            (156, 128, 128)
        """
        shown = self if predicted is None else replace(self, predicted=predicted)
        usual = "mask" if self.experiment.task == "segmentation" else "class"
        return predictor(shown)(indices, inputs or self.test_inputs, head or usual)

    def on(self, data: Dataset) -> Run:
        """The same trained model with other images to ask it about: ask `probabilities`.

        Indices then point into `data`; split, predictions and history stay those of the run's own data.

        Args:
            data: at the size of the run's own.

        Raises:
            DataError: if the images have another size.

        Example:
            >>> run.on(outside).probabilities(np.arange(len(outside))).shape
            (256, 128, 128)
        """
        if data.size != self.data.size:
            raise DataError(
                f"{data.name}: images of {data.size} pixels, but {self.name} works at {self.data.size}. "
                "Load them at that size."
            )
        return replace(self, data=data, predicted=None, members=tuple(one.on(data) for one in self.members))
