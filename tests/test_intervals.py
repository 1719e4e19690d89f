"""Bootstrap intervals: groups are drawn whole, and the intervals are as wide as they should be."""

import numpy as np
import pandas as pd
import pytest

from busilib.metrics.intervals import bootstrap


def mean(table: pd.DataFrame) -> dict[str, float]:
    return {"mean": float(table["value"].mean())}


def frame(values) -> pd.DataFrame:
    return pd.DataFrame({"value": np.asarray(values, float)})


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_constant_values_have_no_width():
    assert bootstrap(mean, frame([3.0] * 20), np.arange(20), draws=50)["mean"] == (3.0, 3.0)


def test_one_group_has_no_width():
    values = np.arange(10)
    assert bootstrap(mean, frame(values), np.zeros(10, int), draws=50)["mean"] == (4.5, 4.5)


def test_one_image_has_no_width():
    assert bootstrap(mean, frame([2.0]), np.array([7]), draws=10)["mean"] == (2.0, 2.0)


def test_every_draw_takes_whole_groups():
    """Groups of 1, 2 and 3 rows: each sample has three groups, and each with all its rows."""
    groups = np.array([5, 9, 9, 2, 2, 2])
    seen = []

    def note(table):
        seen.append(table.index.to_numpy())
        return {"rows": float(len(table))}

    bootstrap(note, frame(np.zeros(6)), groups, draws=100)
    for rows in seen:
        counts = np.bincount(rows, minlength=6)
        assert counts[1] == counts[2] and counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3
    assert {len(rows) for rows in seen} >= {3, 6, 9}


def test_same_seed_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    first, second, other = (
        bootstrap(mean, frame(values), np.arange(30), draws=200, seed=seed) for seed in (4, 4, 5)
    )
    assert first == second != other


def test_names_of_the_groups_do_not_matter():
    values = np.random.default_rng(0).normal(size=30)
    groups = np.arange(30) // 2
    assert bootstrap(mean, frame(values), groups, draws=100) == bootstrap(
        mean, frame(values), groups * 1000 + 3, draws=100
    )


def test_a_shuffled_index_does_not_matter():
    values = np.random.default_rng(0).normal(size=30)
    table = frame(values).set_axis(np.arange(30)[::-1] * 2)
    assert bootstrap(mean, table, np.arange(30)) == bootstrap(mean, frame(values), np.arange(30))


def test_width_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(mean, frame(values), np.arange(400), draws=2000)["mean"]
    expected = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - expected, abs=0.01)
    assert high == pytest.approx(values.mean() + expected, abs=0.01)


def test_coverage_is_near_95_percent():
    """A coin of 0.3, thrown 60 times, 150 times over: the interval should hold 0.3 in about 142 of them."""
    rng = np.random.default_rng(2)

    def share(table):
        return {"share": float(table["value"].to_numpy().mean())}

    hits = 0
    for trial in range(150):
        throws = (rng.random(60) < 0.3).astype(float)
        low, high = bootstrap(share, frame(throws), np.arange(60), draws=100, seed=trial)["share"]
        hits += low <= 0.3 <= high
    assert 0.89 <= hits / 150 <= 0.99


def test_copies_in_one_group_do_not_narrow_the_interval():
    """Each image three times: by image the interval shrinks by √3, by group it stays as wide as it was."""
    values = np.random.default_rng(3).normal(size=50)
    copies = frame(np.repeat(values, 3))
    honest = width(bootstrap(mean, copies, np.repeat(np.arange(50), 3))["mean"])
    naive = width(bootstrap(mean, copies, np.arange(150))["mean"])
    single = width(bootstrap(mean, frame(values), np.arange(50))["mean"])
    assert honest == pytest.approx(single)
    assert honest / naive == pytest.approx(np.sqrt(3), rel=0.1)


def test_a_figure_that_a_sample_lacks_is_left_out_of_that_sample():
    """Rare class: some samples miss it; the interval rests on those that have it."""
    table = pd.DataFrame({"value": [1.0] * 9 + [5.0], "rare": [False] * 9 + [True]})

    def rare(sample):
        return {"rare": float(sample.loc[sample["rare"], "value"].mean())}

    assert bootstrap(rare, table, np.arange(10), draws=60)["rare"] == (5.0, 5.0)


def test_a_figure_that_no_sample_has_is_nan():
    def never(_):
        return {"never": float("nan")}

    low, high = bootstrap(never, frame([1, 2]), np.arange(2), draws=5)["never"]
    assert np.isnan(low) and np.isnan(high)
