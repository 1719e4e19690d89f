"""The model file that comes with the package, written by `busi model export own-multi-clf --half`.

It was trained on the first fold, seed 0, so that the figures in it are of images that it never saw.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

LARGEST = 10_000_000
"""Bytes that such a file may have."""

SHA256 = {"own-multi.keras": "d190566e0afc6bca8b36a02fb19f1f5d9289deda2b75b28196213e5a83daf16c"}
"""What each file must be, by name."""

FACTS = "busilib.json"


def shipped(folder: Path | None = None) -> list[Path]:
    """The model files of the package, sorted by name.

    Example:
        >>> [path.name for path in shipped()]
        ['own-multi.keras']
    """
    return sorted((folder or Path(__file__).parent).glob("*.keras"))


def card_of(path: Path) -> dict:
    """What a model file says of itself: what it learned from, its thresholds, and its figures.

    Args:
        path: of the file; nothing of it is loaded but this.

    Example:
        >>> card_of(shipped()[0])["never_saw"]["images"]
        156
    """
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(FACTS))
