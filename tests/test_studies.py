"""Every study on record: each figure follows from its predictions, and each says where it comes from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.errors import UnknownNameError
from busilib.metrics.measure import FIGURES, measure
from busilib.runs.profiles import PROFILES
from busilib.runs.records import results_folder
from busilib.studies import ladder
from busilib.studies.context import Context
from busilib.studies.records import read_study
from busilib.studies.table import STUDIES, study

RECORDS = sorted(results_folder().glob("*/studies/*/metrics.json"))


@pytest.fixture(params=RECORDS, ids=lambda path: f"{path.parents[2].name}/{path.parent.name}")
def recorded(request):
    path = request.param
    return read_study(path.parent.name, path.parents[2].name)


def rows(found, condition: str) -> pd.DataFrame:
    return found.predictions[found.predictions["condition"] == condition].reset_index(drop=True)


def test_every_study_of_the_book_is_on_record():
    assert {path.parent.name.split("+")[0] for path in RECORDS if path.parents[2].name == "laptop"} == set(
        STUDIES
    )


def test_every_figure_follows_from_the_predictions(recorded):
    figures = FIGURES[recorded.task][0]
    assert set(recorded.predictions["condition"]) == set(recorded.conditions)
    for name, condition in recorded.conditions.items():
        table = rows(recorded, name)
        seeds = [rows for _, rows in table.groupby("seed")]
        assert condition["n"] == max(map(len, seeds))
        means = pd.DataFrame([figures(rows) for rows in seeds]).mean(skipna=False)
        again = means[np.isfinite(means)].to_dict()
        assert set(condition["metrics"]) == set(again)
        for key, figure in condition["metrics"].items():
            assert figure["value"] == pytest.approx(again[key], abs=1e-6), f"{name}: {key}"


def test_the_intervals_of_a_condition_can_be_computed_again(recorded):
    name = list(recorded.conditions)[-1]
    draws = PROFILES[recorded.facts["profile"]].bootstrap_draws
    table = rows(recorded, name)
    again = measure(recorded.task, table, table["group"].to_numpy(), draws)
    for key, figure in recorded.metrics(name).items():
        if figure["low"] == figure["high"] == figure["value"]:
            # Recorded before such figures got the exact interval of their groups, or none.
            assert again[key]["low"] is None or again[key]["value"] in (0, 1), key
            assert (figure["value"], figure["n"]) == (pytest.approx(again[key]["value"]), again[key]["n"])
            continue
        assert figure == pytest.approx(again[key], abs=1e-6), key


def test_images_of_busi_carry_the_shipped_groups(recorded):
    shipped = read_table().set_index("id")["group"]
    inside = recorded.predictions[recorded.predictions["id"].isin(shipped.index)]
    if recorded.name == "duplicate-threshold":
        pytest.skip("makes its own groups")
    assert (shipped.loc[inside["id"]].to_numpy() == inside["group"]).all()


def test_a_study_says_where_it_comes_from(recorded):
    facts = recorded.facts
    assert facts["dataset"]["name"] == "BUSI" and facts["dataset"]["n"] == 780
    assert {"backend", "hardware", "versions", "commit", "date", "seeds"} <= set(facts)
    assert not facts["commit"].endswith("+changes")


def test_files_are_small_enough_to_travel():
    for path in RECORDS:
        for table in path.parent.glob("*/predictions.csv"):
            assert table.stat().st_size < 2**20, table


@pytest.mark.parametrize(
    ("name", "rungs"),
    [("ladder-classification", ladder.CLASSIFICATION), ("ladder-segmentation", ladder.SEGMENTATION)],
)
def test_a_recorded_ladder_has_the_rungs_and_steps_of_today(name, rungs):
    found = read_study(name)
    assert list(found.conditions) == [rung.name for rung in rungs]
    values = [found.metrics(rung.name)[rung.figure]["value"] for rung in rungs]
    steps = [found.conditions[rung.name]["step"]["value"] for rung in rungs[1:]]
    assert np.diff(values) == pytest.approx(steps, abs=1e-6)


def test_an_unknown_study_is_refused_with_those_that_exist():
    with pytest.raises(UnknownNameError, match=r"no study 'nonsense'.*negative-controls"):
        study("nonsense", Context("smoke"))


def test_records_are_plain_json():
    for path in RECORDS:
        json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=pytest.fail)
