"""Descriptors of outlines, hand-computed and by their symmetries; masks redrawn; the study of both."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.draw import disk, ellipse, polygon2mask
from sklearn.metrics import roc_auc_score

from busilib.data.busi.catalog import scan
from busilib.data.loader import load_busi
from busilib.data.splits import grouped_split
from busilib.metrics.outline import (
    DESCRIPTORS,
    MARGIN,
    circumferences,
    describe,
    descriptor_auc_table,
    descriptor_aucs,
    ellipse_circumference,
    largest_component,
)
from busilib.metrics.redrawn import BOX, DRAWINGS, ELLIPSE, HULL, RAW, WIDTHS, smoothed
from busilib.pages import drawings
from busilib.studies import outline as study
from busilib.studies.context import Context, OptionError

SHAPE = (400, 500)


def drawn(coordinates) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[coordinates] = True
    return mask


def star(
    teeth: int = 9, outer: float = 120, inner: float = 60, wide: float = 1, scale: float = 1
) -> np.ndarray:
    """A star of straight edges, `wide` times as wide as high, on a canvas `scale` times as large."""
    angles = np.arange(2 * teeth) * np.pi / teeth + 0.1
    radii = np.where(np.arange(2 * teeth) % 2, inner, outer)
    corners = np.column_stack([200 + radii * np.sin(angles), 220 + wide * radii * np.cos(angles)])
    return polygon2mask(tuple(int(side * scale) for side in SHAPE), corners * scale)


DISC = drawn(disk((200, 250), 100))
ROTATED = drawn(ellipse(200, 250, 50, 150, rotation=np.pi / 6))
RECTANGLE = drawn((slice(100, 200), slice(100, 400)))


# Descriptors


def test_a_disc():
    found = describe(DISC)
    assert found["circularity"] == pytest.approx(1, abs=0.1)
    assert found["circumference"] == pytest.approx(1, abs=0.01)
    assert found["solidity"] == pytest.approx(1, abs=0.01)
    assert found["extent"] == pytest.approx(np.pi / 4, abs=0.01)
    assert found["axis_ratio"] == found["box_aspect"] == pytest.approx(1)
    assert found["area_share"] == pytest.approx(np.pi * 100**2 / 200_000, rel=0.01)
    assert (found["row"], found["column"]) == pytest.approx((0.5, 0.5), abs=0.002)
    assert found["components"] == 1


@pytest.mark.parametrize("radius", [10, 40, 150])
def test_the_circumference_of_a_disc_does_not_know_its_size(radius):
    mask = np.zeros((400, 400), bool)
    mask[disk((200, 200), radius)] = True
    assert describe(mask)["circumference"] == pytest.approx(1, abs=0.01)


def test_an_oblique_ellipse():
    found = describe(ROTATED)
    assert found["axis_ratio"] == pytest.approx(1 / 3, rel=0.01)
    assert found["orientation"] == pytest.approx(30, abs=0.5)
    assert found["circumference"] == pytest.approx(1, abs=0.06)
    assert found["area_share"] == pytest.approx(np.pi * 50 * 150 / 200_000, rel=0.01)


def test_a_rectangle():
    """By hand: π times the mean of its widths, seen along rows, columns and both diagonals."""
    found = describe(RECTANGLE)
    length = np.pi / 4 * (100 + 300 + 2 * 399 / np.sqrt(2))
    major, minor = 4 * np.sqrt((300**2 - 1) / 12), 4 * np.sqrt((100**2 - 1) / 12)
    assert found["circularity"] == pytest.approx(4 * np.pi * 30_000 / length**2)
    assert found["axis_ratio"] == pytest.approx(minor / major)
    assert found["circumference"] == pytest.approx(length / ellipse_circumference(major, minor))
    assert (found["solidity"], found["convexity"], found["extent"]) == (1, 1, 1)
    assert (found["orientation"], found["box_aspect"]) == (0, pytest.approx(1 / 3))
    assert (found["row"], found["column"]) == pytest.approx((150 / 400, 250 / 500))
    assert describe(RECTANGLE.T)["orientation"] == 90


def test_a_star_is_rough():
    rough, plain = describe(star()), describe(DISC)
    corners = 9 * 120 * 60 * np.sin(np.pi / 9)  # area of 18 triangles between neighbouring corners
    hull = 9 / 2 * 120**2 * np.sin(2 * np.pi / 9)
    edge = np.sqrt(120**2 + 60**2 - 2 * 120 * 60 * np.cos(np.pi / 9))
    around = 9 * 2 * 120 * np.sin(np.pi / 9)
    assert rough["area_share"] == pytest.approx(corners / 200_000, rel=0.01)
    assert rough["solidity"] == pytest.approx(corners / hull, rel=0.02)
    assert rough["convexity"] == pytest.approx(around / (18 * edge), rel=0.03)
    assert rough["circumference"] > 1.5 > plain["circumference"]
    assert all(DESCRIPTORS[name] * rough[name] > DESCRIPTORS[name] * plain[name] for name in MARGIN)


def test_ellipse_circumference():
    """Against the integral: 2π for the unit circle, 4 for a needle, 9.688448… for half axes 2 and 1."""
    assert ellipse_circumference(2, 2) == pytest.approx(2 * np.pi)
    assert ellipse_circumference(4, 2) == pytest.approx(9.688448220, rel=1e-6)
    assert ellipse_circumference(2, 0) == pytest.approx(4, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 12), st.floats(20, 110), st.integers(-60, 60), st.integers(-60, 60))
def test_shape_stays_where_a_mask_is_moved_turned_or_mirrored(teeth, inner, down, right):
    mask = star(teeth, inner=inner)
    before, moved = describe(mask), describe(np.roll(mask, (down, right), (0, 1)))
    turned, mirrored = describe(np.rot90(mask)), describe(mask[:, ::-1])
    for name in (*MARGIN, "axis_ratio", "area_share", "components"):
        assert moved[name] == pytest.approx(before[name])
        assert turned[name] == pytest.approx(before[name])
        assert mirrored[name] == pytest.approx(before[name])
    assert moved["row"] == pytest.approx(before["row"] + down / 400)
    assert moved["column"] == pytest.approx(before["column"] + right / 500)
    assert mirrored["column"] == pytest.approx(1 - before["column"])
    assert turned["box_aspect"] == pytest.approx(1 / before["box_aspect"])
    if before["axis_ratio"] < 0.98:  # a round shape has no direction
        assert turned["orientation"] == pytest.approx(90 - before["orientation"], abs=1e-3)
        assert mirrored["orientation"] == pytest.approx(before["orientation"], abs=1e-3)


@pytest.mark.parametrize("scale", [0.5, 2, 3])
def test_shape_stays_where_a_mask_is_enlarged(scale):
    before, after = (describe(star(7, inner=80, wide=1.5, scale=by)) for by in (1, scale))
    for name in DESCRIPTORS:
        assert after[name] == pytest.approx(
            before[name], rel=0.03, abs=0.5 if name == "orientation" else None
        )


def test_both_outlines_of_an_image_are_measured_and_an_empty_one_has_none():
    masks = np.stack([DISC, np.zeros_like(DISC)])
    smooth = describe(DISC)["circumference"]
    found = circumferences(masks, masks[::-1])
    assert found["true_circumference"][0] == pytest.approx(smooth, abs=1e-4)
    assert found["circumference"][1] == pytest.approx(smooth, abs=1e-4)
    assert np.isnan(found["true_circumference"][1]) and np.isnan(found["circumference"][0])


def test_only_the_largest_component_counts():
    speckled = DISC.copy()
    speckled[5:9, 5:9] = speckled[390:395, 480:485] = True
    assert describe(speckled) == {**describe(DISC), "components": 3}
    assert largest_component(speckled).area == DISC.sum()


def test_corners_connect():
    mask = np.zeros((10, 10), bool)
    mask[2, 2] = mask[3, 3] = True
    assert describe(mask)["components"] == 1


def test_a_single_pixel_has_no_ratios_but_an_empty_mask_is_refused():
    mask = np.zeros((5, 5), bool)
    with pytest.raises(ValueError, match="empty mask"):
        describe(mask)
    mask[2, 2] = True
    found = describe(mask)
    assert [name for name, value in found.items() if np.isnan(value)] == ["circumference", "axis_ratio"]


def test_aucs_by_hand():
    """Of four pairs of a malignant and a benign lesion, three are in order; solidity counts the other way."""
    table = pd.DataFrame(
        {
            "true": ["benign", "malignant", "benign", "malignant"],
            "group": range(4),
            "circumference": [1.0, 1.2, 1.3, 1.5],
            "solidity": [0.9, 0.8, 0.7, 0.6],
        }
    )
    assert descriptor_aucs(table) == {"circumference": 0.75, "solidity": 0.75}
    assert np.isnan(descriptor_aucs(table[::2])["solidity"])
    few = descriptor_auc_table(table, draws=50).set_index("descriptor").loc["circumference"]
    assert few["value"] == 0.75 and pd.isna(few["low"]) and few["n"] == 4  # four images have no interval
    many = pd.concat([table] * 5, ignore_index=True).assign(group=range(20))
    found = descriptor_auc_table(many, draws=50).set_index("descriptor").loc["circumference"]
    assert found["low"] <= found["value"] <= found["high"] and found["n"] == 20


def test_aucs_against_a_referee():
    """scikit-learn's, with ties and with directions."""
    table = made_up(informative=True).round(0)
    found, malignant = descriptor_aucs(table), table["true"] == "malignant"
    for name, sign in DESCRIPTORS.items():
        assert found[name] == pytest.approx(roc_auc_score(malignant, sign * table[name]))


