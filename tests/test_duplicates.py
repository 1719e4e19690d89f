"""Near-duplicates: correlation, pairs, groups and conflicts by hand; then BUSI's own."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from busilib.data import duplicates
from busilib.data.busi.fingerprint import read_facts, read_table

# Same picture, different label: what is published about BUSI, and what correlation finds at 0.95.
CONFLICTS = [
    {"benign (42)", "benign (131)", "malignant (51)"},
    {"benign (85)", "benign (164)", "malignant (52)"},
    {"benign (269)", "normal (1)"},
    {"benign (333)", "malignant (77)"},
    {"benign (399)", "malignant (93)"},
    {"benign (433)", "benign (435)", "malignant (145)"},
    {"benign (437)", "normal (34)"},
]
PAIRS = [
    ("benign (433)", "malignant (145)", 0.99),
    ("benign (131)", "benign (42)", 0.99),
    ("benign (131)", "malignant (51)", 0.99),
    ("benign (42)", "malignant (51)", 0.99),
    ("benign (399)", "malignant (93)", 0.99),
    ("benign (269)", "normal (1)", 0.99),
    ("benign (437)", "normal (34)", 0.99),
    ("benign (85)", "malignant (52)", 0.95),
    ("benign (164)", "malignant (52)", 0.95),
    ("benign (333)", "malignant (77)", 0.95),
    ("benign (435)", "malignant (145)", 0.95),
]


def at_angle(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: the correlation of two is the cosine of the angle between them."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_thumbnail_correlates_as_it_should():
    image = np.random.default_rng(0).integers(40, 200, (90, 120), dtype=np.uint8)
    vector = duplicates.thumbnail(image)
    assert vector.shape == (4096,) and vector.dtype == np.float32
    assert vector.mean() == pytest.approx(0, abs=1e-6) and vector @ vector == pytest.approx(1, abs=1e-5)
    assert vector @ duplicates.thumbnail(255 - image) == pytest.approx(-1, abs=1e-4)
    assert vector @ duplicates.thumbnail(image // 2 + 60) > 0.999  # brightness and contrast do not matter
    assert not duplicates.thumbnail(np.full((50, 50), 9, np.uint8)).any()


def test_thumbnail_does_not_depend_on_the_size():
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))
    small, large = (
        duplicates.thumbnail(np.asarray(smooth.resize(size, Image.Resampling.BICUBIC)))
        for size in ((200, 160), (500, 400))
    )
    assert small @ large > 0.999


def test_pairs_by_hand():
    pairs = duplicates.pairs_above(at_angle(0, 90, 10, 85), 0.95)  # cos 10° = 0.985, cos 5° = 0.996
    assert pairs[["first", "second"]].to_numpy().tolist() == [[1, 3], [0, 2]]
    assert pairs["correlation"].tolist() == pytest.approx([0.99619, 0.98481], abs=1e-4)
    assert duplicates.pairs_above(at_angle(0, 90, 10, 85), 0.999).empty
    assert duplicates.pairs_above(at_angle(0), 0.5).empty


def test_groups_follow_chains():
    # 0–2–4 is a chain whose ends do not correlate themselves; 1 and 5 are a pair; 3 is alone.
    pairs = pd.DataFrame({"first": [0, 2, 1], "second": [2, 4, 5]})
    assert duplicates.group_pairs(pairs, 6).tolist() == [0, 1, 0, 2, 0, 1]
    none = pd.DataFrame({"first": [], "second": []}, dtype=int)
    assert duplicates.group_pairs(none, 3).tolist() == [0, 1, 2]


def test_threshold_counts_by_hand():
    counts = duplicates.threshold_counts(at_angle(0, 10, 20, 90, 95), [0.98, 0.99, 0.999])
    assert counts.to_numpy().tolist() == [[0.98, 3, 2, 5], [0.99, 1, 1, 2], [0.999, 0, 0, 0]]


def test_label_conflicts_by_hand():
    groups, labels = np.array([0, 1, 0, 2, 2]), np.array([0, 0, 1, 2, 2])
    assert duplicates.label_conflicts(groups, labels).tolist() == [True, False, True, False, False]


def test_phantoms_have_their_pairs(phantom):
    groups = phantom.table.groupby("group")["id"].apply(set)
    assert [ids for ids in groups if len(ids) > 1] == [
        {"benign (1)", "benign (12)"},
        {"benign (11)", "malignant (7)"},
        {"malignant (1)", "malignant (8)"},
        {"normal (1)", "normal (6)"},
    ]
    assert set(phantom.ids[phantom.table["label_conflict"]]) == {"benign (11)", "malignant (7)"}


def test_shipped_table_has_busis_groups():
    table = read_table()
    sizes = table.groupby("group").size()
    assert (sizes > 1).sum() == 127 and sizes[sizes > 1].sum() == 292
    conflicts = table[table["label_conflict"]].groupby("group")["id"].apply(set)
    assert conflicts.tolist() == CONFLICTS


@pytest.mark.parametrize(("first", "second", "threshold"), PAIRS)
def test_published_pairs_share_a_group_in_the_shipped_table(first, second, threshold):
    table = read_table().set_index("id")
    assert table.loc[first, "group"] == table.loc[second, "group"]
    assert table.loc[[first, second], "label_conflict"].all()


def test_shipped_groups_are_numbered_in_order_of_appearance():
    groups = read_table()["group"]
    assert groups.drop_duplicates().tolist() == list(range(groups.nunique()))


@pytest.fixture(scope="module")
def facts(busi_dir):
    return read_facts(busi_dir)[0]


@pytest.mark.slow
def test_busi_counts_at_two_thresholds(facts):
    thumbnails = np.stack([each.thumbnail for each in facts])
    counts = duplicates.threshold_counts(thumbnails, [0.95, 0.99])
    assert counts.to_numpy().tolist() == [[0.95, 209, 127, 292], [0.99, 84, 60, 135]]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second", "threshold"), PAIRS)
def test_busi_pairs_are_found(facts, first, second, threshold):
    vectors = {each.id: each.thumbnail for each in facts}
    assert vectors[first] @ vectors[second] > threshold


@pytest.mark.slow
def test_busi_pairs_are_among_the_pairs_and_in_one_group(facts):
    ids = [each.id for each in facts]
    found = duplicates.pairs_above(np.stack([each.thumbnail for each in facts]))
    named = {frozenset((ids[i], ids[j])) for i, j in found[["first", "second"]].to_numpy()}
    assert {frozenset(pair[:2]) for pair in PAIRS} <= named
    groups = dict(zip(ids, duplicates.group_pairs(found, len(ids)), strict=True))
    assert all(groups[first] == groups[second] for first, second, _ in PAIRS)
    assert list(groups.values()) == read_table()["group"].tolist()


@pytest.mark.slow
def test_busi_433_is_malignant_145(facts):
    hashes = {each.id: each.image_sha256 for each in facts}
    assert hashes["benign (433)"] == hashes["malignant (145)"]
