"""BUS-UCLM: 683 images of 38 patients from Ciudad Real (Vallez et al., Scientific Data, 2025)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.folders import subfolder
from busilib.data.masks import mark
from busilib.data.outside.sheet import Row, Sheet, earned_name, load_sheet, read_sheet, strata_of, the_folder
from busilib.data.png import open_png

LAYOUT = (
    "BUS-UCLM: `INFO.csv` and beside it folders `images` and `masks`, each with files such as `ALWI_000.png`"
)
WHOLE = (174, 90, 419)
STRATA = ("Doppler", "Marks", "Combined")
COLUMNS = ("Image", "Label")
MISMATCHED = "HESN"
"""The patient whose published images have another size than their masks."""


def is_bus_uclm(folder: Path) -> bool:
    """Whether a folder holds the sheet of BUS-UCLM."""
    return (folder / "INFO.csv").is_file()


def load_bus_uclm(folder: str | Path, size: int = 128) -> Dataset:
    """Load BUS-UCLM at one working size; any fault is an error but one that the published set has.

    The images of patient HESN (13 of them) are smaller than their masks. They are left out by name, with a
    `LeftOutWarning` and in the dataset's `left_out`; the rest is loaded.

    Args:
        folder: BUS-UCLM's folder or the one above it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset in the order of the sheet; the images of a patient are a group.

    Raises:
        DataError: listing every fault by file name, such as a mask whose colour is not that of its label.

    Example (not run):
        >>> len(load_bus_uclm("downloads/BUS-UCLM"))
        670
    """
    return load_sheet(read_bus_uclm(the_folder(folder, is_bus_uclm, LAYOUT)), size)


def read_bus_uclm(root: Path) -> Sheet:
    """The sheet of BUS-UCLM.

    Args:
        root: the folder with `INFO.csv`.

    Raises:
        DataError: if the sheet cannot be read or lacks a column.
    """
    path = root / "INFO.csv"
    table = read_sheet(path, COLUMNS, filled=COLUMNS[:1])
    images, masks = subfolder(root, "images"), subfolder(root, "masks")
    rows = []
    for (file, word), strata in zip(
        table[list(COLUMNS)].itertuples(index=False), strata_of(table, STRATA), strict=True
    ):
        id = Path(file).stem
        image, mask = images / f"{id}.png", masks / f"{id}.png"
        case = id.split("_")[0]
        why = "another size than its mask, a fault of the published set"
        left_out = why if case == MISMATCHED and _differ(image, mask) else ""
        rows.append(Row(id, word, case, image, (mask,), strata=strata, left_out=left_out))
    name = earned_name("BUS-UCLM", WHOLE, path, [row.word for row in rows])
    return Sheet(path, name, tuple(rows), read_mask=coloured)


def coloured(path: Path, label: int) -> np.ndarray:
    """Where a mask is green (benign) or red (malignant), bool (h, w).

    A malignant image may show a benign lesion too; both count. Any other mixture contradicts the label.

    Raises:
        DataError: if there is another colour, or a colour that does not go with the label.
    """
    where = f"{path.parent.name}/{path.name}"
    channels = np.moveaxis(np.asarray(open_png(path).convert("RGB")), 2, 0)
    try:
        red, green, blue = (mark(channel).lesion for channel in channels)
    except DataError as error:
        raise DataError(f"{where}: a colour with {error}") from error
    if (blue | (red & green)).any():
        y, x = np.argwhere(blue | (red & green))[0]
        colour = tuple(channels[:, y, x].tolist())
        raise DataError(
            f"{where}: other colours than black, green and red, such as rgb{colour}. Use the published mask."
        )
    found = {"benign": green.any(), "malignant": red.any()}
    name = CLASSES[label]
    fits = {"benign": not found["malignant"], "malignant": True, "normal": not any(found.values())}
    if not fits[name] or not found.get(name, True):
        seen = " and ".join(key for key, there in found.items() if there) or "nothing"
        raise DataError(
            f"{where}: marks {seen}, but INFO.csv calls the image {name}. "
            "Expected green for benign, red for malignant, black for normal; mend the label or the mask."
        )
    return red | green


def _differ(image: Path, mask: Path) -> bool:
    """Whether two images are there and differ in size; damaged files are judged when they are decoded."""
    try:
        with Image.open(image) as one, Image.open(mask) as other:
            return one.size != other.size
    except OSError:
        return False
