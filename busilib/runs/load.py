"""The data that a profile reads: a folder that is given, else phantoms from the user's cache."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from busilib.data.bcss import load_bcss
from busilib.data.busi.fingerprint import read_table
from busilib.data.cache import cache_folder
from busilib.data.dataset import DataError, Dataset
from busilib.data.loader import load_busi
from busilib.data.outside.sets import load_outside
from busilib.data.phantoms import histology, ultrasound
from busilib.data.phantoms.shift import shifted
from busilib.data.tiles import Tiles
from busilib.paths import expanded
from busilib.runs.profiles import TILE_SIZES, profile


def data_folder(name: str, folder: str | Path = "", seed: int = 0) -> Path:
    """The folder a profile reads: the one that is given, else phantoms under "smoke".

    Args:
        name: of the profile.
        folder: a BUSI folder; empty for the profile's own data.
        seed: of the phantoms.

    Returns:
        A folder in BUSI's layout.

    Raises:
        DataError: if "laptop" or "full" is asked for without a folder.

    Example (not run):
        >>> data_folder("smoke")  # written on first use
    """
    if folder:
        return expanded(folder)
    if not profile(name).phantom:
        raise DataError(
            f"profile {name} runs on the real BUSI and needs its folder: pass data=DIR (`--data DIR`). "
            "`busi data fetch` downloads it and prints the folder."
        )
    return _phantom_folder(seed)


def load_data(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Dataset:
    """The data of a profile (see `data_folder`), at its working size or the `size` in pixels that is given.

    It is named "BUSI" only if it has BUSI's images (ids and original sizes), so that no record of another
    folder passes for one of BUSI; else "phantoms" or the folder's name.

    Example (not run):
        >>> load_data("smoke").name
        'phantoms'
    """
    source = data_folder(name, folder, seed)
    called = source.resolve().name if folder else "phantoms"
    called = f"folder {called}" if called == "BUSI" else called  # the name is earned below, not given
    data = load_busi(source, size or profile(name).size, name=called)
    facts = ["id", "width", "height"]
    if data.table[facts].equals(read_table()[facts]):
        return replace(data, name="BUSI", origin="busi")
    return data if folder else replace(data, origin="phantom")


OUTSIDE_SEED = 1000
"""Added to the seed of the phantoms that stand in for an outside set, so that they are other pictures."""


def outside_data(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Dataset:
    """Images from elsewhere, at a profile's working size or the `size` in pixels that is given.

    No outside set is shipped or downloaded, so every profile takes phantoms where no folder is given: other
    ones than `load_data` draws, changed as if another scanner had made them.

    Args:
        name: of the profile.
        folder: of BrEaST, BUS-BRA or BUS-UCLM (see `busilib.data.outside`); empty for phantoms.
        seed: of the phantoms.
        size: height and width in pixels; 0 for the profile's.

    Returns:
        The dataset, named after the set it is, or "shifted phantoms".

    Raises:
        DataError: if the folder holds none of the three, or for any fault in it.

    Example (not run):
        >>> outside_data("smoke").name
        'shifted phantoms'
    """
    size = size or profile(name).size
    if folder:
        return replace(load_outside(folder, size), origin="outside")
    elsewhere = load_busi(_phantom_folder(seed + OUTSIDE_SEED), size, name="phantoms")
    return replace(shifted(elsewhere, seed), origin="phantom")


def load_tiles(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Tiles:
    """The histology of a profile, at its working size or the `size` in pixels that is given.

    BCSS is not shipped and not downloaded, so every profile takes phantoms where no folder is given.

    Args:
        name: of the profile.
        folder: BCSS in one of Kaggle's layouts (see `busilib.data.bcss`); empty for phantoms.
        seed: of the phantoms.
        size: of the tiles; 0 for the profile's.

    Returns:
        The tiles, named "histology phantoms" or after the folder.

    Raises:
        DataError: if the folder is not a whole BCSS.

    Example (not run):
        >>> load_tiles("smoke").name
        'histology phantoms'
    """
    size = size or TILE_SIZES[profile(name).name]
    if not folder:
        return replace(load_bcss(_histology_folder(seed), size, name="histology phantoms"), origin="phantom")
    source = expanded(folder)
    return load_bcss(source, size, name=f"tiles in {source.resolve().name}")


def _phantom_folder(seed: int) -> Path:
    """The phantoms of that seed in the user's cache, written on first use."""
    return _written_once("phantoms", ultrasound.write_phantom, ultrasound.VERSION, seed)


def _histology_folder(seed: int) -> Path:
    """The same for histology."""
    return _written_once("histology", histology.write_histology_phantom, histology.VERSION, seed)


def _written_once(kind: str, write: Callable[..., Path], version: int, seed: int) -> Path:
    """A folder of the cache, whole from the moment that it has its name."""
    folder = cache_folder() / kind / f"v{version}-seed{seed}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="part-") as beside:
        part = write(Path(beside) / folder.name, seed=seed)
        try:
            part.rename(folder)
        except OSError:  # another program was quicker, and drew the same
            if not folder.is_dir():
                raise
    return folder
