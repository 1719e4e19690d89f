"""Context controls: boxes and placebos by hand, what is compared with what, planted signs are found."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from busilib.data.busi.outlines import read_outlines
from busilib.pages import figures, surroundings
from busilib.studies import context_controls as around
from busilib.studies.context import Context
from busilib.studies.context_controls import (
    BOX,
    MARGINS,
    ONLY,
    OUT,
    PLACEBO,
    context_views,
    name_of,
    placebo_boxes,
    with_gaps,
)
from busilib.studies.controls import WHOLE, grown_box, lesion_boxes
from busilib.studies.records import read_study, write_study


def box_at(side: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """Its last row and column are inside."""
    box = np.zeros((side, side), bool)
    box[top : bottom + 1, left : right + 1] = True
    return box


def corners(box: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(box)
    return [rows.min(), columns.min(), rows.max(), columns.max()]


# Boxes


def test_a_box_grows_by_a_share_of_the_side_and_is_cut_at_the_edges():
    mask = np.zeros((20, 20), bool)
    mask[3, 5] = mask[9, 12] = True  # two pixels, a box between them
    assert corners(grown_box(mask, 0)) == [3, 5, 9, 12]
    assert corners(grown_box(mask, 0.1)) == [1, 3, 11, 14]
    assert corners(grown_box(mask, 0.2)) == [0, 1, 13, 16]
    assert corners(grown_box(mask, 0.5)) == [0, 0, 19, 19]
    for margin in (0, 0.1, 0.2):
        box = grown_box(mask, margin)
        top, left, bottom, right = corners(box)
        assert box.sum() == (bottom - top + 1) * (right - left + 1)


def test_a_normal_image_borrows_from_the_same_lender_at_every_margin(phantom):
    own = lesion_boxes(phantom, 3, 0)
    for margin in MARGINS:
        grown = np.stack([grown_box(box, margin) for box in own])
        np.testing.assert_array_equal(grown, lesion_boxes(phantom, 3, margin))


def test_a_placebo_lies_where_it_hides_nothing_or_least():
    lesion = box_at(10, 0, 0, 3, 9)  # the upper four rows
    (below,) = placebo_boxes(lesion[None], lesion[None])
    assert below.sum() == lesion.sum() and not (below & lesion).any()
    half = box_at(10, 0, 0, 6, 9)  # seven rows of ten: four must be hidden
    (found,) = placebo_boxes(half[None], half[None])
    assert corners(found) == [3, 0, 9, 9]
    everything = np.ones((1, 10, 10), bool)
    np.testing.assert_array_equal(placebo_boxes(everything, everything), everything)


@given(
    numbers=st.lists(st.integers(0, 11), min_size=4, max_size=4),
    margin=st.sampled_from(MARGINS),
    seed=st.integers(0, 99),
)
def test_a_placebo_has_the_size_of_its_box_and_hides_as_little_as_any(numbers, margin, seed):
    (top, bottom), (left, right) = sorted(numbers[:2]), sorted(numbers[2:])
    lesion = box_at(12, top, left, bottom, right)
    box = grown_box(lesion, margin)
    (placebo,) = placebo_boxes(box[None], lesion[None], seed)
    height, width = box.any(1).sum(), box.any(0).sum()
    assert (placebo.any(1).sum(), placebo.any(0).sum(), placebo.sum()) == (height, width, height * width)
    anywhere = [
        (box_at(12, row, column, row + height - 1, column + width - 1) & lesion).sum()
        for row in range(13 - height)
        for column in range(13 - width)
    ]
    assert (placebo & lesion).sum() == min(anywhere)


def test_placebos_are_drawn_by_the_seed_and_from_all_places():
    lesion = box_at(12, 0, 0, 2, 2)[None].repeat(200, axis=0)
    found = placebo_boxes(lesion, lesion, 1)
    np.testing.assert_array_equal(found, placebo_boxes(lesion, lesion, 1))
    places = {tuple(corners(box)[:2]) for box in found}
    assert len(places) > 60 and not (found & lesion).any()  # of 100 − 9 places


# What is shown


def test_the_views_paint_out_what_they_say(phantom):
    own, has = lesion_boxes(phantom, 0, 0), phantom.has_lesion
    views = {(view.shown, view.margin): view for view in context_views(phantom)}
    assert set(views) == {(shown, margin) for shown in (OUT, PLACEBO, ONLY) for margin in MARGINS}
    for margin in MARGINS:
        boxes = lesion_boxes(phantom, 0, margin)
        out, placebo, only = (views[shown, margin] for shown in (OUT, PLACEBO, ONLY))
        assert not phantom.masks[boxes < phantom.masks].any()
        for index, box in enumerate(boxes):
            image = phantom.images[index]
            np.testing.assert_array_equal(out.images[index][~box], image[~box])
            np.testing.assert_array_equal(only.images[index][box], image[box])
            if not box.all():
                assert set(out.images[index][box]) == {round(image[~box].mean())}
                assert set(only.images[index][~box]) == {round(image[box].mean())}
            assert (placebo.images[index] != image).sum() <= box.sum()
        hidden = {
            id
            for id, image, shown, box in zip(
                phantom.ids[has], phantom.images[has], placebo.images[has], own[has], strict=True
            )
            if (image != shown)[box].any()
        }
        assert hidden <= set(placebo.facts["no_room"]) <= set(phantom.ids[has])
        assert out.facts["box_share"] == pytest.approx(boxes[has].mean(), abs=1e-4)


# The study


def score(table):
    """Malignant once normal is ruled out; one half where the table's decimals say 0 to both."""
    return (table["malignant"] / (table["malignant"] + table["benign"])).fillna(0.5)


