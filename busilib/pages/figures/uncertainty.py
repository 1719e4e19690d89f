"""Figures of how much to believe: calibration, abstention, differences, failures, finding and outlining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from busilib.data.dataset import Dataset
from busilib.metrics.strata import ALL_SIZES, BOTH, SIZES
from busilib.pages.figures.style import (
    FIRST,
    LOOKS,
    NEUTRAL,
    PALETTE,
    PREDICTED,
    REFERENCE,
    SECOND,
    done,
    grid,
    outline,
    plots,
    show,
)

DASHES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)))
"""Line styles, so that curves differ without colour too."""

CURVES = (FIRST, SECOND, "#44AA99", "#882255", "#117733")
"""Colours of several models, none of which says where a figure comes from."""


def reliability_diagrams(panels: Mapping[str, Mapping[str, pd.DataFrame]]) -> Figure:
    """One panel per model: accuracy over confidence in bins, a point's area is its number of images.

    Args:
        panels: model name to one or two tables of `busilib.metrics.calibration.reliability` by name, such
            as "as it is" and "scaled".
    """
    count = max(len(panels), 1)
    figure, axes = plots(count, 2 if count == 4 else min(count, 3), 3.3, 3.5)
    for axis, (name, tables) in zip(axes, panels.items(), strict=False):
        axis.plot([0, 1], [0, 1], ":", color="0.4")
        gaps = []
        for (label, table), colour, marker in zip(tables.items(), (FIRST, SECOND), ("o", "s"), strict=False):
            held = table[table["n"] > 0]
            share = held["n"] / held["n"].sum()
            gaps.append(f"{((held['confidence'] - held['accuracy']).abs() * share).sum():.2f}")
            axis.plot(
                held["confidence"], held["accuracy"], marker=marker, markersize=3, color=colour, label=label
            )
            axis.scatter(
                held["confidence"],
                held["accuracy"],
                s=12 + 240 * share,
                color=colour,
                marker=marker,
                alpha=0.6,
            )
        axis.set(xlim=(0.28, 1.04), ylim=(-0.05, 1.06), xlabel="confidence", ylabel="accuracy")
        axis.set_title(f"{name}, ECE {' → '.join(gaps)}", fontsize=10)
    most = max(axes, key=lambda axis: len(axis.get_legend_handles_labels()[1]))
    figure.legend(*most.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return done(figure)


def risk_coverage_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Steps: share of errors among the answered images over the share that is answered.

    Args:
        curves: model name to a table of `busilib.metrics.abstention.risk_coverage`.
    """
    figure, axis = plt.subplots(figsize=(6.2, 3.4), layout="constrained")
    colours = CURVES[: len(curves)]
    for (name, curve), colour, dash in zip(curves.items(), colours * 3, DASHES * 3, strict=False):
        axis.plot(
            curve["coverage"],
            curve["risk"],
            drawstyle="steps-post",
            linestyle=dash,
            color=colour,
            label=name,
        )
        axis.plot(1, curve["risk"].iloc[-1], "o", color=colour)
    axis.set(
        xlabel="share of images answered, surest first",
        ylabel="share of errors",
        xlim=(0, 1.02),
        ylim=(0, None),
    )
    axis.legend(fontsize=9)
    return done(figure)


