"""Any encoder serves as classifier and as U-Net: shapes, widths, what learns, and exact resuming."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from busilib.data.loader import load_busi
from busilib.errors import UnknownNameError, WeightsError
from busilib.keras_backend import keras
from busilib.models.classifier import on_encoder
from busilib.models.encoders import ENCODERS, TF, Encoder
from busilib.models.unet_on import unet_on
from busilib.settings import Settings
from busilib.training.batches import Batches
from busilib.training.fit import fit

SIZE = 32
LITE = Settings(size=SIZE, filters=4, encoder="efficientnetlite0", batch=4, learning_rate=1e-3)


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def inner(model: keras.Model) -> keras.Model:
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def of_kind(model: keras.Model, kind: type) -> list:
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Weights of our own, under the name by which they are found."""
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("weights") / "efficientnetlite0.weights.h5"
    ENCODERS["efficientnetlite0"].build(SIZE).save_weights(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_serves_as_both(name):
    gray = np.random.default_rng(0).random((2, SIZE, SIZE, 1), np.float32)
    settings = replace(LITE, encoder=name)
    classes = as_array(on_encoder(settings)(gray))
    assert classes.shape == (2, 3) and classes.dtype == np.float32
    np.testing.assert_allclose(classes.sum(1), 1, atol=1e-5)
    model = unet_on(settings)
    mask = as_array(model(gray))
    assert mask.shape == (2, SIZE, SIZE, 1) and mask.dtype == np.float32
    assert 0 < mask.min() < mask.max() < 1
    assert len(of_kind(model, keras.layers.Concatenate)) == 5  # four skips, and gray to RGB


def test_the_head_is_a_pool_a_dropout_and_three_classes():
    model = on_encoder(LITE)
    assert [type(layer).__name__ for layer in model.layers[-3:]] == [
        "GlobalAveragePooling2D",
        "Dropout",
        "Dense",
    ]
    assert model.layers[-2].rate == 0.2
    assert model.count_params() == 3_413_024 + 1280 * 3 + 3


def test_the_decoder_doubles_its_width_with_each_level_down():
    model = unet_on(LITE)
    *convolutions, head = of_kind(model, keras.layers.Conv2D)
    ups = of_kind(model, keras.layers.Conv2DTranspose)
    assert [layer.filters for layer in ups] == [64, 32, 16, 8, 4]
    assert [layer.filters for layer in convolutions] == [width for width in (64, 32, 16, 8, 4) for _ in "ab"]
    assert (head.filters, head.activation.__name__, head.dtype) == (1, "sigmoid", "float32")
    norms = of_kind(model, keras.layers.BatchNormalization)
    assert len(norms) == 10 and {layer.momentum for layer in norms} == {0.9}
    joins = [join for join in of_kind(model, keras.layers.Concatenate) if join.name != "gray_to_rgb"]
    widths = [(up.shape[1:3], up.shape[-1], skip.shape[-1]) for up, skip in (join.input for join in joins)]
    assert widths == [((2, 2), 64, 112), ((4, 4), 32, 40), ((8, 8), 16, 24), ((16, 16), 8, 16)]


@pytest.mark.parametrize("build", [on_encoder, unet_on])
def test_weights_freezing_and_momentum_reach_the_encoder(build, weights_file):
    reference = ENCODERS["efficientnetlite0"].build(SIZE)
    reference.load_weights(weights_file)
    pretrained = replace(LITE, weights=str(weights_file.parent))
    frozen = inner(build(replace(pretrained, frozen=True)))
    for mine, theirs in zip(frozen.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert frozen.trainable_weights == []
    resting, learning = (inner(build(replace(pretrained, norm_momentum=value))) for value in (None, 0.9))
    assert len(learning.trainable_weights) - len(resting.trainable_weights) == 2 * 49
    with pytest.raises(WeightsError, match="frozen base needs pretrained weights"):
        build(replace(LITE, frozen=True))


def test_the_example_for_contributors_runs(monkeypatch):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Adding an encoder")[2].partition("\n## ")[0]
    network, row, use = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(network, names)
    rows = eval(f"{{{row}}}", {"Encoder": Encoder, "TF": TF, **names})
    monkeypatch.setitem(ENCODERS, "tiny", rows["tiny"])
    exec(use, names)
    assert names["classifier"].output_shape == (None, 3)
    assert names["unet"].output_shape == (None, 64, 64, 1)
    with pytest.raises(WeightsError, match="ImageNet weights of tiny cannot be had: nobody publishes any"):
        on_encoder(replace(names["settings"], weights="imagenet"))


@pytest.mark.parametrize("build", [on_encoder, unet_on])
def test_an_unknown_encoder_is_refused(build):
    with pytest.raises(UnknownNameError, match="no encoder 'lite'"):
        build(replace(LITE, encoder="lite"))


@pytest.mark.parametrize(("size", "way_out"), [(100, "96 or 128"), (16, "32 or 64")])
def test_the_unet_refuses_sizes_it_cannot_halve(size, way_out):
    with pytest.raises(ValueError, match=f"unet_on_.*: size {size} .* multiple of 32, such as {way_out}"):
        unet_on(replace(LITE, size=size))


@pytest.mark.slow
def test_a_training_that_is_taken_up_again_ends_as_an_undisturbed_one(weights_file, phantom_dir, tmp_path):
    data = load_busi(phantom_dir, size=SIZE)
    settings = replace(
        LITE, loss="sparse_categorical_crossentropy", weights=str(weights_file), norm_momentum=0.9
    )

    def trained(folder, epochs):
        keras.utils.set_random_seed(0)
        shared = {"target": "label", "inputs": "image", "batch": settings.batch}
        batches = Batches(data, np.arange(0, 24, 3), seed=3, **shared)
        validation = Batches(data, np.arange(1, 24, 6), **shared)
        model = on_encoder(settings)
        fit(model, batches, validation, replace(settings, epochs=epochs), tmp_path / folder, folder)
        return model.get_weights()

    whole = trained("whole", 2)
    trained("stopped", 1)
    for mine, theirs in zip(trained("stopped", 2), whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
