"""ResNet34 as PyTorch builds it, layer by layer, in Keras."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.models.unet import require_size

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width and number of blocks of each stage."""
HALVINGS = 5


def _normalised(x, name: str):
    """Batch normalisation with PyTorch's constants; its momentum 0.1 is 0.9 in Keras's way of counting."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _convolved(x, filters: int, size: int, stride: int, name: str):
    """A convolution without bias that pads alike on all sides, as PyTorch does and "same" does not."""
    if size > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_padding")(x)
    return keras.layers.Conv2D(filters, size, strides=stride, use_bias=False, name=name)(x)


def _block(x, filters: int, stride: int, name: str):
    short = x
    if stride > 1:
        short = _normalised(_convolved(x, filters, 1, stride, f"{name}_downsample_0"), f"{name}_downsample_1")
    x = _normalised(_convolved(x, filters, 3, stride, f"{name}_conv1"), f"{name}_bn1")
    x = keras.layers.ReLU(name=f"{name}_relu1")(x)
    x = _normalised(_convolved(x, filters, 3, 1, f"{name}_conv2"), f"{name}_bn2")
    return keras.layers.ReLU(name=f"{name}_relu2")(keras.layers.Add(name=f"{name}_add")([x, short]))


def resnet34(size: int) -> keras.Model:
    """ResNet34 without its top and without a normalisation in front, with random weights.

    Layers have PyTorch's names, with "_" for each dot: "layer1_0_conv1". What `busi weights convert` writes
    are the weights of this network.

    Args:
        size: height and width of the input in pixels, a multiple of 32.

    Returns:
        A model from float32 (n, size, size, 3), in ImageNet's normalisation, to feature maps
        (n, size/32, size/32, 512). 21,284,672 parameters as PyTorch counts them; `count_params` also counts
        the 17,024 running statistics of batch normalisation.

    Raises:
        ValueError: if the size is no multiple of 32.

    Example (not run):
        >>> resnet34(64).output_shape
        (None, 2, 2, 512)
    """
    require_size("resnet34", size, HALVINGS)
    inputs = keras.Input((size, size, 3), name="normalised")
    x = _normalised(_convolved(inputs, 64, 7, 2, "conv1"), "bn1")
    x = keras.layers.ReLU(name="relu")(x)
    # After a ReLU, padding with zeros is padding with nothing.
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(keras.layers.ZeroPadding2D(1)(x))
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _block(x, filters, stride, f"layer{stage}_{block}")
    return keras.Model(inputs, x, name="resnet34")
