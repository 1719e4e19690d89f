"""Outlines of some of BUSI's masks, shipped so that pages can draw real shapes without a pixel of a picture.

`outlines.json` holds them with where they come from. To make it again:

    python -m busilib.data.busi.outlines Dataset_BUSI_with_GT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.measure import label, regionprops

from busilib.data.busi.catalog import scan
from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.images import decode
from busilib.data.polygons import Rings, rings_of

OF_EACH = 18
"""Outlines of benign and of malignant lesions; a normal image has none."""

EXTREMES = 3
"""How many of the smoothest and of the roughest of each class are among them."""

RULE = (
    "18 benign and 18 malignant lesions: all of near-duplicate groups in which a benign and a malignant "
    "image stand together; the 3 of highest and the 3 of lowest solidity (area over that of the convex hull, "
    "of the largest piece); the rest evenly spread over the ranks of lesion area as a share of the image. "
    "Of any other near-duplicate group only the first."
)

SOURCE = (
    "BUSI: W. Al-Dhabyani, M. Gomaa, H. Khaled, A. Fahmy, Dataset of breast ultrasound images, Data in Brief "
    "28:104863 (2020), doi 10.1016/j.dib.2019.104863. Outlines of its masks; several masks of one image are "
    "merged."
)


@dataclass(frozen=True, eq=False)
class Outline:
    """One outline.

    Attributes:
        id: of the image, such as "benign (1)".
        width, height: of the image in pixels, for its proportions.
        rings: see `busilib.data.polygons`.
    """

    id: str
    width: int
    height: int
    rings: Rings

    @property
    def label(self) -> str:
        """The class that BUSI gives the image."""
        return self.id.split(" ")[0]


def outlines_json(outlines: Sequence[Outline], about: dict[str, str]) -> str:
    """The text of a file of outlines: what it is, then one outline a line.

    Args:
        outlines: of true or of predicted masks.
        about: where they come from.

    Example:
        >>> read_outlines_text(outlines_json([Outline("benign (1)", 4, 2, [])], {}))[0].width
        4
    """
    lines = ",\n".join(json.dumps(vars(outline), separators=(",", ":")) for outline in outlines)
    return f'{{"about": {json.dumps(about, indent=1)},\n"outlines": [\n{lines}\n]}}\n'


def read_outlines_text(text: str) -> list[Outline]:
    """Outlines back from the text of their file."""
    return [Outline(**one) for one in json.loads(text)["outlines"]]


@lru_cache
def read_outlines() -> tuple[Outline, ...]:
    """The shipped outlines: benign before malignant, of each class the smoothest first.

    Example:
        >>> [outline.label for outline in read_outlines()][::35]
        ['benign', 'malignant']
    """
    text = files("busilib.data.busi").joinpath("outlines.json").read_text(encoding="utf-8")
    return tuple(read_outlines_text(text))


def outline_of(id: str) -> Outline:
    """A shipped outline by its id.

    Example:
        >>> outline_of("benign (42)").label
        'benign'
    """
    return {outline.id: outline for outline in read_outlines()}[id]


def solidity(mask: np.ndarray) -> float:
    """Area of the largest piece of a mask over the area of its convex hull: 1 where nothing is indented.

    Args:
        mask: bool (h, w), at least one pixel marked.

    Example:
        >>> solidity(np.ones((4, 4), bool))
        1.0
    """
    return float(max(regionprops(label(mask)), key=lambda piece: piece.area).solidity)


def chosen(shapes: pd.DataFrame) -> list[str]:
    """The ids that `RULE` chooses, of each class the smoothest first.

    Args:
        shapes: one row per image with a lesion: `id`, `class`, `group`, `solidity`, `share`.

    Example (not run):
        >>> len(chosen(shapes))
        36
    """
    lesions = shapes[shapes["class"] != "normal"]
    both = lesions.groupby("group")["class"].transform("nunique") > 1
    single = lesions[~both].drop_duplicates("group").sort_values("solidity", ascending=False, kind="stable")
    found = []
    for name in CLASSES[:2]:
        twins = lesions[both & (lesions["class"] == name)]
        own = single[single["class"] == name]
        ends = pd.concat([own.head(EXTREMES), own.tail(EXTREMES)])
        rest = own.drop(ends.index).sort_values("share", kind="stable")
        places = np.linspace(0, len(rest) - 1, OF_EACH - len(twins) - len(ends)).round().astype(int)
        members = pd.concat([twins, ends, rest.iloc[places]])
        found += members.sort_values("solidity", ascending=False, kind="stable")["id"].tolist()
    return found


def make(folder: str | Path) -> str:
    """The text of `outlines.json`, from BUSI.

    Args:
        folder: BUSI's.

    Example (not run):
        >>> Path("outlines.json").write_text(make("Dataset_BUSI_with_GT"))
    """
    entries, _ = scan(folder)
    masks = {entry.id: decode(entry).mask for entry in entries if entry.label != CLASSES.index("normal")}
    shapes = read_table().set_index("id").loc[list(masks)].reset_index()
    shapes["solidity"] = [solidity(mask) for mask in masks.values()]
    shapes["share"] = [mask.mean() for mask in masks.values()]
    outlines = [
        Outline(id, masks[id].shape[1], masks[id].shape[0], rings_of(masks[id])) for id in chosen(shapes)
    ]
    about = {
        "what": "outlines of lesions as they were drawn by hand, without pixels",
        "source": SOURCE,
        "chosen": RULE,
        "rings": "corners [x, y] in fractions of width and height, from the left and from the top; a point "
        "inside an odd number of rings is inside",
        "made by": "python -m busilib.data.busi.outlines FOLDER",
    }
    return outlines_json(outlines, about)


if __name__ == "__main__":
    sys.stdout.write(make(sys.argv[1]))
