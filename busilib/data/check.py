"""A report on a folder of BUSI or of an outside set: what it holds, what is wrong with it, what it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from busilib.data.busi import catalog
from busilib.data.busi.fingerprint import (
    Comparison,
    Facts,
    compare,
    facts_of,
    read_facts,
    read_table,
    table_of,
)
from busilib.data.dataset import CLASSES, DataError
from busilib.data.duplicates import THRESHOLD, THRESHOLDS, pairs_above, threshold_counts
from busilib.data.lacking import lacking
from busilib.data.outside.sets import LAYOUTS, is_outside, read_outside
from busilib.data.outside.sheet import Row, Sheet, entries_of, the_folder, unnamed
from busilib.data.splits import FOLDS, check_folds
from busilib.paths import expanded


@dataclass(frozen=True)
class Outside:
    """What a report says of an outside set alone.

    Attributes:
        name: of the set, as in records.
        groups: number of images in each group; an image of no group is one of its own.
        pairs_across: near-duplicates above 0.95 whose two images are of different groups.
        strata: by column of the sheet, how many images have each value, most frequent first.
        left_out: by id, why the loader leaves an image out.
        unnamed: files beside the images that the sheet does not name and that are passed over.
        lacking: what cannot be measured on it, see `busilib.data.lacking.lacking`.
        shared: `id`, its twin in `busi` and their `correlation`: pictures that BUSI has too. Without BUSI's
            folder, those with equal pixels only.
        against: the folder of BUSI that they were looked for in, "" for the shipped table.
    """

    name: str
    groups: Mapping[str, int]
    pairs_across: int
    strata: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, str]
    unnamed: tuple[str, ...]
    lacking: tuple[str, ...]
    shared: tuple[Mapping[str, str | float], ...]
    against: str


@dataclass(frozen=True)
class Report:
    """What `check` finds. Counts are of the images that can be decoded; the others are among the faults.

    Attributes:
        folder: with the class folders.
        images: number of images per class.
        masks_per_image: number of images per number of mask files.
        width: smallest and largest, in original pixels.
        height: smallest and largest.
        n_sizes: number of different sizes.
        overlays: ids of images with coloured marks.
        duplicates: per threshold of correlation `threshold`, `pairs`, `groups` and `images` in them.
        duplicate_pairs: ids `first` and `second` of each pair above 0.95 and their `correlation`, most alike
            first.
        duplicate_groups: ids of each group at 0.95.
        conflicts: those of the groups that hold more than one class.
        folds_fault: why no grouped folds can be made of these images, or None.
        comparison: with the shipped table of BUSI; None for an outside set.
        faults: one line each, beginning with the file.
        outside: what is said of an outside set alone; None for a folder in BUSI's layout.
    """

    folder: str
    images: Mapping[str, int]
    masks_per_image: Mapping[int, int]
    width: tuple[int, int]
    height: tuple[int, int]
    n_sizes: int
    overlays: tuple[str, ...]
    duplicates: tuple[Mapping[str, Any], ...]
    duplicate_pairs: tuple[Mapping[str, str | float], ...]
    duplicate_groups: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    folds_fault: str | None
    comparison: Comparison | None
    faults: tuple[str, ...]
    outside: Outside | None = None

    @property
    def verdict(self) -> str:
        """Whether these are BUSI's pixels, or which outside set it is, in one line."""
        if self.outside:
            return f"{self.outside.name}: an outside set"
        assert self.comparison is not None  # what is no outside set was compared
        total, same = len(read_table()), len(self.comparison.matching)
        return {
            "same": f"BUSI: all {total} images and their masks match the shipped table, pixel by pixel",
            "partly": f"not quite BUSI: {same} of {total} images match the shipped table with their masks",
            "other": "this is not BUSI: none of its images is in the shipped table",
        }[self.comparison.kind]

    def to_dict(self) -> dict:
        """The report as JSON can hold it, with `verdict` and the `kind` of the comparison."""
        report = asdict(self)
        if self.comparison:
            report["comparison"]["kind"] = self.comparison.kind
        return {"verdict": self.verdict, **report}


def check(folder: str | Path, busi: str | Path = "") -> Report:
    """Read every file of a BUSI folder or of an outside set and report on it; no fault stops it.

    Args:
        folder: of BUSI or of one of the outside sets, or the one above it.
        busi: BUSI's folder, to look for pictures of an outside set in; empty for its shipped table, which
            knows equal pixels only.

    Returns:
        The report. A folder without faults is one that `busilib.data.loader.load_busi` loads, or
        `busilib.data.outside.sets.load_outside`.

    Raises:
        DataError: if the folder holds neither, or not one image that can be decoded.

    Example:
        >>> check("Dataset_BUSI_with_GT").faults
        ()
    """
    folder = expanded(folder)
    if not folder.is_dir():
        catalog.busi_root(folder)  # says what there should be
    if is_outside(folder):
        return _check_outside(read_outside(folder), busi)
    root = the_folder(folder, _is_set, f"BUSI ({catalog.LAYOUT}) or an outside set ({LAYOUTS})")
    return _check_outside(read_outside(root), busi) if is_outside(root) else _check_busi(root)


