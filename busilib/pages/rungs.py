"""The tables and sentences of the page on the inflation ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.splits import FOLDS, grouped_split, leaked
from busilib.metrics.classification import answer_metrics
from busilib.metrics.factorial import MISTAKES, combination, in_words
from busilib.metrics.figure import above, below
from busilib.metrics.segmentation import segmentation_metrics
from busilib.pages import common
from busilib.pages.shipped import the_study
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES
from busilib.runs.profiles import profile as profile_named
from busilib.studies.ladder import COPIES, Rung, step
from busilib.studies.study import Study

FIGURES = {"classification": answer_metrics, "segmentation": segmentation_metrics}

TOGETHER = "keep near-duplicates together"


def recorded(task: str) -> Study:
    """The recorded ladder of a task.

    Example:
        >>> list(recorded("classification").conditions)[0]
        'every mistake at once'
    """
    return the_study(f"ladder-{task}")


def in_one(study: Study, key: str) -> Study:
    """A ladder in one metric from top to bottom; rungs that only count otherwise are left out.

    Args:
        study: a ladder.
        key: of the metric.

    Example (not run):
        >>> list(in_one(recorded("classification"), "accuracy").conditions)[-1]
        'hide the true mask'
    """
    conditions: dict[str, dict] = {}
    for name, rung in study.conditions.items():
        last = list(conditions.values())[-1] if conditions else {}
        if any(rung[one] != last.get(one) for one in MISTAKES):
            conditions[name] = rung | {"figure": key}
    one = replace(study, conditions=conditions)
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    for above_it, here in pairwise(list(conditions)):
        found = step(one, FIGURES[study.task], above_it, here, draws)
        conditions[here] = conditions[here] | {"step": found}
    return one


def largest_step(study: Study) -> tuple[str, dict]:
    """The rung that changes the figure most, and by how much.

    Args:
        study: of `in_one`.

    Example (not run):
        >>> largest_step(in_one(recorded("classification"), "accuracy"))[0]
        'hide the true mask'
    """
    steps = {name: rung["step"] for name, rung in study.conditions.items() if "step" in rung}
    name = max(steps, key=lambda one: abs(steps[one]["value"]))
    return name, steps[name]


def clear_steps(study: Study) -> list[str]:
    """The rungs whose step has an interval that leaves out zero.

    Args:
        study: of `in_one`.

    Example (not run):
        >>> clear_steps(in_one(recorded("segmentation"), "lesion_dice"))
        []
    """
    steps = {name: rung["step"] for name, rung in study.conditions.items() if "step" in rung}
    return [name for name, one in steps.items() if above(one) or below(one)]


def signed(figure: dict, digits: int = 3) -> str:
    """A difference with its interval, each with its sign.

    Example:
        >>> signed({"value": -0.213, "low": -0.248, "high": -0.175})
        '−0.213 (−0.248 to −0.175)'
    """
    return common.signed(figure, digits)


def in_each(study: Study, keys: Sequence[str]) -> pd.DataFrame:
    """Every rung in several metrics: one column each, so that every sequence has one metric.

    Example (not run):
        >>> in_each(recorded("classification"), ["accuracy", "balanced_accuracy"])
    """
    rungs = in_one(study, keys[0]).conditions
    return pd.DataFrame(
        {
            name: {METRIC_NAMES[key]: cell(rung["metrics"][key]) for key in keys}
            | {f"step in {METRIC_NAMES[keys[0]]}": signed(rung["step"]) if "step" in rung else "–"}
            for name, rung in rungs.items()
        }
    ).T


def both_ends(study: Study, key: str) -> tuple[dict, dict]:
    """One metric on the first rung and on the last.

    Example:
        >>> top, end = both_ends(recorded("classification"), "accuracy")
    """
    rungs = list(study.conditions.values())
    return rungs[0]["metrics"][key], rungs[-1]["metrics"][key]


def same_masks(study: Study) -> list[tuple[str, str]]:
    """Pairs of rungs of a segmentation that differ in a mistake, and outline the very same pixels.

    Example:
        >>> same_masks(recorded("segmentation"))
        [('augment after the split', 'select on validation images')]
    """
    found = []
    tables = dict(list(study.predictions.groupby("condition", sort=False)))
    for above_it, here in pairwise(study.conditions):
        one, other = (study.conditions[name] for name in (above_it, here))
        if all(one[mistake] == other[mistake] for mistake in MISTAKES):
            continue
        columns = ["id", "fold", "tp", "fp", "fn"]
        first, second = (tables[name][columns].reset_index(drop=True) for name in (above_it, here))
        found += [(above_it, here)] if first.equals(second) else []
    return found


def ends_told(study: Study, names: Mapping[str, str]) -> str:
    """Both ends of a ladder in words, in one metric after the other.

    Example:
        >>> ends_told(recorded("classification"), {"accuracy": "accuracy"})
        'accuracy: **0.97** with every mistake, **0.73** with none'
    """
    ends = {words: both_ends(study, key) for key, words in names.items()}
    return "; ".join(
        f"{words}: **{top['value']:.2f}** with every mistake, **{end['value']:.2f}** with none"
        for words, (top, end) in ends.items()
    )


def same_told(study: Study) -> str:
    """Which rungs outline the very same pixels, in a sentence; empty where none do.

    Example (not run):
        >>> same_told(recorded("segmentation"))
    """
    pairs = [f"*{one}* and *{other}*" for one, other in same_masks(study)]
    return f"The same pixels are outlined by {', '.join(pairs)}: both chose the same epoch." if pairs else ""


def tested(study: Study) -> pd.Series:
    """How many images each rung tests, and how many of them the last rung tests too.

    Example:
        >>> tested(recorded("classification"))["every mistake at once"]
        '780, all of them'
    """
    ids = {name: set(rows["id"]) for name, rows in study.predictions.groupby("condition", sort=False)}
    last = list(ids.values())[-1]
    return pd.Series(
        {
            name: f"{len(found)}, " + ("all of them" if found == last else f"{len(found & last)} of them")
            for name, found in ids.items()
        }
    )


def near_duplicates() -> pd.DataFrame:
    """What separating near-duplicates brings a probe in accuracy: behind the true mask, and on whole images.

    The first is a step of the ladder, the second comes from the study "duplicate-threshold".

    Returns:
        One row each: `together` and `apart` (accuracy), `gain` (apart minus together, with its interval).

    Example:
        >>> near_duplicates().index.tolist()
        ['image cut by the true mask', 'whole image']
    """
    ladder, whole = recorded("classification"), the_study("duplicate-threshold")
    names = list(ladder.conditions)
    apart = names[names.index(TOGETHER) - 1]
    fell = ladder.conditions[TOGETHER]["step"]
    gain = {"value": -fell["value"], "low": -fell["high"], "high": -fell["low"]}
    alone = whole.conditions["image by image"]["difference"]
    rows = {
        "image cut by the true mask": (ladder.metrics(TOGETHER), ladder.metrics(apart), gain),
        "whole image": (whole.metrics("above 0.95"), whole.metrics("image by image"), alone),
    }
    return pd.DataFrame(
        {
            name: {
                "together": f"{near['accuracy']['value']:.3f}",
                "apart": f"{far['accuracy']['value']:.3f}",
                "gain": signed(difference),
            }
            for name, (near, far, difference) in rows.items()
        }
    ).T


def twins_in_training(seeds: int = 5) -> pd.Series:
    """Share of BUSI's test images with a twin, or a copy of themselves, in training, by how it is divided.

    Example (not run):
        >>> twins_in_training(1)["near-duplicates together"]
        0.0
    """
    table = read_table()
    labels = table["class"].map(CLASSES.index).to_numpy()
    groups, each = table["group"].to_numpy(), np.arange(len(table))
    times = COPIES + 1
    divided = {
        "copies first, image by image": (
            labels.repeat(times),
            groups.repeat(times),
            np.arange(times * len(table)),
        ),
        "image by image": (labels, groups, each),
        "near-duplicates together": (labels, groups, groups),
    }
    return pd.Series({name: _twins(*one, seeds) for name, one in divided.items()})


def _twins(labels: np.ndarray, groups: np.ndarray, kept: np.ndarray, seeds: int) -> float:
    shares = [
        leaked(groups, grouped_split(labels, kept, fold, seed)).mean()
        for seed in range(seeds)
        for fold in range(FOLDS)
    ]
    return float(np.mean(shares))


def mistakes(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Which mistakes each rung still makes, in words, and the figure it reports.

    Example:
        >>> mistakes(CLASSIFICATION)["mistakes still made"].iloc[2]
        'image by image, true mask'
    """
    rows = {
        rung.name: {
            "mistakes still made": in_words(combination([key for key in MISTAKES if getattr(rung, key)])),
            "reported figure": METRIC_NAMES[rung.figure],
        }
        for rung in rungs
    }
    return pd.DataFrame.from_dict(rows, orient="index")
