"""Run the notebooks: in number order, resumable, and never leaving half a result behind.

Papermill fills in the parameters; the cells are run by nbclient, which papermill itself uses, since papermill
changes the working directory of the whole program and so runs one notebook at a time.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from busilib import provenance
from busilib.errors import UserError
from busilib.paths import expanded
from busilib.publish.digest import digest, source_digest
from busilib.publish.kernel import OwnKernel
from busilib.runs.profiles import profile as profile_named

RECORD = "busilib"
"""Key of the record in an executed notebook's metadata; a notebook without it is not finished."""

CELL_TIMEOUT = {"smoke": 20 * 60, "laptop": 6 * 3600, "full": 6 * 3600}
"""Seconds that one cell may take, by profile: far above any honest run, so that only a hang meets it."""

AT_ONCE = {"smoke": 2, "laptop": 1, "full": 1}
"""Notebooks run at a time, by profile. Several have one thread each, so that the figures do not depend on the
machine; one alone has all of it, so that the times it records are those of an undisturbed machine."""

SPECIAL = {"weights": "pretrained weights", "bcss": "histology", "outside": "outside data"}
"""Parameters that only some notebooks have, and what they are."""


class NotebookError(UserError, RuntimeError):
    """A notebook cannot be run or published; the message names notebook and cell and what to do."""


@dataclass(frozen=True)
class Executed:
    """One executed notebook.

    Attributes:
        name: file stem, such as "03_unet_segmentation".
        path: the executed copy.
        seconds: wall time of its run.
        kept: True where an earlier run with the same inputs was kept.
    """

    name: str
    path: Path
    seconds: float
    kept: bool


def find(root: Path, only: Sequence[str] = ()) -> list[Path]:
    """The notebooks of the repository in number order, or those whose names start with one of `only`.

    Raises:
        NotebookError: if there is none, or if an entry of `only` fits none.

    Example:
        >>> [path.stem for path in find(Path("."), only=["03"])]
        ['03_unet_segmentation']
    """
    paths = sorted((root / "notebooks").glob("[0-9]*.ipynb"))
    names = ", ".join(path.stem for path in paths) or "no notebook at all"
    for prefix in only:
        if not any(path.name.startswith(prefix) for path in paths):
            raise NotebookError(f"no notebook starts with {prefix!r}; {root / 'notebooks'} holds {names}")
    if not paths:
        raise NotebookError(f"{root / 'notebooks'} holds {names}; run this from the repository's root")
    return [path for path in paths if not only or path.name.startswith(tuple(only))]


def executed_path(root: Path, profile: str, notebook: Path) -> Path:
    """Where the executed copy of a notebook lies: `_build/executed/<profile>/<name>.ipynb`."""
    return root / "_build" / "executed" / profile / notebook.name


def record(path: Path) -> dict:
    """The record in an executed notebook's metadata, empty where there is no finished notebook."""
    try:
        return nbformat.read(path, as_version=4).metadata.get(RECORD, {})
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        return {}


def execute(
    root: Path,
    profile: str,
    data: str = "",
    seed: int = 0,
    only: Sequence[str] = (),
    weights: str = "",
    bcss: str = "",
    outside: str = "",
    console: Console | None = None,
) -> list[Executed]:
    """Run the notebooks into `_build/executed/<profile>/`, started in number order, `AT_ONCE` at a time.

    A notebook whose inputs are unchanged since its last run is kept (see `digest`); an outdated copy is
    removed before its notebook runs again. A notebook that fails stops those that run beside it, and its
    half-run copy stays in `_build/running/`, where nothing is published from. Notebooks that share a training
    wait for each other (see `busilib.runs.locks`), so their order decides nothing but who trains.

    Args:
        root: the repository.
        profile: name of a profile, passed to the notebooks.
        data: folder of the dataset, "" for the profile's own; passed on as an absolute path.
        seed: random seed, passed to the notebooks.
        only: starts of names ("03"); empty for all.
        weights: where pretrained backbones come from, passed to the notebooks that declare it; "" leaves
            the choice to the profile.
        bcss: folder of the histology, passed to the notebook that declares it; "" for its phantoms.
        outside: folder of an outside set, passed to the notebook that declares it; "" for phantoms.
        console: where the progress goes; live in a terminal, one line per notebook elsewhere.

    Returns:
        One entry per notebook, in order.

    Raises:
        NotebookError: for an unknown parameter, a failing cell, a dead kernel, or output that strayed
            into a page (standard error, progress bars).

    Example (not run):
        >>> execute(Path("."), "smoke", only=["01"])
        [Executed(name='01_data_exploration', ...)]
    """
    root = root.resolve()
    console = console or Console()
    wanted = {"profile": profile, "data": _absolute(data), "seed": seed}
    given = {"weights": weights, "bcss": bcss, "outside": outside}
    special = {name: _absolute(value) for name, value in given.items() if value}
    plans = {source: _parameters_of(source, wanted | special) for source in find(root, only)}
    for name in special:
        if not any(name in parameters for parameters in plans.values()):
            raise NotebookError(f"none of {', '.join(path.stem for path in plans)} takes {SPECIAL[name]}")

    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        return asyncio.run(_execute_all(root, profile, plans, progress))


async def _execute_all(
    root: Path, profile: str, plans: Mapping[Path, Mapping[str, object]], progress: Progress
) -> list[Executed]:
    waiting = iter(plans.items())
    outcomes = {}

    async def work() -> None:
        for source, parameters in waiting:
            outcomes[source] = await _execute_or_keep(root, profile, source, parameters, progress)

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE[profile]):
                workers.create_task(work())
    except* NotebookError as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
    return [outcomes[source] for source in plans]


