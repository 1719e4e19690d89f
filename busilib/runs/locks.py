"""Locks that keep two programs off one folder; the system frees them when a program dies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from filelock import FileLock

from busilib.paths import project_root


def locked(folder: Path) -> FileLock:
    """A lock for a folder, kept in `_build/locks/` so that the folder itself stays clean.

    Args:
        folder: need not exist.

    Returns:
        A context manager that waits until no other program holds the lock.

    Example (not run):
        >>> with locked(Path("results/laptop/r1-unet")):
        ...     write_summary(Path("results/laptop/r1-unet"))
    """
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
    place = project_root() / "_build" / "locks"
    place.mkdir(parents=True, exist_ok=True)
    return FileLock(place / f"{folder.name}-{name}.lock")
