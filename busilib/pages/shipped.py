"""Records that pages rest on: they are part of the repository, and their absence is an error that says so."""

from __future__ import annotations

from pathlib import Path

from busilib.data.splits import FOLDS
from busilib.paths import PathError
from busilib.runs.records import Record, find_record, results_folder
from busilib.studies.records import read_study
from busilib.studies.study import Study

PROFILE = "laptop"


def the_record(id: str, inputs: str = "", protocol: str = "grouped") -> Record:
    """The record of an experiment (see `busilib.runs.records.find_record`).

    Raises:
        PathError: if there is none.

    Example:
        >>> the_record("r4-unet").folds
        5
    """
    found = find_record(id, PROFILE, protocol, inputs)
    if found is None:
        asked = ", ".join(filter(None, (id, protocol, inputs)))
        raise PathError(
            f"{results_folder() / PROFILE}: no record of {asked}. Start from a checkout that has it, or make "
            f"it: busi train {id} --profile {PROFILE} --data DIR"
        )
    return found


def out_of_fold(id: str, folder: Path | None = None) -> Record | None:
    """The grouped record of an experiment, if its seeds tested every image; else None.

    Args:
        id: of the experiment.
        folder: of results; the project's, unless given.

    Example:
        >>> out_of_fold("r4-unet").folds
        5
    """
    found = find_record(id, PROFILE, folder=folder)
    return found if found is not None and found.folds == FOLDS else None


def the_study(name: str) -> Study:
    """A recorded study by the name of its record.

    Raises:
        PathError: if there is none.

    Example:
        >>> the_study("ladder-classification").task
        'classification'
    """
    found = read_study(name, PROFILE)
    if found is None:
        study = name.partition("+")[0]
        raise PathError(
            f"{results_folder() / PROFILE / 'studies'}: no record {name}. Start from a checkout that has it, "
            f"or make it: busi study {study} --profile {PROFILE} --data DIR"
        )
    return found
