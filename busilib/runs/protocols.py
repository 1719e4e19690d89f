"""How the images of a run are divided: without leaks, or with the leaks that reports have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from busilib.data.busi.subsets import subset_rows
from busilib.data.dataset import Dataset
from busilib.data.splits import (
    FOLDS,
    Split,
    folder_split,
    grouped_split,
    slide_split,
    split_with_copies,
    within,
)
from busilib.data.tiles import Tiles
from busilib.errors import UnknownNameError
from busilib.reports.experiment import Experiment
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile as profile_named


@dataclass(frozen=True)
class Protocol:
    """How images are divided among training, choice and test.

    Attributes:
        name: as records have it.
        like: by task, the experiment whose report's split and inputs it takes; empty for the other protocols.
        copies: of each image that are made with R1's augmentation before the images are divided.
        subset: of BUSI that it keeps to, key of `busilib.data.busi.subsets.SUBSETS`; empty for all images.
    """

    name: str
    like: Mapping[str, str] = field(default_factory=dict)
    copies: int = 0
    subset: str = ""


R1_COPIES = 2
"""R1 divided 2305 images (see `busilib.reports.r1.POOL`) where its hold-out left 720: 3.2 of each."""

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("grouped"),
        Protocol("random"),
        Protocol("image-wise"),
        Protocol("peeking"),
        Protocol("curated", subset="curated"),
        Protocol("unconflicted", subset="unconflicted"),
        Protocol(
            "as-r1",
            {"classification": "r1-densenet121", "segmentation": "r1-unet"},
            copies=R1_COPIES,
        ),
        Protocol("as-r2", {"classification": "r2-cnn", "segmentation": "r2-unet"}),
        Protocol("as-r3", {"classification": "r3-imagemasknet"}),
        Protocol("as-r4", {"classification": "r4-vgg19", "segmentation": "r4-unet"}),
    )
}
"""Every protocol by its name.

- grouped: five folds, near-duplicates together, choices on a validation part.
- random: as the experiment's own report did it.
- image-wise: as grouped, but image by image, so that near-duplicates may be on both sides.
- peeking: image-wise, and choices are made on the test set.
- curated: as grouped, among 450 curated images alone.
- unconflicted: as grouped, without groups that hold two labels.
- as-r1: images set aside, augmented copies made before the rest is divided at random; a classifier's epoch is
  chosen on the test fold.
- as-r2: at random, choices on the test part; a classifier sees images cut by the true mask.
- as-r3: at random, choices on the test part; a classifier sees image and true mask.
- as-r4: at random, image by image, choices on a validation part.
"""


def protocol_named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownNameError: naming those that exist.

    Example:
        >>> protocol_named("as-r1").copies
        2
    """
    if name not in PROTOCOLS:
        raise UnknownNameError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def model_of(entry: Experiment, protocol: str) -> Experiment:
    """Whose report's split and inputs count for `entry` under a protocol: its own, but for "as-…".

    Raises:
        UnknownNameError: for an unknown protocol, or one whose report has no system for the task.

    Example:
        >>> model_of(experiment("own-clf"), "as-r2").id
        'r2-cnn'
    """
    like = protocol_named(protocol).like
    if not like:
        return entry
    task = experiment(entry.members[0]).task if entry.head else entry.task
    if task not in like:
        raise UnknownNameError(f"{entry.id} cannot be run under {protocol}: that report has no {task}")
    return experiment(like[task])


def inputs_under(entry: Experiment, protocol: str) -> str:
    """What an experiment's model is shown under a protocol, if nothing else is asked for.

    Example:
        >>> inputs_under(experiment("own-clf"), "as-r2")
        'image cut by the true mask'
    """
    return model_of(entry, protocol).inputs_under("random" if protocol_named(protocol).like else protocol)


def folds_of(entry: Experiment, protocol: str) -> int:
    """How many test folds an experiment has under a protocol.

    Raises:
        UnknownNameError: for an unknown protocol.

    Example:
        >>> folds_of(experiment("r2-cnn"), "grouped"), folds_of(experiment("r2-cnn"), "random")
        (5, 1)
    """
    if protocol != "random" and not protocol_named(protocol).like:
        return FOLDS
    return max(model_of(entry, protocol).report_split.folds, 1)


def make_split(
    entry: Experiment, data: Dataset | Tiles, profile: str, protocol: str, fold: int = 0, seed: int = 0
) -> Split:
    """The split of an experiment under a protocol.

    Args:
        entry: of the registry.
        data: the dataset; tiles for task "tissue".
        profile: gives the size of R1's hold-out.
        protocol: key of `PROTOCOLS`. Under one with copies, index i + n·k is copy k of image i.
        fold: 0 to 4; 0 where the report made a single split.
        seed: of the draws.

    Raises:
        UnknownNameError: for an unknown protocol or fold.

    Example:
        >>> make_split(experiment("r2-cnn"), data, "laptop", "random").selected_on
        'test'
    """
    folds, chosen, model = folds_of(entry, protocol), protocol_named(protocol), model_of(entry, protocol)
    if not 0 <= fold < folds:
        raise UnknownNameError(f"{entry.id} has folds 0 to {folds - 1} under protocol {protocol}, not {fold}")
    if protocol == "random" or chosen.like:
        if isinstance(data, Tiles):
            return folder_split(data.table["part"].to_numpy())
        held = profile_named(profile).hold_out
        return split_with_copies(data.labels, model.report_split, held, chosen.copies, fold, seed)
    together = protocol not in ("image-wise", "peeking")
    groups = data.groups if together else np.arange(len(data))
    if isinstance(data, Tiles):
        split = slide_split(groups, fold, seed)
    else:
        rows = subset_rows(chosen.subset, data) if chosen.subset else np.arange(len(data))
        split = within(rows, grouped_split(data.labels[rows], groups[rows], fold, seed))
    return replace(split, validation=split.test) if protocol == "peeking" else split
