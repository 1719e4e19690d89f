"""What pages 1, 2, 3 and 5 tell of the shipped table and of records: counted by hand, and in other ways."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.polygons import filled
from busilib.metrics.segmentation import count_pixels, dice_per_image
from busilib.pages import answers, both, common, facts, segmenters, twins
from busilib.pages.figures.drawn import found_over_drawn, outlines, side_by_side, squeezed
from busilib.pages.figures.facts import doubled_images, lesion_areas, stretches, twin_shares
from busilib.pages.figures.outcomes import OUTCOMES, dice_over_size, dice_ranks, outcomes
from busilib.pages.plain import plain
from busilib.pages.shipped import the_record
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.measured import combined_records
from busilib.runs.records import read_record

SMALL = pd.DataFrame(
    {
        "id": ["benign (1)", "benign (2)", "malignant (1)", "malignant (2)", "normal (1)", "normal (2)"],
        "class": ["benign", "benign", "malignant", "malignant", "normal", "normal"],
        "group": [0, 1, 1, 2, 3, 3],
        "label_conflict": [False, True, True, False, False, False],
    }
)

COUNTED = pd.DataFrame(
    {
        "id": ["benign (1)", "benign (2)", "malignant (1)", "normal (1)", "normal (2)"],
        "fold": 0,
        "true": ["benign", "benign", "malignant", "normal", "normal"],
        "tp": [8, 0, 40, 0, 0],
        "fp": [0, 0, 0, 4, 0],
        "fn": [0, 2, 0, 0, 0],
        "tn": [92, 98, 60, 96, 100],
    }
)


def record(*tables: pd.DataFrame):
    """A record with one seed for each table."""
    seeds = list(range(len(tables)))
    predictions = pd.concat([table.assign(seed=seed) for seed, table in enumerate(tables)], ignore_index=True)
    return SimpleNamespace(predictions=predictions, facts={"seeds": seeds})


def test_every_image_is_counted_once_and_contradiction_comes_first():
    counts = facts.doubled(SMALL)
    assert counts.loc["benign"].tolist() == [1, 0, 1]
    assert counts.loc["malignant"].tolist() == [1, 0, 1]
    assert counts.loc["normal"].tolist() == [0, 2, 0]


def test_pictures_by_how_often_they_stand_there():
    assert facts.group_sizes(SMALL).to_dict("index") == {
        1: {"pictures": 2, "images": 2},
        2: {"pictures": 2, "images": 4},
    }


def test_conflicts_are_listed_by_number():
    assert facts.conflicts(SMALL).loc[1].tolist() == ["2", "1", "–"]
    found = facts.conflicts(read_table())
    assert found.map(lambda text: text.count(",") + (text != "–")).to_numpy().sum() == 17


def test_areas_of_lesions_from_counts_of_pixels():
    shares = facts.lesion_shares(pd.concat([COUNTED, COUNTED]))
    assert dict(zip(shares["id"], shares["share"], strict=True)) == {
        "benign (1)": 8,
        "benign (2)": 2,
        "malignant (1)": 40,
    }
    assert facts.background_share(COUNTED) == pytest.approx(1 - 50 / 500)


def test_the_malignant_drawing_of_a_picture_is_the_rougher_one():
    groups = facts.contradicting_outlines(read_table())
    assert all({outline.label for outline in group} == {"benign", "malignant"} for group in groups)
    assert facts.rougher_malignant(read_table()) == (5, 5)


def test_twins_of_a_split_counted_pair_by_pair():
    table = read_table()
    split = twins.report_split("R2", seed=3)
    trained = table.iloc[split.train]
    by_hand = sum((trained["group"] == group).any() for group in table["group"].iloc[split.test])
    found = twins.twins().query("split == 'R2'")["twins"].tolist()
    assert found[3] == by_hand
    assert (min(found), max(found), np.mean(found)) == (17, 37, 26.35)


def test_grouped_folds_have_no_twins_and_hold_every_image_once():
    ours = twins.twins()[twins.twins()["split"] == twins.GROUPED]
    assert len(ours) == 25 and ours["twins"].sum() == 0
    assert ours["test"].sum() == 5 * 780
    assert sorted(np.concatenate([split.test for split in twins.folds(2)])) == list(range(780))


def test_one_experiment_stands_for_each_split_of_a_report():
    of_reports = {
        (entry.report, entry.report_split)
        for entry in EXPERIMENTS.values()
        if entry.report in ("R1", "R2", "R3", "R4")
    }
    assert of_reports == {
        (EXPERIMENTS[id].report, EXPERIMENTS[id].report_split) for id in twins.REPORTS.values()
    }


def test_lesions_are_means_over_seeds():
    worse = COUNTED.assign(tp=0, fn=COUNTED["tp"] + COUNTED["fn"])
    found = segmenters.lesions(record(COUNTED, worse)).set_index("id")
    assert found["dice"].to_dict() == {"benign (1)": 0.5, "benign (2)": 0, "malignant (1)": 0.5}
    assert found["missed"].tolist() == [0.5, 1, 0.5]
    assert len(segmenters.first_seed(record(COUNTED, worse))) == len(COUNTED)


def test_outlines_that_were_found_have_the_dice_that_is_said():
    drawn, found, dice = segmenters.found_and_drawn(the_record("own-seg"))
    assert [one.id for one in drawn] == [one.id for one in found] and dice == sorted(dice)
    for hand, network, said in zip(drawn, found, dice, strict=True):
        pair = (filled(one.rings, (224, 224))[None] for one in (hand, network))
        assert dice_per_image(count_pixels(*pair)).item() == pytest.approx(said, abs=0.03)
    assert len(found_over_drawn(drawn, found, dice).axes) == 12


def test_the_worked_example_is_the_largest_the_missed_and_the_painted():
    example = segmenters.worked_example(record(COUNTED))
    assert example.index.tolist() == ["malignant (1)", "benign (2)", "normal (1)"]
    values = segmenters.of_example(example)
    assert values["pooled_dice"] == pytest.approx(80 / (80 + 4 + 2))
    assert values["lesion_dice"] == 0.5
    assert values["all_dice"] == pytest.approx(1 / 3)


def test_painting_nothing_scores_the_share_of_normals_and_of_background():
    figures = segmenters.empty_answer(record(COUNTED), COUNTED["id"])
    assert (figures["lesion_dice"], figures["all_dice"]) == (0, 0.4)
    assert figures["pooled_accuracy"] == pytest.approx(facts.background_share(COUNTED))


def test_networks_are_compared_on_common_images():
    records = segmenters.networks()
    shared = set(common.common_ids(records))
    assert all(shared <= set(found.predictions["id"]) for found in records.values())
    table = segmenters.dice_table(records)
    assert list(table.index) == [*records, segmenters.NOTHING]
    wide = segmenters.widest(records)
    assert {found.predictions["id"].nunique() for found in wide.values()} == {780}


def test_a_record_says_how_it_falls_short():
    assert common.made(read_record("r1-unet", "laptop")) == "36 of 100 epochs, 16 of 64 filters"
    assert common.made(read_record("r2-vgg19+random-weights", "laptop")).endswith("random weights")


def test_two_drawings_of_one_picture_agree_in_part():
    apart = segmenters.drawings_apart()
    assert len(apart) == 11 and apart.between(0.3, 1).all()


def named(called: list[str]) -> pd.DataFrame:
    table = COUNTED.assign(called=called, normal=[0.7 if name == "normal" else 0.1 for name in called])
    table["dice"] = [1, 0, 1, 0, 1]
    table["right name"] = table["called"] == table["true"]
    table["right place"] = table["dice"] >= both.ENOUGH
    return table


def test_outcomes_counted_by_hand():
    table = named(["benign", "benign", "benign", "normal", "malignant"])
    counts = both.outcome_counts(table)
    assert list(counts.columns) == list(OUTCOMES)
    assert counts.loc["benign"].tolist() == [1, 1, 0, 0]
    assert counts.loc["malignant"].tolist() == [0, 0, 1, 0]
    assert counts.loc["all"].tolist() == [1, 2, 2, 0]


def test_the_veto_helps_normals_and_costs_lesions():
    table = named(["normal", "benign", "malignant", "normal", "normal"])
    assert both.gates(table).loc["no veto"].tolist() == [1, 2]
    assert both.gates(table).loc["R1's veto"].tolist() == [0, 1]
    table["normal"] = both.CAREFUL
    assert both.gates(table).loc["careful veto"].tolist() == [1, 2]


def test_sixty_images_are_those_of_the_combined_records():
    recorded = combined_records("laptop")
    sixty = both.sixty(both.images())
    assert sixty["true"].value_counts().to_dict() == dict.fromkeys(CLASSES, 20)
    assert sixty["right name"].mean() == pytest.approx(recorded["DenseNet121"]["accuracy"]["value"])
    assert sixty["dice"].mean() == pytest.approx(recorded["U-Net and classifier"]["all_dice"]["value"])


def test_both_is_at_most_the_smaller_of_the_two():
    found = both.joint(both.images())
    value = {key: figure["value"] for key, figure in found.items()}
    low, high = sorted((value["right name"], value["right place"]))
    assert low + high - 1 <= value["both"] <= low
    assert found["both"]["low"] < value["both"] < found["both"]["high"]


@pytest.mark.parametrize("notebook", answers.PAGES)
def test_answers_come_from_what_is_shipped(notebook):
    text = answers.answer(notebook).data
    assert text.startswith("**") and not re.search(r"\bnan\b", text)
    assert answers.picture(notebook).axes


def test_figures_show_all_they_are_given():
    table = read_table()
    groups = facts.contradicting_outlines(table)
    assert len(side_by_side(groups).axes) == 3 * len(groups)
    assert len(squeezed(groups[0]).axes) == 4 * len(groups[0])
    assert [axis.get_title() for axis in outlines(groups[0], columns=3).axes] == [x.id for x in groups[0]]
    assert len(doubled_images(facts.doubled(table)).axes[0].containers) == 3
    assert len(twin_shares(twins.twins()).axes[0].get_yticklabels()) == twins.twins()["split"].nunique()
    assert stretches(facts.stretch(table), table["class"]).axes
    lesion = segmenters.lesions(record(COUNTED))
    assert lesion_areas(facts.lesion_shares(COUNTED)).axes
    assert len(dice_ranks({"one": lesion, "two": lesion}).axes[0].lines) == 2
    assert dice_over_size(lesion).axes[0].get_xscale() == "log"
    assert len(outcomes(both.outcome_counts(named(list(COUNTED["true"])))).axes[0].containers) >= 4


def test_a_plain_table_has_one_row_of_heads_and_none_is_empty():
    table = pd.DataFrame({"images": [1]}, index=pd.Index(["benign"], name="class"))
    html = plain(table.rename_axis("kind", axis="columns").assign(what="<b>"), "class").data
    assert html.count("<thead>") == 1 and html.count('<th scope="col"') == 3
    assert '<td style="text-align: right">1</td><td>&lt;b&gt;</td>' in html
