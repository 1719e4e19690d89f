"""Figures of what a figure hangs on: the size of lesions, the number of test images."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from busilib.pages.figures.style import FIRST, NEUTRAL, RECORDED, SECOND, done


def dice_by_fifth(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Dots with 95% intervals: Dice by the size of the lesion, inside and outside, a panel for each network.

    Args:
        tables: by name, of `busilib.pages.lost.by_size`.

    Example (not run):
        >>> dice_by_fifth(dict(all_sizes()))
    """
    figure, axes = plt.subplots(
        len(tables), 1, figsize=(7.6, 3.9 * len(tables)), squeeze=False, layout="constrained"
    )
    for axis, (name, table) in zip(axes[:, 0], tables.items(), strict=True):
        fifths = list(dict.fromkeys(table["fifth"]))
        looks = {"inside": (FIRST, "o", -0.1), "outside": (SECOND, "D", 0.1)}
        for where, (colour, marker, offset) in looks.items():
            part = table[table["where"] == where]
            x = np.array([fifths.index(one) for one in part["fifth"]]) + offset
            value = part["value"].to_numpy(float)
            limits = part[["low", "high"]].to_numpy(float).T
            axis.errorbar(
                x,
                value,
                yerr=np.nan_to_num(np.abs(limits - value)),
                fmt=marker,
                color=colour,
                capsize=3,
                label=f"{where}: {part['set'].iloc[0]}",
            )
            for place, n in zip(x, part["n"], strict=True):
                axis.annotate(n, (place + offset / 2, 0.02), ha="center", fontsize=8, color=colour)
        words = table.drop_duplicates("fifth").set_index("fifth")["area"]
        axis.set(xticks=range(len(fifths)), xticklabels=[f"{one}\n{words[one]}" for one in fifths])
        axis.set(ylim=(0, 1), ylabel="Dice, mean of lesions", title=name)
        axis.set_xlabel("area of the lesion, as a share of the image")
        axis.legend(fontsize=9, loc="upper left", ncols=2)
        axis.grid(axis="x", visible=False)
        axis.tick_params(axis="x", labelsize=9)
    return done(figure)


def spread_of_accuracy(table: pd.DataFrame, value: float, marks: Mapping[str, int]) -> Figure:
    """Band: where the accuracy of one classifier lies in 95 of 100 test sets, over their number of images.

    Args:
        table: of `busilib.pages.paired.spread`.
        value: on all images.
        marks: name of a test set to its number of images.

    Example (not run):
        >>> spread_of_accuracy(spread(model, sizes), 0.7, {"R2": 78})
    """
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    axis.fill_between(table["images"], table["low"], table["high"], color=RECORDED, alpha=0.25, lw=0)
    axis.plot(table["images"], table["low"], color=RECORDED, lw=1)
    axis.plot(table["images"], table["high"], color=RECORDED, lw=1)
    axis.axhline(value, color=RECORDED, lw=2)
    for name, n in marks.items():
        axis.axvline(n, color=NEUTRAL, ls=":", lw=1.2)
        axis.annotate(name, (n, 0.97), (3, 0), textcoords="offset points", va="top", fontsize=9, rotation=90)
    axis.set(xscale="log", xlabel="images in the test set (log scale)", ylabel="accuracy", ylim=(0.4, 1))
    axis.set_xticks(table["images"], [str(n) for n in table["images"]])
    axis.set_xticks([], minor=True)
    return done(figure)
