"""R4's thresholding with morphological operations: lesions found without learning anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage import filters, measure, morphology, segmentation

from busilib.settings import Settings

SMOOTHING = 0.02
"""Standard deviation of the Gaussian, as a fraction of the image size."""

CONTRAST = 0.1
"""How much darker the dark side must be on average, as a fraction of the full range of gray."""

OPENING, CLOSING = 0.02, 0.03
"""Radii of the two morphological operations, as fractions of the image size."""


def r4_threshold(settings: Settings) -> Callable[[np.ndarray], np.ndarray]:
    """R4's thresholding: what is dark, in one piece, and does not touch the border.

    Each image is smoothed and cut at Otsu's threshold; its darker side, if it is clearly darker, is opened,
    closed and filled. Of the pieces inside the image the largest is the lesion. R4 names thresholding and
    morphological operations and no more: order, threshold and radii are ours. The rule cannot tell a lesion
    from a shadow, and drops one that runs into a shadow at the border.

    Args:
        settings: uses nothing; all lengths follow the size of the images.

    Returns:
        A function from uint8 (n, h, w) to float32 (n, h, w): 1 inside the lesion, else 0.

    Example:
        >>> r4_threshold(settings)(data.images).shape == data.images.shape
        True
    """
    return lambda images: np.stack([_lesion(image) for image in images]).astype(np.float32)


def _lesion(image: np.ndarray) -> np.ndarray:
    size = image.shape[0]
    smooth = filters.gaussian(image, sigma=SMOOTHING * size, preserve_range=True)
    dark = smooth < filters.threshold_otsu(smooth)
    if not dark.any() or smooth[~dark].mean() - smooth[dark].mean() < CONTRAST * 255:
        return np.zeros(image.shape, bool)
    # Unlike SciPy's closing, these do not take the border of the image for background.
    dark = morphology.isotropic_opening(dark, OPENING * size)
    dark = morphology.isotropic_closing(dark, CLOSING * size)
    inside = segmentation.clear_border(ndimage.binary_fill_holes(dark))
    pieces = measure.label(inside)
    areas = np.bincount(pieces.ravel())[1:]
    return pieces == areas.argmax() + 1 if len(areas) else inside
