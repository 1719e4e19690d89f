"""Pretrained weights: found, refused with a way out, never silently random, and never quietly retrained."""

import os
import urllib.error
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from busilib.errors import UnknownNameError, WeightsError
from busilib.keras_backend import keras
from busilib.models.classifier import r2_mobilenet
from busilib.models.encoders import ENCODERS, encoder, feature_maps, find_weights
from busilib.reports.registry import experiment
from busilib.runs.predict import build
from busilib.settings import Settings

SIZE = 32
FAMILY = {
    "vgg19": keras.applications.vgg19,
    "mobilenet": keras.applications.mobilenet,
    "densenet121": keras.applications.densenet,
    "resnet50": keras.applications.resnet50,
    "efficientnetb0": keras.applications.imagenet_utils,
}
BUILDERS = {
    "vgg19": "VGG19",
    "mobilenet": "MobileNet",
    "densenet121": "DenseNet121",
    "resnet50": "ResNet50",
    "efficientnetb0": "EfficientNetB0",
}


def plain(name: str, size: int = SIZE) -> keras.Model:
    build = getattr(keras.applications, BUILDERS[name])
    return build(include_top=False, weights=None, input_shape=(size, size, 3))


def preprocessed(name: str, rgb: np.ndarray) -> np.ndarray:
    """What the family's weights expect, by Keras's own function; EfficientNet's is a layer of the network."""
    mode = {"mode": "torch"} if name == "efficientnetb0" else {}
    return FAMILY[name].preprocess_input(rgb.copy(), **mode)


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def inner(model: keras.Model) -> keras.Model:
    """The network inside a base, behind its input normalisation."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory) -> Path:
    """MobileNet weights of our own: random, with batch statistics that are not the initial ones."""
    keras.utils.set_random_seed(5)
    model = plain("mobilenet")
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return path


@pytest.fixture
def gray() -> np.ndarray:
    return np.random.default_rng(0).random((4, SIZE, SIZE, 1), np.float32)


# Where the weights come from


def test_none_and_imagenet_pass_through():
    assert find_weights("vgg19", None) is None
    assert find_weights("vgg19", "imagenet") == "imagenet"


def test_a_file_is_taken_whatever_its_name(tmp_path):
    file = tmp_path / "anything.h5"
    file.touch()
    assert find_weights("vgg19", file) == find_weights("vgg19", str(file)) == file


@pytest.mark.parametrize("name", ["mobilenet.weights.h5", "mobilenet_imagenet_notop.weights.h5"])
def test_a_folder_with_one_file(tmp_path, name):
    for other in (name, "vgg19.weights.h5", "mobilenetv2.weights.h5", "mobilenet.txt"):
        (tmp_path / other).touch()
    assert find_weights("mobilenet", tmp_path) == tmp_path / name


def test_a_folder_with_several_files_is_refused(tmp_path):
    (tmp_path / "mobilenet.weights.h5").touch()
    (tmp_path / "mobilenet_2.weights.h5").touch()
    with pytest.raises(WeightsError, match=r"several.*mobilenet\.weights\.h5, mobilenet_2\.weights\.h5"):
        find_weights("mobilenet", tmp_path)


def test_a_folder_without_a_file_is_refused(tmp_path):
    with pytest.raises(WeightsError) as caught:
        find_weights("vgg19", tmp_path)
    assert str(tmp_path / "vgg19.weights.h5") in str(caught.value)
    assert "no such file" in str(caught.value)
    assert "weights none" in str(caught.value)


def test_a_missing_file_is_named_as_it_was_given(tmp_path):
    missing = tmp_path / "mine.weights.h5"
    with pytest.raises(WeightsError) as caught:
        find_weights("vgg19", missing)
    assert f"looked for {missing}, no such file" in str(caught.value)


def test_local_without_the_variable_is_none(monkeypatch):
    monkeypatch.delenv("BUSI_WEIGHTS_DIR", raising=False)
    assert find_weights("mobilenet", "local") is None


def test_local_takes_what_the_folder_has(monkeypatch, tmp_path):
    monkeypatch.setenv("BUSI_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "mobilenet.weights.h5").touch()
    assert find_weights("mobilenet", "local") == tmp_path / "mobilenet.weights.h5"
    assert find_weights("vgg19", "local") is None


def test_local_refuses_a_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("BUSI_WEIGHTS_DIR", str(tmp_path / "wieghts"))
    with pytest.raises(WeightsError, match=r"BUSI_WEIGHTS_DIR is .*wieghts.* no folder"):
        find_weights("mobilenet", "local")


# Refusals


def test_frozen_random_features_are_refused():
    with pytest.raises(WeightsError, match="frozen base needs pretrained weights"):
        encoder("mobilenet", SIZE, None, frozen=True)


@pytest.mark.parametrize("name", ["notes.weights.h5", "notes.txt"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name):
    file = tmp_path / name
    file.write_text("not weights")
    with pytest.raises(WeightsError, match=r"mobilenet: .*notes.* does not hold weights of this network"):
        encoder("mobilenet", SIZE, file)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_network_are_refused(weights_file):
    with pytest.raises(WeightsError, match="does not hold weights of this network"):
        encoder("vgg19", SIZE, weights_file)


# ImageNet, with and without a network

OTHER_SIZE = pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square")


@pytest.fixture
def keras_home(monkeypatch, tmp_path) -> Path:
    """A Keras home of its own; Keras reads the variable only when it is imported."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def downloads(monkeypatch) -> list[str]:
    """No network: every address Keras asks for is noted and refused."""
    asked = []

    def refuse(address, *_):
        asked.append(address)
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    return asked


