"""R1's combined evaluation: the classifier names the lesion, the U-Net outlines it, the eye checks both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES

TINTS = {"benign": (0, 158, 115), "malignant": (213, 94, 0)}
"""Green and red of the Okabe–Ito palette, which colour-blind readers can tell apart."""

STRENGTH = 0.45


def gate(masks: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """R1's rule: where the predicted class is normal, the segmentation is not used.

    Args:
        masks: bool (n, h, w), predicted.
        labels: int (n,), predicted class.

    Returns:
        bool (n, h, w), empty where the class is normal.

    Example:
        >>> gate(np.ones((1, 2, 2), bool), np.array([2])).any()
        False
    """
    return masks & (np.asarray(labels) != CLASSES.index("normal"))[:, None, None]


def gate_counts(counts: pd.DataFrame, called_normal: np.ndarray) -> pd.DataFrame:
    """R1's rule on pixel counts instead of masks: an outline that is not used leaves every pixel negative.

    Args:
        counts: columns `tp`, `fp`, `fn`, `tn`, one row per image; further columns are kept.
        called_normal: bool (n,), whether the classifier says normal.

    Returns:
        A copy with `tp` and `fp` moved to `fn` and `tn` where the class is normal.

    Example:
        >>> counts = pd.DataFrame({"tp": [3], "fp": [1], "fn": [0], "tn": [5]})
        >>> gate_counts(counts, np.array([True])).iloc[0].tolist()
        [0, 0, 3, 6]
    """
    gated = counts.copy()
    for positive, negative in (("tp", "fn"), ("fp", "tn")):
        gated.loc[called_normal, negative] += gated.loc[called_normal, positive]
        gated.loc[called_normal, positive] = 0
    return gated


def tint(image: np.ndarray, mask: np.ndarray, label: int) -> np.ndarray:
    """Colour a mask by its class: red for malignant, green for benign; a normal image stays as it is.

    Args:
        image: uint8 (h, w).
        mask: bool (h, w).
        label: index into `CLASSES`.

    Returns:
        uint8 (h, w, 3).

    Example:
        >>> tint(np.zeros((2, 2), np.uint8), np.ones((2, 2), bool), 1)[0, 0].tolist()
        [95, 42, 0]
    """
    rgb = np.repeat(image[..., None], 3, axis=2).astype(float)
    colour = TINTS.get(CLASSES[label])
    if colour is not None:
        rgb[mask] = (1 - STRENGTH) * rgb[mask] + STRENGTH * np.array(colour)
    return rgb.astype(np.uint8)
