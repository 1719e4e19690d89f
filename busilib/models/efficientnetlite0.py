"""EfficientNet-Lite0, layer by layer: a small encoder whose ImageNet weights come with a Python package.

keras-cv's EfficientNetLiteBackbone is the same network, but it runs on TensorFlow only and drops whole blocks
at random while training, which would shake frozen features; what is recorded was trained without.
"""

from __future__ import annotations

from busilib.keras_backend import keras

STAGES = (
    (1, 3, 1, 1, 16),
    (6, 3, 2, 2, 24),
    (6, 5, 2, 2, 40),
    (6, 3, 2, 3, 80),
    (6, 5, 1, 3, 112),
    (6, 5, 2, 4, 192),
    (6, 3, 1, 1, 320),
)
"""Of each stage: expansion, size of the depthwise kernel, stride of its first block, blocks, width."""


def _normalised(x, name: str, active: bool = True):
    x = keras.layers.BatchNormalization(name=name)(x)
    return keras.layers.ReLU(max_value=6, name=f"{name}_relu")(x) if active else x


def _convolved(x, filters: int, size: int, stride: int, name: str):
    return keras.layers.Conv2D(filters, size, stride, padding="same", use_bias=False, name=name)(x)


def efficientnetlite0(size: int) -> keras.Model:
    """EfficientNet-Lite0 without its top and without a normalisation in front, with random weights.

    EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation and with ReLU6 in place of swish, as
    Google published it for small devices: https://blog.tensorflow.org/2020/03/. Layers have the names of the
    PyTorch state dict, with one "_" for each dot and underscore: "blocks_1_expand_conv".

    Args:
        size: height and width of the input in pixels.

    Returns:
        A model from float32 (n, size, size, 3), -1 to 1, to feature maps (n, size/32, size/32, 1280).
        3,413,024 parameters, running statistics of batch normalisation included.

    Example:
        >>> efficientnetlite0(64).output_shape
        (None, 2, 2, 1280)
    """
    inputs = keras.Input((size, size, 3), name="normalised")
    x = _normalised(_convolved(inputs, 32, 3, 2, "conv_stem"), "bn0")
    block = 0
    for expansion, kernel, first_stride, blocks, width in STAGES:
        for stride in (first_stride, *[1] * (blocks - 1)):
            x = _block(x, expansion, kernel, stride, width, f"blocks_{block}")
            block += 1
    x = _normalised(_convolved(x, 1280, 1, 1, "conv_head"), "bn1")
    return keras.Model(inputs, x, name="efficientnetlite0")


def _block(x, expansion: int, kernel: int, stride: int, width: int, name: str):
    """Widen, look around, narrow; and add what came in, where it fits."""
    came, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolved(x, expansion * channels, 1, 1, f"{name}_expand_conv")
        x = _normalised(x, f"{name}_bn0")
    x = keras.layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalised(x, f"{name}_bn1")
    x = _normalised(_convolved(x, width, 1, 1, f"{name}_project_conv"), f"{name}_bn2", active=False)
    return keras.layers.Add(name=f"{name}_add")([x, came]) if stride == 1 and channels == width else x
