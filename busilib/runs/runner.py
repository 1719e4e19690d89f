"""Run one experiment on one split, once: a finished run is read back, a killed one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from busilib.data.dataset import DataError, Dataset
from busilib.data.splits import FOLDS
from busilib.data.tiles import Tiles
from busilib.paths import project_root
from busilib.reports.experiment import Experiment
from busilib.reports.registry import experiment
from busilib.runs.learn import produce
from busilib.runs.locks import locked
from busilib.runs.profiles import settings_for
from busilib.runs.protocols import inputs_under, make_split, protocol_named
from busilib.runs.run import Run
from busilib.runs.spec import spec_of
from busilib.training.augmentation import R1
from busilib.training.inputs import Inputs, inputs_named

MASKS_FROM = "r4-unet"
"""The experiment whose out-of-fold masks are shown where inputs ask for predicted ones."""


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

    A training that was killed goes on at its last finished epoch. Runs are kept in `_build/runs/` under the
    key of their Spec; a lock keeps two programs from training the same one. Members of an ensemble, and the
    networks behind predicted masks, are run first.

    Args:
        id: of the experiment.
        data: at the size the profile asks for; tiles for task "tissue".
        profile: "smoke", "laptop" or "full".
        protocol: key of `busilib.runs.protocols.PROTOCOLS`; "random" and "as-…" also bring a report's own
            inputs. With copies an epoch is longer, and so many times fewer, rounded down, are run.
        fold: which fold is the test set.
        seed: of split, initial weights, shuffling and augmentation.
        weights: see `busilib.runs.profiles.settings_for`.
        inputs: what the model is shown, key of `busilib.training.inputs.INPUTS`; empty for what is usual
            under the protocol.
        epochs: instead of the profile's; 0 for those.

    Returns:
        The finished run.

    Raises:
        busilib.errors.WeightsError: if pretrained weights cannot be had.
        UnknownNameError: for an unknown id, profile, protocol, fold or kind of inputs.
        busilib.data.dataset.DataError: if the data are too few for the split, or of another size.

    Example (not run):
        >>> result = run("r1-unet", load_data("smoke"), "smoke")
        >>> result.predictions.columns.tolist()[:7]
        ['id', 'fold', 'true', 'tp', 'fp', 'fn', 'tn']
    """
    return finished(planned(id, data, profile, protocol, fold, seed, weights, inputs, epochs))


def planned(
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
    """What `run` would run, with its Spec and its folder; nothing is trained.

    Example (not run):
        >>> planned("r1-unet", load_data("smoke"), "smoke").spec.part
        'seed0-fold0'
    """
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
    inputs = inputs or inputs_under(entry, protocol)
    shown, copies = inputs_named(inputs), protocol_named(protocol).copies
    if shown.mask == "predicted" and copies:
        raise DataError(
            f"{id} under {protocol}: there are no predicted masks of augmented copies; show others"
        )
    if copies and settings.epochs and not epochs:
        settings = replace(settings, epochs=max(settings.epochs // (1 + copies), 1))
    settings = replace(settings, channels=_channels(entry, shown))
    split = make_split(entry, data, profile, protocol, fold, seed)
    members = tuple(
        planned(member, data, profile, protocol, fold, seed, weights, epochs=epochs)
        for member in entry.members
    )
    makers: tuple[Run, ...] = ()
    if shown.mask == "predicted":
        makers = tuple(
            planned(MASKS_FROM, data, profile, "grouped", number, seed, weights) for number in range(FOLDS)
        )
    spec = spec_of(
        entry,
        settings,
        data,
        split,
        profile=profile,
        protocol=protocol,
        inputs=inputs,
        fold=fold,
        seed=seed,
        behind=[one.spec.key for one in (*members, *makers)],
    )
    folder = project_root() / "_build" / "runs" / profile / spec.record / f"{spec.part}-{spec.key}"
    return Run(spec, entry, settings, data, split, folder, members, makers)


def finished(asked: Run) -> Run:
    """A planned run with its results: what is already done is read back, everything else is trained now.

    Example (not run):
        >>> finished(planned("r1-unet", load_data("smoke"), "smoke")).finished
        True
    """
    members, makers = (tuple(map(finished, behind)) for behind in (asked.members, asked.makers))
    predicted = out_of_fold_masks(makers) if makers else None
    copies = protocol_named(asked.spec.protocol).copies
    data = _with_copies(asked.data, copies, asked.seed) if copies else asked.data
    result = replace(asked, data=data, members=members, makers=makers, predicted=predicted)
    if not result.finished:
        with locked(result.folder):
            if not result.finished:
                produce(result)
    return result


def _channels(entry: Experiment, shown: Inputs) -> int:
    """Of the one picture that a network takes: 2 where a mask is shown beside the image."""
    if entry.pair or not shown.mask or shown.use != "beside":
        return 1
    if entry.task != "classification" or not entry.settings.encoder:
        raise DataError(
            f"{entry.id} takes one picture and cannot be shown a mask beside it: choose other inputs, or a "
            "network that takes both, such as r3-imagemasknet or own-clf"
        )
    return 2


@lru_cache(maxsize=2)
def _with_copies(data: Dataset, copies: int, seed: int) -> Dataset:
    from busilib.training.copies import with_copies

    return replace(with_copies(data, R1, copies, seed), name=data.name)


def out_of_fold_runs(id: str, data: Dataset, profile: str, seed: int = 0, weights: str = "") -> list[Run]:
    """All five grouped folds of an experiment: each image is in the test set of one of them.

    Example (not run):
        >>> [run.fold for run in out_of_fold_runs("r4-unet", data, "smoke")]
        [0, 1, 2, 3, 4]
    """
    return [run(id, data, profile, "grouped", fold, seed, weights) for fold in range(FOLDS)]


def frozen_runs(id: str, data: Dataset, profile: str, seed: int = 0, weights: str = "") -> list[Run]:
    """The five grouped folds of an experiment, finished; under "smoke" the first alone.

    Example (not run):
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

    Example (not run):
        >>> out_of_fold_masks(out_of_fold_runs("r4-unet", data, "smoke")).shape == data.masks.shape
        True
    """
    masks = np.zeros_like(runs[0].ultrasound.masks)
    for fold in runs:
        masks[fold.split.test] = fold.masks
    return masks
