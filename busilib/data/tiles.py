"""Histology tiles: BCSS's codes of tissue, and one frozen container for images and codes.

BCSS (M. Amgad et al., Bioinformatics 2019) gives each pixel of 151 regions of breast cancer, from 151 TCGA
slides, one of 22 codes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from busilib.data.dataset import DataError

CODES = (
    "outside_roi",
    "tumor",
    "stroma",
    "lymphocytic_infiltrate",
    "necrosis_or_debris",
    "glandular_secretions",
    "blood",
    "exclude",
    "metaplasia_NOS",
    "fat",
    "plasma_cells",
    "other_immune_infiltrate",
    "mucoid_material",
    "normal_acinus_or_duct",
    "lymphatics",
    "undetermined",
    "nerve",
    "skin_adnexa",
    "blood_vessel",
    "angioinvasion",
    "dcis",
    "other",
)
"""BCSS's names of the codes 0 to 21."""

IGNORED = (0, 7)
"""Codes of pixels that nobody named: outside the region, or excluded. They count in no loss and no figure."""

OUTPUTS = CODES[1:]
"""What a network of R5 tells apart: output i stands for code i + 1.

R5 has 21 outputs for 22 codes and does not say which code has none. Here it is 0, outside the region. The
output for "exclude" stays, so that the network has R5's size, but no pixel ever asks for it.
"""

TISSUES = tuple(name for code, name in enumerate(CODES) if code not in IGNORED)
"""The 20 kinds of tissue that figures are about."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Loaded histology tiles, all parts in the same order.

    Attributes:
        images: uint8 (n, h, w, 3), RGB.
        codes: uint8 (n, h, w), index into `CODES`.
        table: one row per tile with `id` (file stem), `slide` (TCGA barcode), `group` (int64, tiles of one
            slide share one), `part` (the folder it came from: "train" or "val"), `row` and `column` (of its
            upper left corner, original pixels in the region).
        name: what the set is called in records and on pages.
        origin: "phantom", or "folder" for a BCSS folder (see `busilib.data.dataset.ORIGINS`).

    Example (not run):
        >>> tiles = load_bcss("BCSS_512", size=224)
        >>> tiles.images.shape, tiles.table["part"].value_counts().to_dict()
    """

    images: np.ndarray
    codes: np.ndarray
    table: pd.DataFrame
    name: str
    origin: str = "folder"

    def __post_init__(self):
        n = len(self.images)
        if not (len(self.codes) == len(self.table) == n):
            raise DataError(
                f"{self.name}: images, codes and table differ in length: "
                f"{n}, {len(self.codes)}, {len(self.table)}"
            )
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            raise DataError(
                f"{self.name}: images must be uint8 (n, h, w, 3), not {self.images.dtype} {self.images.shape}"
            )
        if self.codes.dtype != np.uint8 or self.codes.shape != self.images.shape[:3]:
            raise DataError(
                f"{self.name}: codes must be uint8 {self.images.shape[:3]}, "
                f"not {self.codes.dtype} {self.codes.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Working height and width in pixels."""
        return self.images.shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of ids, parts, pixels, codes and groups: equal content, equal fingerprint."""
        facts = (self.ids.tolist(), self.table["part"].tolist(), self.images.shape)
        digest = hashlib.sha256(repr(facts).encode())
        for part in (self.images, self.codes, self.groups.astype("<i8")):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    @property
    def ids(self) -> np.ndarray:
        return self.table["id"].to_numpy()

    @property
    def groups(self) -> np.ndarray:
        return self.table["group"].to_numpy()

    def subset(self, indices: np.ndarray) -> Tiles:
        """The tiles at `indices`, in that order.

        Example:
            >>> test = tiles.subset(np.arange(3))
        """
        indices = np.asarray(indices)
        return replace(
            self,
            images=self.images[indices],
            codes=self.codes[indices],
            table=self.table.iloc[indices].reset_index(drop=True),
        )
