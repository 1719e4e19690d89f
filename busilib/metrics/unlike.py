"""How unlike the images that a network learned from a picture is."""

from __future__ import annotations

import numpy as np

NEIGHBOUR = 10
"""The distance to that one of the nearest training images counts."""


def unlikeness(features: np.ndarray, reference: np.ndarray, neighbour: int = NEIGHBOUR) -> np.ndarray:
    """Distance to the k-th nearest training image, as an encoder sees them, each at length 1.

    Source: Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors".

    Args:
        features: float (n, d), of the pictures.
        reference: float (m, d), of the training images.
        neighbour: k; the last where there are fewer.

    Returns:
        float64 (n,), 0 (the same direction) to 2 (the opposite one). Features that are all 0, or not all
        numbers, are as unlike as can be.

    Example:
        >>> unlikeness(np.eye(2), np.eye(2), neighbour=1)
        array([0., 0.])
    """
    distances = np.sqrt(np.maximum(2 - 2 * _unit(features) @ _unit(reference).T, 0))
    place = min(neighbour, len(reference)) - 1
    found = np.partition(distances, place, axis=1)[:, place]
    usable = np.isfinite(features).all(axis=1) & features.any(axis=1)
    return np.where(usable, found, 2.0)


def limit_of(scores: np.ndarray, share: float) -> float:
    """The least score that this share of the validation images does not exceed.

    Example:
        >>> limit_of(np.arange(100.0), 0.99)
        98.0
    """
    return float(np.quantile(scores, share, method="inverted_cdf"))


def _unit(features: np.ndarray) -> np.ndarray:
    features = np.nan_to_num(np.asarray(features, float), posinf=0, neginf=0)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)
