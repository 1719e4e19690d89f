"""Malignant against benign by hand and against scikit-learn; the difference of two sets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as sk

from busilib.data.dataset import DataError
from busilib.metrics.intervals import mean_interval
from busilib.metrics.malignancy import (
    lesions_only,
    malignancy_metrics,
    malignancy_score,
    threshold_for,
)
from busilib.metrics.measure import support
from busilib.metrics.unpaired import unpaired_difference

repeatable = settings(deadline=None, derandomize=True, max_examples=50)
COLUMNS = ["true", "benign", "malignant", "normal"]


def table(rows, fold=0, threshold=0.5) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).assign(fold=fold, threshold=threshold)


def drawn(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet((1, 1, 1), n).round(2)  # ties happen
    found = pd.DataFrame(probabilities, columns=COLUMNS[1:])
    return found.assign(true=rng.choice(["benign", "malignant"], n), fold=0, threshold=0.4)


# By hand


BY_HAND = [
    ("malignant", 0.2, 0.6, 0.2),  # score 0.75, called malignant
    ("malignant", 0.1, 0.3, 0.6),  # score 0.75, called normal
    ("malignant", 0.6, 0.2, 0.2),  # score 0.25, called benign
    ("benign", 0.8, 0.2, 0.0),  # score 0.2, called benign
    ("benign", 0.3, 0.6, 0.1),  # score 2/3, called malignant
]


def test_figures_by_hand():
    found = malignancy_metrics(table(BY_HAND))
    errors = [0.25**2, 0.25**2, 0.75**2, 0.2**2, (2 / 3) ** 2]
    assert found == pytest.approx(
        {
            "accuracy": 2 / 5,
            "called_normal": 1 / 5,
            "malignancy_auc": 5 / 6,  # of six pairs only 0.25 against 2/3 is the wrong way round
            "sensitivity": 2 / 3,
            "specificity": 1 / 2,
            "malignancy_brier": sum(errors) / 5,
        }
    )


def test_support():
    found = support("malignancy", table(BY_HAND))
    assert (found.pop("sensitivity"), found.pop("specificity")) == (3, 2)
    assert set(found.values()) == {5}


def test_a_threshold_counts_from_its_own_value_on():
    rows = [("malignant", 0.25, 0.75, 0)]
    assert malignancy_metrics(table(rows, threshold=0.75))["sensitivity"] == 1
    assert malignancy_metrics(table(rows, threshold=0.7501))["sensitivity"] == 0


def test_each_row_is_held_against_the_threshold_of_its_network():
    found = pd.concat([table(BY_HAND, 0, 0.1), table(BY_HAND, 1, 0.9)])
    assert malignancy_metrics(found)["sensitivity"] == pytest.approx(1 / 2)
    assert malignancy_metrics(found)["specificity"] == pytest.approx(1 / 2)


def test_scores_of_two_networks_are_never_ranked_against_each_other():
    """Both networks rank perfectly, one on a scale far below the other's."""
    low = table([("benign", 0.99, 0.01, 0), ("malignant", 0.98, 0.02, 0)], fold=0)
    high = table([("benign", 0.02, 0.98, 0), ("malignant", 0.01, 0.99, 0)], fold=1)
    whole = pd.concat([low, high])
    assert malignancy_metrics(whole)["malignancy_auc"] == 1
    assert sk.roc_auc_score(whole["true"] == "malignant", malignancy_score(whole)) < 1


def test_a_score_of_nothing_says_nothing():
    assert malignancy_score(pd.DataFrame({"benign": [0.0, 0.0], "malignant": [0.0, 0.2]})).tolist() == [
        0.5,
        1,
    ]


def test_figures_that_cannot_be_computed_are_nan():
    found = malignancy_metrics(table(BY_HAND[:3]))
    assert np.isnan([found["specificity"], found["malignancy_auc"]]).all() and found["sensitivity"] > 0


def test_images_without_a_lesion_are_refused_and_can_be_left_out():
    rows = table([*BY_HAND, ("normal", 0.1, 0.1, 0.8)])
    with pytest.raises(ValueError, match="lesions_only"):
        malignancy_metrics(rows)
    assert len(lesions_only(rows)) == 5


# The threshold


