"""What the near-duplicate threshold changes: groups, twins a random split leaks, and a probe's figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_facts
from busilib.data.dataset import CLASSES, Dataset
from busilib.data.duplicates import THRESHOLD, group_pairs, pairs_above, threshold_counts
from busilib.data.splits import FOLDS, REPEATS, grouped_split, leaked
from busilib.metrics.intervals import group_weights, over_seeds
from busilib.metrics.weighted import mean
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile as profile_named
from busilib.runs.protocols import make_split
from busilib.runs.records import find_record
from busilib.studies.context import Context
from busilib.studies.probe import about_probe, features, probe_predictions, probe_weights
from busilib.studies.study import Condition, Study, measured

RANDOM = "r2-cnn"
"""The experiment whose random split, as its report made it, is searched for twins."""

THRESHOLDS = (0.90, 0.95, 0.99)
"""Correlations from which pictures are kept together, one after the other."""

NONE = "image by image"
"""Name of the condition without groups: folds are made image by image."""


def duplicate_threshold(context: Context) -> Study:
    """Ask the same probe under folds that keep near-duplicates together from another threshold on.

    Groups come from the images at their original size, as those of the shipped table do; at a working size of
    128 pixels, which is smoothed twice, a few pairs more would pass each threshold. The folds are drawn five
    times, from `seed` on, and numbered through. Intervals draw the book's groups under every condition, so
    that their widths compare.

    Args:
        context: its data are a folder; its seed is that of the first repeat, and of random weights.

    Returns:
        One condition for each threshold, such as "above 0.95", and "image by image" without groups. Facts
        of each: `threshold`, `pairs`, `groups` and `images` (see `threshold_counts`), `random_run` (see
        `twins_in_random_run`), and what `with_differences` adds. The predictions have a column `twin`: 1
        where a near-duplicate, at the book's threshold, is among the training images.

    Raises:
        busilib.data.dataset.DataError: if the folder has faults or too few images for folds, or if a dataset
            was given.

    Example (not run):
        >>> duplicate_threshold(Context("laptop", "Dataset_BUSI_with_GT")).columns["above 0.95"]
    """
    context.refuse("models")
    thumbnails = np.stack([each.thumbnail for each in read_facts(context.folder)[0]])
    counts = threshold_counts(thumbnails, THRESHOLDS).to_dict("records")
    images, seed = context.load(), context.seed
    source = probe_weights(context.profile, context.weights, context.encoder)
    x = features(images.images, source, seed, context.encoder)

    groupings = {_name(row["threshold"]): _groups(thumbnails, row["threshold"]) for row in counts}
    groupings[NONE] = np.arange(len(images))
    tables = {name: repeated_predictions(x, images, groups, seed) for name, groups in groupings.items()}
    facts = {_name(row["threshold"]): row for row in counts}
    facts[NONE] = {"threshold": None, "pairs": 0, "groups": 0, "images": 0}
    runs = {
        name: twins_in_random_run(images, groups, context.profile, seed) for name, groups in groupings.items()
    }
    conditions = [
        Condition(name, table, {**facts[name], "random_run": runs[name]}) for name, table in tables.items()
    ]
    about = about_probe(context) | {"repeats": REPEATS}
    return with_differences(
        measured("duplicate-threshold", "classification", conditions, context, images, **about)
    )


def with_differences(study: Study) -> Study:
    """Add to each condition what follows from the predictions of several.

    Returns:
        The study with `twins_apart` (share of predictions whose image has a near-duplicate, at the book's
        threshold, among the training images) and `difference` (see `accuracy_difference`; to the book's
        threshold) in each condition.

    Example (not run):
        >>> with_differences(study).conditions["image by image"]["difference"]["value"]
    """
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    tables = dict(list(study.predictions.groupby("condition", sort=False)))
    conditions = {
        name: condition
        | {
            "twins_apart": float(tables[name]["twin"].mean()),
            "difference": accuracy_difference(tables[name], tables[_name(THRESHOLD)], draws),
        }
        for name, condition in study.conditions.items()
    }
    return replace(study, conditions=conditions)


def _name(threshold: float) -> str:
    return f"above {threshold:.2f}"


def _groups(thumbnails: np.ndarray, threshold: float) -> np.ndarray:
    return group_pairs(pairs_above(thumbnails, threshold), len(thumbnails))


def repeated_predictions(x: np.ndarray, data: Dataset, groups: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """What a probe says about every image, once in each of five repeats of five folds.

    Args:
        x: float32 (n, d), features of all images.
        data: labels, ids, and the groups that the intervals draw.
        groups: int (n,), what the folds keep together.
        seed: of the first repeat; the next takes the next.

    Returns:
        Rows for `busilib.studies.study.Condition` with `fold` from 0 to 24 (five times the repeat, and
        the fold), and `twin`: 1 where a near-duplicate by `data.groups` is among the training images.

    Example (not run):
        >>> repeated_predictions(x, data, data.groups)["twin"].any()
        False
    """
    splits = [
        grouped_split(data.labels, groups, fold, seed + repeat)
        for repeat in range(REPEATS)
        for fold in range(FOLDS)
    ]
    twins = np.concatenate([leaked(data.groups, split) for split in splits])
    return probe_predictions(x, data, splits).assign(twin=twins.astype(int))


def accuracy_difference(table: pd.DataFrame, other: pd.DataFrame, draws: int) -> dict[str, float]:
    """Accuracy of one table of repeated predictions less that of another, image by image.

    Args:
        table: as `repeated_predictions` gives it, with the column `seed`.
        other: of the same images and seeds.
        draws: bootstrap samples.

    Returns:
        The figure as `busilib.metrics.figure.Figure.to_dict` gives it, `n` images; of several seeds the mean.

    Example (not run):
        >>> accuracy_difference(tables["image by image"], tables["above 0.95"], draws=1000)["value"]
    """
    values, samples, images = [], [], []
    for seed, rows in table.groupby("seed", sort=False):
        mine, theirs = (_share_right(each) for each in (rows, other[other["seed"] == seed]))
        groups = rows.drop_duplicates("id").set_index("id")["group"].loc[mine.index].to_numpy()
        differences = (mine - theirs.loc[mine.index]).to_numpy()
        values.append(differences.mean())
        samples.append(mean(differences, group_weights(groups, draws)))
        images.append(groups)
    return over_seeds(values, samples, min(images, key=len), len(max(images, key=len))).to_dict()


def _share_right(table: pd.DataFrame) -> pd.Series:
    right = table[list(CLASSES)].idxmax(axis=1) == table["true"]
    return right.groupby(table["id"]).mean()


def twins_in_random_run(
    data: Dataset, groups: np.ndarray, profile: str, seed: int = 0, folder: Path | None = None
) -> dict:
    """How many test images of a report's random split have a twin among its training images.

    Args:
        data: the dataset.
        groups: int (n,), twins share a number.
        profile: of the split and of the record.
        seed: of the split.
        folder: of results; None for the project's own.

    Returns:
        `experiment`, `test` (images) and `with_twin`; where the run is recorded on this very split also how
        many of either kind it names right, `right_with_twin` and `right_without_twin`.

    Example:
        >>> twins_in_random_run(data, data.groups, "laptop")["with_twin"]
    """
    split = make_split(experiment(RANDOM), data, profile, "random", 0, seed)
    twin = leaked(groups, split)
    found = {"experiment": RANDOM, "test": len(split.test), "with_twin": int(twin.sum())}
    record = find_record(RANDOM, profile, "random", folder=folder)
    if record is None or set(record.predictions["id"]) != set(data.ids[split.test]):
        return found
    right = _share_right(record.predictions).loc[data.ids[split.test]].to_numpy()
    return {
        **found,
        "right_with_twin": int(right[twin].sum()),
        "right_without_twin": int(right[~twin].sum()),
    }
