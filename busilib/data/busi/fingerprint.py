"""Facts and hashes of BUSI's images: is this folder the BUSI that the recorded figures were measured on?

`busi_table.csv` holds them for the 780 images, and no pixels. Decoded pixels are hashed, not files, so that
the same picture counts as the same whether it was saved as gray, RGB or RGBA. To make the table again:

    fingerprint_table("Dataset_BUSI_with_GT").to_csv("busi_table.csv", index=False, lineterminator="\\n")
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.data import duplicates
from busilib.data.busi.catalog import Entry, refuse, scan
from busilib.data.dataset import CLASSES, DataError
from busilib.data.images import MaskReader, decode, lesion, mask_fault
from busilib.data.splits import repeated_folds

DIGITS = 16
"""Hexadecimal digits kept of each SHA-256: 64 bits, far from any chance match among 780 images."""


@dataclass(frozen=True)
class Facts:
    """What is known of one image once its pixels are let go.

    Attributes:
        id: file stem, such as "benign (1)".
        label: index into `CLASSES`.
        width: original pixels.
        height: original pixels.
        n_masks: mask files.
        overlay: whether it has coloured marks.
        image_sha256: of the gray levels, see `pixel_hash`.
        mask_sha256: of the merged mask.
        thumbnail: float32 (4096,), see `busilib.data.duplicates.thumbnail`.
        fault: what is wrong with its mask, or None.
    """

    id: str
    label: int
    width: int
    height: int
    n_masks: int
    overlay: bool
    image_sha256: str
    mask_sha256: str
    thumbnail: np.ndarray
    fault: str | None


@dataclass(frozen=True)
class Comparison:
    """How a folder stands to the shipped table; every id is in exactly one place.

    Attributes:
        matching: ids whose image and mask are BUSI's, pixel by pixel.
        differing: ids that BUSI has too, each with what differs: "size", "image", "mask" or "image and mask".
        missing: ids that BUSI has and the folder does not, or not in a form that can be decoded.
        unknown: ids that BUSI does not have.
    """

    matching: tuple[str, ...]
    differing: Mapping[str, str]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def kind(self) -> str:
        """ "same" where all is BUSI's, "other" where not a single image is, else "partly"."""
        if not (self.differing or self.missing or self.unknown):
            return "same"
        return "partly" if self.matching or "mask" in self.differing.values() else "other"


def pixel_hash(pixels: np.ndarray) -> str:
    """First 16 hexadecimal digits of SHA-256 over "<height>x<width>:" and the pixels row by row.

    Args:
        pixels: uint8 or bool (h, w), one byte per pixel; True counts as 1.

    Example:
        >>> pixel_hash(np.zeros((2, 3), bool))
        '98be973bb11f31e4'
    """
    height, width = pixels.shape
    digest = hashlib.sha256(f"{height}x{width}:".encode() + pixels.astype(np.uint8).tobytes())
    return digest.hexdigest()[:DIGITS]


def read_facts(folder: str | Path) -> tuple[list[Facts], list[str]]:
    """Decode every image of a BUSI folder and keep its facts; faults do not stop it.

    Args:
        folder: BUSI's folder or its parent.

    Returns:
        Facts of the images that can be decoded, ordered by class and number, and one line per fault.

    Raises:
        DataError: if there is no BUSI folder, or not one image in it that can be decoded.

    Example:
        >>> facts, faults = read_facts("Dataset_BUSI_with_GT")
    """
    entries, faults = scan(folder)
    return facts_of(folder, entries, faults)


def facts_of(
    folder: str | Path, entries: Sequence[Entry], faults: Sequence[str], read_mask: MaskReader = lesion
) -> tuple[list[Facts], list[str]]:
    """Decode images whose files are known and keep their facts.

    Args:
        folder: named in the error.
        entries: the images.
        faults: that were found before.
        read_mask: see `busilib.data.images.decode`.

    Returns:
        Facts of the images that can be decoded, in order, and all faults.

    Raises:
        DataError: if there is not one image that can be decoded.
    """
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(partial(_read_one, read_mask=read_mask), entries))
    facts = [each for each in found if isinstance(each, Facts)]
    faults = [*faults, *(each for each in found if isinstance(each, str))]
    faults += [each.fault for each in facts if each.fault]
    if not facts:
        refuse(folder, faults)
    return facts, faults


