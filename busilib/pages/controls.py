"""What the page on negative controls tells, from the recorded study."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from busilib.metrics.calibration import confidence_of
from busilib.metrics.comparison import paired_difference
from busilib.metrics.figure import Figure
from busilib.metrics.intervals import mean_interval, unless_alike
from busilib.metrics.malignancy import lesions_only, malignancy_metrics
from busilib.metrics.measure import measure
from busilib.pages.shipped import the_study
from busilib.pages.tables import cell
from busilib.runs.profiles import profile as profile_named
from busilib.studies.controls import WHOLE
from busilib.studies.study import Study

MASK, PAINTED, BOX = "true mask alone", "lesion painted out", "box around the lesion alone"
BORDER, FILE, PERMUTED = "border alone", "size and aspect ratio alone", "labels permuted"


def recorded() -> Study:
    """The recorded controls, each on all images; the parts by coloured marks are left out.

    Example:
        >>> list(recorded().conditions)[0]
        'whole image'
    """
    study = the_study("negative-controls")
    return everywhere(study)


def everywhere(study: Study) -> Study:
    """The conditions that hold every image of the study, so that all figures are of the same ones.

    Example:
        >>> "whole image, images without" in recorded().conditions
        False
    """
    counts = study.predictions.groupby("condition")["id"].nunique()
    kept = {name: facts for name, facts in study.conditions.items() if counts[name] == counts.max()}
    return replace(study, conditions=kept)


def _lesions(study: Study, name: str) -> pd.DataFrame:
    """Predictions of a control on images with a lesion; each repeat of it counts as a network of its own."""
    rows = lesions_only(study.predictions[study.predictions["condition"] == name])
    again = rows.groupby(["seed", "id"]).cumcount()
    return rows.assign(fold=rows["fold"] + 100 * again)


def malignancy(study: Study) -> dict[str, dict]:
    """How well each control tells malignant from benign, on images with a lesion: area under the curve.

    Example (not run):
        >>> malignancy(recorded())["true mask alone"]["value"]
    """
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    found = {}
    for name in study.conditions:
        rows = _lesions(study, name)
        found[name] = measure("malignancy", rows, rows["group"].to_numpy(), draws)["malignancy_auc"]
    return found


def known(study: Study) -> pd.DataFrame:
    """What each control knows: of all three classes, of malignant against benign, and of normal.

    Example (not run):
        >>> known(recorded()).columns.tolist()
        ['macro AUC', 'malignant against benign, AUC', 'normals found']
    """
    told = malignancy(study)
    return pd.DataFrame(
        {
            name: {
                "macro AUC": cell(study.metrics(name)["macro_auc"]),
                "malignant against benign, AUC": cell(told[name]),
                "normals found": cell(study.metrics(name)["normal_recall"]),
            }
            for name in study.conditions
        }
    ).T


def without_the_lesion(study: Study, other: str = WHOLE) -> dict:
    """Malignant against benign: the picture without its lesion, less another control, on the same images.

    Returns:
        The difference of the areas under the curve with its interval, of the first seed.

    Example (not run):
        >>> without_the_lesion(recorded())["value"]
    """
    first = study.facts["seeds"][0]
    one, two = (
        rows[rows["seed"] == first].reset_index(drop=True)
        for rows in (_lesions(study, PAINTED), _lesions(study, other))
    )
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    return paired_difference(malignancy_metrics, one, two, one["group"].to_numpy(), draws)["malignancy_auc"]


def marks() -> tuple[pd.DataFrame, pd.Series]:
    """Images with coloured marks and the others: how many of each class, and how many are named right.

    Example:
        >>> marks()[0].columns.tolist()
        ['benign', 'malignant', 'normal', 'named right']
    """
    study = the_study("negative-controls")
    rows = study.predictions[study.predictions["condition"] == WHOLE]
    coloured = study.predictions["condition"].eq(f"{WHOLE}, images with coloured marks")
    marked = (
        rows["id"]
        .isin(study.predictions.loc[coloured, "id"])
        .map({True: "with coloured marks", False: "without"})
    )
    counts = rows.groupby([marked, "true"]).size().unstack(fill_value=0)
    right = pd.Series(confidence_of(rows)[1], index=rows.index)
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    named = {}
    for name, part in right.groupby(marked):
        groups = rows.loc[part.index, "group"].to_numpy()
        figure = Figure(**mean_interval(part.astype(float), groups, draws))
        named[name] = unless_alike(figure, groups, share=True)
    share = pd.Series({name: figure.value for name, figure in named.items()})
    return counts.assign(
        **{"named right": {name: cell(figure.to_dict()) for name, figure in named.items()}}
    ), share
