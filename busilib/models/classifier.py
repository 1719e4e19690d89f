"""The classifiers of R1, R2 and R4: a small CNN, and ImageNet networks with new heads."""

from __future__ import annotations

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.models.encoders import backbone
from busilib.settings import Settings


def _with_head(base: keras.Model, pool: keras.layers.Layer, dropout: float, name: str) -> keras.Model:
    x = pool(base.output)
    x = keras.layers.Dense(256, activation="relu")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="class")(x)
    return keras.Model(base.input, outputs, name=name)


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
    base = backbone("densenet121", settings.size, settings.weights, settings.frozen)
    return _with_head(base, keras.layers.GlobalAveragePooling2D(), 0.2, "r1_densenet121")


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
    base = backbone("vgg19", settings.size, settings.weights, settings.frozen)
    return _with_head(base, keras.layers.Flatten(), 0.0, "r2_vgg19")


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
    base = backbone("mobilenet", settings.size, settings.weights, settings.frozen)
    return _with_head(base, keras.layers.Flatten(), 0.0, "r2_mobilenet")


def r2_cnn(settings: Settings) -> keras.Model:
    """R2's CNN: four blocks of convolution, batch normalisation, LeakyReLU, pooling and dropout; Dense 32.

    R2 gives 32/64/128/256 filters and no dropout rate; 0.25 is ours. So is the momentum 0.9 of the batch
    normalisation: with some thirty steps per epoch, Keras's 0.99 lags so far behind the weights that
    validation collapses for the first ten epochs.

    Args:
        settings: uses `size` (pixels) and `filters` (of the first block; R2: 32).

    Returns:
        A model as `r1_densenet121`'s.

    Example:
        >>> r2_cnn(settings).output.shape
        (None, 3)
    """
    inputs = x = keras.Input((settings.size, settings.size, 1), name="image")
    for block in range(4):
        x = keras.layers.Conv2D(settings.filters * 2**block, 3, padding="same")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.LeakyReLU()(x)
        x = keras.layers.MaxPooling2D(2)(x)
        x = keras.layers.Dropout(0.25)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(32)(x)
    x = keras.layers.LeakyReLU()(x)
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="class")(x)
    return keras.Model(inputs, outputs, name="r2_cnn")


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


def _r4_classifier(name: str, settings: Settings) -> keras.Model:
    base = backbone(name, settings.size, settings.weights, settings.frozen)
    return _with_head(base, keras.layers.GlobalAveragePooling2D(), 0.2, f"r4_{name}")
