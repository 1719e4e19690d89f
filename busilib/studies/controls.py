"""Negative controls: classifiers that should know nothing, and what they know all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from busilib.data.dataset import Dataset
from busilib.data.splits import FOLDS, Split, grouped_split
from busilib.studies.context import Context
from busilib.studies.probe import (
    about_probe,
    eye,
    fit_split,
    out_of_fold,
    probe_predictions,
    probe_weights,
)
from busilib.studies.study import Condition, Study, measured

WHOLE = "whole image"
FRAME = 0.1
"""Width of the border that is left by `border_only`, as a fraction of height and width."""

MARGIN = 0.04
"""What is added to each side of a lesion's box before it is painted out, as a fraction of the image."""

PERMUTATIONS = 5
"""How often labels are permuted: one shuffle may by chance point the way of the true labels."""


def grown_box(mask: np.ndarray, margin: float) -> np.ndarray:
    """The smallest box that holds a mask, with something added to each side, cut at the image's edges.

    Args:
        mask: bool (h, h), not empty.
        margin: what is added to each side, as a fraction of the image's.

    Returns:
        bool (h, h).

    Example:
        >>> grown_box(np.eye(4, dtype=bool)[[3, 1, 2, 0]], 0.0).sum()
        16
    """
    rows, columns = np.nonzero(mask)
    added, box = round(margin * len(mask)), np.zeros_like(mask)
    top, left = max(rows.min() - added, 0), max(columns.min() - added, 0)
    box[top : rows.max() + added + 1, left : columns.max() + added + 1] = True
    return box


def lesion_boxes(data: Dataset, seed: int = 0, margin: float = MARGIN) -> np.ndarray:
    """A box around the lesion of each image, with a margin; normal images borrow the box of another image.

    A box that only images with a lesion had would give the answer away.

    Args:
        data: at least one image has a lesion.
        seed: of the borrowing; the lender does not depend on the margin.
        margin: see `grown_box`.

    Returns:
        bool (n, h, w).

    Example:
        >>> lesion_boxes(data).any(axis=(1, 2)).all()
        True
    """
    lender = np.arange(len(data))
    borrowers = np.flatnonzero(~data.has_lesion)
    lender[borrowers] = np.random.default_rng(seed).choice(np.flatnonzero(data.has_lesion), len(borrowers))
    return np.stack([grown_box(data.masks[source], margin) for source in lender])


def painted_out(images: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Images whose boxes are filled with the mean gray of what lies outside.

    Args:
        images: uint8 (n, h, w).
        boxes: bool (n, h, w).

    Returns:
        uint8 (n, h, w).

    Example:
        >>> painted_out(data.images, lesion_boxes(data))
    """
    outside = np.where(boxes, 0, images).sum(axis=(1, 2)) / np.maximum((~boxes).sum(axis=(1, 2)), 1)
    return np.where(boxes, outside.round().astype(np.uint8)[:, None, None], images)


def border_only(images: np.ndarray) -> np.ndarray:
    """Images that are black but for their border, where text and scales are written.

    Example:
        >>> border_only(np.full((1, 10, 10), 255, np.uint8)).sum() // 255
        36
    """
    width = max(round(FRAME * images.shape[1]), 1)
    framed = images.copy()
    framed[:, width:-width, width:-width] = 0
    return framed


def permuted(data: Dataset, splits: list[Split], seed: int = 0, number: int = 0) -> list[np.ndarray]:
    """For each fold the labels of all images, those of training and validation images shuffled.

    Args:
        data: the dataset.
        splits: one per fold.
        seed, number: of the shuffle.

    Example (not run):
        >>> permuted(data, splits)[0].shape == data.labels.shape
        True
    """
    shuffled = []
    for fold, split in enumerate(splits):
        labels, known = data.labels.copy(), np.concatenate([split.train, split.validation])
        labels[known] = np.random.default_rng((seed, number, fold)).permutation(labels[known])
        shuffled.append(labels)
    return shuffled


def shapes(data: Dataset) -> np.ndarray:
    """Width, height and aspect ratio of the original files, float (n, 3): all that a rule without eyes has.

    Example:
        >>> shapes(data).shape
        (30, 3)
    """
    width, height = (data.table[name].to_numpy(float) for name in ("width", "height"))
    return np.column_stack([width, height, width / height])


def control_views(data: Dataset, seed: int = 0) -> dict[str, np.ndarray]:
    """What each control that looks at pictures is shown, by its name: uint8 (n, h, w), the whole image first.

    Example:
        >>> list(control_views(data))[0]
        'whole image'
    """
    boxes = lesion_boxes(data, seed)
    return {
        WHOLE: data.images,
        "true mask alone": data.masks.astype(np.uint8) * 255,
        "box around the lesion alone": boxes.astype(np.uint8) * 255,
        "lesion painted out": painted_out(data.images, boxes),
        "border alone": border_only(data.images),
    }


def negative_controls(context: Context) -> Study:
    """Out-of-fold accuracy of a linear probe (see `probe`) that is shown everything but the lesion.

    Args:
        context: its seed is that of folds, borrowed boxes and permutations.

    Returns:
        The study "negative-controls". Its first condition sees the whole image; two more are parts of the
        same predictions: images with coloured marks and images without. Permuted labels hold every image
        `PERMUTATIONS` times.

    Example (not run):
        >>> negative_controls(Context("smoke")).metrics("true mask alone")["accuracy"]
    """
    context.refuse("models")
    data, seed = context.load(), context.seed
    source = probe_weights(context.profile, context.weights, context.encoder)
    see = eye(data.size, source, seed, context.encoder)
    seen = {name: see(images) for name, images in control_views(data, seed).items()}
    splits = [grouped_split(data.labels, data.groups, fold, seed) for fold in range(FOLDS)]
    tables = {name: probe_predictions(x, data, splits) for name, x in seen.items()}
    tables["size and aspect ratio alone"] = _from_shapes(data, splits, seed)
    tables["labels permuted"] = _from_permuted(seen[WHOLE], data, splits, seed)
    marked = set(data.ids[data.table["overlay"].to_numpy()])
    has_marks = tables[WHOLE]["id"].isin(marked)
    if has_marks.any():
        tables["whole image, images with coloured marks"] = tables[WHOLE][has_marks]
        tables["whole image, images without"] = tables[WHOLE][~has_marks]
    conditions = [Condition(name, table.reset_index(drop=True)) for name, table in tables.items()]
    return measured("negative-controls", "classification", conditions, context, data, **about_probe(context))


def _from_permuted(x: np.ndarray, data: Dataset, splits: list[Split], seed: int) -> pd.DataFrame:
    tables = []
    for number in range(PERMUTATIONS):
        shuffled = permuted(data, splits, seed, number)
        models = [fit_split(x, labels, split) for labels, split in zip(shuffled, splits, strict=True)]
        tables.append(out_of_fold(models, x, data, splits))
    return pd.concat(tables, ignore_index=True)


def _from_shapes(data: Dataset, splits: list[Split], seed: int) -> pd.DataFrame:
    x = shapes(data)
    forests = [
        HistGradientBoostingClassifier(max_iter=50, random_state=seed).fit(
            x[split.train], data.labels[split.train]
        )
        for split in splits
    ]
    return out_of_fold(forests, x, data, splits)
