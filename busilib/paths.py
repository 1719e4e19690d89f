"""Where the project keeps its files."""

from __future__ import annotations

from pathlib import Path


def project_root() -> Path:
    """The checkout we stand in (the folder above with `pyproject.toml` and `notebooks/`), else this folder.

    Example:
        >>> project_root() / "results"
        PosixPath('/home/me/project/results')
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return here
