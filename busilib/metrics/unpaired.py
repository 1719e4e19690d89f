"""The difference of a figure between two sets of images, from the interval of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def unpaired_difference(inside: Mapping[str, float], outside: Mapping[str, float]) -> dict[str, float]:
    """Outside minus inside with its 95 % interval, for figures measured on independent images.

    Each limit lies as far from the difference as the two limits that it comes from lie from their figures,
    squared and added (Zou and Donner 2008, the method of variance estimates recovery). With Wilson intervals
    of two proportions this is Newcombe's hybrid score interval.

    Args:
        inside, outside: a figure each, with `value`, `low` and `high`.

    Returns:
        `value`, `low` and `high` of the difference; below 0 is a drop.

    Example:
        >>> unpaired_difference(study.metrics("r4-unet, BUSI")["lesion_dice"], outside["lesion_dice"])
        {'value': -0.2, 'low': -0.34, 'high': -0.06}
    """
    value = outside["value"] - inside["value"]
    below = np.hypot(outside["value"] - outside["low"], inside["high"] - inside["value"])
    above = np.hypot(outside["high"] - outside["value"], inside["value"] - inside["low"])
    return {"value": float(value), "low": float(value - below), "high": float(value + above)}
