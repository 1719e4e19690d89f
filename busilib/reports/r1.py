"""R1: G. Rossi, Breast Cancer Segmentation and Classification with Artificial Intelligence (thesis)."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Claim, Experiment, class_claims
from busilib.settings import Settings
from busilib.training import augmentation as augment


def _pooled_claims(accuracy, precision, recall, dice, specificity, n, part):
    figures = {
        "pooled_accuracy": accuracy,
        "pooled_precision": precision,
        "pooled_recall": recall,
        "pooled_dice": dice,
        "pooled_specificity": specificity,
    }
    return tuple(Claim(metric, round(value / 100, 8), n, part) for metric, value in figures.items())


POOL = 461 * 5
"""Images R1 divided, augmented copies included: one fifth of them is the 461 of its confusion matrix."""

FOLD_CONFUSION = ((266, 3, 5), (12, 111, 0), (5, 2, 57))
"""R1's confusion matrix of one fold, rebuilt from its text: rows true, columns predicted."""

EXPERIMENTS = (
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
        smoke={"filters": 8, "epochs": 8, "batch": 4, "learning_rate": 2e-3, "patience": None},
        parameters=31_048_257,
        augmentation=augment.R1,
        report_split=ReportSplit(test=50 / 720, validation=450 / POOL, hold_out=True),
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
        build="busilib.models.classifier:r1_densenet121",
        settings=Settings(
            size=128,
            epochs=25,
            batch=128,
            learning_rate=1e-2,
            loss="sparse_categorical_crossentropy",
            monitor="val_accuracy",
            encoder="densenet121",
            weights="imagenet",
        ),
        laptop={"epochs": 20, "batch": 16, "learning_rate": 1e-3, "frozen": True},
        smoke={"epochs": 1, "batch": 64, "learning_rate": 1e-3, "weights": None},
        parameters=7_300_675,
        augmentation=augment.R1,
        report_split=ReportSplit(folds=5, hold_out=True),
        ours="augmentation ranges; R1 names no validation part, so its checkpoint watches the test fold",
        claims=(
            Claim("accuracy", 0.9292, POOL, "mean of folds"),
            Claim("log_loss", 0.20742, POOL, "mean of folds"),
            *class_claims(
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
)