async def _execute_or_keep(
    root: Path, profile: str, source: Path, parameters: Mapping[str, object], progress: Progress
) -> Executed:
    def tell(state: str, colour: str) -> None:
        progress.update(task, state=f"[{colour}]{state}")
        if not progress.console.is_terminal:
            progress.console.print(f"{source.stem}: {state}")

    def count(cell_index: int, total: int) -> None:
        progress.update(task, total=total, completed=cell_index)

    task = progress.add_task(source.stem, total=None, state="running")
    mark = digest(root, source, parameters)
    target = executed_path(root, profile, source)
    known = record(target)
    kept = known.get("digest") == mark
    try:
        if not kept:
            known = await _execute_one(root, source, parameters, mark, count)
    except BaseException:
        running = asyncio.current_task()
        stopped = running is not None and running.cancelling()  # by the failure of another
        tell("stopped" if stopped else "failed", "red")
        raise
    seconds = f"{known['seconds']:.0f} s"
    progress.update(task, total=1, completed=1)
    tell(f"kept ({seconds} when it ran)" if kept else f"done in {seconds}", "green")
    return Executed(source.stem, target, known["seconds"], kept)


def _absolute(path: str) -> str:
    """A path that holds in the notebooks' own folder too; words such as "imagenet" stay as they are."""
    found = expanded(path)
    return str(found.resolve()) if path and found.exists() else path


def _parameters_of(source: Path, wanted: Mapping[str, object]) -> dict[str, object]:
    declared = papermill.inspect_notebook(source)
    data = "bcss" if "bcss" in declared else "data"
    missing = [name for name in ("profile", data, "seed") if name not in declared]
    if missing:
        raise NotebookError(
            f"{source.name} does not declare {', '.join(missing)} (it declares "
            f"{', '.join(declared) or 'nothing'}). Its cell tagged `parameters` must set profile, data (or "
            "bcss) and seed."
        )
    return {name: value for name, value in wanted.items() if name in declared}


async def _execute_one(
    root: Path,
    source: Path,
    parameters: Mapping[str, object],
    mark: str,
    count: Callable[[int, int], None],
) -> dict:
    profile = str(parameters["profile"])
    running = root / "_build" / "running" / profile
    running.mkdir(parents=True, exist_ok=True)
    target = executed_path(root, profile, source)
    target.unlink(missing_ok=True)
    draft, log = running / source.name, running / f"{source.stem}.log"
    finished = papermill.execute_notebook(
        source, draft, dict(parameters), prepare_only=True, kernel_name="python3", language="python"
    )
    here: tuple[int, str] = 0, ""

    def started(cell, cell_index):
        nonlocal here
        here = cell_index, cell.source
        count(cell_index, len(finished.cells))

    one_thread = AT_ONCE[profile] > 1
    attributes = {"folder": root / "_build", "log_file": log, "one_thread": one_thread}
    client = NotebookClient(
        finished,
        kernel_name="python3",
        kernel_manager_class=type("Kernel", (OwnKernel,), attributes),
        resources={"metadata": {"path": str(source.parent)}},
        timeout=CELL_TIMEOUT[profile],
        raise_on_iopub_timeout=True,
        on_cell_start=started,
        on_cell_executed=_refuse_stray_output,
    )
    start = time.perf_counter()
    try:
        await client.async_execute()
    except (CellExecutionError, DeadKernelError, CellTimeoutError, _StrayOutputError) as error:
        raise NotebookError(_failure(source, *here, error, draft, log)) from error
    finally:
        nbformat.write(finished, draft)
    finished.metadata[RECORD] = {
        "digest": mark,
        "source": source_digest(source),
        "profile": profile,
        "phantom": profile_named(profile).phantom and not (parameters.get("data") or parameters.get("bcss")),
        "seed": parameters["seed"],
        "seconds": round(time.perf_counter() - start, 1),
        "versions": provenance.versions(),
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()})",
        "commit": provenance.commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    nbformat.write(finished, draft)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(target)
    log.unlink(missing_ok=True)
    return finished.metadata[RECORD]


class _StrayOutputError(RuntimeError):
    pass


def _refuse_stray_output(cell, cell_index, execute_reply) -> None:
    if any(output.output_type == "error" for output in cell.outputs):
        return
    for output in cell.outputs:
        if fault := stray(output):
            raise _StrayOutputError(fault)


def stray(output: Mapping) -> str:
    """What is wrong with an output that no page should show, "" where nothing is.

    Example:
        >>> stray({"output_type": "stream", "name": "stderr", "text": "UserWarning: ..."})
        'stray output on standard error: UserWarning: ...'
    """
    if output["output_type"] != "stream":
        return ""
    lines = output["text"].strip().splitlines()
    if output["name"] == "stderr":
        return f"stray output on standard error: {lines[0] if lines else '(blank lines)'}"
    if "\r" in output["text"].replace("\r\n", "\n"):
        return f"a progress display wrote into the page: {lines[-1] if lines else '(blank lines)'}"
    return ""


def _failure(source: Path, index: int, code: str, error: Exception, draft: Path, log: Path) -> str:
    if isinstance(error, CellExecutionError):
        cause = f"{error.ename}: {error.evalue}"
    elif isinstance(error, DeadKernelError):
        cause = f"the kernel died, most often for lack of memory (its last words: {log})"
    elif isinstance(error, CellTimeoutError):
        cause = "the cell ran past its time limit"
    else:
        cause = str(error)
    cells = nbformat.read(source, as_version=4).cells
    tagged = [i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    number = index + 1 if index <= tagged[0] else index
    first = next((line for line in code.splitlines() if line.strip()), "")
    return (
        f"notebooks/{source.name} stopped in cell {number} (`{first.strip()}`): {cause}\n"
        f"As far as it got: {draft}\nMend the cause and start again; finished notebooks are kept."
    )
