"""R2: B. Munukurthi and G. V. Gayathri, Deep Learning Approach for Tumor Segmentation (2024)."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Claim, Experiment, class_claims
from busilib.settings import Settings
from busilib.training import augmentation as augment


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
        *class_claims(rows, support, "test"),
    )


SPLIT = ReportSplit(test=0.1)
CUT = "image cut by the true mask"

EXPERIMENTS = (
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
        smoke={"filters": 8, "epochs": 6, "batch": 4, "learning_rate": 1e-3},
        parameters=31_030_593,
        augmentation=augment.R2,
        report_split=SPLIT,
        ours="initial weights (He); R2 prints no overlap figure, so there is none to compare with",
    ),
    Experiment(
        id="r2-cnn",
        report="R2",
        title="CNN of four blocks",
        task="classification",
        build="busilib.models.cnn:r2_cnn",
        settings=Settings(
            size=128,
            epochs=150,
            batch=64,
            learning_rate=3e-4,
            loss="sparse_categorical_crossentropy",
            filters=32,
        ),
        laptop={"epochs": 40, "batch": 16},
        smoke={"filters": 8, "epochs": 7, "batch": 4, "learning_rate": 1e-3},
        parameters=914_179,
        augmentation=augment.R2,
        report_split=SPLIT,
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
        build="busilib.models.classifier:r2_vgg19",
        settings=Settings(
            size=128,
            epochs=100,
            batch=64,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            encoder="vgg19",
            weights="imagenet",
        ),
        laptop={"epochs": 5, "batch": 16, "frozen": True},
        smoke={"epochs": 1, "batch": 64, "weights": None},
        parameters=22_122_563,
        augmentation=augment.R2,
        report_split=SPLIT,
        report_inputs=CUT,
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
        build="busilib.models.classifier:r2_mobilenet",
        settings=Settings(
            size=128,
            epochs=100,
            batch=64,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            encoder="mobilenet",
            weights="imagenet",
        ),
        laptop={"epochs": 20, "batch": 16, "frozen": True},
        smoke={"epochs": 2, "batch": 64, "learning_rate": 1e-3, "weights": None},
        parameters=7_424_195,
        augmentation=augment.R2,
        report_split=SPLIT,
        report_inputs=CUT,
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
