"""The threshold study: twins in a random run and differences by hand, the whole on phantoms and on BUSI."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from busilib.data.dataset import CLASSES
from busilib.data.splits import FOLDS, REPEATS, grouped_split, leaked
from busilib.metrics.measure import measure
from busilib.reports.registry import experiment
from busilib.runs.protocols import make_split
from busilib.studies.context import Context
from busilib.studies.duplicate_threshold import (
    accuracy_difference,
    duplicate_threshold,
    repeated_predictions,
    twins_in_random_run,
)
from busilib.studies.records import read_study, write_study


def predictions(right: list[bool], ids: list[str], groups: list[int]) -> pd.DataFrame:
    """Benign images that are named right or called malignant."""
    sure = np.where(right, 0.9, 0.1)
    return pd.DataFrame(
        {"id": ids, "group": groups, "true": "benign", "benign": sure, "malignant": 1 - sure, "normal": 0.0}
    ).assign(seed=0)


def test_difference_by_hand():
    # a: right in both repeats against one of two; b: the same in both. (0.5 + 0) / 2
    one = predictions([True, True, False, False], ["a", "a", "b", "b"], [0, 0, 1, 1])
    other = predictions([False, False, False, True], ["b", "b", "a", "a"], [1, 1, 0, 0])
    found = accuracy_difference(one, other, draws=50)
    assert found == {"value": 0.25, "low": None, "high": None, "n": 2, "why": "2 images"}
    assert accuracy_difference(one, one, draws=5)["value"] == 0
    # the other way round under another seed: the mean is nothing, the spread is not
    both = accuracy_difference(
        pd.concat([one, other.assign(seed=1)]), pd.concat([other, one.assign(seed=1)]), draws=50
    )
    assert (both["value"], both["n"], both["seeds"]) == (0, 2, 2)
    assert both["sd"] == pytest.approx(np.std([0.25, -0.25], ddof=1))


def test_each_image_is_predicted_once_in_each_repeat(phantom):
    x = np.random.default_rng(0).normal(size=(len(phantom), 4)).astype(np.float32)
    table = repeated_predictions(x, phantom, np.arange(len(phantom)), seed=3)
    assert len(table) == REPEATS * len(phantom)
    assert table.groupby(["id", table["fold"] // FOLDS]).size().eq(1).all()
    split = grouped_split(phantom.labels, np.arange(len(phantom)), fold=2, seed=4)
    seventh = table[table["fold"] == FOLDS + 2]  # the second repeat takes the next seed
    assert seventh["id"].tolist() == phantom.ids[split.test].tolist()
    assert seventh["twin"].tolist() == leaked(phantom.groups, split).tolist()
    assert table["twin"].any()
    assert not repeated_predictions(x, phantom, phantom.groups)["twin"].any()


def test_twins_in_a_random_run_are_counted_and_scored(phantom, tmp_path):
    split = make_split(experiment("r2-cnn"), phantom, "smoke", "random")
    groups = np.arange(len(phantom))
    groups[split.test[0]] = groups[split.train[0]]  # one planted twin
    found = twins_in_random_run(phantom, groups, "smoke", folder=tmp_path)
    assert found == {"experiment": "r2-cnn", "test": len(split.test), "with_twin": 1}

    wrong = [True] + [False] * (len(split.test) - 1)  # only the twin is named right
    sure = np.full((len(split.test), len(CLASSES)), 0.1)
    sure[np.arange(len(sure)), (phantom.labels[split.test] + ~np.array(wrong)) % 3] = 0.8
    table = phantom.table.iloc[split.test][["id"]].assign(
        fold=0, true=phantom.table["class"], **dict(zip(CLASSES, sure.T, strict=True))
    )
    record = tmp_path / "smoke" / "r2-cnn@random"
    (record / "seed0-fold0").mkdir(parents=True)
    (record / "metrics.json").write_text("{}")
    (record / "seed0-fold0" / "run.json").write_text('{"spec": {"seed": 0, "fold": 0}}')
    table.sample(frac=1, random_state=0).to_csv(record / "seed0-fold0" / "predictions.csv", index=False)
    found = twins_in_random_run(phantom, groups, "smoke", folder=tmp_path)
    assert (found["right_with_twin"], found["right_without_twin"]) == (1, 0)

    other = replace(phantom, table=phantom.table.assign(id=[f"x{i}" for i in range(len(phantom))]))
    assert "right_with_twin" not in twins_in_random_run(other, groups, "smoke", folder=tmp_path)


@pytest.mark.slow
def test_study_of_phantoms(phantom_dir, phantom, tmp_path):
    study = duplicate_threshold(Context("smoke", phantom_dir))
    assert list(study.conditions) == [
        "above 0.90",
        "above 0.95",
        "above 0.99",
        "image by image",
    ]
    for name, condition in study.conditions.items():
        table = study.predictions[study.predictions["condition"] == name]
        assert condition["n"] == len(table) == REPEATS * len(phantom)
        assert condition["twins_apart"] == table["twin"].mean()
    assert study.conditions["above 0.95"]["difference"] == {
        "value": 0,
        "low": 0,
        "high": 0,
        "n": len(phantom),
    }
    assert (
        study.conditions["above 0.95"]["twins_apart"] == 0 < study.conditions["image by image"]["twins_apart"]
    )
    assert study.conditions["above 0.95"]["pairs"] == study.conditions["above 0.95"]["groups"] == 4
    write_study(study, tmp_path)
    again = read_study("duplicate-threshold", "smoke", tmp_path)
    assert json.loads(json.dumps(dict(study.conditions))) == again.conditions
    assert set(again.predictions["condition"]) == set(study.conditions)


@pytest.fixture(scope="module")
def recorded():
    study = read_study("duplicate-threshold")
    if study is None:
        pytest.skip("no record of this study yet")
    return study


def test_recorded_folds_are_those_of_the_shipped_table(recorded):
    from busilib.data.busi.fingerprint import read_table

    shipped = read_table().set_index("id")
    table = recorded.predictions.query("condition == 'above 0.95'")
    for repeat in range(REPEATS):
        own = table[table["fold"] // FOLDS == repeat].set_index("id")["fold"] % FOLDS
        assert own.sort_index().tolist() == shipped[f"fold_{repeat}"].sort_index().tolist()


def test_recorded_differences_can_be_computed_again(recorded):
    tables = dict(list(recorded.predictions.groupby("condition")))
    for name, condition in recorded.conditions.items():
        found = accuracy_difference(tables[name], tables["above 0.95"], draws=1000)
        assert found == pytest.approx(condition["difference"], abs=1e-6)
        assert condition["twins_apart"] == pytest.approx(tables[name]["twin"].mean())
    name = "image by image"
    metrics = measure("classification", tables[name], tables[name]["group"].to_numpy(), draws=2)
    for key, figure in metrics.items():
        assert figure["value"] == pytest.approx(recorded.metrics(name)[key]["value"], abs=1e-6)
