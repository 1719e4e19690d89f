"""R4: Breast Cancer Ultrasound Image Classification and Segmentation (project report)."""

from __future__ import annotations

from busilib.data import augment
from busilib.data.splits import ReportSplit
from busilib.experiments.experiment import Claim, Experiment
from busilib.settings import Settings

SPLIT = ReportSplit(test=0.1, validation=0.1)

EXPERIMENTS = (
    Experiment(
        id="r4-unet",
        report="R4",
        title="U-Net baseline",
        task="segmentation",
        build="busilib.models.unet:r4_unet",
        settings=Settings(
            size=256, epochs=100, batch=8, learning_rate=1e-4, loss="binary_crossentropy", filters=64
        ),
        laptop={"size": 128, "filters": 16, "epochs": 24, "learning_rate": 1e-3},
        smoke={"filters": 8, "epochs": 12, "batch": 4, "learning_rate": 2e-3},
        parameters=31_048_257,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours="everything but size and augmentation: widths, loss, learning rate, epochs, split",
        claims=(Claim("lesion_iou", 0.528, None),),
    ),
)
