"""Read BUSI's images and masks, bring them to one size, and keep the result in a cache."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
from PIL import Image, UnidentifiedImageError

from busilib.data import duplicates
from busilib.data.busi.catalog import Entry, refuse, scan
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.masks import Marked, read_levels

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
LOADER_VERSION = 2
"""Part of every cache key: raise it when decoding or resizing changes."""

COLOUR, MARK_PIXELS, LIT = 8, 50, 16
"""A pixel is coloured where its channels differ by more levels than that, once the scanner's tint is taken
away; fewer such pixels are no mark: compression leaves specks of up to 23 pixels in BrEaST, and the smallest
mark of BUSI has 106. The tint is measured where a picture is at least that bright."""


def cache_folder() -> Path:
    """Where decoded datasets and phantoms are kept (the platform's user cache, or BUSI_CACHE_DIR)."""
    return Path(os.environ.get("BUSI_CACHE_DIR") or platformdirs.user_cache_dir("busilib", appauthor=False))


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


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image at its original size. `image` uint8 (h, w), `mask` bool (h, w), `overlay` coloured marks."""

    image: np.ndarray
    mask: np.ndarray
    overlay: bool


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
    if not content.startswith(PNG_START):
        found = f"{_kind(content)}, in spite of its name" if content else "an empty file (0 bytes)"
        raise DataError(f"{where}: {found}. Expected a PNG image; {again}.")
    try:
        Image.open(io.BytesIO(content), formats=["PNG"]).verify()  # the checksums, which decoding passes over
        picture = Image.open(io.BytesIO(content), formats=["PNG"])
        picture.load()
        if PNG_END not in content:
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


def _open_gray(path: Path) -> tuple[Image.Image, np.ndarray]:
    picture = open_png(path)
    try:
        return picture, to_gray(picture)
    except DataError as error:
        raise DataError(f"{path.parent.name}/{path.name}: {error}") from error


MaskReader = Callable[[Path, int], np.ndarray]
"""From a mask file and its image's label to bool (h, w)."""


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


def load_busi(folder: str | Path, size: int = 128, name: str = "BUSI") -> Dataset:
    """Load a BUSI folder at one working size, strictly: any fault is an error.

    Args:
        folder: BUSI's folder (or its parent) with `benign`, `malignant` and `normal`.
        size: height and width in pixels to which images and masks are brought.
        name: what the set is called in records.

    Returns:
        The dataset, ordered by class and number.

    Raises:
        DataError: listing every fault by file name.

    Example (not run):
        >>> data = load_busi("Dataset_BUSI_with_GT", size=128)
        >>> len(data)
        780
    """
    entries, faults = scan(folder)
    refuse(folder, faults)
    return load_entries(folder, entries, size, name)


def load_entries(
    folder: str | Path,
    entries: Sequence[Entry],
    size: int,
    name: str,
    cases: Sequence[str] | None = None,
    read_mask: MaskReader = lesion,
) -> Dataset:
    """Decode and resize images whose files are known, or take them from the cache.

    Args:
        folder: named in errors.
        entries: at least one.
        size, name: see `load_busi`.
        cases: whose image each is: images of one case get one group; None groups near-duplicates.
        read_mask: see `decode`.

    Raises:
        DataError: listing every fault by file name.
    """
    with ThreadPoolExecutor() as pool:
        settings = (LOADER_VERSION, size, duplicates.THRESHOLD, read_mask.__qualname__, cases)
        digest = hashlib.sha256(repr(settings).encode())
        for part in pool.map(_digest, entries):
            digest.update(part)
        stored = cache_folder() / "datasets" / f"{digest.hexdigest()[:32]}.npz"
        if stored.is_file():
            dataset = _read_cache(stored, name)
            if dataset is not None:
                return dataset
        parts = list(pool.map(partial(_prepare, size=size, read_mask=read_mask), entries))
    refuse(folder, [part for part in parts if isinstance(part, str)], is_busi=cases is None)
    whole = [part for part in parts if not isinstance(part, str)]  # all of them, by now
    dataset = _assemble(entries, whole, name, cases)
    try:
        _write_cache(stored, dataset)
    except OSError as error:
        warnings.warn(
            f"{stored.parent}: cannot be written ({error.strerror}), so these images are decoded anew "
            "each time. Set BUSI_CACHE_DIR to a folder with room.",
            stacklevel=2,
        )
    return dataset


def _digest(entry: Entry) -> bytes:
    """Digest of the label and file contents of one entry; the id makes it depend on names, not on folders."""
    digest = hashlib.sha256(f"{entry.id} {entry.label}".encode())
    for path in (entry.image, *entry.masks):
        digest.update(hashlib.sha256(read_bytes(path)).digest())
    return digest.digest()


def _prepare(entry: Entry, size: int, read_mask: MaskReader) -> tuple | str:
    """What `_assemble` needs of one image, or the fault that it has."""
    try:
        whole = decode(entry, read_mask)
    except DataError as error:
        return str(error)
    return mask_fault(entry, whole.mask) or (
        resize_gray(whole.image, size),
        resize_mask(whole.mask, size),
        duplicates.thumbnail(whole.image),
        (*whole.image.shape, whole.overlay),
    )


def _assemble(
    entries: Sequence[Entry], parts: list[tuple], name: str, cases: Sequence[str] | None
) -> Dataset:
    images, masks, thumbnails, facts = (list(column) for column in zip(*parts, strict=True))
    labels = np.array([entry.label for entry in entries], np.int64)
    alike = duplicates.group_pairs(duplicates.pairs_above(np.stack(thumbnails)), len(entries))
    groups = alike if cases is None else pd.factorize(np.asarray(cases))[0].astype(np.int64)
    heights, widths, overlays = zip(*facts, strict=True)
    table = pd.DataFrame(
        {
            "id": [entry.id for entry in entries],
            "class": [CLASSES[label] for label in labels],
            "group": groups,
            "width": np.array(widths, np.int64),
            "height": np.array(heights, np.int64),
            "n_masks": np.array([len(entry.masks) for entry in entries], np.int64),
            "overlay": np.array(overlays, bool),
            "label_conflict": duplicates.label_conflicts(alike, labels),
        }
    )
    return Dataset(np.stack(images), np.stack(masks), labels, table, name)


def _write_cache(path: Path, dataset: Dataset) -> None:
    columns = {f"table_{name}": np.array(dataset.table[name].tolist()) for name in dataset.table}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two programs may load the same data at once: each writes a file of its own, then moves it into place.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="part-") as part:
        written = Path(part) / path.name
        arrays = {"images": dataset.images, "masks": dataset.masks, "labels": dataset.labels, **columns}
        np.savez(written, **arrays)  # type: ignore[arg-type]  # one of its names could be `allow_pickle`
        written.replace(path)


def _read_cache(path: Path, name: str) -> Dataset | None:
    """The cached dataset, or None where the file is damaged: it is then decoded and written anew."""
    try:
        with np.load(path) as stored:
            columns = {key[6:]: stored[key] for key in stored.files if key[:6] == "table_"}
            arrays = stored["images"], stored["masks"], stored["labels"]
        return Dataset(*arrays, pd.DataFrame(columns), name)
    except Exception:  # a damaged zip or array fails in a dozen ways, and each is mended the same way
        return None
