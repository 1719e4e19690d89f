"""A stand-in for another scanner, for phantoms: the same pictures with other settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from busilib.data.dataset import Dataset

GAIN, CONTRAST, COARSENESS = (0.75, 0.95), (0.55, 0.75), (1.6, 2.2)
"""Ranges from which each image draws: brightness, spread of the gray levels, and how much finer the original
pixels were."""


def shifted(data: Dataset, seed: int = 0) -> Dataset:
    """The same dataset as a coarser, flatter, darker scanner might show it; masks and labels stay.

    No real scanner is modelled: this makes a visible shift where there is no outside set.

    Args:
        data: the dataset.
        seed: of the settings that each image draws.

    Returns:
        A dataset named "shifted …".

    Example:
        >>> shifted(phantoms).name
        'shifted phantoms'
    """
    rng = np.random.default_rng(seed)
    settings = zip(*(rng.uniform(*span, len(data)) for span in (GAIN, CONTRAST, COARSENESS)), strict=True)
    images = [_shift(image, *values) for image, values in zip(data.images, settings, strict=True)]
    return replace(data, images=np.stack(images), name=f"shifted {data.name}")


def _shift(image: np.ndarray, gain: float, contrast: float, coarseness: float) -> np.ndarray:
    height, width = image.shape
    coarse = Image.fromarray(image).resize(
        (round(width / coarseness), round(height / coarseness)), Image.Resampling.BILINEAR
    )
    levels = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR), float)
    middle = levels.mean()
    return np.clip(np.rint(gain * (middle + contrast * (levels - middle))), 0, 255).astype(np.uint8)
