"""Load whichever of the outside sets a folder holds."""

from __future__ import annotations

from pathlib import Path

from busilib.data.dataset import Dataset
from busilib.data.outside import breast, bus_bra, bus_uclm
from busilib.data.outside.sheet import the_folder

LAYOUTS = {
    breast.is_breast: breast.load_breast,
    bus_bra.is_bus_bra: bus_bra.load_bus_bra,
    bus_uclm.is_bus_uclm: bus_uclm.load_bus_uclm,
}
"""How each set is recognised and what loads it."""


def load_outside(folder: str | Path, size: int = 128, cache: bool = True) -> Dataset:
    """Load BrEaST, BUS-BRA or BUS-UCLM, whichever the folder holds.

    Args:
        folder: of the set, or the one above it.
        size: height and width in pixels to which images and masks are brought.
        cache: keep the decoded arrays in the user's cache.

    Returns:
        The dataset; see the loader of each set.

    Raises:
        DataError: if the folder holds none of them or several, or for any fault in it.

    Example:
        >>> load_outside("downloads/BrEaST").name
        'BrEaST'
    """
    layout = f"one of three layouts ({breast.LAYOUT}; {bus_bra.LAYOUT}; {bus_uclm.LAYOUT})"
    root = the_folder(folder, lambda path: any(is_set(path) for is_set in LAYOUTS), layout)
    load = next(load for is_set, load in LAYOUTS.items() if is_set(root))
    return load(root, size, cache)
