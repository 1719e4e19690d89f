"""R2's small CNN."""

from __future__ import annotations

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.settings import Settings


def r2_cnn(settings: Settings) -> keras.Model:
    """R2's CNN: four blocks of convolution, batch normalisation, LeakyReLU, pooling and dropout; Dense 32.

    R2 gives 32/64/128/256 filters and no dropout rate; 0.25 is ours. So is the momentum 0.9 of the batch
    normalisation: with some thirty steps per epoch, Keras's 0.99 lags so far behind the weights that
    validation collapses for the first ten epochs.

    Args:
        settings: uses `size` (pixels) and `filters` (of the first block; R2: 32).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to class probabilities (n, 3) in the order of
        `CLASSES`.

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
