"""Train one experiment on one split, once: a finished run is read back, a killed one goes on."""

from __future__ import annotations

import hashlib
import json
import pkgutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES, Dataset
from busilib.data.splits import FOLDS, Split, grouped_split, random_split
from busilib.errors import UnknownNameError
from busilib.evaluation.segmentation import count_pixels
from busilib.experiments import provenance
from busilib.experiments.profiles import profile as profile_named
from busilib.experiments.profiles import settings_for
from busilib.experiments.registry import Experiment, experiment
from busilib.paths import project_root
from busilib.settings import Settings

TRAINING_VERSION = 1
"""Part of every run's key: raise it when the same settings would train differently."""

PROTOCOLS = ("grouped", "random")
THRESHOLD = 0.5
"""Lesion probability from which a pixel counts as lesion, in every report and here."""


@dataclass(frozen=True)
class Run:
    """One finished training and what it predicted on images it never saw.

    Attributes:
        experiment: registry entry.
        settings: as trained.
        profile, protocol, fold, seed: what was asked for.
        data: the dataset it ran on.
        split: indices into `data`.
        inputs: what the model was shown, one of `busilib.training.batches.INPUTS`.
        folder: holds `history.csv`, `predictions.csv`, `best.weights.h5` and `run.json`.
        history: one row per epoch.
        predictions: one row per test image: `id`, `fold`, `true`, then the three class probabilities or
            `tp`, `fp`, `fn`, `tn`.
        hold_out: the same for R1's held-out images; empty elsewhere.
        facts: seconds, parameters, versions, hardware and commit of the training.
    """

    experiment: Experiment
    settings: Settings
    profile: str
    protocol: str
    fold: int
    seed: int
    data: Dataset
    split: Split
    inputs: str
    folder: Path
    history: pd.DataFrame
    predictions: pd.DataFrame
    hold_out: pd.DataFrame
    facts: dict

    @property
    def name(self) -> str:
        """Folder name of its record: the id, with "@random" under the reports' own protocol."""
        return record_name(self.experiment.id, self.protocol)

    def probabilities(self, indices: np.ndarray) -> np.ndarray:
        """What the trained model says about images of `data`: float32 (m, h, w), or (m, 3) for classifiers.

        Example:
            >>> run.probabilities(run.split.test).shape
            (156, 128, 128)
        """
        from busilib.training.fit import BEST, predict

        model = build(self.experiment, self.settings)
        model.load_weights(self.folder / BEST)
        return predict(model, _evaluation_batches(self.experiment, self.data, indices, self.inputs))


def record_name(id: str, protocol: str) -> str:
    """Folder name of a record: the id, with "@random" under the reports' own protocol.

    Example:
        >>> record_name("r1-unet", "random")
        'r1-unet@random'
    """
    return id if protocol == "grouped" else f"{id}@{protocol}"


def build(entry: Experiment, settings: Settings, pretrained: bool = False):
    """The Keras model of an experiment, without pretrained weights unless asked for.

    Example:
        >>> build(experiment("r2-unet"), experiment("r2-unet").settings).count_params()
        31030593
    """
    if not pretrained:
        settings = replace(settings, weights=None, frozen=False)
    return pkgutil.resolve_name(entry.build)(settings)


