"""Find the models that are asked for: model files, runs of this machine, or those of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from busilib.models.archive import read_archive
from busilib.models.shipped import shipped
from busilib.paths import expanded
from busilib.predict.answer import Asked, ModelError, made_ready
from busilib.predict.export import archive_of, find_run, trained
from busilib.reports.registry import EXPERIMENTS


def find_models(names: Sequence[str], data: str | Path = "") -> list[Asked]:
    """The models of these names.

    Args:
        names: model files and ids of experiments; empty for what comes with the package.
        data: folder of what the runs of this machine learned from; files need none.

    Raises:
        ModelError: if there is none.
        busilib.models.archive.ArchiveError: for a file that is no model.
        busilib.predict.export.RunError: for an experiment that was not trained here.

    Example (not run):
        >>> [one.tasks for one in find_models(["r2-cnn.keras", "r4-unet.keras"])]
        [['classification'], ['segmentation']]
    """
    files = [(path.stem, read_archive(path)) for path in shipped()] if not names else []
    found = files + [_model(name, data) for name in dict.fromkeys(names)]
    if not found:
        raise ModelError(f"no model was named, and none lies in this copy of busilib. {_others()}")
    return made_ready(found)


def _model(name: str, data: str | Path):
    path = expanded(name)
    if path.suffix == ".keras" or path.is_file():
        if not path.is_file():
            raise ModelError(f"{path}: there is no such model file. `busi model export` writes one.")
        return path.stem, read_archive(path)
    if name not in EXPERIMENTS:
        raise ModelError(f"--model {name}: neither a file nor an experiment. {_others()}")
    return name, archive_of(find_run(name, data))


def _others() -> str:
    ids = ", ".join(sorted({facts["spec"]["experiment"] for facts, _ in trained()}))
    here = f"Trained on this machine: {ids}" if ids else "None is trained on this machine"
    return (
        f"{here}. Name one (`--model ID`), or a file that `busi model export ID --out FILE.keras` wrote "
        "(`--model FILE.keras`); `busi train ID` trains one."
    )
