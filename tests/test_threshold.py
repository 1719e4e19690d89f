"""R4's thresholding finds a dark disc, and nothing where nothing is dark."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk

from busilib.models.threshold import r4_threshold
from busilib.settings import Settings

SIZE = 64
rule = r4_threshold(Settings(size=SIZE))


def scene(discs=(), size: int = SIZE, noise: float = 20, tissue: int = 150, dark: int = 50):
    """Bright noisy tissue with dark discs (row, column, radius), uint8 (1, size, size); and their mask."""
    mask = np.zeros((size, size), bool)
    for row, column, radius in discs:
        mask[disk((row, column), radius, shape=mask.shape)] = True
    image = np.where(mask, dark, tissue) + np.random.default_rng(0).normal(0, noise, mask.shape)
    return image.clip(0, 255).astype(np.uint8)[None], mask


def dice(found: np.ndarray, mask: np.ndarray) -> float:
    return 2 * (found[0] * mask).sum() / (found.sum() + mask.sum())


@settings(deadline=None, max_examples=30)
@given(st.integers(18, 45), st.integers(18, 45), st.integers(8, 15))
def test_a_dark_disc_in_bright_noise_is_found(row, column, radius):
    image, mask = scene([(row, column, radius)])
    found = rule(image)
    assert dice(found, mask) > 0.9
    assert found.dtype == np.float32 and found.shape == image.shape
    assert set(np.unique(found)) <= {0, 1}


@pytest.mark.parametrize("size", [128, 256])
def test_lengths_follow_the_size_of_the_image(size):
    """Smoothing and radii in pixels would fail on the larger image."""
    image, mask = scene([(size // 2, size // 3, size // 6)], size=size, noise=30)
    assert dice(rule(image), mask) > 0.9


def test_nothing_is_found_where_nothing_is_dark():
    assert rule(np.full((2, SIZE, SIZE), 120, np.uint8)).sum() == 0
    assert rule(scene(noise=30)[0]).sum() == 0


def test_a_lesion_is_preferred_to_a_shadow_at_the_border():
    image, mask = scene([(20, 20, 9)])
    image[:, 52:, :] = 40
    assert dice(rule(image), mask) > 0.9


@pytest.mark.parametrize("shadow", [np.s_[0, 24:, 20:44], np.s_[0, 20:44, :30], np.s_[0, :28, 24:40]])
def test_a_shadow_alone_is_taken_for_a_lesion(shadow):
    """The rule's known limit: dark is all it knows."""
    image, _ = scene()
    image[shadow] = 30
    assert rule(image).any()


def test_of_two_equal_discs_the_one_nearer_to_the_middle_is_the_lesion():
    image, _ = scene([(14, 14, 9), (36, 36, 9)])
    _, nearer = scene([(36, 36, 9)])
    assert dice(rule(image), nearer) > 0.9


def test_of_two_discs_the_larger_is_the_lesion():
    image, _ = scene([(20, 20, 8), (42, 42, 13)])
    _, larger = scene([(42, 42, 13)])
    assert dice(rule(image), larger) > 0.9


def test_a_bright_middle_is_filled():
    image, mask = scene([(32, 32, 16)])
    image[0][disk((32, 32), 5)] = 150
    assert dice(rule(image), mask) > 0.9


def test_specks_are_no_lesion():
    whole, mask = scene([(20, 20, 10)], noise=2)
    whole[0, 50, 50] = 0
    assert rule(whole)[0, 50, 50] == 0
    assert dice(rule(whole), mask) > 0.85


def test_the_same_images_give_the_same_masks_each_by_itself(phantom):
    images = phantom.images
    found = rule(images)
    np.testing.assert_array_equal(found, rule(images.copy()))
    np.testing.assert_array_equal(found[5:6], rule(images[5:6]))
    assert found.shape == images.shape
