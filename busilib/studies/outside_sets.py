"""Outside data: networks frozen on BUSI, thresholds included, meet images of another hospital.

Inside, each image is predicted by the one of five networks that did not learn from it. Outside, each of the
five predicts every image, so that the figures are averages over the five networks, and `fold` says which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from busilib.data import duplicates
from busilib.data.dataset import Dataset
from busilib.metrics.figure import LIMITS
from busilib.metrics.malignancy import lesions_only, threshold_for
from busilib.metrics.pairing import groups_of
from busilib.metrics.unpaired import unpaired_difference
from busilib.runs.predict import THRESHOLD, prediction_table
from busilib.runs.run import Run
from busilib.runs.runner import frozen_runs
from busilib.studies.study import Condition, Study, measured

CLASSIFIERS = ("r2-mobilenet", "r2-cnn")
SEGMENTERS = ("r4-unet",)
SENSITIVITY = 0.9
"""Share of the malignant validation images that the threshold of a classifier must find."""


def predictions_outside(runs: Sequence[Run], outside: Dataset) -> pd.DataFrame:
    """What each run says of every outside image, as rows of `predictions.csv` with the column `group`.

    Nothing is fitted, chosen or calibrated on the outside images.

    Example:
        >>> len(predictions_outside(runs, breast)) == len(runs) * len(breast)
        True
    """
    every = np.arange(len(outside))
    asked = [one.on(outside) for one in runs]
    tables = [prediction_table(one, every, one.probabilities(every)) for one in asked]
    return _grouped(pd.concat(tables, ignore_index=True), outside)


def predictions_inside(runs: Sequence[Run]) -> pd.DataFrame:
    """Out-of-fold predictions of all runs on their own test images, with the column `group`."""
    return _grouped(pd.concat([one.predictions for one in runs], ignore_index=True), runs[0].data)


def outside_classification(
    profile: str, busi: Dataset, outside: Dataset, seed: int = 0, weights: str = ""
) -> Study:
    """Benign against malignant, inside and outside, by classifiers that know three classes.

    Images without a lesion are left out on both sides, because an outside set may have none. The threshold of
    the malignancy score is chosen for each network on the validation images that chose its epoch.

    Args:
        profile: "smoke" trains and asks the first fold alone.
        busi: what is learned from.
        outside: what is only predicted, at the same size.
        seed: of splits and trainings.
        weights: see `busilib.runs.profiles.settings_for`.

    Returns:
        Study "outside-classification", task "malignancy", with conditions such as "r2-mobilenet, BUSI" and
        "r2-mobilenet, BrEaST".

    Example:
        >>> study = outside_classification("laptop", busi, breast)
        >>> study.metrics("r2-mobilenet, BrEaST")["malignancy_auc"]
    """
    conditions = []
    for id in CLASSIFIERS:
        runs = frozen_runs(id, busi, profile, seed, weights)
        thresholds = {one.fold: threshold_for(one.validation, SENSITIVITY) for one in runs}
        for data, found in _both(runs, outside):
            table = lesions_only(found)
            table["threshold"] = table["fold"].map(thresholds)
            conditions.append(_condition(runs, data, table, thresholds=list(thresholds.values())))
    chosen = {"threshold_for_sensitivity": SENSITIVITY}
    return _study("outside-classification", "malignancy", conditions, profile, busi, outside, seed, chosen)


def outside_segmentation(
    profile: str, busi: Dataset, outside: Dataset, seed: int = 0, weights: str = ""
) -> Study:
    """Lesion outlines inside and outside, from the same lesion probability on.

    Args:
        profile, busi, outside, seed, weights: see `outside_classification`.

    Returns:
        Study "outside-segmentation" with conditions such as "r4-unet, BUSI" and "r4-unet, BrEaST".

    Example:
        >>> outside_segmentation("laptop", busi, breast).metrics("r4-unet, BrEaST")["lesion_dice"]
    """
    conditions = []
    for id in SEGMENTERS:
        runs = frozen_runs(id, busi, profile, seed, weights)
        conditions += [_condition(runs, data, found) for data, found in _both(runs, outside)]
    chosen = {"threshold": THRESHOLD}
    return _study("outside-segmentation", "segmentation", conditions, profile, busi, outside, seed, chosen)


def drops(study: Study, keys: Sequence[str]) -> pd.DataFrame:
    """What is left outside: one row per experiment and figure.

    Args:
        study: of this module, measured or read back.
        keys: of its figures.

    Returns:
        Columns `experiment`, `figure`, `inside`, `outside` (names of the sets), and of `where` in turn
        "inside", "outside" and "difference" (outside minus inside) `value`, `low` and `high` (both NaN where
        there is no interval) and `why` there is none.

    Example:
        >>> drops(study, ["malignancy_auc"]).query("where == 'difference'")["value"]
    """
    names = study.facts["dataset"]["name"], study.facts["outside"]["name"]
    rows = []
    for id in dict.fromkeys(condition["experiment"] for condition in study.conditions.values()):
        inside, outside = (study.metrics(f"{id}, {name}") for name in names)
        for key in keys:
            if key in inside and key in outside:
                both = {"inside": inside[key], "outside": outside[key]}
                both["difference"] = unpaired_difference(inside[key], outside[key])
                rows += [
                    {"experiment": id, "figure": key, "inside": names[0], "outside": names[1], "where": where}
                    | {limit: figure[limit] for limit in LIMITS}
                    | {"why": figure.get("why", "")}
                    for where, figure in both.items()
                ]
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(LIMITS, float)) if rows else table


def shared_pictures(busi: Dataset, outside: Dataset) -> pd.DataFrame:
    """How much alike the pictures of two sets are: for each outside image the BUSI image nearest to it.

    Returns:
        Columns `outside`, `busi` (ids) and `correlation` of their thumbnails, highest first. Above
        `busilib.data.duplicates.THRESHOLD` the two would count as one picture.

    Example:
        >>> shared_pictures(busi, breast)["correlation"].max()
    """
    there, here = (
        np.stack([duplicates.thumbnail(image) for image in part.images]) for part in (outside, busi)
    )
    correlation = there @ here.T
    nearest = correlation.argmax(axis=1)
    table = pd.DataFrame(
        {"outside": outside.ids, "busi": busi.ids[nearest], "correlation": correlation.max(axis=1)}
    )
    return table.sort_values("correlation", ascending=False, ignore_index=True)


def _both(runs: Sequence[Run], outside: Dataset) -> list[tuple[Dataset, pd.DataFrame]]:
    return [(runs[0].data, predictions_inside(runs)), (outside, predictions_outside(runs, outside))]


def _grouped(table: pd.DataFrame, data: Dataset) -> pd.DataFrame:
    return table.assign(group=groups_of(table, data.table))


def _condition(runs: Sequence[Run], data: Dataset, table: pd.DataFrame, **facts) -> Condition:
    about = {
        "experiment": runs[0].experiment.id,
        "set": data.name,
        "images": int(table["id"].nunique()),
        "folds": [one.fold for one in runs],
        "weights": runs[0].facts["weights"],
    }
    return Condition(f"{runs[0].experiment.id}, {data.name}", table, about | facts)


def _study(name, task, conditions, profile, busi, outside, seed, chosen) -> Study:
    about = {
        "name": outside.name,
        "fingerprint": outside.fingerprint,
        "n": len(outside),
        "size": outside.size,
        "groups": int(outside.table["group"].nunique()),
    }
    return measured(name, task, conditions, busi, profile, seed, outside=about, **chosen)
