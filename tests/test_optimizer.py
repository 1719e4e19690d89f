"""An encoder that learns more slowly than what stands on it: one step of Adam by hand, and it is one."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.keras_backend import keras
from busilib.settings import Settings
from busilib.training.optimizer import SlowEncoder, learning_rate, optimizer

SETTINGS = Settings(size=4, epochs=2, learning_rate=0.01)


def on_encoder() -> keras.Model:
    """One weight in an encoder, one behind it."""
    image = keras.Input((1,))
    inner = keras.Input((1,))
    encoder = keras.Model(inner, keras.layers.Dense(1, use_bias=False, name="inside")(inner))
    return keras.Model(image, keras.layers.Dense(1, use_bias=False, name="behind")(encoder(image)))


def moved(settings: Settings) -> list[float]:
    """How far the weight of the encoder and the one behind it go in one step."""
    model = on_encoder()
    for variable in model.trainable_variables:
        variable.assign(np.ones((1, 1)))
    model.compile(optimizer(model, settings, steps=1), loss="mean_squared_error")
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    return [1 - float(keras.ops.convert_to_numpy(each)[0, 0]) for each in model.trainable_variables]


def test_adams_first_step_is_the_learning_rate_of_each():
    assert moved(SETTINGS) == pytest.approx([0.01, 0.01], rel=1e-4)
    assert moved(replace(SETTINGS, encoder_rate=0.05)) == pytest.approx([0.0005, 0.01], rel=1e-4)


def test_with_a_share_of_one_it_is_adam():
    one, other = (keras.optimizers.Adam(0.01), SlowEncoder({"a"}, 1.0, learning_rate=0.01))
    ends = []
    for adam in (one, other):
        variable = keras.Variable([1.0, -2.0], name="a")
        adam.build([variable])
        for gradient in ([0.5, 1.0], [-0.1, 3.0], [0.2, 0.2]):
            adam.apply([keras.ops.convert_to_tensor(gradient)])
        ends.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(*ends, rtol=1e-6)


def test_only_who_asks_for_it_gets_it():
    model = on_encoder()
    assert type(optimizer(model, SETTINGS, steps=1)) is keras.optimizers.Adam
    slow = optimizer(model, replace(SETTINGS, encoder_rate=0.1), steps=1)
    assert slow.slow == {"inside/kernel"} and slow.share == 0.1


def test_the_rate_falls_to_zero_along_half_a_cosine():
    rate = learning_rate(replace(SETTINGS, cosine=True), steps=5)
    assert [float(rate(step)) for step in (0, 5, 10)] == pytest.approx([0.01, 0.005, 0], abs=1e-6)
