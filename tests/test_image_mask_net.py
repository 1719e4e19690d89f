"""R3's networks: their parts, their parameters, and what each head can see."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.keras_backend import keras
from busilib.reports.registry import experiment
from busilib.runs.predict import build

SIZE = 16


def small(id):
    entry = experiment(id)
    keras.utils.set_random_seed(0)
    return build(entry, replace(entry.settings, size=SIZE, filters=4))


def inputs(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = (rng.random((3, SIZE, SIZE, 1)) < 0.5).astype(np.float32)
    return {"image": rng.random((3, SIZE, SIZE, 1), np.float32), "mask": masks}


def test_imagemasknet_parameters_by_hand():
    """Both branches end in 64 maps of 64×64; nearly everything lies between them and Dense 128."""
    image = (9 * 3 * 32 + 32) + (9 * 32 * 64 + 64)
    mask = (9 * 1 * 32 + 32) + (9 * 32 * 64 + 64)
    dense = 2 * 64 * 64 * 64 * 128 + 128
    head = 128 * 3 + 3
    assert image + mask + dense + head == experiment("r3-imagemasknet").parameters == 67_147_587


def test_imagemasknet2_parameters_by_hand():
    def block(into, out):
        return 9 * into * out + out + 4 * out

    image = block(3, 32) + block(32, 64) + block(64, 128)
    mask = block(1, 32) + block(32, 64)
    image_maps, mask_maps = 32 * 32 * 128, 64 * 64 * 64
    heads = (image_maps * 256 + 256 + 771) + ((image_maps + mask_maps) * 256 + 256 + 771)
    assert image + mask + heads == experiment("r3-imagemasknet2").parameters


@pytest.mark.parametrize("id", ["r3-imagemasknet", "r3-imagemasknet2"])
def test_each_head_gives_probabilities(id):
    found = small(id)(inputs())
    for head in found.values() if isinstance(found, dict) else [found]:
        probabilities = keras.ops.convert_to_numpy(head)
        assert probabilities.shape == (3, 3) and probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_the_class_head_of_imagemasknet2_never_sees_the_mask():
    model, one = small("r3-imagemasknet2"), inputs()
    other = one | {"mask": 1 - one["mask"]}
    first, second = model(one), model(other)
    np.testing.assert_array_equal(first["class"], second["class"])
    assert np.abs(np.asarray(first["combined"]) - np.asarray(second["combined"])).max() > 1e-4


def test_imagemasknet_sees_image_and_mask():
    model, one = small("r3-imagemasknet"), inputs()
    plain = np.asarray(model(one))
    for part in ("image", "mask"):
        assert np.abs(np.asarray(model(one | {part: 0 * one[part]})) - plain).max() > 1e-4


def test_imagemasknet2_has_the_parts_r3_names():
    model = small("r3-imagemasknet2")
    kinds = [type(layer).__name__ for layer in model.layers]
    assert [kinds.count(kind) for kind in ("Conv2D", "BatchNormalization", "MaxPooling2D")] == [5, 5, 5]
    (dropout,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    assert dropout.rate == 0.5


@pytest.mark.parametrize("id", ["r3-imagemasknet", "r3-imagemasknet2"])
def test_saved_weights_give_the_same_predictions(id, tmp_path):
    model, file = small(id), tmp_path / "model.weights.h5"
    model.save_weights(file)
    keras.utils.set_random_seed(1)
    other = build(experiment(id), replace(experiment(id).settings, size=SIZE, filters=4))
    other.load_weights(file)
    for mine, theirs in zip(
        keras.tree.flatten(model(inputs())), keras.tree.flatten(other(inputs())), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
