"""The figures of the book: each takes data, returns a Matplotlib figure, and looks like the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from busilib.data.dataset import CLASSES, Dataset
from busilib.evaluation.combined import tint

PALETTE = {"benign": "#009E73", "malignant": "#D55E00", "normal": "#0072B2"}
REFERENCE, PREDICTED = "#F0E442", "#56B4E9"
CLAIMED, MEASURED, RECORDED = "#D55E00", "#0072B2", "#009E73"

sns.set_theme(style="whitegrid", context="notebook", rc={"figure.dpi": 110, "savefig.bbox": "tight"})


def _grid(rows: int, columns: int, cell: float = 2.1) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(
        rows, columns, figsize=(cell * columns, (cell + 0.25) * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return _done(figure), axes


def _done(figure: Figure) -> Figure:
    """Close the figure in pyplot, so that a notebook shows it once: as the value of its cell."""
    plt.close(figure)
    return figure


def _show(axis, image: np.ndarray, title: str = "") -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(title, fontsize=9)


def _outline(axis, mask: np.ndarray, colour: str, style: str = "-") -> None:
    if mask.any() and not mask.all():
        axis.contour(mask, levels=[0.5], colors=[colour], linewidths=1.4, linestyles=style)


def class_counts(data: Dataset) -> Figure:
    """Bars: images per class.

    Example:
        >>> class_counts(data)
    """
    figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
    counts = data.table["class"].value_counts().reindex(CLASSES)
    bars = axis.barh(list(CLASSES), counts, color=[PALETTE[name] for name in CLASSES])
    axis.bar_label(bars, [f"{count}  ({count / len(data):.0%})" for count in counts], padding=4)
    axis.set(xlabel="images", xlim=(0, counts.max() * 1.2))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return _done(figure)


def examples(data: Dataset, per_class: int = 4, seed: int = 0) -> Figure:
    """Grid: random images of each class, the reference outline in yellow."""
    rng = np.random.default_rng(seed)
    figure, axes = _grid(len(CLASSES), per_class)
    for label, row in enumerate(axes):
        members = np.flatnonzero(data.labels == label)
        for axis, index in zip(row, rng.choice(members, per_class, replace=False), strict=True):
            _show(axis, data.images[index], data.ids[index])
            _outline(axis, data.masks[index], REFERENCE)
    return figure


def one_image(data: Dataset, index: int) -> Figure:
    """One image with its reference outline, and what the table knows of it."""
    figure, axes = _grid(1, 1, cell=4)
    row = data.table.iloc[index]
    _show(
        axes[0, 0],
        data.images[index],
        f"{row['id']}, {row['width']}×{row['height']} px, {row['n_masks']} mask(s)",
    )
    _outline(axes[0, 0], data.masks[index], REFERENCE)
    return figure


def sizes(data: Dataset) -> Figure:
    """Scatter: original width and height in pixels, by class."""
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    sns.scatterplot(
        data.table,
        x="width",
        y="height",
        hue="class",
        style="class",
        palette=PALETTE,
        s=28,
        alpha=0.7,
        ax=axis,
    )
    axis.axline((0, 0), slope=1, color="0.5", linewidth=1, linestyle=":")
    axis.set(
        xlabel="original width (pixels)",
        ylabel="original height (pixels)",
        xlim=(0, data.table["width"].max() * 1.05),
        ylim=(0, data.table["height"].max() * 1.1),
    )
    axis.legend(title=None)
    return _done(figure)


def lesions(data: Dataset) -> Figure:
    """Two panels: share of the image a lesion covers, and where lesions lie."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
    covered = pd.DataFrame({"class": data.table["class"], "share": data.masks.mean(axis=(1, 2)) * 100})
    covered = covered[data.has_lesion]
    names = list(CLASSES[:2])
    sns.boxenplot(
        covered, x="share", y="class", hue="class", order=names, hue_order=names, palette=PALETTE, ax=left
    )
    left.set(xlabel="lesion area (% of image)", ylabel="")
    image = right.imshow(data.masks[data.has_lesion].mean(axis=0) * 100, cmap="cividis")
    right.set(title="share of lesions covering a point", xticks=[], yticks=[])
    right.grid(visible=False)
    figure.colorbar(image, ax=right, label="% of images with a lesion")
    return _done(figure)


def pairs(data: Dataset, chosen: pd.DataFrame) -> Figure:
    """Grid: near-duplicate pairs, one above the other, with their correlation."""
    figure, axes = _grid(2, len(chosen))
    for (upper, lower), row in zip(axes.T, chosen.itertuples(), strict=True):
        _show(upper, data.images[row.first], data.ids[row.first])
        _show(lower, data.images[row.second], f"{data.ids[row.second]}\ncorrelation {row.correlation:.3f}")
    return figure


