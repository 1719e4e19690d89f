"""Outlines as polygons: drawn back they are the masks; those of BUSI that are shipped can be made again."""

import json
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from busilib.data.busi.catalog import scan
from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.outlines import (
    EXTREMES,
    OF_EACH,
    chosen,
    make,
    outline_of,
    outlines_json,
    read_outlines,
    read_outlines_text,
    solidity,
)
from busilib.data.images import decode
from busilib.data.polygons import KEPT, filled, rings_of

SHIPPED = files("busilib.data.busi").joinpath("outlines.json")


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def blob(seed: int, shape=(96, 128), width: float = 5, threshold: float = 0.02) -> np.ndarray:
    """Some smooth pieces, with holes and cut off at the edges."""
    return gaussian_filter(np.random.default_rng(seed).normal(size=shape), width) > threshold


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 5.0]))
def test_an_outline_drawn_back_is_the_mask(seed, width):
    mask = blob(seed, width=width, threshold=0.25 / width / np.sqrt(4 * np.pi))
    assert iou(filled(rings_of(mask), mask.shape), mask) >= KEPT


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_lesions_are_kept(size):
    mask = np.zeros((128, 128), bool)
    mask[40 : 40 + size, 60 : 60 + size] = True
    assert (filled(rings_of(mask), mask.shape) == mask).all()


def test_a_hole_and_a_second_piece_are_rings_of_their_own():
    mask = np.zeros((60, 80), bool)
    mask[5:45, 10:50] = True
    mask[15:30, 20:35] = False
    mask[50:58, 60:75] = True
    rings = rings_of(mask)
    assert len(rings) == 3
    assert iou(filled(rings, mask.shape), mask) >= KEPT


def test_all_and_nothing():
    assert rings_of(np.zeros((8, 8), bool)) == []
    assert not filled([], (8, 8)).any()
    whole = np.ones((8, 10), bool)
    assert filled(rings_of(whole), whole.shape).all()


def test_corners_are_fractions_so_an_outline_fits_any_size():
    mask = np.zeros((100, 200), bool)
    mask[25:75, 50:150] = True
    rings = rings_of(mask)
    assert np.min(rings) >= 0 and np.max(rings) <= 1
    assert filled(rings, (40, 40)).mean() == pytest.approx(0.25, abs=0.01)


def test_shipped_outlines_are_small_and_say_where_they_come_from():
    assert len(SHIPPED.read_bytes()) <= 60_000
    about = json.loads(SHIPPED.read_text(encoding="utf-8"))["about"]
    assert "10.1016/j.dib.2019.104863" in about["source"] and about["chosen"] and about["made by"]


def test_shipped_outlines_are_those_of_the_rule():
    outlines = read_outlines()
    labels = [outline.label for outline in outlines]
    assert labels == ["benign"] * OF_EACH + ["malignant"] * OF_EACH
    table = read_table().set_index("id")
    members = table.loc[[outline.id for outline in outlines]]
    assert (members["class"] == labels).all()
    assert (members["width"] == [outline.width for outline in outlines]).all()
    assert (members["height"] == [outline.height for outline in outlines]).all()
    assert not members[~members["label_conflict"]].duplicated("group").any()
    assert (members["fold_0"].value_counts() >= 3).all() and members["fold_0"].nunique() == 5
    lesions = table[table["class"] != "normal"]
    contradicted = lesions.groupby("group")["class"].transform("nunique") > 1
    assert set(lesions.index[contradicted]) <= set(members.index)
    assert outline_of("malignant (51)").label == "malignant"


def test_the_rule_takes_ends_and_an_even_spread():
    rows = [
        {"id": f"{name} ({n})", "class": name, "group": 100 * label + n, "solidity": 1 - n / 100, "share": n}
        for label, name in enumerate(("benign", "malignant"))
        for n in range(60)
    ]
    found = chosen(pd.DataFrame(rows))
    assert len(found) == 2 * OF_EACH
    ends = [*range(EXTREMES), *range(60 - EXTREMES, 60)]
    assert {f"benign ({n})" for n in ends} <= set(found)
    assert found[0] == "benign (0)" and found[OF_EACH - 1] == "benign (59)"


def test_outlines_are_written_and_read_back():
    first = read_outlines()[0]
    (again,) = read_outlines_text(outlines_json([first], {"what": "one"}))
    assert vars(again) == vars(first)


def test_solidity_of_a_notched_square():
    mask = np.ones((10, 10), bool)
    mask[3:7, 5:] = False
    assert solidity(mask) == pytest.approx(0.8)


def test_shipped_outlines_can_be_made_again(busi_dir):
    assert make(busi_dir) == SHIPPED.read_text(encoding="utf-8")


def test_shipped_outlines_are_the_drawn_masks(busi_dir):
    masks = {entry.id: entry for entry in scan(busi_dir)[0]}
    for outline in read_outlines():
        mask = decode(masks[outline.id]).mask
        assert iou(filled(outline.rings, mask.shape), mask) >= KEPT, outline.id