def test_a_threshold_finds_what_it_was_asked_to_find():
    scores = np.arange(1, 11) / 20  # malignant: 0.05 to 0.5; nine of ten lie at 0.1 or above
    rows = [("malignant", 1 - s, s, 0) for s in scores] + [("benign", 0.7, 0.3, 0), ("normal", 0, 0, 1)]
    assert threshold_for(table(rows), 0.9) == pytest.approx(0.1)
    assert threshold_for(table(rows), 1) == pytest.approx(0.05)
    assert threshold_for(table(rows), 0.05) == pytest.approx(0.5)


@repeatable
@given(st.integers(0, 10_000), st.floats(0.01, 1))
def test_no_higher_threshold_would_find_as_many(seed, wanted):
    rows = drawn(seed)
    threshold, scores = threshold_for(rows, wanted), malignancy_score(rows)
    malignant = scores[rows["true"] == "malignant"]
    assert (malignant >= threshold).mean() >= wanted - 1e-9
    assert (malignant > threshold).mean() < wanted
    assert threshold in scores


@pytest.mark.parametrize("rows", [[], BY_HAND[:3], BY_HAND[3:]])
def test_a_threshold_needs_both_classes(rows):
    with pytest.raises(DataError, match="validation part"):
        threshold_for(table(rows) if rows else pd.DataFrame(), 0.9)


# Against scikit-learn


@repeatable
@given(st.integers(0, 10_000))
def test_figures_agree_with_scikit_learn(seed):
    rows = drawn(seed)
    found, malignant, score = malignancy_metrics(rows), rows["true"] == "malignant", malignancy_score(rows)
    called = np.array(COLUMNS[1:])[rows[COLUMNS[1:]].to_numpy().argmax(axis=1)]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(rows["true"], called))
    assert found["malignancy_auc"] == pytest.approx(sk.roc_auc_score(malignant, score))
    assert found["malignancy_brier"] == pytest.approx(sk.brier_score_loss(malignant, score))
    assert found["sensitivity"] == pytest.approx(sk.recall_score(malignant, score >= 0.4))
    assert found["specificity"] == pytest.approx(sk.recall_score(~malignant, score < 0.4))


# The difference of two sets


def test_the_difference_by_hand():
    inside, outside = (
        {"value": 0.8, "low": 0.7, "high": 0.83, "n": 40},
        {"value": 0.6, "low": 0.56, "high": 0.9, "n": 20},
    )
    assert unpaired_difference(inside, outside) == pytest.approx(
        {"value": -0.2, "low": -0.2 - 0.05, "high": -0.2 + np.hypot(0.3, 0.1), "n": 60}
    )


def wilson(hits: int, n: int) -> dict:
    low, high = binomtest(hits, n).proportion_ci(method="wilson")
    return {"value": hits / n, "low": low, "high": high, "n": n}


def test_with_wilson_intervals_it_is_newcombes():
    """Newcombe's own example, 56 of 70 against 48 of 80: 0.0524 to 0.3339 (Statistics in Medicine, 1998)."""
    found = unpaired_difference(wilson(48, 80), wilson(56, 70))
    assert (found["low"], found["high"]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_newcombes_interval_as_statsmodels_has_it():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    expected = proportion.confint_proportions_2indep(31, 90, 44, 70, compare="diff", method="newcomb")
    found = unpaired_difference(wilson(44, 70), wilson(31, 90))
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-6)


def test_it_is_close_to_a_bootstrap_of_both_sets():
    rng = np.random.default_rng(0)
    sets = [rng.beta(5, 2, 150), rng.beta(3, 3, 90)]
    figures = []
    for values in sets:
        figures.append(mean_interval(values, np.arange(len(values))))
    both = [rng.choice(values, (4000, len(values))).mean(axis=1) for values in sets]
    expected = np.quantile(both[1] - both[0], [0.025, 0.975])
    found = unpaired_difference(*figures)
    assert [found["low"], found["high"]] == pytest.approx(expected, abs=0.01)


def test_where_one_set_has_no_interval_the_difference_has_none():
    few = {"value": 0.6, "low": None, "high": None, "n": 3, "why": "3 normal images"}
    found = unpaired_difference({"value": 0.8, "low": 0.7, "high": 0.83, "n": 40}, few)
    assert found == {"value": -0.2, "low": None, "high": None, "n": 43, "why": "3 normal images"}


def test_no_difference_stays_none():
    figure = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 50}
    found = unpaired_difference(figure, figure)
    assert found["value"] == 0 and found["low"] == pytest.approx(-found["high"])
