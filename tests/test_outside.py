"""Networks frozen on one set meet another: nothing is chosen there, every figure follows from the rows."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from busilib.data.dataset import DataError
from busilib.data.phantoms.shift import shifted
from busilib.metrics.malignancy import malignancy_metrics, threshold_for
from busilib.metrics.segmentation import count_pixels, segmentation_metrics
from busilib.pages import figures, tables
from busilib.pages import outside as page
from busilib.runs import runner
from busilib.studies import outside_sets as away
from busilib.studies.context import Context, OptionError
from busilib.studies.records import read_study, write_study
from busilib.studies.study import Study

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def elsewhere(phantom):
    """Half of the phantoms as another scanner shows them, with cases of two images."""
    data = shifted(phantom, seed=1).subset(np.arange(0, len(phantom), 2))
    table = data.table.assign(id=[f"case{n:03}" for n in range(len(data))], group=np.arange(len(data)) // 2)
    return replace(data, table=table, name="outside phantoms")


@pytest.fixture(scope="module")
def project(one_epoch):
    """One small classifier in place of all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(away, "CLASSIFIERS", ("r2-cnn",))
        yield one_epoch


@pytest.fixture(scope="module")
def judged(project, phantom, elsewhere) -> Study:
    return away.outside_classification(Context("smoke", phantom, elsewhere))


@pytest.fixture(scope="module")
def outlined(project, phantom, elsewhere) -> Study:
    return away.outside_segmentation(Context("smoke", phantom, elsewhere))


# Studies


@pytest.mark.slow
def test_every_outside_lesion_is_judged_by_every_network(judged, phantom, elsewhere):
    assert list(judged.conditions) == ["r2-cnn, phantoms", "r2-cnn, outside phantoms"]
    rows = judged.predictions.query("condition == 'r2-cnn, outside phantoms'")
    lesions = elsewhere.table["class"] != "normal"
    assert rows["id"].tolist() == elsewhere.ids[lesions].tolist()
    assert rows["true"].tolist() == elsewhere.table["class"][lesions].tolist()
    assert rows["group"].tolist() == elsewhere.groups[lesions].tolist()
    inside = judged.predictions.query("condition == 'r2-cnn, phantoms'")
    assert set(inside["id"]) < set(phantom.ids) and not set(inside["true"]) & {"normal"}


@pytest.mark.slow
def test_the_threshold_comes_from_the_validation_part_and_is_one_for_both_sets(judged, phantom):
    (run,) = away.frozen_runs("r2-cnn", phantom, "smoke")
    expected = threshold_for(run.validation, away.SENSITIVITY)
    assert judged.predictions["threshold"].unique().tolist() == [expected]
    assert [each["thresholds"] for each in judged.conditions.values()] == [[expected]] * 2


@pytest.mark.slow
def test_outside_images_change_nothing_inside(judged, phantom, elsewhere):
    dark = replace(elsewhere, images=elsewhere.images // 4)
    again = away.outside_classification(Context("smoke", phantom, dark))
    inside = "condition == 'r2-cnn, phantoms'"
    pd.testing.assert_frame_equal(again.predictions.query(inside), judged.predictions.query(inside))
    assert again.predictions["threshold"].unique() == judged.predictions["threshold"].unique()


@pytest.mark.slow
def test_other_models_are_another_record(project, phantom, elsewhere, judged):
    asked = Context("smoke", phantom, elsewhere, models=("r2-cnn",))
    found = away.outside_classification(asked)
    assert judged.record == "outside-classification+outside-phantoms"
    assert found.record == f"{judged.record}+r2-cnn" and found.columns == judged.columns
    with pytest.raises(OptionError, match="r2-cnn does classification, this study asks for segmentation"):
        away.outside_segmentation(asked)
    with pytest.raises(OptionError, match="encoder: 'vgg19' was given"):
        away.outside_segmentation(replace(asked, encoder="vgg19", models=()))


@pytest.mark.slow
def test_outlines_outside_are_counted_at_one_half(outlined, phantom, elsewhere):
    (run,) = away.frozen_runs("r4-unet", phantom, "smoke")
    found = run.on(elsewhere).probabilities(np.arange(len(elsewhere))) >= 0.5
    rows = outlined.predictions.query("condition == 'r4-unet, outside phantoms'").reset_index(drop=True)
    counts = ["tp", "fp", "fn", "tn"]
    pd.testing.assert_frame_equal(rows[counts], count_pixels(elsewhere.masks, found), check_dtype=False)
    assert len(rows) == len(elsewhere)


@pytest.mark.slow
def test_several_networks_judge_each_image_and_are_told_apart(project, phantom, elsewhere):
    runs = [runner.run("r2-cnn", phantom, "smoke", fold=fold) for fold in (0, 1)]
    found = away.predictions_outside(runs, elsewhere)
    assert found["fold"].tolist() == [0] * len(elsewhere) + [1] * len(elsewhere)
    assert found["id"].tolist() == elsewhere.ids.tolist() * 2
    assert found["group"].tolist() == elsewhere.groups.tolist() * 2
    inside = away.predictions_inside(runs)
    assert set(inside["id"]) == set(phantom.ids[np.concatenate([run.split.test for run in runs])])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figures_of"), [("judged", malignancy_metrics), ("outlined", segmentation_metrics)]
)
def test_figures_follow_from_the_record(name, figures_of, request, tmp_path):
    study = request.getfixturevalue(name)
    write_study(study, tmp_path)
    again = read_study(study.record, "smoke", tmp_path)
    assert again.facts["outside"]["name"] == "outside phantoms" and again.facts["outside"]["groups"] > 1
    for condition, rows in again.predictions.groupby("condition"):
        expected = figures_of(rows)
        for key, figure in again.metrics(condition).items():
            assert figure["value"] == pytest.approx(expected[key], abs=1e-6)
    pd.testing.assert_frame_equal(
        away.drops(again, page.STUDIES[study.name]), away.drops(study, page.STUDIES[study.name])
    )


