"""Augmented copies made before anything else, as some pipelines do: the start of a leak, kept for study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from busilib.data.dataset import Dataset
from busilib.training.augmentation import Augmentation, augment

MARK = " copy "
"""Stands in the id of a copy between the id of its original and its number."""

BATCH = 64


def with_copies(data: Dataset, plan: Augmentation, copies: int, seed: int = 0) -> Dataset:
    """A dataset that holds every image once as it is and `copies` times changed at random.

    Args:
        data: the originals.
        plan: how copies are changed; image and mask move together.
        copies: of each image, at least 1.
        seed: of the changes.

    Returns:
        n·(1 + copies) images: first the originals in their order, then all first copies, and so on. A copy
        has the id of its original with " copy 1" behind it, and its class, group and label.

    Example:
        >>> len(with_copies(data, experiment("r2-unet").augmentation, copies=1)) == 2 * len(data)
        True
    """
    images, masks, tables = [data.images], [data.masks], [data.table]
    for number in range(1, copies + 1):
        moved = [
            _changed(data, slice(start, start + BATCH), plan, seed, number)
            for start in range(0, len(data), BATCH)
        ]
        images.append(np.concatenate([image for image, _ in moved]))
        masks.append(np.concatenate([mask for _, mask in moved]))
        tables.append(data.table.assign(id=data.table["id"] + f"{MARK}{number}"))
    return Dataset(
        np.concatenate(images),
        np.concatenate(masks),
        np.tile(data.labels, copies + 1),
        pd.concat(tables, ignore_index=True),
        f"{data.name} with copies",
        data.origin,
    )


def is_copy(ids: pd.Series) -> pd.Series:
    """Which ids are those of copies.

    Example:
        >>> is_copy(pd.Series(["benign (1)", "benign (1) copy 1"])).tolist()
        [False, True]
    """
    return ids.str.contains(MARK, regex=False)


def _changed(data: Dataset, part: slice, plan: Augmentation, seed: int, number: int):
    images = data.images[part][..., None] / np.float32(255)
    masks = data.masks[part][..., None].astype(np.float32)
    drawn = np.random.SeedSequence((seed, number, part.start)).generate_state(1)[0]
    images, masks = augment(images, masks, plan, int(drawn))
    return (images[..., 0] * 255).round().astype(np.uint8), masks[..., 0] > 0.5
