"""Dice by lesion size and class: terciles by hand, means against a pandas pivot."""

import numpy as np
import pandas as pd
import pytest

from busilib.metrics.intervals import FEWEST_IMAGES
from busilib.metrics.segmentation import dice_per_image
from busilib.metrics.strata import dice_by_stratum, lesion_share, size_terciles

LESIONS = pd.DataFrame(
    {
        "true": ["benign", "malignant", "benign", "malignant", "benign", "malignant", "normal"],
        "tp": [1, 0, 6, 10, 30, 40, 0],
        "fp": [0, 3, 0, 0, 0, 10, 7],
        "fn": [1, 4, 0, 5, 0, 0, 0],
        "tn": [98, 93, 94, 85, 70, 50, 93],
    }
)
"""Lesion areas 2, 4, 6, 15, 30 and 40%; Dice 2/3, 0, 1, 0.8, 1 and 8/9; one normal image."""


def drawn(seed: int, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tp, fp, fn = rng.integers(0, 60, n), rng.integers(0, 30, n), rng.integers(1, 30, n)
    true = rng.choice(["benign", "malignant"], n)
    return pd.DataFrame({"true": true, "tp": tp, "fp": fp, "fn": fn, "tn": 200 - tp - fp - fn})


def test_share_is_that_of_the_reference():
    assert lesion_share(LESIONS).tolist() == pytest.approx([0.02, 0.04, 0.06, 0.15, 0.3, 0.4, 0])


def test_terciles_of_six_lesions():
    assert size_terciles(LESIONS.iloc[:6]).tolist() == [
        "small",
        "small",
        "middle",
        "middle",
        "large",
        "large",
    ]


def test_equal_sizes_stay_together():
    same = LESIONS.iloc[[0, 0, 0, 4]]
    assert size_terciles(same).tolist() == ["small"] * 3 + ["large"]


def test_strata_by_hand():
    found = dice_by_stratum(LESIONS, np.arange(7), draws=50).set_index(["class", "size"])
    assert found.loc[("all lesions", "small"), "value"] == pytest.approx(1 / 3)
    assert found.loc[("all lesions", "small"), "missed"] == 0.5
    assert found.loc[("malignant", "small"), ["value", "n", "missed"]].tolist() == [0, 1, 1]
    assert found.loc[("benign", "all sizes"), "value"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert found.loc[("all lesions", "all sizes"), "n"] == 6
    assert "normal" not in found.index.get_level_values("class")


def test_an_empty_stratum_is_left_out():
    found = dice_by_stratum(LESIONS.iloc[[0, 2, 4, 5]], np.arange(4), draws=20)
    assert found.query("`class` == 'malignant'")["size"].tolist() == ["large", "all sizes"]


@pytest.mark.parametrize("seed", range(5))
def test_means_are_those_of_a_pandas_pivot(seed):
    table = drawn(seed)
    found = dice_by_stratum(table, np.arange(90), draws=20)
    share = (table["tp"] + table["fn"]) / 200
    size = pd.qcut(share, 3, labels=["small", "middle", "large"]).astype(str)
    expected = dice_per_image(table).groupby([table["true"], size]).agg(["mean", "size"])
    for (kind, third), (mean, count) in expected.iterrows():
        row = found[(found["class"] == kind) & (found["size"] == third)].iloc[0]
        assert (row["value"], row["n"]) == (pytest.approx(mean), count)


def test_intervals_hold_their_value_and_stand_on_groups():
    table = drawn(9)
    alone = dice_by_stratum(table, np.arange(90), draws=300)
    together = dice_by_stratum(table, np.arange(90) // 6, draws=300)
    for found in (alone, together):
        few = found["n"] < FEWEST_IMAGES
        assert found.loc[few, ["low", "high"]].isna().all(axis=None)
        within = found[~few]
        assert len(within) >= 8
        assert (within["low"] <= within["value"]).all() and (within["value"] <= within["high"]).all()
    assert alone["value"].equals(together["value"])
    assert not alone["low"].equals(together["low"])
