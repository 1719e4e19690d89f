"""`busi campaign`: what it shows before, while and after many runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from busilib.errors import UserError
from busilib.runs.campaign import FAILED, LATER, RAN, Outcome, Waiting, finish_times
from busilib.runs.jobs import Job, jobs_of, plan_lines

WORKERS = (1, 2, 8, 64)
"""Numbers of workers for which `--dry-run` says when they would be done."""


def asked_for(
    what: Sequence[str],
    profile: str,
    data: str,
    protocols: Sequence[str],
    folds: Sequence[int],
    seeds: Sequence[int],
    inputs: Sequence[str],
    weights: str,
) -> list[Job]:
    """The jobs of ids with these options, or of one plan file, whose lines go before the options.

    Raises:
        UserError: for a plan that cannot be read, or one named beside ids.
    """
    options: dict[str, Any] = {
        "profile": profile,
        "data": data,
        "protocols": list(protocols) or ["grouped"],
        "folds": list(folds),
        "seeds": list(seeds) or [0],
        "inputs": list(inputs) or [""],
        "weights": weights,
    }
    plans = [name for name in what if name.lower().endswith((".yaml", ".yml"))]
    if not plans:
        return jobs_of(list(what), **options)
    if len(what) > 1:
        raise UserError(f"{plans[0]}: a plan stands alone; leave out {', '.join(set(what) - {plans[0]})}")
    lines = plan_lines(_read_plan(Path(plans[0])), plans[0])
    return [job for line in lines for job in jobs_of(**(options | dict(line)))]


def _read_plan(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no YAML ({' '.join(str(error).split())})") from error


class Display:
    """One line that tells how far a campaign is; where nobody watches, one line for each job that ends."""

    def __init__(self, waiting: Sequence[Waiting], workers: int, console: Console):
        self.left = {one.job: one.expected for one in waiting}
        self.workers, self.console = workers, console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("campaign", total=len(waiting), left=self._left())

    def tell(self, outcome: Outcome) -> None:
        self.left.pop(outcome.job, None)
        self.bar.update(self.task, advance=1, left=self._left())
        said = f"{_named(outcome.job, outcome.record)}: {outcome.state}"
        if outcome.seconds:
            said += f" in {outcome.seconds:.0f} s"
        if outcome.error:
            said += f": {outcome.error}"
        done = self.bar.tasks[0]
        where = "" if self.console.is_terminal else f"{done.completed:.0f}/{done.total:.0f} "
        after = "" if self.console.is_terminal or not self.left else f" ({self._left()})"
        self.bar.console.print(f"{where}{said}{after}", markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        known = [seconds for seconds in self.left.values() if seconds is not None]
        if not known:
            return "time left unknown" if self.left else ""
        seconds = finish_times(known, [self.workers])[self.workers]
        unknown = len(self.left) - len(known)
        return f"about {duration(seconds)} left" + (f" and {unknown} of unknown length" if unknown else "")


def _named(job: Job, record: str) -> str:
    return f"{record or job.experiment} seed {job.seed} fold {job.fold}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> duration(5400), duration(90), duration(5)
        ('1.5 h', '1.5 min', '5 s')
    """
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def preview(waiting: Sequence[Waiting], done: Sequence[Outcome], console: Console) -> None:
    """What would run, how long each job is expected to take, and when so many workers would be done."""
    table = Table(box=None, header_style="bold")
    for column in ("record", "seed", "fold", "expected"):
        table.add_column(column, justify="left" if column == "record" else "right", overflow="fold")
    for one in waiting:
        expected = "unknown" if one.expected is None else duration(one.expected)
        table.add_row(one.record, str(one.job.seed), str(one.job.fold), expected)
    console.print(table)
    known = [one.expected for one in waiting if one.expected is not None]
    console.print(f"{len(waiting)} to run, {_count(done)}")
    if known:
        ends = finish_times(known, WORKERS)
        said = ", ".join(f"{count}: {duration(seconds)}" for count, seconds in ends.items())
        unknown = len(waiting) - len(known)
        console.print(
            f"Done with so many workers after, {said}" + (f"; without {unknown} unknown" if unknown else "")
        )


def report(outcomes: Sequence[Outcome], console: Console) -> None:
    """One table of what ran, what failed and why, and one line that counts all."""
    table = Table(box=None, header_style="bold")
    for column in ("record", "seed", "fold", "outcome", "seconds", "error"):
        table.add_column(
            column, justify="right" if column in ("seed", "fold", "seconds") else "left", overflow="fold"
        )
    for one in outcomes:
        seconds = f"{one.seconds:.0f}" if one.seconds else ""
        table.add_row(
            one.record or one.job.experiment,
            str(one.job.seed),
            str(one.job.fold),
            one.state,
            seconds,
            one.error,
        )
    console.print(table)
    console.print(_count(outcomes))


def _count(outcomes: Sequence[Outcome]) -> str:
    states = [one.state for one in outcomes]
    counts = {state: states.count(state) for state in dict.fromkeys((RAN, FAILED, LATER, *states))}
    return (
        ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing recorded before"
    )


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """1 if anything failed, else 0."""
    return int(any(one.state == FAILED for one in outcomes))


def end(outcomes: Sequence[Outcome]) -> None:
    if code := exit_code(outcomes):
        raise typer.Exit(code)
