"""Splits: parts are disjoint and complete, near-duplicates stay together, classes keep their shares."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES, DataError
from busilib.data.splits import (
    FOLDS,
    REPEATS,
    ReportSplit,
    Split,
    check_folds,
    grouped_split,
    hold_out,
    leaked,
    random_split,
    repeated_folds,
)
from busilib.reports.registry import EXPERIMENTS

LABELS = np.repeat([0, 1, 2], [437, 210, 133])
SINGLE = {id: entry.report_split for id, entry in EXPERIMENTS.items() if entry.report_split.test}


@pytest.fixture(scope="module")
def busi():
    """Labels and groups of the real BUSI, from the shipped table."""
    table = read_table()
    return table["class"].map(CLASSES.index).to_numpy(), table["group"].to_numpy()


@st.composite
def labelled_groups(draw):
    """Labels and groups such as a folder may hold: pairs and triples, now and then across classes."""
    counts = [draw(st.integers(16, 24)) for _ in CLASSES]
    labels = np.repeat([0, 1, 2], counts)
    groups = np.arange(len(labels))
    for _ in range(draw(st.integers(0, 12))):
        first, second = (draw(st.integers(0, len(labels) - 1)) for _ in range(2))
        groups[groups == groups[second]] = groups[first]
    return labels, groups


def parts(split: Split) -> list[np.ndarray]:
    """The parts that must not overlap; where a report watched its test set, validation is no part."""
    own = [] if split.selected_on == "test" else [split.validation]
    return [split.train, *own, split.test, split.hold_out]


def assert_disjoint_and_complete(split: Split, n: int):
    assert np.array_equal(np.sort(np.concatenate(parts(split))), np.arange(n))
    for part in parts(split):
        assert part.dtype == np.int64 and np.array_equal(part, np.unique(part))


def assert_same(one: Split, other: Split):
    for name in ("train", "validation", "test", "hold_out"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


# --- grouped ----------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None, derandomize=True)
@given(labelled_groups(), st.integers(0, 2**31 - 1))
def test_grouped_splits(data, seed):
    labels, groups = data
    tests = []
    for fold in range(FOLDS):
        split = grouped_split(labels, groups, fold, seed)
        assert_disjoint_and_complete(split, len(labels))
        assert len(split.train) and len(split.validation) and len(split.test)
        of_part = [set(groups[part]) for part in (split.train, split.validation, split.test)]
        assert sum(map(len, of_part)) == len(set(groups))  # no group in two parts
        assert not leaked(groups, split).any()
        assert split.selected_on == "validation" and not len(split.hold_out)
        tests.append(split.test)
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(len(labels)))  # each image once
    assert_same(split, grouped_split(labels, groups, FOLDS - 1, seed))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(16, 40)] * 3), st.integers(0, FOLDS - 1), st.integers(0, 2**31 - 1))
def test_grouped_splits_are_stratified(counts, fold, seed):
    labels = np.repeat([0, 1, 2], counts)
    split = grouped_split(labels, np.arange(len(labels)), fold, seed)
    in_test = np.bincount(labels[split.test], minlength=3)
    assert (np.abs(in_test - np.array(counts) / FOLDS) < 2).all()


@pytest.mark.parametrize("fold", range(FOLDS))
def test_grouped_splits_of_busi(busi, fold):
    labels, groups = busi
    split = grouped_split(labels, groups, fold)
    assert_disjoint_and_complete(split, 780)
    assert not leaked(groups, split).any()
    for part, share in ((split.train, 0.7), (split.validation, 0.1), (split.test, 0.2)):
        expected = np.bincount(labels) * share
        assert (np.abs(np.bincount(labels[part]) - expected) <= 2).all()


def test_shipped_folds_can_be_made_again(busi):
    shipped = read_table()[[f"fold_{repeat}" for repeat in range(REPEATS)]].to_numpy()
    assert np.array_equal(shipped, repeated_folds(*busi))


@pytest.mark.slow
@pytest.mark.parametrize("repeat", range(REPEATS))
def test_shipped_folds_are_those_of_the_grouped_splits(busi, repeat):
    labels, groups = busi
    shipped = read_table()[f"fold_{repeat}"].to_numpy()
    for fold in range(FOLDS):
        test = grouped_split(labels, groups, fold, seed=repeat).test
        assert np.array_equal(np.flatnonzero(shipped == fold), test)


def test_shipped_folds_keep_groups_and_strata():
    table = read_table()
    columns = [f"fold_{repeat}" for repeat in range(REPEATS)]
    assert [name for name in table if name.startswith("fold")] == columns
    assert (table.groupby("group")[columns].nunique() == 1).all(axis=None)
    share = table["class"].value_counts() / FOLDS
    for column in columns:
        assert sorted(table[column].unique()) == list(range(FOLDS))
        counts = pd.crosstab(table["class"], table[column])
        assert (counts.sub(share, axis=0).abs() <= 2).all(axis=None)
    assert table[columns].T.drop_duplicates().shape[0] == REPEATS  # no two repeats are the same


@settings(max_examples=5, deadline=None, derandomize=True)
@given(labelled_groups())
def test_repeated_folds(data):
    labels, groups = data
    repeats = 2
    folds = repeated_folds(labels, groups, repeats)
    assert folds.shape == (len(labels), repeats) and folds.dtype == np.int64
    for repeat in range(repeats):
        column = pd.Series(folds[:, repeat])
        assert set(column) == set(range(FOLDS))
        assert (column.groupby(groups).nunique() == 1).all()
        for fold in range(FOLDS):
            test = grouped_split(labels, groups, fold, repeat).test
            assert np.array_equal(np.flatnonzero(column == fold), test)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**31 - 1))
def test_no_seed_separates_a_group_of_busi(seed):
    table = read_table()
    labels, groups = table["class"].map(CLASSES.index).to_numpy(), table["group"].to_numpy()
    split = grouped_split(labels, groups, fold=seed % FOLDS, seed=seed)
    of_part = [set(groups[part]) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, of_part)) == len(set.union(*of_part)) == len(set(groups))
    assert not leaked(groups, split).any()


def test_too_few_groups_for_repeated_folds():
    with pytest.raises(DataError, match="normal: 4 distinct"):
        repeated_folds(np.repeat([0, 1, 2], [9, 9, 4]), np.arange(22))


def test_another_seed_is_another_split():
    labels = np.repeat([0, 1, 2], 30)
    tests = [grouped_split(labels, np.arange(90), seed=seed).test for seed in (0, 1)]
    assert not np.array_equal(*tests)


# --- random, as the reports -------------------------------------------------------------------------------


def test_r2_has_702_and_78():
    split = random_split(LABELS, EXPERIMENTS["r2-cnn"].report_split, per_class=20)
    assert (len(split.train), len(split.test), len(split.hold_out)) == (702, 78, 0)
    assert split.selected_on == "test" and np.array_equal(split.validation, split.test)
    assert np.bincount(LABELS[split.test]).tolist() == [44, 21, 13]
    assert_disjoint_and_complete(split, 780)


def test_r1_unet_holds_out_60_and_tests_50():
    split = random_split(LABELS, EXPERIMENTS["r1-unet"].report_split, per_class=20)
    assert np.bincount(LABELS[split.hold_out]).tolist() == [20, 20, 20]
    assert len(split.test) == 50 and split.selected_on == "validation"
    assert len(split.train) + len(split.validation) == 670
    assert_disjoint_and_complete(split, 780)


def test_r1_densenet_has_five_folds_of_144():
    plan = EXPERIMENTS["r1-densenet121"].report_split
    splits = [random_split(LABELS, plan, per_class=20, fold=fold) for fold in range(5)]
    assert [len(split.test) for split in splits] == [144] * 5
    for split in splits:
        assert_disjoint_and_complete(split, 780)
        assert np.array_equal(split.hold_out, splits[0].hold_out)
        assert (np.abs(np.bincount(LABELS[split.test]) - np.array([417, 190, 113]) / 5) < 1).all()
    everything = np.concatenate([split.test for split in splits] + [splits[0].hold_out])
    assert np.array_equal(np.sort(everything), np.arange(780))


def test_both_systems_of_r1_hold_out_the_same_images():
    held = [
        random_split(LABELS, EXPERIMENTS[id].report_split, per_class=20, seed=5).hold_out
        for id in ("r1-unet", "r1-densenet121")
    ]
    assert np.array_equal(*held)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(24, 60)] * 3), st.integers(0, 2**31 - 1), st.sampled_from(list(SINGLE)))
def test_random_splits(counts, seed, id):
    labels = np.repeat([0, 1, 2], counts)
    split = random_split(labels, SINGLE[id], per_class=3, seed=seed)
    assert_disjoint_and_complete(split, len(labels))
    rest = np.array(counts) - 3 * SINGLE[id].hold_out
    in_test = np.bincount(labels[split.test], minlength=3)
    assert (np.abs(in_test - rest * len(split.test) / rest.sum()) <= 1).all()
    assert_same(split, random_split(labels, SINGLE[id], per_class=3, seed=seed))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(4, 50)] * 3), st.integers(1, 3), st.integers(0, 2**31 - 1))
def test_hold_out(counts, per_class, seed):
    labels = np.repeat([0, 1, 2], counts)
    held, rest = hold_out(labels, per_class, seed)
    assert np.bincount(labels[held]).tolist() == [per_class] * 3
    assert np.array_equal(np.sort(np.concatenate([held, rest])), np.arange(len(labels)))
    assert np.array_equal(held, hold_out(labels, per_class, seed)[0])


def test_random_splits_of_busi_leak(busi):
    labels, groups = busi
    split = random_split(labels, EXPERIMENTS["r2-cnn"].report_split, per_class=20)
    assert leaked(groups, split).sum() > 10


def test_leaked_by_hand():
    nothing = np.array([], np.int64)
    split = Split(np.array([0, 3]), nothing, np.array([1, 2, 4]), nothing)
    assert leaked(np.array([0, 0, 1, 2, 2]), split).tolist() == [True, False, True]


# --- too few images ---------------------------------------------------------------------------------------


def test_fewer_images_than_folds():
    labels = np.repeat([0, 1, 2], [9, 9, 4])
    with pytest.raises(DataError, match=r"normal: 4 distinct image.*fewer than the 5 folds.*add images"):
        grouped_split(labels, np.arange(22))
    with pytest.raises(DataError, match=r"normal: 4 distinct image.*fewer than the 5 folds"):
        random_split(labels, ReportSplit(folds=5), per_class=0)


def test_copies_count_once_for_folds():
    labels, groups = np.repeat([0, 1, 2], 6), np.arange(18)
    check_folds(labels, groups, 6)
    groups[[0, 1]] = 0
    with pytest.raises(DataError, match="benign: 5 distinct"):
        check_folds(labels, groups, 6)


def test_too_few_to_hold_out():
    with pytest.raises(DataError, match=r"malignant: 3 image.*cannot hold out 3"):
        hold_out(np.repeat([0, 1, 2], [9, 3, 9]), 3, seed=0)


@pytest.mark.parametrize("counts", [(9, 9, 1), (3, 3, 3)])
def test_too_few_to_split_at_random(counts):
    labels = np.repeat([0, 1, 2], counts)
    with pytest.raises(DataError, match=rf"too few images to split: {counts[0]} benign.*Add images"):
        random_split(labels, ReportSplit(test=0.1), per_class=0)
