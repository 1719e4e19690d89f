"""What the near-duplicate threshold changes: groups, twins a random split leaks, and a probe's figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from busilib import provenance
from busilib.data.busi.fingerprint import read_facts
from busilib.data.dataset import CLASSES, Dataset
from busilib.data.duplicates import THRESHOLD, group_pairs, pairs_above, threshold_counts
from busilib.data.splits import FOLDS, REPEATS, grouped_split, leaked
from busilib.metrics.intervals import mean_interval
from busilib.reports.registry import experiment
from busilib.runs.profiles import data_folder, load_data
from busilib.runs.profiles import profile as profile_named
from busilib.runs.protocols import make_split
from busilib.runs.records import find_record
from busilib.studies.probe import features, probe_predictions, probe_weights
from busilib.studies.study import Condition, Study, measured

RANDOM = "r2-cnn"
"""The experiment whose random split, as its report made it, is searched for twins."""

THRESHOLDS = (0.90, 0.95, 0.99)
"""Correlations from which pictures are kept together, one after the other."""

NONE = "image by image"
"""Name of the condition without groups: folds are made image by image."""


def duplicate_threshold(profile: str, data: str | Path = "", seed: int = 0, weights: str = "") -> Study:
    """Ask the same probe under folds that keep near-duplicates together from another threshold on.

    Groups come from the images at their original size, as those of the shipped table do; at a working size of
    128 pixels, which is smoothed twice, a few pairs more would pass each threshold. The folds are drawn five
    times, from `seed` on, and numbered through. Intervals draw the book's groups under every condition, so
    that their widths compare.

    Args:
        profile: of the data, the probe and the bootstrap.
        data: a BUSI folder; empty for the profile's own data.
        seed: of the first repeat, and of random weights.
        weights: of the probe, see `busilib.studies.probe.probe_weights`.

    Returns:
        One condition for each threshold, such as "above 0.95", and "image by image" without groups. Facts
        of each: `threshold`, `pairs`, `groups` and `images` (see `threshold_counts`), `twins_apart` (share of
        predictions whose image has a near-duplicate, at the book's threshold, among the training images),
        `difference` (accuracy less that at the book's threshold, with its interval) and `random_run` (see
        `twins_in_random_run`). The predictions have a column `twin` for the same near-duplicates.

    Raises:
        busilib.data.dataset.DataError: if the folder has faults or too few images for folds.

    Example:
        >>> duplicate_threshold("laptop", "Dataset_BUSI_with_GT", weights="local").columns["above 0.95"]
    """
    images = load_data(profile, data, seed)
    thumbnails = np.stack([each.thumbnail for each in read_facts(data_folder(profile, data, seed))[0]])
    counts = threshold_counts(thumbnails, THRESHOLDS).to_dict("records")
    source = probe_weights(profile, weights)
    x = features(images.images, source, seed)

    groupings = {_name(row["threshold"]): _groups(thumbnails, row["threshold"]) for row in counts}
    groupings[NONE] = np.arange(len(images))
    tables = {name: repeated_predictions(x, images, groups, seed) for name, groups in groupings.items()}
    facts = {_name(row["threshold"]): row for row in counts}
    facts[NONE] = {"threshold": None, "pairs": 0, "groups": 0, "images": 0}
    draws = profile_named(profile).bootstrap_draws
    conditions = [
        Condition(
            name,
            table,
            {
                **facts[name],
                "twins_apart": float(table["twin"].mean()),
                "difference": accuracy_difference(table, tables[_name(THRESHOLD)], draws),
                "random_run": twins_in_random_run(images, groupings[name], profile, seed),
            },
        )
        for name, table in tables.items()
    ]
    return measured(
        "duplicate-threshold",
        "classification",
        conditions,
        images,
        profile,
        seed,
        weights=provenance.weights(source),
        repeats=REPEATS,
    )


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

    Example:
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
        table: as `repeated_predictions` gives it.
        other: of the same images.
        draws: bootstrap samples.

    Returns:
        `value`, `low`, `high` and `n` (images), see `busilib.metrics.intervals.mean_interval`.

    Example:
        >>> accuracy_difference(tables["image by image"], tables["above 0.95"], draws=1000)["value"]
    """
    mine, theirs = (_share_right(each) for each in (table, other))
    groups = table.drop_duplicates("id").set_index("id")["group"].loc[mine.index].to_numpy()
    return mean_interval((mine - theirs.loc[mine.index]).to_numpy(), groups, draws)


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
