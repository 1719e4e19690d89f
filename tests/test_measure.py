"""Figures of all draws at once: against scikit-learn, against one table per draw, and by properties."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.tiles import TISSUES
from busilib.metrics.abstention import abstention_metrics
from busilib.metrics.calibration import calibration_metrics
from busilib.metrics.classification import answer_metrics, classification_metrics
from busilib.metrics.factorial import COMBINATIONS, combination
from busilib.metrics.intervals import group_weights
from busilib.metrics.measure import FIGURES, MAIN_FIGURES, intervals, measure, support
from busilib.metrics.metric import METRICS
from busilib.metrics.segmentation import segmentation_metrics
from busilib.metrics.tissue import COLUMNS

repeatable = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 10**6)
RESULTS = Path(__file__).parents[1] / "results"
RECORDS = sorted(RESULTS.glob("*/*/metrics.json"))


def classified(rng, n: int) -> pd.DataFrame:
    """All classes occur, and equal scores do."""
    chances = rng.dirichlet(np.ones(3), n).round(1)
    true = np.append(CLASSES, rng.choice(CLASSES, n - 3))
    return pd.DataFrame(chances, columns=CLASSES).assign(
        id=np.arange(n), true=true, answered=rng.random(n) < 0.7, fold=rng.integers(0, 2, n), threshold=0.4
    )


def outlined(rng, n: int) -> pd.DataFrame:
    table = pd.DataFrame(rng.integers(0, 4, (n, 4)), columns=["tp", "fp", "fn", "tn"])
    true = np.where(table["tp"] + table["fn"] > 0, "benign", "normal")
    return table.assign(true=true, hd95=rng.random(n).round(2), nsd=rng.random(n).round(2))


def looked_at(rng, n: int) -> pd.DataFrame:
    table = pd.DataFrame(
        rng.uniform(0.1, 1, (n, 4)), columns=["share_inside", "lesion_share", "fixed_share", "hit"]
    )
    table.loc[rng.random(n) < 0.2, ["share_inside", "hit"]] = np.nan
    return table.assign(true=rng.choice(CLASSES[:2], n), predicted=rng.choice(CLASSES, n))


def tiled(rng, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        rng.integers(0, 9, (n, len(COLUMNS))) * (rng.random(len(COLUMNS)) < 0.8), columns=COLUMNS
    )


def judged(rng, n: int) -> pd.DataFrame:
    table = classified(rng, n)
    return table.assign(true=np.where(table["true"] == "normal", "benign", table["true"]))


def answered(rng, n: int) -> pd.DataFrame:
    names = {combination(made): rng.choice(CLASSES, n) for made in COMBINATIONS}
    return pd.DataFrame({"true": rng.choice(CLASSES, n), **names})


DRAWN = {
    "segmentation": outlined,
    "classification": classified,
    "tissue": tiled,
    "attention": looked_at,
    "malignancy": judged,
    "factorial": answered,
}
CASES = [(FIGURES[task][0], make) for task, make in DRAWN.items()] + [
    (each, classified) for each in (answer_metrics, calibration_metrics, abstention_metrics)
]
each_case = pytest.mark.parametrize(("figures", "make"), CASES, ids=lambda one: one.__name__)


def close(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert np.ravel(found[key]) == pytest.approx(np.ravel(value), abs=1e-9, nan_ok=True), key


# Properties


@each_case
@repeatable
@given(seed=seeds, n=st.integers(3, 40))
def test_each_row_once_is_the_plain_figure(figures, make, seed, n):
    table = make(np.random.default_rng(seed), n)
    close(figures(table, np.ones((2, n))), {key: [value] * 2 for key, value in figures(table).items()})


@each_case
@repeatable
@given(seed=seeds, n=st.integers(3, 40))
def test_a_weight_of_two_is_a_row_given_twice(figures, make, seed, n):
    rng = np.random.default_rng(seed)
    table, times = make(rng, n), rng.integers(1, 4, n)
    repeated = table.loc[np.repeat(np.arange(n), times)].reset_index(drop=True)
    close(figures(table, times[None].astype(float)), figures(repeated))


@each_case
@repeatable
@given(seed=seeds, n=st.integers(3, 40))
def test_only_the_ratios_of_weights_count_and_not_the_order_of_rows(figures, make, seed, n):
    rng = np.random.default_rng(seed)
    table, weights, order = make(rng, n), rng.uniform(0.1, 2, (3, n)), rng.permutation(n)
    found = figures(table, weights)
    close(figures(table, weights * 7), found)
    close(figures(table.iloc[order], weights[:, order]), found)


# Referees


@repeatable
@given(seeds, st.integers(6, 60))
def test_weighted_figures_of_answers_are_scikit_learns(seed, n):
    rng = np.random.default_rng(seed)
    table, weights = classified(rng, n), rng.uniform(0.1, 3, (2, n))
    found = classification_metrics(table, weights)
    true, chances = table["true"].map(CLASSES.index).to_numpy(), table[list(CLASSES)].to_numpy()
    called = chances.argmax(axis=1)
    for draw, w in enumerate(weights):
        by_class = sk.precision_recall_fscore_support(
            true, called, labels=[0, 1, 2], zero_division=0, sample_weight=w
        )
        macro, weighted = (
            sk.precision_recall_fscore_support(true, called, average=how, zero_division=0, sample_weight=w)
            for how in ("macro", "weighted")
        )
        areas = [sk.roc_auc_score(true == k, chances[:, k], sample_weight=w) for k in range(3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rounded probabilities need not add up to 1
            loss = sk.log_loss(true, np.clip(chances, 1e-7, 1), sample_weight=w, labels=[0, 1, 2])
        referee = {
            "accuracy": sk.accuracy_score(true, called, sample_weight=w),
            "balanced_accuracy": sk.balanced_accuracy_score(true, called, sample_weight=w),
            "macro_precision": macro[0],
            "macro_f1": macro[2],
            "weighted_precision": weighted[0],
            "weighted_f1": weighted[2],
            "macro_auc": np.mean(areas),
            **{f"{name}_auc": areas[k] for k, name in enumerate(CLASSES)},
            **{
                f"{name}_{key}": by_class[place][k]
                for k, name in enumerate(CLASSES)
                for place, key in enumerate(("precision", "recall", "f1"))
            },
            "brier": np.average(((chances - np.eye(3)[true]) ** 2).sum(axis=1), weights=w),
        }
        for key, value in referee.items():
            assert found[key][draw] == pytest.approx(value, abs=1e-9), key
        if np.allclose(chances.sum(axis=1), 1):
            assert found["log_loss"][draw] == pytest.approx(loss)


def rows_of_draws(groups: np.ndarray, draws: int):
    """The rows of each draw, one after the other, as the first version of this package drew them."""
    rng = np.random.default_rng(0)
    members = list(pd.Series(np.arange(len(groups))).groupby(groups).indices.values())
    for _ in range(draws):
        yield np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])


def lacks(table: pd.DataFrame, drawn: pd.DataFrame) -> bool:
    """Whether a draw lacks a class or an answer that the table has."""
    return any(
        set(whole) - set(part)
        for whole, part in (
            (table["true"], drawn["true"]),
            (table[list(CLASSES)].idxmax(axis=1), drawn[list(CLASSES)].idxmax(axis=1)),
        )
    )


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parents[1].name}/{path.parent.name}")
def test_draws_of_every_record_are_figures_of_one_table_per_draw(path):
    """The only ones that differ have no figure, because a class or an answer is missing in the draw."""
    task = json.loads(path.read_text(encoding="utf-8"))["task"]
    parts = sorted(path.parent.rglob("predictions.csv"))
    table = pd.concat(map(pd.read_csv, parts), ignore_index=True)
    groups = read_table().set_index("id")["group"].loc[table["id"]].to_numpy()
    figures, draws = FIGURES[task][0], 8
    found = figures(table, group_weights(groups, draws))
    for draw, rows in enumerate(rows_of_draws(groups, draws)):
        drawn = table.iloc[rows]
        for key, value in figures(drawn).items():
            if task == "classification" and np.isnan(found[key][draw]) and not np.isnan(value):
                assert lacks(table, drawn), key
            else:
                assert found[key][draw] == pytest.approx(value, abs=1e-9, nan_ok=True), key


def test_a_draw_without_a_class_or_an_answer_has_no_figure_of_it():
    table = pd.DataFrame(
        [("benign", 1, 0, 0), ("malignant", 0, 1, 0), ("normal", 1, 0, 0)], columns=["true", *CLASSES]
    )
    found = classification_metrics(table, np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]))
    missing = {key for key, samples in found.items() if np.isnan(samples[0])}
    assert missing == {
        *(f"malignant_{key}" for key in ("precision", "recall", "f1", "auc")),
        *("balanced_accuracy", "macro_precision", "macro_f1", "macro_auc"),
    }
    assert found["accuracy"][0] == 0.5
    # Never called normal by anybody: 0, as in scikit-learn, and not missing.
    assert found["normal_precision"].tolist() == [0, 0]
    assert not np.isnan([samples[1] for samples in found.values()]).any()


# Figures with intervals


def test_precision_of_three_answers_has_no_interval():
    """All three images that are called malignant are: 1.00, and not "1.00 (0.00–1.00)"."""
    table = pd.DataFrame({"true": ["benign"] * 17 + ["malignant"] * 13})
    sure = np.arange(30) >= 27
    table = table.assign(benign=~sure * 1.0, malignant=sure * 1.0, normal=0.0)
    found = measure("classification", table, np.arange(30), draws=200)
    assert found["malignant_precision"] == {
        "value": 1.0,
        "low": None,
        "high": None,
        "n": 30,
        "why": "3 images called malignant",
    }
    assert found["macro_precision"]["why"] == "3 images called malignant"
    assert found["normal_recall"]["why"] == "0 normal images"
    recall = found["malignant_recall"]
    assert recall["n"] == 13 and 0 <= recall["low"] <= 3 / 13 <= recall["high"] <= 0.6
    assert "why" not in found["macro_f1"]


def test_two_images_have_figures_and_no_intervals():
    table = pd.DataFrame({"true": ["benign", "normal"], "benign": [1, 0], "malignant": 0, "normal": [0, 1]})
    found = measure("classification", table, np.arange(2), draws=20)
    assert found["accuracy"] == {"value": 1.0, "low": None, "high": None, "n": 2, "why": "2 images"}
    assert "macro_auc" not in found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_other_figures_get_intervals_over_the_same_draws():
    table = classified(np.random.default_rng(0), 60)
    groups = np.arange(60) // 2
    found, whole = (
        intervals(calibration_metrics, table, groups, 100),
        measure("classification", table, groups, 100),
    )
    assert found == {key: whole[key] for key in ("accuracy", "ece", "brier", "log_loss")}


# Seeds


def test_of_several_seeds_a_figure_is_their_mean_and_says_how_far_they_spread():
    rng = np.random.default_rng(1)
    tables = [outlined(rng, 50).assign(seed=seed) for seed in (3, 5, 8)]
    groups = np.arange(50) // 2
    found = measure("segmentation", pd.concat(tables), np.tile(groups, 3), draws=200)
    alone = [measure("segmentation", table, groups, draws=200) for table in tables]
    values = [each["all_dice"]["value"] for each in alone]
    figure = found["all_dice"]
    assert (figure["n"], figure["seeds"]) == (50, 3)
    assert figure["value"] == pytest.approx(np.mean(values), abs=1e-7)
    assert figure["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-7)
    samples = [segmentation_metrics(table, group_weights(groups, 200))["all_dice"] for table in tables]
    expected = np.quantile(np.mean(samples, axis=0), [0.025, 0.975])
    assert (figure["low"], figure["high"]) == pytest.approx(tuple(expected), abs=1e-7)
    assert "seeds" not in alone[0]["all_dice"]


def test_equal_seeds_do_not_narrow_the_interval():
    table, groups = classified(np.random.default_rng(2), 60), np.arange(60)
    once = measure("classification", table, groups, draws=100)
    twice = measure(
        "classification", pd.concat([table.assign(seed=s) for s in (0, 1)]), np.tile(groups, 2), draws=100
    )
    assert twice == {key: figure | {"sd": 0.0, "seeds": 2} for key, figure in once.items()}


def test_the_order_of_rows_does_not_matter():
    table = pd.concat(
        [classified(np.random.default_rng(s), 40).assign(seed=s) for s in (0, 1)], ignore_index=True
    )
    groups, order = np.tile(np.arange(40) // 2, 2), np.random.default_rng(3).permutation(80)
    found = measure("classification", table.iloc[order], groups[order], draws=100)
    expected = measure("classification", table, groups, draws=100)
    for key, figure in expected.items():
        assert found[key] == pytest.approx(figure, abs=1e-7), key


# The table of metrics


@pytest.mark.parametrize("task", FIGURES)
def test_every_figure_is_in_the_table_and_its_rows_are_known(task):
    table = DRAWN[task](np.random.default_rng(0), 40)
    figures, rows_of = FIGURES[task]
    rows = rows_of(table)
    for key in figures(table):
        metric = METRICS[key]
        assert metric.key == key and metric.words and metric.unit
        assert {metric.support, *metric.decided_by} <= set(rows)
    assert support(task, table).keys() == figures(table).keys()
    assert set(MAIN_FIGURES[task]) <= set(figures(table))


def test_no_two_metrics_have_one_name():
    assert len(METRICS) == len({metric.words for metric in METRICS.values()})
    assert {f"{name}_dice" for name in TISSUES} <= set(METRICS)


def test_what_is_an_error_is_better_low():
    low = {key for key, metric in METRICS.items() if metric.higher_is_better is False}
    assert low == {
        *("normal_false_positive_rate", "lesion_hd95", "brier", "ece", "log_loss", "loss"),
        *("called_normal", "malignancy_brier", "no_heat"),
    }


def test_a_share_that_is_the_same_in_every_draw_gets_the_exact_interval_of_its_groups():
    """Twelve groups of two, all named right: the lower bound is 0.025 to the power of one twelfth."""
    rows = pd.DataFrame(
        {"id": [f"{i}" for i in range(24)], "true": "benign", "benign": 0.8, "malignant": 0.1, "normal": 0.1}
    )
    found = measure("classification", rows, np.repeat(np.arange(12), 2), draws=50)
    assert found["accuracy"]["low"] == pytest.approx(0.025 ** (1 / 12)) and found["accuracy"]["high"] == 1
    assert found["benign_f1"]["low"] is None and found["benign_f1"]["why"] == "the same in every draw"
    wrong = measure("classification", rows.assign(true="normal"), np.repeat(np.arange(12), 2), draws=50)
    assert wrong["accuracy"]["low"] == 0
    assert wrong["accuracy"]["high"] == pytest.approx(1 - 0.025 ** (1 / 12))
