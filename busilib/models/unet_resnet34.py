"""R5's U-Net on a ResNet34."""

from __future__ import annotations

from busilib.data.tiles import OUTPUTS
from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.settings import Settings

STRIDES = (2, 4, 8, 16, 32)
DECODER = (256, 128, 64, 32, 16)
"""Widths of the decoder's blocks, deepest first."""


def r5_unet_resnet34(settings: Settings) -> keras.Model:
    """R5's U-Net of Segmentation Models: ResNet34 encoder, decoder 256/128/64/32/16, 21 classes.

    Each block of the decoder doubles height and width by repeating pixels, joins the encoder's map of that
    size (the last block has none) and convolves twice, each with batch normalisation and ReLU.

    R5 counts 24,439,269 parameters as PyTorch does, without the running statistics of batch normalisation:
    21,284,672 in the encoder, 3,154,597 in decoder and head, 3,045 of these in the head. `count_params`
    counts the statistics too: 24,458,277.

    Args:
        settings: uses `size` (pixels, a multiple of 32), `weights` and `frozen` (see
            `busilib.models.encoders`).

    Returns:
        A model from float32 (n, size, size, 3), RGB 0 to 1, to probabilities (n, size, size, 21) in the
        order of `busilib.data.tiles.OUTPUTS`.

    Raises:
        busilib.errors.WeightsError: if the encoder's weights cannot be had.
        ValueError: if the size is no multiple of 32.

    Example (not run):
        >>> r5_unet_resnet34(settings).output.shape
        (None, 224, 224, 21)
    """
    encoder = feature_maps("resnet34", settings.size, STRIDES, settings.weights, settings.frozen, channels=3)
    *skips, x = encoder.outputs
    for filters in DECODER:
        x = keras.layers.UpSampling2D(2, interpolation="nearest")(x)
        if skips:
            x = keras.layers.Concatenate()([x, skips.pop()])
        for _ in range(2):
            x = keras.layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_uniform"
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
            x = keras.layers.ReLU()(x)
    outputs = keras.layers.Conv2D(
        len(OUTPUTS), 3, padding="same", activation="softmax", dtype="float32", name="codes"
    )(x)
    return keras.Model(encoder.input, outputs, name="r5_unet_resnet34")
