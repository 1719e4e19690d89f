"""What trained networks say of one picture, and where they say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image
from skimage.measure import label

from busilib.data.dataset import CLASSES
from busilib.data.look import look
from busilib.data.pixels import resize_gray
from busilib.errors import UserError
from busilib.keras_backend import keras
from busilib.metrics.calibration import apply_temperature
from busilib.metrics.unlike import Cloud, cloud_of, unlikeness
from busilib.models.archive import Archive, Output, ask, with_features
from busilib.predict.picture import Picture
from busilib.runs.predict import gated, presence_of

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
    """A model file made ready: its `name` for the reader, its `archive`, the network with features, and
    where the training images lie, by kind of distance."""

    name: str
    archive: Archive
    network: keras.Model
    clouds: dict[str, Cloud]

    @property
    def facts(self) -> dict:
        return self.archive.facts

    @property
    def tasks(self) -> list[str]:
        return self.facts["tasks"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of a picture.

    Attributes:
        picture: as it was read.
        status: "answered", "abstained" (no class is named) or "refused" (nothing is said).
        why: what stands behind that, in sentences; empty where the answer stands.
        unlike: by model and kind of distance ("look" and "encoder"), `score` and `limit`.
        probabilities: calibrated, by class; empty without a classifier, or where refused.
        called: the class; empty where none is named.
        lesion: bool (h, w) at the picture's own size; None without a segmenter, or where refused.
    """

    picture: Picture
    status: str
    why: tuple[str, ...] = ()
    unlike: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    called: str = ""
    lesion: np.ndarray | None = None


def made_ready(models: Sequence[tuple[str, Archive]]) -> list[Asked]:
    """Models to ask, at most one for each task.

    Raises:
        ModelError: if two do the same.

    Example (not run):
        >>> made_ready([("r2-cnn", archive)])[0].tasks
        ['classification']
    """
    asked = [
        Asked(
            name,
            archive,
            with_features(archive.model),
            {kind: cloud_of(each) for kind, each in archive.reference.items()},
        )
        for name, archive in models
    ]
    for task in ("classification", "segmentation"):
        same = [one.name for one in asked if task in one.tasks]
        if len(same) > 1:
            raise ModelError(f"{' and '.join(same)}: both do {task}. Name one model for each task.")
    return asked


def answer(picture: Picture, models: Sequence[Asked]) -> Answer:
    """Ask the models about one picture.

    It is refused if it is coloured like a photograph, if it is blank, or if it looks further from the
    training images than 99% of the validation images do. No class is named where an encoder sees it further
    from its training images than 99% of the validation images, or where the confidence is below the
    threshold that was chosen on them.

    Args:
        picture: as read.
        models: at least one.

    Example (not run):
        >>> answer(read_picture(Path("mine.png")), models).called
        'benign'
    """
    if picture.colour >= COLOURED:
        why = (
            f"{picture.colour:.0%} of the pixels are coloured: a photograph, or colour Doppler. Expected "
            "gray (B-mode) ultrasound; coloured marks alone take less than 5%."
        )
        return Answer(picture, REFUSED, (why,))
    if (spread := picture.gray.std()) < BLANK:
        why = f"Hardly any gray levels: their spread is {spread:.1f}. There is nothing to see."
        return Answer(picture, REFUSED, (why,))
    unlike: dict[str, dict[str, dict[str, float]]] = {}
    heard: dict[str, tuple[Asked, Output]] = {}
    for one in models:
        output, unlike[one.name] = _ask(one, picture.gray)
        heard |= {task: (one, output) for task in one.tasks}
    name, far = _furthest(unlike, "look")
    if not far <= 1:
        why = (
            f"It does not look like breast ultrasound: its gray levels and texture are {far:.2f} times as "
            f"far from the images that {name} learned from as 99% of the validation images are."
        )
        return Answer(picture, REFUSED, (why,), unlike)
    probabilities: dict[str, float] = {}
    doubts: list[str] = []
    lesion = None
    if "classification" in heard:
        probabilities, doubts = _classes(*heard["classification"])
    name, far = _furthest(unlike, "encoder")
    if not far <= 1:
        doubts.append(
            f"{name} sees it {far:.2f} times as far from what it learned from as 99% of the validation "
            "images: it may come from another kind of scanner."
        )
    if "segmentation" in heard:
        one, output = heard["segmentation"]
        lesion = _at_size(_mask(one, output), picture.gray.shape) >= one.facts["threshold"]
    called = max(probabilities, key=probabilities.__getitem__) if probabilities and not doubts else ""
    return Answer(
        picture, ABSTAINED if doubts else ANSWERED, tuple(doubts), unlike, probabilities, called, lesion
    )


def pieces(lesion: np.ndarray) -> int:
    """In how many pieces an outline falls."""
    return int(label(lesion, connectivity=2).max())


def _ask(one: Asked, gray: np.ndarray) -> tuple[Output, dict[str, dict[str, float]]]:
    """Output, and distances; where a network was tested so, the output is the mean with the mirror image."""
    image = resize_gray(gray, one.facts["size"])[None]
    output, seen = ask(one.network, image)
    if one.facts["test_flip"]:
        mirrored, _ = ask(one.network, image[:, :, ::-1])
        output = keras.tree.map_structure(
            lambda as_it_is, other: (as_it_is + (other[..., ::-1] if other.ndim == 3 else other)) / 2,
            output,
            mirrored,
        )
    limits, described = one.facts["unlike"]["limits"], {"look": look(image), "encoder": seen}
    return output, {
        kind: {"score": float(unlikeness(each, one.clouds[kind])[0]), "limit": limits[kind]}
        for kind, each in described.items()
    }


def _mask(one: Asked, output: Output) -> np.ndarray:
    """Lesion probabilities, float (size, size); none where the network sees no lesion at all."""
    if isinstance(output, dict):
        return gated(output["mask"], presence_of(output), one.facts["presence_threshold"])[0]
    return output[0]


def _furthest(unlike: dict, kind: str) -> tuple[str, float]:
    """The model from whose training images a picture is furthest, and how many times the limit."""
    far = {name: each[kind]["score"] / each[kind]["limit"] for name, each in unlike.items()}
    return max(far.items(), key=lambda each: each[1])


def _classes(one: Asked, output: Output) -> tuple[dict[str, float], list[str]]:
    """Calibrated probabilities, and why no class is to be named."""
    said = output["class"] if isinstance(output, dict) else output
    table = apply_temperature(pd.DataFrame(said, columns=list(CLASSES)), one.facts["temperature"])
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
