"""Outside data: networks frozen on BUSI, thresholds included, meet images of another hospital.

Inside, each image is predicted by the one of five networks that did not learn from it. Outside, each of the
five predicts every image, so that the figures are averages over the five networks, and `fold` says which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from busilib.data import duplicates
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.metrics.figure import LIMITS
from busilib.metrics.malignancy import lesions_only, threshold_for
from busilib.metrics.pairing import groups_of
from busilib.metrics.unpaired import unpaired_difference
from busilib.reports.registry import experiment
from busilib.runs.predict import THRESHOLD, prediction_table
from busilib.runs.run import Run
from busilib.runs.runner import frozen_runs
from busilib.studies.context import Context, OptionError
from busilib.studies.study import Condition, Study, about, apart_by_weights, measured

CLASSIFIERS = ("r2-mobilenet", "r2-cnn")
SEGMENTERS = ("r4-unet",)
NO_MASK = "no mask is given"
"""Why an image takes no part where outlines are measured."""

SENSITIVITY = 0.9
"""Share of the malignant validation images that the threshold of a classifier must find."""


def predictions_outside(runs: Sequence[Run], outside: Dataset) -> pd.DataFrame:
    """What each run says of every outside image, as rows of `predictions.csv` with the column `group`.

    Nothing is fitted, chosen or calibrated on the outside images.

    Example (not run):
        >>> len(predictions_outside(runs, breast)) == len(runs) * len(breast)
        True
    """
    every = np.arange(len(outside))
    asked = [one.on(outside) for one in runs]
    tables = [prediction_table(one, every, one.probabilities(every)) for one in asked]
    return _grouped(pd.concat(tables, ignore_index=True), outside)


def predictions_inside(runs: Sequence[Run]) -> pd.DataFrame:
    """Out-of-fold predictions of all runs on their own test images, with the column `group`."""
    return _grouped(pd.concat([one.predictions for one in runs], ignore_index=True), runs[0].ultrasound)


def outside_classification(context: Context) -> Study:
    """Benign against malignant, inside and outside, by classifiers that know three classes.

    Images without a lesion are left out on both sides, because an outside set may have none. The threshold of
    the malignancy score is chosen for each network on the validation images that chose its epoch.

    Args:
        context: its data are what is learned from, its outside set what is only predicted; its models are
            `CLASSIFIERS` unless it names others. Profile "smoke" trains and asks the first fold alone.

    Returns:
        Study "outside-classification", task "malignancy", with conditions such as "r2-mobilenet, BUSI" and
        "r2-mobilenet, BrEaST".

    Raises:
        OptionError: if a model is no classifier.

    Example (not run):
        >>> study = outside_classification(Context("laptop", "Dataset_BUSI_with_GT", "BrEaST"))
        >>> study.metrics("r2-mobilenet, BrEaST")["malignancy_auc"]
    """
    conditions, asked = [], []
    for id in _models(context, CLASSIFIERS, "classification"):
        runs, outside = _frozen(context, id)
        asked += runs
        thresholds = {one.fold: threshold_for(one.validation, SENSITIVITY) for one in runs}
        for data, found in _both(runs, outside):
            table = lesions_only(found)
            table["threshold"] = table["fold"].map(thresholds)
            conditions.append(_condition(runs, data, table, thresholds=list(thresholds.values())))
    chosen = {"threshold_for_sensitivity": SENSITIVITY}
    return _study("outside-classification", "malignancy", conditions, context, asked, outside, chosen)


def outside_segmentation(context: Context) -> Study:
    """Lesion outlines inside and outside, from the same lesion probability on.

    Images whose mask is not known are left out, and `outside.left_out` says so.

    Args:
        context: see `outside_classification`; its models are `SEGMENTERS` unless it names others.

    Returns:
        Study "outside-segmentation" with conditions such as "r4-unet, BUSI" and "r4-unet, BrEaST".

    Raises:
        OptionError: if a model outlines nothing.
        DataError: if the outside set has no mask at all.

    Example (not run):
        >>> study = outside_segmentation(Context("laptop", "Dataset_BUSI_with_GT", "BrEaST"))
        >>> study.metrics("r4-unet, BrEaST")["lesion_dice"]
    """
    conditions, asked = [], []
    for id in _models(context, SEGMENTERS, "segmentation"):
        runs, outside = _frozen(context, id)
        outside = with_masks(outside)
        asked += runs
        conditions += [_condition(runs, data, found) for data, found in _both(runs, outside)]
    chosen = {"threshold": THRESHOLD}
    return _study("outside-segmentation", "segmentation", conditions, context, asked, outside, chosen)


def with_masks(data: Dataset) -> Dataset:
    """The images whose reference mask is known; the others are named in `left_out`.

    Raises:
        DataError: if there are none.

    Example (not run):
        >>> len(with_masks(breast)) == len(breast)
        True
    """
    known = data.mask_known
    if known.all():
        return data
    if not (known & (data.labels != CLASSES.index("normal"))).any():
        raise DataError(
            f"{data.name}: no lesion has a mask, so no outline can be measured. Give masks in its sheet, or "
            "ask for outside-classification, which needs none."
        )
    without = dict.fromkeys(data.ids[~known].tolist(), NO_MASK)
    return replace(data.subset(np.flatnonzero(known)), left_out={**data.left_out, **without})


def drops(study: Study, keys: Sequence[str]) -> pd.DataFrame:
    """What is left outside: one row per experiment and figure.

    Args:
        study: of this module, measured or read back.
        keys: of its figures.

    Returns:
        Columns `experiment` (with "random weights" where the profile asks for pretrained ones), `figure`,
        `inside`, `outside` (names of the sets), and of `where` in turn "inside", "outside" and "difference"
        (outside minus inside) `value`, `low` and `high` (both NaN where there is no interval) and `why` there
        is none.

    Example (not run):
        >>> drops(study, ["malignancy_auc"]).query("where == 'difference'")["value"]
    """
    names = study.facts["dataset"]["name"], study.facts["outside"]["name"]
    weights = ", random weights" if "random-weights" in study.apart else ""
    rows = []
    for id in dict.fromkeys(condition["experiment"] for condition in study.conditions.values()):
        inside, outside = (study.metrics(f"{id}, {name}") for name in names)
        for key in keys:
            if key in inside and key in outside:
                both = {"inside": inside[key], "outside": outside[key]}
                both["difference"] = unpaired_difference(inside[key], outside[key])
                rows += [
                    {"experiment": f"{id}{weights}", "figure": key, "where": where}
                    | {"inside": names[0], "outside": names[1]}
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

    Example (not run):
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
    return [(runs[0].ultrasound, predictions_inside(runs)), (outside, predictions_outside(runs, outside))]


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


def _models(context: Context, usual: Sequence[str], task: str) -> Sequence[str]:
    context.refuse("encoder")
    for id in context.models:
        if (found := experiment(id).task) != task:
            raise OptionError(f"models: {id} does {found}, this study asks for {task}.")
    return context.models or usual


def _frozen(context: Context, id: str) -> tuple[list[Run], Dataset]:
    """The networks of an experiment, and the outside set at its size."""
    outside = context.load_outside(id)
    return frozen_runs(id, context.load(id), context.profile, context.seed, context.weights), outside


def _study(
    name: str,
    task: str,
    conditions: Sequence[Condition],
    context: Context,
    runs: Sequence[Run],
    outside: Dataset,
    chosen: dict,
) -> Study:
    groups = int(outside.table["group"].nunique())
    return measured(
        name,
        task,
        conditions,
        context,
        runs[0].ultrasound,
        apart=[re.sub(r"[^\w.-]+", "-", outside.name), *context.models, *apart_by_weights(runs)],
        outside=about(outside) | {"groups": groups} | _left_out(outside),
        **chosen,
    )


def _left_out(outside: Dataset) -> dict:
    """By reason, the images of the set that took no part; nothing where all did, as in older records."""
    reasons: dict[str, list[str]] = {}
    for id, why in outside.left_out.items():
        reasons.setdefault(why, []).append(id)
    return {"left_out": reasons} if reasons else {}
