"""What pages 9 to 14 tell of recorded studies and predictions: by hand, in other ways, and without mixing."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.outlines import read_outlines
from busilib.data.dataset import CLASSES
from busilib.metrics.calibration import calibration_metrics
from busilib.metrics.classification import classification_metrics
from busilib.metrics.comparison import mcnemar
from busilib.metrics.malignancy import malignancy_score
from busilib.metrics.segmentation import COUNTS
from busilib.pages import (
    answers,
    controls,
    failing,
    figures,
    lost,
    outside,
    paired,
    rungs,
    sureness,
    uncertainty,
)
from busilib.pages.figures.style import AS_REPORTED, RECORDED, THIS_RUN
from busilib.pages.words import METRIC_NAMES
from busilib.runs.records import read_record
from busilib.studies.ladder import CLASSIFICATION
from busilib.studies.records import read_study

MINE = [name for name in answers.PAGES if name[:2] in {"09", "10", "11", "12", "13", "14"}]


@pytest.fixture(scope="module")
def models():
    return paired.classifiers()


@pytest.mark.parametrize("notebook", MINE)
def test_answers_are_sentences_with_a_picture(notebook):
    text = answers.answer(notebook).data
    assert text.startswith("**") and not re.search(r"\b(nan|None)\b", text)
    assert answers.picture(notebook).axes


def test_a_ladder_in_one_metric_has_a_rung_for_each_mistake():
    study = rungs.recorded("classification")
    one = rungs.in_one(study, "accuracy")
    assert list(one.conditions) == [rung.name for rung in CLASSIFICATION][:-1]
    assert {rung["figure"] for rung in one.conditions.values()} == {"accuracy"}
    values = [rung["metrics"]["accuracy"]["value"] for rung in one.conditions.values()]
    steps = [rung["step"]["value"] for rung in list(one.conditions.values())[1:]]
    assert steps == pytest.approx(np.diff(values), abs=1e-7)
    assert rungs.largest_step(one)[1]["value"] == min(steps)


def test_both_ends_have_one_metric_and_are_those_of_the_predictions():
    study = rungs.recorded("classification")
    for key in ("accuracy", "balanced_accuracy"):
        for figure, name in zip(rungs.both_ends(study, key), (0, -1), strict=True):
            rows = study.predictions[study.predictions["condition"] == list(study.conditions)[name]]
            assert figure["value"] == pytest.approx(classification_metrics(rows)[key])


def test_the_gain_of_near_duplicates_is_apart_less_together():
    whole = read_study("duplicate-threshold").predictions
    means = [
        (rows[list(CLASSES)].idxmax(axis=1) == rows["true"]).mean()
        for _, rows in whole.groupby("condition", sort=False)
    ]
    table = rungs.near_duplicates()
    assert table.loc["whole image", "gain"].startswith(f"+{means[3] - means[1]:.3f}")
    assert table.loc["whole image", "together"] == f"{means[1]:.3f}"
    behind = table.loc["image cut by the true mask"]
    assert behind["gain"].startswith(f"{float(behind['apart']) - float(behind['together']):+.3f}")


def test_signs_are_told():
    assert rungs.signed({"value": -0.2, "low": -0.3, "high": 0.1}) == "−0.200 (−0.300 to +0.100)"


def test_rungs_that_test_other_images_say_how_many_they_share():
    study = rungs.recorded("segmentation")
    shared = rungs.tested(study)
    assert shared.iloc[-1].endswith("all of them") and not shared.iloc[0].endswith("all of them")


def test_copies_leak_more_than_twins_and_groups_nothing():
    share = rungs.twins_in_training(seeds=1)
    assert share.iloc[0] > share.iloc[1] > share.iloc[2] == 0


def test_wrong_rungs_of_a_record_look_like_a_reports_protocol():
    study = rungs.in_one(rungs.recorded("classification"), "accuracy")
    colours = [
        container.lines[0].get_color()
        for container in figures.waterfall(study, METRIC_NAMES).axes[0].containers
        if hasattr(container, "lines")
    ]
    assert colours == [AS_REPORTED] * 4 + [RECORDED]
    ours = figures.waterfall(study, METRIC_NAMES, THIS_RUN).axes[0].containers
    assert {one.lines[0].get_color() for one in ours if hasattr(one, "lines")} == {THIS_RUN}


def test_controls_are_compared_on_the_same_images():
    study = controls.recorded()
    ids = [
        set(rows["id"]) for name, rows in study.predictions.groupby("condition") if name in study.conditions
    ]
    assert all(one == ids[0] for one in ids) and len(ids[0]) == len(read_table())


def test_malignancy_of_a_control_is_the_mean_over_folds():
    from sklearn.metrics import roc_auc_score

    study = controls.recorded()
    rows = study.predictions[study.predictions["condition"] == controls.BOX]
    rows = rows[rows["true"] != "normal"]
    areas = [
        roc_auc_score(part["true"] == "malignant", malignancy_score(part)) for _, part in rows.groupby("fold")
    ]
    found = controls.malignancy(study)
    assert found[controls.BOX]["value"] == pytest.approx(np.mean(areas))
    gap = controls.without_the_lesion(study, controls.BOX)
    assert gap["value"] == pytest.approx(found[controls.PAINTED]["value"] - found[controls.BOX]["value"])


def test_marked_images_and_the_others_are_all():
    counts, right = controls.marks()
    assert counts[list(CLASSES)].to_numpy().sum() == len(read_table()) and right.between(0, 1).all()


def test_shapes_are_a_mask_and_a_box_that_holds_it():
    drawn = figures.shapes_alone(read_outlines()[:2]).axes
    mask, box = (axis.images[0].get_array() for axis in (drawn[0], drawn[2]))
    assert (box[mask > 0] == 255).all() and (box > 0).sum() > (mask > 0).sum()


def test_classifiers_answer_for_every_image_once(models):
    for model in models.values():
        assert sorted(model.predictions["id"]) == sorted(read_table()["id"])


def test_of_several_seeds_the_first_is_taken():
    record = read_record("r2-cnn", "laptop")
    twice = SimpleNamespace(
        facts=record.facts | {"seeds": [0, 1]},
        predictions=pd.concat([record.predictions, record.predictions.assign(seed=1)]),
        validation=pd.concat([record.validation, record.validation.assign(seed=1)]),
    )
    one = paired.first_seed(twice)
    assert (len(one.predictions), len(one.validation), one.seeds) == (780, 390, 2)


def test_small_test_sets_spread_wider(models):
    found = paired.spread(models["CNN"], [20, 780], draws=200)
    width = found["high"] - found["low"]
    assert width[0] > 2 * width[1]
    value = paired.measured(models["CNN"])["accuracy"]
    assert width[1] == pytest.approx(value["high"] - value["low"], abs=0.02)


def test_p_of_one_image_each_lies_among_the_draws(models):
    two = {name: models[name] for name in ("MobileNet", "ImageMaskNet")}
    drawn = paired.drawn_of_each(two, draws=60).iloc[0]
    first = paired.tests_of_one_each(two)["p"].item()
    assert drawn["low"] / 3 < first < 3 * drawn["high"]
    whole = paired.tests(two).iloc[0]
    assert whole["p"] == mcnemar(two["MobileNet"].predictions, two["ImageMaskNet"].predictions).p
    right = np.array([True, True, False]), np.array([True, False, False])
    assert paired._sign_test(*right) == 1 and paired._sign_test(right[0], right[0]) == 1


def test_clear_differences_are_counted():
    table = pd.DataFrame({"figure": ["a", "a", "b"], "low": [0.1, -0.1, -0.3], "high": [0.2, 0.1, -0.1]})
    assert paired.clear(table, "a") == (1, 2) and paired.clear(table, "b") == (1, 1)


def test_scaling_is_told_as_a_difference_on_the_same_draws(models):
    one = {"CNN": models["CNN"]}
    found = sureness.scaling(one, draws=20).set_index("figure")["value"]
    after, _ = uncertainty.calibrated(one)["CNN"]
    for key in sureness.ERRORS:
        gap = calibration_metrics(after)[key] - calibration_metrics(models["CNN"].predictions)[key]
        assert found[key] == pytest.approx(gap)


def test_verdicts_name_who_gains():
    rows = [("a", "ece", -0.2, -0.1), ("b", "ece", -0.1, 0.1), ("c", "ece", 0.1, 0.2)]
    table = pd.DataFrame(rows, columns=["row", "figure", "low", "high"])
    assert sureness.verdict(table, "ece") == "lower for a, higher for c, not clearly changed for b"
    assert sureness.verdict(table.head(1), "ece") == "lower for all 1"


def test_answers_by_class_add_up(models):
    table = sureness.by_class(models["CNN"], 0.1)
    shares = table["answered"].str.split(" ").str[0].astype(float)
    whole = sureness.silent(models["CNN"], 0.1)["coverage"]["value"]
    assert (shares * table["images"]).sum() / 780 == pytest.approx(whole, abs=0.01)


def test_kinds_of_failure_are_all_the_poor_outlines():
    _, model = failing.outliner()
    table = model.predictions[model.predictions["true"] != "normal"]
    dice = 2 * table["tp"] / (2 * table["tp"] + table["fp"] + table["fn"])
    assert failing.kinds(model).to_numpy().sum() == (dice < 0.5).sum()


def test_maps_are_compared_on_images_where_both_have_heat():
    study = failing.attention()
    gap, n = failing.less(study, "r2-cnn", failing.RANDOM)
    wide = study.predictions.pivot(index="id", columns="condition", values="share_inside")
    pair = wide[["r2-cnn, Grad-CAM", "r2-cnn, random head"]].dropna()
    assert n == len(pair)
    assert gap["value"] == pytest.approx(pair.iloc[:, 0].sub(pair.iloc[:, 1]).mean())


def test_lesions_of_both_sets_are_cut_at_the_same_sizes():
    study = lost.main()
    table = lost.by_size(study, "r4-unet")
    sizes = table.groupby("where")["n"].sum()
    assert sizes.to_dict() == {"inside": 647, "outside": 252}
    rows = study.predictions[study.predictions["condition"] == "r4-unet, BUSI"]
    share = (rows["tp"] + rows["fn"]) / rows[COUNTS].sum(axis=1)
    lesions = rows[share > 0].assign(
        share=share, dice=2 * rows["tp"] / (2 * rows["tp"] + rows["fp"] + rows["fn"])
    )
    cut = lesions["share"].quantile(0.2)
    outer = study.predictions[study.predictions["condition"] == "r4-unet, BrEaST"]
    outer = outer.assign(share=(outer["tp"] + outer["fn"]) / outer[COUNTS].sum(axis=1))
    outer = outer[outer["share"].between(0, cut, inclusive="right")]
    dice = 2 * outer["tp"] / (2 * outer["tp"] + outer["fp"] + outer["fn"])
    inside, outside_figure, gap = lost.loss(table, "smallest")
    assert inside["value"] == pytest.approx(lesions.loc[lesions["share"] <= cut, "dice"].mean())
    assert outside_figure["value"] == pytest.approx(dice.mean())
    assert (
        gap["value"] == pytest.approx(outside_figure["value"] - inside["value"]) and gap["low"] < gap["value"]
    )


def test_benign_lesions_keep_the_sizes_of_all():
    whole, benign = (lost.by_size(lost.main(), "r4-unet", true) for true in ("", "benign"))
    assert benign["area"].tolist() == whole["area"].tolist()
    assert (benign["n"] <= whole["n"]).all()


def test_lesions_called_normal_are_told_for_classifications_alone():
    text = outside.called_normal(read_study("outside-classification+BrEaST"))
    assert text.count("**") == 4 and "BrEaST" in text
    assert outside.called_normal(lost.main()) == ""


def test_figures_show_all_they_are_given(models):
    study = rungs.in_one(rungs.recorded("segmentation"), "lesion_dice")
    keys = ("lesion_dice", "pooled_dice")
    counted = figures.counted(study, {key: METRIC_NAMES[key] for key in keys})
    assert len(counted.axes[0].containers) == len(keys)
    looked = figures.shares_inside(failing.attention().columns)
    assert len(looked.axes[0].containers) == len(failing.attention().columns)
    tables = dict(lost.all_sizes())
    assert len(figures.dice_by_fifth(tables).axes) == len(tables)
    band = figures.spread_of_accuracy(paired.spread(models["CNN"], [20, 60], 20), 0.7, {"R1": 60})
    assert [text.get_text() for text in band.axes[0].texts] == ["R1"]


def test_the_fifths_with_a_clear_loss_are_named():
    row = {"area": "", "n": 40, "missed": 0.0}
    table = pd.DataFrame(
        [
            {"fifth": fifth, "where": where, "value": value, "low": value - 0.05, "high": value + 0.05} | row
            for fifth, outside in (("smallest", 0.2), ("large", 0.55))
            for where, value in (("inside", 0.6), ("outside", outside))
        ]
    )
    assert lost.clearly(table) == "smallest"
    assert lost.clearly(table[table["fifth"] == "large"]) == "none"
    assert lost.clearly(table[table["where"] == "inside"]) == "none"
