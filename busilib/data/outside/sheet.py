"""What the sets have in common: a sheet names each image, its class, its case and its masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from busilib.data.busi.catalog import IGNORED, Entry, refuse
from busilib.data.dataset import CLASSES, DataError, Dataset
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
    """The folder that holds a set: `folder` itself or the one folder in it that does.

    Raises:
        DataError: if `folder` is missing or no directory, or if none or several in it hold the set.

    Example:
        >>> the_folder("downloads", lambda path: (path / "bus_data.csv").is_file(), LAYOUT)
        PosixPath('downloads/BUSBRA')
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        what = "is a file, not a directory" if folder.exists() else "does not exist"
        raise DataError(f"{folder}: {what}. Expected {layout}.")
    if is_set(folder):
        return folder
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    found = [path for path in inside if is_set(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{folder}: several sets in it: {', '.join(path.name for path in found)}. Name one.")
    held = ", ".join(path.name for path in sorted(folder.iterdir())[:6]) or "nothing"
    raise DataError(f"{folder}: not recognised (it holds {held}). Expected {layout}; name that folder.")


def read_sheet(path: Path, columns: Sequence[str], read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    """The columns of a sheet as text without blanks around it; empty cells are "".

    Args:
        path: of the sheet.
        columns: that must be there.
        read: from the path to a table of text.

    Raises:
        DataError: if the sheet is damaged, empty, or lacks a column.

    Example:
        >>> read_sheet(Path("bus_data.csv"), ["ID", "Case"], partial(pd.read_csv, dtype=str))
    """
    try:
        table = read(path)
    except Exception as error:  # a damaged workbook fails in a dozen ways, and each is mended the same way
        raise DataError(f"{path.name}: cannot be read ({error}). Download it again.") from error
    if missing := [name for name in columns if name not in table]:
        raise DataError(
            f"{path.name}: no column {', '.join(missing)}. Expected {', '.join(columns)}; "
            "use the sheet as it was published."
        )
    if table.empty:
        raise DataError(f"{path.name}: no rows. Expected one for each image; download it again.")
    return table[list(columns)].fillna("").map(str.strip)


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
            for path in sorted(folder.iterdir())
            if path not in named and path != sheet and path.name not in IGNORED
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
