"""The plain U-Nets of R1, R2 and R4."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.settings import Settings

LEVELS = 4


def _two_convolutions(x, filters: int, normalise: bool, dropout: float):
    start = "glorot_uniform" if normalise else "he_normal"
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=not normalise, kernel_initializer=start)(
            x
        )
        if normalise:
            x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.layers.Dropout(dropout)(x) if dropout else x


def require_size(name: str, size: int, halvings: int = LEVELS) -> None:
    """Refuse an image size that cannot be halved as often as a network does.

    Raises:
        ValueError: naming the nearest sizes that can.

    Example:
        >>> require_size("r2_unet", 128)
    """
    step = 2**halvings
    if size < step or size % step:
        lower = max(size // step, 1) * step
        raise ValueError(
            f"{name}: size {size} does not fit. The network halves its input {halvings} times, so the size "
            f"must be a multiple of {step}, such as {lower} or {lower + step}."
        )


def _unet(size, filters, name, pooling, normalise, encoder_dropout, decoder_dropout, up_activation):
    require_size(name, size)
    inputs = x = keras.Input((size, size, 1), name="image")
    skips = []
    for level in range(LEVELS):
        x = _two_convolutions(x, filters * 2**level, normalise, 0)
        skips.append(x)
        x = pooling(2)(x)
        if encoder_dropout:
            x = keras.layers.Dropout(encoder_dropout)(x)
    x = _two_convolutions(x, filters * 2**LEVELS, normalise, 0)
    for level in reversed(range(LEVELS)):
        x = keras.layers.Conv2DTranspose(filters * 2**level, 2, strides=2, activation=up_activation)(x)
        x = keras.layers.Concatenate()([x, skips[level]])
        x = _two_convolutions(x, filters * 2**level, normalise, decoder_dropout)
    outputs = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)
    return keras.Model(inputs, outputs, name=name)


def r1_unet(settings: Settings) -> keras.Model:
    """R1's U-Net: convolution + batch normalisation + ReLU, average pooling, transposed convolutions.

    R1 does not give the widths; with 64 filters at the top it has the classic 64–1024.

    Args:
        settings: uses `size` (pixels, a multiple of 16) and `filters` (of the first level).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 16.

    Example:
        >>> r1_unet(settings).output.shape
        (None, 128, 128, 1)
    """
    return _unet(
        settings.size,
        settings.filters,
        "r1_unet",
        pooling=keras.layers.AveragePooling2D,
        normalise=True,
        encoder_dropout=0.0,
        decoder_dropout=0.0,
        up_activation=None,
    )


def r2_unet(settings: Settings) -> keras.Model:
    """R2's U-Net: max pooling, dropout 0.2 per encoder level, 0.1 in the decoder; 31,030,593 parameters.

    R2 names no initial weights; He's are ours. From Keras's default the signal fades over eighteen layers
    without normalisation, and the squared error settles on background everywhere.

    Args:
        settings: uses `size` (pixels, a multiple of 16) and `filters` (R2: 64).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 16.

    Example:
        >>> r2_unet(settings).count_params()
        31030593
    """
    return _unet(
        settings.size,
        settings.filters,
        "r2_unet",
        pooling=keras.layers.MaxPooling2D,
        normalise=False,
        encoder_dropout=0.2,
        decoder_dropout=0.1,
        up_activation="relu",
    )


def r4_unet(settings: Settings) -> keras.Model:
    """R4's baseline U-Net: max pooling, batch normalisation and ReLU.

    R4 gives the size and nothing of the inside; widths and batch normalisation are ours.

    Args:
        settings: uses `size` (pixels, a multiple of 16) and `filters` (of the first level).

    Returns:
        A model from float32 (n, size, size, 1), 0 to 1, to lesion probabilities (n, size, size, 1).

    Raises:
        ValueError: if the size is no multiple of 16.

    Example:
        >>> r4_unet(settings).output.shape
        (None, 256, 256, 1)
    """
    return _unet(
        settings.size,
        settings.filters,
        "r4_unet",
        pooling=keras.layers.MaxPooling2D,
        normalise=True,
        encoder_dropout=0.0,
        decoder_dropout=0.0,
        up_activation=None,
    )
