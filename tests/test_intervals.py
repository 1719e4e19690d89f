"""Bootstrap intervals: groups are drawn whole, and the intervals are as wide as they should be."""

import numpy as np
import pandas as pd
import pytest

from busilib.metrics.figure import Figure, above, below, limits
from busilib.metrics.intervals import (
    FEWEST_GROUPS,
    FEWEST_IMAGES,
    group_weights,
    mean_interval,
    unless_alike,
    with_interval,
)


def width(figure: dict) -> float:
    return figure["high"] - figure["low"]


def bounds(figure: dict) -> tuple[float, float]:
    return figure["low"], figure["high"]


def one_draw_at_a_time(groups, draws: int, seed: int):
    """The rows of each draw, one after the other, as the first version of this package drew them."""
    rng = np.random.default_rng(seed)
    members = list(pd.Series(np.arange(len(groups))).groupby(np.asarray(groups)).indices.values())
    for _ in range(draws):
        yield np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])


# Weights


def test_every_draw_takes_whole_groups():
    """Groups of 1, 2 and 3 rows: each draw has three groups, and each with all its rows."""
    weights = group_weights(np.array([5, 9, 9, 2, 2, 2]), draws=100)
    assert (weights[:, 1] == weights[:, 2]).all() and (weights[:, 3:] == weights[:, 3:4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert {*weights.sum(axis=1)} >= {3, 6, 9}


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_how_often_a_loop_over_draws_takes_each_row(seed):
    groups = np.random.default_rng(seed).integers(0, 40, 100)
    expected = [np.bincount(rows, minlength=100) for rows in one_draw_at_a_time(groups, 30, seed)]
    assert (group_weights(groups, 30, seed) == expected).all()


def test_same_seed_same_draws():
    first, second, other = (group_weights(np.arange(30), 20, seed) for seed in (4, 4, 5))
    assert (first == second).all() and (first != other).any()


def test_names_of_the_groups_do_not_matter():
    groups = np.arange(30) // 2
    assert (group_weights(groups, 50) == group_weights(groups * 1000 + 3, 50)).all()
    assert (group_weights(groups, 50) == group_weights([f"g{number:02}" for number in groups], 50)).all()


# Intervals


def test_constant_values_have_no_width():
    assert bounds(mean_interval(np.full(20, 3.0), np.arange(20), draws=50)) == (3.0, 3.0)


def test_width_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(size=400)
    found = mean_interval(values, np.arange(400), draws=2000)
    expected = 1.96 * values.std() / np.sqrt(400)
    assert bounds(found) == pytest.approx((values.mean() - expected, values.mean() + expected), abs=0.01)


def test_coverage_is_near_95_percent():
    """A coin of 0.3, thrown 60 times, 400 times over: the interval should hold 0.3 in about 380 of them."""
    rng = np.random.default_rng(2)
    found = [mean_interval(rng.random(60) < 0.3, np.arange(60), 300, seed) for seed in range(400)]
    assert 0.91 <= np.mean([low <= 0.3 <= high for low, high in map(bounds, found)]) <= 0.98


def test_copies_in_one_group_do_not_narrow_the_interval():
    """Each image three times: by image the interval shrinks by √3, by group it stays as wide as it was."""
    values = np.random.default_rng(3).normal(size=50)
    honest = width(mean_interval(np.repeat(values, 3), np.repeat(np.arange(50), 3)))
    naive = width(mean_interval(np.repeat(values, 3), np.arange(150)))
    assert honest == pytest.approx(width(mean_interval(values, np.arange(50))))
    assert honest / naive == pytest.approx(np.sqrt(3), rel=0.1)


def test_draws_without_the_figure_are_passed_over():
    samples = np.array([np.nan, 5.0, np.nan, 7.0])
    assert with_interval(6.0, samples, np.arange(20)) == Figure(6.0, 5.05, 6.95, 20)
    assert with_interval(6.0, samples * np.nan, np.arange(20)).why == "no draw has it"


# Too few


def test_too_few_images_have_no_interval_but_a_reason():
    samples = np.ones(100)
    assert with_interval(1.0, samples, np.arange(3)) == Figure(1.0, None, None, 3, why="3 images")
    assert with_interval(1.0, samples, np.arange(1), n=9, images="images called normal") == Figure(
        1.0, None, None, 9, why="1 image called normal"
    )
    assert with_interval(1.0, samples, np.arange(FEWEST_IMAGES)).low == 1.0
    assert with_interval(1.0, samples, np.arange(FEWEST_IMAGES - 1)).low is None


def test_too_few_groups_have_no_interval_but_a_reason():
    samples = np.ones(100)
    assert with_interval(1.0, samples, np.arange(20) // 5, images="normal images").why == (
        "normal images of 4 groups"
    )
    assert with_interval(1.0, samples, np.arange(20) % FEWEST_GROUPS).low == 1.0


def test_five_groups_are_missed_by_fewer_than_one_draw_in_a_hundred():
    weights = group_weights(np.arange(200), draws=20000)
    assert (weights[:, :FEWEST_GROUPS].sum(axis=1) == 0).mean() < 0.01


# Figures


@pytest.mark.parametrize(
    "figure",
    [
        Figure(0.5, 0.25, 0.75, 40),
        Figure(0.5, 0.25, 0.75, 40, sd=0.0, seeds=3),
        Figure(1.0, None, None, 3, why="3 images"),
    ],
)
def test_a_figure_goes_to_json_and_back(figure):
    assert Figure.from_dict(figure.to_dict()) == figure


def test_of_one_seed_json_holds_what_it_always_did():
    assert Figure(1 / 3, 0.25, 0.75, 40).to_dict() == {
        "value": 0.33333333,
        "low": 0.25,
        "high": 0.75,
        "n": 40,
    }


def test_what_is_said_of_an_interval():
    one, none = Figure(0.5, 0.25, 0.75, 40).to_dict(), Figure(1.0, None, None, 3, why="3 images").to_dict()
    assert (limits(one), limits(one, "+.1f", " to ")) == ("0.25–0.75", "+0.2 to +0.8")
    assert limits(none) == "no interval: 3 images"
    assert above(one) and above(one, 0.2) and not above(one, 0.3) and below(one, 0.8) and not below(one, 0.7)
    assert not above(none) and not below(none, 2)


def test_a_share_that_is_the_same_in_every_draw_has_the_exact_interval_and_others_none():
    """None of 30 groups: the upper end is 1 − 0.025^(1/30)."""
    groups = np.arange(30)
    none = Figure(0.0, 0.0, 0.0, 30)
    found = unless_alike(none, groups, share=True)
    assert (found.low, found.high) == (0, pytest.approx(1 - 0.025 ** (1 / 30)))
    assert unless_alike(none, groups).low is None and unless_alike(none, groups).why
    varying = Figure(0.5, 0.4, 0.6, 30)
    assert unless_alike(varying, groups, share=True) == varying