@pytest.fixture
def study_of(monkeypatch):
    """The study with features made by `tell` from the images, instead of a network's."""

    def made(data, tell, seed=0):
        monkeypatch.setattr(around, "eye", lambda *_: tell)
        return around.context_controls(Context("smoke", data, weights="none", seed=seed))

    return made


def rows(study, name):
    return study.predictions[study.predictions["condition"] == name].reset_index(drop=True)


def brightest(images):
    """The brightest gray level of an image, and its mean."""
    return np.column_stack([images.max(axis=(1, 2)), images.mean(axis=(1, 2))]).astype(np.float32) / 255


@pytest.mark.slow
def test_conditions_are_complete_and_ask_for_the_same_images(phantom, study_of):
    study = study_of(phantom, brightest)
    ways = [(shown, margin, False) for margin in MARGINS for shown in (OUT, PLACEBO, ONLY)]
    ways += [(shown, margin, True) for margin in MARGINS for shown in (OUT, PLACEBO)]
    assert list(study.conditions) == [WHOLE, BOX, *(name_of(*way) for way in ways)]
    assert study.task == "malignancy"
    first = rows(study, WHOLE)[["id", "fold", "true", "group"]]
    assert sorted(first["id"]) == sorted(phantom.ids[phantom.has_lesion])
    for name in study.conditions:
        assert rows(study, name)[["id", "fold", "true", "group"]].equals(first), name
    for name, condition in study.conditions.items():
        assert condition["learned_from"] == ("whole images" if name.startswith("asked") else "such images")


@pytest.mark.slow
def test_gaps_are_differences_of_what_is_compared_and_are_made_anew_for_two_seeds(
    phantom, study_of, tmp_path, monkeypatch
):
    monkeypatch.setattr(around, "MARGINS", (0.0, 0.1))
    for seed in (0, 1):
        record = write_study(study_of(phantom, brightest, seed), tmp_path)
    study = read_study(record.name, "smoke", tmp_path)

    def auc(table):
        folds = [part for _, part in table.groupby("fold") if part["true"].nunique() == 2]
        return np.mean([roc_auc_score(part["true"] == "malignant", score(part)) for part in folds])

    def mean_auc(name):
        return np.mean([auc(part) for _, part in rows(study, name).groupby("seed")])

    expected = {
        "out 10": [WHOLE, "placebo 10", BOX],
        "asked out 10": [WHOLE, "asked placebo 10"],
        "placebo 10": [WHOLE],
        "only 0": [WHOLE],
        "only 10": [WHOLE, "only 0"],
        BOX: [WHOLE],
    }
    assert "gaps" not in study.conditions[WHOLE]
    for name, others in expected.items():
        gaps = study.conditions[name]["gaps"]
        assert list(gaps) == others
        for other, gap in gaps.items():
            assert gap["value"] == pytest.approx(mean_auc(name) - mean_auc(other), abs=1e-6)
            assert gap["seeds"] == 2 and gap["n"] == phantom.has_lesion.sum()
    assert with_gaps(study).conditions == study.conditions


# Planted signs


