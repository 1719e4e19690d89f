"""Segmentation figures by hand, by their properties, and against scikit-learn."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from busilib.evaluation.segmentation import (
    count_pixels,
    dice_per_image,
    iou_per_image,
    segmentation_metrics,
    segmentation_support,
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
    found = segmentation_support(table(pairs, ["benign", "malignant", "normal", "normal", "benign"]))
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
