"""R4's modified U-Net: the encoder is VGG19, the decoder its mirror image."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.models.unet import require_size
from busilib.settings import Settings

SKIPS = ("block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4")
BRIDGE = "block5_conv4"
CONVOLUTIONS = (2, 2, 4, 4)
"""3×3 convolutions of VGG19 at each level with a skip, and so of the decoder."""


def r4_unet_vgg19(settings: Settings) -> keras.Model:
    """R4's modified U-Net: VGG19 down, transposed convolutions and LeakyReLU up; 37,074,497 parameters.

    R4 replaces ReLU by LeakyReLU. Here the encoder keeps ReLU, with which its pretrained weights were
    learned. Batch normalisation in the decoder is ours, its momentum 0.9 too (see
    `busilib.models.classifier.r2_cnn`).

    Args:
        settings: uses `size` (pixels, a multiple of 16), `filters` (of the decoder's last level; VGG19's own
            64 mirrors it), `weights` and `frozen` (see `busilib.models.encoders`).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 16.
        busilib.models.encoders.WeightsError: if the weights cannot be had.

    Example:
        >>> r4_unet_vgg19(settings).output.shape
        (None, 256, 256, 1)
    """
    require_size("r4_unet_vgg19", settings.size)
    encoder = feature_maps("vgg19", settings.size, (*SKIPS, BRIDGE), settings.weights, settings.frozen)
    *skips, x = encoder.outputs
    for level in reversed(range(len(SKIPS))):
        filters = settings.filters * 2**level
        x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = keras.layers.Concatenate()([x, skips[level]])
        for _ in range(CONVOLUTIONS[level]):
            x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.LeakyReLU()(x)
    outputs = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)
    return keras.Model(encoder.input, outputs, name="r4_unet_vgg19")
