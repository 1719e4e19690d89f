"""Figures of records on common images, one panel each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from busilib.pages.figures.style import LOOKS, NEUTRAL, bars, done, dots
from busilib.pages.words import METRIC_NAMES

RECORDED = "recorded, grouped"


def panels(
    figures: Mapping[str, Mapping[str, dict]],
    keys: Sequence[str],
    baselines: Mapping[str, float] | None = None,
) -> Figure:
    """One panel a figure, one row a record: dots with 95% intervals, on common images.

    Args:
        figures: name of the row to figures, as `busilib.pages.common.on_common_images` gives them.
        keys: one panel each.
        baselines: figure to what a rule reaches that knows nothing, a dashed line.
    """
    rows = list(figures)
    colour, marker = LOOKS[RECORDED]
    figure, axes = plt.subplots(
        1,
        len(keys),
        figsize=(1.6 + 2.1 * len(keys), 1.2 + 0.42 * len(rows)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, key in zip(axes[0], keys, strict=True):
        if baselines and key in baselines:
            axis.axvline(baselines[key], color=NEUTRAL, ls="--", lw=1.2)
        for place, name in enumerate(rows):
            if (found := figures[name].get(key)) is None:
                continue
            dots(axis, [found], [place], fmt=marker, color=colour)
            side = -1 if found["value"] > 0.6 else 1
            end = found["value"] + (bars(found)[1, 0] if side > 0 else -bars(found)[0, 0])
            axis.annotate(
                f"{found['value']:.2f}",
                (end, place),
                (6 * side, -3),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                fontsize=9,
                bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
            )
        axis.set(xlim=(-0.05, 1.05), xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"))
        axis.set_title(METRIC_NAMES[key].replace(", ", ",\n"), fontsize=10)
        axis.grid(axis="y", visible=False)
    axes[0, 0].set(yticks=range(len(rows)), yticklabels=rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    return done(figure)