def _is_set(folder: Path) -> bool:
    return is_outside(folder) or catalog.has_classes(folder)


def _check_busi(root: Path) -> Report:
    facts, faults = read_facts(root)
    table = table_of(facts)
    folds_fault, comparison = _folds_fault(table), compare(table)
    return _report(root, facts, table, faults, folds_fault=folds_fault, comparison=comparison)


def _check_outside(sheet: Sheet, busi: str | Path) -> Report:
    root = sheet.path.parent
    entries, faults = entries_of(sheet)
    facts, faults = facts_of(root, entries, faults, sheet.read_mask)
    rows = {row.id: row for row in sheet.rows}
    kept = [rows[each.id] for each in facts]
    table = table_of(facts)
    found = Outside(
        name=sheet.name,
        groups=dict(Counter(row.group for row in kept)),
        pairs_across=_across(kept, facts),
        strata={
            name: dict(Counter(row.strata[name] for row in kept).most_common()) for name in kept[0].strata
        },
        left_out=sheet.left_out,
        unnamed=() if sheet.whole else tuple(path.relative_to(root).as_posix() for path in unnamed(sheet)),
        lacking=lacking(table.assign(case=[row.case for row in kept])),
        shared=_shared(facts, busi),
        against=str(busi),
    )
    return _report(root, facts, table, faults, folds_fault=None, comparison=None, outside=found)


def _report(
    root: Path, facts: Sequence[Facts], table: pd.DataFrame, faults: Sequence[str], **others
) -> Report:
    thumbnails = np.array([each.thumbnail for each in facts])
    counts = threshold_counts(thumbnails, THRESHOLDS)
    return Report(
        folder=str(root),
        images={name: int((table["class"] == name).sum()) for name in CLASSES},
        masks_per_image=dict(sorted(Counter(table["n_masks"].tolist()).items())),
        width=(int(table["width"].min()), int(table["width"].max())),
        height=(int(table["height"].min()), int(table["height"].max())),
        n_sizes=len(table[["width", "height"]].drop_duplicates()),
        overlays=tuple(each.id for each in facts if each.overlay),
        duplicates=tuple(counts.to_dict("records")),
        duplicate_pairs=_pairs(table, thumbnails),
        duplicate_groups=_groups(table),
        conflicts=_groups(table[table["label_conflict"]]),
        faults=tuple(faults),
        **others,
    )


def _across(rows: Sequence[Row], facts: Sequence[Facts]) -> int:
    """Near-duplicates whose two images are of different groups."""
    pairs = pairs_above(np.array([each.thumbnail for each in facts]))
    groups = np.array([row.group for row in rows])
    return int((groups[pairs["first"]] != groups[pairs["second"]]).sum())


def _shared(facts: Sequence[Facts], busi: str | Path) -> tuple[dict, ...]:
    """The picture of BUSI that each is most like, if above the threshold; without BUSI, of equal pixels."""
    if not busi:
        twins = read_table().drop_duplicates("image_sha256").set_index("image_sha256")["id"]
        same = [each for each in facts if each.image_sha256 in twins]
        return tuple({"id": each.id, "busi": twins[each.image_sha256], "correlation": 1.0} for each in same)
    theirs, _ = read_facts(busi)
    alike = np.array([each.thumbnail for each in facts]) @ np.array([each.thumbnail for each in theirs]).T
    return tuple(
        {"id": each.id, "busi": theirs[row.argmax()].id, "correlation": round(float(row.max()), 4)}
        for each, row in zip(facts, alike, strict=True)
        if row.max() > THRESHOLD
    )


def _pairs(table: pd.DataFrame, thumbnails: np.ndarray) -> tuple[dict, ...]:
    pairs, ids = pairs_above(thumbnails), table["id"].to_numpy()
    named = pairs.assign(
        first=ids[pairs["first"]],
        second=ids[pairs["second"]],
        correlation=pairs["correlation"].astype(float).round(4),
    )
    return tuple(named.to_dict("records"))


def _folds_fault(table: pd.DataFrame) -> str | None:
    try:
        check_folds(table["class"].map(CLASSES.index).to_numpy(), table["group"].to_numpy(), FOLDS)
    except DataError as error:
        return str(error)
    return None


def _groups(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    groups = (tuple(ids) for _, ids in table.groupby("group", sort=True)["id"])
    return tuple(ids for ids in groups if len(ids) > 1)
