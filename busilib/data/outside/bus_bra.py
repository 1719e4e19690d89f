"""BUS-BRA: 1875 images of 1064 cases from Rio de Janeiro (Gómez-Flores et al., Medical Physics, 2024)."""

from __future__ import annotations

from pathlib import Path

from busilib.data.dataset import Dataset
from busilib.data.folders import subfolder
from busilib.data.outside.sheet import Row, Sheet, earned_name, load_sheet, read_sheet, strata_of, the_folder

LAYOUT = (
    "BUS-BRA: `bus_data.csv` and beside it folders `Images` with `bus_0001-l.png` and `Masks` with "
    "`mask_0001-l.png`"
)
WHOLE = (1268, 607, 0)
STRATA = ("BIRADS", "Histology", "Device", "Side")
COLUMNS = ("ID", "Case", "Pathology")


def is_bus_bra(folder: Path) -> bool:
    """Whether a folder holds the sheet of BUS-BRA."""
    return (folder / "bus_data.csv").is_file()


def load_bus_bra(folder: str | Path, size: int = 128) -> Dataset:
    """Load BUS-BRA at one working size, strictly: any fault is an error.

    Widths, heights and boxes of the sheet are not read, for some are wrong: the files tell their size.

    Args:
        folder: BUS-BRA's folder or the one above it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset in the order of the sheet; the images of a case are a group.

    Raises:
        DataError: listing every fault by file name.

    Example (not run):
        >>> data = load_bus_bra("downloads/BUSBRA")
        >>> len(data), data.table["group"].nunique()
        (1875, 1064)
    """
    return load_sheet(read_bus_bra(the_folder(folder, is_bus_bra, LAYOUT)), size)


def read_bus_bra(root: Path) -> Sheet:
    """The sheet of BUS-BRA.

    Args:
        root: the folder with `bus_data.csv`.

    Raises:
        DataError: if the sheet cannot be read or lacks a column.
    """
    path = root / "bus_data.csv"
    table = read_sheet(path, COLUMNS, filled=COLUMNS[:2])
    images, masks = subfolder(root, "Images"), subfolder(root, "Masks")
    cells = table[list(COLUMNS)].itertuples(index=False)
    rows = tuple(
        Row(
            id=id,
            word=word,
            case=case,
            image=images / f"{id}.png",
            masks=(masks / f"{id.replace('bus', 'mask', 1)}.png",),
            strata=strata,
        )
        for (id, case, word), strata in zip(cells, strata_of(table, STRATA), strict=True)
    )
    return Sheet(path, earned_name("BUS-BRA", WHOLE, path, [row.word for row in rows]), rows)
