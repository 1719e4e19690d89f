"""The plan's primary figures: those of the page, computed in another way, and told as reached or not."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from busilib.data.dataset import CLASSES
from busilib.metrics.operating_point import fit_offsets
from busilib.pages.primary import GOALS, primary, primary_figures, reached
from busilib.runs.records import read_record

ROOT = Path(__file__).parents[1]


def test_goals_are_those_of_the_plan():
    plan = (ROOT / "book" / "plan.md").read_text(encoding="utf-8")
    for goal in GOALS:
        row = next(
            line for line in plan.splitlines() if line.startswith(f"| `{goal.id}`") and _named(goal, line)
        )
        (number,) = re.findall(r"(0\.\d\d|\d+)%? \|$", row)
        assert float(number) / (100 if "%" in row else 1) == goal.goal and ("at most" in row) == goal.lower


def _named(goal, line: str) -> bool:
    words = {
        "macro_auc": "macro AUC",
        "malignancy_auc": "malignant against benign",
        "macro_f1 at the operating point": "macro F1",
        "lesion_dice": "mean of lesion images",
        "all_dice": "mean of all images",
        "normal_false_positive_rate": "false lesion",
    }
    return words[goal.figure] in line


def test_figures_against_other_code():
    """On a record that has validation rows of every fold."""
    record = read_record("r2-mobilenet", "laptop")
    found, table = primary_figures(record), record.predictions
    lesions = table[table["true"] != "normal"]
    score = lesions["malignant"] / (lesions["malignant"] + lesions["benign"])
    by_fold = [
        roc_auc_score(part["true"] == "malignant", score[part.index]) for _, part in lesions.groupby("fold")
    ]
    assert found["malignancy_auc"]["value"] == pytest.approx(np.mean(by_fold), abs=1e-6)
    called = np.empty(len(table), int)
    for fold, part in table.groupby("fold"):
        offsets = fit_offsets(record.validation[record.validation["fold"] == fold])
        logs = np.log(np.maximum(part[list(CLASSES)].to_numpy(), 1e-7)) + offsets
        called[table.index.get_indexer(part.index)] = logs.argmax(axis=1)
    true = table["true"].map(CLASSES.index)
    assert found["macro_f1 at the operating point"]["value"] == pytest.approx(
        f1_score(true, called, average="macro"), abs=1e-6
    )


def test_a_goal_is_reached_by_its_figure():
    high, low = GOALS[0], GOALS[-1]
    assert reached(high, {"value": 0.95}) and not reached(high, {"value": 0.9499})
    assert reached(low, {"value": 0.10}) and not reached(low, {"value": 0.101})


def test_every_goal_has_a_row_and_what_is_not_recorded_says_so(tmp_path):
    text = primary(tmp_path)
    assert text.count("not run yet") == len(GOALS)
    assert primary(ROOT).count("\n") == len(GOALS) + 1
