"""How unlike its training images a picture is: distances by hand, and what no picture can do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from busilib.metrics.unlike import limit_of, unlikeness


def test_distances_by_hand():
    reference = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    assert unlikeness(np.array([[5.0, 0.0]]), reference, 1) == pytest.approx([0])
    assert unlikeness(np.array([[5.0, 0.0]]), reference, 2) == pytest.approx([np.sqrt(2)])
    assert unlikeness(np.array([[5.0, 0.0]]), reference, 3) == pytest.approx([2])
    assert unlikeness(np.array([[5.0, 0.0]]), reference, 30) == pytest.approx([2])  # the last there is


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_a_referee_agrees_and_brightness_does_not_count(seed, gain):
    rng = np.random.default_rng(seed)
    reference, features = rng.normal(size=(30, 5)), rng.normal(size=(7, 5))
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (reference, features)]
    expected, _ = NearestNeighbors(n_neighbors=10).fit(unit[0]).kneighbors(unit[1])
    assert unlikeness(features * gain, reference) == pytest.approx(expected[:, -1], abs=1e-6)


@pytest.mark.parametrize("broken", [0.0, np.nan, np.inf])
def test_what_has_no_direction_is_as_unlike_as_can_be(broken):
    assert unlikeness(np.full((1, 3), broken), np.eye(3), 1).tolist() == [2.0]


def test_the_limit_is_kept_by_its_share():
    scores = np.random.default_rng(0).random(200)
    assert (scores <= limit_of(scores, 0.99)).mean() == 0.99
    assert limit_of(scores[:10], 0.99) == scores[:10].max()
