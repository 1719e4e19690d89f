"""Notebook 2: what does a network see after preprocessing, and which images are kept for the test?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages.figures.facts import twin_shares
from busilib.pages.twins import COPIED, GROUPED, REPORTS, SEEDS, twins


def sentence() -> str:
    table = twins()
    r2, ours, copied = (table[table["split"] == name] for name in ("R2", GROUPED, COPIED))
    of_reports = table[table["split"].isin(list(REPORTS))].groupby("split")["share"].mean()
    return (
        f"**A random split tests partly on pictures that the model has seen.** Dividing the real BUSI as R2 "
        f"does, {r2['twins'].min()} to {r2['twins'].max()} of its {r2['test'].max()} test images have a "
        f"near-duplicate in training ({SEEDS} draws, mean {r2['twins'].mean():.1f}). From report to report "
        f"the mean share is {of_reports.min():.0f} to {of_reports.max():.0f}%, and "
        f"{copied['share'].mean():.0f}% where copies are made first, as R1's counts suggest; in "
        f"the grouped folds of this book it is {ours['share'].max():.0f}%."
    )


def picture() -> Figure:
    return twin_shares(twins())
