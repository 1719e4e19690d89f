"""The plan's fourteen comparisons (`book/plan.md`), with p-values that know how many they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.metrics.comparison import holm, seeds_difference
from busilib.metrics.figure import Figure
from busilib.metrics.measure import FIGURES
from busilib.metrics.operating_point import at_operating_point
from busilib.metrics.repeats import repeated_difference
from busilib.pages.common import groups_by_id, signed
from busilib.pages.figures.protocols import AS_DID, GROUPED
from busilib.pages.generated import markdown_table
from busilib.pages.shipped import PROFILE
from busilib.pages.words import METRIC_NAMES
from busilib.reports.registry import experiment
from busilib.runs.protocols import protocol_named
from busilib.runs.records import Part, counted, find_parts, joined

LEVEL, REPEATS = 0.05, 5
DRAWS = 10_000
"""Bootstrap draws behind a p-value that is multiplied by up to fourteen: with 1,000 a single one decides."""


@dataclass(frozen=True)
class ByProtocol:
    """One network as a report did it and in grouped folds, on other images; paired by seed.

    Attributes:
        number: in the plan.
        id: of the network.
        protocol: as whose report.
        figure: what is compared.
    """

    number: int
    id: str
    protocol: str
    figure: str

    @property
    def words(self) -> str:
        """What is compared, in words."""
        return f"`{self.id}` as {self.protocol.removeprefix('as-').upper()} did it, minus grouped"


@dataclass(frozen=True)
class OnSameImages:
    """Two networks, or two ways to read one, on the same images.

    Attributes:
        number: in the plan.
        one, other: ids of the networks; the same where one of them is read at its operating point.
        figure: what is compared.
        words: what is compared, in words.
    """

    number: int
    one: str
    other: str
    figure: str
    words: str


COMPARISONS: tuple[ByProtocol | OnSameImages, ...] = (
    *(ByProtocol(k, "own-clf", f"as-r{k}", "macro_f1") for k in (1, 2, 3, 4)),
    ByProtocol(5, "own-seg", "as-r1", "lesion_dice"),
    ByProtocol(6, "own-seg", "as-r2", "lesion_dice"),
    ByProtocol(7, "own-seg", "as-r4", "lesion_dice"),
    OnSameImages(8, "own-clf", "own-clf", "macro_f1", "`own-clf` at its operating point, minus as it is"),
    OnSameImages(9, "own-multi-clf", "own-clf", "macro_auc", "`own-multi-clf` minus `own-clf`"),
    OnSameImages(10, "own-multi-seg", "own-seg", "lesion_dice", "`own-multi-seg` minus `own-seg`"),
    OnSameImages(11, "own-clf-128", "own-clf", "macro_auc", "`own-clf` at 128 pixels, minus 224"),
    OnSameImages(12, "own-clf-letterbox", "own-clf", "macro_auc", "`own-clf` letterboxed, minus stretched"),
    OnSameImages(13, "own-clf-frozen", "own-clf", "macro_auc", "`own-clf` frozen, minus fine-tuned"),
    OnSameImages(
        14, "own-clf-scratch", "own-clf", "macro_auc", "`own-clf` from random weights, minus from ImageNet's"
    ),
)


@dataclass(frozen=True, eq=False)
class Compared:
    """What a comparison came to.

    Attributes:
        asked: the comparison.
        found: the difference with its interval.
        p: two-sided, of this comparison alone.
        behind: what the difference was measured on, in words.
        repeats: of two protocols, both sides of every repeat (see `by_seed`).
    """

    asked: ByProtocol | OnSameImages
    found: Figure
    p: float
    behind: str
    repeats: pd.DataFrame | None = None


def by_seed(comparison: ByProtocol, folder: Path | None = None) -> pd.DataFrame:
    """The figure of both sides, on fold 0 where there are folds, for every seed that both have.

    Args:
        comparison: of two protocols.
        folder: of results; the project's, unless given.

    Returns:
        Index `seed`; columns `as the report did`, `grouped`, and `ratio`: test over training images, of the
        two sides the larger.

    Example (not run):
        >>> by_seed(COMPARISONS[1])["as the report did"].mean()
    """
    rows: dict[int, dict] = {}
    for column, protocol in ((AS_DID, comparison.protocol), (GROUPED, "grouped")):
        for part in find_parts(comparison.id, PROFILE, protocol, folder=folder):
            if part.fold == 0:
                row = rows.setdefault(part.seed, {"ratio": 0.0})
                row[column] = _value(part, comparison.figure)
                row["ratio"] = max(row["ratio"], _test_over_train(part))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[AS_DID, GROUPED, "ratio"])
    return table.dropna().sort_index().rename_axis("seed")


def _value(part: Part, key: str) -> float:
    task = experiment(part.facts["spec"]["experiment"]).task
    return float(FIGURES[task][0](part.tables["predictions"])[key])


def _test_over_train(part: Part) -> float:
    """Copies of an image are no more images."""
    split, copies = part.facts["split"], protocol_named(part.facts["spec"]["protocol"]).copies
    return split["test"] * (1 + copies) / split["train"]


def compared(comparison: ByProtocol | OnSameImages, folder: Path | None = None) -> Compared | None:
    """The difference of a comparison with its interval and p, or None where a side is not recorded in full.

    Args:
        comparison: of the plan.
        folder: of results; the project's, unless given.

    Example (not run):
        >>> compared(COMPARISONS[7]).p
    """
    if isinstance(comparison, ByProtocol):
        return _of_protocols(comparison, folder)
    return _of_images(comparison, folder)


def _of_protocols(comparison: ByProtocol, folder: Path | None) -> Compared | None:
    table = by_seed(comparison, folder)
    if len(table) < REPEATS:  # no look before the plan is run
        return None
    gaps = table[AS_DID] - table[GROUPED]
    found = repeated_difference(gaps.tolist(), table["ratio"].max())
    figure = Figure(found["value"], found["low"], found["high"], len(table))
    return Compared(comparison, figure, found["p"], f"{len(table)} repeats", table)


def _of_images(comparison: OnSameImages, folder: Path | None) -> Compared | None:
    one, other = (_by_place(id, folder) for id in (comparison.one, comparison.other))
    kept = counted([other[place] for place in other if place in one])
    if not kept:
        return None
    places = [(part.seed, part.fold) for part in kept]
    table = joined([one[place] for place in places], "predictions")
    if comparison.one == comparison.other:
        table = at_operating_point(table, joined(kept, "validation"))
    ids = table["id"].drop_duplicates().tolist()
    task = experiment(comparison.other).task
    found = seeds_difference(
        task, comparison.figure, table, joined(kept, "predictions"), groups_by_id(ids), DRAWS
    )
    seeds = len({seed for seed, _ in places})
    return Compared(
        comparison, found.figure, found.p, f"{len(ids)} images, {seeds} seed{'s' if seeds > 1 else ''}"
    )


def _by_place(id: str, folder: Path | None) -> dict[tuple[int, int], Part]:
    """The grouped parts of a network by seed and fold."""
    return {(part.seed, part.fold): part for part in find_parts(id, PROFILE, folder=folder)}


@cache
def all_compared(folder: Path | None = None) -> tuple[list[Compared], list[float]]:
    """Every comparison that can be made, with p-values by Holm over all of the plan; once a process.

    Those that are not run yet count as if they had found nothing, which is careful: with them the others'
    p-values can only become smaller.

    Args:
        folder: of results; the project's, unless given.

    Returns:
        What was compared, and the corrected p of each.

    Example (not run):
        >>> found, corrected = all_compared()
    """
    found = [one for asked in COMPARISONS if (one := compared(asked, folder))]
    missing = [1.0] * (len(COMPARISONS) - len(found))
    return found, holm(np.array([*(one.p for one in found), *missing]))[: len(found)].tolist()


def comparisons(root: Path) -> str:
    """The table of the plan's comparisons, as Markdown.

    Args:
        root: the repository, whose `results/` are read.

    Example:
        >>> comparisons(Path(".")).startswith("| number |")
        True
    """
    found, corrected = all_compared(root / "results")
    told = {one.asked.number: (one, p) for one, p in zip(found, corrected, strict=True)}
    rows = []
    for asked in COMPARISONS:
        head = [str(asked.number), f"{asked.words}: {METRIC_NAMES[asked.figure]}"]
        if asked.number not in told:
            rows.append([*head, "not run yet", "–", "–"])
            continue
        one, p = told[asked.number]
        verdict = "differs" if p < LEVEL else "no clear difference"
        rows.append([*head, f"{signed(one.found.to_dict(), 3)}, {one.behind}", _p(p), verdict])
    return markdown_table(["number", "compared", "difference", "p, by Holm", "verdict"], "rllrl", rows)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
