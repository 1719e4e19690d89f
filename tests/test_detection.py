"""Finding and outlining together: gates by hand, and against scikit-learn's ROC curve."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from busilib.metrics.detection import (
    candidates,
    detection_metrics,
    froc,
    gate_for,
    gates_by_fold,
    scored_by,
)
from busilib.metrics.pairing import PairingError
from busilib.metrics.segmentation import dice_per_image, segmentation_metrics

repeatable = settings(deadline=None, derandomize=True, max_examples=15)

SIX = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d", "e", "f"],
        "fold": 0,
        "true": ["benign", "benign", "malignant", "normal", "normal", "normal"],
        "tp": [8, 2, 0, 0, 0, 0],
        "fp": [2, 0, 0, 5, 1, 0],
        "fn": [2, 6, 4, 0, 0, 0],
        "tn": [88, 92, 96, 95, 99, 100],
    }
)
"""Dice 0.8, 0.4 and 0; area shares 0.10, 0.02, 0, 0.05, 0.01 and 0."""


def drawn(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    lesion = np.arange(n) < n * 2 // 3
    tp = np.where(lesion, rng.integers(0, 40, n), 0)
    fp = rng.integers(0, 30, n) * (rng.random(n) < 0.7)
    fn = np.where(lesion, rng.integers(1, 20, n), 0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "fold": np.arange(n) % 2,
            "true": np.where(lesion, "benign", "normal"),
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": 400 - tp - fp - fn,
        }
    )


# By hand


def test_candidates_of_six_images():
    found = candidates(SIX)
    assert found["score"].tolist() == pytest.approx([0.10, 0.02, 0, 0.05, 0.01, 0])
    assert found["lesion"].tolist() == [True] * 3 + [False] * 3
    assert found["outlined"].tolist() == [True, True, False, True, True, False]
    assert found["good"].tolist() == [True, False, False, False, False, False]
    assert candidates(SIX, least_dice=0.4)["good"].tolist() == [True, True, False, False, False, False]


def test_without_a_gate_every_outline_is_kept():
    assert detection_metrics(SIX) == pytest.approx({"sensitivity": 1 / 3, "false_positive_rate": 2 / 3})


def test_a_gate_keeps_scores_from_its_own_value_on():
    assert detection_metrics(SIX, 0.02) == pytest.approx({"sensitivity": 1 / 3, "false_positive_rate": 1 / 3})
    assert detection_metrics(SIX, 0.05)["false_positive_rate"] == pytest.approx(1 / 3)
    assert detection_metrics(SIX, 0.051)["false_positive_rate"] == 0
    assert detection_metrics(SIX, 0.11) == {"sensitivity": 0, "false_positive_rate": 0}


def test_curve_of_six_images():
    found = froc(SIX, least_dice=0.4)
    assert found["gate"].tolist() == pytest.approx([np.inf, 0.10, 0.05, 0.02, 0.01, 0])
    assert found["sensitivity"].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert found["false_positive_rate"].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_the_gate_for_a_rate_is_the_lowest_that_holds_it():
    assert gate_for(SIX, 0.0) == pytest.approx(0.10)
    assert gate_for(SIX, 0.4) == pytest.approx(0.02)
    assert gate_for(SIX, 1.0) == 0
    loud = SIX.assign(score=[0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    assert gate_for(loud, 0.5) == np.inf
    assert detection_metrics(loud, np.inf) == {"sensitivity": 0, "false_positive_rate": 0}


def test_a_classifier_can_guard():
    """Sure of a lesion in a and f, but f has no outline to keep."""
    classes = pd.DataFrame(
        {
            "id": list("fedcba"),
            "fold": 0,
            "true": SIX["true"].to_numpy()[::-1],
            "normal": [0, 1, 1, 1, 1, 0.1],
        }
    )
    guarded = scored_by(SIX, classes)
    assert guarded["score"].tolist() == pytest.approx([0.9, 0, 0, 0, 0, 1])
    assert detection_metrics(guarded, 0.5) == pytest.approx({"sensitivity": 1 / 3, "false_positive_rate": 0})


def test_a_classifier_of_another_split_is_refused():
    with pytest.raises(PairingError, match="different rows"):
        scored_by(SIX, SIX.assign(normal=0.5, fold=1))


# Against others


@repeatable
@given(st.integers(0, 10**6))
def test_the_curve_is_the_roc_curve_of_the_outlines(seed):
    """Images without an outline get a score below all; badly outlined lesions are left out of the hits."""
    table = drawn(seed)
    found = candidates(table)
    curve = froc(table)
    keep = found["good"] | ~found["lesion"]
    score = found["score"].where(found["outlined"], -1.0)
    rates, hits, gates = roc_curve(
        ~found["lesion"][keep], score[keep], pos_label=False, drop_intermediate=False
    )
    share = found["good"].sum() / found["lesion"].sum()
    for rate, hit, gate in zip(rates, hits, gates, strict=True):
        if gate > -1:
            at = detection_metrics(table, gate)
            assert at["false_positive_rate"] == pytest.approx(rate)
            assert at["sensitivity"] == pytest.approx(hit * share)
    assert curve["sensitivity"].iloc[-1] == pytest.approx(share)


@repeatable
@given(st.integers(0, 10**6))
def test_every_point_of_the_curve_is_what_its_gate_gives(seed):
    table = drawn(seed)
    for _, point in froc(table).iterrows():
        assert detection_metrics(table, point["gate"]) == pytest.approx(
            point[["sensitivity", "false_positive_rate"]].to_dict()
        )


@repeatable
@given(st.integers(0, 10**6))
def test_the_open_end_agrees_with_the_segmentation_figures(seed):
    table = drawn(seed)
    last = froc(table).iloc[-1]
    lesions = table[table["true"] != "normal"]
    assert last["false_positive_rate"] == pytest.approx(
        segmentation_metrics(table)["normal_false_positive_rate"]
    )
    assert last["sensitivity"] == pytest.approx((dice_per_image(lesions) >= 0.5).mean())


# Properties


@repeatable
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_a_chosen_gate_holds_its_rate_where_it_was_chosen(seed, rate):
    table = drawn(seed)
    assert detection_metrics(table, gate_for(table, rate))["false_positive_rate"] <= rate


@repeatable
@given(st.integers(0, 10**6))
def test_a_higher_gate_never_keeps_more(seed):
    curve = froc(drawn(seed))
    assert curve["gate"].is_monotonic_decreasing
    assert curve["sensitivity"].is_monotonic_increasing
    assert curve["false_positive_rate"].is_monotonic_increasing


def test_gates_are_chosen_on_validation_rows_of_the_fold():
    predictions, validation = drawn(0), drawn(1)
    gates = gates_by_fold(predictions, validation, rate=0.2)
    for fold in (0, 1):
        expected = gate_for(validation[validation["fold"] == fold], 0.2)
        assert set(gates[predictions["fold"] == fold]) == {expected}
    turned = predictions.assign(fp=predictions["fp"] + 1, tn=predictions["tn"] - 1)
    assert (gates_by_fold(turned, validation, 0.2) == gates).all()


def test_one_kind_of_image_alone_is_refused():
    with pytest.raises(PairingError, match="3 of 3 images have a lesion"):
        froc(SIX.iloc[:3])
    with pytest.raises(PairingError, match="0 of 3 images have a lesion"):
        gate_for(SIX.iloc[3:], 0.1)


def test_a_figure_without_images_is_nan():
    assert np.isnan(detection_metrics(SIX.iloc[:3])["false_positive_rate"])
    assert np.isnan(detection_metrics(SIX.iloc[3:])["sensitivity"])
