"""`busi predict` and `busi model`: what trained networks say of a picture of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

model_app = typer.Typer(no_args_is_help=True, help="Model files, to use a trained network without its data.")

Data = Annotated[
    str, typer.Option(metavar="DIR", help="What a run of this machine learned from. Phantoms need none.")
]


@model_app.command("export")
def model_export(
    id: Annotated[
        str, typer.Argument(help="An experiment that was trained on this machine, such as r2-cnn.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.keras", help="Where to write it.")],
    data: Data = "",
    profile: Annotated[str, typer.Option(help="Of the run. Left out: the largest that was trained.")] = "",
    fold: Annotated[int | None, typer.Option(help="Of the run. Left out: the lowest.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Weights in half precision: half the size.")] = False,
) -> None:
    """Write a trained network into one file, with preparation, thresholds, temperature and card inside."""
    from busilib.models.archive import write_archive
    from busilib.paths import writable_file
    from busilib.predict.export import archive_of, find_run

    out = writable_file(out, (".keras",))
    run = find_run(id, data, profile, fold)
    archive = archive_of(run)
    write_archive(out, archive, half)
    learned, unseen = archive.facts["learned_from"], archive.facts["never_saw"]
    figures = ", ".join(f"{key} {figure['value']:.3f}" for key, figure in unseen["figures"].items())
    typer.echo(
        f"{out}: {id}, profile {run.spec.profile}, learned from {learned['images']} images of "
        f"{learned['name']}; "
        f"on fold {unseen['fold']}, which it never saw ({unseen['images']} images): {figures}. "
        f"{out.stat().st_size / 1e6:.1f} MB. {archive.facts['note']}"
    )


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE…", help="Pictures (PNG, JPEG, TIFF, BMP), or folders of them."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model file, or an experiment trained here; twice for classes and outlines."),
    ] = None,
    data: Data = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go.")] = Path("predicted"),
) -> None:
    """Outline and class of pictures of your own. For research and teaching; not for clinical use.

    Writes an overlay, a mask and a JSON file for each picture, and predictions.csv. No class is named where
    the network is not sure enough, and nothing is said of what is no breast ultrasound. Exit code 1 if a
    picture could not be read.
    """
    from rich.console import Console
    from rich.progress import track

    from busilib.paths import writable_folder
    from busilib.predict.export import NOT_CLINICAL
    from busilib.predict.models import find_models
    from busilib.predict.picture import find_pictures
    from busilib.predict.write import TABLE, UNREADABLE
    from busilib.predict.write import predict as ask

    out = writable_folder(out)
    paths = find_pictures(images, out)
    bar = Console(stderr=True)
    with bar.status("Loading the models …"):
        models = find_models(model or (), data)
    for one in models:
        learned, unseen = one.facts["learned_from"], one.facts["never_saw"]
        typer.echo(
            f"{one.name}: {one.facts['title']}, learned from {learned['images']} images of "
            f"{learned['name']}, never saw fold {unseen['fold']}."
        )
        if learned["origin"] == "phantom":
            typer.echo("  It knows drawn phantoms alone: what it says of a real picture means nothing.")
    rows = []
    for row in track(ask(paths, models, out), "Pictures", len(paths), console=bar, disable=len(paths) < 2):
        rows.append(row)
        typer.echo(_line(row))
    unreadable = sum(row["status"] == UNREADABLE for row in rows)
    typer.echo(f"{len(rows)} in {out / TABLE}. {NOT_CLINICAL}")
    if unreadable:
        raise typer.Exit(1)


def _line(row: dict) -> str:
    """A row of the table in one line of a terminal."""
    said = [row["called"]] if row.get("called") else []
    if "lesion_share" in row:
        said.append(f"lesion on {row['lesion_share']:.1%}" if row["lesion_pixels"] else "no lesion outlined")
    if "benign" in row:
        said.append(", ".join(f"{name} {row[name]:.2f}" for name in ("benign", "malignant", "normal")))
    why = f". {row['why']}" if row["why"] else ""
    return f"{row['image']}: {'; '.join([row['status'], *said])}{why}"
