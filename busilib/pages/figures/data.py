"""Figures of a dataset: what is in it, what is doubled, what training makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from busilib.data.dataset import CLASSES, Dataset
from busilib.pages.figures.style import FIRST, PALETTE, REFERENCE, SECOND, done, grid, outline, show


def class_counts(table: pd.DataFrame) -> Figure:
    """Bars: images per class.

    Args:
        table: of a dataset, or `busilib.data.busi.fingerprint.read_table`.

    Example (not run):
        >>> class_counts(read_table())
    """
    figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
    counts = table["class"].value_counts().reindex(CLASSES)
    bars = axis.barh(list(CLASSES), counts, color=[PALETTE[name] for name in CLASSES])
    axis.bar_label(bars, [f"{count}  ({count / len(table):.0%})" for count in counts], padding=4)
    axis.set(xlabel="images", xlim=(0, counts.max() * 1.2))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return done(figure)


EXAMPLES = 4
"""Images of each class in a grid of examples."""


def examples(data: Dataset, seed: int = 0) -> Figure:
    """Grid: random images of each class, the reference outline in yellow."""
    rng = np.random.default_rng(seed)
    figure, axes = grid(len(CLASSES), EXAMPLES)
    for label, row in enumerate(axes):
        members = np.flatnonzero(data.labels == label)
        for axis, index in zip(row, rng.choice(members, EXAMPLES, replace=False), strict=True):
            show(axis, data.images[index], data.ids[index])
            outline(axis, data.masks[index], REFERENCE)
    return figure


def one_image(data: Dataset, index: int) -> Figure:
    """One image with its reference outline, and what the table knows of it."""
    figure, axes = grid(1, 1, cell=4)
    row = data.table.iloc[index]
    show(
        axes[0, 0],
        data.images[index],
        f"{row['id']}, {row['width']}×{row['height']} px, {row['n_masks']} mask(s)",
    )
    outline(axes[0, 0], data.masks[index], REFERENCE)
    return figure


def sizes(table: pd.DataFrame) -> Figure:
    """Scatter: original width and height in pixels, by class; tables as in `class_counts`."""
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    sns.scatterplot(
        table,
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
        xlim=(0, table["width"].max() * 1.05),
        ylim=(0, table["height"].max() * 1.1),
    )
    axis.legend(title=None)
    return done(figure)


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
    return done(figure)


def pairs(data: Dataset, chosen: pd.DataFrame) -> Figure:
    """Grid: near-duplicate pairs, one above the other, with their correlation."""
    figure, axes = grid(2, len(chosen))
    for (upper, lower), row in zip(axes.T, chosen.itertuples(), strict=True):
        show(upper, data.images[row.first], data.ids[row.first])
        show(lower, data.images[row.second], f"{data.ids[row.second]}\ncorrelation {row.correlation:.3f}")
    return figure


def threshold_effect(counts: pd.DataFrame) -> Figure:
    """Lines: near-duplicate pairs, and images in any pair, over the correlation threshold."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for column, colour, style in (("images", FIRST, "-"), ("pairs", SECOND, "--")):
        axis.plot(counts["threshold"], counts[column], style, color=colour, marker="o", label=column)
    axis.set(xlabel="correlation threshold", ylabel="count", ylim=(0, None))
    axis.legend()
    return done(figure)


def resolutions(data_by_size: Mapping[int, np.ndarray], original: np.ndarray, title: str) -> Figure:
    """Row: one image at its original size and at several working sizes, in pixels."""
    figure, axes = grid(1, len(data_by_size) + 1, cell=2.6)
    height, width = original.shape
    show(axes[0, 0], original, f"{title}\noriginal, {width}×{height} px")
    for axis, (size, image) in zip(axes[0, 1:], data_by_size.items(), strict=True):
        show(axis, image, f"\n{size}×{size} px")
    return figure


def augmentations(rows: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Grid: one row per plan of changed images, float (n, h, w, 1), with the moved mask outlined."""
    columns = max(len(images) for images, _ in rows.values())
    figure, axes = grid(len(rows), columns)
    for row, (name, (images, masks)) in zip(axes, rows.items(), strict=True):
        for number, (axis, image, mask) in enumerate(zip(row, images, masks, strict=False)):
            show(axis, image[..., 0] * 255, name if number == 0 else "")
            outline(axis, mask[..., 0] > 0.5, REFERENCE)
    return figure
