"""A difference that was measured several times, on other divisions of the same images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def repeated_difference(differences: Sequence[float], test_over_train: float) -> dict[str, float]:
    """The mean of a difference over repeats, with its 95% interval and p-value by the corrected t.

    Repeats share most of their training images, so their plain variance tells too little: it is enlarged by
    the size of the test set over that of the training set (C. Nadeau and Y. Bengio, Inference for the
    generalization error, Machine Learning 52, 2003).

    Args:
        differences: of a figure, one for each repeat, at least two.
        test_over_train: images tested over images trained on; of two sides the larger, which is careful.

    Returns:
        `value`, `low`, `high`, two-sided `p` against no difference, and `n`, the number of repeats.

    Raises:
        ValueError: for fewer than two repeats.

    Example:
        >>> repeated_difference([0.05, 0.07, 0.06, 0.08, 0.04], 156 / 546)["p"] < 0.05
        True
    """
    values = np.asarray(differences, float)
    n = len(values)
    if n < 2:
        raise ValueError(f"{n} repeat(s): a spread needs two at least")
    error = float(np.sqrt(values.var(ddof=1) * (1 / n + test_over_train)))
    mean, t = float(values.mean()), stats.t(n - 1)
    reach = float(t.ppf(0.975)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(2 * t.sf(abs(np.float64(mean) / error))) if error or mean else 1.0
    return {"value": mean, "low": mean - reach, "high": mean + reach, "p": p, "n": n}
