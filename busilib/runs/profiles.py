"""The three profiles, defined once: which data, how large, and how each experiment is trained under them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from busilib.data.bcss import load_bcss
from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import DataError, Dataset
from busilib.data.images import cache_folder, load_busi
from busilib.data.outside.sets import load_outside
from busilib.data.phantoms.shift import shifted
from busilib.data.tiles import Tiles
from busilib.errors import UnknownNameError
from busilib.paths import expanded
from busilib.reports.experiment import Experiment
from busilib.settings import Settings


@dataclass(frozen=True)
class Profile:
    """How large a run is.

    Attributes:
        name: "smoke", "laptop" or "full".
        size: working height and width in pixels.
        phantom: whether it runs on phantoms when no data folder is given.
        hold_out: images of each class set aside in R1's protocol and in the combined evaluation.
        bootstrap_draws: samples behind each interval.
        purpose: one line for help texts and pages.
        budget: time for the whole report.
    """

    name: str
    size: int
    phantom: bool
    hold_out: int
    bootstrap_draws: int
    purpose: str
    budget: str


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            64,
            True,
            2,
            100,
            "phantoms, tiny networks: does everything run?",
            "15 minutes on 2 cores",
        ),
        Profile(
            "laptop", 128, False, 20, 1000, "BUSI, narrow U-Nets, frozen backbones", "4 hours on 2 cores"
        ),
        Profile(
            "full", 128, False, 20, 1000, "BUSI, the reports' own settings", "1 hour on one data-centre GPU"
        ),
    )
}

TILE_SIZES: Mapping[str, int] = {"smoke": 64, "laptop": 128, "full": 224}
"""Working height and width of histology tiles in pixels, by profile."""


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        UnknownNameError: naming the profiles that exist.

    Example:
        >>> profile("smoke").size
        64
    """
    if name not in PROFILES:
        raise UnknownNameError(f"no profile {name!r}. There are: {', '.join(PROFILES)}")
    return PROFILES[name]


def profile_settings(entry: Experiment, name: str) -> Settings:
    """The report's settings with a profile's changes, wherever pretrained weights may come from.

    Example:
        >>> profile_settings(experiment("r2-mobilenet"), "laptop").weights
        'imagenet'
    """
    changes = {
        "smoke": {"size": profile("smoke").size, **entry.smoke},
        "laptop": dict(entry.laptop),
        "full": {},
    }
    return replace(entry.settings, **changes[profile(name).name])


def settings_for(entry: Experiment, name: str, weights: str = "") -> Settings:
    """The settings of an experiment under a profile, as it is trained on this machine.

    Args:
        entry: of the registry.
        name: of the profile.
        weights: where a pretrained encoder comes from (see `busilib.models.encoders.find_weights`);
            empty for the profile's own choice, "none" for random weights.

    Returns:
        The report's settings with the profile's changes. Without pretrained weights
        nothing is frozen.

    Example:
        >>> settings_for(experiment("r1-unet"), "laptop").filters
        16
    """
    settings = profile_settings(entry, name)
    if entry.settings.encoder and (weights or settings.weights):
        from busilib.models.encoders import find_weights

        wanted = weights or settings.weights
        source = find_weights(entry.settings.encoder, None if wanted == "none" else wanted)
        settings = replace(settings, weights=None if source is None else str(source))
    return settings if settings.weights is not None else replace(settings, frozen=False)


def data_folder(name: str, folder: str | Path = "", seed: int = 0) -> Path:
    """The folder a profile reads: the one that is given, else phantoms under "smoke".

    Args:
        name: of the profile.
        folder: a BUSI folder; empty for the profile's own data.
        seed: of the phantoms.

    Returns:
        A folder in BUSI's layout.

    Raises:
        DataError: if "laptop" or "full" is asked for without a folder.

    Example:
        >>> data_folder("smoke")  # written on first use
    """
    if folder:
        return expanded(folder)
    if not profile(name).phantom:
        raise DataError(
            f"profile {name} runs on the real BUSI and needs its folder: pass data=DIR (`--data DIR`). "
            "`busi data fetch` downloads it and prints the folder."
        )
    return _phantom_folder(seed)


