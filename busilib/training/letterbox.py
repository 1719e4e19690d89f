"""Give square pictures their own proportions back, between black bars, and take the bars away again."""

from __future__ import annotations

import numpy as np
from PIL import Image


def box(size: int, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns that a picture takes in a square, in the middle.

    Args:
        size: of the square.
        width, height: of the picture, in any unit.

    Example:
        >>> box(100, width=400, height=200)
        (slice(25, 75, None), slice(0, 100, None))
    """
    sides = (max(round(size * side / max(width, height)), 1) for side in (height, width))
    rows, columns = (slice((size - side) // 2, (size - side) // 2 + side) for side in sides)
    return rows, columns


def letterbox(pictures: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Pictures that were stretched to a square, in their own proportions, with black bars.

    They are resampled a second time, the longer side keeps its pixels, the shorter one loses some. So every
    dataset stays square, and records count the same pixels whatever shape a network was shown.

    Args:
        pictures: uint8 (n, size, size), or bool for masks, where a pixel is kept if half of it is covered.
        sides: int (n, 2), original width and height.

    Returns:
        As `pictures`.

    Example:
        >>> letterbox(np.ones((1, 8, 8), bool), np.array([[400, 200]]))[0].sum()
        32
    """
    levels = pictures.astype(np.uint8) * 255 if pictures.dtype == bool else pictures
    boxed = np.zeros_like(levels)
    for picture, target, (width, height) in zip(levels, boxed, sides.tolist(), strict=True):
        rows, columns = box(len(picture), width, height)
        target[rows, columns] = _resized(picture, columns.stop - columns.start, rows.stop - rows.start)
    return boxed >= 128 if pictures.dtype == bool else boxed


def unbox(maps: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Maps of letterboxed pictures without their bars, stretched to the square again.

    What a network finds in the bars is dropped, and nothing in them is ever counted.

    Args:
        maps: float32 (n, size, size).
        sides: int (n, 2), original width and height.

    Returns:
        float32 (n, size, size).

    Example:
        >>> unbox(np.ones((1, 8, 8), np.float32), np.array([[400, 200]])).min()
        1.0
    """
    stretched = np.empty_like(maps, np.float32)
    for found, target, (width, height) in zip(maps, stretched, sides.tolist(), strict=True):
        target[:] = _resized(found[box(len(found), width, height)], len(found), len(found))
    return stretched


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), Image.Resampling.BILINEAR)
    )
