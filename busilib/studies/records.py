"""Records of studies: one folder for each seed, written once and whole, and a summary made of them.

    results/<profile>/studies/<record>/seed<S>/{study.json,predictions.csv}
    results/<profile>/studies/<record>/metrics.json

<record> is the name of the study and, after "+", what else tells two records of it apart: the outside set,
another encoder, other models, random weights. A new seed or outside set only adds files.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.outside.sheet import PUBLISHED
from busilib.paths import project_root
from busilib.runs.locks import locked
from busilib.runs.once import add_once, differences, json_text, read_facts, replace_text
from busilib.runs.recording import refuse_uncommitted
from busilib.runs.records import SUMMARY, results_folder
from busilib.runs.run import PREDICTIONS
from busilib.studies.study import ENVIRONMENT, SETS, Part, Study, study_of
from busilib.studies.table import ACROSS

FACTS = "study.json"
ROUNDING = 1e-3
"""Up to which a prediction counts as the same: a probe fitted again with another number of threads says up to
0.0004 more or less, and no class changes."""

OF_A_SET = ("name", "origin", "size")
"""What the data of all seeds of a record have in common; phantoms are drawn anew for each."""


def target_of(study: Study) -> Path:
    """The results folder of a study: the project's own for BUSI, `_build/results` for others.

    What was measured on an outside set is published only where it is the whole of a published one: nobody
    else could measure again on a hospital's own.

    Example (not run):
        >>> target_of(negative_controls(Context("smoke"))).parent.name
        '_build'
    """
    ours = study.facts["dataset"]["origin"] == "busi"
    if outside := study.facts.get("outside"):
        ours &= outside["origin"] == "outside" and outside["name"] in PUBLISHED
    return results_folder() if ours else project_root() / "_build" / "results"


def write_study(study: Study, folder: Path) -> Path:
    """Record a study: each seed is written once, whole or not at all, and the summary made anew.

    Args:
        study: measured.
        folder: results folder; a seed's place is `folder/<profile>/studies/<record>/seed<S>`.

    Returns:
        The record's folder.

    Raises:
        RecordError: if another result is recorded for this seed, if the recorded seeds are of another kind,
            or if a record is to be published whose code is in no commit.

    Example (not run):
        >>> write_study(study, Path("results"))
        PosixPath('results/laptop/studies/negative-controls')
    """
    record = folder / study.facts["profile"] / "studies" / study.record
    for part in study.parts:
        if folder == results_folder():
            refuse_uncommitted(part.facts["commit"])
        write_part(record, part.facts, part.predictions.to_csv(index=False, lineterminator="\n"))
    return record


def write_part(record: Path, facts: Mapping, predictions: str) -> None:
    """Add one seed to a record and make its summary anew.

    Args:
        record: folder of the record.
        facts: contents of `study.json`.
        predictions: text of the table.

    Raises:
        RecordError: see `write_study`.
    """
    record.mkdir(parents=True, exist_ok=True)
    target = record / f"seed{facts['seed']}"
    with locked(record):
        tables = {PREDICTIONS: predictions}
        add_once(target, FACTS, facts, tables, lambda: _difference(target, facts, predictions), _kind)
        write_summary(record)


def write_summary(record: Path) -> None:
    """Make `metrics.json` of a record anew from its seeds.

    Example (not run):
        >>> write_summary(Path("results/laptop/studies/negative-controls"))
    """
    study = study_of(read_parts(record))
    if study.name in ACROSS:
        study = ACROSS[study.name](study)
    head = {"study": study.name, "task": study.task, "apart": list(study.apart)}
    replace_text(record / SUMMARY, json_text({**head, **study.facts, "conditions": study.conditions}))


def read_parts(record: Path) -> list[Part]:
    """All seeds of a record, in order.

    Example:
        >>> [part.seed for part in read_parts(Path("results/laptop/studies/attention"))]
        [0]
    """
    parts = [
        Part(read_facts(path), pd.read_csv(path.parent / PREDICTIONS)) for path in record.glob(f"*/{FACTS}")
    ]
    return sorted(parts, key=lambda part: part.seed)


def read_study(name: str, profile: str = "laptop", folder: Path | None = None) -> Study | None:
    """A recorded study by the name of its record, or None where there is none.

    Example:
        >>> read_study("outside-classification+BrEaST").metrics("r2-cnn, BrEaST")["accuracy"]
    """
    path = (folder or results_folder()) / profile / "studies" / name
    if not (path / SUMMARY).is_file():
        return None
    facts = read_facts(path / SUMMARY)
    parts = read_parts(path)
    return Study(
        name=facts.pop("study"),
        task=facts.pop("task"),
        apart=tuple(facts.pop("apart")),
        conditions=facts.pop("conditions"),
        predictions=pd.concat([part.predictions.assign(seed=part.seed) for part in parts], ignore_index=True),
        facts=facts,
        parts=tuple(parts),
    )


def read_studies(name: str, profile: str = "laptop", folder: Path | None = None) -> list[Study]:
    """All records of one study, such as those of each outside set, by name.

    Example:
        >>> [study.record for study in read_studies("outside-segmentation")][:1]
        ['outside-segmentation+BrEaST']
    """
    place = (folder or results_folder()) / profile / "studies"
    records = sorted(path.parent.name for path in place.glob(f"*/{SUMMARY}"))
    found = [read_study(each, profile, folder) for each in records if each.split("+")[0] == name]
    return [study for study in found if study is not None]


def _difference(target: Path, facts: Mapping, predictions: str) -> str:
    """In what a recorded seed is another result; empty for the same."""
    recorded = read_facts(target / FACTS)
    if different := differences(*(_without(each, ENVIRONMENT) for each in (recorded, facts))):
        return different
    found = pd.read_csv(StringIO(predictions))
    others = _others(pd.read_csv(target / PREDICTIONS), found)
    return f"of {len(found)} predictions {others} are others" if others else ""


def _others(recorded: pd.DataFrame, found: pd.DataFrame) -> int:
    """How many rows of predictions are others, but for what processors round in their own ways."""
    numbers = list(recorded.select_dtypes("number"))
    if list(recorded) != list(found) or list(found.select_dtypes("number")) != numbers:
        return len(found)
    if len(recorded) != len(found):
        return abs(len(recorded) - len(found))
    close = np.isclose(recorded[numbers], found[numbers], rtol=0, atol=ROUNDING, equal_nan=True)
    same = recorded.drop(columns=numbers) == found.drop(columns=numbers)
    return int((~(close.all(axis=1) & same.all(axis=1))).sum())


def _kind(facts: Mapping) -> dict:
    """What seeds of one record share; they differ in the seed alone."""
    kept = _without(facts, (*ENVIRONMENT, *SETS, "seed", "conditions"))
    return kept | {key: {name: facts[key][name] for name in OF_A_SET} for key in SETS if key in facts}


def _without(facts: Mapping, names: tuple[str, ...]) -> dict:
    return {name: value for name, value in facts.items() if name not in names}
