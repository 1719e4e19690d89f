"""What a picture looks like before any network sees it: layout, gray levels and texture in 66 numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image

PARTS, LEVELS = 6, 16
"""Fields along a side of the layout, and bins of the gray levels."""

BANDS = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2)
"""Bounds of the bands of the spectrum, in cycles per pixel."""


def look(images: np.ndarray) -> np.ndarray:
    """Describe pictures so that ultrasound images lie close together and others elsewhere.

    Args:
        images: uint8 (n, size, size).

    Returns:
        float32 (n, 66): the mean gray of 6 × 6 fields (0 to 1), the square roots of a histogram of 16 gray
        levels, and the logarithms of the power in seven bands of the spectrum, across and along: ultrasound
        blurs sideways more than in depth, and its speckle is neither a photograph's detail nor noise.

    Example (not run):
        >>> look(busi.images).shape
        (780, 66)
    """
    return np.stack([_describe(image) for image in images]).astype(np.float32)


def _describe(image: np.ndarray) -> np.ndarray:
    fields = np.asarray(Image.fromarray(image).resize((PARTS, PARTS), Image.Resampling.BOX), float) / 255
    levels = np.bincount((image // (256 // LEVELS)).ravel(), minlength=LEVELS) / image.size
    return np.concatenate([fields.ravel(), np.sqrt(levels), _spectrum(image / 255)])


def _spectrum(image: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    along, across = np.meshgrid(*(np.fft.fftfreq(side) for side in image.shape), indexing="ij")
    frequency, sideways = np.hypot(along, across), np.abs(across) > np.abs(along)
    bands = [
        power[(frequency > low) & (frequency <= high) & (sideways == way)].mean()
        for low, high in pairwise(BANDS)
        for way in (False, True)
    ]
    return np.log(np.array(bands) + 1e-6)
