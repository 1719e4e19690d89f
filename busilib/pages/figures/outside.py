"""Figures of a model away from home: what the pictures look like there, and what is left of its figures."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from busilib.data.dataset import CLASSES, Dataset
from busilib.metrics.malignancy import malignancy_score
from busilib.pages.figures.style import (
    FIRST,
    NEUTRAL,
    PALETTE,
    REFERENCE,
    SECOND,
    done,
    grid,
    outline,
    plots,
    show,
)

EXAMPLES = 3
"""Images of each class and set."""


def two_sets(inside: Dataset, outside: Dataset, seed: int = 0) -> Figure:
    """Grid: random benign and malignant images of two sets, one row each, the reference outline in yellow."""
    rng = np.random.default_rng(seed)
    shown = CLASSES[:2]
    figure, axes = grid(2, EXAMPLES * len(shown), cell=1.8)
    for row, data in zip(axes, (inside, outside), strict=True):
        chosen = [
            index
            for label in range(len(shown))
            for index in rng.choice(np.flatnonzero(data.labels == label), EXAMPLES, replace=False)
        ]
        for axis, index in zip(row, chosen, strict=True):
            show(axis, data.images[index], f"{data.name}, {data.table['class'][index]}\n{data.ids[index]}")
            axis.title.set_fontsize(7)
            outline(axis, data.masks[index], REFERENCE)
    return figure


def inside_and_outside(drops: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Dots with 95% intervals: left the figures inside and outside, right their difference.

    Args:
        drops: as `busilib.studies.outside_sets.drops` returns it.
        names: what the figures are called.
    """
    rows = list(dict.fromkeys(drops[["experiment", "figure", "outside"]].itertuples(index=False, name=None)))
    sets = drops["outside"].unique()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 1.4 + 0.42 * len(rows)), sharey=True, width_ratios=(3, 2), layout="constrained"
    )
    places = {row: place for place, row in enumerate(rows)}
    at = drops.apply(lambda drop: places[drop["experiment"], drop["figure"], drop["outside"]], axis=1)
    for axis, where, label, colour, marker, offset in (
        (left, "inside", f"inside: {drops['inside'].iloc[0]}", FIRST, "o", -0.14),
        (left, "outside", f"outside: {', '.join(sets)}", SECOND, "D", 0.14),
        (right, "difference", "outside − inside", NEUTRAL, "s", 0),
    ):
        part = drops[drops["where"] == where]
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            part["value"],
            at[part.index] + offset,
            xerr=errors,
            fmt=marker,
            color=colour,
            label=label,
            capsize=3,
        )
    left.set(xlim=(-0.02, 1.02), xlabel="value", ylim=(len(rows) - 0.5, -0.5))
    labels = [f"{id}\n{names[key]}" + (f", {where}" if len(sets) > 1 else "") for id, key, where in rows]
    left.set(yticks=range(len(rows)), yticklabels=labels)
    left.tick_params(axis="y", labelsize=9)
    right.axvline(0, color="0.6", linewidth=1)
    right.set(xlabel="outside − inside")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False, fontsize=9
    )
    return done(figure)


def malignancy_scores(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Cumulative curves: malignancy scores by true class in each set; frozen thresholds are dotted.

    Args:
        tables: name of network and set to rows with `true`, the class probabilities and `threshold`.
    """
    figure, axes = plots(len(tables), 2, 4.3, 3.3, sharey=True)
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        scored = pd.DataFrame({"score": malignancy_score(table), "true": table["true"]})
        for truth, style in (("benign", "-"), ("malignant", "--")):
            part = scored[scored["true"] == truth]
            sns.ecdfplot(part, x="score", color=PALETTE[truth], linestyle=style, label=truth, ax=axis)
        for threshold in table["threshold"].unique():
            axis.axvline(threshold, color="0.3", linestyle=":", linewidth=1.2)
        axis.set(title=name, xlabel="malignancy score", ylabel="share of predictions below", xlim=(0, 1))
    axes[0].legend(fontsize=9)
    return done(figure)
