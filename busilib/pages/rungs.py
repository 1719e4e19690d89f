"""The tables and sentences of the page on the inflation ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from busilib.metrics.figure import above, below
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES
from busilib.studies.ladder import Rung
from busilib.studies.study import Study


def mistakes(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Which mistakes each rung still makes, marked by a cross, and the figure it reports.

    Example:
        >>> mistakes(CLASSIFICATION).columns.tolist()
        ['copies first', 'peeking', 'image wise', 'true mask', 'reported figure']
    """
    table = pd.DataFrame([asdict(rung) for rung in rungs]).set_index("name")
    figure = table.pop("figure").map(METRIC_NAMES).rename("reported figure")
    made = table.loc[:, table.any()].replace({True: "✗", False: ""})
    return made.rename(columns=lambda name: name.replace("_", " ")).join(figure)


def steps(study: Study) -> pd.DataFrame:
    """The reported figure of each rung and the step that leads to it, each with its 95 % interval.

    Example:
        >>> steps(read_study("ladder-classification"))["step"]
    """
    rows = {
        name: {
            "figure": METRIC_NAMES[rung["figure"]],
            "value": cell(rung["metrics"][rung["figure"]]),
            "step": cell(rung["step"]) if "step" in rung else "",
            "n": rung["n"],
        }
        for name, rung in study.conditions.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def ends(study: Study) -> tuple[float, float]:
    """The reported figure of the first rung and of the last.

    Example:
        >>> top, end = ends(read_study("ladder-classification"))
    """
    rungs = list(study.conditions.values())
    top, end = (rung["metrics"][rung["figure"]]["value"] for rung in (rungs[0], rungs[-1]))
    return top, end


def told(study: Study) -> str:
    """Each step in words: by how much the figure changes, or that no change is clear.

    Example:
        >>> told(read_study("ladder-classification"))
    """
    said = []
    for name, rung in list(study.conditions.items())[1:]:
        step = rung["step"]
        change = f"{step['value']:+.3f}".replace("-", "−")
        said.append(f"*{name}*: {change if above(step) or below(step) else 'no clear change'}")
    return "; ".join(said)