@OTHER_SIZE
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vgg19", 32),
        ("mobilenet", 128),
        ("mobilenet", 64),
        ("densenet121", 32),
        ("resnet50", 32),
        ("efficientnetb0", 32),
    ],
)
def test_imagenet_without_a_network_says_what_to_do(name, size, keras_home, downloads):
    with pytest.raises(WeightsError) as caught:
        encoder(name, size, "imagenet")
    message = str(caught.value)
    file = downloads[0].rsplit("/", 1)[1]
    assert f"the file {file} is not in" in message
    assert str(keras_home / "models") in message
    assert "no network here" in message
    assert "put that file there" in message and f"`{name}.weights.h5`" in message


def fill_cache(home: Path, name: str, size: int, imagenet_statistics: bool = False) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = plain(name, size)
    if imagenet_statistics:
        layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
        layer.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    path = home / "models" / ENCODERS[name].imagenet.file.format(size=224)
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return model


def assert_same_weights(model: keras.Model, other: keras.Model):
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@OTHER_SIZE
def test_a_filled_keras_cache_needs_no_network(keras_home, downloads):
    cached = fill_cache(keras_home, "mobilenet", SIZE)
    keras.utils.set_random_seed(8)
    assert_same_weights(inner(encoder("mobilenet", SIZE, "imagenet")), cached)
    assert downloads == []


def test_a_filled_cache_with_the_right_hash_needs_no_network(keras_home, downloads, monkeypatch):
    """Keras knows the hashes of DenseNet's and VGG's files; here it takes our file for its own."""
    cached = fill_cache(keras_home, "vgg19", SIZE)
    monkeypatch.setattr("keras.src.utils.file_utils.validate_file", lambda *_, **__: True)
    assert_same_weights(inner(encoder("vgg19", SIZE, "imagenet")), cached)
    assert downloads == []


def test_a_cached_file_with_a_wrong_hash_is_fetched_again(keras_home, downloads):
    path = keras_home / "models" / ENCODERS["vgg19"].imagenet.file
    path.parent.mkdir()
    path.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match="ImageNet weights of vgg19 cannot be had"):
        encoder("vgg19", SIZE, "imagenet")
    assert len(downloads) == 1


def test_a_network_that_is_too_small_is_no_missing_file():
    with pytest.raises(ValueError, match="at least 32"):
        encoder("vgg19", 16, None)


# Inside the network


