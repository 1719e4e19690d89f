"""Losses that Keras does not have, by the name that `Settings.loss` uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from busilib.keras_backend import keras

EPSILON = 1e-6
"""Added to the denominator of the soft Dice, so that it is never 0 / 0."""


def dice_bce(true: keras.KerasTensor, predicted: keras.KerasTensor) -> keras.KerasTensor:
    """Binary cross-entropy over the pixels of an image, and 1 − soft Dice where the image has a lesion.

    The Dice counts a small lesion as much as a large one, the cross-entropy gives every pixel a slope. Of an
    image without a lesion the Dice says nothing: it is 0 whatever is predicted, and with a smoothing term its
    value is that of the term. So there the cross-entropy counts alone. Soft Dice as F. Milletari et al. have
    it (V-Net, 3DV 2016), without their squares.

    Args:
        true: float (b, h, w, 1), 0 or 1.
        predicted: float (b, h, w, 1), probabilities.

    Returns:
        float32 (b,), one value per image; Keras takes their mean.

    Example (not run):
        >>> dice_bce(masks, masks)  # near 0
    """
    ops = keras.ops
    true, predicted = ops.cast(true, "float32"), ops.cast(predicted, "float32")
    pixels = (1, 2, 3)
    entropy = ops.mean(keras.losses.binary_crossentropy(true, predicted), axis=(1, 2))
    lesion, found = ops.sum(true, axis=pixels), ops.sum(predicted, axis=pixels)
    dice = 2 * ops.sum(true * predicted, axis=pixels) / (lesion + found + EPSILON)
    return entropy + ops.cast(lesion > 0, "float32") * (1 - dice)


LOSSES: Mapping[str, Callable] = {"dice_bce": dice_bce}


def loss_named(name: str) -> Callable | str:
    """A loss of `LOSSES`, or the name itself, which Keras then looks up among its own.

    Example:
        >>> loss_named("mean_squared_error")
        'mean_squared_error'
    """
    return LOSSES.get(name, name)
