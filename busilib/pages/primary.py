"""The primary figures of the plan (`book/plan.md`), each with its goal and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from busilib.metrics.malignancy import lesions_only
from busilib.metrics.operating_point import at_operating_point
from busilib.pages.generated import markdown_table
from busilib.pages.shipped import PROFILE, out_of_fold
from busilib.pages.tables import cell
from busilib.runs.measured import metrics_of_busi
from busilib.runs.records import Record

SEEDS = 3


@dataclass(frozen=True)
class Goal:
    """One primary figure.

    Attributes:
        id: of the experiment.
        figure: key of `primary_figures`.
        words: what it is called.
        goal: as a fraction.
        lower: whether less is better.
    """

    id: str
    figure: str
    words: str
    goal: float
    lower: bool = False


GOALS = (
    Goal("own-clf", "macro_auc", "macro AUC, three classes", 0.95),
    Goal("own-clf", "malignancy_auc", "AUC, malignant against benign", 0.94),
    Goal("own-clf", "macro_f1 at the operating point", "macro F1, at the operating point", 0.85),
    Goal("own-seg", "lesion_dice", "Dice, mean of lesion images", 0.78),
    Goal("own-seg", "all_dice", "Dice, mean of all images", 0.80),
    Goal("own-seg", "normal_false_positive_rate", "normals with a false lesion", 0.10, lower=True),
)


def primary_figures(record: Record) -> dict[str, dict]:
    """The figures of a record that the plan asks for, each the mean of its seeds with its interval.

    Args:
        record: of `own-clf` or `own-seg`, with validation rows.

    Example (not run):
        >>> primary_figures(read_record("own-clf", "laptop"))["macro_auc"]["value"]
    """
    if record.facts["task"] != "classification":
        return dict(record.metrics)
    decided = at_operating_point(record.predictions, record.validation)
    return {
        **record.metrics,
        "malignancy_auc": malignancy_auc(record),
        "macro_f1 at the operating point": metrics_of_busi("classification", decided, PROFILE)["macro_f1"],
    }


def malignancy_auc(record: Record) -> dict:
    """Area under the curve of malignant against benign, on the lesion images of a classifier's record.

    Example:
        >>> malignancy_auc(read_record("r2-cnn", "laptop"))["n"]
        647
    """
    return metrics_of_busi("malignancy", lesions_only(record.predictions), PROFILE)["malignancy_auc"]


def reached(goal: Goal, figure: dict) -> bool:
    """Whether a figure is as good as its goal; its interval does not count.

    Example:
        >>> reached(GOALS[-1], {"value": 0.08}), reached(GOALS[0], {"value": 0.94})
        (True, False)
    """
    return figure["value"] <= goal.goal if goal.lower else figure["value"] >= goal.goal


def primary(root: Path) -> str:
    """The table of primary figures, as Markdown.

    Args:
        root: the repository, whose `results/` are read.

    Example:
        >>> "macro AUC" in primary(Path("."))
        True
    """
    records = {id: out_of_fold(id, root / "results") for id in ("own-clf", "own-seg")}
    found = {id: primary_figures(record) for id, record in records.items() if record is not None}
    rows = []
    for goal in GOALS:
        aim = f"{'at most' if goal.lower else 'at least'} {goal.goal:.2f}"
        if goal.id not in found:
            rows.append([f"`{goal.id}`", goal.words, aim, "not run yet", "–"])
            continue
        figure, record = found[goal.id][goal.figure], records[goal.id]
        seeds = len(record.facts["seeds"]) if record else 0
        part = "" if seeds == SEEDS else f", {seeds} of {SEEDS} seeds"
        verdict = "reached" if reached(goal, figure) else "not reached"
        rows.append([f"`{goal.id}`", goal.words, aim, f"{cell(figure)}{part}", verdict])
    return markdown_table(["network", "figure", "goal", "recorded", "verdict"], "lllll", rows)
