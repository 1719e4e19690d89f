"""Finding and outlining scored together: a lesion must be outlined well, and a normal image left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.metrics.pairing import PairingError, by_fold, matched
from busilib.metrics.segmentation import COUNTS, dice_per_image

FOUND = 0.5
"""Dice from which a lesion counts as found, unless another is given."""

ROW = ["fold", "id"]


def candidates(counts: pd.DataFrame, least_dice: float = FOUND) -> pd.DataFrame:
    """What a "no lesion" gate decides about: one row per image, with the score the gate looks at.

    Args:
        counts: columns `tp`, `fp`, `fn`, `tn`; where there is a column `score`, the gate looks at that, else
            at the predicted share of the image's area, (tp + fp) / pixels.
        least_dice: from which Dice a lesion counts as found.

    Returns:
        `counts` with `score`, `lesion` (whether the reference has one), `outlined` (whether anything is
        predicted) and `good` (a lesion whose Dice is at least `least_dice`).

    Example:
        >>> candidates(record.predictions)["good"].mean()
        0.615…
    """
    outlined = counts["tp"] + counts["fp"]
    lesion = (counts["tp"] + counts["fn"]) > 0
    return counts.assign(
        score=counts["score"] if "score" in counts else outlined / counts[COUNTS].sum(axis=1),
        lesion=lesion,
        outlined=outlined > 0,
        good=lesion & (dice_per_image(counts) >= least_dice),
    )


def scored_by(counts: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Let a classifier guard a segmentation: the gate's score becomes 1 − probability of normal.

    Args:
        counts: columns `id`, `fold`, `true` and the pixel counts.
        classes: columns `id`, `fold`, `true` and the class probabilities, of the same images and folds.

    Returns:
        `counts` with the column `score`.

    Raises:
        PairingError: if the tables do not hold the same images in the same folds.

    Example (not run):
        >>> froc(scored_by(unet.predictions, mobilenet.predictions))
    """
    return counts.assign(score=1 - matched(counts, classes, on=ROW)["normal"])


def detection_metrics(
    counts: pd.DataFrame, gate: float | np.ndarray = -np.inf, least_dice: float = FOUND
) -> dict[str, float]:
    """Both errors behind one gate: an outline is kept if its score is at least the gate.

    Args:
        counts: see `candidates`.
        gate: one number, or float (n,) where it differs by row; −infinity keeps every outline.
        least_dice: from which Dice a lesion counts as found.

    Returns:
        `sensitivity`: share of lesion images whose outline is good and kept; `false_positive_rate`: share of
        images without a lesion whose outline is kept. An empty outline is never kept. NaN where there are no
        such images.

    Example:
        >>> detection_metrics(record.predictions, gate=0.01)["false_positive_rate"]
        0.115…
    """
    table = candidates(counts, least_dice)
    kept = (table["outlined"] & (table["score"] >= gate)).to_numpy()
    lesion = table["lesion"].to_numpy()
    return {
        "sensitivity": _share(kept & table["good"].to_numpy(), lesion),
        "false_positive_rate": _share(kept, ~lesion),
    }


def froc(counts: pd.DataFrame, least_dice: float = FOUND) -> pd.DataFrame:
    """Sensitivity on lesions against false positives on normals, over all gates.

    It is in the style of a free-response ROC curve, where a mark must also be in the right place
    (Chakraborty 1989), with one outline per image instead of any number of marks. Unlike a ROC curve it need
    not reach the upper right corner: a lesion that is outlined badly stays missed behind any gate.

    Args:
        counts: see `candidates`.
        least_dice: from which Dice a lesion counts as found.

    Returns:
        One row per distinct gate, falling from infinity (keep nothing): `gate`, `sensitivity`,
        `false_positive_rate`.

    Raises:
        PairingError: if there is no image with, or none without, a lesion.

    Example:
        >>> froc(record.predictions)[["false_positive_rate", "sensitivity"]].iloc[-1]
    """
    table = candidates(counts, least_dice)
    if table["lesion"].all() or not table["lesion"].any():
        raise PairingError(
            f"{int(table['lesion'].sum())} of {len(table)} images have a lesion; the curve needs images with "
            "and without one"
        )
    kept = table.assign(hit=table["outlined"] & table["good"], alarm=table["outlined"] & ~table["lesion"])
    level = kept.groupby("score")[["hit", "alarm"]].sum().sort_index(ascending=False).cumsum()
    curve = pd.DataFrame(
        {
            "gate": level.index.to_numpy(),
            "sensitivity": (level["hit"] / table["lesion"].sum()).to_numpy(),
            "false_positive_rate": (level["alarm"] / (~table["lesion"]).sum()).to_numpy(),
        }
    )
    start = pd.DataFrame({"gate": [np.inf], "sensitivity": [0.0], "false_positive_rate": [0.0]})
    return pd.concat([start, curve], ignore_index=True)


def gate_for(validation: pd.DataFrame, rate: float) -> float:
    """The lowest gate that keeps outlines on at most this share of validation images without a lesion.

    Args:
        validation: see `candidates`; needs images without a lesion.
        rate: the false-positive rate to aim at, 0 to 1.

    Returns:
        A score that occurs in the table; infinity where none is high enough.

    Raises:
        PairingError: if there is no image with, or none without, a lesion.

    Example (not run):
        >>> gate_for(record.validation.query("fold == 0"), rate=0.1)
        0.021
    """
    curve = froc(validation)
    return float(curve.loc[curve["false_positive_rate"] <= rate, "gate"].min())


def gates_by_fold(predictions: pd.DataFrame, validation: pd.DataFrame, rate: float) -> np.ndarray:
    """The gate of each row, chosen on the validation rows of its fold.

    Args:
        predictions: see `candidates`, with the column `fold`.
        validation: the same, with the validation rows of each fold.
        rate: the false-positive rate to aim at, 0 to 1.

    Returns:
        float (n,), as `detection_metrics` takes it.

    Raises:
        PairingError: if a fold has no validation rows, or they have no image with or without a lesion.

    Example (not run):
        >>> detection_metrics(predictions, gates_by_fold(predictions, validation, rate=0.1))
    """
    gates = np.empty(len(predictions))
    for _, rows, inner in by_fold(predictions, validation):
        gates[rows] = gate_for(inner, rate)
    return gates


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part[whole].mean()) if whole.any() else float("nan")
