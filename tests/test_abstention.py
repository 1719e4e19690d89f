"""Risk and coverage by hand, against plain loops, and with thresholds from validation images."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from busilib.data.dataset import CLASSES
from busilib.metrics.abstention import (
    abstention_metrics,
    answered,
    aurc,
    coverage_at,
    risk_coverage,
    threshold_for,
)
from busilib.metrics.pairing import PairingError

repeatable = settings(deadline=None, derandomize=True, max_examples=20)


def answers(confidence, right, fold=0) -> pd.DataFrame:
    """Benign images, called benign with that confidence where `right`, normal elsewhere."""
    confidence, right = np.asarray(confidence, float), np.asarray(right, bool)
    rest = (1 - confidence) / 2
    return pd.DataFrame(
        {
            "id": [f"benign ({number})" for number in range(len(right))],
            "fold": fold,
            "true": "benign",
            "benign": np.where(right, confidence, rest),
            "malignant": rest,
            "normal": np.where(right, rest, confidence),
        }
    )


FIVE = answers([0.6, 0.95, 0.9, 0.5, 0.8], [False, True, True, True, False])


def drawn(seed: int, n: int = 60) -> pd.DataFrame:
    """Confidences in steps of 0.05, so that many are equal; the surer the more often right."""
    rng = np.random.default_rng(seed)
    confidence = rng.integers(8, 20, n) / 20
    return answers(confidence, rng.random(n) < confidence)


# By hand


def test_curve_of_five_images():
    """Surest first: right, right, wrong, wrong, right."""
    found = risk_coverage(FIVE)
    assert found["confidence"].tolist() == pytest.approx([0.95, 0.9, 0.8, 0.6, 0.5])
    assert found["coverage"].tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    assert found["risk"].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2, 2 / 5])


def test_area_of_five_images_is_the_mean_risk():
    assert aurc(FIVE) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2 + 2 / 5) / 5)


def test_equal_confidence_is_answered_together():
    found = risk_coverage(answers([0.9, 0.9, 0.6], [True, False, True]))
    assert found["coverage"].tolist() == pytest.approx([2 / 3, 1])
    assert found["risk"].tolist() == pytest.approx([1 / 2, 1 / 3])


def test_coverage_at_a_risk():
    assert coverage_at(FIVE, 0.0) == pytest.approx(0.4)
    assert coverage_at(FIVE, 0.35) == pytest.approx(0.6)
    assert coverage_at(FIVE, 0.4) == 1
    assert coverage_at(answers([0.9], [False]), 0.5) == 0


def test_threshold_for_a_risk():
    assert threshold_for(FIVE, 0.35) == pytest.approx(0.8)
    assert threshold_for(answers([0.9], [False]), 0.5) == np.inf


def test_figures_of_a_choice():
    found = abstention_metrics(FIVE.assign(answered=[True, True, False, False, False]))
    assert found == pytest.approx({"coverage": 0.4, "risk": 0.5})
    nothing = abstention_metrics(FIVE.assign(answered=False))
    assert nothing["coverage"] == 0 and np.isnan(nothing["risk"])


# Against others


@repeatable
@given(st.integers(0, 10**6))
def test_the_curve_is_accuracy_above_each_threshold(seed):
    table = drawn(seed)
    for _, point in risk_coverage(table).iterrows():
        kept = table[table[list(CLASSES)].max(axis=1) >= point["confidence"] - 1e-12]
        called = kept[list(CLASSES)].idxmax(axis=1)
        assert point["coverage"] == pytest.approx(len(kept) / len(table))
        assert point["risk"] == pytest.approx(sk.zero_one_loss(kept["true"], called))


@repeatable
@given(st.integers(0, 10**6))
def test_without_ties_the_area_is_the_mean_over_prefixes(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.permutation(np.linspace(0.4, 0.99, 50))
    right = rng.random(50) < confidence
    wrong = ~right[np.argsort(-confidence)]
    assert aurc(answers(confidence, right)) == pytest.approx((wrong.cumsum() / np.arange(1, 51)).mean())


# Properties


@repeatable
@given(st.integers(0, 10**6))
def test_order_of_rows_does_not_matter(seed):
    table = drawn(seed)
    assert risk_coverage(table).equals(risk_coverage(table.sample(frac=1, random_state=seed)))


@repeatable
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_threshold_gives_the_coverage(seed, risk):
    table = drawn(seed)
    threshold = threshold_for(table, risk)
    assert (table[list(CLASSES)].max(axis=1) >= threshold).mean() == pytest.approx(coverage_at(table, risk))


def test_one_confidence_for_all_gives_the_error_rate():
    assert aurc(answers([0.7] * 10, [True] * 6 + [False] * 4)) == pytest.approx(0.4)


# By fold


def test_thresholds_are_chosen_on_validation_rows_of_the_fold():
    predictions = pd.concat([FIVE, FIVE.assign(fold=1)], ignore_index=True)
    sure = answers([0.9, 0.7], [True, False], fold=0)
    humble = answers([0.6, 0.55], [True, True], fold=1)
    found = answered(predictions, pd.concat([sure, humble]), risk=0.1)
    assert found.tolist() == [False, True, True, False, False, True, True, True, False, True]


def test_a_record_without_validation_rows_is_refused():
    with pytest.raises(PairingError, match="no validation rows"):
        answered(FIVE, pd.DataFrame(), risk=0.1)
