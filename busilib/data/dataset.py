"""The data contract: one frozen container that everything downstream takes, whichever set it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, eq=False)
class Dataset:
    """A loaded dataset, all parts in the same order.

    Attributes:
        images: uint8 (n, h, w), gray levels 0–255.
        masks: bool (n, h, w), True inside a lesion; several masks of one image are merged.
        labels: int64 (n,), index into `CLASSES`.
        table: one row per image with `id` ("benign (1)"), `class`, `group` (near-duplicates share one),
            `width` and `height` (original pixels), `n_masks`, `overlay` (coloured marks) and
            `label_conflict` (a near-duplicate carries another label).
        name: what the set is called in records and on pages.
        origin: where the pictures come from, one of `ORIGINS`; only records of "busi" are published.

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
    def has_lesion(self) -> np.ndarray:
        """bool (n,): whether the reference mask has any pixel at the working size."""
        return self.masks.any(axis=(1, 2))

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
