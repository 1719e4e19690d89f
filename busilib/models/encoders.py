"""The one door to pretrained weights: ImageNet, a file, a folder of files, or none; never silently none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from busilib.errors import UserError
from busilib.keras_backend import keras
from busilib.paths import expanded

WEIGHTS_FOLDER = "BUSI_WEIGHTS_DIR"

# Each family's own input normalisation, written for gray levels 0 to 1 repeated on three channels.
_TORCH_MEAN, _TORCH_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
NORMALISATION = {
    "tf": {"scale": 2.0, "offset": -1.0},
    "caffe": {"scale": 255.0, "offset": [-103.939, -116.779, -123.68]},
    "torch": {"scale": (1 / _TORCH_STD).tolist(), "offset": (-_TORCH_MEAN / _TORCH_STD).tolist()},
}


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications: builder, normalisation its weights expect, Keras's weights file."""

    build: str
    normalisation: str
    imagenet_file: str


BACKBONES = {
    "vgg19": Backbone("VGG19", "caffe", "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "mobilenet": Backbone("MobileNet", "tf", "mobilenet_1_0_{size}_tf_no_top.h5"),
    "densenet121": Backbone(
        "DenseNet121", "torch", "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"
    ),
    "resnet50": Backbone("ResNet50", "caffe", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "efficientnetb0": Backbone("EfficientNetB0", "torch", "efficientnetb0_notop.h5"),
}
_MOBILENET_SIZES = (128, 160, 192)
"""Sizes with ImageNet weights of their own; for any other, Keras takes those for 224."""


class WeightsError(UserError, RuntimeError):
    """Pretrained weights were asked for and cannot be had."""


def keras_cache() -> Path:
    """The folder where Keras keeps the ImageNet weights it downloaded.

    Example:
        >>> keras_cache()
        PosixPath('/home/me/.keras/models')
    """
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def find_weights(name: str, weights: str | Path | None) -> str | Path | None:
    """Decide where the weights of a backbone come from.

    Args:
        name: key of `BACKBONES`.
        weights: "imagenet", a weights file, a folder that holds `<name>.weights.h5` or
            `<name>_….weights.h5`, "local" for the folder that BUSI_WEIGHTS_DIR names if it holds such a file
            and else none, or None for random initial weights.

    Returns:
        "imagenet", the path of one file, or None.

    Raises:
        WeightsError: if a file or folder is named that holds no weights for this backbone, or several, or if
            "local" is asked for and BUSI_WEIGHTS_DIR names no folder.

    Example:
        >>> find_weights("mobilenet", "weights")
        PosixPath('weights/mobilenet.weights.h5')
    """
    if weights is None or weights == "imagenet":
        return weights
    folder = os.environ.get(WEIGHTS_FOLDER, "")
    if weights == "local" and not folder:
        return None
    path = expanded(folder if weights == "local" else weights)
    if weights == "local" and not path.is_dir():
        raise WeightsError(
            f"pretrained weights for {name}: {WEIGHTS_FOLDER} is {folder!r}, which is no folder. "
            f"Set it to a folder with `{name}.weights.h5`, or unset it to train from random weights."
        )
    if path.is_file():
        return path
    found = sorted({*path.glob(f"{name}.weights.h5"), *path.glob(f"{name}_*.weights.h5")})
    if weights == "local" and not found:
        return None
    if len(found) == 1:
        return found[0]
    what = "several files fit: " + ", ".join(f.name for f in found) if found else "no such file"
    looked = path if path.suffix in {".h5", ".hdf5"} else path / f"{name}.weights.h5"
    raise WeightsError(
        f"pretrained weights for {name}: looked for {looked}, {what}. "
        f"Give the path of one weights file, put `{name}.weights.h5` into that folder, "
        "or train from random weights (weights none)."
    )


def backbone(name: str, size: int, weights: str | Path | None, frozen: bool = False) -> keras.Model:
    """A convolutional base without its top, with its own input normalisation in front.

    Args:
        name: key of `BACKBONES`.
        size: height and width of the input in pixels.
        weights: as `find_weights` takes it.
        frozen: keep the pretrained weights as they are.

    Returns:
        A model from float32 (n, size, size, 1), gray 0 to 1, to feature maps (n, h', w', c).
        With pretrained weights its batch normalisation is frozen, and so stays in inference mode.

    Raises:
        WeightsError: if the weights cannot be had, or if a base without pretrained weights is to be frozen.

    Example:
        >>> backbone("mobilenet", 128, weights=None).output.shape
        (None, 4, 4, 1024)
    """
    source = find_weights(name, weights)
    base = _base(name, size, source)
    settle(name, base, source, frozen)
    gray, x = _normalised(name, size)
    return keras.Model(gray, base(x), name=f"{name}_base")


def feature_maps(
    name: str, size: int, layers: Sequence[str], weights: str | Path | None, frozen: bool = False
) -> keras.Model:
    """A convolutional base that gives what some of its layers see, for the skips of a U-Net.

    Args:
        name: key of `BACKBONES`.
        size: height and width of the input in pixels.
        layers: names of layers of the network in `keras.applications`; what comes after the deepest is left
            out.
        weights, frozen: as `backbone` takes them.

    Returns:
        A model as `backbone`'s, with one output for each of `layers`.

    Raises:
        WeightsError: as `backbone`.

    Example:
        >>> feature_maps("vgg19", 128, ["block1_conv2", "block5_conv4"], weights=None).output_shape
        [(None, 128, 128, 64), (None, 8, 8, 512)]
    """
    source = find_weights(name, weights)
    base = _base(name, size, source)
    base = keras.Model(base.input, [base.get_layer(layer).output for layer in layers], name=name)
    settle(name, base, source, frozen)
    gray, x = _normalised(name, size)
    return keras.Model(gray, base(x), name=f"{name}_base")


def settle(name: str, base: keras.Model, source: str | Path | None, frozen: bool) -> None:
    """Say what of a base may learn: all of random weights, nothing of frozen ones, no statistics of others.

    Args:
        name: of the base, for the message.
        base: changed in place.
        source: where its weights come from, as `find_weights` gives it.
        frozen: keep the pretrained weights as they are.

    Raises:
        WeightsError: if a base without pretrained weights is to be frozen.

    Example:
        >>> settle("vgg19", base, source=None, frozen=False)
    """
    if frozen and source is None:
        raise WeightsError(
            f"{name}: a frozen base needs pretrained weights; random features that never learn tell nothing. "
            "Give weights or train the base."
        )
    base.trainable = not frozen
    if source is not None:
        # Calling the base with training=False would not do: Keras overrides it inside the `fit` of a model.
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def load_file(name: str, base: keras.Model, file: str | Path) -> None:
    """Read the weights of a base from a file.

    Raises:
        WeightsError: if the file holds none, or those of another network.

    Example:
        >>> load_file("vgg19", base, "weights/vgg19.weights.h5")
    """
    try:
        base.load_weights(str(file))
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"{name}: {file} does not hold weights of this network ({error})") from error


def _normalised(name: str, size: int):
    """A gray input, and what a base is shown of it: three channels in the normalisation of its family."""
    gray = keras.Input((size, size, 1), name="image")
    x = keras.layers.Concatenate(name="gray_to_rgb")([gray, gray, gray])
    normalisation = NORMALISATION[BACKBONES[name].normalisation]
    return gray, keras.layers.Rescaling(**normalisation, name="normalisation")(x)


def _base(name: str, size: int, source: str | Path | None) -> keras.Model:
    entry = BACKBONES[name]
    build = getattr(keras.applications, entry.build)
    shape = {"include_top": False, "input_shape": (size, size, 3)}
    if source == "imagenet":
        try:
            base = build(weights="imagenet", **shape)
        except Exception as error:
            file = entry.imagenet_file.format(size=size if size in _MOBILENET_SIZES else 224)
            raise WeightsError(
                f"ImageNet weights of {name} cannot be had: the file {file} is not in Keras's cache "
                f"{keras_cache()} and could not be downloaded ({error}). "
                "Two ways out: put that file there from a machine with a network, or give a folder with "
                f"`{name}.weights.h5` (or none, to train from random weights)."
            ) from error
    else:
        base = build(weights=None, **shape)
        if source is not None:
            load_file(name, base, source)
    return _behind_its_own_normalisation(base) if name == "efficientnetb0" else base


def _behind_its_own_normalisation(base: keras.Model) -> keras.Model:
    """EfficientNet from its first convolution on, without stochastic depth.

    Keras puts a normalisation in front that is another with ImageNet weights than without, so that a
    checkpoint of the one would be read back into the other. Ours is the same for both. Stochastic depth would
    shake frozen features, and Keras saves no random states, so that no training could be resumed exactly.
    """
    for layer in base.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return keras.Model(base.get_layer("stem_conv_pad").input, base.output, name=base.name)
