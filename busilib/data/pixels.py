"""Pixels of one picture: gray levels, coloured marks, and another size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from busilib.data.dataset import DataError

COLOUR, MARK_PIXELS, LIT = 8, 50, 16
"""A pixel is coloured where its channels differ by more levels than that, once the scanner's tint is taken
away; fewer such pixels are no mark: compression leaves specks of up to 23 pixels in BrEaST, and the smallest
mark of BUSI has 106. The tint is measured where a picture is at least that bright."""


def to_gray(picture: Image.Image) -> np.ndarray:
    """Gray levels of a picture: transparency is laid over black, colours become luma (ITU-R 601-2).

    An RGB file with equal channels gives the same values as its gray twin.

    Args:
        picture: 1-bit, gray, palette, RGB or RGBA.

    Returns:
        uint8 (h, w), 0–255.

    Raises:
        DataError: for other modes, such as 16-bit gray.

    Example:
        >>> to_gray(Image.open("Dataset_BUSI_with_GT/benign/benign (1).png")).dtype
        dtype('uint8')
    """
    if picture.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        raise DataError(
            f"pixel format {picture.mode} is not supported. Expected 8-bit gray, RGB or RGBA; convert it."
        )
    picture = _opaque(picture)
    if picture.mode not in {"1", "L"}:
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"))


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture with what is transparent laid over black."""
    if picture.mode not in {"LA", "PA", "RGBA"} and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)


def has_colour(picture: Image.Image) -> bool:
    """Whether a picture has coloured marks: at least 50 pixels of a colour that is not its own tint.

    Args:
        picture: as `colour_share` takes it.

    Example (not run):
        >>> has_colour(Image.open("benign (6).png"))
        True
    """
    return _coloured(picture) >= MARK_PIXELS


def colour_share(picture: Image.Image) -> float:
    """Share of the pixels whose colour is not the picture's own tint, 0 to 1.

    Some scanners tint the whole picture. Its tint is the median, over all pixels that are not dark, of what
    colour adds to a pixel of that brightness. Any mixture between gray and the tint at full brightness is no
    mark, so neither is white text on a tinted picture. On a gray picture the tint is nothing, and a coloured
    pixel is one whose channels differ by more than 8 levels.

    Args:
        picture: of any mode; those without colour have no coloured pixels. Transparent pixels count as black.

    Example:
        >>> colour_share(Image.open("Dataset_BUSI_with_GT/benign/benign (2).png")) > 0
        True
    """
    return _coloured(picture) / (picture.width * picture.height)


def _coloured(picture: Image.Image) -> int:
    if picture.mode not in {"P", "PA", "RGB", "RGBA"}:
        return 0
    rgb = np.asarray(_opaque(picture).convert("RGB"), np.int16)
    coloured = rgb[rgb.max(axis=2) - rgb.min(axis=2) > COLOUR]
    if not len(coloured):
        return 0
    lit = rgb[rgb.sum(axis=2) >= 3 * LIT]
    tint = np.median(lit / lit.mean(axis=1, keepdims=True), axis=0) if len(lit) else np.ones(3)
    tint -= tint.mean()
    along = np.clip(coloured @ tint / max(tint @ tint, np.finfo(float).tiny), 0, 255)
    return int(np.count_nonzero(np.ptp(coloured - along[:, None] * tint, axis=1) > COLOUR))


def resize_gray(image: np.ndarray, size: int) -> np.ndarray:
    """Square image of `size` pixels by antialiased bilinear resampling; the aspect ratio is not kept.

    Example:
        >>> resize_gray(np.zeros((300, 500), np.uint8), 128).shape
        (128, 128)
    """
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Square mask of `size` pixels: resampled like the image, then True where at least half is covered.

    Example:
        >>> resize_mask(np.ones((300, 500), bool), 128).all()
        True
    """
    return resize_gray(mask.astype(np.uint8) * 255, size) >= 128