# Masks redrawn


@pytest.mark.parametrize("mask", [DISC, ROTATED, RECTANGLE, star()], ids=["disc", "ellipse", "box", "star"])
@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_keep_place_and_type(mask, name):
    found = DRAWINGS[name](mask)
    assert found.shape == mask.shape and found.dtype == bool
    before, after = describe(mask), describe(found)
    assert (after["row"], after["column"]) == pytest.approx((before["row"], before["column"]), abs=0.01)


def test_what_is_already_plain_stays():
    assert (DRAWINGS[HULL](RECTANGLE) == RECTANGLE).all() and (DRAWINGS[BOX](RECTANGLE) == RECTANGLE).all()
    assert (DRAWINGS[ELLIPSE](ROTATED) ^ ROTATED).sum() < 0.01 * ROTATED.sum()
    assert (DRAWINGS[RAW](star()) == star()).all()


def test_hull_and_box_hold_the_mask():
    rough = star()
    inside = [DRAWINGS[name](rough) for name in (HULL, BOX)]
    assert (rough & ~inside[0]).sum() < 5  # corners that the hull's own rounding loses
    assert (inside[1] >= inside[0]).all()
    assert describe(inside[0])["solidity"] == pytest.approx(1, abs=0.01)
    assert describe(inside[1])["extent"] == 1


