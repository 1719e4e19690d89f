"""What a run is: everything that decides its result, and nothing of the machine it runs on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

from busilib.data.dataset import Dataset
from busilib.data.splits import Split
from busilib.data.tiles import Tiles
from busilib.provenance import weights_identity
from busilib.reports.experiment import Experiment
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile_settings
from busilib.runs.protocols import inputs_under
from busilib.settings import Settings
from busilib.training.augmentation import Augmentation

TRAINING_VERSION = 3
"""Part of every key: raise it when the same Spec would train differently."""


@dataclass(frozen=True)
class Spec:
    """Everything that decides what a run gives: equal Specs, equal results.

    Attributes:
        experiment: id in the registry.
        profile: "smoke", "laptop" or "full".
        origin: of the data, one of `busilib.data.dataset.ORIGINS`.
        protocol: one of `busilib.runs.protocols.PROTOCOLS`.
        inputs: what the model is shown, key of `busilib.training.inputs.INPUTS`.
        fold, seed: which test fold, and the seed of split, initial weights, shuffling and augmentation.
        settings: as trained, without the place of pretrained weights.
        augmentation: applied while training.
        weights: of the encoder: "none" where there is none, "random", or the SHA-256 of pretrained ones (see
            `busilib.provenance.weights_identity`).
        data: fingerprint of the dataset, at its working size, without copies that the protocol adds.
        split: digest of the indices of all parts, so that another version of a splitter is another run.
        behind: keys of the runs whose predictions it takes: members of an ensemble, makers of masks.
    """

    experiment: str
    profile: str
    origin: str
    protocol: str
    inputs: str
    fold: int
    seed: int
    settings: Settings
    augmentation: Augmentation | None
    weights: str
    data: str
    split: str
    behind: tuple[str, ...] = ()

    @property
    def record(self) -> str:
        """Folder name of its record (see `record_name`)."""
        return record_name(
            experiment(self.experiment), self.protocol, self.inputs, random_weights=self.lacks_weights
        )

    @property
    def lacks_weights(self) -> bool:
        """Whether its encoder started from random weights where the profile asks for pretrained ones."""
        usual = profile_settings(experiment(self.experiment), self.profile).weights
        return usual is not None and self.weights == "random"

    @property
    def part(self) -> str:
        """Folder name of its part of the record, such as "seed0-fold3"."""
        return part_name(self.seed, self.fold)

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of everything above and of `TRAINING_VERSION`."""
        facts = asdict(self) | {
            # A setting that is at its default counts as absent, so that new settings leave old keys alone.
            "settings": _changed(self.settings),
            "version": TRAINING_VERSION,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def spec_of(
    entry: Experiment,
    settings: Settings,
    data: Dataset | Tiles,
    split: Split,
    *,
    profile: str,
    protocol: str,
    inputs: str,
    fold: int,
    seed: int,
    behind: Sequence[str] = (),
) -> Spec:
    """The Spec of an experiment with these settings on this split of these data.

    Args:
        entry: of the registry.
        settings: `weights` may name a file of this machine; the Spec keeps its SHA-256 alone.
        data, split: what it learns from and is tested on.
        profile, protocol, inputs, fold, seed, behind: see `Spec`.

    Example:
        >>> spec_of(entry, settings, data, split, profile="smoke", protocol="grouped", inputs="image", fold=0,
        ...         seed=0).part
        'seed0-fold0'
    """
    parts = [part.tolist() for part in (split.train, split.validation, split.test, split.hold_out)]
    return Spec(
        experiment=entry.id,
        profile=profile,
        origin=data.origin,
        protocol=protocol,
        inputs=inputs,
        fold=fold,
        seed=seed,
        settings=replace(settings, weights=None),
        augmentation=entry.augmentation,
        weights=weights_identity(settings.weights) if settings.encoder else "none",
        data=data.fingerprint,
        split=hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16],
        behind=tuple(behind),
    )


def _changed(settings: Settings) -> dict:
    values = {field.name: (getattr(settings, field.name), field.default) for field in fields(settings)}
    return {name: value for name, (value, default) in values.items() if value != default}


def record_name(entry: Experiment, protocol: str, inputs: str = "", random_weights: bool = False) -> str:
    """Folder name of a record: the id, and what tells it from others of the same experiment.

    "@" and the protocol unless it is grouped, "+" and unusual inputs, and "+random-weights" where the profile
    asks for pretrained weights and the encoder started from random ones.

    Example:
        >>> record_name(experiment("r1-unet"), "random")
        'r1-unet@random'
        >>> record_name(experiment("r2-cnn"), "grouped", "true mask alone")
        'r2-cnn+true-mask-alone'
    """
    name = entry.id if protocol == "grouped" else f"{entry.id}@{protocol}"
    usual = inputs_under(entry, protocol)
    if (inputs or usual) != usual:
        name += f"+{inputs.replace(' ', '-')}"
    return f"{name}+random-weights" if random_weights else name


def part_name(seed: int, fold: int) -> str:
    """Folder name of one seed and fold within a record.

    Example:
        >>> part_name(seed=0, fold=3)
        'seed0-fold3'
    """
    return f"seed{seed}-fold{fold}"
