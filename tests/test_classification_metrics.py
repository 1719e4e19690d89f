"""Classification figures by hand, and against scikit-learn on random tables with classes missing."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from busilib.data.dataset import CLASSES
from busilib.metrics.classification import (
    ECE_BINS,
    classification_metrics,
    confusion,
    confusion_metrics,
    constant_answer,
    same_answer,
)
from busilib.metrics.measure import support

repeatable = settings(deadline=None, derandomize=True, max_examples=50)
SURE = {
    "benign": (1.0, 0.0, 0.0),
    "malignant": (0.0, 1.0, 0.0),
    "normal": (0.0, 0.0, 1.0),
}


def table(true, probabilities) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(probabilities, float), columns=list(CLASSES)).assign(true=list(true))


def drawn(seed: int, n: int = 40, present=(0, 1, 2), called=(0, 1, 2)) -> pd.DataFrame:
    """A random table in which only some classes occur and only some are ever the most probable."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet((1, 1, 1), n)
    silent = [label for label in range(3) if label not in called]
    probabilities[:, silent] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return table(np.array(CLASSES)[rng.choice(present, n)], probabilities)


# By hand


def test_confusion_matrix():
    rows = ["benign", "benign", "malignant", "normal"]
    called = ["benign", "malignant", "malignant", "benign"]
    found = confusion(table(rows, [SURE[name] for name in called]))
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert found.dtype == np.int64


def test_figures_of_a_confusion_matrix():
    found = confusion_metrics(np.array([[6, 2, 0], [1, 3, 0], [1, 0, 3]]))
    assert found == pytest.approx(
        {
            "accuracy": 12 / 16,
            "balanced_accuracy": (6 / 8 + 3 / 4 + 3 / 4) / 3,
            "macro_precision": (6 / 8 + 3 / 5 + 1) / 3,
            "weighted_precision": (8 * 6 / 8 + 4 * 3 / 5 + 4 * 1) / 16,
            "macro_f1": (12 / 16 + 6 / 9 + 6 / 7) / 3,
            "weighted_f1": (8 * 12 / 16 + 4 * 6 / 9 + 4 * 6 / 7) / 16,
            "benign_precision": 6 / 8,
            "benign_recall": 6 / 8,
            "benign_f1": 12 / 16,
            "malignant_precision": 3 / 5,
            "malignant_recall": 3 / 4,
            "malignant_f1": 6 / 9,
            "normal_precision": 1,
            "normal_recall": 3 / 4,
            "normal_f1": 6 / 7,
        }
    )


def test_perfect_and_sure():
    found = classification_metrics(table(CLASSES * 2, [SURE[name] for name in CLASSES * 2]))
    for name, value in found.items():
        assert value == (0 if name in {"brier", "ece", "log_loss"} else 1), name


def test_wrong_and_sure():
    found = classification_metrics(table(["benign", "malignant"], [SURE["malignant"], SURE["benign"]]))
    assert found["accuracy"] == 0
    assert found["brier"] == 2
    assert found["ece"] == 1
    assert found["log_loss"] == pytest.approx(-math.log(1e-7))
    assert found["benign_auc"] == 0


def test_undecided():
    """Equal probabilities: the first class is called, the areas are one half, the rest is arithmetic."""
    found = classification_metrics(table(CLASSES, np.full((3, 3), 1 / 3)))
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["macro_auc"] == pytest.approx(1 / 2)
    assert found["brier"] == pytest.approx((2 / 3) ** 2 + 2 * (1 / 3) ** 2)
    assert found["log_loss"] == pytest.approx(math.log(3))
    assert found["ece"] == pytest.approx(0)


def test_calibration_error_by_hand():
    """Two bins: confidence 0.8 is right once in two, confidence 0.5 is right always."""
    rows = [(0.8, 0.1, 0.1), (0.8, 0.2, 0.0), (0.5, 0.3, 0.2), (0.5, 0.3, 0.2)]
    found = classification_metrics(table(["benign", "malignant", "benign", "benign"], rows))
    assert found["ece"] == pytest.approx((2 * abs(0.5 - 0.8) + 2 * abs(1 - 0.5)) / 4)


def test_support():
    found = support("classification", drawn(0, 40))
    counts = drawn(0, 40)["true"].value_counts()
    for name in CLASSES:
        assert found.pop(f"{name}_recall") == found.pop(f"{name}_f1") == counts[name]
    assert set(found.values()) == {40}


