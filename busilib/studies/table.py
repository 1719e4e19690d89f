"""The studies of the book by name, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from busilib.data.dataset import DataError, Dataset
from busilib.errors import UnknownNameError
from busilib.reports.registry import experiment
from busilib.runs.profiles import load_data, outside_data, profile, settings_for
from busilib.studies.attention import attention
from busilib.studies.controls import negative_controls
from busilib.studies.duplicate_threshold import duplicate_threshold
from busilib.studies.ladder import MODEL, ladder_classification, ladder_segmentation
from busilib.studies.outside_sets import CLASSIFIERS, SEGMENTERS, outside_classification, outside_segmentation
from busilib.studies.study import Study


@dataclass(frozen=True)
class Asked:
    """What a study is asked to run on: see the options of `busi study`."""

    profile: str
    data: str | Path = ""
    seed: int = 0
    weights: str = ""
    outside: str | Path = ""

    def load(self, id: str = "") -> Dataset:
        """The data at the size of an experiment, or at the profile's."""
        return load_data(self.profile, self.data, self.seed, self._size(id))

    def load_outside(self, id: str) -> Dataset:
        """The outside set at the size of an experiment; only "smoke" does with phantoms."""
        if not self.outside and not profile(self.profile).phantom:
            raise DataError(
                f"profile {self.profile} needs a real outside set: pass the folder of BrEaST, BUS-BRA or "
                "BUS-UCLM (`--outside DIR`)."
            )
        return outside_data(self.profile, self.outside, self.seed, self._size(id))

    def _size(self, id: str) -> int:
        return settings_for(experiment(id), self.profile, "none").size if id else 0


STUDIES: Mapping[str, Callable[[Asked], Study]] = {
    "duplicate-threshold": lambda asked: duplicate_threshold(
        asked.profile, asked.data, asked.seed, asked.weights
    ),
    "ladder-classification": lambda asked: ladder_classification(
        asked.load(), asked.profile, asked.seed, asked.weights
    ),
    "ladder-segmentation": lambda asked: ladder_segmentation(asked.load(MODEL), asked.profile, asked.seed),
    "negative-controls": lambda asked: negative_controls(
        asked.load(), asked.profile, asked.seed, asked.weights
    ),
    "attention": lambda asked: attention(asked.profile, asked.data, asked.seed, asked.weights),
    "outside-classification": lambda asked: outside_classification(
        asked.profile,
        asked.load(CLASSIFIERS[0]),
        asked.load_outside(CLASSIFIERS[0]),
        asked.seed,
        asked.weights,
    ),
    "outside-segmentation": lambda asked: outside_segmentation(
        asked.profile,
        asked.load(SEGMENTERS[0]),
        asked.load_outside(SEGMENTERS[0]),
        asked.seed,
        asked.weights,
    ),
}
"""What runs a study, by its name."""


def study(name: str, asked: Asked) -> Study:
    """Run a study; trainings that are finished are read back.

    Raises:
        UnknownNameError: naming the studies that exist.

    Example:
        >>> study("negative-controls", Asked("smoke")).name
        'negative-controls'
    """
    if name not in STUDIES:
        raise UnknownNameError(f"no study {name!r}. There are: {', '.join(STUDIES)}")
    return STUDIES[name](asked)
