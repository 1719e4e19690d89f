"""Records: what runs measured, kept so that every figure can be computed again without a GPU.

Evidence comes per seed and fold. Each finished run is copied once into a folder of its own, whole or not at
all:

    results/<profile>/<record>/seed<S>-fold<K>/{run.json,predictions.csv,validation.csv,history.csv,…}
    results/<profile>/<record>/metrics.json

`metrics.json` is generated from the parts beside it and never edited: a new seed or fold only adds files.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from busilib import provenance
from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.outlines import Outline, outlines_json, read_outlines
from busilib.data.dataset import CLASSES
from busilib.data.polygons import rings_of
from busilib.data.splits import hold_out
from busilib.errors import UserError
from busilib.metrics.combined import gate_counts
from busilib.metrics.measure import measure
from busilib.metrics.pairing import groups_of
from busilib.paths import project_root
from busilib.reports.registry import experiment
from busilib.runs.locks import locked
from busilib.runs.profiles import profile
from busilib.runs.run import FACTS, HISTORY, HOLD_OUT, MASKS, PREDICTIONS, VALIDATION, Run
from busilib.runs.spec import Spec, part_name, record_name

SUMMARY, OUTLINES = "metrics.json", "outlines.json"
TABLES = {"predictions": PREDICTIONS, "validation": VALIDATION, "history": HISTORY, "hold_out": HOLD_OUT}


class RecordError(UserError, RuntimeError):
    """A run cannot be recorded, or a record is not what it should be."""


@dataclass(frozen=True, eq=False)
class Part:
    """One seed and fold of a record.

    Attributes:
        facts: the contents of its `run.json`.
        tables: `predictions`, `validation`, `history` and `hold_out`, each with the columns `seed` and
            `fold`; without rows where there is none.
    """

    facts: dict
    tables: dict[str, pd.DataFrame]

    @property
    def seed(self) -> int:
        return self.facts["spec"]["seed"]

    @property
    def fold(self) -> int:
        return self.facts["spec"]["fold"]


@dataclass(frozen=True, eq=False)
class Record:
    """A record read back.

    Attributes:
        name: folder name, such as "r1-unet" or "r1-unet@random".
        facts: the contents of `metrics.json`.
        parts: one for each seed and fold that the figures rest on, in this order.
    """

    name: str
    facts: dict
    parts: tuple[Part, ...]

    @property
    def folds(self) -> int:
        """How many test folds each of its seeds has."""
        return len({part.fold for part in self.parts})

    @property
    def metrics(self) -> dict[str, dict]:
        """Figures by key: `value`, `low`, `high` and `n`, of several seeds also `sd` and `seeds`."""
        return self.facts["metrics"]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per seed and test image."""
        return _joined(self.parts, "predictions")

    @cached_property
    def validation(self) -> pd.DataFrame:
        """One row per seed, fold and validation image; no rows where there was no validation part."""
        return _joined(self.parts, "validation")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per seed, fold and epoch."""
        return _joined(self.parts, "history")

    @cached_property
    def hold_out(self) -> pd.DataFrame:
        """One row per held-out image of the first part; no rows where nothing was held out."""
        return self.parts[0].tables["hold_out"]


def _joined(parts: Sequence[Part], name: str) -> pd.DataFrame:
    tables = [part.tables[name] for part in parts if len(part.tables[name])]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def metrics_of(runs: Sequence[Run]) -> dict[str, dict]:
    """Figures of one experiment over the test images of all given folds, see `measure`."""
    first = runs[0]
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    return measure(
        first.experiment.task,
        predictions,
        groups_of(predictions, first.data.table),
        profile(first.spec.profile).bootstrap_draws,
    )


def metrics_on(record: Record, ids: Sequence[str]) -> dict[str, dict]:
    """Figures of a record of BUSI over some of its images, see `measure`.

    Args:
        record: of any protocol.
        ids: of the images that count, such as `busilib.data.busi.subsets.subset_ids("curated")`.

    Example (not run):
        >>> metrics_on(read_record("r4-unet", "laptop"), subset_ids("curated"))["lesion_dice"]["n"]
    """
    rows = record.predictions[record.predictions["id"].isin(ids)].reset_index(drop=True)
    draws = profile(record.facts["profile"]).bootstrap_draws
    return measure(record.facts["task"], rows, groups_of(rows, read_table()), draws)


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
    _refuse_another(part, {"key": spec.key, "spec": asdict(spec)})
    return True


def read_facts(file: Path) -> dict:
    """The facts of a record's JSON file: of a part, or its summary."""
    return json.loads(file.read_text(encoding="utf-8"))


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
        if target.is_dir():
            _refuse_another(target, facts)
        else:
            _refuse_mixture(record, part, facts)
            add_folder(target, files | {FACTS: json_text(facts)})
        write_summary(record)
    return record


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


