"""Predicted masks that somebody brings, checked and counted against BUSI's own at the original size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data.busi.catalog import Entry, scan
from busilib.data.busi.fingerprint import pixel_hash
from busilib.data.dataset import CLASSES, DataError
from busilib.data.folders import listed
from busilib.data.images import decode, open_mask
from busilib.metrics.segmentation import count_pixels, dice_per_image, iou_per_image, surface_distances
from busilib.submission.read import (
    Submission,
    SubmissionError,
    count,
    id_faults,
    missing_faults,
    refuse,
    some,
    with_truth,
)


def read_masks(
    folder: Path,
    data: str | Path,
    busi: pd.DataFrame,
    expected: Sequence[str],
    partial: bool,
    step: Callable[[int, int], None] = lambda done, all: None,
) -> Submission:
    """Read and check a folder of predicted masks, and count their pixels at the images' original size.

    Args:
        folder: `<id>.png` or `<id>_mask.png`; what their levels mean `busilib.data.masks` decides.
        data: BUSI's folder, for the true masks.
        busi: as `busilib.data.busi.fingerprint.read_table` returns it.
        expected: ids that must be there.
        partial: whether some of them may be missing.
        step: told after each mask how many of how many are done.

    Returns:
        All images of the folder, also those that were not expected.

    Raises:
        SubmissionError: listing every fault.
        DataError: if `data` holds no BUSI, or a true mask is not BUSI's, pixel by pixel.

    Example (not run):
        >>> submission = read_masks(Path("mine"), "Dataset_BUSI_with_GT", busi, busi["id"], partial=False)
        >>> submission.table["dice"].mean()
    """
    files, names = _mask_files(folder)
    ids = pd.Series(names, dtype=str)
    refuse(folder, id_faults(ids, busi) + missing_faults(set(names), expected, partial))
    facts = busi.set_index("id")
    entries = _entries(data, names)
    with ThreadPoolExecutor(max_workers=4) as pool:
        jobs = pool.map(lambda id, file: _mask_row(entries[id], facts.loc[id], file), names, files)
        rows = []
        for row in jobs:
            rows.append(row)
            step(len(rows), len(names))
    refuse(folder, [row for row in rows if isinstance(row, str)])
    whole = [row for row in rows if not isinstance(row, str)]  # all of them, by now
    table = pd.concat([row.figures for row in whole], ignore_index=True).assign(id=names)
    table = table.assign(dice=dice_per_image(table), iou=iou_per_image(table))
    flagged = {
        flag: tuple(id for id, row in zip(names, whole, strict=True) if getattr(row, flag))
        for flag in ("soft", "swapped")
    }
    return Submission("segmentation", with_truth(table, busi), **flagged)


def _mask_files(folder: Path) -> tuple[list[Path], list[str]]:
    """The masks of a folder and their ids, sorted."""
    expected = 'Expected one PNG per image in the folder itself, "benign (1).png" or "benign (1)_mask.png"'
    files = listed(folder)
    if odd := [path.name for path in files if path.suffix.lower() != ".png" or not path.is_file()]:
        refuse(folder, [f"{len(odd)} not PNG files: {some(odd)}. {expected}; move or convert them."])
    if not files:
        raise SubmissionError(f"{folder}: an empty folder. {expected}.")
    return files, [path.stem.removesuffix("_mask") for path in files]


def _entries(data: str | Path, names: Sequence[str]) -> Mapping[str, Entry]:
    entries = {entry.id: entry for entry in scan(data)[0]}
    if missing := [id for id in names if id not in entries]:
        raise DataError(
            f"{data}: {count(len(missing), 'image')} with its true mask missing: {some(missing)}. "
            "`busi data check` tells what is wrong with the folder."
        )
    return entries


@dataclass(frozen=True, eq=False)
class _Row:
    """Figures of one mask, whether its gray levels were cut, and whether it looks like its negative."""

    figures: pd.DataFrame
    soft: bool
    swapped: bool


def _mask_row(entry: Entry, facts: pd.Series, file: Path) -> _Row | str:
    """What is found of one mask, or what is wrong with it."""
    truth = decode(entry).mask
    if pixel_hash(truth) != facts["mask_sha256"]:
        raise DataError(
            f"{CLASSES[entry.label]}/{entry.masks[0].name}: not BUSI's mask, pixel by pixel. "
            "Predictions are measured on BUSI alone; `busi data fetch` downloads it."
        )
    try:
        marked = open_mask(file, again="save the prediction again as PNG")
    except DataError as error:
        return str(error)
    found = marked.lesion
    if found.shape != truth.shape:
        return (
            f"{file.name}: mask is {found.shape[1]}×{found.shape[0]} pixels, BUSI's image is "
            f"{truth.shape[1]}×{truth.shape[0]}. Masks must have the image's original size; "
            "scale the prediction back before it is cut at a threshold."
        )
    figures = pd.concat([count_pixels(truth[None], found[None]), _boundaries(truth, found)], axis=1)
    swapped = bool(found[np.ix_([0, -1], [0, -1])].all() and found.mean() > 0.5)
    return _Row(figures, marked.cut, swapped)


def _boundaries(truth: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """`surface_distances` of one image; beyond the box around both masks nothing can change them."""
    if truth.any() and found.any():
        rows, columns = (np.flatnonzero((truth | found).any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        truth, found = truth[box], found[box]
    return surface_distances(truth[None], found[None])
