"""Every system of the reports as one entry: what it is, how it was trained, and what it claims.

Notebooks, the command line, the tests and the book read this registry. Facts and figures come from the
reports R1 (G. Rossi, thesis) and R2 (B. Munukurthi and G. V. Gayathri, 2024); what a report leaves open is
marked `ours`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from busilib.data import augment
from busilib.data.augment import Augmentation
from busilib.data.dataset import CLASSES
from busilib.data.splits import ReportSplit
from busilib.errors import UnknownNameError
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


def _class_claims(rows: Mapping[str, tuple[float, float, float]], support: Mapping[str, int], part: str):
    return tuple(
        Claim(f"{name}_{figure}", value, support[name], part)
        for name in CLASSES
        for figure, value in zip(("precision", "recall", "f1"), rows[name], strict=True)
    )


def _r2_claims(benign, malignant, normal, accuracy, macro, weighted):
    support = {"benign": 42, "malignant": 20, "normal": 16}
    rows = {"benign": benign, "malignant": malignant, "normal": normal}
    averages = zip(
        ("macro_precision", "balanced_accuracy", "macro_f1", "weighted_precision", "weighted_f1"),
        (macro[0], macro[1], macro[2], weighted[0], weighted[2]),
        strict=True,
    )
    return (
        Claim("accuracy", accuracy, 78),
        *(Claim(metric, value, 78) for metric, value in averages),
        *_class_claims(rows, support, "test"),
    )


def _pooled_claims(accuracy, precision, recall, dice, specificity, n, part):
    figures = {
        "pooled_accuracy": accuracy,
        "pooled_precision": precision,
        "pooled_recall": recall,
        "pooled_dice": dice,
        "pooled_specificity": specificity,
    }
    return tuple(Claim(metric, round(value / 100, 8), n, part) for metric, value in figures.items())


R1_POOL = 461 * 5
"""Images R1 divided, augmented copies included: one fifth of them is the 461 of its confusion matrix."""

R1_FOLD_CONFUSION = ((266, 3, 5), (12, 111, 0), (5, 2, 57))
"""R1's confusion matrix of one fold, rebuilt from its text: rows true, columns predicted."""

R2_SPLIT = ReportSplit(test=0.1)
CUT = "image cut by the true mask"

