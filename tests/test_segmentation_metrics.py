"""Segmentation figures by hand, by their properties, and against scikit-learn."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from scipy.spatial.distance import cdist, directed_hausdorff
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from busilib.metrics.measure import support
from busilib.metrics.segmentation import (
    count_pixels,
    dice_per_image,
    iou_per_image,
    segmentation_metrics,
    surface_distances,
)

EMPTY = np.zeros((2, 2), bool)
FULL = np.ones((2, 2), bool)
LEFT = np.array([[True, False], [True, False]])
TOP = np.array([[True, True], [False, False]])


def table(pairs, classes) -> pd.DataFrame:
    masks, predicted = (np.stack(part) for part in zip(*pairs, strict=True))
    return count_pixels(masks, predicted).assign(true=classes)


# By hand


@pytest.mark.parametrize(
    ("mask", "predicted", "counts", "dice", "iou"),
    [
        (LEFT, LEFT, (2, 0, 0, 2), 1, 1),
        (LEFT, TOP, (1, 1, 1, 1), 1 / 2, 1 / 3),
        (LEFT, FULL, (2, 2, 0, 0), 2 / 3, 1 / 2),
        (LEFT, ~LEFT, (0, 2, 2, 0), 0, 0),
        (FULL, FULL, (4, 0, 0, 0), 1, 1),
        (LEFT, EMPTY, (0, 0, 2, 2), 0, 0),  # a lesion that is missed
        (EMPTY, LEFT, (0, 2, 0, 2), 0, 0),  # a lesion that is not there
        (EMPTY, EMPTY, (0, 0, 0, 4), 1, 1),  # rightly nothing
    ],
)
def test_one_image(mask, predicted, counts, dice, iou):
    found = count_pixels(mask[None], predicted[None])
    assert tuple(found.iloc[0]) == counts
    assert dice_per_image(found).item() == pytest.approx(dice)
    assert iou_per_image(found).item() == pytest.approx(iou)


def test_a_set_of_images():
    """Half right, missed, rightly nothing, wrongly something: every figure by hand."""
    pairs = [(LEFT, TOP), (FULL, EMPTY), (EMPTY, EMPTY), (EMPTY, LEFT)]
    found = segmentation_metrics(table(pairs, ["benign", "malignant", "normal", "normal"]))
    assert found == pytest.approx(
        {
            "lesion_dice": (1 / 2 + 0) / 2,
            "lesion_iou": (1 / 3 + 0) / 2,
            "all_dice": (1 / 2 + 0 + 1 + 0) / 4,
            # tp 1, fp 1 + 2, fn 1 + 4, tn 1 + 4 + 2
            "pooled_dice": 2 / (2 + 3 + 5),
            "pooled_two_class_dice": (2 / (2 + 3 + 5) + 14 / (14 + 3 + 5)) / 2,
            "pooled_iou": 1 / (1 + 3 + 5),
            "pooled_accuracy": (1 + 7) / 16,
            "pooled_precision": 1 / 4,
            "pooled_recall": 1 / 6,
            "pooled_specificity": 7 / 10,
            "normal_false_positive_rate": 1 / 2,
        }
    )


def test_support():
    pairs = [(LEFT, TOP), (FULL, EMPTY), (EMPTY, EMPTY), (EMPTY, LEFT), (EMPTY, EMPTY)]
    found = support("segmentation", table(pairs, ["benign", "malignant", "normal", "normal", "benign"]))
    assert found.pop("lesion_dice") == found.pop("lesion_iou") == 2
    assert found.pop("normal_false_positive_rate") == 2
    assert set(found.values()) == {5}


def test_figures_without_a_denominator_are_nan():
    found = segmentation_metrics(table([(EMPTY, EMPTY)], ["normal"]))
    assert found["all_dice"] == found["pooled_accuracy"] == found["pooled_specificity"] == 1
    assert found["normal_false_positive_rate"] == 0
    for name in ("lesion_dice", "lesion_iou", "pooled_dice", "pooled_precision", "pooled_recall"):
        assert math.isnan(found[name])
    all_lesion = segmentation_metrics(table([(FULL, FULL)], ["benign"]))
    assert all_lesion["lesion_dice"] == all_lesion["pooled_dice"] == 1
    assert math.isnan(all_lesion["pooled_specificity"])
    assert math.isnan(all_lesion["normal_false_positive_rate"])


def test_one_pixel_makes_a_false_positive():
    speck = EMPTY.copy()
    speck[0, 0] = True
    found = segmentation_metrics(table([(EMPTY, speck), (EMPTY, EMPTY), (EMPTY, FULL)], ["normal"] * 3))
    assert found["normal_false_positive_rate"] == pytest.approx(2 / 3)


def test_large_lesions_weigh_more_in_the_pooled_dice():
    pairs = [(FULL, FULL), (np.eye(2, dtype=bool), ~np.eye(2, dtype=bool))]
    found = segmentation_metrics(table(pairs, ["malignant", "benign"]))
    assert found["lesion_dice"] == 1 / 2
    assert found["pooled_dice"] == pytest.approx(8 / (8 + 2 + 2))


@pytest.mark.parametrize(
    ("masks", "predicted"),
    [
        (FULL[None], np.ones((1, 2, 3), bool)),
        (FULL[None].astype(np.uint8), FULL[None]),
        (FULL[None], FULL[None].astype(np.float32)),
    ],
)
def test_other_shapes_and_types_are_refused(masks, predicted):
    with pytest.raises(ValueError, match="two bool arrays of one shape"):
        count_pixels(masks, predicted)


# Properties

masks = arrays.arrays(bool, (3, 4, 4))
repeatable = settings(deadline=None, derandomize=True, max_examples=50)


@repeatable
@given(masks, masks)
def test_dice_follows_from_iou(true, predicted):
    counts = count_pixels(true, predicted)
    dice, iou = dice_per_image(counts), iou_per_image(counts)
    np.testing.assert_allclose(dice, 2 * iou / (1 + iou))
    assert ((iou >= 0) & (iou <= dice) & (dice <= 1)).all()


@repeatable
@given(masks, masks)
def test_overlap_is_symmetric(true, predicted):
    there, back = count_pixels(true, predicted), count_pixels(predicted, true)
    np.testing.assert_array_equal(dice_per_image(there), dice_per_image(back))
    np.testing.assert_array_equal(iou_per_image(there), iou_per_image(back))


@repeatable
@given(masks, masks)
def test_counts_add_up(true, predicted):
    counts = count_pixels(true, predicted)
    assert (counts.sum(axis=1) == 16).all()
    assert (counts["tp"] + counts["fn"] == true.sum((1, 2))).all()
    assert (counts["tp"] + counts["fp"] == predicted.sum((1, 2))).all()


@repeatable
@given(masks, masks)
def test_pooled_figures_are_those_of_the_flattened_pixels(true, predicted):
    found = segmentation_metrics(count_pixels(true, predicted).assign(true="benign"))
    flat = true.ravel(), predicted.ravel()
    referee = {
        "pooled_dice": f1_score(*flat, zero_division=np.nan),
        "pooled_two_class_dice": np.mean(f1_score(*flat, labels=[0, 1], average=None, zero_division=np.nan)),
        "pooled_iou": jaccard_score(*flat, zero_division=0) if (true | predicted).any() else np.nan,
        "pooled_accuracy": accuracy_score(*flat),
        "pooled_precision": precision_score(*flat, zero_division=np.nan),
        "pooled_recall": recall_score(*flat, zero_division=np.nan),
        "pooled_specificity": recall_score(*flat, pos_label=False, zero_division=np.nan),
    }
    for name, value in referee.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)


@repeatable
@given(masks, masks, st.permutations(range(3)))
def test_the_order_of_the_images_does_not_matter(true, predicted, order):
    counts = count_pixels(true, predicted).assign(true=["benign", "malignant", "normal"])
    np.testing.assert_allclose(
        list(segmentation_metrics(counts).values()),
        list(segmentation_metrics(counts.iloc[order]).values()),
    )


# Boundaries


def rectangle(top, left, bottom, right, size=32):
    mask = np.zeros((1, size, size), bool)
    mask[0, top:bottom, left:right] = True
    return mask


def edge_by_hand(mask):
    """Pixels of a mask with a neighbour outside it, one by one."""
    padded = np.pad(mask, 1)
    return [
        (row, column)
        for row, column in zip(*np.nonzero(mask), strict=True)
        if not (
            padded[row, column + 1]
            and padded[row + 2, column + 1]
            and padded[row + 1, column]
            and padded[row + 1, column + 2]
        )
    ]


def test_equal_masks_have_no_distance():
    mask = rectangle(4, 4, 20, 12)
    assert surface_distances(mask, mask).iloc[0].tolist() == [0.0, 1.0]


def test_a_shifted_square_by_hand():
    """Shifted by 4: no boundary pixel is further than 4 away, those of the two moved sides are."""
    found = surface_distances(rectangle(8, 8, 16, 16), rectangle(8, 12, 16, 20)).iloc[0]
    assert found["hd95"] == 4.0
    assert 0 < found["nsd"] < 1


@pytest.mark.parametrize("seed", range(5))
def test_distances_agree_with_every_pair_of_boundary_pixels(seed):
    rng = np.random.default_rng(seed)
    true, found = (ndimage.gaussian_filter(rng.random((24, 24)), 2) > 0.5 for _ in range(2))
    edges = [np.array(edge_by_hand(mask)) for mask in (true, found)]
    between = cdist(*edges)
    there, back = between.min(axis=1), between.min(axis=0)
    row = surface_distances(true[None], found[None]).iloc[0]
    assert row["hd95"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-4)
    near = (there <= 2).sum() + (back <= 2).sum()
    assert row["nsd"] == pytest.approx(near / (len(there) + len(back)), abs=1e-4)
    assert row["hd95"] <= max(directed_hausdorff(*edges)[0], directed_hausdorff(*edges[::-1])[0]) + 1e-4


def test_missed_and_invented_lesions_count_as_far_as_can_be():
    empty, mask = np.zeros((1, 30, 40), bool), rectangle(0, 0, 5, 5, 30)
    mask = np.pad(mask, ((0, 0), (0, 0), (0, 10)))
    for pair in [(mask, empty), (empty, mask)]:
        assert surface_distances(*pair).iloc[0].tolist() == [50.0, 0.0]


def test_two_empty_masks_have_no_distance_at_all():
    empty = np.zeros((1, 8, 8), bool)
    assert surface_distances(empty, empty).isna().all(axis=None)


def test_boundary_figures_are_means_over_lesions():
    table = pd.DataFrame(
        {
            "tp": [5, 0, 0],
            "fp": [0, 3, 0],
            "fn": [0, 5, 0],
            "tn": [9, 9, 14],
            "true": ["benign", "malignant", "normal"],
            "hd95": [1.0, 3.0, np.nan],
            "nsd": [1.0, 0.5, np.nan],
        }
    )
    figures = segmentation_metrics(table)
    assert (figures["lesion_hd95"], figures["lesion_nsd"]) == (2.0, 0.75)
    assert support("segmentation", table)["lesion_hd95"] == 2
