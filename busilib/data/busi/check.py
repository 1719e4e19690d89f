"""A report on a BUSI folder: what it holds, what is wrong with it, and whether it is BUSI at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from busilib.data.busi.catalog import busi_root
from busilib.data.busi.fingerprint import Comparison, compare, read_facts, read_table, table_of
from busilib.data.dataset import CLASSES, DataError
from busilib.data.duplicates import THRESHOLD, THRESHOLDS, pairs_above, threshold_counts
from busilib.data.splits import FOLDS, REPEATS, check_folds


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
        comparison: with the shipped table of BUSI.
        faults: one line each, beginning with the file.
    """

    folder: str
    images: Mapping[str, int]
    masks_per_image: Mapping[int, int]
    width: tuple[int, int]
    height: tuple[int, int]
    n_sizes: int
    overlays: tuple[str, ...]
    duplicates: tuple[Mapping[str, float], ...]
    duplicate_pairs: tuple[Mapping[str, str | float], ...]
    duplicate_groups: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    folds_fault: str | None
    comparison: Comparison
    faults: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Whether these are BUSI's pixels, in one line."""
        total, same = len(read_table()), len(self.comparison.matching)
        return {
            "same": f"BUSI: all {total} images and their masks match the shipped table, pixel by pixel",
            "partly": f"not quite BUSI: {same} of {total} images match the shipped table with their masks",
            "other": "this is not BUSI: none of its images is in the shipped table",
        }[self.comparison.kind]

    def to_dict(self) -> dict:
        """The report as JSON can hold it, with `verdict` and the `kind` of the comparison."""
        report = asdict(self)
        report["comparison"]["kind"] = self.comparison.kind
        return {"verdict": self.verdict, **report}


def check(folder: str | Path) -> Report:
    """Read every file of a BUSI folder and report on it; no fault stops it.

    Args:
        folder: BUSI's folder or its parent.

    Returns:
        The report. A folder without faults is one that `busilib.data.images.load_busi` loads.

    Raises:
        DataError: if there is no BUSI folder, or not one image in it that can be decoded.

    Example:
        >>> check("Dataset_BUSI_with_GT").faults
        ()
    """
    root = busi_root(folder)
    facts, faults = read_facts(root)
    table = table_of(facts)
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
        folds_fault=_folds_fault(table),
        comparison=compare(table),
        faults=tuple(faults),
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


def render(report: Report, console: Console) -> None:
    """Print a report for people; long lists are cut, `to_dict` has them in full.

    Example:
        >>> render(check("phantoms"), Console())
    """
    grid = Table.grid(padding=(0, 2))
    for name, lines in _rows(report).items():
        grid.add_row(Text(name, "bold"), Text("\n".join(lines)))
    console.print(Text(report.folder, "bold"), soft_wrap=True)
    console.print(grid)
    for fault in report.faults:
        console.print(Text(f"  {fault}", "red"), soft_wrap=True)


def _rows(report: Report) -> dict[str, list[str]]:
    images, masks, compared = report.images, report.masks_per_image, report.comparison
    by_class = ", ".join(f"{count} {name}" for name, count in images.items())
    by_masks = ", ".join(f"{_count(count, 'image')} with {n}" for n, count in masks.items())
    (narrow, wide), (low, high) = report.width, report.height
    rows = {
        "Images": [f"{sum(images.values())}: {by_class}"],
        "Masks": [f"{sum(n * count for n, count in masks.items())}: {by_masks}"],
        "Sizes": [f"{narrow}–{wide} pixels wide, {low}–{high} high; {report.n_sizes} different"],
        "Coloured marks": [f"{_count(len(report.overlays), 'image')}: {_some(report.overlays)}"],
        "Near-duplicates": [
            f"correlation above {row['threshold']:.2f}: {_count(row['pairs'], 'pair')}, "
            f"{_count(row['groups'], 'group')}, {_count(row['images'], 'image')}"
            for row in report.duplicates
        ],
        f"Groups at {THRESHOLD}": _largest(report.duplicate_groups),
        "Label conflicts": [
            f"{_count(len(report.conflicts), 'group')} of near-duplicates with more than one label",
            *(f"  {', '.join(ids)}" for ids in report.conflicts),
        ],
        "Folds": [_folds(report)],
        "Pixels": [report.verdict],
        "Faults": [str(len(report.faults) or "none")],
    }
    if compared.kind == "partly":
        differing = [f"{id}: {what}" for id, what in compared.differing.items()]
        lists = {
            "differing": differing,
            "missing or unreadable": compared.missing,
            "unknown": compared.unknown,
        }
        rows["Pixels"] += [f"{len(ids)} {name}: {_some(ids)}" for name, ids in lists.items() if ids]
    return rows


def _largest(groups: Sequence[Sequence[str]], most: int = 8) -> list[str]:
    """The largest groups, one a line, and how many more there are."""
    lines = [", ".join(ids) for ids in sorted(groups, key=len, reverse=True)[:most]]
    if len(groups) > most:
        lines.append(f"and {len(groups) - most} more; --json lists all, with their pairs")
    return lines or ["none"]


def _folds(report: Report) -> str:
    if report.comparison.kind == "same":
        return (
            f"the shipped table busi_table.csv has {REPEATS} × {FOLDS} for these images, stratified, with "
            f"each group in one fold: columns fold_0 to fold_{REPEATS - 1}"
        )
    return report.folds_fault or f"{FOLDS} stratified folds can be made with each group in one fold"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("s" if n != 1 else "")


def _some(ids: Sequence[str], most: int = 16) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return (", ".join(ids[:most]) or "none") + more
