"""Tissue metrics: pixels of each kind are counted once per tile, every figure is made from those counts.

Pixels whose code is among `IGNORED` were named by nobody. They are left out before anything is counted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.data.tiles import CODES, IGNORED, TISSUES
from busilib.metrics.weighted import each_once, ratio, settled

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
        >>> tissue_counts(tiles.codes, tiles.codes)["tumor_fp"].sum()
        0
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


def tissue_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """All tissue figures of a table of counts, over the pixels of all tiles together.

    Args:
        table: columns as `tissue_counts` gives them.
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights:
        `pixel_accuracy`: share of pixels with the right code;
        `majority_rate`: what always naming the commonest tissue of this table would score, to hold the
        accuracy against;
        `macro_dice`, `macro_iou`: mean over the tissues that the reference (of a draw) has;
        `<name>_dice` (the F1 of its pixels), `<name>_iou`, `<name>_precision`, `<name>_recall`, and
        `<name>_frequency`, its share of the reference.
        A figure whose denominator is empty is NaN.

    Example:
        >>> tissue_metrics(tissue_counts(tiles.codes, tiles.codes))["pixel_accuracy"]
        1.0
    """
    w = each_once(len(table)) if weights is None else weights
    totals = (w @ table[COLUMNS].to_numpy(float)).reshape(-1, len(TISSUES), len(COUNTS))
    tp, fp, fn = np.moveaxis(totals, 2, 0)
    reference = tp + fn
    pixels, present = reference.sum(axis=1), reference > 0
    own = {
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, reference),
        "frequency": ratio(reference, pixels[:, None]),
    }
    figures = {
        "pixel_accuracy": ratio(tp.sum(axis=1), pixels),
        "majority_rate": ratio(reference.max(axis=1), pixels),
        **{
            f"macro_{name}": ratio(np.where(present, own[name], 0).sum(axis=1), present.sum(axis=1))
            for name in ("dice", "iou")
        },
        **{
            f"{name}_{figure}": values[:, place]
            for place, name in enumerate(TISSUES)
            for figure, values in own.items()
        },
    }
    return settled(figures, weights)


def tissue_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows that stand behind figures of `tissue_metrics`: bool (n,) by what they are called.

    "tiles" are those with any pixel that counts, "tiles with fat" those whose reference has fat.

    Example:
        >>> tissue_rows(tissue_counts(tiles.codes, tiles.codes))["tiles with fat"].sum() <= len(tiles)
        True
    """
    has = {
        f"tiles with {name.replace('_', ' ')}": (table[f"{name}_tp"] + table[f"{name}_fn"] > 0).to_numpy()
        for name in TISSUES
    }
    return {"tiles": np.any(list(has.values()), axis=0), **has}
