"""The tables of pages 11 to 13: tests, calibration, abstention, gates and failures, as a page shows them.

What is called a model here is a finished run or a record: anything with `predictions` and `validation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES
from busilib.metrics.abstention import abstention_metrics, answered, aurc
from busilib.metrics.calibration import calibrate, calibration_metrics, confidence_of, reliability
from busilib.metrics.detection import detection_metrics, gates_by_fold, scored_by
from busilib.metrics.intervals import group_weights, unless_alike, with_interval
from busilib.metrics.measure import intervals
from busilib.metrics.pairing import groups_of
from busilib.metrics.segmentation import dice_per_image
from busilib.metrics.strata import lesion_share
from busilib.pages.tables import METRIC_NAMES, cell

AS_IT_IS, SCALED = "as it is", "scaled"


class Model(Protocol):
    """A finished run, or a record."""

    @property
    def predictions(self) -> pd.DataFrame: ...

    @property
    def validation(self) -> pd.DataFrame: ...


def used(models: Mapping[str, Model]) -> pd.DataFrame:
    """What stands behind each model: test images, folds, and validation rows for the choices.

    Example:
        >>> used({"MobileNet": read_record("r2-mobilenet", "laptop")})
    """
    rows = {
        name: {
            "test images": len(model.predictions),
            "folds": model.predictions["fold"].nunique(),
            "validation rows": len(model.validation),
        }
        for name, model in models.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def p_text(p: float) -> str:
    """A p-value as a page shows it.

    Example:
        >>> p_text(0.00002), p_text(0.0312)
        ('< 0.001', '0.031')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def tests_table(tests: pd.DataFrame) -> pd.DataFrame:
    """McNemar's tests of `busilib.metrics.comparison.mcnemar_table`, in words.

    Example (not run):
        >>> tests_table(mcnemar_table(shared(tables)))
    """
    rows = {
        f"{test['one']} and {test['other']}": {
            "images": test["n"],
            "only the first right": test["only_one"],
            "only the second right": test["only_other"],
            "p": p_text(test["p"]),
            "p after Holm": p_text(test["holm"]),
        }
        for test in tests.to_dict("records")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def calibrated(models: Mapping[str, Model]) -> dict[str, tuple[pd.DataFrame, dict[int, float]]]:
    """`busilib.metrics.calibration.calibrate` for every model that has validation rows.

    Example (not run):
        >>> scaled, temperatures = calibrated(models)["MobileNet"]
    """
    return {
        name: calibrate(model.predictions, model.validation)
        for name, model in models.items()
        if len(model.validation)
    }


def diagrams(models: Mapping[str, Model]) -> dict[str, dict[str, pd.DataFrame]]:
    """Reliability before and, where there are validation rows, after temperature scaling.

    Example (not run):
        >>> figures.reliability_diagrams(diagrams(models))
    """
    scaled = calibrated(models)
    panels = {name: {AS_IT_IS: reliability(model.predictions)} for name, model in models.items()}
    for name, (predictions, _) in scaled.items():
        panels[name][SCALED] = reliability(predictions)
    return panels


def calibration_table(models: Mapping[str, Model], table: pd.DataFrame, draws: int) -> pd.DataFrame:
    """ECE, Brier score and log loss before and after temperature scaling, with intervals.

    Args:
        models: by name.
        table: `id` and `group` of the images.
        draws: bootstrap samples.

    Example (not run):
        >>> calibration_table(models, busi.table, draws=1000)
    """
    scaled = calibrated(models)
    rows = {}
    for name, model in models.items():
        states: dict[str, tuple[pd.DataFrame, dict[int, float] | None]] = {
            AS_IT_IS: (model.predictions, None)
        }
        if name in scaled:
            states[SCALED] = scaled[name]
        for state, (predictions, temperatures) in states.items():
            found = intervals(calibration_metrics, predictions, groups_of(predictions, table), draws)
            rows[name, state] = {
                "temperature": _span(temperatures.values()) if temperatures else "–",
                **{METRIC_NAMES[key]: cell(found[key]) for key in ("ece", "brier", "log_loss", "accuracy")},
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def abstention_table(
    models: Mapping[str, Model], risk: float, table: pd.DataFrame, draws: int
) -> pd.DataFrame:
    """What each model answers, and how often it is wrong, at thresholds chosen on validation images.

    Args:
        models: by name; those without validation rows get no threshold.
        risk: the share of errors aimed at.
        table: `id` and `group` of the images.
        draws: bootstrap samples.

    Example (not run):
        >>> abstention_table(models, risk=0.1, table=busi.table, draws=1000)
    """
    rows = {}
    for name, model in models.items():
        predictions = model.predictions
        _, right = confidence_of(predictions)
        row = {"errors, all answered": f"{(~right).mean():.2f}", "AURC": f"{aurc(predictions):.3f}"}
        if len(model.validation):
            found = coverage_and_risk(model, risk, table, draws)
            row |= {"answered": cell(found["coverage"]), "errors among these": cell(found["risk"])}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").fillna("–").replace(r"nan.*", "–", regex=True)


def coverage_and_risk(model: Model, risk: float, table: pd.DataFrame, draws: int) -> dict[str, dict]:
    """What a model answers at thresholds chosen on its validation rows, and how much of that is wrong.

    Args:
        model: with validation rows for every fold.
        risk: the share of errors aimed at.
        table: `id` and `group` of the images.
        draws: bootstrap samples.

    Returns:
        `coverage` and `risk`, each as `busilib.metrics.figure.Figure.to_dict` gives it.

    Example (not run):
        >>> coverage_and_risk(model, 0.1, read_table(), 1000)["risk"]["value"]
    """
    given = answered(model.predictions, model.validation, risk)
    return answered_shares(model.predictions.assign(answered=given), table, draws)


def answered_shares(chosen: pd.DataFrame, table: pd.DataFrame, draws: int) -> dict[str, dict]:
    """Share of rows that are answered, and share of wrong ones among these, with intervals.

    Args:
        chosen: predictions with the column `answered` (bool).
        table: `id` and `group` of the images.
        draws: bootstrap samples.

    Example (not run):
        >>> answered_shares(predictions.assign(answered=True), read_table(), 1000)["coverage"]["value"]
        1.0
    """
    groups, given = groups_of(chosen, table), chosen["answered"].to_numpy(bool)
    found = abstention_metrics(chosen)
    drawn = abstention_metrics(chosen, group_weights(groups, draws))
    wrong = with_interval(found["risk"], drawn["risk"], groups[given], images="answered images")
    share = with_interval(found["coverage"], drawn["coverage"], groups)
    return {
        "coverage": unless_alike(share, groups, share=True).to_dict(),
        "risk": unless_alike(wrong, groups[given], share=True).to_dict(),
    }


def gated(
    outliner: Model, namers: Mapping[str, Model]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """One outliner behind several gates: its own area, and each classifier's probability of normal.

    Only images are kept of which all have predictions in the same fold, so that the curves compare.

    Args:
        outliner: a segmentation.
        namers: classifiers by name.

    Returns:
        Test tables and validation tables by the name of the gate, with the column `score` where it is not the
        area. A gate without validation rows is missing from the second.

    Example (not run):
        >>> test, validation = gated(unet, {"MobileNet": mobilenet})
        >>> figures.froc_curves({name: froc(table) for name, table in test.items()})
    """
    test = _gates(outliner.predictions, {name: model.predictions for name, model in namers.items()})
    inner = {name: model.validation for name, model in namers.items() if len(model.validation)}
    validation = _gates(outliner.validation, inner) if len(outliner.validation) else {}
    folds = {name: set(table["fold"]) for name, table in test.items()}
    return test, {name: rows for name, rows in validation.items() if folds[name] <= set(rows["fold"])}


def _gates(counts: pd.DataFrame, classes: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    rows = ["fold", "id"]
    for table in classes.values():
        counts = counts.merge(table[rows], on=rows)
    tables = {"area of the outline": counts}
    for name, table in classes.items():
        tables[f"{name}, P(normal)"] = scored_by(counts, counts[rows].merge(table, on=rows))
    return tables


def operating_points(
    test: Mapping[str, pd.DataFrame], validation: Mapping[str, pd.DataFrame], rate: float
) -> dict[str, dict[str, float]]:
    """What the gates chosen on validation images do on test images.

    Args:
        test, validation: of `gated`.
        rate: the false-positive rate aimed at.

    Example (not run):
        >>> operating_points(test, validation, rate=0.1)["area of the outline"]["sensitivity"]
    """
    return {
        name: detection_metrics(test[name], gates_by_fold(test[name], rows, rate))
        for name, rows in validation.items()
    }


def gates_table(test: Mapping[str, pd.DataFrame], points: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Sensitivity and false-positive rate without a gate and behind each.

    Args:
        test: of `gated`.
        points: of `operating_points`.

    Example (not run):
        >>> gates_table(test, operating_points(test, validation, 0.1))
    """
    first = next(iter(test.values()))
    rows = {"no further gate": detection_metrics(first), **points}
    return (
        pd.DataFrame.from_dict(rows, orient="index")
        .rename(
            columns={
                "sensitivity": "lesion images found",
                "false_positive_rate": "normal images with a false outline",
            }
        )
        .round(3)
        .assign(n=len(first))
    )


def worst_outlines(predictions: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """The lesion images with the lowest Dice, the larger lesion first where it is equal.

    Returns:
        Columns `id`, `Dice`, `lesion (% of image)` and `what happened`.

    Example (not run):
        >>> worst_outlines(record.predictions).iloc[0]["what happened"]
        'nothing outlined'
    """
    table = predictions.assign(Dice=dice_per_image(predictions), share=lesion_share(predictions) * 100)
    table = table[table["share"] > 0].sort_values(["Dice", "share"], ascending=[True, False]).head(most)
    fault = np.select(
        [(table["tp"] + table["fp"]) == 0, table["tp"] == 0, table["fp"] > table["fn"]],
        ["nothing outlined", "outlined elsewhere", "too much outlined"],
        "too little outlined",
    )
    table = table.assign(fault=fault).rename(
        columns={"share": "lesion (% of image)", "fault": "what happened"}
    )
    return table[["id", "Dice", "lesion (% of image)", "what happened"]].round(2).reset_index(drop=True)


def surest_errors(predictions: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """The images that a classifier got wrong, the most confident first.

    Returns:
        Columns `id`, `called` and `confidence`.

    Example:
        >>> surest_errors(record.predictions).iloc[0]["confidence"]
        0.998306
    """
    confidence, right = confidence_of(predictions)
    called = predictions[list(CLASSES)].idxmax(axis=1)
    table = predictions.assign(called=called, confidence=confidence)[~right]
    return table.nlargest(most, "confidence")[["id", "called", "confidence"]].reset_index(drop=True)


def _span(values) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
