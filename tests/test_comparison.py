"""McNemar, Holm and paired differences by hand, and against SciPy and plain bootstraps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from busilib.metrics.classification import answer_metrics
from busilib.metrics.comparison import (
    McNemar,
    difference_table,
    holm,
    mcnemar,
    mcnemar_table,
    paired_difference,
)
from busilib.metrics.intervals import mean_interval
from busilib.metrics.pairing import PairingError

repeatable = settings(deadline=None, derandomize=True, max_examples=40)


def answers(right) -> pd.DataFrame:
    """One benign image per entry, called benign where `right` and normal elsewhere."""
    right = np.asarray(right, bool)
    return pd.DataFrame(
        {
            "id": [f"benign ({number})" for number in range(len(right))],
            "true": "benign",
            "benign": np.where(right, 0.7, 0.2),
            "malignant": 0.1,
            "normal": np.where(right, 0.2, 0.7),
        }
    )


def accuracy(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    return {"accuracy": answer_metrics(table, weights)["accuracy"]}


# McNemar


def test_mcnemar_of_ten_images():
    """One model alone is right five times, the other once: p = 2·(1 + 6) / 2⁶ = 0.21875."""
    one = answers([1, 1, 1, 1, 1, 0, 1, 1, 1, 0])
    other = answers([0, 0, 0, 0, 0, 1, 1, 1, 1, 0])
    assert mcnemar(one, other) == McNemar(both=3, only_one=5, only_other=1, neither=1, p=0.21875)


def test_the_order_of_rows_does_not_matter():
    one, other = answers([1, 1, 0, 0, 1]), answers([0, 1, 1, 0, 0])
    assert mcnemar(one, other) == mcnemar(one, other.sample(frac=1, random_state=0))


def test_a_model_does_not_differ_from_itself():
    one = answers([1, 0, 1])
    assert mcnemar(one, one) == McNemar(both=2, only_one=0, only_other=0, neither=1, p=1.0)


@repeatable
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_mcnemar_is_scipys_binomial_test_of_the_disagreements(seed, n):
    rng = np.random.default_rng(seed)
    one, other = rng.random(n) < 0.7, rng.random(n) < 0.5
    found = mcnemar(answers(one), answers(other))
    alone, against = int((one & ~other).sum()), int((~one & other).sum())
    assert (found.only_one, found.only_other) == (alone, against)
    assert found.both + found.only_one + found.only_other + found.neither == n
    if alone + against:
        assert found.p == pytest.approx(binomtest(alone, alone + against, 0.5).pvalue)


def test_different_images_are_refused():
    with pytest.raises(PairingError, match="different rows"):
        mcnemar(answers([1, 0]), answers([1, 0, 1]))
    with pytest.raises(PairingError, match="different rows"):
        paired_difference(accuracy, answers([1, 0]), answers([1, 0, 1]), np.arange(2))


# Holm


def test_holm_by_hand():
    """Sorted 0.01·3, 0.03·2, 0.04·1, each at least as large as the one before."""
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


@repeatable
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_against_its_definition(p):
    order = np.argsort(p, kind="stable")
    expected, highest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        expected[index] = highest
    assert holm(np.array(p)) == pytest.approx(expected)


def test_the_table_has_every_pair_once():
    tables = {"a": answers([1, 1, 1, 1]), "b": answers([0, 0, 0, 1]), "c": answers([1, 0, 1, 1])}
    found = mcnemar_table(tables)
    assert found[["one", "other"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert found["only_one"].tolist() == [3, 1, 0]
    assert found["only_other"].tolist() == [0, 0, 2]
    assert found["p"].tolist() == [0.25, 1.0, 0.5]
    assert found["holm"].tolist() == [0.75, 1.0, 1.0]
    assert found["n"].tolist() == [4, 4, 4]


# Differences


def test_a_difference_by_hand():
    one, other = answers([1, 1, 1, 0] * 3), answers([1, 0, 0, 0] * 3)
    found = paired_difference(accuracy, one, other, np.arange(12), 200)
    assert found["accuracy"]["value"] == pytest.approx(0.5)
    assert found["accuracy"]["n"] == 12
    assert found["accuracy"]["low"] <= 0.5 <= found["accuracy"]["high"]


def test_a_difference_on_few_images_has_no_interval():
    found = paired_difference(accuracy, answers([1, 1, 1, 0]), answers([1, 0, 0, 0]), np.arange(4), 200)
    assert found["accuracy"]["value"] == pytest.approx(0.5)
    assert np.isnan([found["accuracy"]["low"], found["accuracy"]["high"]]).all()


def test_a_difference_is_the_interval_of_the_differences_image_by_image():
    """For a mean over images both ways must give the same draws and so the same bounds."""
    rng = np.random.default_rng(0)
    one, other, groups = rng.random(40) < 0.8, rng.random(40) < 0.6, np.arange(40) // 2
    found = paired_difference(accuracy, answers(one), answers(other), groups, 300, seed=5)["accuracy"]
    expected = mean_interval(one.astype(float) - other, groups, 300, seed=5)
    assert found == pytest.approx(expected)


def test_both_models_are_measured_on_the_same_draw():
    """A model against itself has no width, however hard the images differ."""
    one = answers([1, 0] * 10)
    found = paired_difference(accuracy, one, one.sample(frac=1, random_state=1), np.arange(20), 50)
    assert found["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 20}


def test_a_plain_bootstrap_finds_the_same_bounds():
    """Written with loops over groups, another generator: equal within the noise of the draws."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), 2)
    one, other = rng.random(120) < 0.75, rng.random(120) < 0.6
    found = paired_difference(accuracy, answers(one), answers(other), groups, 1000)["accuracy"]
    members, gaps = np.arange(120).reshape(60, 2), []
    for _ in range(1000):
        picked = [index for group in rng.choice(60, 60) for index in members[group]]
        gaps.append(one[picked].mean() - other[picked].mean())
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(gaps, [2.5, 97.5]), abs=0.03)


def test_pairing_narrows_the_interval():
    """Two models that fail on the same images differ little, whatever images are drawn."""
    rng = np.random.default_rng(4)
    hard = rng.random(200) < 0.4
    one, other = ~hard, ~hard & (rng.random(200) > 0.05)
    found = paired_difference(accuracy, answers(one), answers(other), np.arange(200), 200)["accuracy"]
    alone = mean_interval(one.astype(float), np.arange(200), 200)
    assert found["high"] - found["low"] < (alone["high"] - alone["low"]) / 1.5
    assert found["low"] > 0


def test_the_table_of_differences_has_pairs_and_figures():
    tables = {"a": answers([1, 1, 1, 0]), "b": answers([1, 0, 0, 0]).iloc[::-1], "c": answers([0, 0, 0, 0])}
    found = difference_table(accuracy, tables, np.arange(4), 20)
    assert found["row"].tolist() == ["a − b", "a − c", "b − c"]
    assert found["value"].tolist() == pytest.approx([0.5, 0.75, 0.25])
    assert set(found["figure"]) == {"accuracy"}
