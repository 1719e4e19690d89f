"""Reliability and temperature by hand, against scikit-learn, and against plain searches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from busilib.data.dataset import CLASSES
from busilib.metrics.calibration import (
    TEMPERATURES,
    apply_temperature,
    calibrate,
    calibration_metrics,
    confidence_of,
    fit_temperature,
    reliability,
)
from busilib.metrics.classification import classification_metrics
from busilib.metrics.pairing import PairingError

repeatable = settings(deadline=None, derandomize=True, max_examples=40)


def table(true, probabilities) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(probabilities, float), columns=list(CLASSES)).assign(true=list(true))


def drawn(seed: int, n: int = 200, sharpness: float = 1.0) -> pd.DataFrame:
    """Labels drawn from the probabilities, then the probabilities sharpened: over-confident above 1."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet((1, 1, 1), n)
    true = [CLASSES[rng.choice(3, p=row)] for row in honest]
    sharp = honest**sharpness
    return table(true, sharp / sharp.sum(axis=1, keepdims=True))


FOUR = table(
    ["benign", "malignant", "normal", "benign"],
    [[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.95, 0.05, 0]],
)


# By hand


def test_confidence_is_that_of_the_predicted_class():
    confidence, right = confidence_of(FOUR)
    assert confidence.tolist() == [0.9, 0.8, 0.6, 0.95]
    assert right.tolist() == [True, False, True, True]


def test_reliability_of_four_images():
    """0.6 opens the bin 9/15–10/15, 0.8 that of 12/15; 0.9 falls into 13/15–14/15, 0.95 into the last."""
    found = reliability(FOUR)
    assert found["n"].tolist() == [0] * 9 + [1, 0, 0, 1, 1, 1]
    assert found["low"].tolist() == pytest.approx([n / 15 for n in range(15)])
    assert found["high"].tolist() == pytest.approx([n / 15 for n in range(1, 16)])
    filled = found.query("n > 0")
    assert filled["confidence"].tolist() == pytest.approx([0.6, 0.8, 0.9, 0.95])
    assert filled["accuracy"].tolist() == [1, 0, 1, 1]
    assert found["confidence"].isna().tolist() == (found["n"] == 0).tolist()


def test_two_images_of_one_bin_are_averaged():
    """0.81 and 0.83 fall into 12/15–13/15; one of them is right."""
    found = reliability(table(["benign", "normal"], [[0.81, 0.19, 0], [0.83, 0.1, 0.07]])).iloc[12]
    assert found[["confidence", "accuracy", "n"]].tolist() == pytest.approx([0.82, 0.5, 2])


def test_a_probability_of_one_falls_into_the_last_bin():
    assert reliability(table(["benign"], [[1, 0, 0]]))["n"].tolist() == [0] * 14 + [1]


def test_temperature_two_takes_the_square_root():
    """p = 0.64, 0.32, 0.04 become 0.8, √0.32, 0.2 over their sum."""
    found = apply_temperature(table(["benign"], [[0.64, 0.32, 0.04]]), 2.0)[list(CLASSES)].to_numpy()[0]
    roots = np.array([0.8, np.sqrt(0.32), 0.2])
    assert found == pytest.approx(roots / roots.sum())


def test_temperature_of_a_model_that_says_80_percent_and_is_right_in_half():
    """Two equal rivals of 0.1: softmax gives 1/2 where (1/8)^(1/T) = 1/2, so T = ln 8 / ln 2 = 3."""
    rows = table(["benign", "malignant", "benign", "normal"], [[0.8, 0.1, 0.1]] * 4)
    assert fit_temperature(rows) == pytest.approx(3, rel=1e-4)
    assert apply_temperature(rows, 3.0)["benign"].to_numpy() == pytest.approx(0.5)


def test_all_right_is_sharpened_to_the_bound_and_all_wrong_softened():
    rows = table(["benign"] * 3, [[0.6, 0.3, 0.1]] * 3)
    assert fit_temperature(rows) == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert fit_temperature(rows.assign(true="normal")) == pytest.approx(TEMPERATURES[1], rel=1e-3)


