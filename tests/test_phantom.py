"""The synthetic BUSI has BUSI's layout and faults, and shows what its labels say."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from busilib.data import duplicates
from busilib.data.phantoms.ultrasound import write_phantom

COUNTS = {"benign": 28, "malignant": 20, "normal": 16}
FEW = {"benign": 6, "malignant": 4, "normal": 3}
# The default set by the rule of `write_phantom`: the last pictures of a class repeat its first ones,
# and the last malignant original is a benign picture.
PAIRS = {
    ("benign (1)", "benign (27)"),
    ("benign (2)", "benign (28)"),
    ("benign (26)", "malignant (19)"),
    ("malignant (1)", "malignant (20)"),
    ("normal (1)", "normal (16)"),
}


def image_paths(root: Path) -> list[Path]:
    paths = [path for path in root.glob("*/*.png") if "_mask" not in path.name]
    return sorted(paths, key=lambda path: (path.parent.name, int(re.search(r"\d+", path.stem)[0])))


def mask_paths(image: Path) -> list[Path]:
    return sorted(image.parent.glob(f"{image.stem}_mask*.png"))


def gray(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def original_lesions(root: Path, cls: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Image and mask of the pictures with one lesion whose label is their own."""
    copies = {second for _, second in PAIRS}
    paths = [path for path in image_paths(root) if path.parent.name == cls and path.stem not in copies]
    return [
        (gray(path).astype(float), gray(mask_paths(path)[0]) > 0)
        for path in paths
        if len(mask_paths(path)) == 1
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("phantom") / "made" / "here")


def test_layout_names_and_counts(root):
    assert sorted(path.name for path in root.iterdir()) == sorted(COUNTS)
    for cls, n in COUNTS.items():
        names = {path.name for path in (root / cls).iterdir()}
        expected = {f"{cls} ({i}){end}" for i in range(1, n + 1) for end in (".png", "_mask.png")}
        assert expected <= names
        assert all(re.fullmatch(rf"{cls} \(\d+\)_mask_[12]\.png", name) for name in names - expected)


