"""Records stand side by side on the images that all of them tested; pages 4, 6, 7 and 8 say nothing else."""

import ast
import json
import re
import shutil
from itertools import product

import nbformat
import pandas as pd
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.comparison import paired_difference
from busilib.metrics.pairing import PairingError, groups_of, shared
from busilib.metrics.segmentation import dice_per_image, segmentation_metrics
from busilib.pages import answers, classifying, common, contenders, figures, masks, tissue_claims
from busilib.paths import project_root
from busilib.publish.notebooks import find
from busilib.reports.registry import experiment
from busilib.runs import records
from busilib.runs.records import Part, Record, read_record
from busilib.runs.summary import write_summary

PAGES = ("04", "06", "07", "08")
UNRESTRICTED = {
    "claims_of",
    "long",
    "metrics_table",
    "records_of",
    "records_table",
    "side_by_side",
    "summary",
}
"""Tables that show figures of whatever each record tested."""


@pytest.fixture(scope="module")
def ways():
    return contenders.contenders()


def only(record: Record, ids) -> Record:
    """The same record, as if it had tested fewer images."""
    parts = []
    for part in record.parts:
        rows = part.tables["predictions"]
        parts.append(Part(part.facts, {**part.tables, "predictions": rows[rows["id"].isin(ids)]}))
    return Record(record.name, record.facts, tuple(parts))


def seeds(*joined: Record) -> Record:
    """Records joined as seeds of one."""
    parts = [
        Part(part.facts, {name: t.assign(seed=seed) if len(t) else t for name, t in part.tables.items()})
        for seed, record in enumerate(joined)
        for part in record.parts
    ]
    return Record("joined", joined[0].facts | {"seeds": list(range(len(joined)))}, tuple(parts))


def test_every_record_is_measured_on_the_same_images(ways):
    found = common.on_common_images(ways)
    assert len({figures["all_dice"]["n"] for figures in found.values()}) == 1
    assert len({figures["lesion_dice"]["n"] for figures in found.values()}) == 1
    ids = common.common_ids(ways)
    fold = ways["threshold"].predictions
    assert set(ids) <= set(fold["id"]) and len(ids) == found["threshold"]["all_dice"]["n"]
    unet = ways["U-Net"].predictions.set_index("id").loc[ids].query("true != 'normal'")
    by_hand = dice_per_image(unet).mean()
    assert found["U-Net"]["lesion_dice"]["value"] == pytest.approx(by_hand)


def test_records_without_a_common_image_are_refused():
    record = read_record("r2-cnn", "laptop")
    halves = {"one": only(record, {"benign (1)"}), "other": only(record, {"benign (2)"})}
    with pytest.raises(PairingError, match="no image was tested by all of one, other"):
        common.compared(halves, ["accuracy"])


def test_images_that_one_seed_lacks_do_not_count():
    record = read_record("r2-cnn", "laptop")
    both = seeds(record, only(record, {"benign (1)", "benign (3)"}))
    assert common.common_ids({"both": both}) == ["benign (1)", "benign (3)"]


def test_the_difference_is_that_of_pairs(ways):
    one, other = ways["mean of three"], ways["U-Net"]
    tables = shared({"one": one.predictions, "other": other.predictions})
    table = tables["one"].set_index("id").loc[common.common_ids({"one": one, "other": other})].reset_index()
    groups = groups_of(table, read_table())
    expected = paired_difference(segmentation_metrics, table, tables["other"], groups)["lesion_dice"]
    found = common.difference(one, other, "lesion_dice")
    for limit in ("value", "low", "high"):
        assert found[limit] == pytest.approx(expected[limit], abs=1e-6)
    assert found["n"] == (table["true"] != "normal").sum()


def test_the_difference_of_several_seeds_is_that_of_their_means():
    shown = masks.fed("r2-mobilenet", masks.CUTS)
    whole, cut = shown["whole image"], shown["cut by the true mask"]
    both = seeds(whole, cut)
    half = common.difference(both, cut, "accuracy")["value"]
    assert half == pytest.approx(common.difference(whole, cut, "accuracy")["value"] / 2)


def test_a_table_has_one_row_of_heads_and_none_is_empty(ways):
    html = common.compared(ways, ["lesion_dice"]).data
    assert html.count("<tr") == 1 + len(ways) and "<th></th>" not in html
    assert "dataframe" not in html
    assert f"the same {common.n_common(ways)} images" in html


def test_a_classifier_that_says_the_same_to_everybody_is_named():
    record = read_record("r2-cnn", "laptop")
    constant = only(record, read_table()["id"])
    for part in constant.parts:
        rows = part.tables["predictions"]
        part.tables["predictions"] = rows.assign(benign=1.0, malignant=0.0, normal=0.0)
    assert "CNN: benign for 780 of 780" in common.compared({"CNN": constant}, ["accuracy"]).data


def test_claims_stand_beside_records_of_common_images():
    found = classifying.recorded(classifying.REPORTED)
    table = common.beside_claims(found, classifying.REPORTED, "accuracy")
    assert list(dict.fromkeys(table["row"])) == list(classifying.REPORTED)
    claims = table[table["source"] == "claimed"].set_index("row")["value"]
    assert claims.to_dict() == {
        name: experiment(id).main_claim.value for name, id in classifying.REPORTED.items()
    }
    assert set(table["source"]) == {"claimed", "recorded, grouped"}


