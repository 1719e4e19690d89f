"""R4's U-Net on VGG19 and its DeepLabV3+: their parts, their refusals, and that they learn and come back."""

import subprocess
import sys

import numpy as np
import pytest

from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models import deeplab
from busilib.models.deeplab import BackendError, r4_deeplabv3
from busilib.models.encoders import ENCODERS
from busilib.models.segformer import r4_segformer
from busilib.models.unet_vgg19 import CONVOLUTIONS, STRIDES, r4_unet_vgg19
from busilib.reports.registry import experiment
from busilib.settings import Settings

TAPS = [ENCODERS["vgg19"].taps[stride] for stride in STRIDES]


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def images(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, size, size, 1), np.float32)


def of_kind(model: keras.Model, kind: type) -> list:
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.fixture(scope="module")
def vgg19_file(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("weights") / "vgg19.weights.h5"
    keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return path


# The U-Net with a VGG19 encoder


def test_the_decoder_is_the_encoders_mirror_image():
    model = r4_unet_vgg19(Settings(size=64, filters=64))
    kinds = [type(layer).__name__ for layer in model.layers]
    start = kinds.index("Conv2DTranspose")
    convolution = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    expected = [kind for n in (4, 4, 2, 2) for kind in ("Conv2DTranspose", "Concatenate", *convolution * n)]
    assert kinds[start:] == [*expected, "Conv2D"]
    *convolutions, head = of_kind(model, keras.layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [512] * 4 + [256] * 4 + [128] * 2 + [64] * 2
    assert (head.filters, head.kernel_size, head.activation.__name__) == (1, (1, 1), "sigmoid")
    assert [layer.filters for layer in of_kind(model, keras.layers.Conv2DTranspose)] == [512, 256, 128, 64]


def test_skips_are_the_last_convolutions_before_each_pooling():
    layers = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3)).layers
    before = [layers[i - 1].name for i, layer in enumerate(layers) if "pool" in layer.name]
    assert before == TAPS
    counts = [sum(layer.name.startswith(f"block{n}_conv") for layer in layers) for n in (1, 2, 3, 4)]
    assert counts == list(CONVOLUTIONS)


def test_skips_join_equal_levels_and_have_vgg19s_widths():
    joins = [
        join
        for join in of_kind(r4_unet_vgg19(Settings(size=64, filters=8)), keras.layers.Concatenate)
        if join.name != "gray_to_rgb"
    ]
    shapes = [(up.shape[1:3], up.shape[-1], skip.shape[-1]) for up, skip in (join.input for join in joins)]
    assert shapes == [((8, 8), 64, 512), ((16, 16), 32, 256), ((32, 32), 16, 128), ((64, 64), 8, 64)]
    assert all(up.shape[1:3] == skip.shape[1:3] for up, skip in (join.input for join in joins))


@pytest.mark.parametrize(("size", "way_out"), [(100, "96 or 112"), (8, "16 or 32")])
def test_the_unet_refuses_sizes_it_cannot_halve(size, way_out):
    with pytest.raises(ValueError, match=f"r4_unet_vgg19: size {size} .* multiple of 16, such as {way_out}"):
        r4_unet_vgg19(Settings(size=size, filters=4))


def test_the_encoder_gets_its_weights_from_the_file_and_keeps_them_when_frozen(vgg19_file):
    reference = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3))
    reference.load_weights(vgg19_file)
    frozen = r4_unet_vgg19(Settings(size=32, filters=4, weights=str(vgg19_file), frozen=True))
    encoder = next(layer for layer in frozen.layers if isinstance(layer, keras.Model))
    for mine, theirs in zip(encoder.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert encoder.trainable_weights == []
    open_ = r4_unet_vgg19(Settings(size=32, filters=4, weights=str(vgg19_file)))
    assert len(open_.trainable_weights) == len(frozen.trainable_weights) + 32  # 16 kernels, 16 biases


def test_the_encoder_sees_what_vgg19_sees(vgg19_file):
    """The skips are the activations of Keras's VGG19 behind its own preprocessing."""
    model = r4_unet_vgg19(Settings(size=32, filters=4, weights=str(vgg19_file)))
    encoder = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    normalised = model.get_layer("normalisation").output
    mine = keras.Model(model.input, encoder(normalised))(images(2, 32))
    plain = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3))
    plain.load_weights(vgg19_file)
    rgb = keras.applications.vgg19.preprocess_input(np.repeat(images(2, 32) * 255, 3, axis=-1))
    theirs = keras.Model(plain.input, [plain.get_layer(name).output for name in TAPS])(rgb)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(as_array(a), as_array(b), rtol=1e-3, atol=1e-3)


def test_a_frozen_random_encoder_is_refused():
    with pytest.raises(WeightsError, match="frozen base needs pretrained weights"):
        r4_unet_vgg19(Settings(size=32, filters=4, frozen=True))


