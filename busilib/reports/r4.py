"""R4: Breast Cancer Ultrasound Image Classification and Segmentation (project report)."""

from __future__ import annotations

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Claim, Experiment
from busilib.settings import Settings
from busilib.training import augmentation as augment

SPLIT = ReportSplit(test=0.1, validation=0.1)


MEMBERS = ("r4-unet", "r4-unet-vgg19", "r4-deeplabv3")


def _ensemble(name: str, title: str, iou: float, ours: str) -> Experiment:
    return Experiment(
        id=f"r4-{name}",
        report="R4",
        title=title,
        task="segmentation",
        build=f"busilib.models.ensemble:r4_{name}",
        settings=Settings(size=256),
        laptop={"size": 128},
        smoke={},
        parameters=126_358_019,
        augmentation=None,
        report_split=SPLIT,
        members=MEMBERS,
        ours=ours,
        claims=(Claim("lesion_iou", iou, None),),
    )


def _classifier(network: str, title: str, laptop: dict, parameters: int, ours: str, claims=()):
    return Experiment(
        id=f"r4-{network}",
        report="R4",
        title=title,
        task="classification",
        build=f"busilib.models.classifier:r4_{network}",
        settings=Settings(
            size=256,
            epochs=50,
            batch=16,
            learning_rate=1e-4,
            loss="sparse_categorical_crossentropy",
            encoder=network,
            weights="imagenet",
        ),
        laptop={"size": 128, "frozen": True, **laptop},
        smoke={"epochs": 1, "batch": 64, "weights": None},
        parameters=parameters,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours=f"{ours}, learning rate, batch, epochs, split",
        claims=claims,
    )


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
        smoke={"filters": 8, "epochs": 6, "batch": 4, "learning_rate": 2e-3},
        parameters=31_048_257,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours="everything but size and augmentation: widths, loss, learning rate, epochs, split",
        claims=(Claim("lesion_iou", 0.528, None),),
    ),
    Experiment(
        id="r4-unet-vgg19",
        report="R4",
        title="U-Net with a VGG19 encoder and LeakyReLU",
        task="segmentation",
        build="busilib.models.unet_vgg19:r4_unet_vgg19",
        settings=Settings(
            size=256,
            epochs=100,
            batch=8,
            learning_rate=1e-4,
            loss="binary_crossentropy",
            filters=64,
            encoder="vgg19",
            weights="imagenet",
        ),
        laptop={"size": 128, "filters": 16, "epochs": 6, "learning_rate": 5e-4, "frozen": True},
        smoke={"filters": 4, "epochs": 1, "batch": 64, "learning_rate": 3e-4, "weights": None},
        parameters=37_074_497,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours="ReLU in the encoder, batch normalisation in the decoder, loss, learning rate, epochs, split",
    ),
    Experiment(
        id="r4-deeplabv3",
        report="R4",
        title="DeepLabV3+ with ResNet101, from random weights",
        task="segmentation",
        build="busilib.models.deeplab:r4_deeplabv3",
        settings=Settings(
            size=256,
            epochs=100,
            batch=8,
            learning_rate=1e-4,
            loss="binary_crossentropy",
            filters=64,
            encoder="resnet101",
        ),
        laptop={"size": 128, "filters": 16, "epochs": 16, "learning_rate": 1e-3},
        smoke={"filters": 8, "epochs": 2, "batch": 64, "learning_rate": 1e-3},
        parameters=58_235_265,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours="the + variant, random initial weights, loss, learning rate, epochs, split",
        claims=(Claim("lesion_iou", 0.617, None),),
    ),
    Experiment(
        id="r4-segformer",
        report="R4",
        title="SegFormer-B0, R4's future work",
        task="segmentation",
        build="busilib.models.segformer:r4_segformer",
        settings=Settings(
            size=256, epochs=100, batch=8, learning_rate=1e-4, loss="binary_crossentropy", filters=32
        ),
        laptop={"size": 128, "filters": 16, "epochs": 24, "learning_rate": 1e-3},
        smoke={"filters": 8, "epochs": 2, "batch": 64, "learning_rate": 1e-3},
        parameters=3_715_170,
        augmentation=augment.R4,
        report_split=SPLIT,
        ours="everything: R4 names it and does not train it; learning rate, epochs, split as for the others",
    ),
    Experiment(
        id="r4-threshold",
        report="R4",
        title="Otsu's threshold and morphological operations",
        task="segmentation",
        build="busilib.models.threshold:r4_threshold",
        settings=Settings(size=256),
        laptop={"size": 128},
        smoke={},
        parameters=0,
        augmentation=None,
        report_split=SPLIT,
        ours="everything but the idea: smoothing, threshold, radii, which piece is the lesion",
    ),
    _ensemble("ensemble", "Mean of the three networks' probabilities", 0.645, "which networks it joins"),
    _ensemble(
        "combined",
        "Weighted mean of the three networks' probabilities",
        0.488,
        "which networks it joins; weights fitted on the validation images by their likelihood",
    ),
    _classifier(
        "vgg19",
        "VGG19 with global average pooling",
        laptop={"epochs": 5},
        parameters=20_156_483,
        ours="the head",
        claims=(Claim("weighted_f1", 0.9236, None),),
    ),
    _classifier(
        "resnet50",
        "ResNet50 with global average pooling",
        laptop={"epochs": 8, "learning_rate": 1e-3},
        parameters=24_113_027,
        ours="the head",
        claims=(Claim("weighted_f1", 0.9132, None),),
    ),
    _classifier(
        "efficientnetb0",
        "EfficientNetB0 with global average pooling",
        laptop={"epochs": 10, "learning_rate": 1e-3},
        parameters=4_378_271,
        ours="the head, which EfficientNet, no stochastic depth",
    ),
    _classifier(
        "efficientnetlite0",
        "EfficientNet-Lite0 with global average pooling",
        laptop={"epochs": 10, "learning_rate": 1e-3},
        parameters=3_741_731,
        ours="the head, which EfficientNet",
    ),
)
