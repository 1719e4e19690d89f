"""Read BCSS in the two layouts that Kaggle has: tiles cut from regions of slides, and their masks.

The name of a tile gives its slide and its place there. Users of the set report that the validation tiles of
"BCSS_512" come from slides and hospitals of their own, and those of "BCSS" from the slides that train.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from busilib.data.cache import cache_folder
from busilib.data.dataset import DataError
from busilib.data.folders import a_folder, inside, is_ignored, listed, not_found, other_case
from busilib.data.png import open_png, read_bytes
from busilib.data.tiles import CODES, Tiles

LAYOUTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "BCSS_512": {"train": ("train_512", "train_mask_512"), "val": ("val_512", "val_mask_512")},
    "BCSS": {"train": ("train", "train_mask"), "val": ("val", "val_mask")},
}
"""Folders of images and masks, by layout and part. `BCSS/test` has no masks and is left out."""

MERGED = 2
"""Highest label of the layout "BCSS".

Its masks hold three labels. The set does not name them; users of it read 1 as tumour, 2 as stroma and 0 as
everything else, outside the region included. So 1 and 2 mean what they mean in `CODES`, and 0 is ignored.
"""

TILE_NAME = re.compile(
    r"^(?P<slide>TCGA-[A-Za-z0-9-]+)_xmin\d+_ymin\d+_MPP-[\d.]+_(?P<row>\d+)_(?P<column>\d+)(_.*)?\.png$"
)
EXPECTED = (
    "BCSS_512/ with train_512/, train_mask_512/, val_512/ and val_mask_512/ (22 codes), "
    "or BCSS/ with train/, train_mask/, val/ and val_mask/ (three merged labels)"
)
LOADER_VERSION = 1
"""Part of every cache key: raise it when decoding or resizing changes."""


@dataclass(frozen=True)
class Tile:
    """The files of one tile and what its name says."""

    image: Path
    mask: Path
    part: str
    slide: str
    row: int
    column: int


def bcss_root(folder: str | Path) -> tuple[Path, str]:
    """The folder that holds the tiles' folders, and its layout; with both layouts there, "BCSS_512".

    Args:
        folder: of one layout, or one up to three folders above.

    Raises:
        DataError: if there is neither layout, or one of them twice.

    Example:
        >>> bcss_root("downloads/bcss")
        (PosixPath('downloads/bcss/BCSS_512'), 'BCSS_512')
    """
    folder = a_folder(
        folder, f"a folder with {EXPECTED}. `busi data histology-phantom DIR` writes a synthetic one"
    )
    for layout, parts in LAYOUTS.items():
        tiles = {name for names in parts.values() for name in names}
        found = inside(folder, partial(_holds_one_of, names=tiles))
        if len(found) > 1:
            raise DataError(f"{folder}: several of {layout}: {', '.join(map(str, found))}. Name one.")

        if found:
            return found[0], layout
    raise not_found(folder, "no folder of BCSS found", EXPECTED)


def scan_tiles(root: Path, layout: str) -> tuple[list[Tile], list[str]]:
    """Pair the images and masks of a layout by name, without decoding them.

    Args:
        root, layout: as `bcss_root` returns them.

    Returns:
        The tiles, training part first, each part in the order of the names; and one line per fault.

    Example:
        >>> tiles, faults = scan_tiles(*bcss_root("downloads/bcss"))
    """
    tiles: list[Tile] = []
    faults: list[str] = []
    for part, names in LAYOUTS[layout].items():
        images, masks = (root / name for name in names)
        there = [path.name for path in listed(root)]
        missing = [
            f"{path.name}/: the folder is called {other}. Expected {path.name}; rename it."
            if (other := other_case(path.name, there))
            else f"{path.name}/: folder is missing in {root}. Expected {EXPECTED}."
            for path in (images, masks)
            if not path.is_dir()
        ]
        faults += missing
        if not missing:
            found, wrong = _pair(images, masks, part)
            tiles, faults = tiles + found, faults + wrong
    seen = Counter(tile.image.name for tile in tiles)
    faults += [
        f"{name}: this tile is in two parts. A tile may train or validate, not both; remove one."
        for name, count in seen.items()
        if count > 1
    ]
    return tiles, faults


def _pair(images: Path, masks: Path, part: str) -> tuple[list[Tile], list[str]]:
    shown, marked = (
        {path.name: path for path in folder.glob("*.png") if not is_ignored(path)}
        for folder in (images, masks)
    )
    tiles, faults = [], []
    if not shown:
        faults.append(f"{images.name}/: folder is empty: no tile in it. Download BCSS again.")
    for name, image in sorted(shown.items()):
        match = TILE_NAME.match(name)
        if match is None:
            faults.append(
                f"{images.name}/{name}: name does not fit. Expected "
                "`TCGA-…_xminX_yminY_MPP-…_<row>_<column>….png`; rename or move it."
            )
        elif name not in marked:
            faults.append(
                f"{images.name}/{name}: mask is missing. Expected {masks.name}/{name}; "
                "add it or remove the image."
            )
        else:
            place = int(match["row"]), int(match["column"])
            tiles.append(Tile(image, marked[name], part, match["slide"], *place))
    faults += [
        f"{masks.name}/{name}: image is missing. Expected {images.name}/{name}; add it or remove the mask."
        for name in sorted(set(marked) - set(shown))
    ]
    return tiles, faults


def _holds_one_of(root: Path, names: set[str]) -> bool:
    return any((root / name).is_dir() for name in names)


def load_bcss(folder: str | Path, size: int = 224, name: str = "BCSS") -> Tiles:
    """Load a BCSS folder at one working size, strictly: any fault is an error.

    Args:
        folder: one of Kaggle's two layouts, or the folder above (see `LAYOUTS`).
        size: height and width in pixels: images by antialiased bilinear resampling, codes by the nearest.
            R5 writes 512 in its text and uses 224 in its code.
        name: what the set is called in records.

    Returns:
        The tiles: training part first, each part in the order of the names. The layout "BCSS" gives the
        codes 0, 1 and 2 only (see `MERGED`).

    Raises:
        DataError: listing the faults by file name.

    Example:
        >>> load_bcss("downloads/bcss/BCSS_512", size=224).size
        224
    """
    root, layout = bcss_root(folder)
    tiles, faults = scan_tiles(root, layout)
    _refuse(root, faults)
    with ThreadPoolExecutor() as pool:
        digest = hashlib.sha256(f"bcss {LOADER_VERSION} {layout} {size}".encode())
        for part in pool.map(_digest, tiles):
            digest.update(part)
        stored = cache_folder() / "datasets" / f"{digest.hexdigest()[:32]}.npz"
        arrays = _read_cache(stored)
        if arrays is None:
            parts = list(pool.map(partial(_prepare, size=size, layout=layout), tiles))
            _refuse(root, [part for part in parts if isinstance(part, str)])
            images, codes = (np.stack(column) for column in zip(*parts, strict=True))
            arrays = images, codes
            _write_cache(stored, *arrays)
    return Tiles(*arrays, _table(tiles), name)


def _table(tiles: list[Tile]) -> pd.DataFrame:
    slides = [tile.slide for tile in tiles]
    numbers = {slide: number for number, slide in enumerate(sorted(set(slides)))}
    return pd.DataFrame(
        {
            "id": [tile.image.stem for tile in tiles],
            "slide": slides,
            "group": np.array([numbers[slide] for slide in slides], np.int64),
            "part": [tile.part for tile in tiles],
            "row": np.array([tile.row for tile in tiles], np.int64),
            "column": np.array([tile.column for tile in tiles], np.int64),
        }
    )


def _refuse(root: Path, faults: list[str]) -> None:
    if faults:
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise DataError(f"{root}: {count}, nothing loaded:\n  " + "\n  ".join(faults[:20]) + more)


def _digest(tile: Tile) -> bytes:
    digest = hashlib.sha256(f"{tile.part} {tile.image.name}".encode())
    for path in (tile.image, tile.mask):
        digest.update(hashlib.sha256(read_bytes(path)).digest())
    return digest.digest()


def _prepare(tile: Tile, size: int, layout: str) -> tuple[np.ndarray, np.ndarray] | str:
    """Image and codes of one tile at the working size, or the fault that it has."""
    try:
        image = open_png(tile.image).convert("RGB")
        codes = read_codes(tile.mask, highest=MERGED if layout == "BCSS" else len(CODES) - 1)
    except DataError as error:
        return str(error)
    if codes.shape != image.size[::-1]:
        return (
            f"{tile.mask.parent.name}/{tile.mask.name}: mask is {codes.shape[1]}×{codes.shape[0]} pixels, "
            f"its image is {image.width}×{image.height}. They must be of one size."
        )
    shape = (size, size)
    return (
        np.asarray(image.resize(shape, Image.Resampling.BILINEAR)),
        np.asarray(Image.fromarray(codes).resize(shape, Image.Resampling.NEAREST)),
    )


def read_codes(path: Path, highest: int = len(CODES) - 1) -> np.ndarray:
    """The codes of one mask at its original size.

    Args:
        path: a PNG file: gray or palette, or RGB with three equal channels.
        highest: largest code that the layout knows.

    Returns:
        uint8 (h, w).

    Raises:
        DataError: naming the file, if it is damaged, in colour, or holds a code above `highest`.

    Example (not run):
        >>> np.unique(read_codes(mask))
        array([0, 1, 2, 9], dtype=uint8)
    """
    picture, where = open_png(path), f"{path.parent.name}/{path.name}"
    codes = np.asarray(picture if picture.mode in {"L", "P"} else picture.convert("RGB"))
    if codes.ndim == 3:
        if (codes != codes[..., :1]).any():
            raise DataError(
                f"{where}: a mask in colour. Expected gray levels that are codes from 0 to {highest}; "
                "use the masks of the set, not pictures of them."
            )
        codes = codes[..., 0]
    if codes.max() > highest:
        raise DataError(
            f"{where}: unknown code {codes.max()}. Expected codes from 0 to {highest} "
            f"({CODES[0]} to {CODES[highest]}); download it again."
        )
    return codes


def _write_cache(path: Path, images: np.ndarray, codes: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="part-") as part:
            written = Path(part) / path.name
            np.savez(written, images=images, codes=codes)
            written.replace(path)
    except OSError as error:
        warnings.warn(
            f"{path.parent}: cannot be written ({error.strerror}), so these tiles are decoded anew each "
            "time. Set BUSI_CACHE_DIR to a folder with room.",
            stacklevel=3,
        )


def _read_cache(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """The cached arrays, or None where there is no whole file: they are then decoded and written anew."""
    try:
        with np.load(path) as stored:
            return stored["images"], stored["codes"]
    except Exception:  # a missing or damaged file fails in a dozen ways, each mended the same way
        return None