def froc_curves(
    curves: Mapping[str, pd.DataFrame], points: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Steps: lesion images found and outlined well over normal images with a false outline.

    Args:
        curves: name of the gate's score to a table of `busilib.metrics.detection.froc`.
        points: the same names, where a gate was chosen on validation images, to its
            `busilib.metrics.detection.detection_metrics`: drawn as large marks.
    """
    figure, axis = plt.subplots(figsize=(6.2, 3.6), layout="constrained")
    colours = CURVES[: len(curves)]
    for (name, curve), colour, dash in zip(curves.items(), colours * 3, DASHES * 3, strict=False):
        axis.plot(
            curve["false_positive_rate"],
            curve["sensitivity"],
            drawstyle="steps-post",
            linestyle=dash,
            color=colour,
            label=name,
        )
        if point := (points or {}).get(name):
            axis.plot(
                point["false_positive_rate"],
                point["sensitivity"],
                "D",
                color=colour,
                markersize=9,
                markeredgecolor="black",
            )
    if points:
        axis.plot([], [], "D", color="white", markeredgecolor="black", label="gate chosen on validation")
    axis.set(
        xlabel="normal images with a false outline",
        ylabel="lesion images found",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return done(figure)


def differences(table: pd.DataFrame, names: Mapping[str, str], colour: str = NEUTRAL) -> Figure:
    """One panel per figure: dots with 95% intervals, the difference of two models; zero is a line.

    Args:
        table: columns `row` (the pair), `figure`, `value`, `low`, `high`.
        names: which figures, in which order, and what they are called.
        colour: of the dots; that of this run where it computed them.
    """
    rows, marker = list(dict.fromkeys(table["row"])), dict(LOOKS.values()).get(colour, "o")
    figure, axes = plt.subplots(
        1,
        len(names),
        figsize=(2.2 + 2.6 * len(names), 1.2 + 0.45 * len(rows)),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    figure.set_layout_engine("constrained", w_pad=0.12)  # numbers at the ends of two axes stay apart
    for axis, (key, name) in zip(axes[0], names.items(), strict=True):
        part = table[table["figure"] == key].set_index("row").loc[rows]
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.axvline(0, color="0.3", linewidth=1)
        axis.errorbar(
            part["value"], range(len(rows)), xerr=errors, fmt=marker, color=colour, capsize=3, markersize=6
        )
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.set(yticks=range(len(rows)), yticklabels=rows, xlabel=name)
        axis.set_ylim(len(rows) - 0.5, -0.5)
    return done(figure)


def strata(table: pd.DataFrame) -> Figure:
    """Dots with 95% intervals: mean Dice by lesion-size tercile and class, the number of images beside them.

    Args:
        table: as `busilib.metrics.strata.dice_by_stratum` returns it.
    """
    sizes = [*SIZES, ALL_SIZES]
    colours = {BOTH: "0.35"} | PALETTE
    kinds = list(dict.fromkeys(table["class"]))
    figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for number, (kind, marker) in enumerate(zip(kinds, ("D", "o", "s", "^"), strict=False)):
        part = table[table["class"] == kind]
        x = np.array([sizes.index(size) for size in part["size"]]) + 0.2 * (number - (len(kinds) - 1) / 2)
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            x,
            part["value"],
            yerr=errors,
            fmt=marker,
            color=colours[kind],
            label=kind,
            capsize=3,
            markersize=6,
        )
        for place, (_, row) in zip(x, part.iterrows(), strict=True):
            axis.annotate(row["n"], (place, 0.01), ha="center", fontsize=7, color=colours[kind])
    axis.set(
        xticks=range(len(sizes)),
        xticklabels=[f"{size} lesions" if size in SIZES else size for size in sizes],
        ylabel="Dice, mean",
        ylim=(0, 1),
    )
    axis.grid(axis="x", visible=False)
    axis.legend(fontsize=9, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14), frameon=False)
    return done(figure)


def failures(
    data: Dataset,
    ids: Sequence[str],
    captions: Sequence[str],
    masks: Sequence[np.ndarray] | None = None,
    columns: int = 4,
) -> Figure:
    """Grid: images with what went wrong above them; reference yellow and solid, prediction blue and dashed.

    Args:
        data: the dataset.
        ids: which images, in which order.
        captions: a line or two for each.
        masks: bool (h, w) for each, the predicted lesion; None where nothing was outlined.
        columns: images in a row.
    """
    place = {id: index for index, id in enumerate(data.ids)}
    figure, axes = grid(-(-len(ids) // columns), columns, cell=2.1 if columns > 1 else 4)
    for number, (axis, id, caption) in enumerate(zip(axes.flat, ids, captions, strict=False)):
        show(axis, data.images[place[id]], f"{id}\n{caption}")
        outline(axis, data.masks[place[id]], REFERENCE)
        if masks is not None:
            outline(axis, masks[number], PREDICTED, "--")
    return figure