def test_an_ellipse_has_the_same_moments():
    before, after = describe(star()), describe(DRAWINGS[ELLIPSE](star()))
    for name in ("axis_ratio", "row", "column"):
        assert after[name] == pytest.approx(before[name], rel=0.02)


def test_smoothing_takes_roughness_away_by_degrees():
    rough = [describe(star())] + [describe(smoothed(star(), width)) for width in WIDTHS]
    lengths = [found["circumference"] for found in rough]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < 1.1


def test_smoothing_does_not_round_a_lesion_where_the_image_cuts_it():
    half = np.zeros((200, 300), bool)
    half[disk((0, 150), 80, shape=half.shape)] = True
    assert (smoothed(half, 0.08)[0] == smoothed(half, 0.08)[1]).all()
    assert smoothed(half, 0.08)[0].sum() > 150


def test_smoothing_is_that_of_the_whole_image():
    """Only what is near the lesion is filtered: the rest could not change."""
    sigma = 0.08 * largest_component(star()).equivalent_diameter_area
    whole = gaussian_filter(star().astype(np.float32), sigma, mode="nearest") >= 0.5
    assert (smoothed(star(), 0.08) == whole).all()


# The study


@pytest.fixture(scope="module")
def tables(phantom_dir, phantom):
    entries = scan(phantom_dir)[0]
    return study.outline_tables(entries, phantom, {name: DRAWINGS[name] for name in (RAW, HULL)})


def test_folds_are_those_of_every_experiment(phantom):
    folds = study.fold_numbers(phantom, seed=3)
    for fold in range(5):
        test = grouped_split(phantom.labels, phantom.groups, fold, seed=3).test
        assert np.flatnonzero(folds == fold).tolist() == test.tolist()


def test_a_class_too_small_for_folds_takes_no_part(phantom):
    few = phantom.subset(np.flatnonzero((phantom.labels < 2) | (np.cumsum(phantom.labels == 2) == 1)))
    folds = study.fold_numbers(few)
    assert set(folds[few.labels < 2]) == set(range(5))
    assert set(folds[few.labels == 2]) == {-1}


def test_table_has_the_lesions_at_their_original_size(tables, phantom, phantom_dir):
    raw = tables[RAW]
    lesions = phantom.table[phantom.table["class"] != "normal"]
    assert raw["id"].tolist() == lesions["id"].tolist()
    assert raw["true"].tolist() == lesions["class"].tolist()
    assert raw["group"].tolist() == lesions["group"].tolist()
    large = load_busi(phantom_dir, size=256)
    shares = np.array([mask.mean() for mask in large.masks if mask.any()])
    whole = raw["components"] == 1
    assert raw["area_share"][whole].to_numpy() == pytest.approx(shares[whole], rel=0.05)


