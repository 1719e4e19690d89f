"""Figures of recorded predictions, image by image: how good, of which lesions, and what came out."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from busilib.pages.figures.style import PALETTE, done

OUTCOMES = {
    "both right": ("#332288", ""),
    "right name only": ("#AAA5CF", "///"),
    "right place only": ("#999933", "..."),
    "neither": ("0.85", ""),
}
"""Colour and hatch of what can come out for an image."""


def dice_ranks(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Lines: the Dice of all lesions of a network, from the worst to the best.

    Args:
        tables: by name of the network, of `busilib.pages.segmenters.lesions`.

    Example (not run):
        >>> dice_ranks({"r4-unet": lesions(record)})
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for (name, table), style in zip(tables.items(), ("-", "--", "-.", ":"), strict=False):
        dice = np.sort(table["dice"].to_numpy())
        rank = 100 * (np.arange(len(dice)) + 0.5) / len(dice)
        axis.plot(rank, dice, color="0.15", linestyle=style, label=f"{name}, {len(dice)} lesions")
    axis.set(
        xlabel="lesions from the worst to the best (%)", ylabel="Dice", ylim=(-0.03, 1.03), xlim=(0, 100)
    )
    axis.legend()
    return done(figure)


def dice_over_size(table: pd.DataFrame) -> Figure:
    """Scatter: Dice of each lesion over its size, by class.

    Args:
        table: of `busilib.pages.segmenters.lesions`.

    Example (not run):
        >>> dice_over_size(lesions(record))
    """
    figure, axis = plt.subplots(figsize=(6.8, 3.6), layout="constrained")
    sns.scatterplot(
        table, x="share", y="dice", hue="class", style="class", palette=PALETTE, s=22, alpha=0.7, ax=axis
    )
    axis.set(
        xscale="log", xlabel="lesion area (% of the image, log scale)", ylabel="Dice", ylim=(-0.03, 1.03)
    )
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter("{x:g}")
    axis.legend(title=None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return done(figure)


def outcomes(counts: pd.DataFrame) -> Figure:
    """Stacked bars: share of the images of each class by what came out, with counts.

    Args:
        counts: of `busilib.pages.both.outcome_counts`.

    Example (not run):
        >>> outcomes(outcome_counts(images))
    """
    figure, axis = plt.subplots(figsize=(7.2, 0.9 + 0.55 * len(counts)), layout="constrained")
    total, left = counts.sum(axis=1).to_numpy(), np.zeros(len(counts))
    for name, (colour, hatch) in OUTCOMES.items():
        number = counts[name].to_numpy()
        bars = axis.barh(
            list(counts.index), 100 * number / total, left=left, color=colour, hatch=hatch, label=name
        )
        texts = axis.bar_label(bars, [str(n) if n else "" for n in number], label_type="center", fontsize=9)
        for text in texts:
            text.set(color="white" if name == "both right" else "black")
            if hatch:
                text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
        left += 100 * number / total
    axis.set(xlabel="images (%)", xlim=(0, 100))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return done(figure)
