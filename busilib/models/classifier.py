"""Encoders with a head that tells the classes apart: one for any encoder, and those of R1, R2 and R4."""

from __future__ import annotations

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.models.encoders import encoder
from busilib.settings import Settings


def _with_head(
    base: keras.Model, pool: keras.layers.Layer, hidden: int | None, dropout: float, name: str
) -> keras.Model:
    x = pool(base.output)
    if hidden:
        x = keras.layers.Dense(hidden, activation="relu")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="class")(x)
    return keras.Model(base.input, outputs, name=name)


def _base(name: str, settings: Settings) -> keras.Model:
    return encoder(
        name, settings.size, settings.weights, settings.frozen, settings.norm_momentum, settings.channels
    )


def on_encoder(settings: Settings) -> keras.Model:
    """A classifier on any encoder: global average pooling, dropout 0.2, softmax.

    Args:
        settings: uses `encoder`, `size` (pixels), `weights`, `frozen`, `norm_momentum` and `channels` (see
            `busilib.models.encoders`).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to class probabilities (n, 3) in the order of
        `CLASSES`.

    Raises:
        busilib.errors.WeightsError: if the weights cannot be had.
        busilib.errors.UnknownNameError: if there is no such encoder.

    Example:
        >>> on_encoder(Settings(size=128, encoder="efficientnetlite0")).count_params()
        3416867
    """
    base = _base(settings.encoder, settings)
    name = f"classifier_on_{settings.encoder}"
    return _with_head(base, keras.layers.GlobalAveragePooling2D(), None, 0.2, name)


def r1_densenet121(settings: Settings) -> keras.Model:
    """R1's DenseNet121: global average pooling, Dense 256, dropout 0.2, softmax; 7,300,675 parameters.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen` (see `busilib.models.encoders`).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to class
        probabilities (n, 3) in the order of `CLASSES`.

    Example:
        >>> r1_densenet121(settings).count_params()
        7300675
    """
    base = _base("densenet121", settings)
    return _with_head(base, keras.layers.GlobalAveragePooling2D(), 256, 0.2, "r1_densenet121")


def r2_vgg19(settings: Settings) -> keras.Model:
    """R2's VGG19: flatten, Dense 256, softmax; 22,122,563 parameters at 128 pixels.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r2_vgg19(settings).count_params()
        22122563
    """
    base = _base("vgg19", settings)
    return _with_head(base, keras.layers.Flatten(), 256, 0.0, "r2_vgg19")


def r2_mobilenet(settings: Settings) -> keras.Model:
    """R2's MobileNet: flatten, Dense 256, softmax; 7,424,195 parameters at 128 pixels.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r2_mobilenet(settings).count_params()
        7424195
    """
    base = _base("mobilenet", settings)
    return _with_head(base, keras.layers.Flatten(), 256, 0.0, "r2_mobilenet")


def r4_vgg19(settings: Settings) -> keras.Model:
    """R4's VGG19: global average pooling, Dense 256, dropout 0.2, softmax; 20,156,483 parameters.

    R4 names its three networks and says nothing of their heads: this one is ours, the same for all three.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r4_vgg19(settings).count_params()
        20156483
    """
    return _r4_classifier("vgg19", settings)


def r4_resnet50(settings: Settings) -> keras.Model:
    """R4's ResNet50 with the head of `r4_vgg19`; 24,113,027 parameters.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r4_resnet50(settings).count_params()
        24113027
    """
    return _r4_classifier("resnet50", settings)


def r4_efficientnetb0(settings: Settings) -> keras.Model:
    """R4's EfficientNet with the head of `r4_vgg19`; 4,378,271 parameters.

    R4 does not say which EfficientNet; the smallest, without stochastic depth, is ours.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r4_efficientnetb0(settings).count_params()
        4378271
    """
    return _r4_classifier("efficientnetb0", settings)


def r4_efficientnetlite0(settings: Settings) -> keras.Model:
    """R4's EfficientNet read as EfficientNet-Lite0, with the head of `r4_vgg19`; 3,741,731 parameters.

    R4 does not say which EfficientNet; this one is smaller than the smallest of the others.

    Args:
        settings: uses `size` (pixels), `weights` and `frozen`.

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r4_efficientnetlite0(settings).count_params()
        3741731
    """
    return _r4_classifier("efficientnetlite0", settings)


def _r4_classifier(name: str, settings: Settings) -> keras.Model:
    base = _base(name, settings)
    return _with_head(base, keras.layers.GlobalAveragePooling2D(), 256, 0.2, f"r4_{name}")
