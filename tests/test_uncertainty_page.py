"""The tables and figures of page 11, with and without validation rows."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from busilib.data.dataset import CLASSES
from busilib.metrics.abstention import risk_coverage
from busilib.metrics.calibration import fit_temperature
from busilib.metrics.classification import answer_metrics
from busilib.metrics.comparison import difference_table, mcnemar_table
from busilib.metrics.detection import detection_metrics, froc, gate_for
from busilib.metrics.strata import dice_by_stratum
from busilib.pages import figures, uncertainty
from busilib.pages.widgets import browse_failures


@dataclass
class Recorded:
    predictions: pd.DataFrame
    validation: pd.DataFrame = field(default_factory=pd.DataFrame)


def classes(seed: int, folds: int = 2, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet((1, 1, 1), n)
    table = pd.DataFrame(probabilities, columns=list(CLASSES))
    table.insert(0, "true", np.resize(CLASSES, n))
    table.insert(0, "fold", np.arange(n) % folds)
    table.insert(0, "id", [f"image ({number})" for number in range(n)])
    return table


def outlines(seed: int, folds: int = 2, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = classes(seed, folds, n)[["id", "fold", "true"]]
    lesion = (table["true"] != "normal").to_numpy()
    tp, fn = rng.integers(0, 40, n) * lesion, rng.integers(1, 20, n) * lesion
    fp = rng.integers(0, 20, n)
    return table.assign(tp=tp, fp=fp, fn=fn, tn=400 - tp - fp - fn)


TABLE = pd.DataFrame({"id": classes(0)["id"], "group": np.arange(30) // 2})
FULL, BARE = Recorded(classes(0), classes(1)), Recorded(classes(2))
MODELS = {"full": FULL, "bare": BARE}
UNET = Recorded(outlines(3), outlines(4))


def test_what_was_used_is_counted():
    found = uncertainty.used(MODELS)
    assert found.loc["full"].tolist() == [30, 2, 30]
    assert found.loc["bare"].tolist() == [30, 2, 0]


def test_p_values_in_words():
    assert [uncertainty.p_text(p) for p in (0.0009, 0.001, 0.5)] == ["< 0.001", "0.001", "0.500"]


def test_tests_in_words():
    tests = mcnemar_table({name: model.predictions for name, model in MODELS.items()})
    found = uncertainty.tests_table(tests).loc["full and bare"]
    assert found["images"] == 30
    assert found["only the first right"] == tests["only_one"].iloc[0]


def test_only_models_with_validation_rows_are_scaled():
    assert list(uncertainty.calibrated(MODELS)) == ["full"]
    assert {name: list(panel) for name, panel in uncertainty.diagrams(MODELS).items()} == {
        "full": ["as it is", "scaled"],
        "bare": ["as it is"],
    }
    found = uncertainty.calibration_table(MODELS, TABLE, draws=10)
    assert found.index.tolist() == [("full", "as it is"), ("full", "scaled"), ("bare", "as it is")]
    fitted = sorted(fit_temperature(rows) for _, rows in FULL.validation.groupby("fold"))
    assert found.loc[("full", "scaled"), "temperature"] == f"{fitted[0]:.2f} to {fitted[1]:.2f}"
    assert found["accuracy"].iloc[0] == found["accuracy"].iloc[1]


def test_no_threshold_without_validation_rows():
    found = uncertainty.abstention_table(MODELS, 0.5, TABLE, draws=10)
    assert found.loc["bare", ["answered", "errors among these"]].tolist() == ["–", "–"]
    assert not uncertainty.abstention_table({"bare": BARE}, 0.5, TABLE, draws=10).isna().any(axis=None)


def test_a_risk_that_cannot_be_reached_leaves_dashes():
    wrong = FULL.validation.assign(true=FULL.validation[list(CLASSES)].idxmin(axis=1))
    found = uncertainty.abstention_table({"full": Recorded(FULL.predictions, wrong)}, 0.0, TABLE, draws=10)
    assert found.loc["full", "answered"].startswith("0.00")
    assert found.loc["full", "errors among these"] == "–"


def test_gates_keep_the_images_that_all_have_in_the_same_fold():
    one_fold = Recorded(classes(5).query("fold == 0"), classes(6).query("fold == 0"))
    test, inner = uncertainty.gated(UNET, {"one": one_fold})
    assert list(test) == list(inner) == ["area of the outline", "one, P(normal)"]
    for table in [*test.values(), *inner.values()]:
        assert set(table["fold"]) == {0} and len(table) == 15
    score = test["one, P(normal)"].set_index("id")["score"]
    expected = 1 - one_fold.predictions.set_index("id")["normal"]
    assert score.to_dict() == pytest.approx(expected.to_dict())


@pytest.mark.parametrize("outliner, namer", [(Recorded(outlines(3)), FULL), (UNET, BARE)])
def test_a_gate_without_validation_rows_is_not_chosen(outliner, namer):
    test, inner = uncertainty.gated(outliner, {"one": namer})
    assert list(test) == ["area of the outline", "one, P(normal)"]
    assert "one, P(normal)" not in inner


def test_a_gate_is_chosen_on_validation_rows_and_measured_on_the_others():
    test, inner = uncertainty.gated(UNET, {})
    points = uncertainty.operating_points(test, inner, rate=0.3)
    gates = UNET.predictions["fold"].map(
        {fold: gate_for(rows, 0.3) for fold, rows in UNET.validation.groupby("fold")}
    )
    expected = detection_metrics(UNET.predictions, gates.to_numpy())
    assert points == {"area of the outline": expected}
    table = uncertainty.gates_table(test, points)
    assert table.index.tolist() == ["no further gate", "area of the outline"]
    assert table.loc["no further gate", "lesion images found"] == pytest.approx(
        detection_metrics(UNET.predictions)["sensitivity"], abs=5e-4
    )


def test_the_worst_outlines_and_what_happened():
    table = pd.DataFrame(
        {
            "id": list("abcdef"),
            "true": ["benign"] * 5 + ["normal"],
            "tp": [5, 0, 0, 1, 1, 0],
            "fp": [0, 3, 0, 9, 0, 9],
            "fn": [0, 2, 4, 0, 9, 0],
            "tn": [95, 95, 96, 90, 90, 91],
        }
    )
    found = uncertainty.worst_outlines(table, 4)
    assert found["id"].tolist() == ["c", "b", "e", "d"]
    assert found["what happened"].tolist() == [
        "nothing outlined",
        "outlined elsewhere",
        "too little outlined",
        "too much outlined",
    ]
    assert found["lesion (% of image)"].tolist() == [4, 2, 10, 1]


def test_the_surest_errors():
    found = uncertainty.surest_errors(FULL.predictions, 5)
    assert found["confidence"].is_monotonic_decreasing and len(found) == 5
    true = FULL.predictions.set_index("id").loc[found["id"], "true"].to_numpy()
    assert (true != found["called"].to_numpy()).all()


def test_every_figure_is_drawn():
    tables = {name: model.predictions for name, model in MODELS.items()}

    gaps = difference_table(answer_metrics, tables, TABLE["group"].to_numpy(), 5)
    test, inner = uncertainty.gated(UNET, {"full": FULL, "bare": BARE})
    points = uncertainty.operating_points(test, inner, 0.2)
    strata = dice_by_stratum(UNET.predictions, TABLE["group"].to_numpy(), 5)
    drawn = [
        (figures.reliability_diagrams(uncertainty.diagrams(MODELS)), 2),
        (figures.risk_coverage_curves({name: risk_coverage(table) for name, table in tables.items()}), 1),
        (figures.froc_curves({name: froc(table) for name, table in test.items()}, points), 1),
        (figures.froc_curves({name: froc(table) for name, table in test.items()}), 1),
        (figures.differences(gaps, {"accuracy": "accuracy"}), 1),
        (figures.strata(strata), 1),
    ]
    for figure, panels in drawn:
        assert sum(axis.axison for axis in figure.axes) == panels
        figure.canvas.draw()


def test_failures_are_shown_and_browsed(phantom):
    ids, captions = phantom.ids[[3, 0]], ["worst", "second"]
    shown = figures.failures(phantom, ids, captions, phantom.masks[[3, 0]])
    assert [axis.get_title() for axis in shown.axes][:2] == [f"{ids[0]}\nworst", f"{ids[1]}\nsecond"]
    assert browse_failures(phantom, ids, captions).children[0].max == 2
