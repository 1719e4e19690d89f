"""One image and its masks, at their original size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from busilib.data.busi.catalog import Entry
from busilib.data.dataset import CLASSES, DataError
from busilib.data.masks import Marked, read_levels
from busilib.data.pixels import has_colour, to_gray
from busilib.data.png import open_png

MaskReader = Callable[[Path, int], np.ndarray]
"""From a mask file and its image's label to bool (h, w)."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image at its original size. `image` uint8 (h, w), `mask` bool (h, w), `overlay` coloured marks."""

    image: np.ndarray
    mask: np.ndarray
    overlay: bool


def _open_gray(path: Path) -> tuple[Image.Image, np.ndarray]:
    picture = open_png(path)
    try:
        return picture, to_gray(picture)
    except DataError as error:
        raise DataError(f"{path.parent.name}/{path.name}: {error}") from error


def open_mask(path: Path, again: str = "download it again") -> Marked:
    """Where a mask file marks a lesion, as `busilib.data.masks.read_levels` decides.

    Raises:
        DataError: naming the file, if it is damaged (see `open_png`) or its levels could mean several things.

    Example:
        >>> open_mask(Path("Dataset_BUSI_with_GT/benign/benign (1)_mask.png")).lesion.shape
        (318, 392)
    """
    picture = open_png(path, again)
    try:
        return read_levels(picture)
    except DataError as error:
        raise DataError(f"{path.parent.name}/{path.name}: a mask with {error}") from error


def lesion(path: Path, label: int) -> np.ndarray:
    """Where a mask marks a lesion, whatever its class: how BUSI and most other sets do it."""
    return open_mask(path).lesion


def decode(entry: Entry, read_mask: MaskReader = lesion) -> Decoded:
    """Read one image and merge its masks at the original size.

    Args:
        entry: as `busilib.data.busi.catalog.scan` returns it.
        read_mask: how lesions are marked in the masks.

    Returns:
        The decoded image; a pixel is marked if it is in any of the masks.

    Raises:
        DataError: naming the file, if it is damaged, or if a mask has another size than its image.

    Example:
        >>> decode(entries[0]).image.shape
        (318, 392)
    """
    picture, image = _open_gray(entry.image)
    mask = np.zeros(image.shape, bool)
    for path in entry.masks:
        part = read_mask(path, entry.label)
        if part.shape != image.shape:
            raise DataError(
                f"{path.parent.name}/{path.name}: mask is {part.shape[1]}×{part.shape[0]} pixels, "
                f"its image {entry.image.name} is {image.shape[1]}×{image.shape[0]}. "
                "They must be of one size; use the mask that was drawn on this image."
            )
        mask |= part
    return Decoded(image, mask, has_colour(picture))


def mask_fault(entry: Entry, mask: np.ndarray) -> str | None:
    """What is wrong with a merged mask: empty where the class has a lesion, or not where it has none.

    Of an image without a mask file nothing is known, so nothing is wrong.

    Example:
        >>> mask_fault(entries[0], np.zeros((471, 562), bool))
        'benign/benign (1)_mask.png: empty mask. A benign image shows a lesion; mark it, or move the image.'
    """
    if not entry.masks:
        return None
    name, where = CLASSES[entry.label], f"{entry.masks[0].parent.name}/{entry.masks[0].name}"
    if name == "normal" and mask.any():
        return (
            f"{where}: {mask.sum()} pixels are marked. A normal image has none; empty it, or move the image."
        )
    if name != "normal" and not mask.any():
        return f"{where}: empty mask. A {name} image shows a lesion; mark it, or move the image."
    return None
