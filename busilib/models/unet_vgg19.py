"""R4's modified U-Net: the encoder is VGG19, the decoder its mirror image."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.models.unet import require_size
from busilib.models.unet_on import decode
from busilib.settings import Settings

STRIDES = (1, 2, 4, 8, 16)
CONVOLUTIONS = (2, 2, 4, 4)
"""3×3 convolutions of VGG19 at each level with a skip, and so of the decoder."""


def r4_unet_vgg19(settings: Settings) -> keras.Model:
    """R4's modified U-Net: VGG19 down, transposed convolutions and LeakyReLU up; 37,074,497 parameters.

    R4 replaces ReLU by LeakyReLU. Here the encoder keeps ReLU, with which its pretrained weights were
    learned. Batch normalisation in the decoder is ours, its momentum 0.9 too (see
    `busilib.models.cnn.r2_cnn`).

    Args:
        settings: uses `size` (pixels, a multiple of 16), `filters` (of the decoder's last level; VGG19's own
            64 mirrors it), `weights` and `frozen` (see `busilib.models.encoders`).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 16.
        busilib.errors.WeightsError: if the weights cannot be had.

    Example (not run):
        >>> r4_unet_vgg19(settings).output.shape
        (None, 256, 256, 1)
    """
    assert settings.filters is not None  # every network of blocks has them
    require_size("r4_unet_vgg19", settings.size)
    encoder = feature_maps("vgg19", settings.size, STRIDES, settings.weights, settings.frozen)
    *skips, deepest = encoder.outputs
    outputs = decode(deepest, skips, settings.filters, CONVOLUTIONS, keras.layers.LeakyReLU)
    return keras.Model(encoder.input, outputs, name="r4_unet_vgg19")
