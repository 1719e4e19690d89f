"""Model files that come with the package: written by `busi model export --half`, at most 10 MB each."""

from __future__ import annotations

from pathlib import Path

LARGEST = 10_000_000
"""Bytes that one of them may have."""


def shipped(folder: Path | None = None) -> list[Path]:
    """The model files of the package, sorted by name; none as long as no small model has earned it.

    Example:
        >>> shipped()
        []
    """
    return sorted((folder or Path(__file__).parent).glob("*.keras"))