def test_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"\['cyst'\].*benign.*malignant.*normal"):
        classification_metrics(table(["benign", "cyst"], [SURE["benign"]] * 2))


def test_the_class_order_of_the_columns_does_not_matter():
    found = drawn(1)
    turned = found[["normal", "true", "benign", "malignant"]]
    assert classification_metrics(turned) == classification_metrics(found)


# Against scikit-learn

MISSING = [
    ((0, 1, 2), (0, 1, 2)),
    ((0, 1), (0, 1, 2)),  # a class that never occurs but is called
    ((0, 1, 2), (0, 2)),  # a class that is never called
    ((0, 1), (0, 1)),  # a class that neither occurs nor is called
    ((1,), (1, 2)),
]


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")  # after clipping them as we do
@pytest.mark.parametrize(("present", "called"), MISSING)
@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_agrees(seed, present, called):
    rows = drawn(seed, 40, present, called)
    true = rows["true"].map(CLASSES.index).to_numpy()
    probabilities = rows[list(CLASSES)].to_numpy()
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        true, predicted, labels=[0, 1, 2], zero_division=0
    )
    macro = sk.precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)
    weighted = sk.precision_recall_fscore_support(true, predicted, average="weighted", zero_division=0)
    referee = {
        "accuracy": sk.accuracy_score(true, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "macro_precision": macro[0],
        "macro_f1": macro[2],
        "weighted_precision": weighted[0],
        "weighted_f1": weighted[2],
        "brier": ((probabilities - np.eye(3)[true]) ** 2).sum(axis=1).mean(),
        "log_loss": sk.log_loss(true, np.clip(probabilities, 1e-7, 1), labels=[0, 1, 2]),
    }
    if len(called) == 3:
        referee["brier"] = sk.brier_score_loss(true, probabilities, labels=[0, 1, 2], scale_by_half=False)
    for index, name in enumerate(CLASSES):
        referee |= {
            f"{name}_precision": precision[index],
            f"{name}_recall": recall[index],
            f"{name}_f1": f1[index],
        }
    if len(present) == 3:
        referee["macro_auc"] = sk.roc_auc_score(true, probabilities, multi_class="ovr", average="macro")
    found = classification_metrics(rows)
    for name, value in referee.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    for index, name in enumerate(CLASSES):
        both = 0 < (true == index).sum() < len(true)
        assert math.isnan(found[f"{name}_auc"]) is not both
    assert math.isnan(found["macro_auc"]) is (len(present) < 3)


def test_brier_with_a_class_at_zero_is_scikit_learns():
    rows = drawn(3, 40, called=(0, 2))
    true = rows["true"].map(CLASSES.index)
    expected = sk.brier_score_loss(true, rows[list(CLASSES)], labels=[0, 1, 2], scale_by_half=False)
    assert classification_metrics(rows)["brier"] == pytest.approx(expected)


def slow_ece(rows: pd.DataFrame) -> float:
    """The expected calibration error as its definition reads, bin by bin and row by row."""
    total = 0.0
    for number in range(ECE_BINS):
        low, high = number / ECE_BINS, (number + 1) / ECE_BINS
        confidences, hits = [], []
        for _, row in rows.iterrows():
            confidence = max(row[name] for name in CLASSES)
            if low <= confidence < high or (number == ECE_BINS - 1 and confidence == 1):
                called = next(name for name in CLASSES if row[name] == confidence)
                confidences.append(confidence)
                hits.append(called == row["true"])
        if confidences:
            total += len(hits) / len(rows) * abs(np.mean(hits) - np.mean(confidences))
    return total


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_what_its_definition_says(seed):
    rows = drawn(seed, 60)
    assert classification_metrics(rows)["ece"] == pytest.approx(slow_ece(rows), abs=1e-12)


@repeatable
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_bounds(seed, n):
    found = classification_metrics(drawn(seed, n))
    for name, value in found.items():
        if not math.isnan(value) and name != "log_loss":
            assert 0 <= value <= (2 if name == "brier" else 1), name
    assert found["log_loss"] >= 0
    assert found["ece"] <= 1


@repeatable
@given(st.lists(st.integers(0, 30), min_size=9, max_size=9).filter(any))
def test_a_matrix_and_its_rows_tell_the_same(counts):
    matrix = np.array(counts).reshape(3, 3)
    pairs = [pair for pair, count in np.ndenumerate(matrix) for _ in range(count)]
    rows = table([CLASSES[true] for true, _ in pairs], [SURE[CLASSES[called]] for _, called in pairs])
    assert confusion(rows).tolist() == matrix.tolist()
    found = classification_metrics(rows)
    for name, value in confusion_metrics(matrix).items():
        assert found[name] == value


# The same answer to everybody


def answers(true, called) -> pd.DataFrame:
    return table(true, [SURE[name] for name in called])


def test_the_same_answer_to_everybody_is_told():
    true = ["benign"] * 12 + ["malignant"] * 5 + ["normal"] * 3
    said = constant_answer(answers(true, ["benign"] * 20))
    assert said.startswith("The answer is benign for 20 of 20 images") and "0.60 of the images are" in said
    assert constant_answer(answers(true, ["normal"] * 20)).startswith("The answer is normal for 20 of 20")
    assert constant_answer(answers(true, true)) is None


def test_the_limit_is_nineteen_in_twenty():
    true = ["benign"] * 60 + ["malignant"] * 40
    assert constant_answer(answers(true, ["benign"] * 98 + ["malignant"] * 2))  # 38 of 40 others: 0.95
    assert constant_answer(answers(true, ["benign"] * 97 + ["malignant"] * 3)) is None


def test_a_set_nearly_all_of_one_class_is_no_fault_of_the_classifier():
    true = ["normal"] * 96 + ["malignant"] * 4
    assert constant_answer(answers(true, true)) is None
    assert constant_answer(answers(["normal"] * 9, ["normal"] * 9)) is None  # nothing to tell apart
    assert constant_answer(answers(true, ["normal"] * 100)) is not None


@repeatable
@given(st.integers(0, 2**32 - 1), st.sampled_from([(0,), (1,), (2,)]))
def test_probabilities_may_vary_while_the_answer_does_not(seed, called):
    said = constant_answer(
        drawn(seed).assign(**dict.fromkeys(CLASSES, 0.2)).assign(**{CLASSES[called[0]]: 0.6})
    )
    assert said and CLASSES[called[0]] in said


@given(st.integers(0, 2**32 - 1), st.sampled_from(CLASSES), st.floats(0, 0.1))
def test_the_same_answer_is_seen_in_the_figures_alone(seed, answer, apart):
    """What follows from recalls and precisions is what the table of answers says."""
    rng = np.random.default_rng(seed)
    true = rng.choice(CLASSES, 60)
    called = np.where(rng.random(60) < apart, rng.choice(CLASSES, 60), answer)
    table = answers(true, called)
    counts = {name: int((true == name).sum()) for name in CLASSES}
    metrics = {key: {"value": value, "n": 60} for key, value in classification_metrics(table).items()}
    for name in CLASSES:
        metrics[f"{name}_recall"]["n"] = counts[name]
    said = same_answer(metrics)
    if metrics[f"{answer}_precision"]["value"]:
        assert bool(said) == (constant_answer(table) is not None)
        assert not said or said == f"{answer} for {(called == answer).sum()} of 60"


def test_other_figures_say_nothing_of_answers():
    assert same_answer({"lesion_dice": {"value": 0.5, "n": 9}}) == ""


def test_tables_name_who_says_the_same_to_everybody():
    from busilib.metrics.measure import measure
    from busilib.pages import tables

    true = ["benign"] * 12 + ["malignant"] * 10 + ["normal"] * 8
    alike, fine = (
        measure("classification", answers(true, said), np.arange(30), 20) for said in (["benign"] * 30, true)
    )
    shown = tables.metrics_table({"one": alike, "other": fine}, ["accuracy"])
    assert shown.loc[tables.ALIKE].tolist() == ["–", "benign for 30 of 30", "no"]
    assert tables.ALIKE not in tables.metrics_table({"other": fine}, ["accuracy"]).index
    facts = {name: {"parameters": 1, "train_seconds": 1.0} for name in ("one", "other")}
    shown = tables.side_by_side({"one": alike, "other": fine}, facts, ["accuracy"])
    assert shown[tables.ALIKE].tolist() == ["benign for 30 of 30", "no"]
