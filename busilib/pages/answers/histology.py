"""Notebook 8: what does a pixel accuracy of 95% mean, if the first epoch already has it?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages import tissue_claims
from busilib.pages.tissue_claims import claims, most_tumour
from busilib.reports.pencil.contradiction import harmonic


def sentence() -> str:
    found = claims()
    claimed, first, best, last = (
        found["pixel_accuracy", part]
        for part in ("test", "first epoch, validation", "best epoch, validation", "last epoch, validation")
    )
    precision, recall = found["tumor_precision", "test"], found["tumor_recall", "test"]
    return (
        f"**By itself, little.** R5's validation accuracy is {first:.4f} after the first epoch, {best:.4f} "
        f"at best and {last:.4f} after the last; the test accuracy that it claims is {claimed:.3f}. How much "
        "of that the commonest tissue alone would reach, it does not say. Its precision and recall of the "
        f"tumour give an F1 of {harmonic(precision, recall):.4f}, not {found['tumor_f1', 'test']:.4f} "
        "as it prints, and leave the tumour at most "
        f"{most_tumour(claimed, precision, recall):.0%} of the pixels. R5's data, BCSS, are not at hand, so "
        "nothing on this page is recorded on real tissue: it is arithmetic on what R5 prints."
    )


def picture() -> Figure:
    return tissue_claims.log()
