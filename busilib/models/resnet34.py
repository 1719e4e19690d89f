"""R5's U-Net on a ResNet34, and the encoder alone: PyTorch's network, layer by layer, in Keras."""

from __future__ import annotations

from pathlib import Path

from busilib.data.tiles import OUTPUTS
from busilib.keras_backend import keras
from busilib.models.encoders import NORMALISATION, WeightsError, find_weights, load_file, settle
from busilib.settings import Settings

NAME = "resnet34"
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width and number of blocks of each stage."""
DECODER = (256, 128, 64, 32, 16)
"""Widths of the decoder's blocks, deepest first."""
HALVINGS = 5
PUBLISHED = "https://download.pytorch.org/models/resnet34-b627a593.pth"


def _normalised(x, name: str | None = None):
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


def bare_resnet34(size: int) -> keras.Model:
    """ResNet34 without its top and without a normalisation in front, with random weights.

    Layers have PyTorch's names, with "_" for each dot: "layer1_0_conv1". What `busi weights convert` writes
    are the weights of this network.

    Args:
        size: height and width of the input in pixels, a multiple of 32.

    Returns:
        A model from float32 (n, size, size, 3), in ImageNet's normalisation, to five feature maps: after the
        first convolution (n, size/2, size/2, 64), and after each stage, the last (n, size/32, size/32, 512).
        21,284,672 parameters as PyTorch counts them; `count_params` also counts the 17,024 running
        statistics of batch normalisation.

    Raises:
        ValueError: if the size is no multiple of 32.

    Example:
        >>> [shape[-1] for shape in bare_resnet34(64).output_shape]
        [64, 64, 128, 256, 512]
    """
    multiple = 2**HALVINGS
    if size < multiple or size % multiple:
        lower = max(size // multiple, 1) * multiple
        raise ValueError(
            f"{NAME}: size {size} does not fit. The network halves its input {HALVINGS} times, so the size "
            f"must be a multiple of {multiple}, such as {lower} or {lower + multiple}."
        )
    inputs = keras.Input((size, size, 3), name="normalised")
    x = _normalised(_convolved(inputs, 64, 7, 2, "conv1"), "bn1")
    x = keras.layers.ReLU(name="relu")(x)
    features = [x]
    # After a ReLU, padding with zeros is padding with nothing.
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(keras.layers.ZeroPadding2D(1)(x))
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _block(x, filters, stride, f"layer{stage}_{block}")
        features.append(x)
    return keras.Model(inputs, features, name=NAME)


def resnet34(size: int, weights: str | Path | None, frozen: bool = False) -> keras.Model:
    """ResNet34 without its top, with ImageNet's normalisation in front.

    Args:
        size: height and width of the input in pixels, a multiple of 32.
        weights: as `busilib.models.encoders.find_weights` takes it, but not "imagenet": those are published
            for PyTorch only, and `busi weights convert` makes a file of them.
        frozen: keep the pretrained weights as they are.

    Returns:
        A model from float32 (n, size, size, 3), RGB 0 to 1, to five feature maps (see `bare_resnet34`). With
        pretrained weights its batch normalisation is frozen, and so stays in inference mode.

    Raises:
        WeightsError: if the weights cannot be had, or if an encoder without pretrained weights is to be
            frozen.
        ValueError: if the size is no multiple of 32.

    Example:
        >>> resnet34(224, weights="weights", frozen=True).output_shape[-1]
        (None, 7, 7, 512)
    """
    source = find_weights(NAME, weights)
    if source == "imagenet":
        raise WeightsError(
            f"ImageNet weights of {NAME} cannot be had: they are published for PyTorch only, and Keras has "
            f"no file of them. Two ways out: get {PUBLISHED} and run `busi weights convert {NAME} "
            f"{PUBLISHED.rsplit('/', 1)[1]} --out weights` (this needs PyTorch, once), then give `--weights "
            "weights`; or train from random weights (weights none)."
        )
    base = bare_resnet34(size)
    if source is not None:
        load_file(NAME, base, source)
    settle(NAME, base, source, frozen)
    rgb = keras.Input((size, size, 3), name="image")
    x = keras.layers.Rescaling(**NORMALISATION["torch"], name="normalisation")(rgb)
    return keras.Model(rgb, base(x), name=f"{NAME}_base")


def r5_unet_resnet34(settings: Settings) -> keras.Model:
    """R5's U-Net of Segmentation Models: ResNet34 encoder, decoder 256/128/64/32/16, 21 classes.

    Each block of the decoder doubles height and width by repeating pixels, joins the encoder's map of that
    size (the last block has none) and convolves twice, each with batch normalisation and ReLU.

    R5 counts 24,439,269 parameters as PyTorch does, without the running statistics of batch normalisation:
    21,284,672 in the encoder, 3,154,597 in decoder and head, 3,045 of these in the head. `count_params`
    counts the statistics too: 24,458,277.

    Args:
        settings: uses `size` (pixels, a multiple of 32), `weights` and `frozen` (see `resnet34`).

    Returns:
        A model from float32 (n, size, size, 3), RGB 0 to 1, to probabilities (n, size, size, 21) in the
        order of `busilib.data.tiles.OUTPUTS`.

    Raises:
        busilib.models.encoders.WeightsError: if the encoder's weights cannot be had.
        ValueError: if the size is no multiple of 32.

    Example:
        >>> r5_unet_resnet34(settings).output.shape
        (None, 224, 224, 21)
    """
    encoder = resnet34(settings.size, settings.weights, settings.frozen)
    *skips, x = encoder.outputs
    for filters in DECODER:
        x = keras.layers.UpSampling2D(2, interpolation="nearest")(x)
        if skips:
            x = keras.layers.Concatenate()([x, skips.pop()])
        for _ in range(2):
            x = keras.layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_uniform"
            )(x)
            x = keras.layers.ReLU()(_normalised(x))
    outputs = keras.layers.Conv2D(
        len(OUTPUTS), 3, padding="same", activation="softmax", dtype="float32", name="codes"
    )(x)
    return keras.Model(encoder.input, outputs, name="r5_unet_resnet34")
