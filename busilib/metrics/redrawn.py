"""Masks drawn anew with less and less of the hand that drew them: smoothed, convex hull, ellipse, box."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.draw import ellipse

from busilib.metrics.outline import largest_component

WIDTHS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Of smoothing, as fractions of the equivalent diameter of the lesion."""


def as_drawn(mask: np.ndarray) -> np.ndarray:
    """The mask itself, with all its components."""
    return mask


def smoothed(mask: np.ndarray, width: float) -> np.ndarray:
    """The largest component, blurred by a Gaussian and cut at one half: teeth narrower than it disappear.

    Beyond the edge of the image the mask goes on as at the edge, so that a lesion cut off there is not
    rounded.

    Args:
        mask: bool (h, w), at least one pixel marked.
        width: standard deviation of the Gaussian as a fraction of the equivalent diameter (that of the disc
            of the same area), above 0.

    Returns:
        bool (h, w). A strip much thinner than the Gaussian leaves nothing.

    Raises:
        ValueError: if nothing is marked.

    Example (not run):
        >>> describe(smoothed(mask, 0.04))["circumference"] < describe(mask)["circumference"]
        True
    """
    region = largest_component(mask)
    alone = _placed(region, "image", mask.shape)
    sigma = width * region.equivalent_diameter_area
    margin = int(np.ceil(4 * sigma)) + 1  # the filter's own reach
    top, left, bottom, right = region.bbox
    near = slice(max(top - margin, 0), bottom + margin), slice(max(left - margin, 0), right + margin)
    alone[near] = gaussian_filter(alone[near].astype(np.float32), sigma, mode="nearest") >= 0.5
    return alone


def hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of the largest component, filled.

    Args:
        mask: bool (h, w), at least one pixel marked.

    Returns:
        bool (h, w).

    Raises:
        ValueError: if nothing is marked.

    Example:
        >>> describe(hull(mask))["solidity"]
        1.0
    """
    return _placed(largest_component(mask), "image_convex", mask.shape)


def equal_ellipse(mask: np.ndarray) -> np.ndarray:
    """The ellipse with the same second moments as the largest component, cut off at the edge of the image.

    Arguments, result and error as in `hull`. No half axis is shorter than half a pixel.
    """
    region = largest_component(mask)
    drawn = np.zeros(mask.shape, bool)
    long, short = (max(axis / 2, 0.5) for axis in (region.axis_major_length, region.axis_minor_length))
    y, x = region.centroid
    drawn[ellipse(y, x, long, short, shape=mask.shape, rotation=region.orientation)] = True
    return drawn


def box(mask: np.ndarray) -> np.ndarray:
    """The upright bounding box of the largest component, filled. Arguments, result and error as in `hull`."""
    drawn = np.zeros(mask.shape, bool)
    drawn[largest_component(mask).slice] = True
    return drawn


RAW, HULL, ELLIPSE, BOX = "raw", "convex hull", "ellipse", "box"

DRAWINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    RAW: as_drawn,
    **{f"smoothed {width}": partial(smoothed, width=width) for width in WIDTHS},
    HULL: hull,
    ELLIPSE: equal_ellipse,
    BOX: box,
}
"""Ways to draw a mask, from what the hand drew to what it had to decide."""


def redrawn(masks: np.ndarray, drawing: str) -> np.ndarray:
    """Many masks drawn anew in one way; the empty ones stay empty.

    Args:
        masks: bool (n, h, w).
        drawing: key of `DRAWINGS`.

    Returns:
        bool (n, h, w).

    Example:
        >>> redrawn(np.eye(3, dtype=bool)[None], BOX).all()
        True
    """
    draw = DRAWINGS[drawing]
    return np.stack([draw(mask) if mask.any() else mask for mask in masks])


def _placed(region, part: str, shape: tuple[int, int]) -> np.ndarray:
    whole = np.zeros(shape, bool)
    whole[region.slice] = region[part]
    return whole
