"""Figures of how rough outlines are drawn, and what that tells."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from busilib.pages.figures.style import FIRST, NEUTRAL, PALETTE, SECOND, done


def dose_response(table: pd.DataFrame, label: str) -> Figure:
    """Dots with 95% intervals: area under the curve by how plainly the outlines are drawn, a line a set.

    Args:
        table: columns `set`, `drawing`, `value`, `low`, `high`, `n`, as of `busilib.pages.drawings.doses`.
        label: what tells the classes apart.

    Example (not run):
        >>> dose_response(doses(recorded()), "circumference")
    """
    drawings = list(dict.fromkeys(table["drawing"]))
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    looks = ((FIRST, "o", "-"), (SECOND, "s", "--"))
    for number, (name, part) in enumerate(table.groupby("set", sort=False)):
        colour, marker, line = looks[number % len(looks)]
        x = np.array([drawings.index(one) for one in part["drawing"]]) + 0.08 * (2 * number - 1)
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            x,
            part["value"],
            yerr=errors,
            fmt=f"{marker}{line}",
            color=colour,
            capsize=3,
            label=f"{name}, {part['n'].iloc[0]} outlines",
        )
    axis.axhline(0.5, color=NEUTRAL, ls=":", lw=1.2)
    words = [one.replace("smoothed ", "smoothed\n") for one in drawings]
    axis.set(xticks=range(len(drawings)), xticklabels=words, ylim=(0.4, 1.02))
    axis.set_ylabel("AUC, malignant\nagainst benign")
    axis.set_xlabel(f"how the outline is drawn, before its {label} is measured")
    axis.tick_params(axis="x", labelsize=9)
    axis.legend(fontsize=9, loc="lower left")
    return done(figure)


def by_class(tables: Mapping[str, pd.DataFrame], column: str, label: str) -> Figure:
    """`cumulative` of lesions, by their class.

    Args:
        tables: name of the set to rows with `true` and the column.
        column: which is shown.
        label: what it is called.

    Example (not run):
        >>> by_class({"BUSI": drawn(recorded(), "BUSI")}, "circumference", "normalised circumference")
    """
    looks = {"benign": (PALETTE["benign"], "-"), "malignant": (PALETTE["malignant"], "--")}
    kinds = {name: table.rename(columns={"true": "kind"}) for name, table in tables.items()}
    return cumulative(kinds, column, label, looks)


def cumulative(
    tables: Mapping[str, pd.DataFrame], column: str, label: str, looks: Mapping[str, tuple[str, str]]
) -> Figure:
    """Cumulative curves, a panel for each table: share of outlines below a value, by kind.

    Args:
        tables: title of the panel to rows with `kind` and the column.
        column: which is shown.
        label: what it is called.
        looks: colour and line of each kind, in the order of the legend.

    Example (not run):
        >>> cumulative({"BUSI": table}, "circumference", "circumference", {"benign": ("tab:blue", "-")})
    """
    figure, axes = plt.subplots(
        1, len(tables), figsize=(4.1 * len(tables), 3.2), sharey=True, sharex=True, squeeze=False
    )
    figure.set_layout_engine("constrained")
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        for kind, (colour, line) in looks.items():
            part = table[table["kind"] == kind]
            sns.ecdfplot(part, x=column, color=colour, ls=line, ax=axis, label=f"{kind}, n = {len(part)}")
        axis.set(title=name, xlabel=label, ylabel="share of outlines below")
        axis.legend(fontsize=9, loc="lower right")
    axes[0, 0].set_xlim(0.98, 1.8)
    return done(figure)
