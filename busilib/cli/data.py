"""`busi data …` and `busi weights …`: get, make and check what experiments need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

data_app = typer.Typer(no_args_is_help=True, help="Get, make and check data.")
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
    from busilib.data.phantoms.ultrasound import write_phantom
    from busilib.paths import writable_folder

    folder = writable_folder(folder)
    write_phantom(folder, benign=benign, malignant=malignant, normal=normal, seed=seed)
    typer.echo(f"{folder}: {benign} benign, {malignant} malignant and {normal} normal phantoms, seed {seed}")


@data_app.command("histology-phantom")
def data_histology_phantom(
    folder: Folder,
    slides: Annotated[int, typer.Option(help="Number of slides, at least 5.")] = 10,
    tiles: Annotated[int, typer.Option(help="Tiles of each slide.")] = 6,
    size: Annotated[int, typer.Option(help="Height and width of a tile in pixels, at least 32.")] = 224,
    seed: Annotated[int, typer.Option(help="Another seed draws other pictures.")] = 0,
    layout: Annotated[str, typer.Option(help="BCSS_512 (22 codes) or BCSS (three labels).")] = "BCSS_512",
) -> None:
    """Write a synthetic BCSS (histology, for R5) into DIR: same layout and codes, no patients."""
    from busilib.data.phantoms.histology import write_histology_phantom
    from busilib.paths import writable_folder

    folder = writable_folder(folder)
    write_histology_phantom(folder, slides=slides, tiles_per_slide=tiles, size=size, seed=seed, layout=layout)
    typer.echo(f"{folder}: {slides * tiles} tiles of {slides} synthetic slides in {layout}/, seed {seed}")


@data_app.command("fetch")
def data_fetch() -> None:
    """Download BUSI from Kaggle (once), check it, and print its folder."""
    from busilib.data.busi.download import fetch, kaggle_cache

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
    busi: Annotated[
        str, typer.Option(metavar="DIR", help="BUSI, to look for pictures of an outside set in.")
    ] = "",
) -> None:
    """Read a folder of BUSI or of an outside set and report counts, groups, faults and near-duplicates.

    Exit code 1 if it has faults, 2 if there is no such set.
    """
    if _check(folder, as_json, busi):
        raise typer.Exit(1)


def _check(folder: Path, as_json: bool, busi: str = "") -> bool:
    """Print a report; whether it lists faults."""
    from rich.console import Console

    from busilib.data.check import check
    from busilib.pages.checked import render

    with Console(stderr=True).status("Reading every image …"):
        report = check(folder, busi)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1))
    else:
        render(report, Console())
    return bool(report.faults)


weights_app = typer.Typer(no_args_is_help=True, help="Make weights files out of what others publish.")


@weights_app.command("convert")
def weights_convert(
    name: Annotated[str, typer.Argument(metavar="NETWORK", help="Such as resnet34.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PyTorch's state dict, a .pth file.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it.")] = Path(),
) -> None:
    """Turn PyTorch's ImageNet weights into a weights file for Keras."""
    from busilib.errors import UnknownNameError
    from busilib.models.encoders import ENCODERS
    from busilib.models.weights.convert import convert
    from busilib.models.weights.find import Published
    from busilib.paths import writable_folder

    known = [each for each, row in ENCODERS.items() if isinstance(row.imagenet, Published)]
    if name not in known:
        raise UnknownNameError(f"no conversion for {name!r}. There is: {', '.join(known)}")
    out = writable_folder(out)
    target = convert(ENCODERS[name].build(32), file, out)
    typer.echo(f'Written to {target}. Use it with: --weights "{target.parent}"')
