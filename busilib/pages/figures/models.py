"""Figures of trained models: how they learned, what they predict, what was claimed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from busilib.data.dataset import CLASSES, Dataset
from busilib.metrics.combined import tint
from busilib.pages.figures.style import (
    FIRST,
    LOOKS,
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

CURVES = (FIRST, SECOND, "#882255", "#44AA99", "#661100", "#88CCEE", "#AA4499", "#117733")
"""One a model: P. Tol's muted colours, of which none stands for a source (see `style.LOOKS`)."""


def learning_curves(histories: Mapping[str, pd.DataFrame], figures: Sequence[str]) -> Figure:
    """One panel per figure, solid on training, dashed on validation images: one colour per model.

    Of more than two models each has a row of its own, with a common scale. Where single epochs lie far above
    all others the scale leaves them out, and the panel's title says how high they are.
    """
    apart = len(histories) > 2
    rows, height = (len(histories), 1.9) if apart else (1, 3.2)
    figure, axes = plt.subplots(
        rows,
        len(figures),
        figsize=(3.4 * len(figures), height * rows),
        squeeze=False,
        sharey="col",
        layout="constrained",
    )
    for row, ((model, history), colour) in enumerate(zip(histories.items(), cycle(CURVES), strict=False)):
        for axis, name in zip(axes[row if apart else 0], figures, strict=True):
            for column, line, images in ((name, "-", "training"), (f"val_{name}", "--", "validation")):
                label = images if apart else f"{model}, {images}"
                axis.plot(
                    history["epoch"] + 1,
                    history[column],
                    line,
                    color="black" if apart else colour,
                    label=label,
                )
            words = name.replace("_", " ")
            axis.set_title(f"{model}: {words}" if apart else words, fontsize=10)
            axis.xaxis.get_major_locator().set_params(integer=True)
    for column in axes.T:
        column[-1].set_xlabel("epoch")
        highest = [max(line.get_ydata().max() for line in axis.lines) for axis in column]
        usual = np.quantile(
            np.concatenate([line.get_ydata() for axis in column for line in axis.lines]), 0.97, method="lower"
        )
        if max(highest) > 3 * usual:
            column[0].set_ylim(top=1.1 * usual)
            for axis, high in zip(column, highest, strict=True):
                if high > 1.1 * usual:
                    axis.set_title(f"{axis.get_title()} (axis cut, up to {high:.1f})", fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return done(figure)


def segmentations(data: Dataset, indices: np.ndarray, predicted: np.ndarray, dice: Sequence[float]) -> Figure:
    """Grid: reference outline yellow and solid, prediction blue and dashed, Dice above each image."""
    columns = 4
    figure, axes = grid(-(-len(indices) // columns), columns)
    for axis, index, mask, score in zip(axes.flat, indices, predicted, dice, strict=False):
        show(axis, data.images[index], f"{data.ids[index]}, Dice {score:.2f}")
        outline(axis, data.masks[index], REFERENCE)
        outline(axis, mask, PREDICTED, "--")
    return figure


def contenders(
    data: Dataset,
    indices: np.ndarray,
    rows: Sequence[int],
    masks: Mapping[str, np.ndarray],
    dice: pd.DataFrame,
) -> Figure:
    """Grid: the same images as several models outline them, one column per model, with the Dice.

    Args:
        data: the dataset.
        indices: int (m,), the images that the models predicted.
        rows: which of these m to show.
        masks: model name to bool (m, h, w).
        dice: (m, models), columns as in `masks`.
    """
    figure, axes = grid(len(rows), len(masks), cell=1.9)
    for line, row in zip(axes, rows, strict=True):
        for axis, (name, predicted) in zip(line, masks.items(), strict=True):
            show(axis, data.images[indices[row]], f"{name}\nDice {dice[name].iloc[row]:.2f}")
            outline(axis, data.masks[indices[row]], REFERENCE)
            outline(axis, predicted[row], PREDICTED, "--")
    return figure


def shown_inputs(data: Dataset, indices: np.ndarray, predicted: np.ndarray) -> Figure:
    """Grid: for each image what a model can be shown of it, with true and with predicted mask.

    Args:
        data: the dataset.
        indices: int (m,), one row each.
        predicted: bool (n, h, w), predicted masks of all images.
    """
    figure, axes = grid(len(indices), 5)
    for row, index in zip(axes, indices, strict=True):
        image, true, found = data.images[index], data.masks[index], predicted[index]
        views = {
            data.ids[index]: image,
            "true mask": true * 255,
            "cut by it": image * true,
            "predicted mask": found * 255,
            "cut by that": image * found,
        }
        for axis, (title, view) in zip(row, views.items(), strict=True):
            show(axis, view, title)
    return figure


def dice_by_size(predictions: pd.DataFrame, dice: pd.Series) -> Figure:
    """Scatter: Dice of each lesion image over the size of its lesion, by class."""
    figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    pixels = predictions[["tp", "fp", "fn", "tn"]].sum(axis=1)
    share = (predictions["tp"] + predictions["fn"]) / pixels * 100
    table = pd.DataFrame({"share": share, "dice": dice, "class": predictions["true"]})[share > 0]
    sns.scatterplot(
        table, x="share", y="dice", hue="class", style="class", palette=PALETTE, s=32, alpha=0.8, ax=axis
    )
    axis.set(xscale="log", xlabel="lesion area (% of image, log scale)", ylabel="Dice", ylim=(-0.03, 1.03))
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter("{x:g}")
    axis.legend(title=None)
    return done(figure)


def confusions(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Heat maps: confusion matrices, each cell with its count, shaded by the share of its true class."""
    columns = 2 if len(matrices) in (2, 4) else min(len(matrices), 3)
    figure, axes = plots(len(matrices), columns, 3.4, 3.2)
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=False):
        matrix = np.asarray(matrix)
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        sns.heatmap(
            share,
            annot=matrix,
            fmt="d",
            cmap="Blues",
            vmin=0,
            vmax=1,
            cbar=False,
            square=True,
            xticklabels=CLASSES,
            yticklabels=CLASSES,
            ax=axis,
        )
        axis.set_title(name, fontsize=10)
        axis.set(xlabel="predicted", ylabel="true")
        axis.tick_params(labelsize=8)
    return done(figure)


def claimed_and_measured(table: pd.DataFrame, xlabel: str) -> Figure:
    """Dots with 95% intervals: what the reports claim and what was measured.

    Args:
        table: columns `row` (label), `source` (of `style.LOOKS`), `value`, `low`, `high` (NaN where there is
            no interval).
        xlabel: of the shared axis.
    """
    rows = list(dict.fromkeys(table["row"]))
    sources = [name for name in LOOKS if name in set(table["source"])]
    figure, axis = plt.subplots(
        figsize=(7.5, 1.2 + 0.28 * len(rows) * max(len(sources), 2)), layout="constrained"
    )
    for number, source in enumerate(sources):
        colour, marker = LOOKS[source]
        part = table[table["source"] == source]
        y = np.array([rows.index(row) for row in part["row"]]) + 0.18 * (number - (len(sources) - 1) / 2)
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            part["value"], y, xerr=errors, fmt=marker, color=colour, label=source, capsize=3, markersize=6
        )
    axis.set(yticks=range(len(rows)), yticklabels=rows, xlabel=xlabel, xlim=(-0.02, 1.02))
    axis.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper left", ncols=len(sources), frameon=False, fontsize=9)
    return done(figure)


def combined(
    data: Dataset,
    indices: np.ndarray,
    predicted_masks: np.ndarray,
    predicted_labels: np.ndarray,
    pairs: int = 8,
) -> Figure:
    """R1's grid: left the predicted mask and class, right the reference; red malignant, green benign.

    Args:
        data: the dataset.
        indices: int (m,), the images of the evaluation.
        predicted_masks: bool (m, h, w), after `busilib.metrics.combined.gate`.
        predicted_labels: int (m,).
        pairs: how many images to show, spread over the classes.
    """
    order = np.argsort(np.argsort(data.labels[indices], kind="stable") % max(len(indices) // len(CLASSES), 1))
    shown = np.sort(order[:pairs])
    columns = 2
    figure, axes = grid(-(-len(shown) // columns), columns * 2)
    for place, position in enumerate(shown):
        left, right = axes[place // columns, 2 * (place % columns) : 2 * (place % columns) + 2]
        index, label = indices[position], predicted_labels[position]
        verdict = "✓" if label == data.labels[index] else "✗"
        show(
            left,
            tint(data.images[index], predicted_masks[position], label),
            f"{verdict} predicted {CLASSES[label]}",
        )
        show(
            right,
            tint(data.images[index], data.masks[index], data.labels[index]),
            f"{data.ids[index]}, reference",
        )
    return figure


def at_thresholds(
    data: Dataset, index: int, probability: np.ndarray, thresholds: Sequence[float], overlay: bool = True
) -> Figure:
    """One image, outlined from each of some lesion probabilities on, with the Dice.

    Args:
        data: the dataset.
        index: of the image.
        probability: float (h, w), of lesion.
        thresholds: one panel each.
        overlay: whether the reference (yellow) and the outline (blue, dashed) are drawn.
    """
    figure, axes = grid(1, len(thresholds), cell=3.2)
    reference = data.masks[index]
    for axis, threshold in zip(axes[0], thresholds, strict=True):
        found = probability >= threshold
        both = found.sum() + reference.sum()
        dice = (
            f"Dice {2 * (found & reference).sum() / both:.2f}"
            if both
            else "nothing to outline, and nothing is"
        )
        show(axis, data.images[index], f"{data.ids[index]}\nfrom {threshold:.2f} on: {dice}")
        if overlay:
            outline(axis, reference, REFERENCE)
            outline(axis, found, PREDICTED, "--")
    return figure