@pytest.mark.slow
def test_a_run_refuses_images_of_another_size(project, phantom, phantom_dir):
    from busilib.data.loader import load_busi

    run = runner.run("r2-cnn", phantom, "smoke")
    with pytest.raises(DataError, match="images of 32 pixels, but r2-cnn works at 64"):
        run.on(load_busi(phantom_dir, 32, name="phantoms"))


@pytest.mark.slow
def test_images_without_a_mask_take_no_part_in_outlines(outlined, phantom, elsewhere):
    lesions = np.flatnonzero(elsewhere.labels < 2)[:3]
    table = elsewhere.table.copy()
    table.loc[lesions, "n_masks"] = 0
    masks = elsewhere.masks.copy()
    masks[lesions] = False
    part = replace(elsewhere, table=table, masks=masks, left_out={"gone": "of another size"})
    found = away.outside_segmentation(Context("smoke", phantom, part))
    rows = found.predictions.query("condition == 'r4-unet, outside phantoms'")
    assert not set(rows["id"]) & set(elsewhere.ids[lesions]) and len(rows) == len(elsewhere) - 3
    asked = {"of another size": ["gone"], "no mask is given": elsewhere.ids[lesions].tolist()}
    assert found.facts["outside"]["left_out"] == asked
    assert found.facts["outside"]["n"] == len(elsewhere) - 3 and "left_out" not in outlined.facts["outside"]
    before = outlined.predictions.query("condition == 'r4-unet, outside phantoms'")
    same = before[before["id"].isin(rows["id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), same)


def test_a_set_without_masks_cannot_be_outlined(elsewhere):
    bare = replace(elsewhere, table=elsewhere.table.assign(n_masks=0), masks=np.zeros_like(elsewhere.masks))
    with pytest.raises(DataError, match="no lesion has a mask"):
        away.with_masks(bare)
    assert away.with_masks(elsewhere) is elsewhere


# What is told


def test_figures_are_told_by_what_the_sheet_says(elsewhere):
    n = 40
    ids = [f"i{k}" for k in range(n)]
    device = ["A"] * 15 + ["B"] * 15 + ["C"] * 9 + [""]
    right = np.array([1.0] * 15 + [0.0] * 15 + [1.0] * 10)
    rows = pd.DataFrame({"id": ids, "fold": 0, "true": ["benign", "malignant"] * 20, "group": range(n)})
    p = np.where(right == 1, rows["true"] == "benign", rows["true"] != "benign").astype(float)
    rows = rows.assign(benign=p, malignant=1 - p, normal=0.0, threshold=0.5, condition="r2-cnn, ours", seed=0)
    table = pd.DataFrame(
        {"id": ids, "n_masks": 1, "case": "", "device": device, "age": [str(k) for k in range(n)], "all": "x"}
    )
    conditions = {"r2-cnn, ours": {"experiment": "r2-cnn", "set": "ours"}}
    study = Study("outside-classification", "malignancy", conditions, rows, {"profile": "smoke"})
    found = page.strata_table([study], SimpleNamespace(name="ours", table=table))
    assert found.index.tolist() == [("device", "A"), ("device", "B")]
    assert found["images"].tolist() == [15, 15]
    assert [each[:4] for each in found["r2-cnn, accuracy"]] == ["1.00", "0.00"]
    assert page.strata_table([study], SimpleNamespace(name="ours", table=table[["id", "all"]])).empty


def test_recorded_sets_are_named_with_what_was_left_out():
    study = by_hand(("BUSI", "BUS-UCLM"))
    outside = {"name": "BUS-UCLM", "n": 670, "groups": 37, "left_out": {"of another size": ["HESN_000"]}}
    text = page.about_recorded({"a": replace(study, facts={"outside": outside})}).data
    assert text == (
        "- **BUS-UCLM**: 670 images in 37 groups; left out 1, HESN_000 (of another size) "
        "(outside-classification)."
    )


def test_a_classifier_that_says_the_same_to_everybody_is_named_outside_too():
    rows = pd.DataFrame(
        {"true": ["benign", "malignant"] * 10, "benign": 0.9, "malignant": 0.1, "normal": 0.0}
    )
    study = replace(by_hand(), predictions=rows.assign(condition="r2-cnn, BrEaST"))
    assert page.constant_answers(study).startswith("**r2-cnn, BrEaST**: The answer is benign for 20 of 20")
    assert page.constant_answers(by_hand()) == ""


def by_hand(names=("BUSI", "BrEaST")) -> Study:
    inside = {"accuracy": {"value": 0.8, "low": 0.77, "high": 0.84, "n": 100}}
    outside = {"accuracy": {"value": 0.5, "low": 0.46, "high": 0.53, "n": 50}}
    conditions = {
        f"r2-cnn, {name}": {"experiment": "r2-cnn", "metrics": metrics}
        for name, metrics in zip(names, (inside, outside), strict=True)
    }
    facts = {"dataset": {"name": names[0]}, "outside": {"name": names[1]}}
    return Study("outside-classification", "malignancy", conditions, pd.DataFrame(), facts, names[1:])


def test_a_drop_is_outside_minus_inside_with_its_interval():
    table = away.drops(by_hand(), ["accuracy", "sensitivity"])
    assert table["where"].tolist() == ["inside", "outside", "difference"]
    difference = table.iloc[2]
    assert difference["value"] == pytest.approx(-0.3)
    assert difference["low"] == pytest.approx(-0.3 - np.hypot(0.04, 0.04))
    assert difference["high"] == pytest.approx(-0.3 + np.hypot(0.03, 0.03))


def test_several_outside_sets_are_told_and_drawn_apart():
    studies = {each.record: each for each in (by_hand(), by_hand(("BUSI", "BUS-BRA")), by_hand())}
    table = page.recorded_drops({**studies, "again": by_hand()})
    assert len(table) == 2 * 3 * 1
    text = page.told(table, "accuracy")
    assert "0.50 on BrEaST" in text and "0.50 on BUS-BRA" in text
    left, _ = figures.inside_and_outside(table, tables.METRIC_NAMES).axes
    labels = [tick.get_text() for tick in left.get_yticklabels()]
    assert labels == ["r2-cnn\naccuracy, BrEaST", "r2-cnn\naccuracy, BUS-BRA"]


def test_networks_without_pretrained_weights_are_named_as_such():
    known = by_hand()
    lacking = replace(known, apart=(*known.apart, "random-weights"))
    assert away.drops(lacking, ["accuracy"])["experiment"].unique().tolist() == ["r2-cnn, random weights"]


def test_a_drop_is_told_in_a_sentence():
    text = page.told(away.drops(by_hand(), ["accuracy"]), "accuracy")
    assert text == (
        "**r2-cnn**: accuracy 0.80 on BUSI, 0.50 on BrEaST, a difference of −0.30 (−0.36 to −0.26)."
    )


def test_without_a_record_there_is_nothing_to_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert page.recorded_studies() == {} and page.recorded_drops({}).empty


def test_a_figure_shows_each_experiment_and_its_difference():
    drawn = figures.inside_and_outside(away.drops(by_hand(), ["accuracy"]), tables.METRIC_NAMES)
    left, right = drawn.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["r2-cnn\naccuracy"]
    assert right.get_xlabel() == "outside − inside"


def test_nearest_pictures_find_a_copy(phantom, elsewhere):
    found = away.shared_pictures(phantom, replace(elsewhere, images=phantom.images[::2]))
    assert (found["correlation"] > 0.999).all()
    assert found["correlation"].is_monotonic_decreasing
    assert len(found) == len(elsewhere)


def test_the_page_says_when_the_outside_set_is_a_stand_in(phantom, elsewhere):
    assert "No outside set was given" in page.about_outside(elsewhere).data
    real = replace(elsewhere, name="BrEaST", origin="outside")
    assert "No outside set" not in page.about_outside(real).data


def test_the_page_names_what_was_left_out_and_what_the_set_cannot_tell(elsewhere):
    whole = replace(elsewhere, name="BUS-UCLM", origin="outside")
    assert "Left out" not in page.about_outside(whole).data
    assert "cannot tell" not in page.about_outside(whole).data
    small = replace(whole.subset(np.flatnonzero(whole.labels < 2)), left_out={"HESN_000": "of another size"})
    text = page.about_outside(small).data
    assert "1 of its images, HESN_000 (of another size)" in text and "- no normal image: " in text


def test_sets_are_compared_by_what_can_be_seen(phantom, elsewhere):
    table = page.compared(phantom, elsewhere)
    assert table["images"].tolist() == [len(phantom), len(elsewhere)]
    assert float(table["mean gray"].iloc[1]) < float(table["mean gray"].iloc[0])


def test_networks_of_one_record_are_compared_on_the_same_images(monkeypatch):
    """Against the difference of the two AUCs that the record states."""
    monkeypatch.chdir(ROOT)
    asked = "r2-mobilenet", "r2-cnn"
    study = page.recorded_studies()["outside-classification+BrEaST"]
    one, other = (study.metrics(f"{id}, BrEaST")["malignancy_auc"]["value"] for id in asked)
    said = page.told_between(study, "malignancy_auc")
    assert said.startswith(f"**{asked[0]} minus {asked[1]}**")
    assert f"{one - other:+.2f}".replace("-", "−") in said and " to " in said
