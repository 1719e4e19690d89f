"""Bootstrap intervals that draw near-duplicate groups, not images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


def bootstrap(
    figures: Callable[[pd.DataFrame], dict[str, float]],
    table: pd.DataFrame,
    groups: np.ndarray,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals: groups are drawn with replacement, each with all its images.

    Args:
        figures: from a table to named figures, such as `segmentation_metrics`.
        table: one row per image.
        groups: int (n,), near-duplicates share a number.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        Low and high bound for each name; NaN where no sample has the figure.

    Example:
        >>> bootstrap(segmentation_metrics, predictions, groups)["lesion_dice"]
        (0.68, 0.77)
    """
    rng = np.random.default_rng(seed)
    members = list(pd.Series(np.arange(len(table))).groupby(np.asarray(groups)).indices.values())
    samples = []
    for _ in range(draws):
        drawn = rng.integers(len(members), size=len(members))
        samples.append(figures(table.iloc[np.concatenate([members[index] for index in drawn])]))
    sampled = pd.DataFrame(samples)
    low, high = sampled.quantile(0.025), sampled.quantile(0.975)
    return {name: (float(low[name]), float(high[name])) for name in sampled}


def mean_interval(
    values: np.ndarray, groups: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, float]:
    """The mean of one value per image with its 95 % interval, such as the difference of two models.

    Args:
        values: float (n,).
        groups: int (n,), near-duplicates share a number.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        `value`, `low`, `high` and `n`, as a recorded figure has them.

    Example:
        >>> mean_interval(dice_of_one - dice_of_other, groups)["low"] > 0
        True
    """
    table = pd.DataFrame({"value": np.asarray(values, float)})
    low, high = bootstrap(lambda drawn: {"mean": drawn["value"].mean()}, table, groups, draws, seed)["mean"]
    return {"value": float(table["value"].mean()), "low": low, "high": high, "n": len(table)}
