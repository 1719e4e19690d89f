"""Run one experiment on one split, once: a finished run is read back, a killed one goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from busilib.data.dataset import DataError, Dataset
from busilib.data.splits import FOLDS, Split, folder_split, grouped_split, random_split, slide_split
from busilib.data.tiles import Tiles
from busilib.errors import UnknownNameError
from busilib.paths import project_root
from busilib.reports.experiment import Experiment
from busilib.reports.registry import experiment
from busilib.runs.learn import produce
from busilib.runs.profiles import profile as profile_named
from busilib.runs.profiles import settings_for
from busilib.runs.run import Run, record_name

TRAINING_VERSION = 2
"""Part of every run's key: raise it when the same settings would train differently."""

PROTOCOLS = ("grouped", "random", "image-wise", "peeking")

MASKS_FROM = "r4-unet"
"""The experiment whose out-of-fold masks are shown where inputs ask for predicted ones."""


def make_split(
    entry: Experiment, data: Dataset | Tiles, profile: str, protocol: str, fold: int = 0, seed: int = 0
) -> Split:
    """The split of an experiment under a protocol.

    Args:
        entry: of the registry.
        data: the dataset; tiles for task "tissue".
        profile: gives the size of R1's hold-out.
        protocol: "grouped" (five folds, near-duplicates or the tiles of a slide together, a validation part
            inside), "random" (as the report did it), "image-wise" (as grouped, but image by image, so that
            near-duplicates may stand on both sides) or "peeking" (image-wise, and the test set takes the
            place of the validation part).
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
    folds = max(entry.report_split.folds, 1) if protocol == "random" else FOLDS
    if not 0 <= fold < folds:
        raise UnknownNameError(f"{entry.id} has folds 0 to {folds - 1} under protocol {protocol}, not {fold}")
    if protocol == "random":
        if entry.task == "tissue":
            return folder_split(data.table["part"].to_numpy())
        return random_split(data.labels, entry.report_split, profile_named(profile).hold_out, fold, seed)
    groups = data.groups if protocol == "grouped" else np.arange(len(data))
    if entry.task == "tissue":
        split = slide_split(groups, fold, seed)
    else:
        split = grouped_split(data.labels, groups, fold, seed)
    return replace(split, validation=split.test) if protocol == "peeking" else split


def run(
    id: str,
    data: Dataset | Tiles,
    profile: str,
    protocol: str = "grouped",
    fold: int = 0,
    seed: int = 0,
    weights: str = "",
    inputs: str = "",
    epochs: int = 0,
) -> Run:
    """Train an experiment and predict its test images, or read back what is already done.

    A training that was killed goes on at its last finished epoch. Runs are kept in `_build/runs/` under a
    key made of settings, data, split, inputs and seed. Members of an ensemble, and the networks behind
    predicted masks, are run first.

    Args:
        id: of the experiment.
        data: at the size the profile asks for; tiles for task "tissue".
        profile: "smoke", "laptop" or "full".
        protocol: see `make_split`; "random" also brings the report's own inputs.
        fold: which fold is the test set.
        seed: of split, initial weights, shuffling and augmentation.
        weights: see `busilib.runs.profiles.settings_for`.
        inputs: what the model is shown, key of `busilib.training.batches.INPUTS`; empty for what is usual
            under the protocol.
        epochs: instead of the profile's; 0 for those.

    Returns:
        The finished run.

    Raises:
        busilib.errors.WeightsError: if pretrained weights cannot be had.
        UnknownNameError: for an unknown id, profile, protocol, fold or kind of inputs.
        busilib.data.dataset.DataError: if the data are too few for the split, or of another size.

    Example:
        >>> result = run("r1-unet", load_data("smoke"), "smoke")
        >>> result.predictions.columns.tolist()[:7]
        ['id', 'fold', 'true', 'tp', 'fp', 'fn', 'tn']
    """
    from busilib.training.batches import inputs_named

    entry = experiment(id)
    settings = settings_for(entry, profile, weights)
    settings = replace(settings, epochs=epochs) if epochs else settings
    wanted, loader = (Tiles, "load_tiles") if entry.task == "tissue" else (Dataset, "load_data")
    if not isinstance(data, wanted):
        raise DataError(f"{id} needs {wanted.__name__}, not {type(data).__name__}: load with {loader}(…)")
    if data.size != settings.size:
        raise DataError(
            f"{id} works at {settings.size} pixels under profile {profile}, the data have {data.size}: "
            f"load them with {loader}(…, size={settings.size})"
        )
    split = make_split(entry, data, profile, protocol, fold, seed)
    inputs = inputs or entry.inputs_under(protocol)
    inputs_named(inputs)
    members = tuple(
        run(member, data, profile, protocol, fold, seed, weights, epochs=epochs) for member in entry.members
    )
    behind: Sequence[Run] = members
    predicted = None
    if "predicted" in inputs:
        behind = out_of_fold_runs(MASKS_FROM, data, profile, seed, weights)
        predicted = out_of_fold_masks(behind)
    key = _key(entry, settings, data, split, inputs, seed, behind)
    folder = project_root() / "_build" / "runs" / profile / record_name(entry, protocol, inputs)
    result = Run(
        experiment=entry,
        settings=settings,
        profile=profile,
        protocol=protocol,
        fold=fold,
        seed=seed,
        data=data,
        split=split,
        inputs=inputs,
        folder=folder / f"fold{fold}-{key}",
        predicted=predicted,
        members=members,
    )
    if not result.finished:
        produce(result)
    return result


def out_of_fold_runs(id: str, data: Dataset, profile: str, seed: int = 0, weights: str = "") -> list[Run]:
    """All five grouped folds of an experiment: each image is in the test set of one of them.

    Example:
        >>> [run.fold for run in out_of_fold_runs("r4-unet", data, "smoke")]
        [0, 1, 2, 3, 4]
    """
    return [run(id, data, profile, "grouped", fold, seed, weights) for fold in range(FOLDS)]


def frozen_runs(id: str, data: Dataset, profile: str, seed: int = 0, weights: str = "") -> list[Run]:
    """The five grouped folds of an experiment, finished; under "smoke" the first alone.

    Example:
        >>> [run.fold for run in frozen_runs("r4-unet", busi, "laptop")]
        [0, 1, 2, 3, 4]
    """
    if profile == "smoke":
        return [run(id, data, profile, seed=seed, weights=weights)]
    return out_of_fold_runs(id, data, profile, seed, weights)


def out_of_fold_masks(runs: Sequence[Run]) -> np.ndarray:
    """Predicted masks of all images, each from the one network that did not learn from it.

    Args:
        runs: of all folds of one segmentation experiment.

    Returns:
        bool (n, h, w), in the order of the data.

    Example:
        >>> out_of_fold_masks(out_of_fold_runs("r4-unet", data, "smoke")).shape == data.masks.shape
        True
    """
    masks = np.zeros_like(runs[0].data.masks)
    for fold in runs:
        masks[fold.split.test] = fold.masks
    return masks


def _key(entry, settings, data, split, inputs, seed, behind=()) -> str:
    """Eight hexadecimal digits of everything that shapes a run; weights count by file name."""
    parts = asdict(settings) | {
        "weights": settings.weights and Path(settings.weights).name,
        "augmentation": entry.augmentation and asdict(entry.augmentation),
        "data": data.fingerprint,
        "split": [part.tolist() for part in (split.train, split.validation, split.test, split.hold_out)],
        "inputs": inputs,
        "seed": seed,
        "behind": [run.folder.name for run in behind],
        "version": TRAINING_VERSION,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