def planted(phantom, ring: int | None = None):
    """Gray images whose lesions are small, with room beside them, and tell the class by their gray level.

    With `ring`, it is told by a line so many pixels outside the lesion's box instead.
    """
    masks = np.zeros_like(phantom.masks)
    masks[phantom.has_lesion, 8:16, 16:32] = True
    where = masks
    if ring is not None:
        where = np.zeros_like(masks)
        where[phantom.has_lesion, 8 - ring : 16 + ring, 16 - ring : 32 + ring] = True
        where[:, 9 - ring : 15 + ring, 17 - ring : 31 + ring] = False
    gray = np.array([120, 200, 50], np.uint8)[phantom.labels][:, None, None]
    return replace(phantom, masks=masks, images=np.where(where, gray, np.uint8(50)))


def auc_of(study, name):
    return study.metrics(name)["malignancy_auc"]["value"]


@pytest.mark.slow
def test_a_placebo_costs_nothing_where_the_lesion_alone_decides(phantom, study_of):
    study = study_of(planted(phantom), brightest)
    for margin in MARGINS:
        for asked in (False, True):
            out, placebo = name_of(OUT, margin, asked), name_of(PLACEBO, margin, asked)
            assert study.conditions[placebo]["no_room"] == []
            assert auc_of(study, placebo) == auc_of(study, WHOLE) == 1
            assert auc_of(study, out) == 0.5
            assert study.conditions[out]["gaps"][placebo]["value"] == -0.5
            assert study.conditions[placebo]["gaps"][WHOLE]["value"] == 0
        assert auc_of(study, name_of(ONLY, margin)) == 1


@pytest.mark.slow
def test_a_halo_is_known_until_the_margin_hides_it(phantom, study_of):
    """Five of 64 pixels outside the box: beyond a margin of 5%, within one of 10%."""
    study = study_of(planted(phantom, ring=5), brightest)
    assert [auc_of(study, name_of(OUT, margin)) for margin in MARGINS] == [1, 1, 0.5, 0.5, 0.5]
    assert [auc_of(study, name_of(ONLY, margin)) for margin in MARGINS] == [0.5, 0.5, 1, 1, 1]
    assert all(auc_of(study, name_of(PLACEBO, margin)) == 1 for margin in MARGINS)
    assert study.conditions["only 10"]["gaps"]["only 0"]["value"] == 0.5


# The page


@pytest.fixture(scope="module")
def told():
    return surroundings.recorded()


def drawn_difference(study, name, other, kept=None):
    """A gap with other code: scikit-learn's area on tables of drawn groups, seeds averaged in each draw."""
    tables = {
        (seed, one): part.set_index("id")
        for (seed, one), part in study.predictions.groupby(["seed", "condition"])
        if one in (name, other)
    }
    ids = next(iter(tables.values())).index
    ids = ids[ids.isin(kept)] if kept is not None else ids

    def area(part):
        folds = [rows for _, rows in part.groupby("fold") if rows["true"].nunique() == 2]
        return np.mean([roc_auc_score(rows["true"] == "malignant", score(rows)) for rows in folds])

    def difference(chosen):
        return np.mean(
            [
                area(tables[seed, name].loc[chosen]) - area(tables[seed, other].loc[chosen])
                for seed in study.facts["seeds"]
            ]
        )

    groups = tables[study.facts["seeds"][0], name].loc[ids, "group"]
    members = [list(part.index) for _, part in groups.groupby(groups)]
    rng = np.random.default_rng(7)
    draws = [
        difference([id for place in rng.integers(len(members), size=len(members)) for id in members[place]])
        for _ in range(60)
    ]
    return difference(ids), np.std(draws)


def width(figure):
    """The standard error that belongs to an interval."""
    return (figure["high"] - figure["low"]) / (2 * 1.96)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "other"), [("out 0", "placebo 0"), ("asked out 10", "asked placebo 10")])
def test_recorded_gaps_are_those_of_the_predictions(told, name, other):
    value, error = drawn_difference(told, name, other)
    found = told.conditions[name]["gaps"][other]
    assert found["value"] == pytest.approx(value, abs=1e-6)
    assert width(found) == pytest.approx(error, rel=0.35)


def test_gaps_with_room_leave_out_what_a_placebo_hides(told):
    hidden = set(told.conditions["placebo 10"]["no_room"])
    assert surroundings.without_room(told, 0.1) == hidden
    kept = set(rows(told, WHOLE)["id"]) - hidden
    found = surroundings.gap_with_room(told, 0.1)
    assert found["n"] == len(kept)
    one, other = (rows(told, name) for name in ("out 10", "placebo 10"))
    areas = [mean_area(part[part["id"].isin(kept)]) for part in (one, other)]
    assert found["value"] == pytest.approx(areas[0] - areas[1], abs=1e-6)