@pytest.mark.parametrize("name", FAMILY)
def test_normalisation_is_the_familys_own(name, gray):
    layer = keras.layers.Rescaling(**ENCODERS[name].normalisation)
    rgb = np.repeat(gray * 255, 3, axis=-1)
    expected = preprocessed(name, rgb)
    np.testing.assert_allclose(as_array(layer(np.repeat(gray, 3, axis=-1))), expected, rtol=1e-5, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
def test_a_base_is_its_network_behind_the_normalisation(name, gray):
    model = encoder(name, SIZE, None)
    rgb = np.repeat(gray * 255, 3, axis=-1)
    expected = inner(model)(preprocessed(name, rgb))
    np.testing.assert_allclose(as_array(model(gray)), as_array(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["imagenet", "file"])
def test_efficientnet_is_keras_own_with_imagenet_weights(
    source, gray, keras_home, downloads, monkeypatch, tmp_path
):
    """The referee is Keras's network with weights="imagenet", its normalisation included.

    Its file holds ImageNet's standard deviations in place of the variances.
    """
    cached = fill_cache(keras_home, "efficientnetb0", SIZE, imagenet_statistics=True)
    monkeypatch.setattr("keras.src.utils.file_utils.validate_file", lambda *_, **__: True)
    reference = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(SIZE, SIZE, 3)
    )
    assert downloads == []
    if source == "file":
        source = tmp_path / "efficientnetb0.weights.h5"
        reference.save_weights(source)
    model = encoder("efficientnetb0", SIZE, source)
    rgb = np.repeat(gray * 255, 3, axis=-1)
    np.testing.assert_allclose(as_array(model(gray)), as_array(reference(rgb)), rtol=1e-3, atol=1e-4)
    assert len(cached.get_weights()) == len(inner(model).get_weights()) + 3  # mean, variance and count


@pytest.mark.slow
def test_efficientnets_stochastic_depth_rests(gray):
    """Else frozen features would differ from step to step."""
    base = inner(encoder("efficientnetb0", SIZE, None))
    assert {layer.rate for layer in base.layers if isinstance(layer, keras.layers.Dropout)} == {0.0}


@pytest.mark.parametrize("name", ["vgg19", "mobilenet"])
def test_feature_maps_are_what_the_layers_of_the_network_give(name, gray):
    layers = {
        "vgg19": {1: "block1_conv2", 4: "block3_conv4"},
        "mobilenet": {2: "conv_pw_1_relu", 4: "conv_pw_3_relu"},
    }[name]
    keras.utils.set_random_seed(1)
    maps = feature_maps(name, SIZE, list(layers), None)
    keras.utils.set_random_seed(1)
    reference = plain(name)
    outputs = [reference.get_layer(layer).output for layer in layers.values()]
    expected = keras.Model(reference.input, outputs)(preprocessed(name, np.repeat(gray * 255, 3, axis=-1)))
    for mine, theirs in zip(maps(gray), expected, strict=True):
        np.testing.assert_allclose(as_array(mine), as_array(theirs), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ENCODERS)
def test_taps_stand_at_their_strides_and_the_last_is_the_end(name):
    network = ENCODERS[name].build(64)
    taps = ENCODERS[name].taps
    assert {2, 4, 8, 16, 32} <= taps.keys()
    for stride, layer in taps.items():
        assert network.get_layer(layer).output.shape[1:3] == (64 // stride, 64 // stride)
    assert network.get_layer(taps[32]).output is network.output


def test_feature_maps_freeze_as_an_encoder_does(weights_file):
    frozen = feature_maps("mobilenet", SIZE, [2, 4], weights_file, frozen=True)
    assert frozen.trainable_weights == []
    learning = inner(feature_maps("mobilenet", SIZE, [2, 4], weights_file))
    kinds = {type(layer).__name__ for layer in learning.layers if layer.trainable_weights}
    assert kinds == {"Conv2D", "DepthwiseConv2D"}
    with pytest.raises(WeightsError, match="frozen base needs pretrained weights"):
        feature_maps("mobilenet", SIZE, [2, 4], None, frozen=True)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(UnknownNameError, match=r"no encoder 'vgg'\. There are: vgg19, mobilenet"):
        encoder("vgg", SIZE, None)


def test_rgb_goes_in_as_three_channels(gray):
    keras.utils.set_random_seed(1)
    shown = encoder("mobilenet", SIZE, None)
    keras.utils.set_random_seed(1)
    colour = encoder("mobilenet", SIZE, None, channels=3)
    np.testing.assert_allclose(
        as_array(colour(np.repeat(gray, 3, axis=-1))), as_array(shown(gray)), rtol=1e-5, atol=1e-6
    )


def test_a_file_is_loaded(weights_file, gray):
    keras.utils.set_random_seed(6)
    model = encoder("mobilenet", SIZE, weights_file)
    reference = plain("mobilenet")
    reference.load_weights(weights_file)
    assert_same_weights(inner(model), reference)
    expected = reference(np.repeat(gray * 2 - 1, 3, axis=-1), training=False)
    np.testing.assert_allclose(as_array(model(gray)), as_array(expected), rtol=1e-4, atol=1e-5)


def head_on(weights: Path | None, frozen: bool, norm_momentum: float | None = None) -> keras.Model:
    settings = Settings(
        size=SIZE,
        epochs=1,
        batch=4,
        learning_rate=1e-2,
        loss="sparse_categorical_crossentropy",
        weights=weights and str(weights),
        frozen=frozen,
        norm_momentum=norm_momentum,
    )
    model = r2_mobilenet(settings)
    model.compile(keras.optimizers.Adam(1e-2), settings.loss)
    return model


def statistics(base: keras.Model) -> list[np.ndarray]:
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [as_array(value) for layer in norms for value in (layer.moving_mean, layer.moving_variance)]


def test_a_frozen_base_does_not_change_in_training(weights_file, gray):
    model = head_on(weights_file, frozen=True)
    base = inner(model)
    assert base.trainable_weights == []
    assert len(model.trainable_weights) == 4  # two dense layers
    before, head = base.get_weights(), model.layers[-1].get_weights()
    model.fit(gray, np.array([0, 1, 2, 0]), epochs=2, verbose=0)
    for old, new in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(head[0], model.layers[-1].get_weights()[0])


def test_a_pretrained_base_learns_but_its_batch_normalisation_rests(weights_file, gray):
    model = head_on(weights_file, frozen=False)
    base = inner(model)
    kinds = {type(layer).__name__ for layer in base.layers if layer.trainable_weights}
    assert kinds == {"Conv2D", "DepthwiseConv2D"}
    before, outside = statistics(base), as_array(model(gray, training=False))
    inside = as_array(model(gray, training=True))  # as `fit` calls it
    np.testing.assert_array_equal(inside, outside)
    for old, new in zip(before, statistics(base), strict=True):
        np.testing.assert_array_equal(old, new)


def test_with_a_momentum_the_statistics_learn_at_its_pace(weights_file, gray):
    """The new mean is 0.9 of the old and 0.1 of the batch's: by hand for the first normalisation."""
    model = head_on(weights_file, frozen=False, norm_momentum=0.9)
    base = inner(model)
    first = base.get_layer("conv1_bn")
    before = as_array(first.moving_mean)
    seen = as_array(keras.Model(base.input, first.input)(np.repeat(gray * 2 - 1, 3, axis=-1)))
    model(gray, training=True)
    expected = 0.9 * before + 0.1 * seen.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(as_array(first.moving_mean), expected, rtol=1e-4, atol=1e-5)
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.9}
    kinds = {type(layer).__name__ for layer in base.layers if layer.trainable_weights}
    assert kinds == {"Conv2D", "DepthwiseConv2D", "BatchNormalization"}


def test_a_frozen_base_keeps_its_statistics_whatever_the_momentum(weights_file, gray):
    base = inner(model := head_on(weights_file, frozen=True, norm_momentum=0.9))
    before = statistics(base)
    model(gray, training=True)
    for old, new in zip(before, statistics(base), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_random_base_learns_its_batch_statistics(gray):
    model = head_on(None, frozen=False)
    before = statistics(inner(model))
    model(gray, training=True)
    assert not np.array_equal(before[0], statistics(inner(model))[0])


def test_a_frozen_model_is_read_back_without_its_pretrained_file(weights_file, gray, tmp_path):
    """What `Run.probabilities` relies on: the checkpoint alone gives the same network."""
    trained = head_on(weights_file, frozen=True)
    trained.save_weights(tmp_path / "best.weights.h5")
    again = build(experiment("r2-mobilenet"), Settings(SIZE, 1, 4, 1e-2, "mse", weights="gone", frozen=True))
    again.load_weights(tmp_path / "best.weights.h5")
    assert_same_weights(again, trained)
    np.testing.assert_allclose(as_array(again(gray)), as_array(trained(gray)), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not os.environ.get("BUSI_WEIGHTS_DIR"), reason="BUSI_WEIGHTS_DIR is not set")
def test_the_real_mobilenet_file_sees_something(phantom):
    source = find_weights("mobilenet", "local")
    if source is None:
        pytest.skip("BUSI_WEIGHTS_DIR holds no MobileNet weights")
    images = phantom.images[..., None] / np.float32(255)
    trained = as_array(encoder("mobilenet", phantom.size, source, frozen=True)(images))
    assert np.isfinite(trained).all()
    assert trained.min() >= 0 and trained.max() <= 6  # ends in ReLU6
    assert 0.3 < (trained == 0).mean() < 0.99  # features of a trained network are sparse
    flat = trained.reshape(len(images), -1)
    norms = np.linalg.norm(flat, axis=1)
    assert norms.min() > 1
    similarity = flat @ flat.T / np.outer(norms, norms)
    assert similarity[~np.eye(len(images), dtype=bool)].min() < 0.9  # different images differ
    shifted = np.clip(images + np.float32(0.01), 0, 1)
    near = as_array(encoder("mobilenet", phantom.size, source, frozen=True)(shifted)).reshape(len(images), -1)
    same = (flat * near).sum(axis=1) / (norms * np.linalg.norm(near, axis=1))
    assert same.min() > 0.9  # a little more light does not
