"""What a model is shown: the image, a mask, both, or an image cut by a mask; true masks or predicted ones."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.data.dataset import DataError
from busilib.data.loader import load_busi
from busilib.errors import UnknownNameError
from busilib.training import augmentation as augment
from busilib.training.batches import Batches
from busilib.training.inputs import INPUTS

CHOSEN = np.array([0, 3, 13, 25])


@pytest.fixture(scope="module")
def data(phantom_dir):
    return load_busi(phantom_dir, size=32)


@pytest.fixture(scope="module")
def predicted(data):
    return np.random.default_rng(0).random(data.masks.shape) < 0.3


def shown(data, inputs, **options):
    options = {"target": "label", "batch": len(CHOSEN)} | options
    return Batches(data, CHOSEN, inputs=inputs, **options)[0]


def gray(data):
    return data.images[CHOSEN][..., None] / np.float32(255)


def as_float(masks):
    return masks[CHOSEN][..., None].astype(np.float32)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("pair", [False, True])
def test_each_kind_of_inputs_shows_what_its_name_says(inputs, pair, data, predicted):
    x, _ = shown(data, inputs, pair=pair, predicted=predicted)
    mask = as_float(predicted if "predicted" in inputs else data.masks)
    image, beside = gray(data), np.zeros_like(mask)
    if "cut by" in inputs:
        image = image * mask
    elif "alone" in inputs:
        image = np.zeros_like(image) if pair else mask
    if "and" in inputs or "alone" in inputs:
        beside = mask
    if pair:
        assert set(x) == {"image", "mask"}
        np.testing.assert_array_equal(x["mask"], beside)
        x = x["image"]
    elif "and" in inputs:
        np.testing.assert_array_equal(x[..., 1:], beside)
        x = x[..., :1]
    np.testing.assert_array_equal(x, image)


def test_the_target_is_the_true_mask_whatever_is_shown(data, predicted):
    _, y = shown(data, "image and predicted mask", target="mask", pair=True, predicted=predicted)
    np.testing.assert_array_equal(y, as_float(data.masks))


def test_image_and_both_masks_move_together(data):
    """A predicted mask that equals the true one stays equal to it under every augmentation."""
    options = {"augmentation": augment.R4, "seed": 5, "pair": True, "target": "mask"}
    x, y = shown(data, "image and predicted mask", predicted=data.masks, **options)
    np.testing.assert_array_equal(x["mask"], y)
    own, _ = shown(data, "image and true mask", **options)
    np.testing.assert_array_equal(own["image"], x["image"])


def test_predicted_masks_must_be_given(data):
    with pytest.raises(DataError, match=r"'image and predicted mask' need the predicted masks of all 26"):
        shown(data, "image and predicted mask")


def test_unknown_inputs_name_those_that_exist(data):
    with pytest.raises(UnknownNameError, match=r"no inputs 'masks'.*image cut by the true mask"):
        shown(data, "masks")


def test_two_heads_both_learn_until_only_the_image_counts(data):
    options = {"pair": True, "image_only_from": 2, "augmentation": augment.R3}
    for epoch, weight in [(0, 1.0), (1, 1.0), (2, 0.0), (7, 0.0)]:
        batches = Batches(data, CHOSEN, target="label", inputs="image and true mask", batch=4, **options)
        batches.epoch = epoch
        _, labels, weights = batches[0]
        np.testing.assert_array_equal(labels["class"], labels["combined"])
        assert weights["class"].tolist() == [1.0] * 4
        assert weights["combined"].tolist() == [weight] * 4


def test_validation_always_counts_both_heads(data):
    batches = Batches(
        data,
        CHOSEN,
        target="label",
        inputs="image and true mask",
        batch=4,
        pair=True,
        image_only_from=0,
    )
    assert batches[0][2]["combined"].tolist() == [1.0] * 4


def test_an_empty_mask_gives_normal_away(data):
    """The leak of R2 and R3: the class can be read off the mask without looking at the image."""
    x, _ = Batches(data, np.arange(len(data)), target="label", inputs="true mask alone", batch=99)[0]
    np.testing.assert_array_equal(x.any(axis=(1, 2, 3)), data.labels != 2)
    blinded = replace(data, images=np.zeros_like(data.images))
    again, _ = Batches(blinded, np.arange(len(data)), target="label", inputs="true mask alone", batch=99)[0]
    np.testing.assert_array_equal(again, x)
