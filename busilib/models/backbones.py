"""The one door to pretrained weights: ImageNet, a file, a folder of files, or none, and never silently none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from busilib.keras_backend import keras

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
    """A network of keras.applications: its builder and the normalisation its weights expect."""

    build: str
    normalisation: str


BACKBONES = {
    "vgg19": Backbone("VGG19", "caffe"),
    "mobilenet": Backbone("MobileNet", "tf"),
    "densenet121": Backbone("DenseNet121", "torch"),
}


class WeightsError(RuntimeError):
    """Pretrained weights were asked for and cannot be had."""


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
        WeightsError: if a file or folder is named that holds no weights for this backbone, or several.

    Example:
        >>> find_weights("mobilenet", "weights")
        PosixPath('weights/mobilenet.weights.h5')
    """
    if weights is None or weights == "imagenet":
        return weights
    folder = os.environ.get(WEIGHTS_FOLDER, "")
    if weights == "local" and not folder:
        return None
    path = Path(folder if weights == "local" else weights).expanduser()
    if path.is_file():
        return path
    found = sorted({*path.glob(f"{name}.weights.h5"), *path.glob(f"{name}_*.weights.h5")})
    if weights == "local" and not found:
        return None
    if len(found) == 1:
        return found[0]
    what = "several files fit: " + ", ".join(f.name for f in found) if found else "no such file"
    raise WeightsError(
        f"pretrained weights for {name}: looked for {path / f'{name}.weights.h5'}, {what}. "
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
        With pretrained weights its batch normalisation stays in inference mode.

    Raises:
        WeightsError: if the weights cannot be had, or if a base without pretrained weights is to be frozen.

    Example:
        >>> backbone("mobilenet", 128, weights=None).output.shape
        (None, 4, 4, 1024)
    """
    entry = BACKBONES[name]
    source = find_weights(name, weights)
    if frozen and source is None:
        raise WeightsError(
            f"{name}: a frozen base needs pretrained weights; random features that never learn tell nothing. "
            "Give weights or train the base."
        )
    base = _base(name, entry, size, source)
    base.trainable = not frozen
    gray = keras.Input((size, size, 1), name="image")
    x = keras.layers.Concatenate(name="gray_to_rgb")([gray, gray, gray])
    x = keras.layers.Rescaling(**NORMALISATION[entry.normalisation], name="normalisation")(x)
    x = base(x, training=False) if source is not None else base(x)
    return keras.Model(gray, x, name=f"{name}_base")


def _base(name: str, entry: Backbone, size: int, source: str | Path | None) -> keras.Model:
    build = getattr(keras.applications, entry.build)
    try:
        return build(
            include_top=False, weights=None if source is None else str(source), input_shape=(size, size, 3)
        )
    except ValueError as error:
        raise WeightsError(f"{name}: {source} does not hold weights of this network ({error})") from error
    except Exception as error:
        if source != "imagenet":
            raise
        raise WeightsError(
            f"ImageNet weights of {name} could not be downloaded ({error}). Keras looked in "
            f"{Path(keras.config.keras_home()) / 'models'}. Two ways out: put the file there from a machine "
            f"with a network, or give a folder with `{name}.weights.h5` (or none, to train from random weights)."
        ) from error
