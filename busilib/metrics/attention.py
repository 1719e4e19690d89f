"""Attention: how much of a classifier's heat map lies inside the lesion, beside what chance would give."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.metrics.weighted import each_once, mean, ratio, settled

SHARES = ("share_inside", "lesion_share", "fixed_share")
FIGURES = (*SHARES, "share_gain", "attention_ratio", "hit_rate")


def attention_share(heat: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    """How much of each heat map lies inside the lesion.

    Args:
        heat: float (n, h, w), not negative.
        masks: bool (n, h, w), the reference.

    Returns:
        float64 columns `share_inside`, the share of the heat inside the mask; `lesion_share`, the share of
        the image inside it, which is what a map without preference would have; and `hit`, the pointing game
        (Zhang et al. 2018): 1 if the maximum is inside, 0 if not; of several equal maxima, the share that is.
        All are NaN for images without a lesion; `share_inside` and `hit` also for maps without heat.

    Raises:
        ValueError: if shapes do not fit, or the masks are not bool, or heat is negative or not a number.

    Example:
        >>> share = attention_share(np.ones((1, 4, 4)), np.eye(4, dtype=bool)[None])
        >>> share[["share_inside", "hit"]].iloc[0].tolist()
        [0.25, 0.25]
    """
    if heat.shape != masks.shape or masks.dtype != bool:
        raise ValueError(
            f"heat and bool masks of one shape are needed, not {heat.shape} and {masks.dtype} {masks.shape}"
        )
    if not (heat >= 0).all():
        raise ValueError("heat must be numbers of 0 or more")
    pixels, heat = (1, 2), heat.astype(np.float64)
    maxima = heat >= heat.max(pixels, keepdims=True) * (1 - 1e-6)
    table = pd.DataFrame(
        {
            "share_inside": _share((heat * masks).sum(pixels), heat.sum(pixels)),
            "lesion_share": masks.mean(pixels),
            "hit": _share((maxima & masks).sum(pixels), maxima.sum(pixels)),
        }
    )
    table.loc[heat.sum(pixels) == 0, ["share_inside", "hit"]] = np.nan
    table.loc[~masks.any(pixels)] = np.nan
    return table


def fixed_gaze(heat: np.ndarray) -> np.ndarray:
    """For each image the mean heat map of all others: where one looks who does not look at the image.

    Lesions lie near the middle of most images, so a gaze that never moves finds more of them than chance.

    Args:
        heat: float (n, h, w), not negative; each map counts the same, those without heat nothing.

    Returns:
        float64 (n, h, w), each map adds up to 1 or, where no other has heat, to 0.

    Example (not run):
        >>> attention_share(fixed_gaze(heat), masks)["share_inside"].mean()
    """
    pixels, heat = (1, 2), heat.astype(np.float64)
    each = _share(heat, heat.sum(pixels, keepdims=True))
    others = np.maximum(np.nan_to_num(each).sum(0) - np.nan_to_num(each), 0)
    return np.nan_to_num(_share(others, others.sum(pixels, keepdims=True)))


def attention_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """All attention figures of a table with one row per image with a lesion.

    Args:
        table: columns of `attention_share`, `fixed_share` (the share inside of `fixed_gaze`), `true` and
            `predicted` (class names).
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights.
        Means over the images whose map has heat: `share_inside`, `lesion_share` (what an indifferent map
        would have), `fixed_share` (what a gaze that never moves would have), `share_gain` (share inside
        minus fixed share), `attention_ratio` (mean share inside over mean lesion share; 1 is indifferent)
        and `hit_rate`. The same of the benign, of the malignant, of the rightly and of the wrongly
        classified images, as `benign_…`, `malignant_…`, `right_…` and `wrong_…`. `no_heat` is the share of
        images whose map has none.
        A figure whose denominator is empty is NaN.

    Example (not run):
        >>> attention_metrics(predictions)["attention_ratio"]
    """
    w = each_once(len(table)) if weights is None else weights
    figures = {"no_heat": mean(table["share_inside"].isna(), w)}
    for part, rows in _parts(table).items():
        inside, lesion, fixed, hit = (mean(table[name], w, rows) for name in (*SHARES, "hit"))
        values = (inside, lesion, fixed, inside - fixed, ratio(inside, lesion), hit)
        figures |= {f"{part}{name}": value for name, value in zip(FIGURES, values, strict=True)}
    return settled(figures, weights)


def attention_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows that stand behind figures of `attention_metrics`: bool (n,) by what they are called.

    Example (not run):
        >>> attention_rows(predictions)["images with heat"].sum()
        647
    """
    parts = {f"{part.replace('_', ' ')}images with heat": rows for part, rows in _parts(table).items()}
    return {"images": np.ones(len(table), bool), **parts}


def _parts(table: pd.DataFrame) -> dict[str, np.ndarray]:
    heat, true = table["share_inside"].notna().to_numpy(), table["true"].to_numpy()
    right = true == table["predicted"].to_numpy()
    return {
        "": heat,
        "benign_": heat & (true == "benign"),
        "malignant_": heat & (true == "malignant"),
        "right_": heat & right,
        "wrong_": heat & ~right,
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Element by element; NaN where `whole` is 0."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
