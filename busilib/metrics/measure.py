"""Figures of predictions by task: which there are, which stand for the rest, and all with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from busilib.metrics.attention import attention_metrics, attention_rows
from busilib.metrics.classification import classification_metrics, classification_rows
from busilib.metrics.factorial import factorial_metrics, factorial_rows
from busilib.metrics.figure import Figure
from busilib.metrics.intervals import group_weights, over_seeds, unless_alike, with_interval
from busilib.metrics.malignancy import malignancy_metrics, malignancy_rows
from busilib.metrics.metric import METRICS, YES_OR_NO, Metric
from busilib.metrics.segmentation import segmentation_metrics, segmentation_rows
from busilib.metrics.tissue import tissue_metrics, tissue_rows

Figures = Callable[..., Mapping]
"""From a table, and weights of its rows where given, to named figures, such as `segmentation_metrics`."""

FIGURES: Mapping[str, tuple[Figures, Callable[[pd.DataFrame], dict[str, np.ndarray]]]] = {
    "segmentation": (segmentation_metrics, segmentation_rows),
    "classification": (classification_metrics, classification_rows),
    "tissue": (tissue_metrics, tissue_rows),
    "attention": (attention_metrics, attention_rows),
    "malignancy": (malignancy_metrics, malignancy_rows),
    "factorial": (factorial_metrics, factorial_rows),
}
"""By task: its figures, and the rows that stand behind them."""

MAIN_FIGURES = {
    "segmentation": ("lesion_dice", "pooled_dice", "normal_false_positive_rate"),
    "classification": ("accuracy", "macro_f1", "macro_auc"),
    "tissue": ("pixel_accuracy", "majority_rate", "macro_dice"),
    "malignancy": ("malignancy_auc", "sensitivity", "specificity"),
    "attention": ("share_inside", "lesion_share", "hit_rate"),
    "factorial": ("inflation", "accuracy:none"),
}
"""The figures that stand for an experiment where there is room for few."""


def support(task: str, table: pd.DataFrame) -> dict[str, int]:
    """How many rows stand behind each figure of a task.

    Args:
        task: key of `FIGURES`.
        table: rows as in `predictions.csv`.

    Example:
        >>> support("segmentation", predictions)["lesion_dice"]
        130
    """
    figures, rows_of = FIGURES[task]
    rows = rows_of(table)
    return {key: int(rows[METRICS[key].support].sum()) for key in figures(table)}


def measure(task: str, predictions: pd.DataFrame, groups: np.ndarray, draws: int) -> dict[str, dict]:
    """Every figure of a table of predictions with its 95% interval over near-duplicate groups.

    Of several seeds, each figure is the mean of the seeds', and so is that of each draw: all seeds are
    measured on the same drawn images, and the interval is that of the images. The spread of the seeds stands
    beside it.

    Args:
        task: key of `FIGURES`.
        predictions: rows as in `predictions.csv`; with a column `seed`, the rows of several seeds.
        groups: int (n,), the group of each row.
        draws: bootstrap samples.

    Returns:
        Each figure as `Figure.to_dict` gives it, `n` that of the seed with most images; figures that cannot
        be computed (of any seed) are left out.

    Example:
        >>> measure("segmentation", record.predictions, groups, draws=100)["lesion_dice"]["value"]
    """
    figures, rows_of = FIGURES[task]
    weights, groups = group_weights(groups, draws), np.asarray(groups)
    seeds = predictions["seed"].to_numpy() if "seed" in predictions else np.zeros(len(predictions))
    of_seeds = []
    for seed in np.unique(seeds):
        own = seeds == seed
        table = predictions[own]
        of_seeds.append((figures(table), figures(table, weights[:, own]), rows_of(table), groups[own]))
    found = {}
    for key in of_seeds[0][0]:
        values = np.array([plain[key] for plain, *_ in of_seeds])
        if np.isfinite(values).all():
            samples = [drawn[key] for _, drawn, *_ in of_seeds]
            found[key] = _figure(METRICS[key], values, samples, [each[2:] for each in of_seeds]).to_dict()
    return found


def intervals(figures: Figures, table: pd.DataFrame, groups: np.ndarray, draws: int) -> dict[str, dict]:
    """Any other figures that rest on all rows of a table, such as `calibration_metrics`, with intervals.

    Returns:
        Each figure as `Figure.to_dict` gives it.

    Example (not run):
        >>> intervals(calibration_metrics, predictions, groups, draws=1000)["ece"]["high"]
    """
    samples = figures(table, group_weights(groups, draws))
    return {
        key: unless_alike(with_interval(value, samples[key], groups), groups, key in YES_OR_NO).to_dict()
        for key, value in figures(table).items()
    }


def _figure(metric: Metric, values: np.ndarray, samples: list, behind: list) -> Figure:
    """Of one metric: `behind` has the named rows and the groups of each seed."""
    parts = [
        (own[rows[name]], name) for rows, own in behind for name in metric.decided_by or (metric.support,)
    ]
    fewest, name = min(
        (part for part in parts if len(part[0])), key=lambda part: len(part[0]), default=parts[0]
    )
    n = max(int(rows[metric.support].sum()) for rows, _ in behind)
    figure = over_seeds(values.tolist(), samples, fewest, n, name)
    return unless_alike(figure, fewest, metric.key in YES_OR_NO)
