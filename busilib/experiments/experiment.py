"""What an entry of the registry is: one system of a report, how it was trained, and what it claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from busilib.data.augment import Augmentation
from busilib.data.dataset import CLASSES
from busilib.data.splits import ReportSplit
from busilib.settings import Settings


@dataclass(frozen=True)
class Claim:
    """One figure that a report prints.

    Attributes:
        metric: key as in `busilib.evaluation`, such as "pooled_dice".
        value: as a fraction (losses as they are).
        n: images behind it.
        part: where it was measured: "test", "hold-out", "mean of folds" or "one fold".
    """

    metric: str
    value: float
    n: int
    part: str = "test"


@dataclass(frozen=True)
class Experiment:
    """One system of a report.

    Attributes:
        id: such as "r1-unet".
        report: "R1" to "R5".
        title: what it is, in a few words.
        task: "segmentation" or "classification".
        build: where its model is built, "module:function" taking `Settings`.
        settings: as the report trained it; profile "full" uses these.
        laptop, smoke: what these profiles change in the settings.
        parameters: of the model under the report's settings.
        augmentation: applied while training.
        report_split: how the report divided the images.
        report_inputs: what the report's model was shown.
        backbone: name of its pretrained base, if it has one.
        ours: what the report leaves open and we chose.
        claims: the figures it prints.
    """

    id: str
    report: str
    title: str
    task: str
    build: str
    settings: Settings
    laptop: Mapping[str, Any]
    smoke: Mapping[str, Any]
    parameters: int
    augmentation: Augmentation
    report_split: ReportSplit
    report_inputs: str = "image"
    backbone: str | None = None
    ours: str = ""
    claims: tuple[Claim, ...] = field(default=(), repr=False)

    @property
    def target(self) -> str:
        """What its batches ask for: "mask" or "label"."""
        return "mask" if self.task == "segmentation" else "label"

    @property
    def main_claim(self) -> Claim | None:
        """The figure the report puts forward, pooled Dice or accuracy of the test; None without one."""
        wanted = "pooled_dice" if self.task == "segmentation" else "accuracy"
        return next((claim for claim in self.claims if claim.metric == wanted), None)


def class_claims(rows: Mapping[str, tuple[float, float, float]], support: Mapping[str, int], part: str):
    return tuple(
        Claim(f"{name}_{figure}", value, support[name], part)
        for name in CLASSES
        for figure, value in zip(("precision", "recall", "f1"), rows[name], strict=True)
    )
