"""Figures of the context controls: boxes that grow around a lesion, and what is known by margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from busilib.data.busi.outlines import Outline
from busilib.data.polygons import filled
from busilib.pages.figures.rungs import SIZE
from busilib.pages.figures.style import FIRST, NEUTRAL, SECOND, done, grid, show
from busilib.studies.context_controls import MARGINS, placebo_boxes
from busilib.studies.controls import grown_box

SHOWN = 0.1
"""The margin whose placebo is drawn."""


def margins_around(shown: Sequence[Outline], seed: int = 0) -> Figure:
    """A row of outlines, white on black, with the boxes that are painted out and one placebo.

    Args:
        shown: outlines.
        seed: of the placebos.

    Example (not run):
        >>> margins_around(read_outlines()[2:20:6])
    """
    figure, axes = grid(1, len(shown), cell=2.3)
    for axis, outline in zip(axes[0], shown, strict=True):
        mask = filled(outline.rings, (SIZE, SIZE))
        show(axis, mask * 255, outline.id)
        for margin in MARGINS:
            _frame(axis, grown_box(mask, margin), "0.95" if margin == SHOWN else "0.5")
        (placebo,) = placebo_boxes(grown_box(mask, SHOWN)[None], grown_box(mask, 0)[None], seed)
        _frame(axis, placebo, SECOND, "--")
    return figure


def _frame(axis, box: np.ndarray, colour: str, line: str = "-") -> None:
    rows, columns = np.nonzero(box)
    corner, width, height = (columns.min(), rows.min()), float(np.ptp(columns)), float(np.ptp(rows))
    axis.add_patch(Rectangle(corner, width, height, fill=False, ec=colour, ls=line, lw=1.6))


def by_margin(table: pd.DataFrame, words: Mapping[str, str], levels: Mapping[str, float]) -> Figure:
    """Dots with 95% intervals: area under the curve by margin, a line for each way to change an image.

    Args:
        table: columns `shown`, `margin` (per cent), `value`, `low` and `high`, as of
            `busilib.pages.surroundings.curves`.
        words: what each of up to three ways is called.
        levels: other figures to compare with, by name: horizontal lines.

    Example (not run):
        >>> by_margin(curves(study), WORDS, {"whole image": 0.92})
    """
    figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
    looks = ((FIRST, "o", "-"), (NEUTRAL, "s", "--"), (SECOND, "v", "-."))
    for number, (name, (colour, marker, line)) in enumerate(zip(words, looks, strict=False)):
        part = table[table["shown"] == name]
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            part["margin"] + 0.3 * (number - 1),
            part["value"],
            yerr=errors,
            fmt=f"{marker}{line}",
            color=colour,
            capsize=3,
            label=words[name],
        )
    for name, value in levels.items():
        axis.axhline(value, color=NEUTRAL, ls=":", lw=1.2)
        axis.annotate(
            name,
            (1, value),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=NEUTRAL,
            fontsize=9,
        )
    axis.set(xticks=sorted(table["margin"].unique()), ylabel="AUC, malignant\nagainst benign")
    axis.set_xlabel("added to each side of the lesion's box, % of the image's side")
    figure.legend(loc="outside upper left", ncols=len(words), frameon=False, fontsize=9)
    return done(figure)
