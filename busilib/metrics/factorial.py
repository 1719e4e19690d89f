"""What each of several mistakes is worth: accuracy of every combination, and its fall shared out fairly.

A ladder that takes mistakes back in one order gives each what it is worth in that order. With every
combination measured, the Shapley value (L. S. Shapley, A value for n-person games, 1953) is a mistake's worth
averaged over all orders; over all mistakes it adds up to the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from busilib.metrics.weighted import each_once, mean, settled

MISTAKES = {
    "copies_first": "copies first",
    "peeking": "peeking",
    "image_wise": "image by image",
    "true_mask": "true mask",
}
"""Copies before the split, choices on the test set, near-duplicates divided, images cut by the true mask,
and what pages call them."""

PARTS = {"shapley": "mean over all orders", "alone": "alone", "last": "on top of all others"}
"""What a mistake is worth: in the mean, where no other is made, and where every other is."""

COMPANY = "company"
"""How much more a mistake is worth on top of all others than alone."""

COMBINATIONS = tuple(made for size in range(len(MISTAKES) + 1) for made in combinations(MISTAKES, size))


def combination(made: Collection[str]) -> str:
    """What a combination of mistakes is called.

    Example:
        >>> combination(["peeking", "copies_first"]), combination([])
        ('copies_first+peeking', 'none')
    """
    return "+".join(name for name in MISTAKES if name in made) or "none"


def in_words(name: str) -> str:
    """A combination as pages call it.

    Example:
        >>> in_words("copies_first+peeking"), in_words("none")
        ('copies first, peeking', 'none')
    """
    return ", ".join(MISTAKES.get(key, key) for key in name.split("+"))


EVERY, NONE = combination(MISTAKES), combination([])


def shapley_weights(mistake: str) -> dict[str, float]:
    """By combination, what its accuracy counts for in the Shapley value of a mistake.

    Example:
        >>> weights = shapley_weights("peeking")
        >>> weights["peeking"], weights["none"], round(sum(weights.values()), 12)
        (0.25, -0.25, 0.0)
    """
    weights = {}
    for made in COMBINATIONS:
        others = len(set(made) - {mistake})
        worth = 1 / (len(MISTAKES) * comb(len(MISTAKES) - 1, others))
        weights[combination(made)] = worth if mistake in made else -worth
    return weights


def factorial_metrics(table: pd.DataFrame, weights: np.ndarray | None = None) -> dict:
    """Accuracy of every combination of mistakes, and what each mistake adds.

    Args:
        table: one row per image: `true`, and by name of each combination the class that was answered.
        weights: float (draws, n), how often each row counts in each draw; each once, unless given.

    Returns:
        Floats, or float64 (draws,) with weights: `accuracy:…` of each combination; of each mistake
        `shapley:…`, `alone:…` (made on its own, less none), `last:…` (all made, less all others) and
        `company:…`, last less alone;
        `inflation`, all less none, which is the sum of the Shapley values.

    Example (not run):
        >>> factorial_metrics(study.predictions)["shapley:true_mask"]
    """
    w = each_once(len(table)) if weights is None else weights
    true, names = table["true"], [combination(made) for made in COMBINATIONS]
    right = {name: mean((table[name] == true).to_numpy(), w) for name in names}
    figures = {f"accuracy:{name}": value for name, value in right.items()}
    for mistake in MISTAKES:
        shares = shapley_weights(mistake)
        others = combination([name for name in MISTAKES if name != mistake])
        figures[f"shapley:{mistake}"] = np.sum([shares[name] * right[name] for name in names], axis=0)
        figures[f"alone:{mistake}"] = right[mistake] - right[NONE]
        figures[f"last:{mistake}"] = right[EVERY] - right[others]
        figures[f"{COMPANY}:{mistake}"] = figures[f"last:{mistake}"] - figures[f"alone:{mistake}"]
    figures["inflation"] = right[EVERY] - right[NONE]
    return settled(figures, weights)


def factorial_rows(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows that stand behind figures of `factorial_metrics`: all of them.

    Example:
        >>> factorial_rows(pd.DataFrame({"true": ["benign"]}))["images"]
        array([ True])
    """
    return {"images": np.ones(len(table), bool)}