def load_data(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Dataset:
    """The data of a profile (see `data_folder`), at its working size or the `size` in pixels that is given.

    It is named "BUSI" only if it has BUSI's images (ids and original sizes), so that no record of another
    folder passes for one of BUSI; else "phantoms" or the folder's name.

    Example:
        >>> load_data("smoke").name
        'phantoms'
    """
    source = data_folder(name, folder, seed)
    called = source.resolve().name if folder else "phantoms"
    called = f"folder {called}" if called == "BUSI" else called  # the name is earned below, not given
    data = load_busi(source, size or profile(name).size, name=called)
    facts = ["id", "width", "height"]
    if data.table[facts].equals(read_table()[facts]):
        return replace(data, name="BUSI", origin="busi")
    return data if folder else replace(data, origin="phantom")


OUTSIDE_SEED = 1000
"""Added to the seed of the phantoms that stand in for an outside set, so that they are other pictures."""


def outside_data(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Dataset:
    """Images from elsewhere, at a profile's working size or the `size` in pixels that is given.

    No outside set is shipped or downloaded, so every profile takes phantoms where no folder is given: other
    ones than `load_data` draws, changed as if another scanner had made them.

    Args:
        name: of the profile.
        folder: of BrEaST, BUS-BRA or BUS-UCLM (see `busilib.data.outside`); empty for phantoms.
        seed: of the phantoms.
        size: height and width in pixels; 0 for the profile's.

    Returns:
        The dataset, named after the set it is, or "shifted phantoms".

    Raises:
        DataError: if the folder holds none of the three, or for any fault in it.

    Example:
        >>> outside_data("smoke").name
        'shifted phantoms'
    """
    size = size or profile(name).size
    if folder:
        return replace(load_outside(folder, size), origin="outside")
    elsewhere = load_busi(_phantom_folder(seed + OUTSIDE_SEED), size, name="phantoms")
    return replace(shifted(elsewhere, seed), origin="phantom")


def load_tiles(name: str, folder: str | Path = "", seed: int = 0, size: int = 0) -> Tiles:
    """The histology of a profile, at its working size or the `size` in pixels that is given.

    BCSS is not shipped and not downloaded, so every profile takes phantoms where no folder is given.

    Args:
        name: of the profile.
        folder: BCSS in one of Kaggle's layouts (see `busilib.data.bcss`); empty for phantoms.
        seed: of the phantoms.
        size: of the tiles; 0 for the profile's.

    Returns:
        The tiles, named "histology phantoms" or after the folder.

    Raises:
        DataError: if the folder is not a whole BCSS.

    Example:
        >>> load_tiles("smoke").name
        'histology phantoms'
    """
    size = size or TILE_SIZES[profile(name).name]
    if not folder:
        return replace(load_bcss(_histology_folder(seed), size, name="histology phantoms"), origin="phantom")
    source = expanded(folder)
    return load_bcss(source, size, name=f"tiles in {source.resolve().name}")


def _phantom_folder(seed: int) -> Path:
    """The phantoms of that seed in the user's cache, written on first use."""
    from busilib.data.phantoms.ultrasound import write_phantom

    return _written_once("phantoms", write_phantom, seed)


def _histology_folder(seed: int) -> Path:
    """The same for histology."""
    from busilib.data.phantoms.histology import write_histology_phantom

    return _written_once("histology", write_histology_phantom, seed)


def _written_once(kind: str, write: Callable[..., Path], seed: int) -> Path:
    from busilib import __version__

    folder = cache_folder() / kind / f"{__version__}-seed{seed}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)  # of a program that was killed
            write(part, seed=seed)
            part.rename(folder)
    return folder
