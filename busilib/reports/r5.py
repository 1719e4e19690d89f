"""R5: P. Yasaswi et al., Leveraging Deep Learning for Early Breast Cancer Detection Through Semantic
Segmentation (GITAM, B.Tech. report)."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Claim, Experiment
from busilib.settings import Settings

EPOCHS = {
    # Training loss and accuracy, validation loss and accuracy, as R5 prints them.
    "first epoch": (1.4850, 0.9590, 1.2432, 0.9562),
    "last epoch": (0.7498, 0.9750, 1.4807, 0.9548),
}


def _epoch_claims():
    for epoch, figures in EPOCHS.items():
        for place, part in enumerate(("train", "validation")):
            loss, accuracy = figures[2 * place : 2 * place + 2]
            yield Claim("loss", loss, None, f"{epoch}, {part}")
            yield Claim("pixel_accuracy", accuracy, None, f"{epoch}, {part}")


def _tumor_claims(accuracy, precision, recall, f1, part):
    figures = {
        "pixel_accuracy": accuracy,
        "tumor_precision": precision,
        "tumor_recall": recall,
        "tumor_f1": f1,
    }
    return tuple(Claim(metric, round(value / 100, 8), None, part) for metric, value in figures.items())


EXPERIMENTS = (
    Experiment(
        id="r5-unet-resnet34",
        report="R5",
        title="U-Net with a frozen ResNet34 encoder, 21 kinds of tissue",
        task="tissue",
        build="busilib.models.unet_resnet34:r5_unet_resnet34",
        settings=Settings(
            size=224,
            epochs=10,
            batch=64,
            learning_rate=1e-3,
            loss="sparse_categorical_crossentropy",
            patience=3,
            encoder="resnet34",
            weights="imagenet",
            frozen=True,
        ),
        laptop={"size": 128, "batch": 16, "epochs": 6},
        smoke={"epochs": 2, "batch": 64, "weights": None},
        parameters=24_458_277,
        augmentation=None,
        report_split=ReportSplit(),
        ours=(
            "learning rate 1e-3, loss, patience 3, no augmentation, code 0 as the one without an output, "
            "the codes 0 and 7 ignored in loss and figures; R5's seed is 42, ours is the caller's"
        ),
        claims=(
            *_tumor_claims(95.4, 94.5, 91.8, 92.05, "test"),
            *_tumor_claims(92, 94, 89, 91, "base paper"),
            *_epoch_claims(),
            Claim("pixel_accuracy", 0.9572, None, "best epoch, validation"),
            Claim("loss", 1.2361, None, "best epoch, validation"),
            Claim("parameters", 24_439_269, None, "model"),
            Claim("trainable_parameters", 3_154_597, None, "model"),
            Claim("encoder_parameters", 21_284_672, None, "model"),
            Claim("head_parameters", 3_045, None, "model"),
        ),
    ),
)
