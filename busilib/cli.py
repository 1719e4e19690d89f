"""`busi`: the command line of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="busi",
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
