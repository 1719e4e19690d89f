"""The outside sets: how each is recognised, and what reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from busilib.data.dataset import Dataset
from busilib.data.outside import breast, bus_bra, bus_uclm, folder
from busilib.data.outside.sheet import Sheet, load_sheet, the_folder


@dataclass(frozen=True)
class OutsideSet:
    """One kind of set.

    Attributes:
        recognise: whether a folder holds it.
        read: from that folder to the sheet.
        layout: what the folder looks like, said in errors.
    """

    recognise: Callable[[Path], bool]
    read: Callable[[Path], Sheet]
    layout: str


SETS = (
    OutsideSet(breast.is_breast, breast.read_breast, breast.LAYOUT),
    OutsideSet(bus_bra.is_bus_bra, bus_bra.read_bus_bra, bus_bra.LAYOUT),
    OutsideSet(bus_uclm.is_bus_uclm, bus_uclm.read_bus_uclm, bus_uclm.LAYOUT),
    OutsideSet(folder.is_folder, folder.read_folder, folder.LAYOUT),
)
"""A new set is a module that reads its sheet, and a row here. The general layout comes last: a published set
with an `images.csv` beside its own sheet is read as it was published."""

LAYOUTS = "; ".join(each.layout for each in SETS)


def is_outside(folder: Path) -> bool:
    """Whether a folder holds one of the sets."""
    return any(each.recognise(folder) for each in SETS)


def read_outside(folder: str | Path) -> Sheet:
    """Read the sheet of whichever set a folder holds.

    Args:
        folder: of the set, or the one above it.

    Raises:
        DataError: if the folder holds none of them or several, or if the sheet cannot be read.

    Example (not run):
        >>> read_outside("downloads/BrEaST").path.name
        'BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx'
    """
    root = the_folder(folder, is_outside, f"one of {len(SETS)} layouts ({LAYOUTS})")
    return next(each.read(root) for each in SETS if each.recognise(root))


def load_outside(folder: str | Path, size: int = 128) -> Dataset:
    """Load BrEaST, BUS-BRA, BUS-UCLM or a set of your own, whichever the folder holds.

    Args:
        folder: of the set, or the one above it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset; see the loader of each set.

    Raises:
        DataError: if the folder holds none of them or several, or for any fault in it.

    Example (not run):
        >>> load_outside("downloads/BrEaST").name
        'BrEaST'
    """
    return load_sheet(read_outside(folder), size)