# DeepLabV3+


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return r4_deeplabv3(Settings(size=64, filters=4))


def inner(model: keras.Model) -> keras.Model:
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


@pytest.mark.slow
def test_the_backbone_has_101_layers_and_shrinks_with_the_filters(network):
    backbone = inner(network).backbone
    convolutions = of_kind(backbone, keras.layers.Conv2D)
    shortcuts = [layer for layer in convolutions if layer.name.endswith("_0_conv")]
    assert len(convolutions) - len(shortcuts) + 1 == 101  # with the dense layer that is left out here
    assert backbone.output.shape == (None, 2, 2, 4 * 8 * 4)


@pytest.mark.slow
def test_deeplab_gives_probabilities_at_full_resolution(network):
    found = as_array(network(images(2, 64)))
    assert found.shape == (2, 64, 64, 1)
    assert found.dtype == np.float32
    assert 0 < found.min() < found.max() < 1  # one channel of a softmax would be 1 everywhere


@pytest.mark.slow
def test_deeplab_comes_back_exactly_after_it_has_learned(network, tmp_path):
    """Weights, running statistics and all: what `Run.probabilities` relies on."""
    x = images(4, 64)
    network.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", run_eagerly=True)
    before = network.get_weights()
    network.fit(x, (x > 0.5).astype(np.float32), batch_size=2, verbose=0)
    assert sum(not np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True)) > 500
    network.save_weights(tmp_path / "best.weights.h5")
    again = r4_deeplabv3(Settings(size=64, filters=4))
    again.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(as_array(again(x)), as_array(network(x)))


@pytest.mark.slow
def test_deeplab_takes_a_backbone_from_a_file_and_can_freeze_it(network, tmp_path):
    file = tmp_path / "resnet101.weights.h5"
    backbone = inner(network).backbone
    backbone.save_weights(file)
    settings = Settings(size=64, filters=4, weights=str(tmp_path), frozen=True)
    frozen = inner(r4_deeplabv3(settings))
    for mine, theirs in zip(frozen.backbone.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    learning = {id(weight) for weight in frozen.trainable_weights}
    assert learning and not learning & {id(weight) for weight in frozen.backbone.weights}


def test_there_are_no_imagenet_weights_of_resnet101():
    with pytest.raises(WeightsError, match=r"keras-cv publishes none.*resnet101\.weights\.h5"):
        r4_deeplabv3(Settings(size=64, filters=4, weights="imagenet"))


@pytest.mark.parametrize("build", [r4_deeplabv3, r4_segformer])
@pytest.mark.parametrize(("size", "way_out"), [(48, "32 or 64"), (16, "32 or 64"), (250, "224 or 256")])
def test_sizes_that_cannot_be_halved_five_times_are_refused(build, size, way_out):
    with pytest.raises(ValueError, match=f"size {size} .* multiple of 32, such as {way_out}"):
        build(Settings(size=size, filters=4))


def test_another_backend_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(deeplab.keras.config, "backend", lambda: "jax")
    with pytest.raises(BackendError, match=r"runs on jax\. Set KERAS_BACKEND=tensorflow"):
        r4_deeplabv3(Settings(size=64, filters=4))


def test_a_missing_keras_cv_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(BackendError, match="pip install keras-cv"):
        r4_deeplabv3(Settings(size=64, filters=4))


@pytest.mark.slow
def test_keras_cv_arrives_silently():
    code = "from busilib.models.deeplab import import_keras_cv; import_keras_cv('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# SegFormer


@pytest.mark.slow
def test_segformer_learns_without_chance_and_comes_back_exactly(tmp_path):
    """Two trainings from one start end alike."""
    x = images(4, 64)
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = r4_segformer(Settings(size=64, filters=4))
        before = as_array(model(x))
        assert before.shape == (4, 64, 64, 1) and before.dtype == np.float32
        assert 0 < before.min() < before.max() < 1
        model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", run_eagerly=True)
        keras.utils.set_random_seed(len(found))
        model.fit(x, (x > 0.5).astype(np.float32), batch_size=4, shuffle=False, verbose=0)
        found.append(as_array(model(x)))
    assert np.abs(found[0] - before).max() > 1e-3
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)
    model.save_weights(tmp_path / "best.weights.h5")
    again = r4_segformer(Settings(size=64, filters=4))
    again.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(as_array(again(x)), found[1])


def test_segformer_refuses_a_last_stage_of_one_position():
    with pytest.raises(ValueError, match=r"size 32 .* single position.*next size that fits is 64"):
        r4_segformer(Settings(size=32, filters=4))


def test_the_registry_builds_the_plus_variant_and_says_so():
    entry = experiment("r4-deeplabv3")
    assert "DeepLabV3+" in entry.title and "+ variant" in entry.ours
