"""Augmentation: image and mask move together, masks stay binary, ranges are those of the reports."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from busilib.training import augmentation as augment
from busilib.training.augmentation import Augmentation

SIZE = 128
PLANS = {"R1": augment.R1, "R2": augment.R2}


def disc(row: float, column: float, radius: float, n: int = 48) -> np.ndarray:
    """A white disc on black, float32 (n, 128, 128, 1): image and mask at once."""
    y, x = np.mgrid[:SIZE, :SIZE]
    one = ((y - row) ** 2 + (x - column) ** 2 <= radius**2).astype(np.float32)
    return np.repeat(one[None, :, :, None], n, axis=0)


def centres(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each disc's centre, counted from the middle of the image, and its area."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    area = masks[..., 0].sum(axis=(1, 2))
    return (masks[..., 0] * y).sum(axis=(1, 2)) / area, (masks[..., 0] * x).sum(axis=(1, 2)) / area, area


@pytest.fixture(scope="module")
def batch():
    """Noise as images and lesions of any form as masks."""
    rng = np.random.default_rng(0)
    images = rng.random((16, SIZE, SIZE, 1), np.float32)
    masks = sum(disc(*rng.uniform(30, 98, 2), rng.uniform(5, 25), n=16) for _ in range(3)) > 0
    return images, masks.astype(np.float32)


@pytest.mark.parametrize("name", PLANS)
def test_image_and_mask_move_together(name):
    geometry = replace(PLANS[name], brightness=0, contrast=0)
    painted = disc(40, 80, 12)
    images, masks = augment.augment(painted, painted, geometry, seed=1)
    assert not np.array_equal(masks, painted)
    assert np.abs(images - masks).max() < 1  # never white where the mask is off, nor black where it is on
    for image_at, mask_at in zip(centres(images)[:2], centres(masks)[:2], strict=True):
        assert np.abs(image_at - mask_at).max() < 1  # pixel: masks move in whole ones, up to four times
        assert abs((image_at - mask_at).mean()) < 0.2


@pytest.mark.parametrize("name", PLANS)
def test_mask_stays_binary_and_image_in_range(batch, name):
    images, masks = augment.augment(*batch, PLANS[name], seed=2)
    assert images.shape == masks.shape == batch[0].shape
    assert images.dtype == masks.dtype == np.float32
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0.1


@pytest.mark.parametrize("name", PLANS)
def test_seed_decides(batch, name):
    first, again, other = (augment.augment(*batch, PLANS[name], seed) for seed in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(first, other, strict=True))


@pytest.mark.parametrize("name", PLANS)
def test_each_image_has_its_own_change(name):
    masks = augment.augment(disc(40, 80, 12), disc(40, 80, 12), PLANS[name], seed=0)[1]
    assert len(np.unique(masks.reshape(len(masks), -1), axis=0)) > 0.9 * len(masks)


def test_inputs_are_left_alone(batch):
    before = [part.copy() for part in batch]
    augment.augment(*batch, augment.R1, seed=0)
    assert all(np.array_equal(*pair) for pair in zip(batch, before, strict=True))


def test_r1_has_its_kinds_of_change():
    assert asdict(augment.R1) == {
        "flip": "horizontal_and_vertical",
        "rotation": 15,
        "shift": 0,
        "zoom_in": 0,
        "brightness": 0.1,
        "contrast": 0.1,
    }


def test_r2_has_its_ranges():
    assert asdict(augment.R2) == {
        "flip": "horizontal",
        "rotation": 15,
        "shift": 10 / 128,
        "zoom_in": 0.2,
        "brightness": 0,
        "contrast": 0,
    }


def moved(plan: Augmentation, row=40, column=80, radius=8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    painted = disc(row, column, radius, n=128)
    return centres(augment.augment(painted, painted, plan, seed=0)[1])


def test_rotation_is_up_to_15_degrees():
    row, column, _ = moved(Augmentation(rotation=augment.R2.rotation))
    turned = np.degrees(np.arctan2(row, column) - np.arctan2(40 - 63.5, 80 - 63.5))
    assert -15.5 <= turned.min() < -12 and 12 < turned.max() <= 15.5


def test_shift_is_up_to_10_pixels():
    row, column, area = moved(Augmentation(shift=augment.R2.shift))
    for offset in (row - (40 - 63.5), column - (80 - 63.5)):
        assert -10.5 <= offset.min() < -8 and 8 < offset.max() <= 10.5
    assert len(np.unique(area)) == 1


def test_zoom_shows_80_to_100_percent():
    _, _, area = moved(Augmentation(zoom_in=augment.R2.zoom_in), row=63.5, column=63.5, radius=30)
    shown = 1 / np.sqrt(area / disc(63.5, 63.5, 30, n=1).sum())
    assert 0.79 <= shown.min() < 0.82 and 0.97 < shown.max() <= 1.01


def test_flips():
    row, column, _ = moved(Augmentation(flip=augment.R2.flip))
    assert set(row) == {40 - 63.5} and set(column) == {80 - 63.5, 63.5 - 80}
    row, column, _ = moved(Augmentation(flip=augment.R1.flip))
    assert {(abs(r), abs(c)) for r, c in zip(row, column, strict=True)} == {(23.5, 16.5)}
    assert set(row) == {-23.5, 23.5} and set(column) == {-16.5, 16.5}


def gray_change(plan: Augmentation) -> tuple[np.ndarray, np.ndarray]:
    """Added gray level, and relative change of contrast, of each of 48 images."""
    masks = disc(40, 80, 12)
    images = 0.4 + 0.2 * masks
    changed, after = augment.augment(images, masks, plan, seed=0)
    assert np.array_equal(after, masks)  # gray levels alone: the mask stays as it is
    middle = [(part.max(axis=(1, 2, 3)) + part.min(axis=(1, 2, 3))) / 2 for part in (changed, images)]
    spread = [np.ptp(part, axis=(1, 2, 3)) for part in (changed, images)]
    return middle[0] - middle[1], spread[0] / spread[1] - 1


def test_brightness_changes_by_up_to_a_tenth_of_the_range():
    added, stretched = gray_change(Augmentation(brightness=augment.R1.brightness))
    assert -0.1 <= added.min() < -0.07 and 0.07 < added.max() <= 0.1
    assert np.abs(stretched).max() < 1e-4


def test_contrast_gains_up_to_a_tenth():
    _, stretched = gray_change(Augmentation(contrast=augment.R1.contrast))
    assert -0.0001 <= stretched.min() < 0.02 and 0.08 < stretched.max() <= 0.1001


@pytest.mark.parametrize("plan", [augment.R1, augment.R2, augment.R3, augment.R4, augment.OWN])
def test_layers_that_are_kept_do_what_freshly_built_ones_would(plan, batch):
    """Whatever they did before: the seed of a batch decides alone."""
    for seed in (2**31, 0, 7):
        augment._layers.cache_clear()
        fresh = augment.augment(*batch, plan, seed)
        augment.augment(*batch, plan, seed + 1)
        kept = augment.augment(*batch, plan, seed)
        assert all(np.array_equal(one, other) for one, other in zip(fresh, kept, strict=True))


def test_no_change_at_all(batch):
    images, masks = augment.augment(*batch, Augmentation(), seed=0)
    assert np.array_equal(images, batch[0]) and np.array_equal(masks, batch[1])
