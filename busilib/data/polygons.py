"""Masks as polygons: small enough to keep with a record, exact enough to draw the shape again.

Corners are fractions of width and height, from the left and from the top, so that an outline stays the same
when its picture is resized. An outline is a list of rings: one for each piece, and one for each hole in a
piece. A point inside an odd number of rings is inside the outline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.draw import polygon2mask
from skimage.measure import approximate_polygon, find_contours

TOLERANCES = (1.0, 0.5, 0.25, 0.0)
"""In pixels, how far a ring may leave out corners: the first with which the shape is kept."""

KEPT = 0.98
"""Intersection over union with the mask, from which on the shape is kept."""

DIGITS = 4
"""Decimals of a corner: a tenth of a pixel at 1000 pixels."""

Rings = list[list[list[float]]]
"""Of an outline: rings of corners [x, y]."""


def rings_of(mask: np.ndarray) -> Rings:
    """The outline of a mask, with as few corners as keep its shape.

    Contours run midway between marked and unmarked pixels (marching squares) and are thinned by the
    Douglas–Peucker algorithm.

    Args:
        mask: bool (h, w) at any size; may be empty.

    Returns:
        Rings of corners [x, y] in fractions of width and height, 0 to 1; `filled` draws them with an
        intersection over union of at least 0.98 with the mask. No rings for an empty mask.

    Example:
        >>> mask = np.zeros((10, 20), bool)
        >>> mask[2:8, 5:15] = True
        >>> filled(rings_of(mask), mask.shape).sum() == mask.sum()
        True
    """
    height, width = mask.shape
    framed = np.pad(mask, 1).astype(float)
    contours = [contour - 0.5 for contour in find_contours(framed, 0.5)]  # from the corner of the mask
    rings: Rings = []
    for tolerance in TOLERANCES:
        thinned = (approximate_polygon(contour, tolerance) for contour in contours)
        rings = [
            np.clip(ring[:-1, ::-1] / (width, height), 0, 1).round(DIGITS).tolist()
            for ring in thinned
            if len(ring) > 3
        ]
        found = filled(rings, mask.shape)
        if (found & mask).sum() >= KEPT * (found | mask).sum():
            break
    return rings


def filled(rings: Sequence[Sequence[Sequence[float]]], shape: tuple[int, int]) -> np.ndarray:
    """The mask that an outline encloses, at any size.

    Args:
        rings: as `rings_of` returns them.
        shape: height and width in pixels.

    Returns:
        bool (h, w): pixels whose centre lies inside an odd number of rings.

    Example:
        >>> filled([[[0.25, 0.0], [0.75, 0.0], [0.75, 1.0], [0.25, 1.0]]], (2, 4)).astype(int).tolist()
        [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    mask = np.zeros(shape, bool)
    for ring in rings:
        mask ^= polygon2mask(shape, np.asarray(ring)[:, ::-1] * shape - 0.5)
    return mask
