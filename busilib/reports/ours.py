"""Baselines of our own: what a small pretrained network reaches on BUSI without leaks."""

from __future__ import annotations

from dataclasses import replace

from busilib.data.splits import ReportSplit
from busilib.reports.experiment import Experiment
from busilib.settings import Settings
from busilib.training.augmentation import OWN

SPLIT = ReportSplit(test=0.1)
"""A random split as R2 made it, to compare protocols with; the epoch is then chosen on the test part."""

CLASSIFIER = Experiment(
    id="own-clf",
    report="own",
    title="EfficientNet-Lite0, fine-tuned",
    task="classification",
    build="busilib.models.classifier:on_encoder",
    settings=Settings(
        size=224,
        # Of fifteen, most runs had their lowest validation loss by the seventh, before the rate had fallen.
        epochs=8,
        batch=16,
        # At 3e-4 an encoder whose statistics of batch normalisation rest forgets what it knew: on the
        # validation part of fold 0, seed 0, the macro AUC was 0.74, and 0.99 at 1e-4.
        learning_rate=1e-4,
        loss="sparse_categorical_crossentropy",
        encoder="efficientnetlite0",
        weights="imagenet",
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
)

SEGMENTER = Experiment(
    id="own-seg",
    report="own",
    title="U-Net on EfficientNet-Lite0, with a head for the presence of a lesion",
    task="segmentation",
    build="busilib.models.unet_on:unet_on",
    settings=Settings(
        size=224,
        epochs=20,
        batch=8,
        # The decoder begins with random numbers and wants large steps, in which the encoder would forget.
        learning_rate=5e-3,
        encoder_rate=0.02,
        loss="dice_bce",
        # Not the whole loss: the head of presence overfits before the mask does, and would choose the epoch.
        monitor="val_mask_loss",
        # At 16 the decoder takes four times as long as the encoder.
        filters=8,
        encoder="efficientnetlite0",
        weights="imagenet",
        cosine=True,
        test_flip=True,
        second_head="presence",
    ),
    laptop={},
    smoke={"epochs": 2, "filters": 4, "weights": None},
    parameters=4_669_538,
    augmentation=OWN,
    report_split=SPLIT,
    ours="everything; its mask counts where presence reaches the threshold chosen on the validation images",
)


def _both(name: str, title: str, **changes) -> tuple[Experiment, Experiment]:
    """A network for both tasks: what outlines, and its head that names."""
    segmenter = replace(
        SEGMENTER,
        id=f"own-{name}-seg",
        title=f"{title}: its masks, gated by its classes",
        settings=replace(SEGMENTER.settings, second_head="class", class_power=0.5, **changes),
        parameters=4_672_100,
        ours="everything; its mask counts where 1 − P(normal) reaches a threshold, "
        "chosen on validation images",
    )
    head = replace(
        CLASSIFIER,
        id=f"own-{name}-clf",
        title=f"{title}: its classes",
        build="",
        settings=Settings(size=224),
        smoke={},
        parameters=segmenter.parameters,
        augmentation=None,
        members=(segmenter.id,),
        head="class",
        ours=f"everything; trained as {segmenter.id}",
    )
    return segmenter, head


def _variant(name: str, title: str, **changes) -> Experiment:
    """`own-clf` with one thing changed, and the schedule that goes with it."""
    settings = replace(CLASSIFIER.settings, **changes)
    return replace(CLASSIFIER, id=f"own-clf-{name}", title=f"own-clf, {title}", settings=settings)


EXPERIMENTS = (
    CLASSIFIER,
    SEGMENTER,
    *_both("multi", "One network for both tasks"),
    replace(
        SEGMENTER,
        id="own-seg-ellipse",
        title="own-seg, learned from ellipses in place of the drawn outlines",
        settings=replace(SEGMENTER.settings, drawing="ellipse"),
    ),
    # Beside a class loss of a thousand times the weight the masks ask nothing of the encoder; their decoder
    # learns as before, so that schedule, head and choice of the epoch are the same.
    *_both("classes", "Network for both tasks, its encoder taught by the classes alone", second_weight=1e3),
    *_both("multi-ellipse", "Network for both tasks, learned from ellipses", drawing="ellipse"),
    _variant("128", "at 128 pixels", size=128),
    _variant("letterbox", "images in their own proportions", shape="letterbox"),
    _variant("frozen", "only the head learns", frozen=True, learning_rate=1e-3, epochs=15),
    _variant(
        "scratch", "from random weights", weights=None, learning_rate=1e-3, norm_momentum=0.9, epochs=15
    ),
)
