"""Batches for Keras, from a dataset and a list of indices."""

from __future__ import annotations

import numpy as np

from busilib.data.augment import Augmentation, augment
from busilib.data.dataset import Dataset
from busilib.keras_backend import keras

INPUTS = ("image", "image cut by the true mask")


class Batches(keras.utils.PyDataset):
    """Batches of inputs and targets; with an augmentation they are shuffled and changed anew each epoch.

    The content of a batch depends on seed, epoch and position alone, so that a training that was killed
    and resumed sees what an undisturbed one would have seen.

    Args:
        data: the dataset.
        indices: int (m,), which images.
        target: "mask" gives float32 (b, h, w, 1), "label" int64 (b,).
        inputs: one of `INPUTS`: the gray image, or the image with everything outside the true mask black.
        batch: images per batch.
        augmentation: None for evaluation: dataset order, images as they are.
        seed: of shuffling and augmentation.
        first_epoch: number of the epoch that comes first, where a training is resumed.

    Example:
        >>> x, y = Batches(data, split.train, target="mask", inputs="image", batch=8)[0]
        >>> x.shape, float(x.max()) <= 1
        ((8, 128, 128, 1), True)
    """

    def __init__(
        self,
        data: Dataset,
        indices: np.ndarray,
        *,
        target: str,
        inputs: str,
        batch: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        first_epoch: int = 0,
    ):
        super().__init__()
        self.data, self.indices, self.target, self.inputs = data, np.asarray(indices), target, inputs
        self.batch, self.augmentation, self.seed = batch, augmentation, seed
        self.epoch = first_epoch - 1

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch)

    def on_epoch_begin(self) -> None:
        self.epoch += 1

    def __getitem__(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        order = self.indices
        if self.augmentation is not None:
            order = np.random.default_rng((self.seed, max(self.epoch, 0))).permutation(order)
        chosen = order[position * self.batch : (position + 1) * self.batch]
        images = self.data.images[chosen][..., None] / np.float32(255)
        masks = self.data.masks[chosen][..., None].astype(np.float32)
        if self.augmentation is not None:
            seed = np.random.SeedSequence((self.seed, max(self.epoch, 0), position)).generate_state(1)[0]
            images, masks = augment(images, masks, self.augmentation, int(seed))
        if self.inputs == "image cut by the true mask":
            images = images * masks
        return images, masks if self.target == "mask" else self.data.labels[chosen]
