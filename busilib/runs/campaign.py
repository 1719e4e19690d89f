"""Campaigns: many runs beside each other, each recorded as it ends; what is recorded is never done twice."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from busilib import provenance
from busilib.errors import UserError, in_one_line
from busilib.paths import writable_folder
from busilib.runs.jobs import Job, Parcel, execute, planned_run
from busilib.runs.once import read_facts
from busilib.runs.recording import is_recorded, publish, refuse_uncommitted, target_of
from busilib.runs.records import results_folder
from busilib.runs.run import FACTS
from busilib.runs.summary import complete_summary
from busilib.runs.workers import Workers

RAN, SKIPPED, FAILED, LATER = "ran", "recorded before", "failed", "left for later"


@dataclass(frozen=True)
class Waiting:
    """A job that is not recorded yet.

    Attributes:
        job: what is asked for.
        record: folder of its record.
        key: of its Spec, as this machine has it.
        expected: seconds that it will take; None where no earlier record tells.
    """

    job: Job
    record: Path
    key: str
    expected: float | None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: what was asked for.
        record: folder of its record; None where it could not be told.
        state: `RAN`, `SKIPPED`, `FAILED` or `LATER`.
        seconds: that it took, from start to end.
        why: it failed or was left for later, in one line.
    """

    job: Job
    record: Path | None
    state: str
    seconds: float = 0.0
    why: str = ""


def expected_seconds(id: str, record: str, took: Mapping[str, float]) -> float | None:
    """What earlier parts of the same record took on average, else of the same experiment; None without any.

    Args:
        id: of the experiment.
        record: name of the record.
        took: mean seconds of a part, by record (see `recorded_seconds`).

    Example:
        >>> expected_seconds("r2-cnn", "r2-cnn@random", {"r2-cnn": 725.2, "r2-unet": 2000.0})
        725.2
    """
    if record in took:
        return took[record]
    alike = [seconds for name, seconds in took.items() if name.split("@")[0].split("+")[0] == id]
    return sum(alike) / len(alike) if alike else None


def recorded_seconds(folder: Path) -> dict[str, float]:
    """Mean seconds of a part, by record.

    Args:
        folder: of the records of one profile; need not exist.

    Example (not run):
        >>> recorded_seconds(Path("results/laptop"))["r2-cnn"]
        725.2
    """
    found: dict[str, list[float]] = {}
    for facts in folder.glob(f"*/*/{FACTS}"):
        found.setdefault(facts.parents[1].name, []).append(read_facts(facts)["total_seconds"])
    return {record: sum(took) / len(took) for record, took in sorted(found.items())}


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


def survey(jobs: Sequence[Job]) -> tuple[list[Waiting], list[Outcome]]:
    """Which jobs are still to do, and what became of the others: recorded before, or impossible.

    Nothing is trained or written. Two jobs that ask for the same run count once.

    Example (not run):
        >>> waiting, done = survey(jobs_of(["r2-cnn"], "laptop", "Dataset_BUSI_with_GT"))
    """
    waiting: list[Waiting] = []
    done: list[Outcome] = []
    took, seen = cache(recorded_seconds), set()
    for job in dict.fromkeys(jobs):
        try:
            asked = planned_run(job)
            record = target_of(asked) / job.profile / asked.name
            if (record, asked.spec.key) in seen:
                continue
            seen.add((record, asked.spec.key))
            if is_recorded(record / asked.spec.part, asked.spec):
                done.append(Outcome(job, record, SKIPPED))
            else:
                expected = expected_seconds(job.experiment, asked.name, took(record.parent))
                waiting.append(Waiting(job, record, asked.spec.key, expected))
        except UserError as error:
            done.append(Outcome(job, None, FAILED, why=in_one_line(error)))
    return waiting, done


def summed(done: Iterable[Outcome]) -> list[Outcome]:
    """The same outcomes, after making the summaries that a campaign did not come to when it was killed.

    Args:
        done: of `survey`; where a summary cannot be written, the outcome is `FAILED`.

    Example (not run):
        >>> waiting, done = survey(jobs)
        >>> done = summed(done)
    """
    complete = cache(complete_summary)  # a record has many parts

    def one(outcome: Outcome) -> Outcome:
        if outcome.state != SKIPPED or outcome.record is None:
            return outcome
        try:
            complete(outcome.record)
        except (UserError, OSError) as error:
            return replace(outcome, state=FAILED, why=in_one_line(error))
        return outcome

    return [one(outcome) for outcome in done]


def run_campaign(
    waiting: Sequence[Waiting],
    workers: Workers,
    hours: float = 0.0,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Do what is still to do, some jobs at a time, and record each as it ends.

    A job that fails does not stop the others. Nor does the death of a worker process, such as for lack of
    memory: what was being done then has failed, and the rest goes on.

    Args:
        waiting: of `survey`, in the order in which they start.
        workers: who does them.
        hours: after which nothing runs any more, as far as earlier records can tell: no job is started that
            would not end in time; 0 for no limit.
        tell: called with each outcome as it comes.

    Returns:
        The outcomes, in the order in which they came.

    Raises:
        busilib.runs.once.RecordError: if BUSI is to be recorded and the code is in no commit.

    Example (not run):
        >>> with workers_of(2) as workers:
        ...     run_campaign(survey(jobs_of(["r2-cnn"], "smoke"))[0], workers)
    """
    if any(one.record.is_relative_to(results_folder()) for one in waiting):
        refuse_uncommitted(provenance.commit())
    end = time.monotonic() + 3600 * hours if hours else None
    outcomes: list[Outcome] = []
    queue = iter(enumerate(waiting))
    begun: dict[int, Waiting] = {}

    def keep(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    def startable() -> Iterator[tuple[int, Job]]:
        for place, one in queue:
            if end is not None and time.monotonic() + (one.expected or 0) > end:
                keep(Outcome(one.job, one.record, LATER, why="would not end in time"))
                continue
            try:
                writable_folder(one.record)
            except UserError as error:
                keep(Outcome(one.job, one.record, FAILED, why=in_one_line(error)))
                continue
            begun[place] = one
            yield place, one.job

    def lost(why: str) -> None:
        for place in sorted(begun):
            one = begun.pop(place)
            keep(Outcome(one.job, one.record, FAILED, why=why))

    while True:
        try:
            for place, parcel in _parcels(startable(), workers):
                keep(_recorded(begun.pop(place), parcel))
            return outcomes
        except _WorkerError as error:
            if isinstance(error.cause, workers.killed):
                lost("a worker process was killed, often for lack of memory")
                continue
            lost(in_one_line(error.cause))
            for _, one in queue:
                keep(Outcome(one.job, one.record, LATER, why="the workers are lost"))
            return outcomes


class _WorkerError(Exception):
    """The workers failed, not a job, which packs its own errors."""

    def __init__(self, cause: Exception):
        super().__init__(str(cause))
        self.cause = cause


def _parcels(jobs: Iterator[tuple[int, Job]], workers: Workers) -> Iterator[tuple[int, Parcel]]:
    from joblib import Parallel, delayed, parallel_config

    try:
        with parallel_config(**workers.backend, n_jobs=workers.count):
            yield from Parallel(return_as="generator_unordered", pre_dispatch=workers.count, batch_size=1)(
                delayed(_numbered)(place, job, workers.threads) for place, job in jobs
            )
    except Exception as error:
        raise _WorkerError(error) from error


def _numbered(place: int, job: Job, threads: int) -> tuple[int, Parcel]:
    return place, execute(job, threads)


def _recorded(one: Waiting, parcel: Parcel) -> Outcome:
    failed = Outcome(one.job, one.record, FAILED, parcel.seconds, parcel.error)
    if parcel.error:
        return failed
    if parcel.facts["key"] != one.key:
        return replace(failed, why="the worker has other code, images or weights than this machine")
    try:
        publish(one.record, parcel.facts, parcel.files)
    except (UserError, OSError) as error:
        return replace(failed, why=in_one_line(error))
    return replace(failed, state=RAN)
