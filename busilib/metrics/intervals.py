"""Bootstrap intervals that draw near-duplicate groups, not images, by weights instead of tables.

A draw with replacement is a count for each group, and so a weight for each image. A figure of all draws then
follows from a few matrix products (`busilib.metrics.weighted`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import binomtest

from busilib.metrics.figure import Figure
from busilib.metrics.weighted import mean

FEWEST_IMAGES, FEWEST_GROUPS = 10, 5
"""Below, there is no interval. Of ten images alike, up to three in ten may still be otherwise (the rule of
three); and fewer than one draw in a hundred misses five groups altogether."""


def group_weights(groups: np.ndarray, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Groups drawn with replacement, as many as there are, as weights of rows.

    Args:
        groups: (n,), near-duplicates share a number or a name.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        float64 (draws, n), whole numbers: how often each row is drawn with its group.

    Example:
        >>> group_weights(np.array([0, 0, 1]), draws=2).tolist()
        [[0.0, 0.0, 2.0], [1.0, 1.0, 1.0]]
    """
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    places = drawn + np.arange(draws)[:, None] * len(names)
    counts = np.bincount(places.ravel(), minlength=draws * len(names)).reshape(draws, len(names))
    return counts.astype(float)[:, members]


def with_interval(
    value: float, samples: np.ndarray, groups: np.ndarray, n: int | None = None, images: str = "images"
) -> Figure:
    """A figure with its 95% percentile interval, or with the reason why there is none.

    Args:
        value: of all images.
        samples: float (draws,), of each draw; NaN where a draw lacks the figure, which is passed over.
        groups: (m,), the group of each image that decides whether there is an interval.
        n: images to state; m, unless given.
        images: what these images are called.

    Example:
        >>> with_interval(1.0, np.ones(1000), np.arange(3)).why
        '3 images'
    """
    n = len(groups) if n is None else n
    if len(groups) < FEWEST_IMAGES:
        return Figure(value, None, None, n, why=_counted(len(groups), images))
    if (kinds := len(np.unique(groups))) < FEWEST_GROUPS:
        return Figure(value, None, None, n, why=f"{images} of {_counted(kinds, 'groups')}")
    found = samples[np.isfinite(samples)]
    if not len(found):
        return Figure(value, None, None, n, why="no draw has it")
    low, high = np.quantile(found, (0.025, 0.975))
    return Figure(value, float(low), float(high), n)


def unless_alike(figure: Figure, groups: np.ndarray, share: bool = False) -> Figure:
    """A figure of one system without the interval of no width that a bootstrap gives where all draws agree.

    A share of 0 or 1 gets the exact interval of Clopper and Pearson, with each group as one trial; any other
    figure gets none. Differences keep theirs: two systems that answer alike do differ by exactly 0.

    Args:
        figure: of `with_interval` or `over_seeds`.
        groups: (m,), of the images behind it.
        share: whether it counts images that are right or wrong, found or not.

    Example:
        >>> round(unless_alike(Figure(1.0, 1.0, 1.0, 13), np.arange(13), share=True).low, 2)
        0.75
    """
    if figure.low is None or figure.low != figure.high:
        return figure
    if share and figure.value in (0, 1):
        trials = len(np.unique(groups))
        exact = binomtest(int(figure.value) * trials, trials).proportion_ci(method="exact")
        return replace(figure, low=float(exact.low), high=float(exact.high))
    return replace(figure, low=None, high=None, why="the same in every draw")


def over_seeds(
    values: Sequence[float],
    samples: Sequence[np.ndarray],
    groups: np.ndarray,
    n: int | None = None,
    images: str = "images",
) -> Figure:
    """The mean of one figure over seeds; the interval is that of the images, and the spread stands beside it.

    Args:
        values: of each seed.
        samples: of each seed, float (draws,), made from the same drawn groups.
        groups, n, images: as `with_interval` takes them.

    Example:
        >>> draws = [np.linspace(0.6, 0.8, 100), np.linspace(0.64, 0.84, 100)]
        >>> over_seeds([0.70, 0.74], draws, np.arange(60)).seeds
        2
    """
    figure = with_interval(float(np.mean(values)), np.mean(samples, axis=0), groups, n, images)
    if len(values) == 1:
        return figure
    return replace(figure, sd=float(np.std(values, ddof=1)), seeds=len(values))


def two_sided_p(samples: np.ndarray) -> float:
    """How surprising bootstrap draws of a difference are if there is none: twice the smaller tail beyond 0.

    The p-value that belongs to a percentile interval: below 0.05 where that interval leaves out zero. The
    value itself counts as one more draw, so that p is never 0 (A. C. Davison and D. V. Hinkley, Bootstrap
    Methods and their Application, 1997, section 4.2).

    Args:
        samples: float (draws,); NaN where a draw lacks the figure, which is passed over.

    Returns:
        Float, at most 1.

    Example:
        >>> two_sided_p(np.linspace(0.01, 0.1, 999))
        0.002
    """
    found = samples[np.isfinite(samples)]
    smaller = min((found <= 0).sum(), (found >= 0).sum())
    return float(min(2 * (smaller + 1) / (len(found) + 1), 1))


def mean_interval(values: np.ndarray, groups: np.ndarray, draws: int = 1000, seed: int = 0) -> dict:
    """The mean of one value per image with its 95% interval, such as the difference of two models.

    Args:
        values: float (n,).
        groups: (n,), near-duplicates share a number.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        A figure as `Figure.to_dict` gives it.

    Example:
        >>> mean_interval(np.array([0.1, 0.2, 0.3] * 20), np.arange(60))["low"] > 0
        True
    """
    values, groups = np.asarray(values, float), np.asarray(groups)
    samples = mean(values, group_weights(groups, draws, seed))
    return with_interval(float(values.mean()), samples, groups).to_dict()


def _counted(number: int, things: str) -> str:
    if number == 1:
        things = re.sub(r"\b(image|tile|group)s\b", r"\1", things)
    return f"{number} {things}"
