"""Near-duplicate pictures: found by correlation, joined into groups that no split may separate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THUMBNAIL = 64
THRESHOLD = 0.95
"""Normalised cross-correlation above which two pictures count as one; `threshold_counts` shows its effect."""

THRESHOLDS = (0.90, 0.95, 0.97, 0.99)
"""At which the effect of the threshold is shown."""


def thumbnail(image: np.ndarray) -> np.ndarray:
    """A 64×64 miniature with mean 0 and norm 1, so that a dot product is a correlation.

    Args:
        image: uint8 (h, w) at any size.

    Returns:
        float32 (4096,); all zeros for a constant image.

    Example:
        >>> thumbnail(images[0]) @ thumbnail(images[1])  # normalised cross-correlation, -1 to 1
    """
    small = Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
    flat = np.asarray(small, np.float32).ravel()
    flat = flat - flat.mean()
    norm = np.linalg.norm(flat)
    return flat / norm if norm > 0 else flat


def pairs_above(thumbnails: np.ndarray, threshold: float = THRESHOLD) -> pd.DataFrame:
    """All pairs of pictures whose normalised cross-correlation is above `threshold`.

    Args:
        thumbnails: float32 (n, 4096) of `thumbnail` vectors.
        threshold: correlation between -1 and 1.

    Returns:
        Columns `first`, `second` (indices, first < second) and `correlation`, highest first.

    Example:
        >>> len(pairs_above(thumbnails, 0.99))
    """
    correlation = thumbnails @ thumbnails.T
    first, second = np.nonzero(np.triu(correlation > threshold, k=1))
    pairs = pd.DataFrame({"first": first, "second": second, "correlation": correlation[first, second]})
    return pairs.sort_values("correlation", ascending=False, kind="stable", ignore_index=True)


def group_pairs(pairs: pd.DataFrame, n: int) -> np.ndarray:
    """Join pairs into groups: pictures linked through any chain of pairs share one.

    Args:
        pairs: as `pairs_above` returns them.
        n: number of pictures.

    Returns:
        int64 (n,), group numbers from 0 in order of first appearance; a picture alone has its own.

    Example:
        >>> group_pairs(pairs_above(thumbnails), len(thumbnails))
    """
    links = coo_array((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(n, n))
    _, component = connected_components(links, directed=False)
    return pd.factorize(component)[0].astype(np.int64)


def threshold_counts(thumbnails: np.ndarray, thresholds: Sequence[float]) -> pd.DataFrame:
    """How many near-duplicates each threshold finds.

    Args:
        thumbnails: float32 (n, 4096) of `thumbnail` vectors.
        thresholds: correlations between -1 and 1.

    Returns:
        One row per threshold: `threshold`, `pairs`, `groups` (of two pictures or more), `images` in them.

    Example:
        >>> threshold_counts(thumbnails, [0.95, 0.99])
    """
    rows = []
    for threshold in thresholds:
        found = pairs_above(thumbnails, threshold)
        sizes = np.bincount(group_pairs(found, len(thumbnails)))
        rows.append((threshold, len(found), int((sizes > 1).sum()), int(sizes[sizes > 1].sum())))
    return pd.DataFrame(rows, columns=["threshold", "pairs", "groups", "images"])


def label_conflicts(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (n,): whether a picture's group holds more than one label.

    Example:
        >>> label_conflicts(np.array([0, 0, 1]), np.array([0, 1, 1]))
        array([ True,  True, False])
    """
    return pd.Series(labels).groupby(groups).transform("nunique").to_numpy() > 1
