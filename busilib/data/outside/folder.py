"""Anybody's set: a folder with `images.csv`, which names each picture, its class, mask and patient."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PureWindowsPath

from busilib.data.dataset import Dataset
from busilib.data.outside.sheet import (
    OWN,
    PUBLISHED,
    Row,
    Sheet,
    class_fault,
    load_sheet,
    read_sheet,
    the_folder,
)

SHEET = "images.csv"
LAYOUT = (
    f"a set of your own: `{SHEET}` with the columns id,image,mask,class,group (mask and group may be left "
    "out), and the PNG files that it names"
)
COLUMNS = ("id", "image", "class")
OPTIONAL = ("mask", "group")


def is_folder(folder: Path) -> bool:
    """Whether a folder holds a set in the general layout."""
    return (folder / SHEET).is_file()


def load_folder(folder: str | Path, size: int = 128) -> Dataset:
    """Load a set in the general layout at one working size, strictly: any fault is an error.

    Args:
        folder: with `images.csv`, or the one above it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset in the order of the sheet, named after its folder. Images of one `group` are a group;
        where the cell is empty, the image is a group of its own. Where `mask` is empty, `Dataset.mask_known`
        is False unless the image is normal. Other columns stand in the table as text.

    Raises:
        DataError: listing every fault by row and file name.

    Example:
        >>> load_folder("our-hospital").table.columns[-1]
        'device'
    """
    return load_sheet(read_folder(the_folder(folder, is_folder, LAYOUT)), size)


def read_folder(root: Path) -> Sheet:
    """The sheet of a set in the general layout.

    Args:
        root: the folder with `images.csv`.

    Returns:
        The sheet with the faults of its cells: no id, no path, a path that leaves the folder, a file that is
        no PNG by its name, an image in two rows, or a column under one of our own names.

    Raises:
        DataError: if the sheet cannot be read or lacks a column.

    Example:
        >>> read_folder(Path("our-hospital")).name
        'our-hospital'
    """
    path = root / SHEET
    table = read_sheet(path, COLUMNS, optional=OPTIONAL)
    strata = [name for name in table if name not in (*COLUMNS, *OPTIONAL)]
    faults = [
        f"{SHEET}: column {name}. This name is taken by what is measured; rename the column."
        for name in strata
        if name in OWN
    ]
    rows = []
    for line, cells in zip(table.index, table.to_dict("records"), strict=True):
        image, wrong = _file(root, cells["image"], f"{SHEET} line {line}: image")
        mask, also = _file(root, cells["mask"], f"{SHEET} line {line}: mask") if cells["mask"] else (None, [])
        wrong += also
        if not cells["id"]:
            wrong.append(f"{SHEET} line {line}: no id. Expected one for each image; fill it in.")
        if wrong:  # such a row goes no further, so its class is looked at here
            faults += [*wrong, *class_fault(cells["id"] or f"line {line}", cells["class"], SHEET)]
            continue
        said = {name: cells[name] for name in strata if name not in OWN}
        masks = (mask,) if mask else ()
        rows.append(Row(cells["id"], cells["class"], cells["group"], image, masks, strata=said))
    faults += [
        f"{image.relative_to(root).as_posix()}: in {count} rows of {SHEET}. Expected one; remove the others."
        for image, count in Counter(row.image for row in rows).items()
        if count > 1
    ]
    name = root.resolve().name
    if name in ("BUSI", *PUBLISHED):  # so that no record of it passes for one of these
        name = f"folder {name}"
    return Sheet(path, name, tuple(rows), tuple(faults), whole=False)


def _file(root: Path, cell: str, where: str) -> tuple[Path, list[str]]:
    """The file that a cell names below the folder, with / or \\, and what is wrong with the cell."""
    named = PureWindowsPath(cell)
    path = root.joinpath(*named.parts) if not named.anchor else root
    if not cell:
        return path, [f"{where}: no file named. Expected its path from the folder of {SHEET}; fill it in."]
    if named.anchor or ".." in named.parts:
        return path, [
            f"{where}: {cell} leads out of the folder. Expected a path below that of {SHEET}, such as "
            f"images/{named.name or '1.png'}; move the file there."
        ]
    if path.suffix.lower() != ".png":
        return path, [f"{where}: {cell} is no PNG file by its name. Expected PNG; convert it."]
    return path, []
