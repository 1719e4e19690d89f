"""Records: what runs measured, read back, so that every figure can be computed again without a GPU.

Evidence comes per seed and fold. Each finished run is copied once into a folder of its own, whole or not at
all:

    results/<profile>/<record>/seed<S>-fold<K>/{run.json,predictions.csv,validation.csv,history.csv,…}
    results/<profile>/<record>/metrics.json

`metrics.json` is generated from the parts beside it and never edited: a new seed or fold only adds files.
`busilib.runs.recording` writes the parts, `busilib.runs.summary` what is generated from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from busilib.paths import project_root
from busilib.reports.registry import experiment
from busilib.runs.once import read_facts
from busilib.runs.run import FACTS, HISTORY, HOLD_OUT, PREDICTIONS, VALIDATION
from busilib.runs.spec import record_name

SUMMARY = "metrics.json"
TABLES = {"predictions": PREDICTIONS, "validation": VALIDATION, "history": HISTORY, "hold_out": HOLD_OUT}


class _Tables(Mapping[str, pd.DataFrame]):
    """The tables of a part, each read when it is first asked for: most pages want one of the four."""

    def __init__(self, folder: Path, seed: int, fold: int):
        self._files = {name: folder / file for name, file in TABLES.items() if (folder / file).is_file()}
        self._seed, self._fold = seed, fold
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            table = pd.read_csv(self._files[name]) if name in self._files else pd.DataFrame()
            self._read[name] = table.assign(seed=self._seed, fold=self._fold) if len(table) else table
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)


@dataclass(frozen=True, eq=False)
class Part:
    """One seed and fold of a record.

    Attributes:
        facts: the contents of its `run.json`.
        tables: `predictions`, `validation`, `history` and `hold_out`, each with the columns `seed` and
            `fold`; without rows where there is none. Those of a part on the disk are read when asked for.
    """

    facts: dict
    tables: Mapping[str, pd.DataFrame]

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
        return joined(self.parts, "predictions")

    @cached_property
    def validation(self) -> pd.DataFrame:
        """One row per seed, fold and validation image; no rows where there was no validation part."""
        return joined(self.parts, "validation")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per seed, fold and epoch."""
        return joined(self.parts, "history")

    @cached_property
    def hold_out(self) -> pd.DataFrame:
        """One row per held-out image of the first part; no rows where nothing was held out."""
        return self.parts[0].tables["hold_out"]


def joined(parts: Sequence[Part], name: str) -> pd.DataFrame:
    """One table of all parts, by part; without rows where none has any.

    Args:
        parts: of one record.
        name: of the table, see `Part`.

    Example:
        >>> len(joined(read_parts(Path("results/laptop/r4-unet")), "predictions"))
        780
    """
    tables = [part.tables[name] for part in parts if len(part.tables[name])]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


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
    return Part(facts, _Tables(folder, facts["spec"]["seed"], facts["spec"]["fold"]))


def counted(parts: Iterable[Part]) -> list[Part]:
    """The parts that figures rest on: those of the seeds with the most folds, so that none is half counted.

    Example:
        >>> len(counted(read_parts(Path("results/laptop/r4-unet"))))
        5
    """
    parts = list(parts)
    folds = Counter(part.seed for part in parts)
    return [part for part in parts if folds[part.seed] == max(folds.values())]


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
    found = (read_record(name, profile_name, folder) for name in _names(id, protocol, inputs))
    return next(filter(None, found), None)


def find_parts(
    id: str, profile_name: str, protocol: str = "grouped", inputs: str = "", folder: Path | None = None
) -> list[Part]:
    """All parts of the record that `find_record` gives, also those of seeds with fewer folds.

    Example:
        >>> len(find_parts("r4-unet", "laptop"))
        5
    """
    found = (read_parts(_path(name, profile_name, folder)) for name in _names(id, protocol, inputs))
    return next(filter(None, found), [])


def _names(id: str, protocol: str, inputs: str) -> list[str]:
    return [record_name(experiment(id), protocol, inputs, random) for random in (False, True)]


def _path(name: str, profile_name: str, folder: Path | None) -> Path:
    return (folder or results_folder()) / profile_name / name


def read_record(name: str, profile_name: str, folder: Path | None = None) -> Record | None:
    """A record by name, or None where there is none.

    Example:
        >>> read_record("r1-unet", "laptop").metrics["lesion_dice"]
    """
    path = _path(name, profile_name, folder)
    if not (path / SUMMARY).is_file():
        return None
    return Record(name, read_facts(path / SUMMARY), tuple(counted(read_parts(path))))
