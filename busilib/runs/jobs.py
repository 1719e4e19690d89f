"""Jobs: the runs that a campaign asks for, as plain values that travel to whoever does them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from busilib.data.dataset import Dataset
from busilib.data.tiles import Tiles
from busilib.errors import UserError, in_one_line
from busilib.reports.registry import experiment
from busilib.runs.load import load_data, load_tiles
from busilib.runs.profiles import profile_settings
from busilib.runs.protocols import folds_of
from busilib.runs.recording import part_files
from busilib.runs.run import Run
from busilib.runs.runner import finished, planned
from busilib.training.inputs import inputs_named


@dataclass(frozen=True)
class Job:
    """One run that a campaign asks for: what `busilib.runs.runner.run` takes, as plain values.

    Attributes:
        experiment, profile, protocol, inputs, fold, seed, weights: see `busilib.runs.runner.run`.
        data: folder of the images, which every worker must find under this path; empty for phantoms.
    """

    experiment: str
    profile: str
    data: str
    protocol: str = "grouped"
    inputs: str = ""
    fold: int = 0
    seed: int = 0
    weights: str = ""


@dataclass(frozen=True)
class Parcel:
    """What a worker sends back, so that only one program writes records."""

    facts: dict
    files: dict[str, str]
    seconds: float
    error: str = ""


def jobs_of(
    ids: Sequence[str],
    profile: str,
    data: str = "",
    protocols: Sequence[str] = ("grouped",),
    folds: Sequence[int] = (),
    seeds: Sequence[int] = (0,),
    inputs: Sequence[str] = ("",),
    weights: str = "",
) -> list[Job]:
    """Every combination, seeds last to change: the first seed of all experiments comes before the second.

    Args:
        ids: of experiments.
        profile, data, weights: the same for all.
        protocols, seeds, inputs: see `Job`.
        folds: test folds; none for all that an experiment has under the protocol.

    Raises:
        UnknownNameError: for an unknown id, protocol, or kind of inputs.

    Example:
        >>> len(jobs_of(["r2-cnn", "r2-mobilenet"], "smoke", folds=[0, 1]))
        4
    """
    for name in filter(None, inputs):
        inputs_named(name)
    return [
        Job(id, profile, data, protocol, shown, fold, seed, weights)
        for seed in seeds
        for protocol in protocols
        for shown in inputs
        for id in ids
        for fold in (folds or range(folds_of(experiment(id), protocol)))
    ]


@lru_cache(maxsize=4)
def _data(task: str, profile: str, folder: str, seed: int, size: int) -> Dataset | Tiles:
    load = load_tiles if task == "tissue" else load_data
    return load(profile, folder, seed, size)


def planned_run(job: Job) -> Run:
    """The run that a job asks for, not yet trained.

    Example (not run):
        >>> planned_run(Job("r2-cnn", "smoke", "")).name
        'r2-cnn'
    """
    entry = experiment(job.experiment)
    seed = 0 if job.data else job.seed  # phantoms are drawn anew for each seed
    size = profile_settings(entry, job.profile).size
    data = _data(entry.task, job.profile, job.data, seed, size)
    return planned(
        job.experiment, data, job.profile, job.protocol, job.fold, job.seed, job.weights, job.inputs
    )


_ONE_AT_A_TIME = Lock()
"""A dask worker may have several threads, and Keras has one random state and one session."""


def execute(job: Job, threads: int = 0) -> Parcel:
    """Do one job, wherever this runs, and pack what its record needs; errors are packed too.

    Args:
        job: what to run.
        threads: of the processor; 0 leaves it to the backend of Keras. It only counts before Keras is loaded.
    """
    with _ONE_AT_A_TIME:
        os.environ["BUSI_HEADLESS"] = "1"  # the campaign has the one display
        limit_threads(threads)
        started = time.perf_counter()
        try:
            done = finished(planned_run(job))
            facts, files, error = done.facts, part_files(done), ""
        except Exception as failure:  # one that fails must not stop the others
            facts, files, error = {}, {}, in_one_line(failure)
        return Parcel(facts, files, time.perf_counter() - started, error)


def limit_threads(threads: int) -> None:
    """Let Keras's backend use so many threads in this process, before it is loaded; 0 for no limit.

    Example:
        >>> limit_threads(1)
    """
    if threads:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(threads)


LISTS: Mapping[str, tuple[type, str]] = {
    "ids": (str, "[r2-cnn]"),
    "protocols": (str, "[grouped, random]"),
    "folds": (int, "[0, 1]"),
    "seeds": (int, "[0, 1, 2]"),
    "inputs": (str, '["true mask alone"]'),
}
"""What a line of a plan gives as lists: of what, and an example."""

WORDS = ("weights", "profile", "data")
"""What it gives as one word."""


def plan_lines(plan: object, source: str) -> list[Mapping]:
    """The lines of a plan file: each a mapping of `jobs_of`'s arguments, `ids` at least.

    Args:
        plan: as YAML gives it.
        source: its path, for messages.

    Raises:
        UserError: for anything but a list of such lines.

    Example:
        >>> plan_lines([{"ids": ["r2-cnn"], "seeds": [0, 1]}], "plan.yaml")
        [{'ids': ['r2-cnn'], 'seeds': [0, 1]}]
    """
    others = ", ".join([*LISTS, *WORDS][1:])
    form = f"a list of lines such as `- ids: [r2-cnn]`, with {others} where they are wanted"
    if not isinstance(plan, list) or not plan:
        found = "nothing" if not plan else type(plan).__name__
        raise UserError(f"{source}: found {found}, expected {form}")
    for number, line in enumerate(plan, 1):
        where = f"{source}, line {number} of the plan"
        if not isinstance(line, dict) or not line.get("ids"):
            raise UserError(f"{where}: no ids; expected {form}")
        for name, value in line.items():
            if name in LISTS:
                kind, example = LISTS[name]
                if not isinstance(value, list) or not value or any(type(one) is not kind for one in value):
                    raise UserError(f"{where}: {name} is {value!r}, expected a list, such as {example}")
                if kind is int and min(value) < 0:
                    raise UserError(f"{where}: {name} is {value!r}, expected numbers from 0 on")
            elif name not in WORDS:
                raise UserError(f"{where}: {name!r} is not known; expected {form}")
            elif not isinstance(value, str):
                raise UserError(f"{where}: {name} is {value!r}, expected a word")
    return plan
