"""PNG files, whole or refused by name."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from busilib.data.dataset import DataError

START, END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.parent.name}/{path.name}: cannot be read ({error.strerror}). Check its permissions."
        ) from error


def open_png(path: Path, again: str = "download it again") -> Image.Image:
    """A whole PNG file, checksums included; `info["bits"]` is the depth of its channels.

    Args:
        path: of the file.
        again: what helps where it is damaged or none.

    Raises:
        DataError: naming the file, if it is no PNG or damaged.
    """
    where, content = f"{path.parent.name}/{path.name}", read_bytes(path)
    if not content.startswith(START):
        found = f"{_kind(content)}, in spite of its name" if content else "an empty file (0 bytes)"
        raise DataError(f"{where}: {found}. Expected a PNG image; {again}.")
    try:
        Image.open(io.BytesIO(content), formats=["PNG"]).verify()  # the checksums, which decoding passes over
        picture = Image.open(io.BytesIO(content), formats=["PNG"])
        picture.load()
        if END not in content:
            raise OSError("its end is missing")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "its header is damaged" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(f"{where}: corrupt PNG file ({reason}). Expected a whole image; {again}.") from error
    picture.info["bits"] = content[24]
    return picture


def _kind(content: bytes) -> str:
    """What a file that is no PNG is, as far as Pillow knows."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return f"not a PNG file but {picture.format}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "not a PNG file"
