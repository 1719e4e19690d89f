"""Segmentation metrics: pixels are counted once per image, every figure is made from those counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import binary_erosion, distance_transform_edt

from busilib.metrics.weighted import each_once, mean, ratio, settled

TOLERANCE = 2.0
"""Pixels within which a boundary counts as found, for the normalised surface distance."""

COUNTS = ["tp", "fp", "fn", "tn"]


def count_pixels(masks: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """True and false, positive and negative pixels of each image.

    Args:
        masks: bool (n, h, w), the reference.
        predicted: bool (n, h, w).

    Returns:
        int64 columns `tp`, `fp`, `fn`, `tn`; each row adds up to h·w.

    Raises:
        ValueError: if shapes or dtypes do not fit.

    Example:
        >>> count_pixels(masks, probabilities >= 0.5)
    """
    if masks.shape != predicted.shape or masks.dtype != bool or predicted.dtype != bool:
        raise ValueError(
            f"two bool arrays of one shape are needed, not {masks.dtype} {masks.shape} "
            f"and {predicted.dtype} {predicted.shape}"
        )
    pixels = (1, 2)
    return pd.DataFrame(
        {
            "tp": (masks & predicted).sum(pixels),
            "fp": (~masks & predicted).sum(pixels),
            "fn": (masks & ~predicted).sum(pixels),
            "tn": (~masks & ~predicted).sum(pixels),
        }
    )


def surface_distances(masks: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """How far the predicted boundary lies from the true one, image by image.

    A boundary is every mask pixel with a neighbour (up, down, left, right) outside the mask or the image.

    Args:
        masks: bool (n, h, w), the reference.
        predicted: bool (n, h, w).

    Returns:
        float64 columns `hd95`, the larger of the two directed 95th percentiles of distance in pixels (the
        image's diagonal where only one of the masks is empty), and `nsd`, the normalised surface distance:
        the share of both boundaries within `TOLERANCE` of the other (0 where only one mask is empty). Both
        are NaN where both masks are empty.

    Example:
        >>> surface_distances(masks, masks)["hd95"].max()
        0.0
    """
    rows = [_distances(true, found) for true, found in zip(masks, predicted, strict=True)]
    return pd.DataFrame(rows, columns=["hd95", "nsd"], dtype=float).round(4)


def _distances(true: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    if not true.any() or not found.any():
        return (np.nan, np.nan) if true.any() == found.any() else (float(np.hypot(*true.shape)), 0.0)
    edge, found_edge = (mask & ~binary_erosion(mask) for mask in (true, found))
    there, back = distance_transform_edt(~found_edge)[edge], distance_transform_edt(~edge)[found_edge]
    within = (there <= TOLERANCE).sum() + (back <= TOLERANCE).sum()
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return float(hd95), float(within / (len(there) + len(back)))


def dice_per_image(counts: pd.DataFrame) -> pd.Series:
    """Dice of each image, 2·TP / (2·TP + FP + FN); 1 where reference and prediction are both empty.

    Example:
        >>> dice_per_image(pd.DataFrame({"tp": [2], "fp": [1], "fn": [1], "tn": [0]})).item()
        0.6666666666666666
    """
    twice = 2 * counts["tp"]
    return (twice / (twice + counts["fp"] + counts["fn"])).fillna(1.0)


def iou_per_image(counts: pd.DataFrame) -> pd.Series:
    """Intersection over union of each image, TP / (TP + FP + FN); 1 where both masks are empty.

    Example:
        >>> iou_per_image(pd.DataFrame({"tp": [2], "fp": [1], "fn": [1], "tn": [0]})).item()
        0.5
    """
    return (counts["tp"] / (counts["tp"] + counts["fp"] + counts["fn"])).fillna(1.0)


def segmentation_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """All segmentation figures of a table of pixel counts.

    Args:
        table: columns `tp`, `fp`, `fn`, `tn` (pixels at the working size), `true` (class name) and, where
            boundaries were measured, `hd95` and `nsd`.
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights:
        `lesion_dice`, `lesion_iou`: mean per image over images whose reference has a lesion;
        `all_dice`: mean over all images, 1 where both masks are empty;
        `pooled_…`: over the pixels of all images together, as R1 reports them (a Dice pooled over pixels
        is the F1 of the pixels, and large lesions weigh more);
        `pooled_two_class_dice`: the mean of the pooled Dice of lesion and of background, as toolkits that
        count the background as a class report it;
        `normal_false_positive_rate`: share of normal images with any predicted lesion pixel;
        `lesion_hd95` (pixels) and `lesion_nsd`: means over images whose reference has a lesion.
        A figure whose denominator is empty is NaN.

    Example:
        >>> segmentation_metrics(predictions)["lesion_dice"]
    """
    w = each_once(len(table)) if weights is None else weights
    rows, dice = segmentation_rows(table), dice_per_image(table)
    lesion, normal = rows["lesion images"], rows["normal images"]
    tp, fp, fn, tn = (w @ table[COUNTS].to_numpy(float)).T
    pooled_dice = ratio(2 * tp, 2 * tp + fp + fn)
    figures = {
        "lesion_dice": mean(dice, w, lesion),
        "lesion_iou": mean(iou_per_image(table), w, lesion),
        "all_dice": mean(dice, w),
        "pooled_dice": pooled_dice,
        "pooled_two_class_dice": (pooled_dice + ratio(2 * tn, 2 * tn + fp + fn)) / 2,
        "pooled_iou": ratio(tp, tp + fp + fn),
        "pooled_accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "pooled_precision": ratio(tp, tp + fp),
        "pooled_recall": ratio(tp, tp + fn),
        "pooled_specificity": ratio(tn, tn + fp),
        "normal_false_positive_rate": mean(table["tp"] + table["fp"] > 0, w, normal),
    }
    for name in ("hd95", "nsd"):
        if name in table:
            figures[f"lesion_{name}"] = mean(table[name], w, lesion & table[name].notna().to_numpy())
    return settled(figures, weights)


def segmentation_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows that stand behind figures of `segmentation_metrics`: bool (n,) by what they are called.

    Example:
        >>> segmentation_rows(predictions)["lesion images"].sum()
        130
    """
    return {
        "images": np.ones(len(table), bool),
        "lesion images": ((table["tp"] + table["fn"]) > 0).to_numpy(),
        "normal images": (table["true"] == "normal").to_numpy(),
    }
