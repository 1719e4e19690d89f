"""R4's DeepLabV3 with ResNet101, in the + variant that keras-cv has."""

from __future__ import annotations

from busilib.errors import UserError, WeightsError
from busilib.keras_backend import keras
from busilib.models.encoders import find_weights, settle
from busilib.models.unet import require_size
from busilib.models.weights.find import load_file
from busilib.settings import Settings

BLOCKS = (3, 4, 23, 3)
"""Residual blocks of ResNet101 in its four stages."""

HALVINGS = 5
"""ResNet101's last feature maps are 32 times smaller than the image."""


class BackendError(UserError, RuntimeError):
    """A model needs a Keras backend that is not the one in use, or a package that is not there."""


def import_keras_cv(name: str):
    """keras-cv, for a model of that name.

    Raises:
        BackendError: if Keras does not run on TensorFlow, or keras-cv is not installed.

    Example (not run):
        >>> import_keras_cv("r4_deeplabv3").__version__
        '0.9.0'
    """
    if keras.config.backend() != "tensorflow":
        raise BackendError(
            f"{name}: keras-cv needs TensorFlow, and Keras runs on {keras.config.backend()}. "
            "Set KERAS_BACKEND=tensorflow, or leave it unset; the other models run on every backend."
        )
    try:
        import keras_cv
    except ImportError as error:
        raise BackendError(
            f"{name}: keras-cv cannot be imported ({error}). Install it: pip install keras-cv"
        ) from error
    return keras_cv


def _resnet101(keras_cv, settings: Settings) -> keras.Model:
    source = find_weights("resnet101", settings.weights)
    if source == "imagenet":
        raise WeightsError(
            "ImageNet weights of resnet101 cannot be had: keras-cv publishes none. "
            "Give a folder with `resnet101.weights.h5`, the `save_weights` of a keras-cv ResNetBackbone with "
            f"blocks {BLOCKS} that was trained on images from 0 to 1, or none, to train from random weights."
        )
    base = keras_cv.models.ResNetBackbone(
        stackwise_filters=[settings.filters * 2**stage for stage in range(len(BLOCKS))],
        stackwise_blocks=list(BLOCKS),
        stackwise_strides=[1, 2, 2, 2],
        block_type="block",
        include_rescaling=False,
        input_shape=(settings.size, settings.size, 3),
        name="resnet101",
    )
    if source is not None:
        load_file("resnet101", base, source)
    settle("resnet101", base, source, settings.frozen)
    return base


def r4_deeplabv3(settings: Settings) -> keras.Model:
    """R4's DeepLabV3 with ResNet101: keras-cv's DeepLabV3+ with one sigmoid channel; 58,235,265 parameters.

    R4 names DeepLabV3, and DeepLabV3+ only as future work. Nothing of the inside is given. The widths are
    those of keras-cv for 64 filters and shrink with them, all but the 64 channels of the first convolution.
    The momentum 0.9 of the batch normalisation is ours (see `busilib.models.cnn.r2_cnn`).

    Args:
        settings: uses `size` (pixels, a multiple of 32), `filters` (of the first stage; ResNet101: 64),
            `weights` and `frozen` (see `busilib.models.encoders`; there are no ImageNet weights).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 32.
        BackendError: if Keras does not run on TensorFlow, or keras-cv is not installed.
        busilib.errors.WeightsError: if the weights cannot be had.

    Example (not run):
        >>> r4_deeplabv3(settings).output.shape
        (None, 256, 256, 1)
    """
    assert settings.filters is not None  # every network of blocks has them
    require_size("r4_deeplabv3", settings.size, HALVINGS)
    keras_cv = import_keras_cv("r4_deeplabv3")
    width = settings.filters * 4
    head = keras.Sequential(
        [
            keras.layers.Conv2D(width, 1, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.UpSampling2D(4, interpolation="bilinear"),
            keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32"),
        ],
        name="mask",
    )
    network = keras_cv.models.DeepLabV3Plus(
        backbone=_resnet101(keras_cv, settings),
        num_classes=1,
        projection_filters=settings.filters * 3 // 4,
        spatial_pyramid_pooling=keras_cv.layers.SpatialPyramidPooling([6, 12, 18], num_channels=width),
        segmentation_head=head,
    )
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    gray = keras.Input((settings.size, settings.size, 1), name="image")
    rgb = keras.layers.Concatenate(name="gray_to_rgb")([gray, gray, gray])
    return keras.Model(gray, network(rgb), name="r4_deeplabv3")
