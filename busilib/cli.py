"""`busi`: the command line of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
import typer.core


class Commands(typer.core.TyperGroup):
    """The commands; wrong data end any of them with a message and exit code 2, not with a traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from busilib.data.dataset import DataError

            if not isinstance(error, DataError):
                raise
            typer.echo(f"busi: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="busi",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Breast-ultrasound AI, reproduced and checked. For research and teaching; not for clinical use.",
)

Profile = Annotated[str, typer.Option(help="smoke (phantoms, minutes), laptop or full (the real BUSI).")]
Data = Annotated[str, typer.Option(help="A BUSI folder; smoke makes its own phantoms when it is left out.")]
Seed = Annotated[int, typer.Option(help="Of splits, initial weights and augmentation.")]
Weights = Annotated[
    str,
    typer.Option(
        help="Pretrained backbones: imagenet, a file or folder, local (folder BUSI_WEIGHTS_DIR where it has "
        "the file, else random), or none. Left out: the profile's choice."
    ),
]


@app.callback()
def main() -> None:
    """Commands share one registry of experiments and one set of profiles."""


data_app = typer.Typer(no_args_is_help=True, help="Get, make and check data.")
app.add_typer(data_app, name="data")
Folder = Annotated[Path, typer.Argument(metavar="DIR")]


@data_app.command("phantom")
def data_phantom(
    folder: Folder,
    benign: Annotated[int, typer.Option(help="Number of images, at least 6.")] = 28,
    malignant: Annotated[int, typer.Option(help="Number of images, at least 4.")] = 20,
    normal: Annotated[int, typer.Option(help="Number of images, at least 3.")] = 16,
    seed: Annotated[int, typer.Option(help="Another seed draws other pictures.")] = 0,
) -> None:
    """Write a synthetic BUSI into DIR: same layout and faults, no patients."""
    from busilib.data.phantom import write_phantom

    write_phantom(folder, benign=benign, malignant=malignant, normal=normal, seed=seed)
    typer.echo(f"{folder}: {benign} benign, {malignant} malignant and {normal} normal phantoms, seed {seed}")


@data_app.command("fetch")
def data_fetch() -> None:
    """Download BUSI from Kaggle (once), check it, and print its folder."""
    from busilib.data.download import fetch, kaggle_cache

    folder = fetch()
    if _check(folder, as_json=False):
        again = f"delete {kaggle_cache()} and run `busi data fetch` again"
        typer.echo(f"busi: the download is damaged: {again}.", err=True)
        raise typer.Exit(1)
    typer.echo(f'Use it with: --data "{folder}"')


@data_app.command("check")
def data_check(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Read a BUSI folder and report counts, faults, near-duplicates, and whether it is BUSI.

    Exit code 1 if it has faults, 2 if there is no BUSI folder.
    """
    if _check(folder, as_json):
        raise typer.Exit(1)


def _check(folder: Path, as_json: bool) -> bool:
    """Print a report; whether it lists faults."""
    from rich.console import Console

    from busilib.data.check import check, render

    with Console(stderr=True).status("Reading every image …"):
        report = check(folder)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1))
    else:
        render(report, Console())
    return bool(report.faults)


@app.command()
def train(
    id: Annotated[str, typer.Argument(help="An experiment, such as r1-unet; `busi experiments` lists them.")],
    profile: Profile = "smoke",
    data: Data = "",
    protocol: Annotated[
        str, typer.Option(help="grouped (leak-free), or random (as the report did).")
    ] = "grouped",
    fold: Annotated[list[int] | None, typer.Option(help="Test fold, may be repeated. Left out: 0.")] = None,
    seed: Seed = 0,
    weights: Weights = "",
) -> None:
    """Train one experiment and record it; a killed training goes on, a finished one is only read back."""
    from busilib.experiments import profiles, results, runner

    dataset = profiles.load_data(profile, data, seed)
    runs = [runner.run(id, dataset, profile, protocol, k, seed, weights) for k in fold or [0]]
    root = results.project_root()
    folder = root / "results" if dataset.name == "BUSI" else root / "_build" / "results"
    target = results.write_record(runs, folder)
    typer.echo(
        f"{id}: recorded in {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}"
    )