def mean_area(table):
    areas = [
        roc_auc_score(part["true"] == "malignant", score(part)) for _, part in table.groupby(["seed", "fold"])
    ]
    return np.mean(areas)


def test_room_gets_less_as_boxes_grow(told):
    sets = [surroundings.without_room(told, margin) for margin in surroundings.margins(told)]
    assert all(one <= other for one, other in pairwise(sets))


def test_the_sentence_holds_the_figures_of_the_record(told):
    text = surroundings.sentence(told)
    for name in (WHOLE, "out 0", "placebo 0"):
        assert f"{mean_area(rows(told, name)):.2f} (" in text
    difference = mean_area(rows(told, "out 0")) - mean_area(rows(told, "placebo 0"))
    assert f"{difference:+.3f} (".replace("-", "−") in text
    assert f"{mean_area(rows(told, BOX)):.2f} (" in text
    reading = surroundings.reading(told)
    helps = mean_area(rows(told, "placebo 0")) - mean_area(rows(told, WHOLE))
    assert f"figure of the whole image by {helps:+.3f} (".replace("-", "−") in reading
    for name in ("out 20", "only 0", "only 20"):
        assert f"{mean_area(rows(told, name)):.2f} (" in reading


def test_the_lead_follows_the_interval_of_the_one_probe(told):
    def with_interval(high):
        gap, name = {"value": -0.2, "low": -0.3, "high": high}, name_of(OUT, 0.0, asked=True)
        changed = told.conditions[name] | {"gaps": {name_of(PLACEBO, 0.0, asked=True): gap}}
        return surroundings.sentence(replace(told, conditions=told.conditions | {name: changed}))

    assert "looks at the lesion more than elsewhere.**" in with_interval(-0.1)
    assert "does not clearly look at the lesion" in with_interval(0.1)


def test_tables_and_curves_agree(told):
    curves, table = surroundings.curves(told), surroundings.by_margin(told)
    assert list(table.index) == ["0%", "5%", "10%", "15%", "20%"]
    for row in curves.itertuples():
        assert table.loc[f"{row.margin:.0f}%", surroundings.WORDS[row.shown]].startswith(f"{row.value:.2f} (")
    levels = surroundings.levels(told)
    axis = figures.by_margin(curves, surroundings.WORDS, levels).axes[0]
    assert len(axis.containers) == 3 and {text.get_text() for text in axis.texts} == set(levels)
    assert list(surroundings.gaps(told).index) == list(table.index)


def test_room_is_counted_and_the_others_are_compared(told):
    table = surroundings.room(told)
    hidden = [len(told.conditions[name_of(PLACEBO, margin)]["no_room"]) for margin in MARGINS]
    assert table["hide a part"].tolist() == hidden
    assert (table["hide a part"] + table["hide nothing"]).unique().tolist() == [
        rows(told, WHOLE)["id"].nunique()
    ]
    value = surroundings.gap_with_room(told, 0.05)["value"]
    assert table.loc["5%", "of these, minus placebo"].startswith(f"{value:+.3f} (".replace("-", "−"))


def test_boxes_are_drawn_around_outlines_with_a_placebo_of_the_size_of_one():
    (axis,) = figures.margins_around(read_outlines()[16:17]).axes
    *boxes, placebo = axis.patches
    sizes = [(box.get_width(), box.get_height()) for box in boxes]
    assert len(boxes) == len(MARGINS) and sizes == sorted(sizes)
    assert (placebo.get_width(), placebo.get_height()) == sizes[2]


def test_the_picture_is_as_its_alternative_text_describes_it(told):
    value = surroundings.curves(told).pivot(index="shown", columns="margin", values="value")
    level = surroundings.levels(told)
    assert (value.loc[ONLY] > value.loc[[OUT, PLACEBO]].max()).all()
    assert value.loc[ONLY].min() > level[WHOLE]
    assert 0 < value.loc[PLACEBO, 0] - level[WHOLE] < 0.04
    assert (value.loc[OUT] < value.loc[PLACEBO])[[0, 5, 10]].all()
    assert (value[20] - level[BOX])[[OUT, PLACEBO]].abs().max() < 0.03
    assert abs(value.loc[OUT, 20] - value.loc[PLACEBO, 20]) < 0.02
