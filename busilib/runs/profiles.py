"""The three profiles, defined once: how large, and how each experiment is trained under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from busilib.errors import UnknownNameError
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
            "8 minutes on 2 cores",
        ),
        Profile(
            "laptop", 128, False, 20, 1000, "BUSI, narrow U-Nets, frozen backbones", "12 hours on 2 cores"
        ),
        Profile(
            "full", 128, False, 20, 1000, "BUSI, the reports' own settings", "2 hours on one data-centre GPU"
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
