"""R3: ekans24, Breast Cancer Detection with ImageMaskNet CNN (project report, 2023)."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Claim, Experiment
from busilib.settings import Settings
from busilib.training import augmentation as augment

SPLIT = ReportSplit(test=0.2)
TEST = 156
"""One image in five of 780."""

EXPERIMENTS = (
    Experiment(
        id="r3-imagemasknet",
        report="R3",
        title="ImageMaskNet: image branch, mask branch, one head",
        task="classification",
        build="busilib.models.image_mask_net:r3_imagemasknet",
        settings=Settings(
            size=256,
            epochs=10,
            batch=16,
            learning_rate=1e-3,
            loss="sparse_categorical_crossentropy",
            filters=32,
            weight_decay=1e-4,
        ),
        laptop={"size": 128},
        smoke={"filters": 8, "epochs": 6, "batch": 4},
        parameters=67_147_587,
        augmentation=augment.R3,
        report_split=SPLIT,
        inputs="image and true mask",
        pair=True,
        ours="batch (R3 gives 16 for its second network), checkpoint by validation loss",
        claims=(
            Claim("accuracy", 0.9872, TEST),
            Claim("log_loss", 0.0468, TEST),
            Claim("macro_precision", 0.9874, TEST),
            Claim("balanced_accuracy", 0.9872, TEST),
            Claim("accuracy", 0.9936, None, "train"),
            Claim("log_loss", 0.0278, None, "train"),
            Claim("accuracy", 0.659, None, "first epoch, train"),
            Claim("accuracy", 0.7179, TEST, "first epoch, test"),
            Claim("accuracy", 0.92, None, "comparison section"),
            Claim("sensitivity", 0.89, None, "comparison section"),
            Claim("specificity", 0.94, None, "comparison section"),
        ),
    ),
    Experiment(
        id="r3-imagemasknet2",
        report="R3",
        title="ImageMaskNet2: trained with masks, asked without",
        task="classification",
        build="busilib.models.image_mask_net:r3_imagemasknet2",
        settings=Settings(
            size=256,
            epochs=50,
            batch=16,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            monitor="val_class_loss",
            filters=32,
            weight_decay=1e-5,
            image_only_from=25,
        ),
        laptop={"size": 128},
        smoke={"filters": 8, "epochs": 8, "batch": 4, "learning_rate": 1e-3, "image_only_from": 4},
        parameters=134_333_126,
        augmentation=augment.R3,
        report_split=SPLIT,
        inputs="image and true mask",
        test_inputs="image",
        pair=True,
        ours=(
            "the epoch from which only the image head learns (half of R3's 50; R3: the later stage), "
            "checkpoint by the validation loss of the image head"
        ),
        claims=(
            Claim("accuracy", 0.9692, TEST),
            Claim("log_loss", 0.1135, TEST),
            Claim("macro_precision", 0.9054, TEST),
            Claim("balanced_accuracy", 0.8931, TEST),
            Claim("accuracy", 0.9054, None, "train"),
            Claim("log_loss", 0.2638, None, "train"),
            Claim("accuracy", 0.91, None, "comparison section, with masks"),
            Claim("accuracy", 0.88, None, "comparison section, image only"),
            Claim("sensitivity", 0.86, None, "comparison section, image only"),
            Claim("specificity", 0.92, None, "comparison section, image only"),
        ),
    ),
)