def make_split(
    entry: Experiment, data: Dataset, profile: str, protocol: str, fold: int = 0, seed: int = 0
) -> Split:
    """The split of an experiment under a protocol.

    Args:
        entry: of the registry.
        data: the dataset.
        profile: gives the size of R1's hold-out.
        protocol: "grouped" (five folds, near-duplicates together, a validation part inside) or "random"
            (as the report did it).
        fold: 0 to 4; 0 where the report made a single split.
        seed: of the draws.

    Raises:
        UnknownNameError: for an unknown protocol or fold.

    Example:
        >>> make_split(experiment("r2-cnn"), data, "laptop", "random").selected_on
        'test'
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    folds = FOLDS if protocol == "grouped" else max(entry.report_split.folds, 1)
    if not 0 <= fold < folds:
        raise UnknownNameError(f"{entry.id} has folds 0 to {folds - 1} under protocol {protocol}, not {fold}")
    if protocol == "grouped":
        return grouped_split(data.labels, data.groups, fold, seed)
    return random_split(data.labels, entry.report_split, profile_named(profile).hold_out, fold, seed)


def run(
    id: str,
    data: Dataset,
    profile: str,
    protocol: str = "grouped",
    fold: int = 0,
    seed: int = 0,
    weights: str = "",
) -> Run:
    """Train an experiment and predict its test images, or read back what is already done.

    A training that was killed goes on at its last finished epoch. Runs are kept in `_build/runs/` under a
    key made of settings, data, split and seed.

    Args:
        id: of the experiment.
        data: at the size the profile asks for.
        profile: "smoke", "laptop" or "full".
        protocol: "grouped", or "random" for the report's own split, selection and inputs.
        fold: which fold is the test set.
        seed: of split, initial weights, shuffling and augmentation.
        weights: see `busilib.experiments.profiles.settings_for`.

    Returns:
        The finished run.

    Raises:
        busilib.models.backbones.WeightsError: if pretrained weights cannot be had.
        busilib.data.dataset.DataError: if the data are too few for the split.

    Example:
        >>> result = run("r1-unet", load_data("smoke"), "smoke")
        >>> result.predictions.columns.tolist()
        ['id', 'fold', 'true', 'tp', 'fp', 'fn', 'tn']
    """
    entry = experiment(id)
    settings = settings_for(entry, profile, weights)
    split = make_split(entry, data, profile, protocol, fold, seed)
    inputs = entry.report_inputs if protocol == "random" else "image"
    key = _key(entry, settings, data, split, inputs, seed)
    folder = project_root() / "_build" / "runs" / profile / record_name(id, protocol) / f"fold{fold}-{key}"
    if not (folder / "run.json").is_file():
        _train(entry, settings, data, split, inputs, fold, seed, folder)
    hold_out = folder / "hold_out.csv"
    return Run(
        experiment=entry,
        settings=settings,
        profile=profile,
        protocol=protocol,
        fold=fold,
        seed=seed,
        data=data,
        split=split,
        inputs=inputs,
        folder=folder,
        history=pd.read_csv(folder / "history.csv"),
        predictions=pd.read_csv(folder / "predictions.csv"),
        hold_out=pd.read_csv(hold_out) if hold_out.is_file() else pd.DataFrame(),
        facts=json.loads((folder / "run.json").read_text(encoding="utf-8")),
    )


def _train(entry, settings, data, split, inputs, fold, seed, folder) -> None:
    from busilib.keras_backend import keras
    from busilib.training.batches import Batches
    from busilib.training.fit import LAST, fit, predict

    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    model = build(entry, settings, pretrained=True)
    train = Batches(
        data,
        split.train,
        target=entry.target,
        inputs=inputs,
        batch=settings.batch,
        augmentation=entry.augmentation,
        seed=seed,
    )
    validation = _evaluation_batches(entry, data, split.validation, inputs)
    before_fit = time.perf_counter()
    history = fit(model, train, validation, settings, folder, f"{entry.id} fold {fold}")
    after_fit = time.perf_counter()
    for name, indices in (("predictions.csv", split.test), ("hold_out.csv", split.hold_out)):
        if len(indices):
            batches = _evaluation_batches(entry, data, indices, inputs)
            table = _prediction_table(entry, data, indices, predict(model, batches), fold)
            table.to_csv(folder / name, index=False)
    train_seconds = float(history["seconds"].sum())
    facts = {
        "parameters": model.count_params(),
        "weights": provenance.weights(settings.weights),
        "train_seconds": round(train_seconds, 1),
        # The history also counts the epochs of a process that was killed; our own clock does not.
        "total_seconds": round(before_fit - started + train_seconds + time.perf_counter() - after_fit, 1),
        **provenance.environment(),
    }
    # The run counts as finished once this file is there: it appears whole, and the last state goes after it.
    part = folder / "run.json.part"
    part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / "run.json")
    (folder / LAST).unlink(missing_ok=True)


def _evaluation_batches(entry: Experiment, data: Dataset, indices: np.ndarray, inputs: str):
    from busilib.training.batches import Batches

    return Batches(data, indices, target=entry.target, inputs=inputs, batch=32)


def _prediction_table(entry, data, indices, probabilities, fold) -> pd.DataFrame:
    part = data.subset(indices)
    table = pd.DataFrame({"id": part.ids, "fold": fold, "true": part.table["class"]})
    if entry.task == "segmentation":
        return pd.concat([table, count_pixels(part.masks, probabilities >= THRESHOLD)], axis=1)
    return pd.concat([table, pd.DataFrame(probabilities.round(6), columns=list(CLASSES))], axis=1)


def _key(entry, settings, data, split, inputs, seed) -> str:
    """Eight hexadecimal digits of everything that shapes a training; weights count by file name."""
    parts = asdict(settings) | {
        "weights": settings.weights and Path(settings.weights).name,
        "augmentation": asdict(entry.augmentation),
        "data": data.fingerprint,
        "split": [part.tolist() for part in (split.train, split.validation, split.test, split.hold_out)],
        "inputs": inputs,
        "seed": seed,
        "version": TRAINING_VERSION,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
