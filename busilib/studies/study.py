"""Studies: several conditions measured alike and told together, such as the rungs of a ladder.

How they are recorded is told in `busilib.studies.records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from busilib import provenance
from busilib.data.dataset import Dataset
from busilib.metrics.measure import measure
from busilib.runs.profiles import profile as profile_named
from busilib.runs.run import Run
from busilib.studies.context import Context

ENVIRONMENT = ("backend", "hardware", "versions", "commit", "date", "note")
"""Facts of a part that say where its numbers come from, not what they are."""

SETS = ("dataset", "outside")
"""Facts that describe data, see `about`."""


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class Part:
    """One seed of a study.

    Attributes:
        facts: what `study.json` holds: `study`, `task`, `apart`, `profile`, `seed`, `dataset`, further facts,
            where the numbers come from, and `conditions`, each with its own facts.
        predictions: those of all conditions, told apart by the column `condition`.
    """

    facts: Mapping
    predictions: pd.DataFrame

    @property
    def seed(self) -> int:
        return self.facts["seed"]


@dataclass(frozen=True, eq=False)
class Study:
    """A study of one seed or several, measured or read back.

    Attributes:
        name: such as "ladder-classification".
        task: "classification", "segmentation" or another key of `busilib.metrics.measure.FIGURES`.
        conditions: by name, in the order of the study: `n` (predictions, of the seed with most) and
            `metrics`, besides its own facts; those that differ between seeds are held by `by_seed`.
        predictions: those of all conditions and seeds, told apart by the columns `condition` and `seed`.
        facts: profile, seeds, dataset, and where the numbers come from.
        apart: what tells its record from others of the same study, such as the name of an outside set.
        parts: one for each seed.
    """

    name: str
    task: str
    conditions: Mapping[str, dict]
    predictions: pd.DataFrame
    facts: Mapping
    apart: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def record(self) -> str:
        """Folder name of its record, such as "outside-classification+BrEaST"."""
        return "+".join((self.name, *self.apart))

    def metrics(self, condition: str) -> dict[str, dict]:
        """Figures of one condition, each with `value`, `low`, `high` and `n`."""
        return self.conditions[condition]["metrics"]

    @property
    def columns(self) -> dict[str, dict[str, dict]]:
        """Figures by condition, as `busilib.pages.tables.metrics_table` takes them."""
        return {name: condition["metrics"] for name, condition in self.conditions.items()}


def measured(
    name: str,
    task: str,
    conditions: Sequence[Condition],
    context: Context,
    data: Dataset,
    apart: Sequence[str] = (),
    **facts,
) -> Study:
    """Compute every figure of every condition with its 95% interval over groups.

    Args:
        name: of the study.
        task: see `Study`.
        conditions: in the order they are told.
        context: what the study ran on; its profile gives the number of bootstrap samples.
        data: what was learned from.
        apart: see `Study`; without spaces.
        facts: further facts of the whole study, such as `weights`.

    Example (not run):
        >>> measured("negative-controls", "classification", conditions, context, busi).metrics("mask alone")
    """
    whole = pd.concat([each.predictions.assign(condition=each.name) for each in conditions])
    first = ["condition", "id", "fold", "true", "group"]
    table = whole[[*first, *whole.columns.difference(first, sort=False)]].reset_index(drop=True)
    about_part = {
        "study": name,
        "task": task,
        "apart": list(apart),
        "profile": context.profile,
        "seed": context.seed,
        "dataset": about(data),
        **facts,
        **provenance.environment(),
        "conditions": {each.name: dict(each.facts) for each in conditions},
    }
    return study_of([Part(about_part, table)])


def apart_by_weights(runs: Iterable[Run]) -> list[str]:
    """What tells a study of runs from one whose encoders started from pretrained weights (see `Study.apart`).

    Example (not run):
        >>> apart_by_weights(frozen_runs("r2-mobilenet", busi, "laptop", weights="none"))
        ['random-weights']
    """
    return ["random-weights"] if any(one.spec.lacks_weights for one in runs) else []


def about(data: Dataset) -> dict:
    """What a record says of data: `name`, `origin`, `fingerprint`, `n` and `size`.

    Example:
        >>> about(data)["n"] == len(data)
        True
    """
    return {
        "name": data.name,
        "origin": data.origin,
        "fingerprint": data.fingerprint,
        "n": len(data),
        "size": data.size,
    }


def study_of(parts: Sequence[Part]) -> Study:
    """A study from its seeds: each figure over all of them, facts that all share, and others by seed.

    Args:
        parts: of one record, by seed.

    Returns:
        The study; figures that rest on several conditions are added by those who know them, see
        `busilib.studies.table.ACROSS`.

    Example (not run):
        >>> study_of([seed_0, seed_1]).metrics("whole image")["accuracy"]["sd"]
    """
    first = parts[0].facts
    predictions = pd.concat([part.predictions.assign(seed=part.seed) for part in parts], ignore_index=True)
    draws, conditions = profile_named(first["profile"]).bootstrap_draws, {}
    for name in dict.fromkeys(name for part in parts for name in part.facts["conditions"]):
        rows = predictions[predictions["condition"] == name].reset_index(drop=True)
        own = {part.seed: part.facts["conditions"].get(name) for part in parts}
        conditions[name] = {
            **_shared({seed: facts for seed, facts in own.items() if facts is not None}),
            "n": int(rows.groupby("seed").size().max()),
            "metrics": measure(first["task"], rows, rows["group"].to_numpy(), draws),
        }
    head = ("study", "task", "apart", "profile", "seed", "conditions", *SETS, *ENVIRONMENT)
    facts = {
        "profile": first["profile"],
        "seeds": [part.seed for part in parts],
        **{key: _shared({part.seed: part.facts[key] for part in parts}) for key in SETS if key in first},
        **_shared({part.seed: {k: v for k, v in part.facts.items() if k not in head} for part in parts}),
        **{
            key: ", ".join(dict.fromkeys(str(part.facts[key]) for part in parts))
            for key in ("backend", "hardware", "commit", "date")
        },
        "versions": first["versions"],
        "parts": [
            {"seed": part.seed}
            | {key: part.facts[key] for key in ("hardware", "commit", "date", "note") if key in part.facts}
            for part in parts
        ],
    }
    return Study(
        first["study"], first["task"], conditions, predictions, facts, tuple(first["apart"]), tuple(parts)
    )


def _shared(facts: Mapping[int, Mapping]) -> dict:
    """What the facts of all seeds have in common; the others under `by_seed`."""
    first, *others = facts.values()
    same = {key: value for key, value in first.items() if all(each.get(key) == value for each in others)}
    own = {str(seed): {k: v for k, v in each.items() if k not in same} for seed, each in facts.items()}
    return same | ({"by_seed": own} if any(own.values()) else {})


def of_seeds(facts: Mapping, key: str) -> list:
    """A fact of a study or a condition, once where all seeds share it, else that of each seed.

    Example:
        >>> of_seeds({"by_seed": {"0": {"test": 78}, "1": {"test": 79}}}, "test")
        [78, 79]
    """
    return [facts[key]] if key in facts else [each[key] for each in facts["by_seed"].values()]
