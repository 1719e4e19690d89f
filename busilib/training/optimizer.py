"""Adam with its learning rate, and with another one for a pretrained encoder."""

from __future__ import annotations

from busilib.keras_backend import keras
from busilib.settings import Settings


class SlowEncoder(keras.optimizers.Adam):
    """Adam that moves some variables at a share of the learning rate.

    What is pretrained needs small steps to keep what it knows, what starts from random numbers large ones to
    get anywhere: discriminative fine-tuning (J. Howard and S. Ruder, ACL 2018).

    Args:
        slow: paths of the variables.
        share: of the learning rate, above 0.
        learning_rate, weight_decay: as `keras.optimizers.Adam` takes them.

    Example (not run):
        >>> SlowEncoder({"conv_stem/kernel"}, 0.05, learning_rate=0.002)
    """

    def __init__(self, slow: set[str], share: float, **adam):
        super().__init__(**adam)
        self.slow, self.share = slow, share

    def update_step(self, gradient, variable, learning_rate):
        place = self._get_variable_index(variable)
        slow = self._trainable_variables[place].path in self.slow
        super().update_step(gradient, variable, learning_rate * self.share if slow else learning_rate)


def optimizer(model: keras.Model, settings: Settings, steps: int) -> keras.optimizers.Adam:
    """The optimiser of a training.

    Args:
        model: whose encoder, if it has one, is a model within it.
        settings: uses `learning_rate`, `cosine`, `epochs`, `encoder_rate` and `weight_decay`.
        steps: in an epoch.

    Example (not run):
        >>> model.compile(optimizer(model, settings, steps=63), loss="mean_squared_error")
    """
    adam = {"learning_rate": learning_rate(settings, steps), "weight_decay": settings.weight_decay}
    if settings.encoder_rate == 1:
        return keras.optimizers.Adam(**adam)
    encoders = (layer for layer in model.layers if isinstance(layer, keras.Model))
    slow = {variable.path for encoder in encoders for variable in encoder.trainable_variables}
    return SlowEncoder(slow, settings.encoder_rate, **adam)


def learning_rate(settings: Settings, steps: int):
    """The learning rate, or its fall to zero along half a cosine.

    Args:
        settings: uses `learning_rate`, `cosine` and `epochs`.
        steps: in an epoch.

    Example:
        >>> learning_rate(settings, steps=35)
        0.0003
    """
    if not settings.cosine:
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps * settings.epochs)
