"""Sliders of the book that need no kernel: a table of recorded figures, and a script that walks through it.

The table is there without the script, which only adds a slider and says the row that is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from busilib.metrics.calibration import calibrate, confidence_of
from busilib.runs.records import read_record
from busilib.studies.records import read_study

NO_RECORD = "*No record yet.*"
MODEL = "r2-mobilenet"
"""The recorded classifier whose confidence the first slider cuts."""

OURS = "above 0.95"
"""The second slider starts at the threshold of this book."""

LEAST = np.linspace(0.35, 0.99, 33).round(2)
"""Places of the first slider."""


@dataclass(frozen=True)
class Step:
    """One place of a slider: what it is called, the cells of its row, the sentence that is said, and shares
    (0 to 1) that are drawn as bars."""

    name: str
    cells: tuple[str, ...]
    said: str
    shares: tuple[float, ...]


def abstention(root: Path) -> str:
    """A slider over the confidence from which a recorded classifier answers.

    Args:
        root: the repository, whose `results/` holds the records.

    Returns:
        HTML for a page in MyST Markdown.

    Example:
        >>> "<input" in abstention(Path("."))
        True
    """
    record = read_record(MODEL, "laptop", root / "results")
    if record is None or record.validation.empty:
        return NO_RECORD
    scaled, _ = calibrate(record.predictions, record.validation)
    confidence, right = confidence_of(scaled)
    return _html(
        "abstention",
        "Answer from a confidence of",
        ("confidence at least", "images answered", "share answered", "right among the answered"),
        ("answered", "right among the answered"),
        [_answered(least, confidence >= least, right) for least in LEAST],
    )


def duplicates(root: Path) -> str:
    """A slider over the correlation from which near-duplicates are kept together.

    Example:
        >>> "above 0.95" in duplicates(Path("."))
        True
    """
    study = read_study("duplicate-threshold", "laptop", root / "results")
    if study is None:
        return NO_RECORD
    return _html(
        "duplicates",
        "Folds keep pairs together that correlate",
        ("pairs kept together", "tested beside a twin", "accuracy (95% interval)"),
        ("tested beside a twin", "accuracy"),
        [_together(name, condition) for name, condition in study.conditions.items()],
        start=list(study.conditions).index(OURS) if OURS in study.conditions else None,
    )


def _answered(least: float, answered: np.ndarray, right: np.ndarray) -> Step:
    n, share = int(answered.sum()), float(answered.mean())
    correct = float(right[answered].mean()) if n else 0.0
    hits = f"{correct:.1%}" if n else "–"
    said = (
        f"From a confidence of {least:.2f} on, {n} of {len(answered)} images are answered ({share:.0%}), and "
        + (f"{correct:.0%} of these answers are right." if n else "there is no answer left to be right.")
    )
    return Step(f"{least:.2f}", (f"{least:.2f}", f"{n}", f"{share:.1%}", hits), said, (share, correct))


def _together(name: str, condition: dict) -> Step:
    accuracy, apart = condition["metrics"]["accuracy"], condition["twins_apart"]
    value = f"{accuracy['value']:.3f}"
    shown = "nothing" if condition["threshold"] is None else name
    kept = "nothing is kept together" if condition["threshold"] is None else f"pairs {name} are kept together"
    said = (
        f"Where {kept}, {apart:.0%} of the test images have a near-duplicate in training, and the accuracy "
        f"is {value}."
    )
    cells = (shown, f"{apart:.1%}", f"{value} ({accuracy['low']:.3f}–{accuracy['high']:.3f})")
    return Step(shown, cells, said, (apart, accuracy["value"]))


def _html(
    id: str,
    label: str,
    head: Sequence[str],
    bars: Sequence[str],
    steps: Sequence[Step],
    start: int | None = None,
) -> str:
    """The table, and the parts that the script shows: a slider, bars, and what is said.

    The slider starts at the step with this place, in the middle unless given.
    """
    rows = "\n".join(
        f'<tr data-name="{escape(step.name)}" data-said="{escape(step.said)}" '
        f'data-shares="{" ".join(f"{share:.4f}" for share in step.shares)}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in step.cells)
        + "</tr>"
        for step in steps
    )
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    meters = "\n".join(
        f'<p><label for="{id}-bar-{n}">{escape(bar)}</label> '
        f'<meter id="{id}-bar-{n}" min="0" max="1"></meter></p>'
        for n, bar in enumerate(bars)
    )
    first = len(steps) // 2 if start is None else start
    return f"""```{{raw}} html
<div class="explore" id="explore-{id}">
<div class="explore-live" hidden>
<p><label for="{id}-slider">{escape(label)}</label>
<input type="range" id="{id}-slider" min="0" max="{len(steps) - 1}" step="1" value="{first}"></p>
<p><output for="{id}-slider" aria-live="polite"></output></p>
{meters}
</div>
<details open><summary>The table behind it</summary>
<table class="table"><thead><tr>{columns}</tr></thead>
<tbody>
{rows}
</tbody></table>
</details>
</div>
```"""
