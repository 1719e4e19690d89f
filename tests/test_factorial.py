"""Shapley values by hand, by their axioms and by all 24 orders; the study of every combination; its page."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.metrics.factorial import (
    COMBINATIONS,
    EVERY,
    MISTAKES,
    NONE,
    combination,
    factorial_metrics,
    shapley_weights,
)
from busilib.pages import every_order
from busilib.studies import ladder
from busilib.studies.context import Context
from busilib.studies.factorial import ladder_factorial
from busilib.studies.ladder import COPIES, divided
from busilib.training.augmentation import R2
from busilib.training.copies import with_copies

NAMES = [combination(made) for made in COMBINATIONS]


def answers(right: dict[str, int], n: int = 20) -> pd.DataFrame:
    """A table in which so many of n answers are right under each combination."""
    columns = {name: np.where(np.arange(n) < right[name], "benign", "normal") for name in NAMES}
    return pd.DataFrame({"true": "benign", **columns}, index=range(n))


# The figures


def test_there_are_sixteen_combinations_named_once():
    assert len(set(NAMES)) == 16 and NAMES[0] == NONE == "none" and NAMES[-1] == EVERY


def test_mistakes_that_add_up_are_worth_what_they_add():
    worth = dict(zip(MISTAKES, (1, 2, 3, 5), strict=True))
    made = {combination(each): 4 + sum(worth[name] for name in each) for each in COMBINATIONS}
    found = factorial_metrics(answers(made))
    for name, count in worth.items():
        for part in ("shapley", "alone", "last"):
            assert found[f"{part}:{name}"] == pytest.approx(count / 20)
    assert found["inflation"] == pytest.approx(11 / 20)
    assert (found[f"accuracy:{NONE}"], found[f"accuracy:{EVERY}"]) == pytest.approx((4 / 20, 15 / 20))


def test_two_mistakes_that_work_only_together_share_alike():
    """Copies leak only where images are divided one by one: 8 of 20, and 4 for each."""
    made = {combination(each): 5 + 8 * ({"copies_first", "image_wise"} <= set(each)) for each in COMBINATIONS}
    found = factorial_metrics(answers(made))
    for name in ("copies_first", "image_wise"):
        assert found[f"shapley:{name}"] == pytest.approx(4 / 20)
        assert (found[f"alone:{name}"], found[f"last:{name}"]) == pytest.approx((0, 8 / 20))
        assert found[f"company:{name}"] == pytest.approx(8 / 20)
    assert (found["shapley:peeking"], found["shapley:true_mask"]) == pytest.approx((0, 0))


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(0, 20), min_size=16, max_size=16))
def test_it_is_the_mean_over_all_orders(counts):
    made = dict(zip(NAMES, counts, strict=True))
    found = factorial_metrics(answers(made))
    orders = list(permutations(MISTAKES))
    for name in MISTAKES:
        gains = []
        for order in orders:
            before = order[: order.index(name)]
            gains.append(made[combination([*before, name])] - made[combination(before)])
        assert found[f"shapley:{name}"] == pytest.approx(np.mean(gains) / 20)
    assert sum(found[f"shapley:{name}"] for name in MISTAKES) == pytest.approx(found["inflation"])


def test_weights_of_combinations_balance():
    for name in MISTAKES:
        weights = shapley_weights(name)
        assert sum(weights.values()) == pytest.approx(0)
        assert sum(value for value in weights.values() if value > 0) == pytest.approx(1)


# The study


@pytest.fixture(scope="module")
def many(phantom):
    return with_copies(phantom, R2, COPIES)


@pytest.mark.parametrize("copies_first", [False, True])
@pytest.mark.parametrize("image_wise", [False, True])
def test_who_trains_and_who_tests(copies_first, image_wise, phantom, many):
    n, tested = len(phantom), []
    original = np.arange(len(many)) % n
    for fold in range(5):
        train, validation, test = divided(phantom, many, copies_first, image_wise, fold, seed=0)
        assert (test < n).all() and not set(train) & (set(validation) | set(test))
        tested += test.tolist()
        own = np.isin(original[train], test)
        assert own.any() == (copies_first and image_wise)  # a copy of a test image trains: by both alone
        if not image_wise:
            assert not set(many.groups[train]) & set(many.groups[test])
    assert sorted(tested) == list(range(n))


def knowing_faces(phantom, wobble: float):
    """Features that know an image by its face, and nothing of its class."""
    rng = np.random.default_rng(0)
    face = rng.normal(size=(len(phantom), 40))

    def features(images):
        times = len(images) // len(face)
        return np.concatenate([face + wobble * rng.normal(size=face.shape) for _ in range(times)])

    return features


@pytest.mark.slow
def test_who_knows_faces_alone_gains_by_copies_divided_one_by_one(phantom, monkeypatch):
    monkeypatch.setattr(ladder, "eye", lambda *_: knowing_faces(phantom, wobble=0.01))
    study = ladder_factorial(Context("smoke", phantom, weights="none"))
    found = {key: one["value"] for key, one in study.metrics("every combination").items()}
    both, copies = combination(["copies_first", "image_wise"]), combination(["copies_first"])
    assert found[f"accuracy:{both}"] > found[f"accuracy:{NONE}"] + 0.2
    assert found[f"accuracy:{copies}"] == pytest.approx(found[f"accuracy:{NONE}"], abs=0.1)
    assert sorted(study.predictions["id"]) == sorted(phantom.ids)
    assert set(NAMES) <= set(study.predictions)


@pytest.mark.slow
def test_rungs_of_the_ladder_are_some_of_the_combinations(phantom, monkeypatch):
    monkeypatch.setattr(ladder, "eye", lambda *_: knowing_faces(phantom, wobble=0))
    context = Context("smoke", phantom, weights="none")
    rungs = ladder.ladder_classification(context)
    every = ladder_factorial(context).metrics("every combination")
    for rung in ladder.CLASSIFICATION[:5]:
        made = combination([name for name in MISTAKES if getattr(rung, name)])
        accuracy = rungs.metrics(rung.name)["accuracy"]["value"]
        assert every[f"accuracy:{made}"]["value"] == pytest.approx(accuracy)


# What the page tells


def figure(value, half=0.01):
    return {"value": value, "low": value - half, "high": value + half, "n": 780, "seeds": 10, "sd": 0.004}


def test_the_page_names_what_depends_on_company():
    parts = ("shapley", "alone", "last", "company")
    metrics = {
        f"{part}:{name}": figure(0.0 if part == "company" else 0.05) for part in parts for name in MISTAKES
    }
    assert every_order.depends(metrics).startswith("No mistake")
    metrics["company:copies_first"] = figure(0.05)
    told = every_order.depends(metrics)
    assert told.startswith("The company counts: *copies first* is worth +0.050")
    assert told.count("is worth") == 1


def test_the_most_costly_comes_first():
    metrics = {f"shapley:{name}": figure(0.1 * place) for place, name in enumerate(MISTAKES)}
    assert every_order.by_worth(metrics) == list(MISTAKES)[::-1]
