"""What is written into the prose pages when the book is built, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from busilib.pages import (
    both_tasks,
    cards,
    comparisons,
    explore,
    generated,
    headline,
    own_set,
    primary,
    protocol_gap,
    standing,
)
from busilib.pages import submitted as submission

PARTS: Mapping[str, Callable[[Path], str]] = {
    "findings": headline.findings,
    "headline": headline.figure,
    "answers": headline.pages,
    "standing-in-short": standing.in_short,
    "standing": standing.standing,
    "primary": primary.primary,
    "comparisons": comparisons.comparisons,
    "both-tasks": both_tasks.told,
    "protocol-gap": lambda root: protocol_gap.told(protocol_gap.made()),
    "claims-in-short": generated.claims_in_short,
    "claims": generated.claims,
    "evaluate": submission.example,
    "own-data-set": lambda root: own_set.example(),
    "explore-abstention": explore.abstention,
    "explore-duplicates": explore.duplicates,
    "out-of-fold": cards.out_of_fold,
    "calibration": cards.calibration,
    "outside": cards.outside,
    "duplicate-threshold": cards.duplicate_threshold,
    "throughput": cards.throughput,
    "shipped-table": cards.shipped_table,
    "shipped-model": cards.shipped_model,
    "bibtex": cards.bibtex,
    "tripod-tally": lambda root: cards.tally(root / "book" / "tripod_ai.md"),
    "claim-tally": lambda root: cards.tally(root / "book" / "claim_checklist.md"),
}
"""What stands in for `<!-- generated:NAME -->` on a page, given the repository."""


def fill(text: str, root: Path) -> str:
    """A page with its generated parts put in; only those that it asks for are made.

    Example:
        >>> fill("<!-- generated:shipped-table -->", Path(".")).startswith("780 images")
        True
    """
    for name, part in PARTS.items():
        mark = f"<!-- generated:{name} -->"
        if mark in text:
            text = text.replace(mark, part(root))
    return text
