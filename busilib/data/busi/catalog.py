"""Find the files of a BUSI folder and say exactly what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from busilib.data.dataset import CLASSES, DataError
from busilib.data.folders import a_folder, inside, listed, not_found, other_case

IMAGE_NAME = re.compile(r"^(?P<cls>benign|malignant|normal) \((?P<number>\d+)\)\.png$")
MASK_NAME = re.compile(r"^(?P<stem>(?:benign|malignant|normal) \(\d+\))_mask(?:_\d+)?\.png$")
LAYOUT = (
    "a folder with benign/, malignant/ and normal/, each holding `<class> (N).png` and `<class> (N)_mask.png`"
)
NAME = "Dataset_BUSI_with_GT"
"""What the folder is called in Kaggle's archive."""


@dataclass(frozen=True)
class Entry:
    """One image of a BUSI folder and the masks that belong to it.

    Attributes:
        id: file stem, for example "benign (1)".
        label: index into `CLASSES`.
        image: path of the image.
        masks: paths of its masks, at least one.
    """

    id: str
    label: int
    image: Path
    masks: tuple[Path, ...]


def busi_root(folder: str | Path) -> Path:
    """The folder that holds the class folders: `folder` itself or one up to three folders down.

    Where several at one depth do, it is the one of BUSI's own name.

    Raises:
        DataError: if `folder` is missing, is not a directory, or holds no class folder, or several do.

    Example (not run):
        >>> busi_root("downloads/breast-ultrasound-images-dataset")
        PosixPath('downloads/breast-ultrasound-images-dataset/Dataset_BUSI_with_GT')
    """
    folder = a_folder(
        folder, f"{LAYOUT}. `busi data fetch` downloads BUSI, `busi data phantom DIR` writes a synthetic one"
    )
    found = inside(folder, has_classes)
    if len(found) > 1:
        found = [path for path in found if path.name == NAME] or found
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found[:6])
        raise DataError(f"{folder}: class folders in several places: {names}. Name one of them.")
    raise not_found(folder, "no class folder found", f"{LAYOUT}; name the folder that holds these")


def has_classes(folder: Path) -> bool:
    """Whether a folder holds a class folder, in whichever case it is written."""
    try:
        return any(path.is_dir() and path.name.lower() in CLASSES for path in folder.iterdir())
    except OSError:
        return False


def refuse(folder: str | Path, faults: list[str], is_busi: bool = True) -> None:
    """Raise one error that lists the faults of a folder, the first twenty in full; none, no error.

    Args:
        folder: named in the error.
        faults: one line each.
        is_busi: whether `busi data check` can be asked for the rest.

    Raises:
        DataError: if there is any fault.
    """
    if faults:
        rest = "; `busi data check` lists all" if is_busi else ""
        more = f"\n  … and {len(faults) - 20} more{rest}" if len(faults) > 20 else ""
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise DataError(f"{folder}: {count}, nothing loaded:\n  " + "\n  ".join(faults[:20]) + more)


def scan(folder: str | Path) -> tuple[list[Entry], list[str]]:
    """Pair the images and masks of a BUSI folder by name, without decoding them.

    Args:
        folder: BUSI's folder or its parent.

    Returns:
        The complete images ordered by class and number, and one line per fault (a file that does not
        belong, an image without a mask, a mask without an image, an empty or missing class folder).

    Raises:
        DataError: if there is no BUSI folder at all (see `busi_root`).

    Example:
        >>> entries, faults = scan("Dataset_BUSI_with_GT")
        >>> len(entries), faults
    """
    root = busi_root(folder)
    entries: list[Entry] = []
    faults = [_stranger(path) for path in listed(root) if not (path.is_dir() and path.name in CLASSES)]
    for label, name in enumerate(CLASSES):
        found, wrong = _scan_class(root / name, label)
        entries += found
        faults += wrong
    return entries, faults


def _stranger(path: Path) -> str:
    """What is wrong with something beside the class folders."""
    if path.is_dir() and path.name.lower() in CLASSES:
        return f"{path.name}/: the folder is called {path.name}. Expected {path.name.lower()}; rename it."
    what = "/: unknown class folder" if path.is_dir() else ": a file beside the class folders"
    return f"{path.name}{what}. Expected only {', '.join(CLASSES)}; move it elsewhere."


def _scan_class(folder: Path, label: int) -> tuple[list[Entry], list[str]]:
    name = CLASSES[label]
    if not folder.is_dir():
        if other_case(name, [path.name for path in listed(folder.parent)]):
            return [], []  # told by `_stranger`
        return [], [f"{name}/: class folder is missing. Expected {LAYOUT}; download BUSI again."]
    images: dict[str, Path] = {}
    masks: dict[str, list[Path]] = {}
    faults = []
    for path in listed(folder):
        where = f"{name}/{path.name}"
        if not path.is_file():
            faults.append(f"{where}: not a file. BUSI holds only PNG files here; move it elsewhere.")
        elif path.suffix.lower() != ".png":
            faults.append(f"{where}: not a PNG file. BUSI holds only PNG files; convert or remove it.")
        elif (mask := MASK_NAME.match(path.name)) and mask["stem"].startswith(name):
            masks.setdefault(mask["stem"], []).append(path)
        elif (image := IMAGE_NAME.match(path.name)) and image["cls"] == name:
            images[path.stem] = path
        else:
            faults.append(
                f"{where}: name does not fit. Expected `{name} (N).png` or `{name} (N)_mask.png`; "
                "rename or move it."
            )
    if not images:
        faults.append(f"{name}/: class folder is empty: no `{name} (N).png` in it. Download BUSI again.")
    for stem in sorted(set(images) - set(masks)):
        faults.append(
            f"{name}/{stem}.png: mask is missing. Expected `{stem}_mask.png` beside it; "
            "add it or remove the image."
        )
    for stem in sorted(set(masks) - set(images)):
        faults.append(
            f"{name}/{masks[stem][0].name}: image is missing. Expected `{stem}.png` beside it; "
            "add it or remove the mask."
        )
    stems = sorted(set(images) & set(masks), key=lambda stem: (int(re.findall(r"\d+", stem)[0]), stem))
    return [Entry(stem, label, images[stem], tuple(masks[stem])) for stem in stems], faults
