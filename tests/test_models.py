"""The models are built as the reports describe them, layer by layer."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.keras_backend import keras
from busilib.reports.registry import experiment
from busilib.runs.predict import build
from busilib.settings import Settings

UNETS = ["r1-unet", "r2-unet"]
R4_CLASSIFIERS = ["r4-vgg19", "r4-resnet50", "r4-efficientnetb0", "r4-efficientnetlite0"]
CLASSIFIERS = ["r1-densenet121", "r2-cnn", "r2-vgg19", "r2-mobilenet", *R4_CLASSIFIERS]
NETWORKS = [*UNETS, "r4-unet", "r4-unet-vgg19", "r4-deeplabv3", *CLASSIFIERS]
DEEP = {"r1-densenet121", "r4-resnet50", "r4-efficientnetb0", "r4-efficientnetlite0", "r4-deeplabv3"}
"""Those that take seconds to build."""


def small(id: str, size: int = 32) -> Settings:
    settings = experiment(id).settings
    return replace(settings, size=size, filters=settings.filters and 4, weights=None)


def images(n: int = 3, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((n, size, size, 1), np.float32)


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def of_kind(model: keras.Model, kind: type) -> list:
    return [layer for layer in model.layers if isinstance(layer, kind)]


class _Models(dict):
    """Built when they are asked for."""

    def __missing__(self, id: str) -> keras.Model:
        keras.utils.set_random_seed(0)
        self[id] = build(experiment(id), small(id))
        return self[id]


@pytest.fixture(scope="module")
def models():
    return _Models()


def slow_where_deep(ids: list[str]) -> list:
    return [pytest.param(id, marks=[pytest.mark.slow] * (id in DEEP)) for id in ids]


@pytest.mark.parametrize("id", UNETS)
@pytest.mark.parametrize("size", [16, 48])
def test_unet_keeps_the_size_and_gives_probabilities(id, size):
    model = build(experiment(id), small(id, size))
    probabilities = keras.ops.convert_to_numpy(model(images(3, size)))
    assert probabilities.shape == (3, size, size, 1)
    assert probabilities.dtype == np.float32
    assert 0 <= probabilities.min() < probabilities.max() <= 1


@pytest.mark.parametrize("id", slow_where_deep(CLASSIFIERS))
def test_classifier_gives_three_probabilities_that_add_up_to_one(id, models):
    probabilities = keras.ops.convert_to_numpy(models[id](images()))
    assert probabilities.shape == (3, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("id", UNETS)
@pytest.mark.parametrize(("size", "way_out"), [(100, "96 or 112"), (129, "128 or 144"), (8, "16 or 32")])
def test_a_unet_refuses_sizes_it_cannot_halve(id, size, way_out):
    with pytest.raises(ValueError, match=f"size {size} .* multiple of 16, such as {way_out}"):
        build(experiment(id), small(id, size))


def test_r1_unet_layers(models):
    pair = ["Conv2D", "BatchNormalization", "ReLU"] * 2
    down = [*pair, "AveragePooling2D"]
    up = ["Conv2DTranspose", "Concatenate", *pair]
    assert kinds(models["r1-unet"]) == ["InputLayer", *down * 4, *pair, *up * 4, "Conv2D"]


def test_r2_unet_layers(models):
    pair = ["Conv2D", "ReLU"] * 2
    down = [*pair, "MaxPooling2D", "Dropout"]
    up = ["Conv2DTranspose", "Concatenate", *pair, "Dropout"]
    model = models["r2-unet"]
    assert kinds(model) == ["InputLayer", *down * 4, *pair, *up * 4, "Conv2D"]
    assert [layer.rate for layer in of_kind(model, keras.layers.Dropout)] == [0.2] * 4 + [0.1] * 4


@pytest.mark.parametrize("id", UNETS)
def test_unet_widths_kernels_and_activations(id):
    model = build(experiment(id), experiment(id).settings)
    *convolutions, head = of_kind(model, keras.layers.Conv2D)
    widths = [64, 128, 256, 512, 1024, 512, 256, 128, 64]
    assert [layer.filters for layer in convolutions] == [width for width in widths for _ in range(2)]
    assert {(layer.kernel_size, layer.padding, layer.strides) for layer in convolutions} == {
        ((3, 3), "same", (1, 1))
    }
    assert (head.filters, head.kernel_size, head.activation.__name__) == (1, (1, 1), "sigmoid")
    transposed = of_kind(model, keras.layers.Conv2DTranspose)
    assert [layer.filters for layer in transposed] == [512, 256, 128, 64]
    assert {(layer.kernel_size, layer.strides) for layer in transposed} == {((2, 2), (2, 2))}
    assert {layer.activation.__name__ for layer in transposed} == {"relu" if id == "r2-unet" else "linear"}
    assert {layer.use_bias for layer in convolutions} == {id == "r2-unet"}  # normalisation has its own shift


@pytest.mark.parametrize("id", UNETS)
def test_unet_skips_join_equal_levels(id, models):
    for join in of_kind(models[id], keras.layers.Concatenate):
        upsampled, skip = join.input
        assert upsampled.shape == skip.shape


def test_r2_cnn_layers(models):
    block = ["Conv2D", "BatchNormalization", "LeakyReLU", "MaxPooling2D", "Dropout"]
    assert kinds(models["r2-cnn"]) == ["InputLayer", *block * 4, "Flatten", "Dense", "LeakyReLU", "Dense"]
    model = build(experiment("r2-cnn"), experiment("r2-cnn").settings)
    assert [layer.filters for layer in of_kind(model, keras.layers.Conv2D)] == [32, 64, 128, 256]
    assert [layer.units for layer in of_kind(model, keras.layers.Dense)] == [32, 3]


@pytest.mark.parametrize(
    ("id", "head"),
    [
        ("r1-densenet121", ["GlobalAveragePooling2D", "Dense", "Dropout", "Dense"]),
        ("r2-vgg19", ["Flatten", "Dense", "Dense"]),
        ("r2-mobilenet", ["Flatten", "Dense", "Dense"]),
        *((id, ["GlobalAveragePooling2D", "Dense", "Dropout", "Dense"]) for id in R4_CLASSIFIERS),
    ],
)
def test_heads_of_the_pretrained_networks(id, head, models):
    model = models[id]
    found = kinds(model)
    assert found[:3] == ["InputLayer", "Concatenate", "Rescaling"]
    assert found[4:] == head
    hidden, output = of_kind(model, keras.layers.Dense)
    assert (hidden.units, hidden.activation.__name__) == (256, "relu")
    assert (output.units, output.activation.__name__) == (3, "softmax")
    dropped = id == "r1-densenet121" or id in R4_CLASSIFIERS
    assert [layer.rate for layer in of_kind(model, keras.layers.Dropout)] == [0.2] * dropped


@pytest.mark.parametrize("id", slow_where_deep([id for id in NETWORKS if id != "r4-deeplabv3"]))
def test_saved_weights_give_the_same_predictions(id, models, tmp_path):
    """DeepLab's are told in test_r4_networks, after it has learned."""
    file = tmp_path / "model.weights.h5"
    models[id].save_weights(file)
    keras.utils.set_random_seed(1)
    other = build(experiment(id), small(id))
    saved = models[id].get_weights()
    assert any(
        not np.array_equal(mine, theirs) for mine, theirs in zip(other.get_weights(), saved, strict=True)
    )
    other.load_weights(file)
    expected = keras.ops.convert_to_numpy(models[id](images()))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(other(images())), expected)


@pytest.mark.parametrize("id", UNETS)
def test_dropout_and_normalisation_rest_outside_training(id, models):
    first, second = (keras.ops.convert_to_numpy(models[id](images(), training=False)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
