"""`busi experiments`, `train`, `campaign` and `study`: what is run and recorded."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from busilib.cli.options import Data, Outside, Profile, Seed, Weights


def experiments(
    as_json: Annotated[bool, typer.Option("--json", help="Print the registry as JSON.")] = False,
) -> None:
    """List the systems of the reports: id, task, input, parameters and what each claims."""
    from busilib.reports.registry import EXPERIMENTS, as_dict

    if as_json:
        typer.echo(json.dumps([as_dict(entry) for entry in EXPERIMENTS.values()], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("id", "report", "task", "what", "input", "parameters", "main claim"):
        table.add_column(column, no_wrap=column in ("id", "task", "parameters"))
    for entry in EXPERIMENTS.values():
        main = entry.main_claim
        claim = f"{main.metric} {main.value:.4g}, n {main.n or 'not given'}" if main else "none"
        shown = f"{entry.settings.size} px, {entry.inputs_under('random')}"
        table.add_row(entry.id, entry.report, entry.task, entry.title, shown, f"{entry.parameters:,}", claim)
    Console().print(table)


def train(
    id: Annotated[str, typer.Argument(help="An experiment, such as r1-unet; `busi experiments` lists them.")],
    profile: Profile = "smoke",
    data: Data = "",
    protocol: Annotated[
        str,
        typer.Option(
            help="grouped (leak-free), random (as its report did), as-r1 to as-r4 (as another report did), "
            "image-wise (near-duplicates apart), peeking (image-wise, and the epoch is chosen on the test "
            "set), curated or unconflicted (grouped, on a part of BUSI)."
        ),
    ] = "grouped",
    fold: Annotated[list[int] | None, typer.Option(help="Test fold, may be repeated. Left out: 0.")] = None,
    seed: Seed = 0,
    weights: Weights = "",
    inputs: Annotated[
        str,
        typer.Option(help='What the model is shown, such as "true mask alone". Left out: the usual.'),
    ] = "",
) -> None:
    """Train one experiment and record it; a killed training goes on, a finished one is only read back.

    Records of the real BUSI go to results/, those of any other data to _build/results/.
    """
    from busilib import provenance
    from busilib.metrics.figure import limits, several
    from busilib.metrics.measure import MAIN_FIGURES
    from busilib.paths import project_root, writable_folder
    from busilib.reports import registry
    from busilib.runs import recording, records, runner
    from busilib.runs.load import load_data, load_tiles
    from busilib.runs.profiles import profile_settings

    writable_folder(project_root() / "_build")
    entry = registry.experiment(id)
    load = load_tiles if entry.task == "tissue" else load_data
    dataset = load(profile, data, seed, profile_settings(entry, profile).size)
    if dataset.origin == "busi":
        recording.refuse_uncommitted(provenance.commit())
    for number in fold or [0]:
        one = runner.run(id, dataset, profile, protocol, number, seed, weights, inputs)
        target = recording.write_record(one, recording.target_of(one))
    recorded = records.read_record(target.name, profile, target.parents[1])
    assert recorded is not None  # just written
    figures = recorded.metrics
    for key in MAIN_FIGURES[entry.task]:
        if key in figures:
            figure = figures[key]
            found = ("" if figure.get("why") else "95% interval ") + limits(figure, ".3f", " to ")
            typer.echo(f"{key:24} {figure['value']:.3f}  ({found}, n = {figure['n']}{several(figure)})")
    typer.echo(f"Recorded in {target.relative_to(project_root())}")


def campaign(
    what: Annotated[
        list[str], typer.Argument(metavar="IDS… | PLAN.yaml", help="Experiments, or one plan file.")
    ],
    profile: Profile = "smoke",
    data: Data = "",
    protocols: Annotated[
        list[str] | None,
        typer.Option("--protocols", help="As in `busi train`; may be repeated. Left out: grouped."),
    ] = None,
    folds: Annotated[
        list[int] | None,
        typer.Option("--folds", min=0, help="Test folds; may be repeated. Left out: all."),
    ] = None,
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seeds", min=0, max=2**32 - 1, help="May be repeated. Left out: 0."),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--inputs", help="As in `busi train`; may be repeated.")
    ] = None,
    weights: Weights = "",
    jobs: Annotated[int, typer.Option(min=0, help="Runs at a time. 0: as many as processors.")] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Processors of each run. 0: all processors, divided by the runs.")
    ] = 0,
    scheduler: Annotated[
        str, typer.Option(help="Address of a dask.distributed scheduler. Left out: this machine.")
    ] = "",
    hours: Annotated[
        float, typer.Option(min=0, help="Start nothing that would not end in time. 0: no limit.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and how long they would take.")
    ] = False,
) -> None:
    """Run many experiments, folds and seeds, and record each as it ends; what is recorded is skipped.

    Options that take several values take them one by one (--seeds 0 --seeds 1) or in a row (--seeds 0 1).
    A campaign that was stopped or killed goes on where it was. Exit code 1 if a run failed.
    """
    import os

    from rich.console import Console

    from busilib.cli import campaign as show
    from busilib.paths import project_root, writable_folder
    from busilib.runs.campaign import run_campaign, summed, survey
    from busilib.runs.workers import workers_of

    writable_folder(project_root() / "_build")
    console = Console()
    asked = show.asked_for(
        what, profile, data, protocols or (), folds or (), seeds or (), inputs or (), weights
    )
    waiting, done = survey(asked)
    if dry_run:
        show.preview(waiting, done, console)
        raise typer.Exit(show.exit_code(done))
    done = summed(done)
    at_a_time = jobs or min(os.cpu_count() or 1, max(len(waiting), 1))
    with workers_of(at_a_time, threads, scheduler) as workers:
        display = show.Display(waiting, workers.count, console)
        with display.bar:
            ran = run_campaign(waiting, workers, hours, display.tell)
    show.report([*done, *ran], console)
    raise typer.Exit(show.exit_code([*done, *ran]))


def study(
    name: Annotated[str, typer.Argument(help="Such as negative-controls; an unknown name lists all.")],
    profile: Profile = "smoke",
    data: Data = "",
    seed: Seed = 0,
    weights: Weights = "",
    outside: Outside = "",
    encoder: Annotated[
        str, typer.Option(help="What a linear probe sees through, such as mobilenet. Left out: that.")
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(help="An experiment that meets the outside set, may be repeated. Left out: the usual."),
    ] = None,
) -> None:
    """Run one study of the book (pages 1, 9, 10, 13 to 15) and record it; finished trainings are read back.

    Records of the real BUSI go to results/, those of any other data to _build/results/. Another seed, outside
    set, encoder or model adds a record and leaves the others as they are.
    """
    from busilib import provenance
    from busilib.metrics.figure import limits
    from busilib.metrics.measure import MAIN_FIGURES
    from busilib.paths import project_root, writable_folder
    from busilib.runs.recording import refuse_uncommitted
    from busilib.studies import records, table
    from busilib.studies.context import ENCODER, Context

    writable_folder(project_root() / "_build")
    context = Context(profile, data, outside, seed, weights, encoder or ENCODER, tuple(model or ()))
    if name in table.STUDIES and context.load().origin == "busi":
        refuse_uncommitted(provenance.commit())
    measured = table.study(name, context)
    target = records.write_study(measured, records.target_of(measured))
    found = records.read_study(target.name, profile, target.parents[2])
    assert found is not None  # just written
    key = MAIN_FIGURES[found.task][0]
    for condition in found.conditions:
        figure = found.metrics(condition)[found.conditions[condition].get("figure", key)]
        typer.echo(f"{condition:44} {figure['value']:.3f}  ({limits(figure, '.3f', ' to ')})")
    typer.echo(f"Recorded in {target.relative_to(project_root())}")
