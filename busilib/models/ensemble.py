"""R4's two ways to join the lesion probabilities of several networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from busilib.settings import Settings

FLOOR = 1e-6
"""Probabilities are kept this far from 0 and 1 in logarithms."""


@dataclass(frozen=True)
class Ensemble:
    """A weighted mean of probabilities.

    Attributes:
        fitted: whether the weights are fitted on validation images; else all members count the same.
    """

    fitted: bool

    def fit(self, probabilities: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """The weights of the members: not negative, together 1.

        Fitted weights minimise the mean binary cross-entropy over all pixels. That is a convex problem, so
        there is one best value, and the optimiser starts from equal weights.

        Args:
            probabilities: float32 (m, n, h, w), of m members on n validation images.
            masks: bool (n, h, w).

        Returns:
            float64 (m,).

        Raises:
            RuntimeError: if the optimiser finds no minimum.

        Example (not run):
            >>> Ensemble(fitted=False).fit(probabilities, masks)
            array([0.5, 0.5])
        """
        members = len(probabilities)
        start = np.full(members, 1 / members)
        if not self.fitted or members == 1:
            return start
        # What each member gives to the class that is true, so that the loss is -mean(log(w · given)).
        given = np.where(masks, probabilities, 1 - probabilities).reshape(members, -1)
        given = np.clip(given, FLOOR, 1).astype(np.float64)

        def loss_and_slope(weights):
            joined = weights @ given
            return -np.log(joined).mean(), -(given / joined).mean(axis=1)

        found = minimize(
            loss_and_slope,
            start,
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * members,
            constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
            options={"ftol": 1e-10, "maxiter": 200},
        )
        if not found.success:
            raise RuntimeError(f"the weights of the ensemble were not found: {found.message}")
        return np.clip(found.x, 0, 1) / np.clip(found.x, 0, 1).sum()

    def join(self, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weighted mean of the members' probabilities: float32 (n, h, w) from (m, n, h, w).

        Example:
            >>> Ensemble(fitted=False).join(np.ones((2, 1, 4, 4), np.float32), np.array([0.5, 0.5])).max()
            1.0
        """
        return np.tensordot(weights, probabilities, axes=1).astype(np.float32)


def r4_ensemble(settings: Settings) -> Ensemble:
    """R4's "Ensemble": the plain mean of the probabilities.

    Example:
        >>> r4_ensemble(settings).fitted
        False
    """
    return Ensemble(fitted=False)


def r4_combined(settings: Settings) -> Ensemble:
    """R4's "Combined": a weighted mean. R4 does not say how it weighed; here validation images decide.

    Example:
        >>> r4_combined(settings).fitted
        True
    """
    return Ensemble(fitted=True)