def test_the_study_has_every_drawing_of_every_set_with_its_descriptors(
    tables, phantom, phantom_dir, tmp_path
):
    other = tmp_path / "elsewhere"
    (other / "images").mkdir(parents=True)
    lesions = [entry for entry in scan(phantom_dir)[0] if entry.masks][:12]
    lines = ["id,image,mask,class,group"]
    for number, entry in enumerate(lesions):
        shutil.copy(entry.image, other / "images" / f"{number}.png")
        shutil.copy(entry.masks[0], other / "images" / f"{number}_mask.png")
        mask = f"images/{number}_mask.png" if number else ""  # an outline that nobody drew takes no part
        lines.append(f"{number},images/{number}.png,{mask},{('benign', 'malignant')[number % 2]},")
    (other / "images.csv").write_text("\n".join(lines), encoding="utf-8")

    there = study.outline(Context("smoke", phantom_dir, other))
    assert there.record == "outline+elsewhere" and there.facts["outside"]["name"] == "elsewhere"
    names = [name for name in there.conditions if "→" not in name]
    assert names == [f"elsewhere, {drawing}" for drawing in DRAWINGS]
    name = there.facts["dataset"]["name"]
    assert list(there.conditions)[len(names) :] == [
        f"{name} → elsewhere",
        f"elsewhere → {name}",
    ]
    assert {there.conditions[name]["n"] for name in names} == {len(lesions) - 1}
    found = study.outline(Context("smoke", phantom_dir))
    assert found.record == "outline"
    assert list(found.conditions) == [f"{name}, {drawing}" for drawing in DRAWINGS]
    raw = drawings.drawn(drawings.joined(found, there), name).set_index("id")
    mine = tables[RAW].set_index("id")
    assert set(raw.index) == set(mine.index)
    for name in DESCRIPTORS:
        assert raw[name].to_numpy() == pytest.approx(mine.loc[raw.index, name].to_numpy(), abs=1e-5)
    with pytest.raises(OptionError, match="no use for it"):
        study.outline(Context("smoke", phantom_dir, weights="local"))


def made_up(informative: bool, n: int = 200, seed: int = 0) -> pd.DataFrame:
    """A table of outlines, where circumference tells the class or nothing does; groups of two."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, len(DESCRIPTORS))), columns=list(DESCRIPTORS))
    malignant = np.repeat(rng.random(n // 2) < 0.4, 2)
    table["circumference"] += 6.0 * malignant * informative
    group = np.arange(n) // 2
    return table.assign(
        id=[f"{i}" for i in range(n)],
        true=np.where(malignant, "malignant", "benign"),
        group=group,
        fold=group % 5,
    )


def test_nothing_is_learned_from_the_test_fold():
    """One group's labels turned about change what is said of the others, not what is said of itself."""
    table = made_up(informative=True)
    planted = table.copy()
    turned = planted["fold"] == 2
    planted.loc[turned, "true"] = np.where(planted.loc[turned, "true"] == "benign", "malignant", "benign")
    before, after = (study.out_of_fold(one, list(DESCRIPTORS)) for one in (table, planted))
    same = before["fold"] == 2
    assert (before.loc[same, "malignant"] == after.loc[same, "malignant"]).all()
    assert (before.loc[~same, "malignant"] != after.loc[~same, "malignant"]).any()


def test_what_tells_is_found_and_noise_is_not():
    told, noise = made_up(True), made_up(False, seed=1)
    value, low, high = study.auc_interval(study.out_of_fold(told, list(DESCRIPTORS)), draws=50)
    assert (value, low, high) == (1, None, None)  # the same in every draw
    value, low, high = study.auc_interval(study.out_of_fold(noise, list(DESCRIPTORS)), draws=200)
    assert low < 0.5 < high
    assert (
        study.auc_interval(study.across(told, made_up(True, seed=2), ["circumference"]), draws=20)[0] > 0.99
    )


def test_dose_response_has_every_drawing_and_agrees_with_its_parts(tables):
    found = study.dose_response(tables, draws=20).set_index(["drawing", "descriptor"])
    assert set(found.index.get_level_values("drawing")) == {RAW, HULL}
    assert len(found) == 2 * (len(DESCRIPTORS) + len(study.FITTED))
    alone = descriptor_aucs(tables[HULL])
    assert found.loc[(HULL, "circumference"), "value"] == alone["circumference"]
    fitted = study.auc_interval(study.out_of_fold(tables[RAW], study.FITTED["solidity"]), draws=20)
    assert found.loc[(RAW, "solidity, fitted"), "value"] == fitted[0]
    assert found["n"].eq(20).all()


@pytest.mark.slow
def test_busi_outlines_tell_the_class(busi_dir):
    table = study.outline_tables(scan(busi_dir)[0], load_busi(busi_dir), {RAW: DRAWINGS[RAW]})[RAW]
    assert len(table) == 647
    found = descriptor_aucs(table)
    assert round(found["circumference"], 3) == 0.990
    assert round(found["solidity"], 3) == 0.986
