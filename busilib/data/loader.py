"""Images and masks of known files become a dataset at one size, or come from the cache."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data import duplicates
from busilib.data.busi.catalog import Entry, refuse, scan
from busilib.data.cache import cache_folder, read_cache, write_cache
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.images import MaskReader, decode, lesion, mask_fault
from busilib.data.pixels import resize_gray, resize_mask
from busilib.data.png import read_bytes

LOADER_VERSION = 2
"""Part of every cache key: raise it when decoding or resizing changes."""


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
            dataset = read_cache(stored, name)
            if dataset is not None:
                return dataset
        parts = list(pool.map(partial(_prepare, size=size, read_mask=read_mask), entries))
    refuse(folder, [part for part in parts if isinstance(part, str)], is_busi=cases is None)
    whole = [part for part in parts if not isinstance(part, str)]  # all of them, by now
    dataset = _assemble(entries, whole, name, cases)
    try:
        write_cache(stored, dataset)
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
