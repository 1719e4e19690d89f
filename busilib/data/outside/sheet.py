"""What the sets have in common: a sheet names each image, its class, its case and its masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from busilib.data.busi.catalog import Entry, refuse
from busilib.data.csv_table import clean, read_csv_table, visible
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.folders import a_folder, inside, listed, not_found
from busilib.data.images import MaskReader, lesion, load_entries


@dataclass(frozen=True)
class Row:
    """One image as the sheet of a set has it.

    Attributes:
        id: unique within the set.
        word: its class as the sheet spells it.
        case: whose image it is; images of one case are never told apart by chance.
        image: path of the image.
        masks: paths of the masks that make its reference.
        beside: further files that the sheet names and that are not part of the reference.
    """

    id: str
    word: str
    case: str
    image: Path
    masks: tuple[Path, ...]
    beside: tuple[Path, ...] = ()


def the_folder(folder: str | Path, is_set: Callable[[Path], bool], layout: str) -> Path:
    """The folder that holds a set: `folder` itself or the one up to three folders down that does.

    Raises:
        DataError: if `folder` is missing or no directory, or if none or several in it hold the set.

    Example:
        >>> the_folder("downloads", lambda path: (path / "bus_data.csv").is_file(), LAYOUT)
        PosixPath('downloads/BUSBRA')
    """
    folder = a_folder(folder, layout)
    found = inside(folder, is_set)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found[:6])
        raise DataError(f"{folder}: several sets in it: {names}. Name one.")
    raise not_found(folder, "not recognised", f"{layout}; name that folder")


def read_sheet(path: Path, columns: Sequence[str], filled: Sequence[str]) -> pd.DataFrame:
    """The columns of a sheet as text without blanks around it; empty cells are "".

    Rows in which all of these columns are empty are left out, such as those of a remark below the table.

    Args:
        path: of the sheet, an Excel workbook by its ending, else a CSV.
        columns: that must be there.
        filled: those of them that may have no empty cell: what tells images and patients apart.

    Returns:
        The columns; the index `line` counts the rows of the sheet from 1, as programs show them.

    Raises:
        DataError: if the sheet is damaged, empty, lacks a column or a cell.

    Example:
        >>> read_sheet(Path("bus_data.csv"), ["ID", "Case", "Pathology"], ["ID", "Case"])
    """
    table = _workbook(path, columns) if path.suffix == ".xlsx" else read_csv_table(path, columns)
    table = table[list(columns)].map(clean)
    table = table.mask(table.map(str.lower).isin(MISSING), "")
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path.name}: no rows. Expected one for each image; download it again.")
    for name in filled:
        if lines := table.index[table[name] == ""].tolist():
            more = f" and {len(lines) - 10} more" if len(lines) > 10 else ""
            raise DataError(
                f"{path.name}: no {name} in row {', '.join(map(str, lines[:10]))}{more}. Expected one in "
                "each, or images of several patients would count as one; fill the cells in."
            )
    return table


MISSING = ("na", "n/a", "#n/a", "<na>", "nan", "none", "null")
"""What programs write into empty cells, in lower case."""


def _workbook(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_excel(path, dtype=str, engine="openpyxl", keep_default_na=False)
    except Exception as error:  # a damaged workbook fails in a dozen ways, and each is mended the same way
        raise DataError(f"{path.name}: cannot be read ({error}). Download it again.") from error
    table = table.fillna("").rename(columns=lambda name: clean(str(name)))
    if missing := [name for name in columns if name not in table]:
        raise DataError(
            f"{path.name}: no column {', '.join(missing)} (it has {', '.join(map(visible, table))}). "
            f"Expected {', '.join(columns)}; use the sheet as it was published."
        )
    return table.set_index(pd.RangeIndex(2, len(table) + 2, name="line"))


def entries_of(rows: Sequence[Row], sheet: Path) -> tuple[list[Entry], list[str]]:
    """The complete images of a sheet in its order, and one line per fault.

    Args:
        rows: of the sheet.
        sheet: its path.

    Returns:
        Entries and faults: an unknown class, a doubled id, a file that is missing, a lesion without a mask,
        or a file beside the images that no row names.

    Example:
        >>> entries, faults = entries_of(rows, sheet)
    """
    faults = [
        f"{sheet.name}: {id} stands in {count} rows. Expected one; remove the others."
        for id, count in Counter(row.id for row in rows).items()
        if count > 1
    ]
    entries = []
    for row in rows:
        wrong = _row_faults(row, sheet)
        faults += wrong
        if not wrong:
            entries.append(Entry(row.id, CLASSES.index(row.word.lower()), row.image, row.masks))
    named = {path for row in rows for path in (row.image, *row.masks, *row.beside)}
    for folder in sorted({path.parent for path in named if path.parent.is_dir()}):
        faults += [
            f"{folder.name}/{path.name}: not in {sheet.name}. Expected only files that it names; "
            "move it elsewhere."
            for path in listed(folder)
            if path not in named and path != sheet
        ]
    return entries, faults


def _row_faults(row: Row, sheet: Path) -> list[str]:
    faults = [
        f"{path.parent.name}/{path.name}: file is missing. {sheet.name} names it; download the set again."
        for path in (row.image, *row.masks, *row.beside)
        if not path.is_file()
    ]
    if row.word.lower() not in CLASSES:
        faults.append(
            f"{sheet.name}: {row.id} has class {row.word!r}. Expected one of {', '.join(CLASSES)}; "
            "mend the cell."
        )
    elif row.word.lower() != "normal" and not row.masks:
        faults.append(
            f"{sheet.name}: {row.id} is {row.word.lower()} and names no mask. Expected one; mend the cell."
        )
    if not row.case:
        faults.append(f"{sheet.name}: {visible(row.id)} names no case. Expected one; mend the cell.")
    return faults


def load_rows(
    rows: Sequence[Row],
    sheet: Path,
    size: int,
    cache: bool,
    name: str,
    whole: tuple[int, int, int],
    left_out: Sequence[str] = (),
    read_mask: MaskReader = lesion,
) -> Dataset:
    """Load the images of a sheet, decoded and resized just as BUSI's are.

    Args:
        rows: of the sheet.
        sheet: its path.
        size: working height and width in pixels.
        cache: see `busilib.data.images.load_busi`.
        name: of the published set. It is earned: a folder with other numbers of images per class is called
            after the folder.
        whole: images of the published set by class, in the order of `CLASSES`.
        left_out: ids of the rows that are not loaded.
        read_mask: see `busilib.data.images.decode`.

    Returns:
        The dataset; its groups are the cases.

    Raises:
        DataError: listing every fault by file name.
    """
    entries, faults = entries_of(rows, sheet)
    refuse(sheet.parent, faults, is_busi=False)
    counts = tuple(sum(entry.label == label for entry in entries) for label in range(len(CLASSES)))
    called = name if counts == whole else f"{name} layout in {sheet.parent.resolve().name}"
    case_of = {row.id: row.case for row in rows}
    kept = [entry for entry in entries if entry.id not in left_out]
    cases = [case_of[entry.id] for entry in kept]
    return load_entries(sheet.parent, kept, size, cache, called, cases, read_mask)
