"""The data contract: one frozen container that everything downstream takes, whichever set it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from busilib.errors import UserError

CLASSES = ("benign", "malignant", "normal")
"""Class order everywhere: label 0 is benign, 1 malignant, 2 normal."""


ORIGINS = ("busi", "phantom", "outside", "folder")
"""Where a dataset comes from: BUSI itself, drawn pictures, another hospital's set, or a folder in BUSI's
layout whose images are not BUSI's. A field of every dataset, never guessed from its name."""


class DataError(UserError, ValueError):
    """A dataset is not what it should be; the message says where, what was found and what would do."""


def mask_known(table: pd.DataFrame) -> np.ndarray:
    """bool (n,): whether an image's mask was given, or is empty because the image is normal.

    Args:
        table: with `class` and `n_masks` (mask files).

    Example:
        >>> mask_known(pd.DataFrame({"class": ["benign", "benign", "normal"], "n_masks": [1, 0, 0]}))
        array([ True, False,  True])
    """
    return ((table["n_masks"] > 0) | (table["class"] == "normal")).to_numpy()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A loaded dataset, all parts in the same order.

    Attributes:
        images: uint8 (n, h, w), gray levels 0–255.
        masks: bool (n, h, w), True inside a lesion; several masks of one image are merged.
        labels: int64 (n,), index into `CLASSES`.
        table: one row per image with `id` ("benign (1)"), `class`, `group` (near-duplicates share one),
            `width` and `height` (original pixels), `n_masks`, `overlay` (coloured marks) and
            `label_conflict` (a near-duplicate carries another label). That of an outside set also has `case`
            (as its sheet names it, "" where it does not) and the strata of its sheet, all as text.
        name: what the set is called in records and on pages.
        origin: where the pictures come from, one of `ORIGINS`; only records of "busi" are published.
        left_out: images of the set that could not be used and are not in here: by id, why.

    Example:
        >>> data = load_busi("Dataset_BUSI_with_GT", size=128)
        >>> data.images.shape, data.table["class"].value_counts().to_dict()
    """

    images: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    table: pd.DataFrame
    name: str
    origin: str = "folder"
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.origin not in ORIGINS:
            raise DataError(f"{self.name}: origin {self.origin!r} is none of {', '.join(ORIGINS)}")
        n = len(self.images)
        if not (len(self.masks) == len(self.labels) == len(self.table) == n):
            raise DataError(
                f"{self.name}: images, masks, labels and table differ in length: "
                f"{n}, {len(self.masks)}, {len(self.labels)}, {len(self.table)}"
            )
        if self.images.dtype != np.uint8 or self.images.ndim != 3:
            raise DataError(
                f"{self.name}: images must be uint8 (n, h, w), not {self.images.dtype} {self.images.shape}"
            )
        if self.masks.dtype != bool or self.masks.shape != self.images.shape:
            raise DataError(
                f"{self.name}: masks must be bool {self.images.shape}, "
                f"not {self.masks.dtype} {self.masks.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Working height and width in pixels."""
        return self.images.shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of ids, pixels, masks, labels and groups: equal content, equal fingerprint.

        Made from decoded pixels, so that gray files and their RGB twins give the same.
        """
        digest = hashlib.sha256(repr((self.ids.tolist(), self.images.shape)).encode())
        for part in (self.images, self.masks, self.labels.astype("<i8"), self.groups.astype("<i8")):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    @property
    def ids(self) -> np.ndarray:
        return self.table["id"].to_numpy()

    @property
    def groups(self) -> np.ndarray:
        return self.table["group"].to_numpy()

    @property
    def mask_known(self) -> np.ndarray:
        """bool (n,): whether the reference mask is known, see `mask_known`. Where not, `masks` is empty."""
        return mask_known(self.table)

    @property
    def has_lesion(self) -> np.ndarray:
        """bool (n,): whether the reference mask has any pixel at the working size."""
        return np.any(self.masks, axis=(1, 2))

    def subset(self, indices: np.ndarray) -> Dataset:
        """The images at `indices`, in that order.

        Example:
            >>> test = data.subset(split.test)
        """
        indices = np.asarray(indices)
        return replace(
            self,
            images=self.images[indices],
            masks=self.masks[indices],
            labels=self.labels[indices],
            table=self.table.iloc[indices].reset_index(drop=True),
        )