def test_random_weights_and_short_trainings_are_said():
    said = {name: common.trained(record) for name, record in contenders.contenders().items()}
    assert said["threshold"] == "nothing is learned"
    assert "24 of 100 epochs, 16 of 64 filters" in said["U-Net"]
    frozen = common.trained(read_record("r2-mobilenet", "laptop"))
    assert frozen.startswith("ImageNet weights, frozen")


def test_the_masks_of_normal_images_are_empty_and_no_others():
    table = read_table()
    assert (masks.empty_masks(table) == (table["class"] == "normal")).all()
    counts = table["class"].value_counts()
    assert masks.rule_accuracy() == pytest.approx((counts["benign"] + counts["normal"]) / len(table))


def test_black_images_all_get_one_answer():
    normal, empty, answers, found = classifying.black(classifying.as_r2_did())
    assert normal == empty and answers == 1 and found in (0, normal)


def test_a_judge_is_no_worse_than_any_network(ways):
    networks = contenders.networks(ways)
    dice = contenders.dice_table(networks)
    plain, judge = contenders.best_of(networks)
    assert judge >= dice.mean().max() and plain == pytest.approx(dice["U-Net"].mean())
    hit = contenders.touched(networks)
    assert hit["none"] + hit["one alone"] + hit["all"] <= hit["lesions"] == len(dice)


def test_most_tumour_by_counting_pixels():
    """Of 1000 pixels 200 are tumour: 150 are found, 50 missed, 30 wrongly called so, and no more errors."""
    precision, recall, accuracy = 150 / 180, 150 / 200, 1 - 80 / 1000
    assert tissue_claims.most_tumour(accuracy, precision, recall) == pytest.approx(0.2)


def test_r5s_counts_add_up():
    html = tissue_claims.parameters().data
    counts = [int(text.replace(",", "")) for text in re.findall(r">([\d,]{5,})<", html)]
    encoder, trained, weights, statistics, everything = counts
    assert encoder + trained == weights and weights + statistics == everything


def test_a_panel_for_each_figure_and_a_dot_for_each_row(ways):
    figure = figures.panels(
        common.on_common_images(ways), ["lesion_dice", "lesion_iou"], {"lesion_dice": 0.3}
    )
    assert len(figure.axes) == 2
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(ways)
    values = [artist.get_text() for artist in figure.axes[0].texts]
    assert len(values) == len(ways) and all(0 <= float(value) <= 1 for value in values)


def test_more_models_than_colours_are_drawn():
    history = pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 0.5], "val_loss": [1.0, 0.7]})
    many = {str(number): history for number in range(10)}
    panels = figures.learning_curves(many, ["loss"]).axes
    assert [len(axis.lines) for axis in panels] == [2] * 10
    assert [axis.get_title() for axis in panels] == [f"{number}: loss" for number in range(10)]


@pytest.mark.parametrize("epochs", [6, 50])
def test_a_spike_does_not_hide_the_curves_and_is_told(epochs):
    history = pd.DataFrame({"epoch": range(epochs), "loss": 1.0, "val_loss": [40.0, *[1.2] * (epochs - 1)]})
    (axis,) = figures.learning_curves({"one": history}, ["loss"]).axes
    assert axis.get_ylim()[1] < 2 and axis.get_title() == "loss (axis cut, up to 40.0)"


@pytest.fixture
def more_records(tmp_path, monkeypatch):
    """The results and, beside them, records of R4 that are not there yet."""
    results = records.results_folder() / "laptop"
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    for path in results.iterdir():
        (laptop / path.name).symlink_to(path)
    for id, source, seeds, folds in (
        ("r4-vgg19", "r2-mobilenet", 1, 1),
        ("r4-resnet50", "r2-cnn", 2, 5),
        ("r4-segformer", "r4-threshold", 1, 1),
    ):
        for seed, fold in product(range(seeds), range(folds)):
            part = laptop / id / f"seed{seed}-fold{fold}"
            shutil.copytree(results / source / f"seed0-fold{fold}", part)
            facts = json.loads((part / "run.json").read_text(encoding="utf-8"))
            facts["spec"] |= {"experiment": id, "seed": seed}
            (part / "run.json").write_text(json.dumps(facts), encoding="utf-8")
        write_summary(laptop / id)
    monkeypatch.setattr(records, "results_folder", lambda: tmp_path)


def test_pages_take_up_new_records(more_records):
    assert list(classifying.on_all_images(classifying.classifiers()))[-1] == "our own-clf"
    html = common.compared(classifying.classifiers(), ["accuracy"]).data
    assert "our own-clf" in html and "3 seeds" in html and "the same 156 images" in html
    assert "our own-clf, seed 0" in classifying.matrices(classifying.classifiers())
    assert (
        "our own-clf" in answers.picture("04_classifier_comparison").axes[0].get_yticklabels()[2].get_text()
    )
    assert "not run yet" not in classifying.of_r4().data
    assert "SegFormer" in contenders.networks(contenders.contenders())
    for name in ("04_classifier_comparison", "07_segmentation_side_by_side"):
        assert answers.answer(name).data.startswith("**")


@pytest.mark.parametrize("page", PAGES)
def test_no_recorded_cell_compares_figures_of_different_images(page):
    (path,) = (path for path in find(project_root()) if path.stem.startswith(page))
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "this-run" not in cell.metadata.get("tags", []):
            named = {
                node.attr for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Attribute)
            }
            assert not named & UNRESTRICTED, f"{cell.id}: {named & UNRESTRICTED}; see busilib.pages.common"
            assert all(len(line) <= 79 for line in cell.source.splitlines()), cell.id