def json_text(facts: Mapping) -> str:
    """Facts as records hold them.

    Example:
        >>> json_text({})
        '{}\\n'
    """
    return json.dumps(facts, indent=1) + "\n"


def _refuse_another(target: Path, facts: dict) -> None:
    recorded = read_facts(target / FACTS)
    if recorded["key"] != facts["key"]:
        raise RecordError(
            f"{target}: another run is recorded here ({_difference(recorded, facts)}). Records are never "
            "overwritten: to replace it, remove the folder (`git rm -r`) and run this again."
        )


def _refuse_mixture(record: Path, part: str, facts: dict) -> None:
    """Parts of one record differ in seed and fold alone."""
    others = sorted(record.glob(f"*/{FACTS}"))
    if not others:
        return
    recorded = read_facts(others[0])
    alike = ("settings", "weights", "origin", "inputs", "protocol", "profile", "experiment")
    if any(recorded["spec"][name] != facts["spec"][name] for name in alike):
        raise RecordError(
            f"{record}: {part} would not be of one kind with {others[0].parent.name} "
            f"({_difference(recorded, facts)}). Remove the old record (`git rm -r`) or use its settings."
        )


def _difference(recorded: dict, facts: dict) -> str:
    one, other = (_flat(each["spec"]) for each in (recorded, facts))
    different = [
        f"{name}: {one.get(name)!r} there, {other.get(name)!r} here"
        for name in {**one, **other}
        if one.get(name) != other.get(name) and name not in ("seed", "fold")
    ]
    return "; ".join(different) or "the training procedure changed"


def _flat(spec: dict) -> dict:
    return {name: value for name, value in spec.items() if name != "settings"} | spec["settings"]


def read_parts(record: Path) -> list[Part]:
    """All parts of a record, by seed and fold.

    Example:
        >>> [(part.seed, part.fold) for part in read_parts(Path("results/laptop/r4-unet"))][:2]
        [(0, 0), (0, 1)]
    """
    parts = [_read_part(facts.parent) for facts in record.glob(f"*/{FACTS}")]
    return sorted(parts, key=lambda part: (part.seed, part.fold))


def _read_part(folder: Path) -> Part:
    facts = read_facts(folder / FACTS)
    spec = facts["spec"]
    tables = {}
    for name, file in TABLES.items():
        table = pd.read_csv(folder / file) if (folder / file).is_file() else pd.DataFrame()
        tables[name] = table.assign(seed=spec["seed"], fold=spec["fold"]) if len(table) else table
    return Part(facts, tables)


def counted(parts: Iterable[Part]) -> list[Part]:
    """The parts that figures rest on: those of the seeds with the most folds, so that none is half counted.

    Example:
        >>> len(counted(read_parts(Path("results/laptop/r4-unet"))))
        5
    """
    parts = list(parts)
    folds = Counter(part.seed for part in parts)
    return [part for part in parts if folds[part.seed] == max(folds.values())]


def write_summary(record: Path) -> dict:
    """Make `metrics.json` of a record anew from its parts, and write it beside, then in its place.

    Example (not run):
        >>> write_summary(Path("results/laptop/r4-unet"))["metrics"]["lesion_dice"]
    """
    facts = summary(read_parts(record))
    replace_text(record / SUMMARY, json_text(facts))
    return facts


def complete_summary(record: Path) -> None:
    """Make `metrics.json` anew if it does not count every part that stands.

    A program may have been killed, or the disk full, after a part was written and before its summary was.

    Example:
        >>> complete_summary(Path("results/laptop/r4-unet"))
    """
    with locked(record):
        if _summed(record / SUMMARY) < len(list(record.glob(f"*/{FACTS}"))):
            write_summary(record)


def _summed(file: Path) -> int:
    """How many parts a summary knows of."""
    if not file.is_file():
        return 0
    facts = read_facts(file)
    return len(facts["parts"]) + len(facts.get("left_out", ()))


