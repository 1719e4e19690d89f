"""Recording: a finished run becomes a part of its record, once, and only where it belongs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from busilib import provenance
from busilib.data.busi.outlines import Outline, outlines_json, read_outlines
from busilib.data.polygons import rings_of
from busilib.paths import project_root
from busilib.runs.locks import locked
from busilib.runs.once import RecordError, add_once, differences, read_facts, refuse_another
from busilib.runs.records import TABLES, results_folder
from busilib.runs.run import FACTS, HISTORY, MASKS, Run
from busilib.runs.spec import Spec, part_name
from busilib.runs.summary import write_summary

OUTLINES = "outlines.json"


def target_of(run: Run) -> Path:
    """The results folder that a run is recorded in: the project's own for BUSI, `_build/results` for others.

    Example (not run):
        >>> target_of(run("r1-unet", load_data("smoke"), "smoke")).name
        'results'
    """
    return results_folder() if run.spec.origin == "busi" else project_root() / "_build" / "results"


def refuse_uncommitted(commit: str) -> None:
    """Refuse to publish a record whose code is in no commit.

    Args:
        commit: as `busilib.provenance.commit` gives it.

    Raises:
        RecordError: if the code has uncommitted changes.

    Example:
        >>> refuse_uncommitted("d578b0f1c2")
    """
    if commit.endswith(provenance.CHANGES):
        raise RecordError(
            f"{results_folder()}: not recorded, because the code has changes that are in no commit "
            f"({commit}). Commit them (`git status busilib`), then run this again; a run that was trained "
            "with uncommitted code has to be trained anew: delete its folder in _build/runs/."
        )


def write_record(run: Run, folder: Path) -> Path:
    """Record a finished run: its part is written once, whole or not at all, and the summary made anew.

    Args:
        run: finished.
        folder: results folder; the part is `folder/<profile>/<record>/seed<S>-fold<K>`.

    Returns:
        The record's folder.

    Raises:
        RecordError: if another run is recorded for this seed and fold, or if a record is to be published
            whose code is in no commit.

    Example (not run):
        >>> write_record(run("r1-unet", data, "laptop"), Path("results"))
        PosixPath('results/laptop/r1-unet')
    """
    return publish(folder / run.spec.profile / run.name, run.facts, part_files(run))


def publish(record: Path, facts: dict, files: dict[str, str]) -> Path:
    """Add a part that a worker sent back to a record, as `write_record` does with a run.

    Args:
        record: folder of the record.
        facts: contents of `run.json`.
        files: texts of the tables by file name.

    Raises:
        RecordError: as `write_record`.
    """
    if record.is_relative_to(results_folder()):
        refuse_uncommitted(facts["commit"])
    return write_part(record, part_name(facts["spec"]["seed"], facts["spec"]["fold"]), facts, files)


def is_recorded(part: Path, spec: Spec) -> bool:
    """Whether a part of a record stands, and is of this very Spec.

    Raises:
        RecordError: if a part stands there that is of another one.

    Example (not run):
        >>> is_recorded(Path("results/laptop/r2-cnn/seed0-fold0"), run.spec)
        True
    """
    if not (part / FACTS).is_file():
        return False
    refuse_another(part, _difference(read_facts(part / FACTS), {"key": spec.key, "spec": asdict(spec)}))
    return True


def part_files(run: Run) -> dict[str, str]:
    """The texts of a finished run's tables by file name, as a record keeps them.

    Example (not run):
        >>> sorted(part_files(finished))
        ['history.csv', 'predictions.csv', 'validation.csv']
    """
    found = (run.folder / name for name in TABLES.values() if name != HISTORY)
    files = {path.name: path.read_text(encoding="utf-8") for path in found if path.is_file()}
    if (run.folder / MASKS).is_file() and (drawn := predicted_outlines(run)):
        about = {"experiment": run.experiment.id, "part": run.spec.part}
        files[OUTLINES] = outlines_json(drawn, about)
    return files | {HISTORY: run.history.round(6).to_csv(index=False, lineterminator="\n")}


def predicted_outlines(run: Run) -> list[Outline]:
    """What a finished segmenter drew on those of its test images whose true outline is shipped.

    So that pages can set the two side by side without a pixel of a picture.

    Example (not run):
        >>> [outline.id for outline in predicted_outlines(finished)][:2]
        ['benign (42)', 'malignant (51)']
    """
    shown = {outline.id: outline for outline in read_outlines()} if run.spec.origin == "busi" else {}
    ids = run.predictions["id"]
    return [
        replace(shown[id], rings=rings_of(mask))
        for id, mask in zip(ids, run.masks, strict=True)
        if id in shown
    ]


def write_part(record: Path, part: str, facts: dict, files: dict[str, str]) -> Path:
    """Add one part to a record and make its summary anew.

    Args:
        record: folder of the record.
        part: folder name, such as "seed0-fold3".
        facts: contents of `run.json`.
        files: texts of the tables by file name.

    Returns:
        `record`.

    Raises:
        RecordError: if another run stands there.
    """
    record.mkdir(parents=True, exist_ok=True)
    with locked(record):
        target = record / part
        add_once(target, FACTS, facts, files, lambda: _difference(read_facts(target / FACTS), facts), _kind)
        write_summary(record)
    return record


def _difference(recorded: Mapping, facts: Mapping) -> str:
    """In what a recorded part is of another Spec; empty for the same."""
    if recorded["key"] == facts["key"]:
        return ""
    return differences(recorded["spec"], facts["spec"]) or "the training procedure changed"


def _kind(facts: Mapping) -> dict:
    """What parts of one record share; they differ in seed and fold alone."""
    shared = ("experiment", "profile", "origin", "protocol", "inputs", "settings", "weights")
    return {name: facts["spec"][name] for name in shared}
