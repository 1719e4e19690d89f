"""Who does the jobs of a campaign: processes of this machine, or a dask.distributed cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field

from busilib.errors import UserError


@dataclass(frozen=True)
class Workers:
    """How many jobs are done at a time, and by whom.

    Attributes:
        count: jobs at a time.
        threads: of each job; 0 for what the worker has.
        backend: what `joblib.parallel_config` needs to reach them.
        killed: errors that tell of the death of a worker, after which the others can go on.
    """

    count: int
    threads: int = 0
    backend: Mapping[str, object] = field(default_factory=lambda: {"backend": "loky"})
    killed: tuple[type[Exception], ...] = (BrokenProcessPool,)


@contextmanager
def workers_of(count: int = 0, threads: int = 0, scheduler: str = "") -> Iterator[Workers]:
    """The workers that a campaign has, for as long as it runs.

    Args:
        count: jobs at a time on this machine, 0 for as many as it has processors; with a scheduler, always as
            many as it has workers.
        threads: of each job; 0 for the processors of this machine divided by the jobs, and with a scheduler
            for what its workers have.
        scheduler: address of a dask.distributed scheduler; empty for this machine.

    Raises:
        UserError: if dask.distributed is not installed, no scheduler answers, or it has no workers.

    Example (not run):
        >>> with workers_of(2) as workers:
        ...     run_campaign(waiting, workers)
    """
    if not scheduler:
        processors = os.cpu_count() or 1
        count = count or processors
        threads = threads or max(processors // count, 1)
        yield Workers(count, threads, {"backend": "loky", "inner_max_num_threads": threads})
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise UserError(
            "--scheduler needs dask.distributed, which is not installed: pip install 'busilib[cluster]'"
        ) from error
    how = "`dask worker ADDRESS --nthreads 1`"
    try:
        client = Client(scheduler, timeout="30s")
    except (OSError, ValueError) as error:
        raise UserError(
            f"no dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler` and "
            f"workers with {how}, and give its address."
        ) from error
    with client:
        if not (found := len(client.nthreads())):
            raise UserError(f"the dask scheduler at {scheduler} has no workers. Start some with {how}.")
        yield Workers(found, threads, {"backend": "dask"}, (KilledWorker,))
