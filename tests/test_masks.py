"""What the levels of a mask mean: every form gives the one right mask, or is refused with its levels."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from busilib.data.busi.catalog import Entry
from busilib.data.dataset import DataError
from busilib.data.images import decode, lesion, open_mask
from busilib.data.masks import mark, read_levels

HEIGHT, WIDTH = 90, 120


def an_ellipse() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((y - 40) / 25) ** 2 + ((x - 60) / 35) ** 2 < 1


MASK = an_ellipse()
GRAY = MASK.astype(np.uint8)


def jpeg(array: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG makes of a picture."""
    written = io.BytesIO()
    Image.fromarray(array).save(written, "JPEG", quality=quality)
    return np.asarray(Image.open(written))


def painted(colour: tuple[int, int, int], ground: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    return np.where(MASK[..., None], colour, ground).astype(np.uint8)


def with_palette(*colours: int) -> Image.Image:
    picture = Image.fromarray(GRAY).convert("P")
    picture.putpalette(list(colours))
    return picture


def veil(inside: int, outside: int, level: int = 255) -> np.ndarray:
    alpha = np.where(MASK, inside, outside).astype(np.uint8)
    return np.dstack([np.full((HEIGHT, WIDTH, 3), level, np.uint8), alpha])


READ = {
    "1 bit": Image.fromarray(MASK),
    "0 and 1": GRAY,
    "0 and 255": GRAY * 255,
    "0 and 84": GRAY * 84,
    "0 and 2, the label of malignant": GRAY * 2,
    "16 bit, 0 and 1": GRAY.astype(np.uint16),
    "16 bit, 0 and 65535": GRAY.astype(np.uint16) * 65535,
    "RGB, white": painted((255, 255, 255)),
    "RGB, the value 1": painted((1, 1, 1)),
    "RGB, dark red": painted((100, 0, 0)),
    "RGB, blue of 1": painted((0, 0, 1)),
    "RGBA, opaque": np.dstack([painted((255, 255, 255)), np.full_like(GRAY, 255)]),
    "RGBA, transparent outside": veil(255, 0),
    "RGBA, faint outside, as one mask of BrEaST": veil(255, 75),
    "RGBA, nothing more than half opaque": veil(102, 0, 200),
    "LA": Image.fromarray(GRAY * 3).convert("LA"),
    "palette of VOC, where 1 is a dark red": with_palette(0, 0, 0, 128, 0, 0),
    "palette, black and blue": with_palette(0, 0, 0, 0, 0, 255),
    "JPEG, best": jpeg(GRAY * 255, 100),
    "JPEG, usual": jpeg(GRAY * 255, 75),
    "JPEG, bad": jpeg(GRAY * 255, 30),
    "JPEG, red": jpeg(painted((255, 0, 0)), 95),
    "a stray pixel": np.where(np.arange(GRAY.size).reshape(GRAY.shape) == 7, 90, GRAY * 255).astype(np.uint8),
}


def as_file(form, path):
    (form if isinstance(form, Image.Image) else Image.fromarray(form)).save(path)
    return path


@pytest.mark.parametrize("form", READ.values(), ids=READ)
def test_every_form_of_one_mask_is_that_mask(form, tmp_path):
    found = open_mask(as_file(form, tmp_path / "a.png"))
    assert found.lesion.dtype == bool and found.lesion.shape == MASK.shape
    wrong = (found.lesion != MASK).sum()
    assert wrong <= (0.01 * MASK.sum() if found.cut else 0)  # JPEG moves pixels on the edge


NO_ZERO = "no 0, so what is lesion and what is not cannot be told"
REFUSED = {
    "mask + 1": (GRAY + 1, rf"levels 1 and 2 and {NO_ZERO}.*`mask \+ 1`"),
    "1 everywhere, a normal plus 1": (np.ones_like(GRAY), rf"level 1 and {NO_ZERO}"),
    "84 and 253": (np.where(MASK, 253, 84).astype(np.uint8), f"levels 84 and 253 and {NO_ZERO}"),
    "three labels": (GRAY + np.flipud(GRAY), r"levels 0, 1 and 2 \(\d+, \d+, \d+ pixels\): more than one"),
    "lesion 1, unsure 255": (
        np.where(MASK, 1, np.where(np.roll(MASK, 3, 1), 255, 0)).astype(np.uint8),
        "levels 0, 1 and 255",
    ),
    "labels spread over the gray levels": (GRAY * 85 + np.flipud(GRAY) * 170, r"levels 0, 85, 170 and 255"),
    "JPEG of 0 and 1, brighter": (jpeg(GRAY * 40, 60), "which do not pile up at black and white"),
    "probabilities": (
        np.linspace(0, 255, GRAY.size).reshape(GRAY.shape).astype(np.uint8),
        "256 levels from 0 to 255, which do not pile up",
    ),
    "a picture": (
        np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "do not pile up at black and white.*not a picture",
    ),
    "two colours, none black": (painted((253, 231, 37), (68, 1, 84)), r"rgb\(68, 1, 84\).*no black"),
    "red and green": (
        np.where(np.flipud(MASK)[..., None], (0, 255, 0), painted((255, 0, 0))).astype(np.uint8),
        r"rgb\(0, 0, 0\), rgb\(0, 255, 0\), rgb\(255, 0, 0\): more than one label",
    ),
    "black on transparent": (veil(255, 0, 0), "black on a transparent background"),
    "a palette that lost its colours": (with_palette(0, 0, 0, 0, 0, 0), "levels 0 and 1 that its palette"),
}


@pytest.mark.parametrize(("form", "message"), REFUSED.values(), ids=REFUSED)
def test_what_could_mean_two_things_is_refused_with_its_levels(form, message, tmp_path):
    with pytest.raises(DataError, match=rf"a\.png: a mask with .*{message}"):
        open_mask(as_file(form, tmp_path / "a.png"))


@pytest.mark.parametrize("cmap", ["viridis", "jet", "coolwarm", "Reds", "magma", "hot"])
def test_no_colour_map_is_read_the_wrong_way_round(cmap, tmp_path):
    """Reds and coolwarm end darker than they begin, so the brighter colour is not always the lesion."""
    plt.imsave(tmp_path / "a.png", GRAY, cmap=cmap)
    try:
        np.testing.assert_array_equal(open_mask(tmp_path / "a.png").lesion, MASK)
    except DataError as error:
        assert "a.png: a mask with" in str(error)


def test_a_gray_colour_map_is_read(tmp_path):
    plt.imsave(tmp_path / "a.png", GRAY, cmap="gray")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png").lesion, MASK)


def test_sixteen_bits_of_colour_would_lose_the_value_1(tmp_path):
    picture = Image.fromarray(painted((0, 0, 0)))  # all that Pillow keeps of it
    picture.info["bits"] = 16
    with pytest.raises(DataError, match="16 bits in each channel"):
        read_levels(picture)


def test_a_dark_and_a_bright_mask_of_one_image_both_count(tmp_path):
    halves = MASK.copy(), MASK.copy()
    halves[0][:, 60:], halves[1][:, :60] = False, False
    Image.fromarray(np.zeros_like(GRAY)).save(tmp_path / "image.png")
    for name, half, level in zip(("dark", "bright"), halves, (1, 255), strict=True):
        Image.fromarray((half * level).astype(np.uint8)).save(tmp_path / f"{name}.png")
    files = tuple(tmp_path / f"{name}.png" for name in ("dark", "bright"))
    np.testing.assert_array_equal(decode(Entry("a", 0, tmp_path / "image.png", files)).mask, MASK)


def test_empty_and_full_masks(tmp_path):
    assert not mark(np.zeros((4, 5), np.uint8)).lesion.any()
    assert mark(np.full((4, 5), 255, np.uint8)).lesion.all()
    assert mark(np.full((4, 5), 65535, np.uint16), 65535).lesion.all()
    assert read_levels(Image.new("1", (5, 4), 1)).lesion.all()
    assert not read_levels(Image.new("RGBA", (5, 4))).lesion.any()


@settings(max_examples=60, deadline=None)
@given(
    level=st.integers(1, 255),
    mask=st.lists(st.booleans(), min_size=12, max_size=12).filter(lambda cells: not all(cells)),
)
def test_any_level_beside_zero_is_the_lesion(level, mask):
    mask = np.array(mask).reshape(3, 4)
    gray = (mask * level).astype(np.uint8)
    for picture in (Image.fromarray(gray), Image.fromarray(gray).convert("RGBA")):
        np.testing.assert_array_equal(read_levels(picture).lesion, mask)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=12, max_size=12))
def test_levels_in_any_order_are_read_by_two_heaps_or_refused(levels):
    """Where something is read at all, nothing bright is left out and nothing dark let in."""
    gray = np.array(levels, np.uint8).reshape(3, 4)
    try:
        found = mark(gray)
    except DataError as error:
        assert "level" in str(error)
        return
    if found.cut:
        assert gray[found.lesion].min() > 127 and gray[~found.lesion].max() < 128
    else:
        np.testing.assert_array_equal(found.lesion, gray != 0)


def test_a_jpeg_under_the_name_of_a_png_is_called_one(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: not a PNG file but JPEG, in spite .*save it again as PNG"):
        open_mask(tmp_path / "a.png", again="save it again as PNG")
    with pytest.raises(DataError, match="download it again"):
        lesion(tmp_path / "a.png", 0)
