"""Campaigns: many runs beside each other, each recorded as it ends; what is recorded is never done twice."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from busilib import provenance
from busilib.errors import UserError
from busilib.runs import records
from busilib.runs.jobs import Job, Parcel, execute, planned_run
from busilib.runs.run import FACTS

RAN, SKIPPED, FAILED, LATER = "ran", "recorded before", "failed", "no time left"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: what was asked for.
        record: name of its record; empty where it could not be told.
        state: `RAN`, `SKIPPED`, `FAILED` or `LATER`.
        seconds: that it took, from start to end.
        error: what went wrong, in one line.
    """

    job: Job
    record: str
    state: str
    seconds: float = 0.0
    error: str = ""


def expected_seconds(job: Job, name: str, folder: Path) -> float | None:
    """What earlier parts of the same record took on average, else of the same experiment; None without any.

    Args:
        job: gives experiment and profile.
        name: of its record.
        folder: of results.

    Example:
        >>> expected_seconds(Job("r2-cnn", "laptop", "busi"), "r2-cnn", Path("results"))
        725.2…
    """
    took = _seconds(folder / job.profile)
    if name in took:
        return took[name]
    alike = [seconds for record, seconds in took.items() if _id_of(record) == job.experiment]
    return sum(alike) / len(alike) if alike else None


def _id_of(record: str) -> str:
    return record.split("@")[0].split("+")[0]


def _seconds(folder: Path) -> dict[str, float]:
    """Mean seconds of a part, by record."""
    found = {}
    for record in sorted(path for path in folder.glob("*") if path.is_dir()):
        took = [records.read_facts(facts)["total_seconds"] for facts in record.glob(f"*/{FACTS}")]
        if took:
            found[record.name] = sum(took) / len(took)
    return found


def finish_times(seconds: Sequence[float], workers: Sequence[int]) -> dict[int, float]:
    """When so many workers would be done, the longest job first, each job on one worker.

    Args:
        seconds: that each job takes.
        workers: how many there are, one answer for each.

    Returns:
        Seconds by number of workers.

    Example:
        >>> finish_times([3, 3, 2, 2, 2], workers=[1, 2])
        {1: 12.0, 2: 7.0}
    """
    found = {}
    for count in workers:
        busy = [0.0] * count
        for each in sorted(seconds, reverse=True):
            heapq.heappush(busy, heapq.heappop(busy) + each)
        found[count] = max(busy)
    return found


@dataclass(frozen=True)
class Waiting:
    """A job that is not recorded yet."""

    job: Job
    record: str
    target: Path
    expected: float | None


def survey(jobs: Sequence[Job]) -> tuple[list[Waiting], list[Outcome]]:
    """Which jobs are still to do, and what became of the others: recorded before, or impossible.

    Example (not run):
        >>> waiting, done = survey(jobs_of(["r2-cnn"], "laptop", "Dataset_BUSI_with_GT"))
    """
    waiting, done = [], []
    for job in dict.fromkeys(jobs):
        try:
            asked = planned_run(job)
            target = records.target_of(asked) / job.profile / asked.name
            if records.is_recorded(target / asked.spec.part, asked.spec):
                done.append(Outcome(job, asked.name, SKIPPED))
            else:
                expected = expected_seconds(job, asked.name, target.parents[1])
                waiting.append(Waiting(job, asked.name, target, expected))
        except UserError as error:
            done.append(Outcome(job, "", FAILED, error=str(error)))
    return waiting, done


def run_campaign(
    waiting: Sequence[Waiting],
    workers: int = 1,
    threads: int = 0,
    scheduler: str = "",
    hours: float = 0.0,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Do what is still to do, some jobs at a time, and record each as it ends.

    Args:
        waiting: of `survey`, in the order in which they start.
        workers: jobs at a time on this machine; with a scheduler, as many as it has workers.
        threads: of each job on this machine; 0 for the processors divided by the workers.
        scheduler: address of a dask.distributed scheduler whose workers do the jobs; empty for this machine.
        hours: after which nothing runs any more, as far as earlier records can tell: no job is started that
            would not end in time; 0 for no limit.
        tell: called with each outcome as it comes.

    Returns:
        The outcomes, in the order in which they came.

    Raises:
        busilib.runs.records.RecordError: if BUSI is to be recorded and the code is in no commit.

    Example (not run):
        >>> run_campaign(survey(jobs_of(["r2-cnn"], "smoke"))[0])
    """
    from joblib import Parallel, delayed, parallel_config

    if any(one.target.is_relative_to(records.results_folder()) for one in waiting):
        records.refuse_uncommitted(provenance.commit())
    end = time.monotonic() + 3600 * hours if hours else None
    outcomes: list[Outcome] = []

    def startable() -> Iterator[int]:
        for place, one in enumerate(waiting):
            if end is not None and time.monotonic() + (one.expected or 0) > end:
                keep(Outcome(one.job, one.record, LATER))
            else:
                yield place

    def keep(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    threads = 0 if scheduler else threads or max((os.cpu_count() or 1) // workers, 1)
    cluster: AbstractContextManager = nullcontext()
    if scheduler:
        cluster, workers = _connected(scheduler)
    settings = {"backend": "dask"} if scheduler else {"backend": "loky", "inner_max_num_threads": threads}
    with cluster, parallel_config(**settings, n_jobs=workers):
        parcels = Parallel(return_as="generator_unordered", pre_dispatch=workers, batch_size=1)(
            delayed(_numbered)(place, waiting[place].job, 0 if scheduler else threads)
            for place in startable()
        )
        for place, parcel in parcels:
            keep(_recorded(waiting[place], parcel))
    return outcomes


def _numbered(place: int, job: Job, threads: int) -> tuple[int, Parcel]:
    return place, execute(job, threads)


def _recorded(one: Waiting, parcel: Parcel) -> Outcome:
    outcome = Outcome(one.job, one.record, FAILED, parcel.seconds, parcel.error)
    if parcel.error:
        return outcome
    try:
        records.publish(one.target, parcel.facts, parcel.files)
    except (UserError, OSError) as error:
        return replace(outcome, error=str(error))
    return replace(outcome, state=RAN)


def _connected(scheduler: str):
    """A client of a dask scheduler, and how many jobs it can do at a time."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError(
            "--scheduler needs dask.distributed, which is not installed: pip install 'busilib[cluster]'"
        ) from error
    try:
        client = Client(scheduler, timeout="30s")
    except OSError as error:
        raise UserError(
            f"no dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler` and "
            "workers with `dask worker ADDRESS --nthreads 1`, and give its address."
        ) from error
    return client, max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
