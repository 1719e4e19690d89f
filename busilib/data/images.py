"""Read BUSI's images and masks, bring them to one size, and keep the result in a cache."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
from PIL import Image, UnidentifiedImageError

from busilib.data import duplicates
from busilib.data.catalog import Entry, scan
from busilib.data.dataset import CLASSES, DataError, Dataset

LOADER_VERSION = 1
"""Part of every cache key: raise it when decoding or resizing changes."""


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
        >>> to_gray(Image.open("benign (1).png")).dtype
        dtype('uint8')
    """
    if picture.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        raise DataError(f"pixel format {picture.mode} is not supported; expected 8-bit gray, RGB or RGBA")
    if picture.mode in {"LA", "PA", "RGBA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    if picture.mode not in {"1", "L"}:
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"))


def has_colour(picture: Image.Image) -> bool:
    """Whether a picture has coloured marks: any pixel whose channels differ by more than 8 levels."""
    if picture.mode not in {"P", "RGB", "RGBA"}:
        return False
    rgb = np.asarray(picture.convert("RGB"), np.int16)
    return bool((rgb.max(axis=2) - rgb.min(axis=2) > 8).any())


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


@dataclass(frozen=True)
class Decoded:
    """One image at its original size. `image` uint8 (h, w), `mask` bool (h, w), `overlay` coloured marks."""

    image: np.ndarray
    mask: np.ndarray
    overlay: bool


def _open(path: Path) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(path.read_bytes()))
        picture.load()
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise DataError(
            f"{path.parent.name}/{path.name}: cannot be decoded as PNG ({error}). "
            "The file is damaged or no PNG; download it again."
        ) from error
    return picture


def decode(entry: Entry) -> Decoded:
    """Read one image and merge its masks at the original size.

    Args:
        entry: as `busilib.data.catalog.scan` returns it.

    Returns:
        The decoded image; a mask pixel counts when it is 128 or brighter in any of the masks.

    Raises:
        DataError: naming the file, if it is damaged, or if a mask has another size than its image.

    Example:
        >>> decode(entries[0]).image.shape
        (471, 562)
    """
    picture = _open(entry.image)
    name = f"{CLASSES[entry.label]}/{entry.image.name}"
    try:
        image = to_gray(picture)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    mask = np.zeros(image.shape, bool)
    for path in entry.masks:
        part = to_gray(_open(path)) >= 128
        if part.shape != image.shape:
            raise DataError(
                f"{CLASSES[entry.label]}/{path.name}: mask is {part.shape[1]}×{part.shape[0]} pixels, its image "
                f"{entry.image.name} is {image.shape[1]}×{image.shape[0]}. They must be of one size."
            )
        mask |= part
    return Decoded(image, mask, has_colour(picture))


def load_busi(folder: str | Path, size: int = 128, cache: bool = True, name: str = "BUSI") -> Dataset:
    """Load a BUSI folder at one working size, strictly: any fault is an error.

    Args:
        folder: BUSI's folder (or its parent) with `benign`, `malignant` and `normal`.
        size: height and width in pixels to which images and masks are brought.
        cache: keep the decoded arrays in the user's cache, keyed by file contents and settings.
        name: what the set is called in records.

    Returns:
        The dataset, ordered by class and number.

    Raises:
        DataError: listing every fault by file name.

    Example:
        >>> data = load_busi("Dataset_BUSI_with_GT", size=128)
        >>> len(data)
        780
    """
    entries, faults = scan(folder)
    if faults:
        listed = "\n  ".join(faults[:20]) + (f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else "")
        raise DataError(f"{folder}: {len(faults)} fault(s), nothing loaded:\n  {listed}")
    with ThreadPoolExecutor() as pool:
        digest = hashlib.sha256(f"{LOADER_VERSION} {size} {duplicates.THRESHOLD}".encode())
        for part in pool.map(_digest, entries):
            digest.update(part)
        fingerprint = digest.hexdigest()
        stored = cache_folder() / "datasets" / f"{fingerprint[:32]}.npz"
        if cache and stored.is_file():
            dataset = _read_cache(stored, name, fingerprint)
            if dataset is not None:
                return dataset
        parts = list(pool.map(lambda entry: _prepare(entry, size), entries))
    dataset = _assemble(entries, parts, name, fingerprint)
    if cache:
        _write_cache(stored, dataset)
    return dataset


def _digest(entry: Entry) -> bytes:
    """Digest of the file contents of one entry; the id makes it depend on names, not on folders."""
    digest = hashlib.sha256(entry.id.encode())
    for path in (entry.image, *entry.masks):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _prepare(entry: Entry, size: int) -> tuple:
    whole = decode(entry)
    return (
        resize_gray(whole.image, size),
        resize_mask(whole.mask, size),
        duplicates.thumbnail(whole.image),
        (*whole.image.shape, whole.overlay),
    )


def _assemble(entries: list[Entry], parts: list[tuple], name: str, fingerprint: str) -> Dataset:
    images, masks, thumbnails, facts = (list(column) for column in zip(*parts, strict=True))
    labels = np.array([entry.label for entry in entries], np.int64)
    groups = duplicates.group_pairs(duplicates.pairs_above(np.stack(thumbnails)), len(entries))
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
            "label_conflict": duplicates.label_conflicts(groups, labels),
        }
    )
    return Dataset(np.stack(images), np.stack(masks), labels, table, name, fingerprint)


def _write_cache(path: Path, dataset: Dataset) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    columns = {f"table_{name}": np.array(dataset.table[name].tolist()) for name in dataset.table}
    np.savez(part, images=dataset.images, masks=dataset.masks, labels=dataset.labels, **columns)
    part.replace(path)


def _read_cache(path: Path, name: str, fingerprint: str) -> Dataset | None:
    """The cached dataset, or None where the file is damaged: it is then decoded and written anew."""
    try:
        with np.load(path) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    table = pd.DataFrame(
        {key.removeprefix("table_"): value for key, value in arrays.items() if key[:6] == "table_"}
    )
    return Dataset(arrays["images"], arrays["masks"], arrays["labels"], table, name, fingerprint)