def test_same_seed_same_pixels(tmp_path):
    first, again, other = (
        write_phantom(tmp_path / name, **FEW, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    write_phantom(again, **FEW, seed=3)  # over phantoms of the same counts
    files = sorted(path.relative_to(first) for path in first.glob("*/*.png"))
    assert files == sorted(path.relative_to(again) for path in again.glob("*/*.png"))
    assert all(np.array_equal(Image.open(first / name), Image.open(again / name)) for name in files)
    assert not np.array_equal(gray(first / "normal/normal (1).png"), gray(other / "normal/normal (1).png"))


def test_originals_do_not_depend_on_the_counts(root, tmp_path):
    few = write_phantom(tmp_path, **FEW)
    assert np.array_equal(gray(root / "benign/benign (3).png"), gray(few / "benign/benign (3).png"))


@pytest.mark.parametrize("wrong", [{"benign": 5}, {"malignant": 3}, {"normal": 2}, {"seed": -1}])
def test_too_few_images_or_negative_seed(tmp_path, wrong):
    with pytest.raises(ValueError, match="expected at least"):
        write_phantom(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_other_pictures_are_left_alone(tmp_path):
    (tmp_path / "benign").mkdir()
    kept = tmp_path / "benign" / "benign (437).png"
    Image.new("L", (9, 9)).save(kept)
    with pytest.raises(ValueError, match=r"benign \(437\).*another folder"):
        write_phantom(tmp_path, **FEW)
    assert [*tmp_path.glob("*/*")] == [kept]


def test_smallest_set_has_every_kind(tmp_path):
    paths = image_paths(write_phantom(tmp_path, **FEW))
    assert len(paths) == 13
    assert sorted(len(mask_paths(path)) for path in paths)[-3:] == [2, 2, 3]
    vectors = np.stack([duplicates.thumbnail(gray(path)) for path in paths])
    pairs = duplicates.pairs_above(vectors, 0.95)
    assert {(paths[p.first].stem, paths[p.second].stem) for p in pairs.itertuples()} == {
        ("benign (1)", "benign (6)"),
        ("benign (5)", "malignant (3)"),
        ("malignant (1)", "malignant (4)"),
        ("normal (1)", "normal (3)"),
    }


def test_sizes_vary_and_are_not_square(root):
    sizes = [Image.open(path).size for path in image_paths(root)]
    assert len(set(sizes)) > 40
    assert all(w != h and min(w, h) >= 200 and max(w, h) <= 400 for w, h in sizes)
    assert any(h > w for w, h in sizes)


def test_masks_are_binary_and_fit_their_image(root):
    for path in image_paths(root):
        for mask in mask_paths(path):
            pixels = gray(mask)
            assert Image.open(mask).size == Image.open(path).size
            assert set(np.unique(pixels)) <= {0, 255}
            assert pixels.any() == (path.parent.name != "normal")
            assert pixels.mean() / 255 < 0.4


def test_pixel_formats_are_mixed(root):
    images = [Image.open(path) for path in image_paths(root)]
    modes = [image.mode for image in images]
    assert set(modes) == {"RGB", "L"} and modes.count("RGB") > 0.8 * len(modes)
    assert {Image.open(mask).mode for path in image_paths(root) for mask in mask_paths(path)} == {
        "1",
        "RGB",
        "RGBA",
    }
    coloured = [np.ptp(np.asarray(image.convert("RGB")), axis=2).any() for image in images]
    assert 2 <= sum(coloured) < len(images) / 5  # all others have equal channels


def test_several_masks_are_separate_lesions(root):
    several = [mask_paths(path) for path in image_paths(root) if len(mask_paths(path)) > 1]
    assert {len(paths) for paths in several} == {2, 3} and len(several) >= 3
    for paths in several:
        masks = np.stack([gray(path) > 0 for path in paths])
        shared = (masks.sum(axis=0) > 1).sum()
        assert shared < 0.1 * masks.sum(axis=(1, 2)).min()


@pytest.mark.parametrize("cls", ["benign", "malignant"])
def test_lesions_are_darker_than_their_surroundings(root, cls):
    contrast = [
        image[ndimage.binary_dilation(mask, iterations=12) & ~mask].mean() - image[mask].mean()
        for image, mask in original_lesions(root, cls)
    ]
    assert min(contrast) > 0
    assert np.mean(contrast) > 30 and np.std(contrast) > 10  # clear, but not equally clear


def below_against_beside(image: np.ndarray, mask: np.ndarray) -> float:
    """Mean gray of the patch under a lesion minus that of the columns beside it at the same depth."""
    rows, columns = np.nonzero(mask)
    bottom, height = rows.max() + 3, np.ptp(rows) + 1
    middle = slice(*np.percentile(columns, [20, 80]).astype(int))
    beside = np.ones(image.shape[1], bool)
    beside[columns.min() : columns.max() + 1] = False
    band = image[bottom : bottom + height // 2]
    return band[:, middle].mean() - band[:, beside].mean()


def test_benign_enhances_and_malignant_shadows(root):
    effect = {
        cls: np.array([below_against_beside(*lesion) for lesion in original_lesions(root, cls)])
        for cls in ("benign", "malignant")
    }
    assert effect["benign"].mean() > 10 and (effect["benign"] > 0).mean() > 0.7
    assert effect["malignant"].mean() < -10 and (effect["malignant"] < 0).mean() > 0.7


def test_benign_is_wide_and_malignant_tall(root):
    def width_over_height(mask):
        rows, columns = np.nonzero(mask)
        return (np.ptp(columns) + 1) / (np.ptp(rows) + 1)

    benign, malignant = (
        np.array([width_over_height(mask) for _, mask in original_lesions(root, cls)])
        for cls in ("benign", "malignant")
    )
    assert np.median(benign) > 1.3 and (benign > 1).all()
    assert np.median(malignant) < 0.9


def test_near_duplicates_and_nothing_else_correlate(root):
    paths = image_paths(root)
    vectors = np.stack([duplicates.thumbnail(gray(path)) for path in paths])
    pairs = duplicates.pairs_above(vectors, 0.95)
    found = {(paths[p.first].stem, paths[p.second].stem): p.correlation for p in pairs.itertuples()}
    assert set(found) == PAIRS
    assert min(found.values()) > 0.97
    assert all(
        Image.open(root / a.split()[0] / f"{a}.png").size != Image.open(root / b.split()[0] / f"{b}.png").size
        for a, b in PAIRS
    )