def threshold_effect(counts: pd.DataFrame) -> Figure:
    """Lines: near-duplicate pairs, and images in any pair, over the correlation threshold."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for column, colour, style in (("images", "#0072B2", "-"), ("pairs", "#D55E00", "--")):
        axis.plot(counts["threshold"], counts[column], style, color=colour, marker="o", label=column)
    axis.set(xlabel="correlation threshold", ylabel="count", ylim=(0, None))
    axis.legend()
    return _done(figure)


def resolutions(data_by_size: Mapping[int, np.ndarray], original: np.ndarray, title: str) -> Figure:
    """Row: one image at its original size and at several working sizes, in pixels."""
    figure, axes = _grid(1, len(data_by_size) + 1, cell=2.6)
    height, width = original.shape
    _show(axes[0, 0], original, f"{title}\noriginal, {width}×{height} px")
    for axis, (size, image) in zip(axes[0, 1:], data_by_size.items(), strict=True):
        _show(axis, image, f"\n{size}×{size} px")
    return figure


def augmentations(rows: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Grid: one row per plan of changed images, float (n, h, w, 1), with the moved mask outlined."""
    columns = max(len(images) for images, _ in rows.values())
    figure, axes = _grid(len(rows), columns)
    for row, (name, (images, masks)) in zip(axes, rows.items(), strict=True):
        for number, (axis, image, mask) in enumerate(zip(row, images, masks, strict=False)):
            _show(axis, image[..., 0] * 255, name if number == 0 else "")
            _outline(axis, mask[..., 0] > 0.5, REFERENCE)
    return figure


def leakage(shares: pd.DataFrame) -> Figure:
    """Dots: share of test images with a near-duplicate in training, one dot per seed, by protocol."""
    figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
    sns.stripplot(
        shares,
        x="share",
        y="protocol",
        hue="protocol",
        palette=["#D55E00", "#0072B2"],
        size=7,
        alpha=0.7,
        ax=axis,
    )
    axis.set(xlabel="test images with a near-duplicate in training (%)", ylabel="", xlim=(-1, None))
    return _done(figure)


def learning_curves(histories: Mapping[str, pd.DataFrame], figures: Sequence[str]) -> Figure:
    """One panel per figure, one colour per model: solid on training, dashed on validation images."""
    figure, axes = plt.subplots(
        1, len(figures), figsize=(3.4 * len(figures), 3.2), squeeze=False, layout="constrained"
    )
    colours = sns.color_palette("colorblind", len(histories))
    for axis, name in zip(axes[0], figures, strict=True):
        for (model, history), colour in zip(histories.items(), colours, strict=True):
            axis.plot(history["epoch"] + 1, history[name], color=colour, label=f"{model}, training")
            axis.plot(
                history["epoch"] + 1, history[f"val_{name}"], "--", color=colour, label=f"{model}, validation"
            )
        axis.set(xlabel="epoch", title=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(len(histories), 2),
        fontsize=9,
    )
    return _done(figure)


def segmentations(data: Dataset, indices: np.ndarray, predicted: np.ndarray, dice: Sequence[float]) -> Figure:
    """Grid: reference outline yellow and solid, prediction blue and dashed, Dice above each image."""
    columns = 4
    figure, axes = _grid(-(-len(indices) // columns), columns)
    for axis, index, mask, score in zip(axes.flat, indices, predicted, dice, strict=False):
        _show(axis, data.images[index], f"{data.ids[index]}, Dice {score:.2f}")
        _outline(axis, data.masks[index], REFERENCE)
        _outline(axis, mask, PREDICTED, "--")
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
    return _done(figure)


def confusions(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Heat maps: confusion matrices, each cell with its count, shaded by the share of its true class."""
    columns = 2 if len(matrices) in (2, 4) else min(len(matrices), 3)
    rows = -(-len(matrices) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.4 * columns, 3.2 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(matrices) :]:
        axis.set_axis_off()
    for axis, (name, matrix) in zip(axes.flat, matrices.items(), strict=False):
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
    return _done(figure)


def claimed_and_measured(table: pd.DataFrame, xlabel: str) -> Figure:
    """Dots with 95 % intervals: what the report claims, what this page and the records measured.

    Args:
        table: columns `row` (label), `source`, `value`, `low`, `high` (NaN where there is no interval).
        xlabel: of the shared axis.
    """
    rows, sources = list(dict.fromkeys(table["row"])), list(dict.fromkeys(table["source"]))
    figure, axis = plt.subplots(
        figsize=(7.5, 1.2 + 0.28 * len(rows) * max(len(sources), 2)), layout="constrained"
    )
    for number, (source, colour, marker) in enumerate(
        zip(sources, (CLAIMED, MEASURED, RECORDED, "#CC79A7"), ("D", "o", "s", "^"), strict=False)
    ):
        part = table[table["source"] == source]
        y = np.array([rows.index(row) for row in part["row"]]) + 0.18 * (number - (len(sources) - 1) / 2)
        errors = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        axis.errorbar(
            part["value"], y, xerr=errors, fmt=marker, color=colour, label=source, capsize=3, markersize=6
        )
    axis.set(yticks=range(len(rows)), yticklabels=rows, xlabel=xlabel, xlim=(-0.02, 1.02))
    axis.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper left", ncols=len(sources), frameon=False, fontsize=9)
    return _done(figure)


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
        predicted_masks: bool (m, h, w), after `busilib.evaluation.combined.gate`.
        predicted_labels: int (m,).
        pairs: how many images to show, spread over the classes.
    """
    order = np.argsort(np.argsort(data.labels[indices], kind="stable") % max(len(indices) // len(CLASSES), 1))
    shown = np.sort(order[:pairs])
    columns = 2
    figure, axes = _grid(-(-len(shown) // columns), columns * 2)
    for place, position in enumerate(shown):
        left, right = axes[place // columns, 2 * (place % columns) : 2 * (place % columns) + 2]
        index, label = indices[position], predicted_labels[position]
        verdict = "✓" if label == data.labels[index] else "✗"
        _show(
            left,
            tint(data.images[index], predicted_masks[position], label),
            f"{verdict} predicted {CLASSES[label]}",
        )
        _show(
            right,
            tint(data.images[index], data.masks[index], data.labels[index]),
            f"{data.ids[index]}, reference",
        )
    return figure
