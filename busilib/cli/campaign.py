"""`busi campaign`: what it shows before, while and after many runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import typer.core
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

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
        others = ", ".join(name for name in what if name != plans[0]) or "the second"
        raise UserError(f"{plans[0]}: a plan stands alone; leave out {others}")
    jobs: list[Job] = []
    for number, line in enumerate(plan_lines(_read_plan(Path(plans[0])), plans[0]), 1):
        try:
            jobs += jobs_of(**{**options, **line})
        except UserError as error:
            raise UserError(f"{plans[0]}, line {number} of the plan: {error}") from error
    return jobs


def _read_plan(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no YAML ({' '.join(str(error).split())})") from error


class InARow(typer.core.TyperCommand):
    """A command whose repeatable options also take their values in a row: `--folds 0 1`."""

    def parse_args(self, ctx, args):
        repeatable = {name for each in self.params if each.multiple for name in each.opts}
        spread, option, given = [], "", 0
        for word in args:
            if word.startswith("--"):
                name, equals, _ = word.partition("=")
                option, given = (name if name in repeatable else ""), len(equals)
            elif option:
                given += 1
                if given > 1:
                    spread.append(option)
            spread.append(word)
        return super().parse_args(ctx, spread)


class Display:
    """One line that tells how far a campaign is; where nobody watches, one line for each job that ends."""

    def __init__(self, waiting: Sequence[Waiting], workers: int, console: Console):
        self.left = {one.job: one.expected for one in waiting}
        self.total, self.workers = len(waiting), workers
        self.watched = console.is_terminal and not os.environ.get("BUSI_HEADLESS")
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not self.watched,
        )
        self.task = self.bar.add_task("campaign", total=self.total, left=self._left())

    def tell(self, outcome: Outcome) -> None:
        """Say what became of a job, and move on by one."""
        self.left.pop(outcome.job, None)
        self.bar.update(self.task, advance=1, left=self._left())
        said = _line(outcome)
        if not self.watched:
            after = f" ({self._left()})" if self.left else ""
            said = f"{self.total - len(self.left)}/{self.total} {said}{after}"
        self.bar.console.print(said, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        known = [seconds for seconds in self.left.values() if seconds is not None]
        if not known:
            return "time left unknown" if self.left else ""
        seconds = finish_times(known, [self.workers])[self.workers]
        unknown = len(self.left) - len(known)
        return f"about {duration(seconds)} left" + (f" and {unknown} of unknown length" if unknown else "")


def _line(outcome: Outcome) -> str:
    job = outcome.job
    said = f"{_name(outcome)} seed {job.seed} fold {job.fold}: {outcome.state}"
    said += f" in {duration(outcome.seconds)}" if outcome.seconds else ""
    return f"{said}: {outcome.why}" if outcome.why else said


def _name(outcome: Outcome) -> str:
    return outcome.record.name if outcome.record else outcome.job.experiment


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
        table.add_row(one.record.name, str(one.job.seed), str(one.job.fold), expected)
    console.print(table)
    for outcome in done:
        if outcome.state == FAILED:
            console.print(_line(outcome), markup=False, highlight=False, soft_wrap=True)
    known = [one.expected for one in waiting if one.expected is not None]
    console.print(f"{len(waiting)} to run, {_count(done)}")
    if known:
        first, *others = (f"{duration(end)} with {n}" for n, end in finish_times(known, WORKERS).items())
        said = ", ".join([f"Done after {first} worker", *others])
        unknown = len(waiting) - len(known)
        said += f"; {unknown} of unknown length come on top." if unknown else "."
        console.print(said, highlight=False, soft_wrap=True)


def report(outcomes: Sequence[Outcome], console: Console) -> None:
    """One table of what ran, what did not and why, and one line that counts all."""
    table = Table(box=None, header_style="bold")
    for column in ("record", "seed", "fold", "outcome", "seconds", "why"):
        side: Literal["left", "right"] = "right" if column in ("seed", "fold", "seconds") else "left"
        table.add_column(column, justify=side, overflow="fold")
    for one in outcomes:
        seconds = f"{one.seconds:.0f}" if one.seconds else ""
        cells = (_name(one), str(one.job.seed), str(one.job.fold), one.state, seconds, one.why)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    console.print(_count(outcomes))
    if any(one.state in (FAILED, LATER) for one in outcomes):
        console.print("The same command goes on from here.")


def _count(outcomes: Sequence[Outcome]) -> str:
    states = [one.state for one in outcomes]
    counts = {state: states.count(state) for state in dict.fromkeys((RAN, FAILED, LATER, *states))}
    return (
        ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing recorded before"
    )


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """1 if anything failed, else 0."""
    return int(any(one.state == FAILED for one in outcomes))
