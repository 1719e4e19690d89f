"""Batches for Keras, from a dataset and a list of indices."""

from __future__ import annotations

import numpy as np

from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.keras_backend import keras
from busilib.training.augmentation import Augmentation, augment
from busilib.training.inputs import inputs_named
from busilib.training.letterbox import letterbox


class Batches(keras.utils.PyDataset):
    """Batches of inputs and targets; with an augmentation they are shuffled and changed anew each epoch.

    The content of a batch depends on seed, epoch and position alone, so that a training that was killed
    and resumed sees what an undisturbed one would have seen.

    Args:
        data: the dataset.
        indices: int (m,), which images.
        target: "mask" gives float32 (b, h, w, 1), "label" int64 (b,).
        second_head: beside "mask": "presence" adds float32 (b, 1), 1 where that mask has a lesion, and
            "class" int64 (b,); targets are then a dict of "mask" and that name. None for the mask alone.
        inputs: key of `busilib.training.inputs.INPUTS`.
        batch: images per batch.
        pair: whether the model takes an image and a mask: inputs are then a dict of "image" and "mask", each
            float32 (b, h, w, 1), with zeros for what is not shown; else one array, the image, or the mask
            where that is all there is, or (b, h, w, 2) where a mask is shown beside the image.
        letterbox: whether images are shown in their own proportions (see `busilib.training.letterbox`).
        predicted: bool (n, h, w), predicted masks of all images of `data`, where the inputs ask for them.
        augmentation: None for evaluation: dataset order, images as they are.
        seed: of shuffling and augmentation.
        first_epoch: number of the epoch that comes first, where a training is resumed.
        image_only_from: for models with the two heads "class" (image alone) and "combined": the epoch from
            which the combined head has weight 0 in training; None for models with one head.
        class_weights: float (3,), what an image of each class weighs in the loss; None for all alike. Batches
            then end with the weights of their images, float (b,); beside a mask they count for "class" alone.

    Raises:
        DataError: if the inputs ask for predicted masks and there are none.

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
        pair: bool = False,
        predicted: np.ndarray | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        first_epoch: int = 0,
        image_only_from: int | None = None,
        class_weights: np.ndarray | None = None,
        second_head: str | None = None,
        letterbox: bool = False,
    ):
        super().__init__()
        self.data, self.indices, self.target, self.inputs = data, np.asarray(indices), target, inputs
        self.batch, self.pair, self.augmentation, self.seed = batch, pair, augmentation, seed
        self.shown = inputs_named(inputs)
        if self.shown.mask == "predicted" and predicted is None:
            raise DataError(f"inputs {inputs!r} need the predicted masks of all {len(data)} images")
        self.shown_masks = predicted if self.shown.mask == "predicted" else data.masks
        self.image_only_from, self.class_weights = image_only_from, class_weights
        self.second_head, self.letterbox = second_head, letterbox
        self.epoch = first_epoch - 1

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch)

    def on_epoch_begin(self) -> None:
        self.epoch += 1

    def __getitem__(self, position: int) -> tuple:
        order = self.indices
        if self.augmentation is not None:
            order = np.random.default_rng((self.seed, max(self.epoch, 0))).permutation(order)
        chosen = order[position * self.batch : (position + 1) * self.batch]
        pictures = [part[chosen] for part in (self.data.images, self.data.masks, self.shown_masks)]
        if self.letterbox:
            sides = self.data.table[["width", "height"]].to_numpy()[chosen]
            pictures = [letterbox(part, sides) for part in pictures]
        images = pictures[0][..., None] / np.float32(255)
        masks = np.stack(pictures[1:], axis=-1).astype(np.float32)
        if self.augmentation is not None:
            seed = np.random.SeedSequence((self.seed, max(self.epoch, 0), position)).generate_state(1)[0]
            images, masks = augment(images, masks, self.augmentation, int(seed))
        true, shown = masks[..., :1], masks[..., 1:]
        inputs = self._arrange(images, shown)
        labels = self.data.labels[chosen]
        if self.target == "mask":
            return (inputs, true) if self.second_head is None else (inputs, *self._beside(true, labels))
        if self.class_weights is not None:
            return inputs, labels, self.class_weights[labels]
        return (inputs, labels) if self.image_only_from is None else (inputs, *self._two_heads(labels))

    def _arrange(self, images: np.ndarray, masks: np.ndarray):
        if self.shown.use == "cut":
            images = images * masks
        if not self.pair:
            if self.shown.mask and self.shown.use == "beside":
                return np.concatenate([images, masks], axis=-1)
            return masks if self.shown.use == "alone" else images
        beside = masks if self.shown.mask and self.shown.use != "cut" else np.zeros_like(masks)
        return {"image": np.zeros_like(images) if self.shown.use == "alone" else images, "mask": beside}

    def _beside(self, masks: np.ndarray, labels: np.ndarray) -> tuple[dict, ...]:
        if self.second_head == "presence":
            return ({"mask": masks, "presence": masks.any(axis=(1, 2)).astype(np.float32)},)
        targets = {"mask": masks, "class": labels}
        if self.class_weights is None:
            return (targets,)
        return targets, {"mask": np.ones(len(labels), np.float32), "class": self.class_weights[labels]}

    def _two_heads(self, labels: np.ndarray) -> tuple[dict, dict]:
        with_masks = self.augmentation is None or max(self.epoch, 0) < self.image_only_from
        weights = {"class": np.ones(len(labels)), "combined": np.full(len(labels), float(with_masks))}
        return {"class": labels, "combined": labels}, weights


def class_weights(labels: np.ndarray, power: float) -> np.ndarray:
    """What an image of each class weighs: (all images / its images) to a power, 1 on average over the images.

    Args:
        labels: int (n,), of the training images.
        power: 0 weighs them alike, 1 balances the classes.

    Returns:
        float32 (3,); 0 for a class without images.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1, 2, 2]), power=1)
        array([0.6666667, 2.       , 1.       ], dtype=float32)
    """
    counts = np.bincount(labels, minlength=len(CLASSES))
    raw = np.where(counts > 0, (len(labels) / np.maximum(counts, 1)) ** power, 0)
    return (raw / raw[labels].mean()).astype(np.float32)
