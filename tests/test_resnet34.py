"""R5's network has R5's numbers of parameters, and its encoder's weights are never silently random."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.models.resnet34 import resnet34
from busilib.models.unet_resnet34 import STRIDES, r5_unet_resnet34
from busilib.reports.registry import experiment
from busilib.runs.predict import build
from busilib.runs.profiles import profile_settings, settings_for
from busilib.settings import Settings

SIZE = 64


def learnt(model: keras.Model) -> int:
    """Parameters as PyTorch counts them: without the running statistics of batch normalisation."""
    statistics = sum(
        int(np.prod(value.shape))
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        for value in (layer.moving_mean, layer.moving_variance)
    )
    return model.count_params() - statistics


def maps(weights, frozen: bool = False) -> keras.Model:
    return feature_maps("resnet34", SIZE, STRIDES, weights, frozen, channels=3)


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture(scope="module")
def bare():
    keras.utils.set_random_seed(0)
    return resnet34(SIZE)


@pytest.fixture(scope="module")
def weights_file(bare, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet34.weights.h5"
    bare.save_weights(path)
    return path


@pytest.fixture(scope="module")
def frozen(weights_file):
    """The whole network on a frozen encoder."""
    return r5_unet_resnet34(Settings(size=SIZE, weights=str(weights_file), frozen=True))


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(0).random((2, SIZE, SIZE, 3), np.float32)


def test_parameters_are_r5s(bare, frozen):
    claimed = {claim.metric: claim.value for claim in experiment("r5-unet-resnet34").claims}
    assert learnt(frozen) == claimed["parameters"] == 24_439_269
    assert learnt(bare) == claimed["encoder_parameters"] == 21_284_672
    trainable = sum(int(np.prod(value.shape)) for value in frozen.trainable_variables)
    assert trainable == claimed["trainable_parameters"] == 3_154_597
    assert frozen.layers[-1].count_params() == claimed["head_parameters"] == 3_045
    assert frozen.count_params() == experiment("r5-unet-resnet34").parameters == 24_458_277


def test_the_whole_network_gives_21_probabilities_for_every_pixel(frozen, colours):
    probabilities = as_array(frozen(colours))
    assert probabilities.shape == (2, SIZE, SIZE, 21) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


def test_decoder_widths_and_skips(frozen):
    convolutions = [layer for layer in frozen.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [256] * 2 + [128] * 2 + [64] * 2 + [32] * 2 + [
        16
    ] * 2 + [21]
    joins = [layer for layer in frozen.layers if isinstance(layer, keras.layers.Concatenate)]
    assert [join.output.shape[-1] for join in joins] == [512 + 256, 256 + 128, 128 + 64, 64 + 64]
    for join in joins:
        upsampled, skip = join.input
        assert upsampled.shape[:3] == skip.shape[:3]


def test_five_feature_maps(bare, weights_file):
    shapes = [(32, 64), (16, 64), (8, 128), (4, 256), (2, 512)]
    assert maps(weights_file).output_shape == [(None, side, side, width) for side, width in shapes]
    blocks = [
        sum(layer.name.startswith(f"layer{stage}_") and layer.name.endswith("_add") for layer in bare.layers)
        for stage in range(1, 5)
    ]
    assert blocks == [3, 4, 6, 3]


def test_the_encoder_normalises_colours_as_imagenet_was(bare, weights_file, colours):
    normalised = (colours - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    encoder = maps(weights_file)
    mine, expected = encoder(colours)[-1], bare(normalised.astype(np.float32))
    np.testing.assert_allclose(as_array(mine), as_array(expected), rtol=1e-3, atol=1e-4)


def test_a_frozen_encoder_does_not_change_in_training(frozen, colours):
    inner = frozen.get_layer("resnet34")
    assert inner.trainable_variables == []
    before = inner.get_weights()
    frozen(colours, training=True)
    for old, new in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_pretrained_encoder_learns_but_its_batch_normalisation_rests(weights_file):
    inner = maps(weights_file).get_layer("resnet34")
    kinds = {type(layer).__name__ for layer in inner.layers if layer.trainable_weights}
    assert kinds == {"Conv2D"}


@pytest.mark.parametrize(("size", "way_out"), [(100, "96 or 128"), (16, "32 or 64")])
def test_sizes_that_cannot_be_halved_five_times_are_refused(size, way_out):
    with pytest.raises(ValueError, match=f"size {size} .* multiple of 32, such as {way_out}"):
        resnet34(size)


# Weights


def test_imagenet_says_how_to_convert(colours):
    with pytest.raises(WeightsError) as caught:
        maps("imagenet")
    message = str(caught.value)
    assert "published for PyTorch only" in message
    assert "busi weights convert resnet34 resnet34-b627a593.pth --out weights" in message


def test_frozen_random_features_are_refused():
    with pytest.raises(WeightsError, match="frozen base needs pretrained weights"):
        maps(None, frozen=True)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_of_another_network_is_refused(tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "resnet34.weights.h5")
    with pytest.raises(WeightsError, match="does not hold weights of this network"):
        maps(tmp_path)


def test_profiles_freeze_only_what_is_pretrained(weights_file):
    entry = experiment("r5-unet-resnet34")
    assert profile_settings(entry, "full") == entry.settings
    with pytest.raises(WeightsError, match="busi weights convert"):
        settings_for(entry, "full")  # nobody can fetch them, and that is said before anything is trained
    smoke = settings_for(entry, "smoke")
    assert (smoke.size, smoke.weights, smoke.frozen) == (64, None, False)
    assert not settings_for(entry, "laptop", "none").frozen
    laptop = settings_for(entry, "laptop", str(weights_file.parent))
    assert (laptop.size, laptop.weights, laptop.frozen) == (128, str(weights_file), True)


def test_a_checkpoint_is_read_back_without_the_pretrained_file(frozen, colours, tmp_path):
    """What `Run.probabilities` relies on."""
    entry = experiment("r5-unet-resnet34")
    frozen.save_weights(tmp_path / "best.weights.h5")
    again = build(entry, replace(entry.settings, size=SIZE, weights="gone"))
    again.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_allclose(as_array(again(colours)), as_array(frozen(colours)), rtol=1e-5, atol=1e-6)
