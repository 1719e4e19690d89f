"""Where the project keeps its files."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from busilib.errors import UserError


class PathError(UserError, ValueError):
    """A place that cannot be written to, or where a command cannot work."""


def project_root() -> Path:
    """The checkout we stand in (the folder above with `pyproject.toml` and `notebooks/`), else this folder.

    Example (not run):
        >>> project_root() / "results"
        PosixPath('/home/me/project/results')
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return here


def checkout() -> Path:
    """The checkout we stand in, for commands that work on its notebooks or records.

    Raises:
        PathError: if we stand in none.

    Example (not run):
        >>> checkout() / "results"
        PosixPath('/home/me/project/results')
    """
    root = project_root()
    if not _is_ours(root):
        raise PathError(
            f"{root}: not in a checkout of the project. This command works on its notebooks and records: "
            "change to the folder that holds pyproject.toml and notebooks/, and type it again there."
        )
    return root


def _is_ours(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return project.get("project", {}).get("name") == "busilib" and (folder / "notebooks").is_dir()


def expanded(path: str | Path) -> Path:
    """A path with `~` replaced by the home folder, where there is one of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def writable_folder(path: str | Path) -> Path:
    """A folder that can be made, or is there and can be written to; found out before the work, makes nothing.

    Raises:
        PathError: naming what stands in the way.

    Example:
        >>> writable_folder("findings")
        PosixPath('findings')
    """
    folder = expanded(path)
    above = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not above.is_dir():
        what = "is a file" if above == folder else f"lies below {above}, which is a file"
        raise PathError(f"{folder}: {what}, so nothing can be written there. Name a folder.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PathError(
            f"{folder}: {above} cannot be written to. Name another folder, or mend its permissions."
        )
    return folder


def writable_file(path: str | Path, endings: tuple[str, ...]) -> Path:
    """A file that can be written, found out before the work.

    Args:
        path: of the file.
        endings: that tell its format, such as ".png".

    Raises:
        PathError: if it has another ending, is a folder, or its folder is not there or cannot be written to.

    Example:
        >>> writable_file("summary.png", (".png", ".svg"))
        PosixPath('summary.png')
    """
    file = expanded(path)
    if file.is_dir():
        raise PathError(f"{file}: is a folder. Name a file in it, such as {file / f'summary{endings[0]}'}.")
    if file.suffix.lower() not in endings:
        raise PathError(f"{file}: no format for {file.suffix or 'no ending'}. Expected {', '.join(endings)}.")
    folder = writable_folder(file.parent)
    if not folder.is_dir():
        raise PathError(f"{file}: there is no folder {folder}. Make it first.")
    if file.exists() and not os.access(file, os.W_OK):
        raise PathError(f"{file}: cannot be written to. Name another file, or mend its permissions.")
    return file
