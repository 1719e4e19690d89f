"""Folders that somebody brings: what in them is passed over, and where in them a data set lies."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from busilib.data.dataset import DataError
from busilib.paths import expanded

IGNORED = ("._*", ".ds_store", "thumbs.db", "desktop.ini", "__macosx", "~$*")
"""What systems and programs leave behind, in lower case: macOS, Windows, and Excel while a sheet is open."""

DEPTH = 3
"""How many folders deep a set is looked for, as archives unpack into X/X."""


def is_ignored(path: Path) -> bool:
    """Whether a file or folder is none of the data.

    Example:
        >>> is_ignored(Path("benign/._benign (1).png"))
        True
    """
    return any(fnmatchcase(path.name.lower(), pattern) for pattern in IGNORED)


def listed(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, without what is passed over.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not is_ignored(path))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}). Check its permissions.") from error


def held(folder: Path) -> str:
    """The first names in a folder, for a message.

    Example (not run):
        >>> held(Path("downloads"))
        'archive.zip, notes.txt'
    """
    return ", ".join(path.name for path in listed(folder)[:6]) or "nothing"


def an_archive(path: Path) -> str:
    """What to do with an archive, in a sentence.

    Example:
        >>> an_archive(Path("archive.zip"))
        'Unpack it, for example with `python -m zipfile -e "archive.zip" "archive"`, and name the folder …'
    """
    target = path.with_suffix("")
    return (
        f'Unpack it, for example with `python -m zipfile -e "{path}" "{target}"`, and name the folder that '
        f'this makes, "{target}".'
    )


def a_folder(folder: str | Path, expected: str) -> Path:
    """A folder that is there.

    Args:
        folder: as somebody named it.
        expected: the layout, for the error.

    Raises:
        DataError: if it is missing, a file, or an archive that was not unpacked.
    """
    folder = expanded(folder)
    if folder.is_dir():
        return folder
    if folder.is_file() and zipfile.is_zipfile(folder):
        raise DataError(f"{folder}: a zip archive, as downloaded. {an_archive(folder)}")
    what = "is a file, not a directory" if folder.exists() else "does not exist"
    raise DataError(f"{folder}: {what}. Expected {expected}.")


def inside(folder: Path, is_set: Callable[[Path], bool]) -> list[Path]:
    """The folders at the least depth, `folder` itself or up to `DEPTH` below it, that hold a set.

    Args:
        folder: where to begin.
        is_set: whether a folder holds the set itself.

    Returns:
        Sorted; folders that cannot be read are passed over.

    Example:
        >>> inside(Path("."), lambda folder: (folder / "benign").is_dir())
        [PosixPath('Dataset_BUSI_with_GT')]
    """
    level = [folder]
    for _ in range(DEPTH + 1):
        if found := [path for path in level if is_set(path)]:
            return found
        level = [path for above in level for path in _folders(above)]
    return []


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in listed(folder) if path.is_dir() and not path.name.startswith(".")]
    except (DataError, OSError):
        return []


def not_found(folder: Path, what: str, expected: str) -> DataError:
    """The error for a folder that holds no set, with a hint where it holds an archive."""
    archives = [path for path in listed(folder) if path.suffix.lower() == ".zip"]
    hint = f" {archives[0].name} is an archive. {an_archive(archives[0])}" if archives else ""
    return DataError(f"{folder}: {what} (it holds {held(folder)}). Expected {expected}.{hint}")


def subfolder(root: Path, name: str) -> Path:
    """A folder that a set must have, by its exact name.

    Raises:
        DataError: if there is none; one that is written in another case is named.

    Example (not run):
        >>> subfolder(Path("BUSBRA"), "Images")
        PosixPath('BUSBRA/Images')
    """
    folders = [path.name for path in listed(root) if path.is_dir()]
    if name in folders:
        return root / name
    if other := other_case(name, folders):
        raise DataError(f"{root}: the folder is called {other}. Expected {name}; rename it.")
    raise DataError(f"{root}: no folder {name} (it holds {held(root)}). Expected one; unpack the set again.")


def other_case(name: str, names: list[str]) -> str | None:
    """The first of some names that is `name` but for upper and lower case."""
    return next((other for other in names if other != name and other.lower() == name.lower()), None)
