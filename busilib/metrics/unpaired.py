"""The difference of a figure between two sets of images, from the interval of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from busilib.metrics.figure import Figure


def unpaired_difference(inside: Mapping, outside: Mapping) -> dict:
    """Outside minus inside with its 95% interval, for figures measured on independent images.

    Each limit lies as far from the difference as the two limits that it comes from lie from their figures,
    squared and added (Zou and Donner 2008, the method of variance estimates recovery). With Wilson intervals
    of two proportions this is Newcombe's hybrid score interval.

    Args:
        inside, outside: a figure each, as `Figure.to_dict` gives it.

    Returns:
        The difference as `Figure.to_dict` gives it, `n` that of both together; below 0 is a drop. Where one
        of them has no interval, it has none.

    Example (not run):
        >>> unpaired_difference(study.metrics("r4-unet, BUSI")["lesion_dice"], outside["lesion_dice"])
        {'value': -0.2, 'low': -0.34, 'high': -0.06, 'n': 203}
    """
    near, far = Figure.from_dict(inside), Figure.from_dict(outside)
    value, n = far.value - near.value, near.n + far.n
    if why := near.why or far.why:
        return Figure(value, None, None, n, why=why).to_dict()
    assert near.low is not None and near.high is not None  # nothing says why they would be missing
    assert far.low is not None and far.high is not None
    below = np.hypot(far.value - far.low, near.high - near.value)
    above = np.hypot(far.high - far.value, near.value - near.low)
    return Figure(value, value - below, value + above, n).to_dict()
