"""How the images of a run are divided: without leaks, or with the leaks that reports have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from busilib.data.dataset import Dataset
from busilib.data.splits import FOLDS, Split, folder_split, grouped_split, random_split, slide_split
from busilib.data.tiles import Tiles
from busilib.errors import UnknownNameError
from busilib.reports.experiment import Experiment
from busilib.runs.profiles import profile as profile_named

PROTOCOLS = ("grouped", "random", "image-wise", "peeking")


def folds_of(entry: Experiment, protocol: str) -> int:
    """How many test folds an experiment has under a protocol.

    Raises:
        UnknownNameError: for an unknown protocol.

    Example:
        >>> folds_of(experiment("r2-cnn"), "grouped"), folds_of(experiment("r2-cnn"), "random")
        (5, 1)
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return max(entry.report_split.folds, 1) if protocol == "random" else FOLDS


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
    folds = folds_of(entry, protocol)
    if not 0 <= fold < folds:
        raise UnknownNameError(f"{entry.id} has folds 0 to {folds - 1} under protocol {protocol}, not {fold}")
    if protocol == "random":
        if isinstance(data, Tiles):
            return folder_split(data.table["part"].to_numpy())
        return random_split(data.labels, entry.report_split, profile_named(profile).hold_out, fold, seed)
    groups = data.groups if protocol == "grouped" else np.arange(len(data))
    if isinstance(data, Tiles):
        split = slide_split(groups, fold, seed)
    else:
        split = grouped_split(data.labels, groups, fold, seed)
    return replace(split, validation=split.test) if protocol == "peeking" else split