def summary(parts: Sequence[Part]) -> dict:
    """What `metrics.json` says of a record: what its parts have in common, their figures, and where from.

    Args:
        parts: as `read_parts` gives them.

    Returns:
        Facts by key; `parts` has one entry for each seed and fold, `left_out` those of other seeds.
    """
    used = counted(parts)
    first = used[0].facts
    spec = first["spec"]
    entry = experiment(spec["experiment"])
    draws = profile(spec["profile"]).bootstrap_draws
    predictions, groups = _joined(used, "predictions"), _groups(used)
    facts = {
        "experiment": entry.id,
        "report": entry.report,
        "title": entry.title,
        "task": entry.task,
        "profile": spec["profile"],
        "protocol": spec["protocol"],
        "seeds": list(dict.fromkeys(part.seed for part in used)),
        "dataset": first["dataset"],
        "inputs": spec["inputs"],
        "test_inputs": entry.test_inputs or spec["inputs"],
        "settings": {name: value for name, value in spec["settings"].items() if name != "weights"},
        "weights": first["weights"],
        "parameters": first["parameters"],
        "metrics": measure(entry.task, predictions, groups_of(predictions, groups), draws),
    }
    held = used[0].tables["hold_out"]
    if len(held):
        facts["hold_out_metrics"] = measure(entry.task, held, groups_of(held, groups), draws)
    facts |= {
        "train_seconds": round(sum(part.facts["train_seconds"] for part in used), 1),
        "total_seconds": round(sum(part.facts["total_seconds"] for part in used), 1),
        "predict_ms_per_image": first["predict_ms_per_image"],
        **{
            name: ", ".join(dict.fromkeys(str(part.facts[name]) for part in used))
            for name in ("backend", "hardware", "commit", "date")
        },
        "versions": first["versions"],
        "split": [{"seed": part.seed, "fold": part.fold, **part.facts["split"]} for part in used],
        "epochs_run": [len(part.tables["history"]) for part in used],
        "parts": [_about(part) for part in used],
    }
    if "members" in first:
        facts["members"] = [part.facts["members"] for part in used]
    left_out = [f"seed {part.seed}, fold {part.fold}" for part in parts if part not in used]
    return facts | ({"left_out": left_out} if left_out else {})


def _about(part: Part) -> dict:
    kept = ("train_seconds", "total_seconds", "hardware", "commit", "date", "note", "presence_threshold")
    about = {name: part.facts[name] for name in kept if name in part.facts}
    return {"seed": part.seed, "fold": part.fold} | about


def _groups(parts: Sequence[Part]) -> pd.DataFrame:
    """Columns `id` and `group`: of BUSI from the shipped table, of other data as the runs brought them."""
    if parts[0].facts["spec"]["origin"] == "busi":
        return read_table()
    groups = {id: group for part in parts for id, group in part.facts["groups"].items()}
    return pd.DataFrame({"id": list(groups), "group": list(groups.values())})


def combined_records(profile_name: str, seed: int = 0) -> dict[str, dict[str, dict]]:
    """R1's combined evaluation from the records of its two networks, on the real BUSI.

    The images are drawn from the first test fold, which both networks share, as R1 drew its hold-out.

    Args:
        profile_name: of the records; it also gives the number of images per class.
        seed: of the draw.

    Returns:
        Figures with intervals of "U-Net alone", "U-Net and classifier" and "DenseNet121"; empty where a
        record is missing.

    Example:
        >>> combined_records("laptop")["U-Net and classifier"]["lesion_dice"]
    """
    outlined, named = (find_record(id, profile_name) for id in ("r1-unet", "r1-densenet121"))
    if outlined is None or named is None:
        return {}
    chosen, draws = profile(profile_name).hold_out, profile(profile_name).bootstrap_draws
    outlines = outlined.predictions.query("fold == 0 and seed == 0").set_index("id")
    names = named.predictions.query("fold == 0 and seed == 0").set_index("id").loc[outlines.index]
    labels = pd.Categorical(outlines["true"], categories=CLASSES).codes
    held, _ = hold_out(labels, chosen, seed)
    outlines, names = outlines.iloc[held], names.iloc[held]
    groups = groups_of(outlines.reset_index(), read_table())
    normal = (names[list(CLASSES)].idxmax(axis=1) == "normal").to_numpy()
    return {
        "U-Net alone": measure("segmentation", outlines, groups, draws),
        "U-Net and classifier": measure("segmentation", gate_counts(outlines, normal), groups, draws),
        "DenseNet121": measure("classification", names, groups, draws),
    }


def results_folder() -> Path:
    """The project's recorded results."""
    return project_root() / "results"


def find_record(
    id: str, profile_name: str, protocol: str = "grouped", inputs: str = "", folder: Path | None = None
) -> Record | None:
    """The record of an experiment: that with pretrained weights, else that from random ones, else None.

    Example:
        >>> find_record("r2-vgg19", "laptop").name
        'r2-vgg19+random-weights'
    """
    for random_weights in (False, True):
        name = record_name(experiment(id), protocol, inputs, random_weights)
        if (found := read_record(name, profile_name, folder)) is not None:
            return found
    return None


def read_record(name: str, profile_name: str, folder: Path | None = None) -> Record | None:
    """A record by name, or None where there is none.

    Example:
        >>> read_record("r1-unet", "laptop").metrics["lesion_dice"]
    """
    path = (folder or results_folder()) / profile_name / name
    if not (path / SUMMARY).is_file():
        return None
    return Record(name, read_facts(path / SUMMARY), tuple(counted(read_parts(path))))
