"""R3's classifiers that look at an image and at the mask of its lesion."""

from __future__ import annotations

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.settings import Settings


def _inputs(size: int) -> dict[str, keras.KerasTensor]:
    return {name: keras.Input((size, size, 1), name=name) for name in ("image", "mask")}


def _rgb(image: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Concatenate(name="gray_to_rgb")([image, image, image])


def _head(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    x = keras.layers.Dense(units, activation="relu", name=f"{name}_hidden")(x)
    return keras.layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name=name)(x)


def r3_imagemasknet(settings: Settings) -> keras.Model:
    """R3's ImageMaskNet: two convolutions on the image, two on the mask, one dense layer on both.

    67,147,587 parameters at 256 pixels, all but 39,000 of them between the flattened maps and Dense 128.

    Args:
        settings: uses `size` (pixels, a multiple of 4) and `filters` (of the first convolution; R3: 32).

    Returns:
        A model from a dict of "image" and "mask", each float32 (n, size, size, 1), 0 to 1, to class
        probabilities (n, 3) in the order of `CLASSES`.

    Example (not run):
        >>> r3_imagemasknet(settings).count_params()
        67147587
    """
    assert settings.filters is not None  # every network of blocks has them
    inputs = _inputs(settings.size)
    branches = []
    for x in (_rgb(inputs["image"]), inputs["mask"]):
        for filters in (settings.filters, 2 * settings.filters):
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = keras.layers.MaxPooling2D(2)(x)
        branches.append(keras.layers.Flatten()(x))
    outputs = _head(keras.layers.Concatenate()(branches), 4 * settings.filters, "class")
    return keras.Model(inputs, outputs, name="r3_imagemasknet")


def r3_imagemasknet2(settings: Settings) -> keras.Model:
    """R3's ImageMaskNet2: a head on image and mask together, and a head on the image alone.

    Momentum 0.9 of the batch normalisation is ours (see `busilib.models.cnn.r2_cnn`).

    Args:
        settings: uses `size` (pixels, a multiple of 8) and `filters` (of the first convolution; R3: 32).

    Returns:
        A model from a dict of "image" and "mask", each float32 (n, size, size, 1), 0 to 1, to a dict of
        class probabilities (n, 3): "class" from the image alone, "combined" from both.

    Example (not run):
        >>> sorted(r3_imagemasknet2(settings).output)
        ['class', 'combined']
    """
    assert settings.filters is not None  # every network of blocks has them
    inputs = _inputs(settings.size)
    image = _normalised_branch(_rgb(inputs["image"]), [settings.filters * 2**k for k in range(3)])
    mask = _normalised_branch(inputs["mask"], [settings.filters * 2**k for k in range(2)])
    mask = keras.layers.Dropout(0.5)(mask)
    outputs = {
        "class": _head(image, 8 * settings.filters, "class"),
        "combined": _head(keras.layers.Concatenate()([image, mask]), 8 * settings.filters, "combined"),
    }
    return keras.Model(inputs, outputs, name="r3_imagemasknet2")


def _normalised_branch(x: keras.KerasTensor, widths: list[int]) -> keras.KerasTensor:
    for filters in widths:
        x = keras.layers.Conv2D(filters, 3, padding="same")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D(2)(x)
    return keras.layers.Flatten()(x)
