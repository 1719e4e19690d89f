"""Repeated differences: the t of the textbook where nothing is shared, and right as often as promised."""

import numpy as np
import pytest
from scipy import stats

from busilib.metrics.repeats import repeated_difference

VALUES = [0.05, 0.07, 0.06, 0.08, 0.01]


def test_without_the_correction_it_is_the_t_test():
    found, told = repeated_difference(VALUES, 0), stats.ttest_1samp(VALUES, 0)
    assert found["value"] == pytest.approx(np.mean(VALUES)) and found["n"] == 5
    assert found["p"] == pytest.approx(told.pvalue)
    assert [found["low"], found["high"]] == pytest.approx(list(told.confidence_interval()))


def test_the_correction_by_hand():
    plain, found = repeated_difference(VALUES, 0), repeated_difference(VALUES, 0.25)
    assert (found["high"] - found["low"]) / (plain["high"] - plain["low"]) == pytest.approx(
        np.sqrt(0.45 / 0.2)
    )


def test_repeats_that_share_images_are_judged_with_care():
    """Differences with a common part of that size: the plain t finds too much, the corrected one does not."""
    rng, share = np.random.default_rng(0), 0.25
    rho = share / (1 + share)
    drawn = np.sqrt(rho) * rng.standard_normal((4000, 1)) + np.sqrt(1 - rho) * rng.standard_normal((4000, 5))
    plain, corrected = (
        np.mean([repeated_difference(row, ratio)["p"] < 0.05 for row in drawn]) for ratio in (0, share)
    )
    assert plain > 0.1 and corrected == pytest.approx(0.05, abs=0.015)


def test_edges():
    assert repeated_difference([0.0, 0.0], 0.2)["p"] == 1
    assert repeated_difference([0.1, 0.1], 0.2)["p"] == 0
    with pytest.raises(ValueError, match="1 repeat"):
        repeated_difference([0.1], 0.2)
