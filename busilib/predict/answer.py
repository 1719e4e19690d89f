"""What trained networks say of one picture, and where they say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image
from skimage.measure import label

from busilib.data.dataset import CLASSES
from busilib.data.images import resize_gray
from busilib.errors import UserError
from busilib.keras_backend import keras
from busilib.metrics.calibration import apply_temperature
from busilib.metrics.unlike import Cloud, cloud_of, unlikeness
from busilib.models.archive import Archive, ask, with_features
from busilib.predict.picture import Picture

COLOURED = 0.1
"""Share of coloured pixels from which a picture is refused. Coloured marks take up to 0.045 of an image of
BUSI; a photograph in colour has more than 0.11."""

BLANK = 4
"""Spread of gray levels (their standard deviation) below which there is nothing to see; that of BUSI's and
BrEaST's images is 15 and more."""

ANSWERED, ABSTAINED, REFUSED = "answered", "abstained", "refused"


class ModelError(UserError, ValueError):
    """Models that cannot be asked together."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A model file made ready: its `name` for the reader, its `archive`, the network with features, and where
    its encoder sees the training images."""

    name: str
    archive: Archive
    network: keras.Model
    cloud: Cloud

    @property
    def facts(self) -> dict:
        return self.archive.facts

    @property
    def task(self) -> str:
        return self.facts["task"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of a picture.

    Attributes:
        picture: as it was read.
        status: "answered", "abstained" (no class is named) or "refused" (nothing is said).
        why: what stands behind that, in sentences; empty where the answer stands.
        unlike: by model, `score` and `limit`.
        probabilities: calibrated, by class; empty without a classifier, or where refused.
        called: the class; empty where none is named.
        lesion: bool (h, w) at the picture's own size; None without a segmenter, or where refused.
    """

    picture: Picture
    status: str
    why: tuple[str, ...] = ()
    unlike: dict[str, dict[str, float]] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    called: str = ""
    lesion: np.ndarray | None = None


def made_ready(models: Sequence[tuple[str, Archive]]) -> list[Asked]:
    """Models to ask, at most one for each task.

    Raises:
        ModelError: if two do the same.

    Example:
        >>> made_ready([("r2-cnn", archive)])[0].task
        'classification'
    """
    asked = [
        Asked(name, archive, with_features(archive.model), cloud_of(archive.reference))
        for name, archive in models
    ]
    for task in ("classification", "segmentation"):
        same = [one.name for one in asked if one.task == task]
        if len(same) > 1:
            raise ModelError(f"{' and '.join(same)}: both do {task}. Name one model for each task.")
    return asked


def answer(picture: Picture, models: Sequence[Asked]) -> Answer:
    """Ask the models about one picture.

    It is refused if it is coloured like a photograph, if it is blank, or if an encoder sees it further from
    its training images than 99 % of its validation images are. No class is named where the confidence is
    below the threshold that was chosen on validation images.

    Args:
        picture: as read.
        models: at least one.

    Example:
        >>> answer(read_picture(Path("mine.png")), models).called
        'benign'
    """
    if picture.colour >= COLOURED:
        why = (
            f"{picture.colour:.0%} of the pixels are coloured: a photograph, or colour Doppler. Expected "
            "gray (B-mode) ultrasound; coloured marks alone take less than 5 %."
        )
        return Answer(picture, REFUSED, (why,))
    if (spread := picture.gray.std()) < BLANK:
        why = f"Hardly any gray levels: their spread is {spread:.1f}. There is nothing to see."
        return Answer(picture, REFUSED, (why,))
    unlike, heard = {}, {}
    for one in models:
        output, seen = _ask(one, picture.gray)
        score = float(unlikeness(seen, one.cloud)[0])
        unlike[one.name] = {"score": score, "limit": one.facts["unlike"]["limit"]}
        heard[one.task] = one, output
    name, far = max(((name, e["score"] / e["limit"]) for name, e in unlike.items()), key=lambda each: each[1])
    if not far <= 1:
        why = (
            f"Unlike the ultrasound images that {name} learned from: {far:.2f} times as far from them as 99 % of "
            "its validation images are. It may be none, or of another kind of scanner."
        )
        return Answer(picture, REFUSED, (why,), unlike)
    probabilities, why, lesion = {}, [], None
    if "classification" in heard:
        probabilities, why = _classes(*heard["classification"])
    if "segmentation" in heard:
        one, output = heard["segmentation"]
        lesion = _at_size(output[0, ..., 0], picture.gray.shape) >= one.facts["threshold"]
    called = max(probabilities, key=probabilities.get) if probabilities and not why else ""
    return Answer(picture, ABSTAINED if why else ANSWERED, tuple(why), unlike, probabilities, called, lesion)


def pieces(lesion: np.ndarray) -> int:
    """In how many pieces an outline falls."""
    return int(label(lesion, connectivity=2).max())


def _ask(one: Asked, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Output and features; where the network was tested so, the output is the mean with the mirror image."""
    image = resize_gray(gray, one.facts["size"])[None]
    output, seen = ask(one.network, image)
    if one.facts["test_flip"]:
        mirrored, _ = ask(one.network, image[:, :, ::-1])
        output = (output + (mirrored[:, :, ::-1] if one.task == "segmentation" else mirrored)) / 2
    return output, seen


def _classes(one: Asked, output: np.ndarray) -> tuple[dict[str, float], list[str]]:
    """Calibrated probabilities, and why no class is to be named."""
    table = apply_temperature(pd.DataFrame(output, columns=list(CLASSES)), one.facts["temperature"])
    probabilities = {name: float(table[name].iloc[0]) for name in CLASSES}
    least, risk = one.facts["abstention"]["threshold"], one.facts["abstention"]["risk"]
    most = max(probabilities.values())
    if least is None:
        return probabilities, [
            f"{one.name} names no class: no confidence kept errors to {risk:.0%} on its validation images."
        ]
    if most < least:
        return probabilities, [
            f"Not sure enough: {most:.2f}, and only from {least:.2f} on {one.name} kept errors to {risk:.0%} "
            "on its validation images."
        ]
    return probabilities, []


def _at_size(found: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Lesion probabilities of a square at a picture's own size."""
    height, width = shape
    square = Image.fromarray(found.astype(np.float32))
    return np.asarray(square.resize((width, height), Image.Resampling.BILINEAR))