def test_a_row_may_have_its_own_temperature():
    found = apply_temperature(FOUR, np.array([1, 2, 1, 2]))
    assert found.iloc[[0, 2]].equals(apply_temperature(FOUR, 1.0).iloc[[0, 2]])
    assert found.iloc[[1, 3]].equals(apply_temperature(FOUR, 2.0).iloc[[1, 3]])


# Against others


@repeatable
@given(st.integers(0, 10**6))
def test_reliability_is_that_of_scikit_learn(seed):
    predictions = drawn(seed)
    confidence, right = confidence_of(predictions)
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    held = reliability(predictions).query("n > 0")
    assert held["accuracy"].to_numpy() == pytest.approx(accuracy)
    assert held["confidence"].to_numpy() == pytest.approx(mean)


@repeatable
@given(st.integers(0, 10**6))
def test_figures_agree_with_the_full_table(seed):
    predictions = drawn(seed, 60, 3.0)
    full = classification_metrics(predictions)
    assert calibration_metrics(predictions) == pytest.approx(
        {name: full[name] for name in ("accuracy", "ece", "brier", "log_loss")}
    )


@settings(repeatable, max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.5, 4))
def test_no_temperature_on_a_fine_grid_is_better(seed, sharpness):
    predictions = drawn(seed, 80, sharpness)
    losses = [
        sk.log_loss(
            predictions["true"],
            apply_temperature(predictions, each)[list(CLASSES)],
            labels=list(CLASSES),
        )
        for each in (fit_temperature(predictions), *np.geomspace(*TEMPERATURES, 50))
    ]
    assert losses[0] <= min(losses[1:]) + 1e-7


# Properties


@repeatable
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_no_predicted_class_changes_and_probabilities_add_up(seed, temperature):
    predictions = drawn(seed, 40)
    scaled = apply_temperature(predictions, temperature)
    assert scaled[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert scaled[list(CLASSES)].idxmax(axis=1).equals(predictions[list(CLASSES)].idxmax(axis=1))


def test_temperature_one_changes_nothing():
    predictions = drawn(0)
    scaled = apply_temperature(predictions, 1.0)[list(CLASSES)].to_numpy()
    assert scaled == pytest.approx(predictions[list(CLASSES)].to_numpy(), abs=1e-6)


def test_a_known_overconfidence_is_found_again():
    """Honest probabilities to the power of 3 need a temperature of 3."""
    sharp = drawn(1, 20_000, sharpness=3.0)
    assert fit_temperature(sharp) == pytest.approx(3, rel=0.05)
    before, after = (classification_metrics(t)["ece"] for t in (sharp, apply_temperature(sharp, 3)))
    assert after < 0.02 < before


# By fold


def test_each_fold_is_scaled_by_its_own_validation_rows():
    one, two = drawn(3, 4000, 3.0).assign(fold=0), drawn(4, 4000, 0.5).assign(fold=1)
    validation = pd.concat([drawn(5, 4000, 3.0).assign(fold=0), drawn(6, 4000, 0.5).assign(fold=1)])
    scaled, temperatures = calibrate(pd.concat([one, two]), validation)
    assert temperatures == pytest.approx({0: 3, 1: 0.5}, rel=0.1)
    assert scaled.query("fold == 1").equals(apply_temperature(two, temperatures[1]))


def test_the_labels_of_the_reported_images_do_not_matter():
    validation = drawn(7).assign(fold=0)
    predictions = drawn(8).assign(fold=0)
    turned = predictions.assign(true=np.roll(predictions["true"], 1))
    assert calibrate(predictions, validation)[1] == calibrate(turned, validation)[1]


def test_a_record_without_validation_rows_is_refused():
    with pytest.raises(PairingError, match="fold 0 has no validation rows"):
        calibrate(drawn(0).assign(fold=0), pd.DataFrame())
    with pytest.raises(PairingError, match="needs validation rows"):
        fit_temperature(drawn(0).iloc[:0])


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        apply_temperature(FOUR, 0.0)
