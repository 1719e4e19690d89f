"""Read a picture of one's own: any common format, turned into what the networks were shown."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from busilib.data.folders import listed
from busilib.data.pixels import colour_share, to_gray
from busilib.data.png import read_bytes
from busilib.errors import UserError
from busilib.paths import expanded

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SMALLEST = 32
"""Pixels that a side needs at least."""


class PictureError(UserError, ValueError):
    """A picture cannot be read; the message says which, why, and what would do."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: `path`, `gray` uint8 (h, w), `colour` (share of its pixels that are coloured), and `notes`
    on what was done to it."""

    path: Path
    gray: np.ndarray
    colour: float
    notes: tuple[str, ...] = ()


def find_pictures(given: Sequence[str | Path], out: Path | None = None) -> list[Path]:
    """The picture files that are named, and those of the folders that are, at any depth.

    Args:
        given: files and folders.
        out: where results go; what lies in there is no picture of anybody.

    Raises:
        PictureError: for a path that is not there, or a folder without pictures.

    Example (not run):
        >>> find_pictures(["Dataset_BUSI_with_GT/benign", "mine.jpg"])
    """
    found = []
    for path in map(expanded, given):
        if path.is_dir():
            inside = _inside(path, None if out is None else out.resolve())
            if not inside:
                raise PictureError(f"{path}: no picture in it. Expected {', '.join(ENDINGS)}.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise PictureError(f"{path}: does not exist. Name a picture or a folder of pictures.")
    return list(dict.fromkeys(found))


def _inside(folder: Path, out: Path | None) -> list[Path]:
    if folder.resolve() == out:
        return []
    found = []
    for path in listed(folder):
        if path.is_dir():
            found += _inside(path, out)
        elif path.suffix.lower() in ENDINGS:
            found.append(path)
    return found


def read_picture(path: Path) -> Picture:
    """Read one picture.

    Of several pages the first is read. Pixels of 16 bits are scaled from their own darkest and brightest to 8
    bits, which a note says. Pictures that a camera turned are turned back.

    Raises:
        PictureError: naming the file, if it is no PNG, JPEG, TIFF or BMP picture, damaged, or too small.

    Example (not run):
        >>> read_picture(Path("mine.jpg")).gray.shape
        (471, 562)
    """
    content = read_bytes(path)
    if content[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom"):
        raise PictureError(
            f"{path}: a DICOM file, which is not read here. Convert it to PNG or JPEG, and see that no name "
            "of a patient is in the picture."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as opened:
                opened.load()
                picture, pages = opened.copy(), getattr(opened, "n_frames", 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise PictureError(
            f"{path}: cannot be read as a picture ({error}). Expected a whole {', '.join(FORMATS)} file."
        ) from error
    notes = [f"the first of {pages} pages"] if pages > 1 else []
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _scaled(picture)
        notes.append("gray levels of more than 8 bits, scaled from darkest to brightest")
    if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")
    if min(picture.size) < SMALLEST:
        raise PictureError(f"{path}: {picture.width}×{picture.height} pixels. Expected {SMALLEST} at least.")
    return Picture(path, to_gray(picture), colour_share(picture), tuple(notes))


def _scaled(picture: Image.Image) -> Image.Image:
    levels = np.asarray(picture, np.float64)
    low, high = np.nanmin(levels), np.nanmax(levels)
    scaled = (levels - low) / (high - low if high > low else 1) * 255
    return Image.fromarray(np.rint(np.nan_to_num(scaled)).astype(np.uint8))
