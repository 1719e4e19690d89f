"""What the sets have in common: a sheet names each image, its class, its case and its masks."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from busilib.data.busi.catalog import Entry, refuse
from busilib.data.csv_table import clean, read_csv_table, visible
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.folders import a_folder, inside, listed, not_found
from busilib.data.images import MaskReader, lesion
from busilib.data.loader import load_entries

OWN = ("id", "class", "group", "case", "width", "height", "n_masks", "overlay", "label_conflict")
"""Columns of every outside set's table; the strata of its sheet stand beside them."""


class LeftOutWarning(UserWarning):
    """Some images of a set cannot be used; the rest was loaded."""


@dataclass(frozen=True)
class Row:
    """One image as the sheet of a set has it.

    Attributes:
        id: unique within the set.
        word: its class as the sheet spells it.
        case: whose image it is, "" where the sheet does not say; images of one case are never told apart by
            chance.
        image: path of the image.
        masks: paths of the masks that make its reference.
        beside: further files that the sheet names and that are not part of the reference.
        strata: what else the sheet says of it, by column.
        left_out: why it cannot be used, "" for an image that can.
    """

    id: str
    word: str
    case: str
    image: Path
    masks: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    strata: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""

    @property
    def group(self) -> str:
        """What the images of its case share and no others; an image of no case shares it with none."""
        return f"case {self.case}" if self.case else f"image {self.id}"


@dataclass(frozen=True)
class Sheet:
    """The sheet of a set, read, with nothing decoded yet.

    Attributes:
        path: of the sheet.
        name: of the set. That of a published set is earned, see `earned_name`.
        rows: in the order of the sheet.
        faults: of its cells, one line each.
        read_mask: how lesions are marked in its masks.
        whole: whether each lesion must have a mask, and each file beside the images must be named by a row,
            as is so in a published set.
    """

    path: Path
    name: str
    rows: tuple[Row, ...]
    faults: tuple[str, ...] = ()
    read_mask: MaskReader = lesion
    whole: bool = True

    @property
    def left_out(self) -> dict[str, str]:
        """Why each image that cannot be used is left out, by id."""
        return {row.id: row.left_out for row in self.rows if row.left_out}


PUBLISHED = ("BrEaST", "BUS-BRA", "BUS-UCLM")
"""Names that the whole published sets alone earn, see `earned_name`: only their records are published."""


