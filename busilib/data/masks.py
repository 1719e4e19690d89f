"""What the levels of a mask mean: the one place that decides it, for every mask that is read.

Zero (black, or transparent) is no lesion. What else a file holds is read where it can mean one thing only,
and refused with the levels that were found where it cannot:

- one level besides zero, whatever it is: 1, 255, 65535, a dark red, a colour of a palette;
- gray levels that pile up at black and at white, as JPEG or resizing leaves them: cut at half of white;
- no zero at all (`mask + 1`, most colour maps), several labels or colours, probabilities: refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from busilib.data.dataset import DataError

EXPECTED = "Expected 0 (black) outside the lesion and one other level inside"
SHOWN = 6
"""Levels that a message names."""


@dataclass(frozen=True, eq=False)
class Marked:
    """Where a mask marks a lesion: `lesion` bool (h, w), and whether it had to be `cut` from gray levels."""

    lesion: np.ndarray
    cut: bool = False


def read_levels(picture: Image.Image) -> Marked:
    """Decide what the levels of a mask mean.

    Args:
        picture: of any mode that a PNG file may have. Pixels that are less than half opaque count as black,
            or where nothing is more opaque than that, those that are wholly transparent.

    Returns:
        The lesion, and whether gray levels were cut at half.

    Raises:
        DataError: if the levels could mean more than one thing; it names them, but no file.

    Example:
        >>> read_levels(Image.fromarray(np.array([[0, 1]], np.uint8))).lesion
        array([[False,  True]])
    """
    if picture.mode == "1":
        return Marked(np.asarray(picture))
    if picture.info.get("bits", 8) == 16 and not picture.mode.startswith("I"):
        raise DataError(
            "16 bits in each channel of a colour picture, of which half would be lost. "
            f"{EXPECTED}; save it as 8-bit gray."
        )
    if picture.mode.startswith("I"):
        return mark(np.asarray(picture), 65535)
    return _colours(picture)


def mark(levels: np.ndarray, white: int = 255) -> Marked:
    """Decide what one channel of gray levels means.

    Args:
        levels: whole numbers (h, w), 0 to `white`.
        white: the brightest level that the format can hold.

    Raises:
        DataError: if they could mean more than one thing.

    Example:
        >>> mark(np.array([[0, 0], [84, 84]])).lesion.sum()
        2
    """
    histogram = np.bincount(levels.ravel())
    found = np.flatnonzero(histogram)
    counts = histogram[found]
    if len(found) <= 2 and (found[0] == 0 or found.tolist() == [white]):
        return Marked(levels != 0)
    if len(found) > 2 and _two_heaps(found, counts, white):
        return Marked(levels > white / 2, cut=True)
    raise DataError(_why_not(found, counts))


def _two_heaps(found: np.ndarray, counts: np.ndarray, white: int) -> bool:
    """Whether the levels pile up at black and at white, with less between than there is white.

    Three or four levels are labels, unless all but two are a stray pixel here and there.
    """
    commonest = found[np.argsort(counts)[-2:]]
    if not (commonest.min() <= white / 4 and commonest.max() >= white * 3 / 4):
        return False
    bright = counts[found >= white * 3 / 4].sum()
    if len(found) <= 4:
        return counts.sum() - np.sort(counts)[-2:].sum() <= bright / 50
    return counts[(found > white / 4) & (found < white * 3 / 4)].sum() <= bright


def _why_not(found: np.ndarray, counts: np.ndarray) -> str:
    several = "level" if len(found) == 1 else "levels"
    if found[0] > 0 and len(found) <= 2:
        return (
            f"{several} {_named(found)} and no 0, so what is lesion and what is not cannot be told. "
            f"{EXPECTED}; a colour map or `mask + 1` may have changed them."
        )
    if len(found) <= SHOWN:
        pixels = ", ".join(str(n) for n in counts)
        return (
            f"{several} {_named(found)} ({pixels} pixels): more than one label. "
            f"{EXPECTED}; say which label is the lesion by setting it to 255 and all else to 0."
        )
    return (
        f"{len(found)} levels from {found[0]} to {found[-1]}, which do not pile up at black and white. "
        f"{EXPECTED}; cut probabilities at a threshold, and use the mask, not a picture."
    )


def _named(found: np.ndarray) -> str:
    return " and ".join(filter(None, [", ".join(map(str, found[:-1])), str(found[-1])]))


def _colours(picture: Image.Image) -> Marked:
    """What a mask in colour, with a palette or with transparency means."""
    rgba = np.asarray(picture.convert("RGBA"))
    alpha, rgb = rgba[..., 3], rgba[..., :3].copy()
    seen = alpha >= 128 if (alpha >= 128).any() else alpha > 0
    if seen.any() and not seen.all() and not rgb[seen].any():
        raise DataError(
            "black on a transparent background, so either may be the lesion. "
            f"{EXPECTED}; make the lesion white."
        )
    rgb[~seen] = 0
    if picture.mode == "P" and (rgb == rgb[0, 0]).all() and len(places := np.unique(np.asarray(picture))) > 1:
        raise DataError(
            f"levels {_named(places)} that its palette shows in one colour. {EXPECTED}; save them as gray."
        )
    if (rgb == rgb[..., :1]).all():
        return mark(rgb[..., 0])
    packed = rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    found = np.unique(packed)
    if len(found) <= SHOWN:
        if found[0] == 0 and len(found) == 2:
            return Marked(packed != 0)
        names = ", ".join(f"rgb({c >> 16}, {c >> 8 & 255}, {c & 255})" for c in found.tolist())
        why = "no black among them" if found[0] else "more than one label"
        raise DataError(
            f"the {'colour' if len(found) == 1 else 'colours'} {names}: {why}, so what is lesion and what is "
            f"not cannot be told. {EXPECTED}; save the mask as gray, not through a colour map."
        )
    try:
        return mark(rgb.max(axis=2))
    except DataError as error:
        raise DataError(f"by the brightest channel of its {len(found)} colours, {error}") from error
