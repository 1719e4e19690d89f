"""The operating point: by hand, on a planted shift, and no further than few images can tell."""

import numpy as np
import pandas as pd
import pytest

from busilib.data.dataset import CLASSES
from busilib.metrics.classification import classification_metrics
from busilib.metrics.operating_point import at_operating_point, fit_offsets, mean_of_seeds, with_offsets
from busilib.metrics.pairing import PairingError


def drawn(n: int, seed: int, sharpness: float = 2.0) -> pd.DataFrame:
    """Calibrated predictions: the true class is drawn from the probabilities."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.standard_normal((n, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = [CLASSES[rng.choice(3, p=row)] for row in probabilities]
    columns = dict(zip(CLASSES, probabilities.T, strict=True))
    return pd.DataFrame({"id": [f"image {i}" for i in range(n)], "true": true, "fold": 0, **columns})


def test_offsets_by_hand():
    row = pd.DataFrame({"benign": [0.5], "malignant": [0.3], "normal": [0.2]})
    moved = with_offsets(row, np.log([1, 2, 1]))
    np.testing.assert_allclose(moved[list(CLASSES)], [[5 / 13, 6 / 13, 2 / 13]])
    np.testing.assert_allclose(with_offsets(row, np.zeros(3)), row)


def test_a_planted_shift_is_taken_back():
    shift = np.array([-1.2, 0.7, 0.5])
    validation, test = (with_offsets(drawn(4000, seed), shift) for seed in (0, 1))
    found = fit_offsets(validation)
    np.testing.assert_allclose(found, -shift, atol=0.35)
    before = classification_metrics(test)["macro_f1"]
    after = classification_metrics(at_operating_point(test, validation))["macro_f1"]
    honest = classification_metrics(drawn(4000, 1))["macro_f1"]
    assert after - before > 0.03
    assert after == pytest.approx(honest, abs=0.01)


def test_where_nothing_can_be_gained_nothing_is_moved():
    certain = pd.DataFrame(np.eye(3).repeat(5, axis=0) * 0.9 + 0.03, columns=list(CLASSES))
    certain["true"] = np.repeat(CLASSES, 5)
    np.testing.assert_allclose(fit_offsets(certain), np.zeros(3), atol=1e-12)


def test_few_images_move_it_little():
    """78 calibrated images: the offsets that chance suggests stay small, and cost the test images little."""
    lost = []
    for seed in range(10):
        validation, test = drawn(78, seed), drawn(2000, 100 + seed)
        assert np.abs(fit_offsets(validation)).max() <= 1.2
        raw, moved = (
            classification_metrics(table)["macro_f1"]
            for table in (test, at_operating_point(test, validation))
        )
        lost.append(raw - moved)
    assert np.mean(lost) < 0.015


def test_each_seed_and_fold_has_its_own_and_rows_keep_their_order():
    shifts = {(0, 0): [1.0, 0, -1.0], (0, 1): [-1.0, 0, 1.0], (1, 0): [0, 1.0, -1.0], (1, 1): [0.0, 0, 0]}
    inner = [
        with_offsets(drawn(600, 7), np.array(shift)).assign(seed=seed, fold=fold)
        for (seed, fold), shift in shifts.items()
    ]
    tested = [
        with_offsets(drawn(50, 9), np.array(shift)).assign(seed=seed, fold=fold)
        for (seed, fold), shift in shifts.items()
    ]
    predictions = pd.concat(tested, ignore_index=True).sample(frac=1, random_state=0)
    validation = pd.concat(inner, ignore_index=True)
    moved = at_operating_point(predictions, validation)
    assert moved[["id", "seed", "fold", "true"]].equals(predictions[["id", "seed", "fold", "true"]])
    for (seed, fold), own in moved.groupby(["seed", "fold"]):
        chosen = validation[(validation["seed"] == seed) & (validation["fold"] == fold)]
        expected = with_offsets(predictions.loc[own.index], fit_offsets(chosen))
        pd.testing.assert_frame_equal(own, expected)
    with pytest.raises(PairingError, match="fold 1 has no validation rows"):
        at_operating_point(predictions, validation[validation["fold"] == 0])


def test_a_class_without_validation_images_is_refused():
    table = drawn(50, 0)
    with pytest.raises(PairingError, match="no validation image is normal"):
        fit_offsets(table[table["true"] != "normal"])


def test_the_mean_of_seeds_by_hand():
    rows = pd.DataFrame(
        {
            "id": ["b", "a", "a", "b"],
            "true": ["normal", "benign", "benign", "normal"],
            "fold": [0, 1, 3, 2],
            "seed": [0, 0, 1, 1],
            "benign": [0.2, 0.6, 0.8, 0.4],
            "malignant": [0.2, 0.2, 0.1, 0.2],
            "normal": [0.6, 0.2, 0.1, 0.4],
        }
    )
    joined = mean_of_seeds(rows)
    assert joined["id"].tolist() == ["b", "a"] and joined["true"].tolist() == ["normal", "benign"]
    np.testing.assert_allclose(joined[list(CLASSES)], [[0.3, 0.2, 0.5], [0.7, 0.15, 0.15]])
    with pytest.raises(PairingError, match=r"'b' has 1 row\(s\) in 2 seed\(s\)"):
        mean_of_seeds(rows[:3])
