"""Studies: several conditions measured the same way and recorded together, such as the rungs of a ladder.

A study's record is a folder `results/<profile>/studies/<name>/` with `metrics.json` and `predictions.csv`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from busilib import provenance
from busilib.data.dataset import Dataset
from busilib.metrics.measure import measure
from busilib.runs.profiles import profile as profile_named
from busilib.runs.records import results_folder


@dataclass(frozen=True)
class Condition:
    """One condition of a study.

    Attributes:
        name: such as "near-duplicates together".
        predictions: one row per prediction: `id`, `fold`, `true`, `group` (rows that must be drawn together
            when intervals are made), then the figures of the task as in a record's `predictions.csv`.
        facts: what else tells it from the others, as JSON can hold it.
    """

    name: str
    predictions: pd.DataFrame
    facts: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A study, measured or read back.

    Attributes:
        name: such as "ladder-classification".
        task: "classification", "segmentation" or another key of `busilib.metrics.measure.FIGURES`.
        conditions: by name, in the order of the study: `n` (predictions) and `metrics`, each figure with
            `value`, `low`, `high` and `n`, besides its own facts.
        predictions: those of all conditions, told apart by the column `condition`.
        facts: profile, seed, dataset, and where the numbers come from.
    """

    name: str
    task: str
    conditions: Mapping[str, dict]
    predictions: pd.DataFrame
    facts: Mapping

    def metrics(self, condition: str) -> dict[str, dict]:
        """Figures of one condition, each with `value`, `low`, `high` and `n`."""
        return self.conditions[condition]["metrics"]

    @property
    def columns(self) -> dict[str, dict[str, dict]]:
        """Figures by condition, as `busilib.pages.tables.metrics_table` takes them."""
        return {name: condition["metrics"] for name, condition in self.conditions.items()}


def measured(
    name: str, task: str, conditions: Sequence[Condition], data: Dataset, profile: str, seed: int = 0, **facts
) -> Study:
    """Compute every figure of every condition with its 95 % interval over groups.

    Args:
        name: of the study.
        task: see `Study`.
        conditions: in the order they are told.
        data: what was learned from.
        profile: gives the number of bootstrap samples.
        seed: of splits and trainings.
        facts: further facts of the whole study, such as `weights`.

    Example:
        >>> measured("negative-controls", "classification", conditions, busi, "laptop").metrics("mask alone")
    """
    draws = profile_named(profile).bootstrap_draws
    figures = {
        each.name: {
            **each.facts,
            "n": len(each.predictions),
            "metrics": measure(task, each.predictions, each.predictions["group"].to_numpy(), draws),
        }
        for each in conditions
    }
    whole = pd.concat([each.predictions.assign(condition=each.name) for each in conditions])
    first = ["condition", "id", "fold", "true", "group"]
    table = whole[[*first, *whole.columns.difference(first, sort=False)]].reset_index(drop=True)
    about = {
        "profile": profile,
        "seed": seed,
        "dataset": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "n": len(data),
            "size": data.size,
        },
        **facts,
        **provenance.environment(),
    }
    return Study(name, task, figures, table, about)


def write_study(study: Study, folder: Path) -> Path:
    """Write a study into a results folder; its record is `folder/<profile>/studies/<name>/`.

    Example:
        >>> write_study(study, Path("results"))
        PosixPath('results/laptop/studies/negative-controls')
    """
    target = folder / study.facts["profile"] / "studies" / study.name
    target.mkdir(parents=True, exist_ok=True)
    study.predictions.to_csv(target / "predictions.csv", index=False, lineterminator="\n")
    whole = {"study": study.name, "task": study.task, **study.facts, "conditions": study.conditions}
    (target / "metrics.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8", newline="\n")
    return target


def read_study(name: str, profile: str = "laptop", folder: Path | None = None) -> Study | None:
    """A recorded study by name, or None where there is none.

    Example:
        >>> read_study("negative-controls").metrics("mask alone")["accuracy"]
    """
    path = (folder or results_folder()) / profile / "studies" / name
    if not (path / "metrics.json").is_file():
        return None
    facts = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    conditions = facts.pop("conditions")
    return Study(
        facts.pop("study"), facts.pop("task"), conditions, pd.read_csv(path / "predictions.csv"), facts
    )
