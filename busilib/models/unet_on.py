"""A U-Net on any encoder, and the decoder that it shares with R4's."""

from __future__ import annotations

from collections.abc import Sequence

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.models.unet import require_size
from busilib.settings import Settings

STRIDES = (2, 4, 8, 16, 32)
SECOND_HEADS = {"presence": (1, "sigmoid"), "class": (len(CLASSES), "softmax")}
"""Units and activation of what a U-Net may say of an image as a whole."""


def unet_on(settings: Settings) -> keras.Model:
    """A U-Net whose way down is an encoder of the table and whose way up has two convolutions a level.

    Skips join at strides 2 to 16; the last level, at full size, has none. The decoder's widths double from
    `filters` at full size to sixteen times as much. A second head, where there is one, is a dense layer on
    the global average of the deepest map.

    Args:
        settings: uses `encoder`, `size` (pixels, a multiple of 32), `filters`, `weights`, `frozen`,
            `norm_momentum` (see `busilib.models.encoders`) and `second_head`.

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1); with a
        second head, to a dict of them as "mask" and of "presence", the probability of any lesion (n, 1), or
        "class", class probabilities (n, 3) in the order of `CLASSES`.

    Raises:
        ValueError: if the size is no multiple of 32.
        busilib.errors.WeightsError: if the weights cannot be had.
        busilib.errors.UnknownNameError: if there is no such encoder.

    Example:
        >>> unet_on(Settings(size=128, filters=16, encoder="efficientnetlite0")).output.shape
        (None, 128, 128, 1)
    """
    name = f"unet_on_{settings.encoder}"
    require_size(name, settings.size, halvings=len(STRIDES))
    encoder = feature_maps(
        settings.encoder,
        settings.size,
        STRIDES,
        settings.weights,
        settings.frozen,
        settings.norm_momentum,
    )
    *skips, deepest = encoder.outputs
    outputs = decode(deepest, [None, *skips], settings.filters, [2] * len(STRIDES), keras.layers.ReLU)
    if settings.second_head:
        units, activation = SECOND_HEADS[settings.second_head]
        head = keras.layers.Dense(units, activation=activation, dtype="float32", name=settings.second_head)
        pooled = keras.layers.GlobalAveragePooling2D()(deepest)
        outputs = {"mask": outputs, settings.second_head: head(pooled)}
    return keras.Model(encoder.input, outputs, name=name)


def decode(
    x: keras.KerasTensor,
    skips: Sequence[keras.KerasTensor | None],
    filters: int,
    convolutions: Sequence[int],
    activation: type[keras.layers.Layer],
) -> keras.KerasTensor:
    """From the deepest feature map to a mask at full size.

    Each level doubles height and width by a transposed convolution, joins its skip, and convolves with batch
    normalisation, whose momentum of 0.9 follows trainings of a few hundred steps.

    Args:
        x: the deepest feature map (n, h, w, c).
        skips: what each level joins, from the full size down; None for nothing.
        filters: width at full size; it doubles with each level down.
        convolutions: 3×3 convolutions of each level.
        activation: layer behind each of them.

    Returns:
        Probabilities, float32 (n, h·2^levels, w·2^levels, 1).

    Example:
        >>> decode(keras.Input((8, 8, 512)), [None, None], 16, [2, 2], keras.layers.ReLU).shape
        (None, 32, 32, 1)
    """
    for level in reversed(range(len(skips))):
        width = filters * 2**level
        x = keras.layers.Conv2DTranspose(width, 2, strides=2)(x)
        if skips[level] is not None:
            x = keras.layers.Concatenate()([x, skips[level]])
        for _ in range(convolutions[level]):
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = activation()(x)
    return keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)
