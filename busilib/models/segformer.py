"""The SegFormer that R4 names as future work, from keras-cv."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.models.deeplab import import_keras_cv
from busilib.models.unet import require_size
from busilib.settings import Settings

WIDTHS = (1, 2, 5, 8)
"""Channels of the four stages over those of the first, and attention heads of each, as in MiT-B0."""

HALVINGS = 5
"""The last stage is 32 times smaller than the image."""


def r4_segformer(settings: Settings) -> keras.Model:
    """SegFormer-B0, which R4 names as future work and does not train; 3,715,170 parameters, everything ours.

    keras-cv's head ends in a softmax over classes; of its two, lesion is the second. Its dropout
    rests, as it did for what is recorded.

    Args:
        settings: uses `size` (pixels, a multiple of 32, from 64) and `filters` (of the first stage;
            SegFormer-B0: 32).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 32, or 32 itself.
        busilib.models.deeplab.BackendError: if Keras does not run on TensorFlow, or keras-cv is missing.

    Example (not run):
        >>> r4_segformer(settings).output.shape
        (None, 256, 256, 1)
    """
    assert settings.filters is not None  # every network of blocks has them
    require_size("r4_segformer", settings.size, HALVINGS)
    if settings.size == 2**HALVINGS:
        raise ValueError(
            f"r4_segformer: size {settings.size} leaves the last stage a single position, which keras-cv "
            f"cannot attend to. The next size that fits is {2 * settings.size}."
        )
    keras_cv = import_keras_cv("r4_segformer")
    network = keras_cv.models.SegFormer(
        backbone=keras_cv.models.MiTBackbone(
            depths=[2, 2, 2, 2],
            embedding_dims=[settings.filters * width for width in WIDTHS],
            include_rescaling=False,
            input_shape=(settings.size, settings.size, 3),
        ),
        num_classes=2,
        projection_filters=settings.filters * 8,
    )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dropout | keras_cv.layers.DropPath):
            layer.rate = 0.0
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # as in r4_deeplabv3
    gray = keras.Input((settings.size, settings.size, 1), name="image")
    rgb = keras.layers.Concatenate(name="gray_to_rgb")([gray, gray, gray])
    return keras.Model(gray, network(rgb)[..., 1:], name="r4_segformer")
