"""`busi`: the command line of the project."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import typer.core

from busilib.cli.data import data_app, weights_app
from busilib.cli.in_a_row import InARow
from busilib.cli.options import Data, Outside, Profile, Seed, Weights
from busilib.cli.predict import model_app, predict
from busilib.cli.runs import campaign, experiments, study, train
from busilib.errors import UserError, explained


class Commands(typer.core.TyperGroup):
    """The commands; what a user can mend ends them with a message and exit code 2, not with a traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except (UserError, OSError, MemoryError) as error:
            if (
                getattr(error, "errno", None) == errno.EPIPE
            ):  # whoever read our output has gone, as `head` does
                raise
            typer.echo(f"busi: {explained(error)}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="busi",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Breast-ultrasound AI: five reports, run again. For research and teaching; not for clinical use.",
)


def tell_version(asked: bool) -> None:
    if asked:
        from busilib.provenance import program

        typer.echo(program())
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=tell_version, is_eager=True, help="Version, Keras backend and commit."
        ),
    ] = False,
) -> None:
    """Commands share one registry of experiments and one set of profiles."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without our signs shows others, and no error
            stream.reconfigure(errors="replace")


app.add_typer(data_app, name="data")
app.add_typer(weights_app, name="weights")
app.add_typer(model_app, name="model")
app.command()(predict)
app.command()(experiments)
app.command()(train)
app.command(cls=InARow)(campaign)
app.command()(study)


@app.command()
def evaluate(
    predictions: Annotated[
        Path,
        typer.Argument(help="CSV with id,benign,malignant,normal (also fold), or a folder of masks by id."),
    ],
    data: Annotated[str, typer.Option(help="BUSI's folder; needed for masks.")] = "",
    split: Annotated[
        Path | None, typer.Option(help="CSV with id,part (train, validation, test), or id,fold.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Some of the images may be missing.")] = False,
    draws: Annotated[int, typer.Option(min=10, help="Bootstrap samples behind each interval.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write metrics.json, predictions.csv and report.md.")
    ] = None,
) -> None:
    """Check and measure anybody's predictions on BUSI: figures, intervals, calibration, leaks."""
    from rich.console import Console

    from busilib.pages.submitted import render, write
    from busilib.paths import writable_folder
    from busilib.submission.evaluate import evaluate

    if out:
        out = writable_folder(out)
    with Console(stderr=True).status("Reading …") as status:
        found = evaluate(predictions, data, split, partial, draws, step=status.update)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        render(found, Console())
    if out:
        typer.echo(f"\nWritten to {write(found, out)}", err=as_json)


@app.command()
def report(
    profile: Profile = "smoke",
    data: Data = "",
    only: Annotated[
        list[str] | None, typer.Option(help="Start of a notebook's name, such as 03; may be repeated.")
    ] = None,
    seed: Seed = 0,
    weights: Weights = "",
    bcss: Annotated[
        str, typer.Option(help="Folder of BCSS, for the histology notebook. Left out: phantoms.")
    ] = "",
    outside: Outside = "",
) -> None:
    """Run the notebooks and build the book; notebooks whose inputs are unchanged are kept."""
    import time

    from busilib.paths import checkout, writable_folder
    from busilib.publish import book, notebooks
    from busilib.runs import profiles

    budget, start = profiles.profile(profile).budget, time.perf_counter()
    typer.echo(f"Profile {profile}: the whole report takes up to {budget}")
    root = checkout()
    writable_folder(root / "_build")
    notebooks.execute(root, profile, data, seed, only or [], weights, bcss, outside)
    typer.echo("Building the book")
    page = book.build(root, profile, partial=bool(only))
    minutes, seconds = divmod(round(time.perf_counter() - start), 60)
    typer.echo(f"Took {minutes} min {seconds} s (budget: {budget})")
    typer.echo(f"Open {page}")


@app.command()
def doctor() -> None:
    """Tell what is missing on this machine and how to mend it. Exit code 1 if the report cannot run."""
    from rich.console import Console
    from rich.table import Table

    from busilib.cli.doctor import check
    from busilib.paths import project_root

    table = Table("", "what", "found", "how to mend it", box=None, header_style="bold")
    findings = check(project_root())
    for one in findings:
        mark = "[green]ok[/]" if one.ok else "[red]missing[/]" if one.needed else "[yellow]optional[/]"
        table.add_row(mark, one.name, one.found, one.mend)
    Console().print(table)
    if any(one.needed and not one.ok for one in findings):
        raise typer.Exit(1)


@app.command()
def pdf() -> None:
    """Print the built book into one PDF, _build/book.pdf, with Chromium or Chrome."""
    from busilib.cli.doctor import find_chromium
    from busilib.paths import checkout
    from busilib.publish.pdf import print_book

    typer.echo(f"Open {print_book(checkout(), find_chromium())}")


@app.command()
def colab() -> None:
    """Give the notebooks their Colab cells, or take them away, as project.urls in pyproject.toml says."""
    from busilib.paths import checkout
    from busilib.publish.colab import sync

    changed = sync(checkout())
    typer.echo("\n".join(f"changed {path.name}" for path in changed) or "nothing to change")


@app.command()
def figure(
    file: Annotated[Path, typer.Argument(metavar="FILE.png", help="Where to write it.")],
) -> None:
    """Draw what the book found in one picture, as the README and the index show it."""
    from busilib.pages import headline
    from busilib.paths import checkout, writable_file

    checkout()
    file = writable_file(file, (".png", ".svg", ".pdf"))
    headline.picture().savefig(file, dpi=160)
    typer.echo(f"Written to {file}")
