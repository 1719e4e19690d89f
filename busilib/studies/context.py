"""What a study runs on: one argument for all studies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from busilib.data.dataset import DataError, Dataset
from busilib.errors import UserError
from busilib.reports.registry import experiment
from busilib.runs.load import data_folder, load_data, outside_data
from busilib.runs.profiles import profile, settings_for

ENCODER = "mobilenet"
"""The frozen encoder that a probe sees through, unless another is asked for."""


class OptionError(UserError, ValueError):
    """A study was given an option that it has no use for."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a study is asked to run on.

    Attributes:
        profile: "smoke", "laptop" or "full".
        data: folder of BUSI, empty for phantoms under "smoke"; or a dataset that is already loaded.
        outside: folder of an outside set, empty for phantoms under "smoke"; or a dataset.
        seed: of splits, trainings and copies.
        weights: of pretrained encoders, see `busilib.runs.profiles.settings_for`.
        encoder: key of the table in `busilib.models.encoders`; what a linear probe sees through.
        models: experiments that the outside studies ask; empty for their usual ones.

    Example (not run):
        >>> negative_controls(Context("laptop", "Dataset_BUSI_with_GT", weights="local", seed=1))
    """

    profile: str
    data: str | Path | Dataset = ""
    outside: str | Path | Dataset = ""
    seed: int = 0
    weights: str = ""
    encoder: str = ENCODER
    models: tuple[str, ...] = ()

    def load(self, id: str = "") -> Dataset:
        """The data at the size of an experiment, or of the profile; a loaded dataset as it is.

        Example (not run):
            >>> Context("smoke").load("r4-unet").name
            'phantoms'
        """
        if isinstance(self.data, Dataset):
            return self.data
        return load_data(self.profile, self.data, self.seed, self._size(id))

    def load_outside(self, id: str = "") -> Dataset:
        """The outside set likewise; only "smoke" does with phantoms.

        Raises:
            DataError: if another profile was given no outside set.
        """
        if isinstance(self.outside, Dataset):
            return self.outside
        if not self.outside and not profile(self.profile).phantom:
            raise DataError(
                f"profile {self.profile} needs an outside set: pass the folder of BrEaST, BUS-BRA, BUS-UCLM "
                "or a set of your own (`--outside DIR`)."
            )
        return outside_data(self.profile, self.outside, self.seed, self._size(id))

    @property
    def folder(self) -> Path:
        """The folder of the data, for studies that need the files themselves.

        Raises:
            DataError: if a loaded dataset was given.
        """
        return data_folder(self.profile, _place(self.data), self.seed)

    @property
    def outside_folder(self) -> Path:
        """The folder of the outside set, likewise.

        Raises:
            DataError: if a loaded dataset was given.
        """
        return Path(_place(self.outside))

    def refuse(self, *options: str) -> None:
        """Refuse options that a study has no use for, so that no record claims them.

        Raises:
            OptionError: if one of `options` is not at its default.

        Example:
            >>> Context("smoke").refuse("encoder", "models")
        """
        for name in options:
            if (given := getattr(self, name)) != getattr(Context, name):
                raise OptionError(
                    f"{name}: {given!r} was given, but this study has no use for it: leave it out."
                )

    def _size(self, id: str) -> int:
        return settings_for(experiment(id), self.profile, "none").size if id else 0


def _place(given: str | Path | Dataset) -> str | Path:
    """Where the files are, of data that were given by their folder."""
    if isinstance(given, Dataset):
        raise DataError(f"{given.name}: this study reads the files: give their folder.")
    return given
