"""What records are written with: folders of texts that are added once, whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
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


def refuse_another(target: Path, different: str) -> None:
    """Refuse to write where another result stands.

    Args:
        target: folder of the part that stands.
        different: in what it differs, see `differences`; empty for the same result.

    Raises:
        RecordError: if it differs.

    Example:
        >>> refuse_another(Path("results/laptop/r1-unet/seed0-fold0"), "")
    """
    if different:
        raise RecordError(
            f"{target}: another result is recorded here ({different}). Records are never overwritten: to "
            "replace it, remove the folder (`git rm -r`) and run this again."
        )


def refuse_mixture(
    record: Path, part: str, file: str, facts: Mapping, kind: Callable[[Mapping], Mapping]
) -> None:
    """Refuse a part that would not be of one kind with those that its record has.

    Args:
        record: its folder.
        part: name of the part that is to be added.
        file: name of the file that holds the facts of a part.
        facts: of the part that is to be added.
        kind: those of a part's facts that all parts of a record share.

    Raises:
        RecordError: if they differ.

    Example:
        >>> refuse_mixture(Path("results/laptop/nothing"), "seed0-fold0", "run.json", {}, dict)
    """
    for other in sorted(record.glob(f"*/{file}")):
        if different := differences(kind(read_facts(other)), kind(facts)):
            raise RecordError(
                f"{record}: {part} would not be of one kind with {other.parent.name} ({different}). Remove "
                "the old record (`git rm -r`) or run this on the same data with the same options."
            )


def add_once(
    target: Path,
    file: str,
    facts: Mapping,
    tables: Mapping[str, str],
    different: Callable[[], str],
    kind: Callable[[Mapping], Mapping],
) -> None:
    """Add a part to its record, unless it stands there; the caller holds the record's lock.

    Args:
        target: folder of the part; the record is its parent.
        file: name of the file that holds the facts of a part.
        facts: of the part.
        tables: texts of its other files by name.
        different: in what the part that stands there is another result, asked where one does.
        kind: see `refuse_mixture`.

    Raises:
        RecordError: if another result stands there, or parts of another kind beside it.

    Example (not run):
        >>> add_once(record / "seed0", "study.json", facts, {}, lambda: "", dict)
    """
    if target.is_dir():
        refuse_another(target, different())
    else:
        refuse_mixture(target.parent, target.name, file, facts, kind)
        add_folder(target, {**tables, file: json_text(facts)})


def differences(recorded: Mapping, here: Mapping) -> str:
    """In what two sets of facts differ, as JSON holds them: three by name, and how many more.

    Example:
        >>> differences({"weights": {"source": "one"}}, {"weights": {"source": "other"}})
        "weights.source: 'one' there, 'other' here"
        >>> differences({"behind": []}, {"behind": ()})
        ''
    """
    one, other = (_flat(json.loads(json.dumps(facts))) for facts in (recorded, here))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    told = [f"{name}: {one.get(name)!r} there, {other.get(name)!r} here" for name in names[:3]]
    return "; ".join(told + ([f"and {len(names) - 3} more"] if len(names) > 3 else []))


def _flat(facts: Mapping, before: str = "") -> dict:
    flat: dict[str, object] = {}
    for name, value in facts.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat
