"""Tissue metrics: pixels of each kind are counted once per tile, every figure is made from those counts.

Pixels whose code is among `IGNORED` were named by nobody. They are left out before anything is counted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.data.tiles import CODES, IGNORED, TISSUES

COUNTS = ("tp", "fp", "fn")
COLUMNS = [f"{name}_{count}" for name in TISSUES for count in COUNTS]


def tissue_counts(codes: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """True positive, false positive and false negative pixels of each kind of tissue in each tile.

    Args:
        codes: uint8 (n, h, w), the reference.
        predicted: uint8 (n, h, w), the predicted codes.

    Returns:
        int64 columns `<name>_tp`, `<name>_fp` and `<name>_fn` for the names in `TISSUES`. In each row,
        `tp` and `fn` of all names together are the pixels that count.

    Raises:
        ValueError: if shapes or dtypes do not fit, or if a code is above 21.

    Example:
        >>> tissue_counts(tiles.codes, predicted)["tumor_tp"].sum()
    """
    if codes.shape != predicted.shape or codes.dtype != np.uint8 or predicted.dtype != np.uint8:
        raise ValueError(
            f"two uint8 arrays of one shape are needed, not {codes.dtype} {codes.shape} "
            f"and {predicted.dtype} {predicted.shape}"
        )
    kinds = len(CODES)
    if (highest := max(codes.max(initial=0), predicted.max(initial=0))) >= kinds:
        raise ValueError(f"codes from 0 to {kinds - 1} are needed, not {highest}")
    counted = [code for code in range(kinds) if code not in IGNORED]
    rows = []
    for true, found in zip(codes, predicted, strict=True):
        seen = ~np.isin(true, IGNORED)
        pairs = true[seen].astype(np.int64) * kinds + found[seen]
        matrix = np.bincount(pairs, minlength=kinds**2).reshape(kinds, kinds)
        tp = matrix.diagonal()
        rows.append(np.stack([tp, matrix.sum(0) - tp, matrix.sum(1) - tp], axis=1)[counted].ravel())
    return pd.DataFrame(np.array(rows, np.int64).reshape(len(rows), len(COLUMNS)), columns=COLUMNS)


def tissue_metrics(table: pd.DataFrame) -> dict[str, float]:
    """All tissue figures of a table of counts, over the pixels of all tiles together.

    Args:
        table: columns as `tissue_counts` gives them.

    Returns:
        `pixel_accuracy`: share of pixels with the right code;
        `majority_rate`: what always naming the commonest tissue of this table would score, to hold the
        accuracy against;
        `macro_dice`, `macro_iou`: mean over the tissues that the reference has;
        `<name>_dice` (the F1 of its pixels), `<name>_iou`, `<name>_precision`, `<name>_recall`, and
        `<name>_frequency`, its share of the reference.
        A figure whose denominator is empty is NaN.

    Example:
        >>> tissue_metrics(predictions)["pixel_accuracy"]
    """
    totals = table[COLUMNS].to_numpy(float).sum(axis=0).reshape(len(TISSUES), len(COUNTS))
    tp, fp, fn = totals.T
    reference = tp + fn
    pixels = reference.sum()
    figures = {
        "dice": _ratio(2 * tp, 2 * tp + fp + fn),
        "iou": _ratio(tp, tp + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, reference),
        "frequency": _ratio(reference, np.full_like(reference, pixels)),
    }
    present = reference > 0
    return {
        "pixel_accuracy": float(tp.sum() / pixels) if pixels else float("nan"),
        "majority_rate": float(reference.max() / pixels) if pixels else float("nan"),
        "macro_dice": float(figures["dice"][present].mean()) if pixels else float("nan"),
        "macro_iou": float(figures["iou"][present].mean()) if pixels else float("nan"),
        **{
            f"{name}_{figure}": float(values[place])
            for place, name in enumerate(TISSUES)
            for figure, values in figures.items()
        },
    }


def tissue_support(table: pd.DataFrame) -> dict[str, int]:
    """How many tiles stand behind each figure of `tissue_metrics`: those whose reference has the tissue.

    For figures over all tissues and for frequencies, those with any pixel that counts.

    Example:
        >>> tissue_support(predictions)["fat_dice"]
        12
    """
    has = {name: table[f"{name}_tp"] + table[f"{name}_fn"] > 0 for name in TISSUES}
    counted = int(pd.DataFrame(has).any(axis=1).sum())
    return {
        key: counted
        if key.endswith("_frequency") or key.rsplit("_", 1)[0] not in has
        else int(has[key.rsplit("_", 1)[0]].sum())
        for key in tissue_metrics(table)
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Element by element; NaN where `whole` is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
