"""Tissue figures: counted by hand, and again by scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_recall_fscore_support

from busilib.data.tiles import CODES, IGNORED, TISSUES
from busilib.metrics.measure import support
from busilib.metrics.tissue import COLUMNS, tissue_counts, tissue_metrics

# One tile: 1 tumour, 2 stroma, 9 fat; 0 and 7 do not count.
TRUE = np.array([[[1, 1, 1, 1], [2, 2, 2, 0], [9, 9, 7, 0]]], np.uint8)
FOUND = np.array([[[1, 1, 1, 2], [2, 2, 1, 1], [9, 7, 2, 2]]], np.uint8)

tiles = arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 21))


def test_counts_by_hand():
    counts = tissue_counts(TRUE, FOUND)
    assert list(counts) == COLUMNS and len(COLUMNS) == 60
    row = counts.iloc[0]
    assert row[["tumor_tp", "tumor_fp", "tumor_fn"]].tolist() == [3, 1, 1]
    assert row[["stroma_tp", "stroma_fp", "stroma_fn"]].tolist() == [2, 1, 1]
    assert row[["fat_tp", "fat_fp", "fat_fn"]].tolist() == [1, 0, 1]
    assert row.drop([name for name in COLUMNS if name.startswith(("tumor", "stroma", "fat"))]).sum() == 0


def test_figures_by_hand():
    figures = tissue_metrics(tissue_counts(TRUE, FOUND))
    assert figures["pixel_accuracy"] == 6 / 9
    assert figures["majority_rate"] == 4 / 9
    assert figures["tumor_dice"] == figures["tumor_precision"] == figures["tumor_recall"] == 3 / 4
    assert figures["tumor_iou"] == 3 / 5
    assert figures["stroma_dice"] == pytest.approx(2 / 3) and figures["stroma_iou"] == 2 / 4
    assert (figures["fat_precision"], figures["fat_recall"]) == (1, 1 / 2)
    assert figures["macro_dice"] == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 3)
    assert figures["macro_iou"] == pytest.approx((3 / 5 + 1 / 2 + 1 / 2) / 3)
    assert figures["fat_frequency"] == 2 / 9
    assert figures["blood_frequency"] == 0 and np.isnan(figures["blood_dice"])


def test_support_counts_tiles():
    both = tissue_counts(np.concatenate([TRUE, np.full_like(TRUE, 2)]), np.concatenate([FOUND, FOUND]))
    found = support("tissue", both)
    assert found.keys() == tissue_metrics(both).keys()
    assert (found["pixel_accuracy"], found["stroma_dice"], found["tumor_dice"]) == (2, 2, 1)
    assert (found["fat_frequency"], found["blood_dice"], found["blood_vessel_iou"]) == (2, 0, 0)


def test_a_prediction_of_one_tissue_scores_the_majority_rate():
    rng = np.random.default_rng(0)
    true = rng.choice(np.array([0, 1, 2, 3, 7, 9], np.uint8), (4, 8, 8), p=[0.1, 0.5, 0.2, 0.1, 0.05, 0.05])
    figures = tissue_metrics(tissue_counts(true, np.full_like(true, 1)))
    assert figures["pixel_accuracy"] == figures["majority_rate"] > 0.5
    assert figures["macro_dice"] < 0.25  # which the accuracy hides


def test_tiles_of_which_nothing_counts_have_no_figures():
    figures = tissue_metrics(tissue_counts(np.full((2, 3, 3), 7, np.uint8), np.full((2, 3, 3), 1, np.uint8)))
    assert all(np.isnan(value) for value in figures.values())


@settings(deadline=None, max_examples=40)
@given(tiles, tiles)
def test_scikit_learn_agrees(true, found):
    table = tissue_counts(true, found)
    figures = tissue_metrics(table)
    seen = ~np.isin(true, IGNORED)
    if not seen.any():
        return
    y, p = true[seen], found[seen]
    assert (
        table[[f"{name}_{count}" for name in TISSUES for count in ("tp", "fn")]].to_numpy().sum()
        == seen.sum()
    )
    assert figures["pixel_accuracy"] == pytest.approx(accuracy_score(y, p))
    assert figures["majority_rate"] == pytest.approx(np.bincount(y).max() / len(y))
    present = np.unique(y)
    shared = {"labels": present, "average": "macro", "zero_division": 0}
    assert figures["macro_dice"] == pytest.approx(f1_score(y, p, **shared))
    assert figures["macro_iou"] == pytest.approx(jaccard_score(y, p, **shared))
    precision, recall, f1, support = precision_recall_fscore_support(
        y, p, labels=present, zero_division=np.nan
    )
    for place, code in enumerate(present):
        name = CODES[code]
        assert figures[f"{name}_precision"] == pytest.approx(precision[place], nan_ok=True)
        assert figures[f"{name}_recall"] == pytest.approx(recall[place])
        assert figures[f"{name}_dice"] == pytest.approx(f1[place])
        assert figures[f"{name}_frequency"] == pytest.approx(support[place] / len(y))


@given(tiles, tiles)
@settings(deadline=None, max_examples=20)
def test_what_is_predicted_where_nothing_counts_changes_nothing(true, found):
    changed = np.where(np.isin(true, IGNORED), 21 - found, found).astype(np.uint8)
    assert tissue_counts(true, found).equals(tissue_counts(true, changed))


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="two uint8 arrays of one shape"):
        tissue_counts(TRUE, FOUND[:, :2])
    with pytest.raises(ValueError, match="two uint8 arrays of one shape"):
        tissue_counts(TRUE.astype(int), FOUND)
    with pytest.raises(ValueError, match="0 to 21 are needed, not 22"):
        tissue_counts(TRUE, np.full_like(FOUND, 22))
