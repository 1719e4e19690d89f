"""How `busi data check` shows what it found, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busilib.data.busi.fingerprint import Comparison
from busilib.data.check import Outside, Report
from busilib.data.duplicates import THRESHOLD
from busilib.data.splits import FOLDS, REPEATS


def render(report: Report, console: Console) -> None:
    """Print a report for people; long lists are cut, `to_dict` has them in full.

    Example:
        >>> render(check("Dataset_BUSI_with_GT"), Console(quiet=True))
    """
    grid = Table.grid(padding=(0, 2))
    for name, lines in _rows(report).items():
        grid.add_row(Text(name, "bold"), Text("\n".join(lines)))
    console.print(Text(report.folder, "bold"), soft_wrap=True)
    console.print(grid)
    for fault in report.faults:
        console.print(Text(f"  {fault}", "red"), soft_wrap=True)


def _rows(report: Report) -> dict[str, list[str]]:
    images, masks = report.images, report.masks_per_image
    by_class = ", ".join(f"{count} {name}" for name, count in images.items())
    by_masks = ", ".join(f"{_count(count, 'image')} with {n}" for n, count in masks.items())
    (narrow, wide), (low, high) = report.width, report.height
    return {
        **({"Set": [f"{report.outside.name}, an outside set: for testing only"]} if report.outside else {}),
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
        **(_outside_rows(report.outside) if report.outside else _busi_rows(report)),
        "Faults": [str(len(report.faults) or "none")],
    }


def _busi_rows(report: Report) -> dict[str, list[str]]:
    compared, pixels = report.comparison, [report.verdict]
    assert compared is not None
    if compared.kind == "partly":
        differing = [f"{id}: {what}" for id, what in compared.differing.items()]
        lists = {
            "differing": differing,
            "missing or unreadable": compared.missing,
            "unknown": compared.unknown,
        }
        pixels += [f"{len(ids)} {name}: {_some(ids)}" for name, ids in lists.items() if ids]
    return {"Folds": [_folds(report, compared)], "Pixels": pixels}


def _outside_rows(found: Outside) -> dict[str, list[str]]:
    across = f"{_count(found.pairs_across, 'pair')} of near-duplicates above {THRESHOLD} lie in two of them"
    reasons: dict[str, list[str]] = {}
    for id, why in found.left_out.items():
        reasons.setdefault(why, []).append(id)
    where = f"near-duplicates above {THRESHOLD}" if found.against else "equal pixels (--busi DIR: near ones)"
    twins = [f"{pair['id']} = {pair['busi']}" for pair in found.shared]
    rows = {
        "Groups": [
            f"{_count(len(found.groups), 'group')}, the largest of "
            f"{_count(max(found.groups.values()), 'image')}; {across}"
        ],
        "Strata": [
            f"{name}: " + _some([f"{value or '(empty)'} {n}" for value, n in values.items()], most=6)
            for name, values in found.strata.items()
        ],
        "Left out": [f"{_count(len(ids), 'image')}, {why}: {_some(ids)}" for why, ids in reasons.items()],
        "Passed over": [
            f"{_count(len(found.unnamed), 'file')} not in the sheet: {_some(found.unnamed, most=6)}"
        ]
        if found.unnamed
        else [],
        "In BUSI too": [f"{_count(len(twins), 'image')} by {where}: {_some(twins)}"],
        "Not measurable": list(found.lacking),
    }
    return {name: lines or ["none"] for name, lines in rows.items()}


def _largest(groups: Sequence[Sequence[str]]) -> list[str]:
    """The largest groups, one a line, and how many more there are."""
    lines = [", ".join(ids) for ids in sorted(groups, key=len, reverse=True)[:8]]
    if len(groups) > 8:
        lines.append(f"and {len(groups) - 8} more; --json lists all, with their pairs")
    return lines or ["none"]


def _folds(report: Report, compared: Comparison) -> str:
    if compared.kind == "same":
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
