"""What records are written with: folders of texts that are added once, whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from busilib.errors import UserError


class RecordError(UserError, RuntimeError):
    """A run cannot be recorded, or a record is not what it should be."""


def read_facts(file: Path) -> dict:
    """The facts of a record's JSON file: of a part, or its summary."""
    return json.loads(file.read_text(encoding="utf-8"))


def json_text(facts: Mapping) -> str:
    """Facts as records hold them.

    Example:
        >>> json_text({})
        '{}\\n'
    """
    return json.dumps(facts, indent=1) + "\n"


def add_folder(target: Path, files: dict[str, str]) -> None:
    """Add a folder of texts to a record, whole or not at all: it is written beside, then renamed.

    Args:
        target: the folder; the record is its parent.
        files: texts by file name.

    Example (not run):
        >>> add_folder(Path("results/laptop/r1-unet/seed0-fold0"), {"run.json": "{}"})
    """
    record = target.parent
    with tempfile.TemporaryDirectory(dir=record.parent, prefix=f".{record.name}-") as beside:
        written = Path(beside) / target.name
        written.mkdir()
        for name, text in files.items():
            (written / name).write_text(text, encoding="utf-8", newline="\n")
        written.rename(target)


def replace_text(path: Path, text: str) -> None:
    """Write a file of a record beside the record, then in its place.

    Example (not run):
        >>> replace_text(Path("results/laptop/r1-unet/metrics.json"), "{}")
    """
    record = path.parent
    beside = record.parent / f".{record.name}-{path.name}"
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
