"""Baselines of our own: what a small pretrained network reaches on BUSI without leaks."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Experiment
from busilib.settings import Settings
from busilib.training.augmentation import OWN

SPLIT = ReportSplit(test=0.1)
"""A random split as R2 made it, to compare protocols with; the epoch is then chosen on the test part."""

EXPERIMENTS = (
    Experiment(
        id="own-clf",
        report="own",
        title="EfficientNet-Lite0, fine-tuned",
        task="classification",
        build="busilib.models.classifier:on_encoder",
        settings=Settings(
            size=224,
            epochs=15,
            batch=16,
            learning_rate=1e-3,
            loss="sparse_categorical_crossentropy",
            encoder="efficientnetlite0",
            weights="imagenet",
            norm_momentum=0.9,
            class_power=0.5,
            cosine=True,
            test_flip=True,
        ),
        laptop={},
        smoke={"epochs": 2, "weights": None},
        parameters=3_416_867,
        augmentation=OWN,
        report_split=SPLIT,
        ours="everything",
    ),
)