def the_folder(folder: str | Path, is_set: Callable[[Path], bool], layout: str) -> Path:
    """The folder that holds a set: `folder` itself or the one up to three folders down that does.

    Raises:
        DataError: if `folder` is missing or no directory, or if none or several in it hold the set.

    Example (not run):
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


MISSING = ("na", "n/a", "#n/a", "<na>", "nan", "none", "null", "-")
"""What programs write into a cell that holds nothing, in lower case; no patient is called so."""


def read_sheet(
    path: Path, columns: Sequence[str], filled: Sequence[str] = (), optional: Sequence[str] = ()
) -> pd.DataFrame:
    """A sheet as text without blanks around it; empty cells of the columns asked for are "".

    Rows in which all of these are empty are left out, such as those of a remark below the table.

    Args:
        path: of the sheet, an Excel workbook by its ending, else a CSV.
        columns: that must be there; others are kept.
        filled: those of them that may have no empty cell: what tells images and patients apart.
        optional: columns that are made, empty, where they are not there.

    Returns:
        One row per image; the index `line` counts the rows of the sheet from 1, as programs show them.

    Raises:
        DataError: if the sheet is damaged, empty, lacks a column or a cell.

    Example (not run):
        >>> read_sheet(Path("bus_data.csv"), ["ID", "Case", "Pathology"], ["ID", "Case"])
    """
    table = _workbook(path, columns) if path.suffix == ".xlsx" else read_csv_table(path, columns)
    asked = [*columns, *optional]
    table = table.assign(**{name: "" for name in optional if name not in table})
    cells = table[asked]
    table[asked] = cells.mask(cells.map(str.lower).isin(MISSING), "")
    table = table[(table[asked] != "").any(axis=1)]
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


def _workbook(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_excel(path, dtype=str, engine="openpyxl", keep_default_na=False)
    except Exception as error:  # a damaged workbook fails in a dozen ways, and each is mended the same way
        raise DataError(f"{path.name}: cannot be read ({error}). Download it again.") from error
    table = table.fillna("").map(clean).rename(columns=lambda name: clean(str(name)))
    if missing := [name for name in columns if name not in table]:
        raise DataError(
            f"{path.name}: no column {', '.join(missing)} (it has {', '.join(map(visible, table))}). "
            f"Expected {', '.join(columns)}; use the sheet as it was published."
        )
    return table.set_index(pd.RangeIndex(2, len(table) + 2, name="line"))


def strata_of(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, str]]:
    """Of each row, what it says in those of the columns that the sheet has.

    Example:
        >>> strata_of(pd.DataFrame({"BIRADS": ["4a"]}), ["BIRADS", "Device"])
        [{'BIRADS': '4a'}]
    """
    return [{name: row[name] for name in columns if name in row} for row in table.to_dict("records")]


def earned_name(name: str, published: Sequence[int], sheet: Path, words: Sequence[str]) -> str:
    """The name of a published set if the images per class are as many as published, else the folder's.

    Args:
        name: of the published set.
        published: images by class, in the order of `CLASSES`.
        sheet: its path.
        words: the class of each row.
    """
    counts = [sum(word.lower() == name for word in words) for name in CLASSES]
    return name if counts == list(published) else f"{name} layout in {sheet.parent.resolve().name}"


def entries_of(sheet: Sheet) -> tuple[list[Entry], list[str]]:
    """The complete images of a sheet in its order but those that it leaves out, and one line per fault.

    Returns:
        Entries and faults: those of the cells, an unknown class, a doubled id, a file that is missing; in a
        whole set also a lesion without a mask, or a file beside the images that no row names.

    Example (not run):
        >>> entries, faults = entries_of(sheet)
    """
    faults = [
        *sheet.faults,
        *(
            f"{sheet.path.name}: {id} stands in {count} rows. Expected one; remove the others."
            for id, count in Counter(row.id for row in sheet.rows).items()
            if count > 1
        ),
    ]
    entries = []
    for row in sheet.rows:
        wrong = _row_faults(row, sheet)
        faults += wrong
        if not wrong and not row.left_out:
            entries.append(Entry(row.id, CLASSES.index(row.word.lower()), row.image, row.masks))
    if sheet.whole:
        faults += [
            f"{path.parent.name}/{path.name}: not in {sheet.path.name}. Expected only files that it names; "
            "move it elsewhere."
            for path in unnamed(sheet)
        ]
    return entries, faults


def unnamed(sheet: Sheet) -> list[Path]:
    """Files in the folders of the images and masks that no row names."""
    named = {path for row in sheet.rows for path in (row.image, *row.masks, *row.beside)}
    return [
        path
        for folder in sorted({path.parent for path in named if path.parent.is_dir()})
        for path in listed(folder)
        if path not in named and path != sheet.path
        if sheet.whole or path.is_file()
    ]


def _row_faults(row: Row, sheet: Sheet) -> list[str]:
    mend = "download the set again" if sheet.whole else "add the file or mend the cell"
    faults = [
        f"{path.parent.name}/{path.name}: file is missing. {sheet.path.name} names it; {mend}."
        for path in (row.image, *row.masks, *row.beside)
        if not path.is_file()
    ]
    if unknown := class_fault(row.id, row.word, sheet.path.name):
        faults += unknown
    elif sheet.whole and row.word.lower() != "normal" and not row.masks:
        faults.append(
            f"{sheet.path.name}: {row.id} is {row.word.lower()} and names no mask. "
            "Expected one; mend the cell."
        )
    if sheet.whole and not row.case:
        faults.append(f"{sheet.path.name}: {visible(row.id)} names no case. Expected one; mend the cell.")
    return faults


def class_fault(id: str, word: str, sheet: str) -> list[str]:
    """The fault of a cell that names no class; empty for one that does."""
    if word.lower() in CLASSES:
        return []
    return [f"{sheet}: {id} has class {word!r}. Expected one of {', '.join(CLASSES)}; mend the cell."]


def load_sheet(sheet: Sheet, size: int = 128) -> Dataset:
    """Load the images of a sheet, decoded and resized just as BUSI's are, strictly: any fault is an error.

    Args:
        sheet: as the module of its set reads it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset. Its groups are the cases; an image of no case is a group of its own. Its table has the
        strata of the sheet and `case` beside BUSI's columns, and `left_out` says what is not in it and why.

    Raises:
        DataError: listing every fault by file name.

    Example (not run):
        >>> load_sheet(read_breast(Path("downloads/BrEaST"))).name
        'BrEaST'
    """
    entries, faults = entries_of(sheet)
    refuse(sheet.path.parent, faults, is_busi=False)
    if left_out := sheet.left_out:
        warnings.warn(
            f"{sheet.path.parent}: {len(left_out)} images are left out: {', '.join(left_out)} "
            f"({'; '.join(sorted(set(left_out.values())))}). The rest is loaded.",
            LeftOutWarning,
            stacklevel=2,
        )
    row_of = {row.id: row for row in sheet.rows}
    kept = [row_of[entry.id] for entry in entries]
    groups = [row.group for row in kept]
    data = load_entries(sheet.path.parent, entries, size, sheet.name, groups, sheet.read_mask)
    strata = pd.DataFrame([{"case": row.case, **row.strata} for row in kept], index=data.table.index)
    table = data.table.join(strata)
    return replace(data, table=table, origin="outside", left_out=left_out)
