"""What an entry of the registry is: one system of a report, how it was trained, and what it claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from busilib.data.dataset import CLASSES
from busilib.data.splits import ReportSplit
from busilib.settings import Settings
from busilib.training.augmentation import Augmentation


@dataclass(frozen=True)
class Claim:
    """One figure that a report prints.

    Attributes:
        metric: key as in `busilib.metrics`, such as "pooled_dice".
        value: as a fraction (losses as they are).
        n: images behind it; None where the report does not say.
        part: where it was measured: "test", "train", "validation", "hold-out", "mean of folds", "one fold".
    """

    metric: str
    value: float
    n: int | None
    part: str = "test"


@dataclass(frozen=True)
class Experiment:
    """One system of a report.

    Attributes:
        id: such as "r1-unet".
        report: "R1" to "R5", or "own".
        title: what it is, in a few words.
        task: "segmentation" (lesions), "classification" or "tissue" (a class for every pixel of histology).
        build: where it is built, "module:function" taking `Settings`: a Keras model; for a rule, a function
            from uint8 (n, h, w) to float32 (n, h, w); for an ensemble, see `busilib.models.ensemble`; empty
            for a head of another's network.
        settings: as the report trained it; profile "full" uses these.
        laptop, smoke: what these profiles change in the settings.
        parameters: of the model under the report's settings, running statistics of batch normalisation
            included; 0 for a rule, the sum of its members for an ensemble.
        augmentation: applied while training.
        report_split: how the report divided the images.
        inputs: what its model is shown, if nothing else is asked for (see `busilib.training.inputs.INPUTS`).
        report_inputs: what the report's model was shown, where that differs.
        test_inputs: what it is shown when it is tested, where that differs from training.
        pair: whether its model takes an image and a mask.
        members: ids of the experiments an ensemble joins, or of the one whose `head` it is.
        head: of its member's network that it is; nothing is trained then.
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
    augmentation: Augmentation | None
    report_split: ReportSplit
    inputs: str = "image"
    report_inputs: str = ""
    test_inputs: str = ""
    pair: bool = False
    members: tuple[str, ...] = ()
    head: str = ""
    ours: str = ""
    claims: tuple[Claim, ...] = field(default=(), repr=False)

    @property
    def target(self) -> str:
        """What its batches ask for: "mask", "label" or "codes"."""
        return {"segmentation": "mask", "classification": "label", "tissue": "codes"}[self.task]

    @property
    def kind(self) -> str:
        """How it comes to its predictions: "network", "rule" (nothing is trained), "ensemble" or "head"."""
        if self.head:
            return "head"
        if self.members:
            return "ensemble"
        return "network" if self.settings.epochs else "rule"

    def inputs_under(self, protocol: str) -> str:
        """What its model is shown under a protocol, if nothing else is asked for.

        Example:
            >>> experiment("r2-cnn").inputs_under("random")
            'image cut by the true mask'
        """
        return self.report_inputs or self.inputs if protocol == "random" else self.inputs

    @property
    def main_claim(self) -> Claim | None:
        """The figure the report puts forward; None without one."""
        for wanted in MAIN_CLAIMS[self.task]:
            for claim in self.claims:
                if claim.metric == wanted:
                    return claim
        return None


MAIN_CLAIMS = {
    "segmentation": ("pooled_dice", "lesion_iou"),
    "classification": ("accuracy", "weighted_f1"),
    "tissue": ("pixel_accuracy",),
}
"""What a report puts forward, by task: the first of these that it prints."""


def class_claims(rows: Mapping[str, tuple[float, float, float]], support: Mapping[str, int], part: str):
    return tuple(
        Claim(f"{name}_{figure}", value, support[name], part)
        for name in CLASSES
        for figure, value in zip(("precision", "recall", "f1"), rows[name], strict=True)
    )
