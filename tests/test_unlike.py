"""How unlike its training images a picture is: distances by hand, a referee, and what no picture can do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from busilib.metrics.unlike import Cloud, cloud_of, limit_of, unlikeness


def test_distances_by_hand():
    cloud = Cloud(np.array([1.0, 0.0]), np.array([2.0, 1.0]), np.diag([1.0, 4.0]))
    features = np.array([[1.0, 0.0], [5.0, 0.0], [1.0, 3.0], [5.0, 3.0]])
    assert unlikeness(features, cloud) == pytest.approx([0, 2, 6, np.sqrt(40)])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_a_referee_agrees(seed):
    rng = np.random.default_rng(seed)
    training = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3
    features = rng.normal(size=(7, 5))
    cloud = cloud_of(training)
    scaled = [(each - training.mean(0)) / training.std(0) for each in (training, features)]
    inverse = np.linalg.inv(LedoitWolf().fit(scaled[0]).covariance_)
    expected = [mahalanobis(each, np.zeros(5), inverse) for each in scaled[1]]
    assert unlikeness(features, cloud) == pytest.approx(expected, rel=1e-6)


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_the_unit_of_the_features_does_not_count(gain, offset):
    rng = np.random.default_rng(0)
    training, features = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))
    plain = unlikeness(features, cloud_of(training))
    assert unlikeness(features * gain + offset, cloud_of(training * gain + offset)) == pytest.approx(plain)


def test_a_feature_that_never_moved_counts_where_it_moves():
    training = np.c_[np.random.default_rng(0).normal(size=(30, 2)), np.zeros(30)]
    near, far = np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]])
    assert unlikeness(far, cloud_of(training)) > 10 * unlikeness(near, cloud_of(training))


def test_fewer_images_than_features_and_no_spread_at_all():
    rng = np.random.default_rng(0)
    assert np.isfinite(unlikeness(rng.normal(size=(3, 50)), cloud_of(rng.normal(size=(10, 50))))).all()
    assert np.isfinite(unlikeness(np.ones((1, 4)), cloud_of(np.ones((6, 4))))).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_is_as_unlike_as_can_be(broken):
    cloud = cloud_of(np.random.default_rng(0).normal(size=(9, 3)))
    assert unlikeness(np.array([[0, broken, 0]]), cloud).tolist() == [np.inf]


def test_the_limit_is_kept_by_its_share():
    scores = np.random.default_rng(0).random(200)
    assert (scores <= limit_of(scores, 0.99)).mean() == 0.99
    assert limit_of(scores[:10], 0.99) == scores[:10].max()