def _read_one(entry: Entry, read_mask: MaskReader) -> Facts | str:
    try:
        whole = decode(entry, read_mask)
    except DataError as error:
        return str(error)
    height, width = whole.image.shape
    return Facts(
        id=entry.id,
        label=entry.label,
        width=width,
        height=height,
        n_masks=len(entry.masks),
        overlay=whole.overlay,
        image_sha256=pixel_hash(whole.image),
        mask_sha256=pixel_hash(whole.mask),
        thumbnail=duplicates.thumbnail(whole.image),
        fault=mask_fault(entry, whole.mask),
    )


def table_of(facts: Sequence[Facts]) -> pd.DataFrame:
    """The fingerprint table of images whose facts are known.

    Returns:
        One row per image: `id`, `class`, `width`, `height`, `n_masks`, `image_sha256`, `mask_sha256`, `group`
        (near-duplicates share one), `label_conflict` (a near-duplicate carries another label).
    """
    labels = np.array([each.label for each in facts], np.int64)
    thumbnails = np.array([each.thumbnail for each in facts])
    groups = duplicates.group_pairs(duplicates.pairs_above(thumbnails), len(facts))
    plain = ("width", "height", "n_masks", "image_sha256", "mask_sha256")
    return pd.DataFrame(
        {
            "id": [each.id for each in facts],
            "class": [CLASSES[label] for label in labels],
            **{name: [getattr(each, name) for each in facts] for name in plain},
            "group": groups,
            "label_conflict": duplicates.label_conflicts(groups, labels),
        }
    )


def fingerprint_table(folder: str | Path) -> pd.DataFrame:
    """The fingerprint table of a folder without faults, with folds; of BUSI, what `read_table` returns.

    Returns:
        The columns of `table_of`, and `fold_0` to `fold_4`: in repeat r, the fold whose test set holds the
        image (see `busilib.data.splits.repeated_folds`).

    Raises:
        DataError: listing every fault by file name, or naming a class that is too small for folds.

    Example (not run):
        >>> fingerprint_table("Dataset_BUSI_with_GT").equals(read_table())
        True
    """
    facts, faults = read_facts(folder)
    refuse(folder, faults)
    table = table_of(facts)
    labels = table["class"].map(CLASSES.index).to_numpy()
    folds = repeated_folds(labels, table["group"].to_numpy())
    return table.assign(**{f"fold_{repeat}": column for repeat, column in enumerate(folds.T)})


def read_table() -> pd.DataFrame:
    """The shipped table of BUSI's 780 images.

    Example:
        >>> read_table()["label_conflict"].sum()
    """
    return _shipped().copy()


@cache
def _shipped() -> pd.DataFrame:
    with files("busilib.data.busi").joinpath("busi_table.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"image_sha256": str, "mask_sha256": str})


def compare(table: pd.DataFrame) -> Comparison:
    """Compare a folder's table with the shipped one, image by image.

    Args:
        table: of `fingerprint_table` or `table_of`.

    Example (not run):
        >>> compare(fingerprint_table("Dataset_BUSI_with_GT")).kind
        'same'
    """
    ours, theirs = read_table().set_index("id"), table.set_index("id")
    both = ours.join(theirs, how="inner", rsuffix="_found")
    same_size = (both["width"] == both["width_found"]) & (both["height"] == both["height_found"])
    same_image = both["image_sha256"] == both["image_sha256_found"]
    same_mask = both["mask_sha256"] == both["mask_sha256_found"]
    differs = np.select(
        [~same_size, ~same_image & ~same_mask, ~same_image, ~same_mask],
        ["size", "image and mask", "image", "mask"],
        default="",
    )
    return Comparison(
        matching=tuple(both.index[differs == ""]),
        differing={id: what for id, what in zip(both.index, differs.tolist(), strict=True) if what},
        missing=tuple(ours.index.difference(theirs.index, sort=False)),
        unknown=tuple(theirs.index.difference(ours.index, sort=False)),
    )
