"""What the page on outlines tells, against other code and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from busilib.metrics.redrawn import DRAWINGS
from busilib.pages import drawings, figures
from busilib.studies.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return drawings.recorded()


def test_the_record_holds_every_outline_of_both_sets(study):
    assert drawings.sets(study) == ["BUSI", "BrEaST"]
    for name, n in (("BUSI", 647), ("BrEaST", 252)):
        for drawing in DRAWINGS:
            assert len(drawings.drawn(study, name, drawing)) == n


def test_areas_under_the_curve_against_a_referee(study):
    found = drawings.alone(study, draws=20).set_index(["set", "descriptor"])["value"]
    table = drawings.drawn(study, "BUSI")
    malignant = table["true"] == "malignant"
    assert found["BUSI", "circumference"] == pytest.approx(roc_auc_score(malignant, table["circumference"]))
    assert found["BUSI", "solidity"] == pytest.approx(roc_auc_score(malignant, -table["solidity"]))
    doses = drawings.doses(study, draws=20).set_index(["set", "drawing"])["value"]
    assert doses["BUSI", "raw"] == found["BUSI", "circumference"]
    assert doses["BUSI", "ellipse"] < 0.6 < doses["BUSI", "convex hull"]


def test_three_classes_by_one_number(study):
    found = drawings.three_classes(study, draws=20)
    assert found["n"] == 780
    one = drawings.out_of_fold(drawings.drawn(study, "BUSI"), ("circumference",))
    right = ((one["malignant"] >= 0.5) == (one["true"] == "malignant")).sum()
    assert found["value"] == pytest.approx((right + 133) / 780)


def made_up(rows) -> Study:
    table = pd.DataFrame(rows, columns=["group", "true", "circumference"])
    table = table.assign(condition="BUSI, raw", id=[f"{i}" for i in range(len(rows))])
    return Study("outline", "malignancy", {"BUSI, raw": {}}, table, {})


def test_pictures_under_two_labels_by_hand():
    """Group 1 agrees (one of three by lot), group 2 does not (one of two), group 3 has one label."""
    study = made_up(
        [
            (1, "benign", 1.0),
            (1, "benign", 1.1),
            (1, "malignant", 1.2),
            (2, "benign", 1.3),
            (2, "malignant", 1.2),
            (3, "benign", 1.0),
        ]
    )
    assert drawings.conflicts(study)["id"].tolist() == ["0", "1", "2", "4", "3"]
    count, of, chance = drawings.rougher(study)
    assert (count, of) == (1, 2) and chance == pytest.approx(1 / 6)


def test_two_sets_that_draw_alike_are_not_told_apart(study):
    benign, malignant = (drawings.one_class_of_two_sets(study, true, 20) for true in ("benign", "malignant"))
    assert benign["value"] > 0.95 and 0.45 < malignant["value"] < 0.65
    rows = [
        drawings.drawn(study, name).query("`true` == 'benign'")["circumference"]
        for name in ("BUSI", "BrEaST")
    ]
    pairs = np.mean(rows[1].to_numpy()[:, None] > rows[0].to_numpy())
    assert benign["value"] == pytest.approx(pairs, abs=0.002)


def test_figures_are_drawn(study):
    tables = {name: drawings.drawn(study, name) for name in drawings.sets(study)}
    assert len(figures.by_class(tables, "circumference", "x").axes) == 2
    (axis,) = figures.dose_response(drawings.doses(study, draws=20), "circumference").axes
    assert len(axis.get_xticklabels()) == len(DRAWINGS)
