"""What a picture looks like: by hand, and BUSI apart from everything else."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from busilib.data.loader import load_busi
from busilib.data.look import look
from busilib.data.pixels import resize_gray, to_gray
from busilib.data.splits import grouped_split
from busilib.metrics.unlike import cloud_of, limit_of, unlikeness

PHOTOGRAPHS = ("camera.png", "coins.png", "page.png", "text.png", "moon.png", "grass.png", "brick.png")


def test_layout_levels_and_texture_by_hand():
    half = np.zeros((60, 60), np.uint8)
    half[:, 30:] = 255
    (found,) = look(half[None])
    assert found.shape == (66,)
    assert found[:36].reshape(6, 6).tolist() == [[0, 0, 0, 1, 1, 1]] * 6
    levels = found[36:52] ** 2
    assert levels[[0, 15]] == pytest.approx([0.5, 0.5]) and levels.sum() == pytest.approx(1)
    across, along = found[53::2], found[52::2]
    assert (across > along).all()  # it changes sideways alone
    (turned,) = look(half.T[None])
    assert (turned[52::2] > turned[53::2]).all()


def test_a_wave_lies_in_its_band():
    for band, period in ((1, 20), (2, 10), (4, 5)):
        wave = np.rint(127 + 100 * np.cos(2 * np.pi * np.arange(120) / period)).astype(np.uint8)
        (found,) = look(np.tile(wave, (120, 1))[None])
        assert found[53::2].argmax() == band


@pytest.mark.slow
def test_busi_is_told_from_photographs(busi_dir):
    busi = load_busi(busi_dir, 128)
    split = grouped_split(busi.labels, busi.groups, 0, 0)
    cloud = cloud_of(look(busi.images[split.train]))
    limit = limit_of(unlikeness(look(busi.images[split.validation]), cloud), 0.99)
    assert (unlikeness(look(busi.images[split.test]), cloud) > limit).mean() <= 0.06
    folder = Path(skimage.__file__).parent / "data"
    others = [resize_gray(to_gray(Image.open(folder / name)), 128) for name in PHOTOGRAPHS]
    others.append(np.random.default_rng(0).integers(0, 256, (128, 128)).astype(np.uint8))
    assert (unlikeness(look(np.stack(others)), cloud) > limit).all()
