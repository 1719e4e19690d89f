"""What the page on calibration and abstention tells of recorded classifiers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.abstention import answered
from busilib.metrics.calibration import calibration_metrics, confidence_of
from busilib.metrics.comparison import paired_difference
from busilib.metrics.figure import above, below
from busilib.metrics.pairing import groups_of
from busilib.pages.paired import DRAWS
from busilib.pages.tables import cell
from busilib.pages.uncertainty import Model, answered_shares, calibrated, coverage_and_risk

ERRORS = ("ece", "brier", "log_loss")
"""What a temperature may mend; lower is better."""


def sure(model: Model) -> tuple[float, float]:
    """The mean confidence of a classifier, and the share of its answers that are right.

    Example (not run):
        >>> said, right = sure(classifiers()["MobileNet"])
    """
    confidence, right = confidence_of(model.predictions)
    return float(confidence.mean()), float(right.mean())


def temperatures(models: Mapping[str, Model]) -> pd.DataFrame:
    """How sure each classifier is, how often it is right, and the temperature of its folds.

    Example (not run):
        >>> temperatures(classifiers()).columns.tolist()
        ['says, mean', 'is right', 'temperatures', 'ECE', 'ECE, scaled']
    """
    scaled, rows = calibrated(models), {}
    for name, model in models.items():
        said, right = sure(model)
        rows[name] = {"says, mean": f"{said:.2f}", "is right": f"{right:.2f}", "temperatures": "–"}
        rows[name] |= {"ECE": f"{calibration_metrics(model.predictions)['ece']:.3f}", "ECE, scaled": "–"}
        if name in scaled:
            after, found = scaled[name]
            low, high = min(found.values()), max(found.values())
            rows[name]["temperatures"] = f"{low:.2f} to {high:.2f}"
            rows[name]["ECE, scaled"] = f"{calibration_metrics(after)['ece']:.3f}"
    return pd.DataFrame(rows).T


def scaling(
    models: Mapping[str, Model], table: pd.DataFrame | None = None, draws: int = DRAWS
) -> pd.DataFrame:
    """What scaling changes in each figure: scaled less as it is, on the same draws of groups.

    Args:
        models: by name; those without validation rows are left out.
        table: `id` and `group` of the images; BUSI's, unless given.
        draws: bootstrap samples.

    Returns:
        Columns `row` (the model), `figure`, `value`, `low`, `high`, `n`; below 0 is better.

    Example (not run):
        >>> scaling(classifiers(), draws=20)["figure"].unique().tolist()
        ['ece', 'brier', 'log_loss']
    """
    rows = []
    for name, (after, _) in calibrated(models).items():
        before = models[name].predictions
        groups = groups_of(after, read_table() if table is None else table)
        found = paired_difference(calibration_metrics, after, before, groups, draws)
        rows += [{"row": name, "figure": key} | found[key] for key in ERRORS]
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame, figure: str) -> str:
    """For which classifiers scaling clearly lowers a figure, for which it raises it, and for which neither.

    Args:
        table: of `scaling`.
        figure: which.

    Example (not run):
        >>> verdict(scaling(classifiers()), "log_loss")
        'lower for all 3'
    """
    rows = table[table["figure"] == figure].to_dict("records")
    named = {
        "lower": [row["row"] for row in rows if below(row)],
        "higher": [row["row"] for row in rows if above(row)],
    }
    if len(named["lower"]) == len(rows):
        return f"lower for all {len(rows)}"
    told = [f"{word} for {' and '.join(names)}" for word, names in named.items() if names]
    rest = [row["row"] for row in rows if not (above(row) or below(row))]
    return ", ".join(told + ([f"not clearly changed for {' and '.join(rest)}"] if rest else []))


def silent(model: Model, risk: float) -> dict[str, dict]:
    """What a classifier answers at thresholds chosen on validation images, and how much of that is wrong.

    Args:
        model: a recorded classifier with validation rows.
        risk: the share of errors aimed at.

    Returns:
        `coverage` and `risk`, figures with intervals.

    Example (not run):
        >>> silent(classifiers()["MobileNet"], 0.1)["risk"]["value"] > 0.1
        True
    """
    return coverage_and_risk(model, risk, read_table(), DRAWS)


def by_class(model: Model, risk: float) -> pd.DataFrame:
    """The same by true class: who is answered, and for whom the answers are wrong.

    Example (not run):
        >>> by_class(classifiers()["CNN"], 0.1).loc["benign", "images"]
        437
    """
    given, rows = answered(model.predictions, model.validation, risk), {}
    chosen = model.predictions.assign(answered=given)
    for true in CLASSES:
        part = chosen[chosen["true"] == true].reset_index(drop=True)
        found = answered_shares(part, read_table(), DRAWS)
        rows[true] = {
            "images": len(part),
            "answered": cell(found["coverage"]),
            "errors among these": cell(found["risk"]),
        }
    return pd.DataFrame(rows).T
