"""How unlike the images that a network learned from a picture is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import pinvh
from sklearn.covariance import ledoit_wolf

FAINT = 1e-3
"""Of the widest feature's spread: the least by which any is divided, so that one that never moves counts."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where an encoder sees its training images: `centre` and `spread` float (d,), of each feature, and
    `precision` float (d, d), the inverse covariance of the features divided by their spread."""

    centre: np.ndarray
    spread: np.ndarray
    precision: np.ndarray


def cloud_of(features: np.ndarray) -> Cloud:
    """The cloud of some images, with Ledoit and Wolf's shrinkage, as there may be fewer than features.

    Args:
        features: float (m, d), of the training images.

    Example (not run):
        >>> cloud_of(features).precision.shape
        (1024, 1024)
    """
    features = np.asarray(features, float)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.maximum(spread, FAINT * spread.max()) if spread.any() else np.ones_like(spread)
    covariance, _ = ledoit_wolf((features - centre) / spread)
    return Cloud(centre, spread, pinvh(covariance))


def unlikeness(features: np.ndarray, cloud: Cloud) -> np.ndarray:
    """Mahalanobis distance of pictures to a cloud of training images.

    Source: Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks", with one cloud for all classes.

    Args:
        features: float (n, d).
        cloud: of the training images.

    Returns:
        float64 (n,), 0 in the middle; infinity for features that are not all numbers.

    Example (not run):
        >>> unlikeness(cloud.centre[None], cloud)
        array([0.])
    """
    away = (np.nan_to_num(np.asarray(features, float), posinf=0, neginf=0) - cloud.centre) / cloud.spread
    found = np.sqrt(np.maximum(((away @ cloud.precision) * away).sum(axis=1), 0))
    return np.where(np.isfinite(features).all(axis=1), found, np.inf)


def limit_of(scores: np.ndarray, share: float) -> float:
    """The least score that this share of the validation images does not exceed.

    Example:
        >>> limit_of(np.arange(100.0), 0.99)
        98.0
    """
    return float(np.quantile(scores, share, method="inverted_cdf"))