_ENTRIES = (
    Experiment(
        id="r1-unet",
        report="R1",
        title="U-Net with batch normalisation and average pooling",
        task="segmentation",
        build="busilib.models.unet:r1_unet",
        settings=Settings(
            size=128,
            epochs=100,
            batch=8,
            learning_rate=1e-4,
            loss="binary_focal_crossentropy",
            patience=12,
            filters=64,
        ),
        laptop={"filters": 16, "epochs": 36, "learning_rate": 1e-3},
        smoke={"filters": 8, "epochs": 24, "batch": 4, "learning_rate": 2e-3, "patience": None},
        parameters=31_048_257,
        augmentation=augment.R1,
        report_split=ReportSplit(test=50 / 720, validation=450 / R1_POOL, hold_out=True),
        ours=(
            "widths (64 to 1024), learning rate 1e-4 (R1: low), ranges of the augmentation; R1 took 450 "
            "validation images from a pool with augmented copies, here the same share of the 720 originals"
        ),
        claims=(
            *_pooled_claims(98.662659, 92.953053, 89.058874, 90.964305, 99.447932, 50, "test"),
            *_pooled_claims(99.12, 91.29, 94.40, 92.82, 99.42, 60, "hold-out"),
        ),
    ),
    Experiment(
        id="r1-densenet121",
        report="R1",
        title="DenseNet121 with a dense head",
        task="classification",
        build="busilib.models.classifiers:r1_densenet121",
        settings=Settings(
            size=128,
            epochs=25,
            batch=128,
            learning_rate=1e-2,
            loss="sparse_categorical_crossentropy",
            monitor="val_accuracy",
            weights="imagenet",
        ),
        laptop={"epochs": 20, "batch": 16, "learning_rate": 1e-3, "frozen": True},
        smoke={"epochs": 1, "batch": 16, "learning_rate": 1e-3, "weights": None},
        parameters=7_300_675,
        augmentation=augment.R1,
        report_split=ReportSplit(folds=5, hold_out=True),
        backbone="densenet121",
        ours="augmentation ranges; R1 names no validation part, so its checkpoint watches the test fold",
        claims=(
            Claim("accuracy", 0.9292, R1_POOL, "mean of folds"),
            Claim("log_loss", 0.20742, R1_POOL, "mean of folds"),
            *_class_claims(
                {
                    "benign": (0.939929, 0.970802, 0.955116),
                    "malignant": (0.956896, 0.902439, 0.928870),
                    "normal": (0.919354, 0.890625, 0.904761),
                },
                {"benign": 274, "malignant": 123, "normal": 64},
                "one fold",
            ),
            Claim("accuracy", 59 / 60, 60, "hold-out"),
        ),
    ),
    Experiment(
        id="r2-unet",
        report="R2",
        title="U-Net with dropout, trained on squared error",
        task="segmentation",
        build="busilib.models.unet:r2_unet",
        settings=Settings(
            size=128, epochs=100, batch=64, learning_rate=5e-5, loss="mean_squared_error", filters=64
        ),
        laptop={"filters": 16, "epochs": 36, "batch": 8, "learning_rate": 1e-4},
        smoke={"filters": 8, "epochs": 12, "batch": 4, "learning_rate": 1e-3},
        parameters=31_030_593,
        augmentation=augment.R2,
        report_split=R2_SPLIT,
        ours="initial weights (He); R2 prints no overlap figure, so there is none to compare with",
    ),
    Experiment(
        id="r2-cnn",
        report="R2",
        title="CNN of four blocks",
        task="classification",
        build="busilib.models.classifiers:r2_cnn",
        settings=Settings(
            size=128,
            epochs=150,
            batch=64,
            learning_rate=3e-4,
            loss="sparse_categorical_crossentropy",
            filters=32,
        ),
        laptop={"epochs": 40, "batch": 16},
        smoke={"filters": 8, "epochs": 20, "batch": 4, "learning_rate": 1e-3},
        parameters=914_179,
        augmentation=augment.R2,
        report_split=R2_SPLIT,
        report_inputs=CUT,
        ours="learning rate, batch, dropout rate 0.25, momentum of the batch normalisation",
        claims=_r2_claims(
            (0.87, 0.79, 0.82),
            (0.83, 0.75, 0.79),
            (0.73, 1.00, 0.84),
            0.82,
            (0.81, 0.85, 0.82),
            (0.83, 0.82, 0.82),
        ),
    ),
    Experiment(
        id="r2-vgg19",
        report="R2",
        title="VGG19 with a dense head",
        task="classification",
        build="busilib.models.classifiers:r2_vgg19",
        settings=Settings(
            size=128,
            epochs=100,
            batch=64,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            weights="imagenet",
        ),
        laptop={"epochs": 5, "batch": 16, "frozen": True},
        smoke={"epochs": 1, "batch": 16, "weights": None},
        parameters=22_122_563,
        augmentation=augment.R2,
        report_split=R2_SPLIT,
        report_inputs=CUT,
        backbone="vgg19",
        ours="learning rate, batch and epochs",
        claims=_r2_claims(
            (0.91, 0.93, 0.92),
            (1.00, 0.80, 0.89),
            (0.84, 1.00, 0.91),
            0.91,
            (0.92, 0.91, 0.91),
            (0.92, 0.91, 0.91),
        ),
    ),
    Experiment(
        id="r2-mobilenet",
        report="R2",
        title="MobileNet with a dense head",
        task="classification",
        build="busilib.models.classifiers:r2_mobilenet",
        settings=Settings(
            size=128,
            epochs=100,
            batch=64,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            weights="imagenet",
        ),
        laptop={"epochs": 20, "batch": 16, "frozen": True},
        smoke={"epochs": 2, "batch": 16, "learning_rate": 1e-3, "weights": None},
        parameters=7_424_195,
        augmentation=augment.R2,
        report_split=R2_SPLIT,
        report_inputs=CUT,
        backbone="mobilenet",
        ours="learning rate and batch",
        claims=_r2_claims(
            (0.88, 0.90, 0.89),
            (0.94, 0.75, 0.83),
            (0.84, 1.00, 0.91),
            0.88,
            (0.89, 0.88, 0.88),
            (0.89, 0.88, 0.88),
        ),
    ),
)

EXPERIMENTS: Mapping[str, Experiment] = {entry.id: entry for entry in _ENTRIES}
"""All experiments by id, in the order of the reports."""


def experiment(id: str) -> Experiment:
    """The entry of one experiment.

    Raises:
        UnknownNameError: naming the ids that exist.

    Example:
        >>> experiment("r1-unet").claims[0].metric
        'pooled_accuracy'
    """
    if id not in EXPERIMENTS:
        raise UnknownNameError(f"no experiment {id!r}. There are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[id]


def as_dict(entry: Experiment) -> dict[str, Any]:
    """An entry as plain values, for `busi experiments --json` and other programs.

    Example:
        >>> as_dict(experiment("r2-unet"))["parameters"]
        31030593
    """
    return asdict(entry) | {"input": entry.report_inputs}
