"""Ensembles: the plain mean, and weights fitted on validation images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.models.ensemble import Ensemble


def members(seed: int, count: int = 3, quality=(0.9, 0.6, 0.5)) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of members that are right about a pixel with the given chance."""
    rng = np.random.default_rng(seed)
    masks = rng.random((4, 8, 8)) < 0.3
    right = rng.random((count, 4, 8, 8)) < np.array(quality[:count])[:, None, None, None]
    return np.where(right == masks, 0.9, 0.1).astype(np.float32), masks


def loss(probabilities, masks, weights) -> float:
    joined = np.clip(np.tensordot(weights, probabilities, axes=1), 1e-6, 1 - 1e-6)
    return float(-np.where(masks, np.log(joined), np.log(1 - joined)).mean())


def test_the_plain_mean_by_hand():
    probabilities = np.array([0.2, 0.6, 1.0], np.float32)[:, None, None, None]
    weights = Ensemble(fitted=False).fit(probabilities, np.ones((1, 1, 1), bool))
    np.testing.assert_allclose(weights, 1 / 3)
    assert Ensemble(fitted=False).join(probabilities, weights).item() == pytest.approx(0.6)


def test_joined_probabilities_keep_shape_and_dtype():
    joined = Ensemble(fitted=False).join(np.full((2, 5, 4, 3), 0.5, np.float32), np.array([0.5, 0.5]))
    assert joined.shape == (5, 4, 3) and joined.dtype == np.float32


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_fitted_weights_are_shares_and_no_worse_than_the_mean_or_any_member(seed):
    probabilities, masks = members(seed)
    weights = Ensemble(fitted=True).fit(probabilities, masks)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    best = loss(probabilities, masks, weights)
    for other in [np.full(3, 1 / 3), *np.eye(3)]:
        assert best <= loss(probabilities, masks, other) + 1e-5


def test_fitted_weights_match_a_search_over_a_grid():
    probabilities, masks = members(1, count=2)
    (first, _) = Ensemble(fitted=True).fit(probabilities, masks)
    grid = np.linspace(0, 1, 501)
    best = grid[np.argmin([loss(probabilities, masks, np.array([w, 1 - w])) for w in grid])]
    assert first == pytest.approx(best, abs=0.004)


def test_a_member_that_is_always_wrong_gets_nothing():
    probabilities, masks = members(0, count=1)
    both = np.concatenate([probabilities, np.where(masks, 0.01, 0.99)[None].astype(np.float32)])
    assert Ensemble(fitted=True).fit(both, masks) == pytest.approx([1, 0], abs=1e-3)


def test_a_certain_and_wrong_member_breaks_nothing():
    masks = np.ones((1, 2, 2), bool)
    both = np.stack([np.zeros((1, 2, 2)), np.full((1, 2, 2), 0.8)]).astype(np.float32)
    assert Ensemble(fitted=True).fit(both, masks) == pytest.approx([0, 1], abs=1e-3)
