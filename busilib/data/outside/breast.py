"""BrEaST-Lesions-USG: 256 cases from Poland, with a clinical sheet (Pawłowska et al., Sci Data, 2024)."""

from __future__ import annotations

from pathlib import Path

from busilib.data.dataset import DataError, Dataset
from busilib.data.folders import listed
from busilib.data.outside.sheet import Row, Sheet, earned_name, load_sheet, read_sheet, strata_of, the_folder

LAYOUT = (
    "BrEaST: a workbook `BrEaST-….xlsx` and beside it a folder `…images_and_masks` with `case001.png` and "
    "`case001_tumor.png`"
)
IMAGES = "images_and_masks"
WHOLE = (154, 98, 4)
STRATA = (
    "BIRADS",
    "Age",
    "Tissue_composition",
    "Shape",
    "Margin",
    "Echogenicity",
    "Posterior_features",
    "Calcifications",
    "Verification",
    "Diagnosis",
)
COLUMNS = ("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Classification")


def is_breast(folder: Path) -> bool:
    """Whether a folder holds the workbook of BrEaST."""
    return any(folder.glob("BrEaST*.xlsx"))


def load_breast(folder: str | Path, size: int = 128) -> Dataset:
    """Load BrEaST at one working size, strictly: any fault is an error.

    The reference of an image is the mask of its tumour. The workbook's further masks (`Mask_other_filename`,
    in seven cases) are left out: the class of an image speaks of the tumour, and these are ducts, cysts and
    silicone implants, some of which fill half the image. Transparent pixels are laid over black.

    Args:
        folder: BrEaST's folder or the one above it.
        size: height and width in pixels to which images and masks are brought.

    Returns:
        The dataset in the order of the workbook; each case is a group.

    Raises:
        DataError: listing every fault by file name.

    Example (not run):
        >>> load_breast("downloads/BrEaST").table["class"].value_counts().to_dict()
        {'benign': 154, 'malignant': 98, 'normal': 4}
    """
    return load_sheet(read_breast(the_folder(folder, is_breast, LAYOUT)), size)


def read_breast(root: Path) -> Sheet:
    """The sheet of BrEaST.

    Args:
        root: the folder with the workbook.

    Raises:
        DataError: if the workbook cannot be read or lacks a column.
    """
    workbook = sorted(root.glob("BrEaST*.xlsx"))[0]
    table = read_sheet(workbook, COLUMNS, filled=COLUMNS[:2])
    images = _images(root)
    cells = table[list(COLUMNS)].itertuples(index=False)
    rows = tuple(
        Row(
            id=Path(image).stem,
            word=word,
            case=case,
            image=images / image,
            masks=_files(images, tumour),
            beside=_files(images, other),
            strata=strata,
        )
        for (case, image, tumour, other, word), strata in zip(cells, strata_of(table, STRATA), strict=True)
    )
    name = earned_name("BrEaST", WHOLE, workbook, [row.word for row in rows])
    return Sheet(workbook, name, rows)


def _images(root: Path) -> Path:
    """The folder of the images beside the workbook, or where there is none, that of the workbook."""
    beside = [path for path in listed(root) if path.is_dir() and IMAGES in path.name.lower()]
    if not beside:
        return root
    if IMAGES not in beside[0].name:
        raise DataError(f"{root}: the folder is called {beside[0].name}. Expected …{IMAGES}; rename it.")
    return beside[0]


def _files(folder: Path, cell: str) -> tuple[Path, ...]:
    """The files that a cell names; several are joined by "&"."""
    return tuple(folder / name.strip() for name in cell.split("&") if name.strip())
