"""The settings of one training: what a report gives, or what a profile makes of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Everything that shapes a model and its training, apart from data, split and seed.

    Attributes:
        size: input height and width in pixels.
        drawing: how the true masks that it learns from are drawn, key of `busilib.metrics.redrawn.DRAWINGS`;
            it is tested on them as they are.
        shape: how images of other proportions fill the square: "stretch", or "letterbox" (with black bars,
            see `busilib.training.letterbox`).
        channels: of the input: 1 gray, or 2 with a mask beside it, for classifiers on an encoder.
        epochs: at most; 0 where nothing is trained (thresholds, ensembles).
        batch: images per step.
        learning_rate: of Adam, at the start.
        loss: name of a Keras loss, or of one of `busilib.training.losses.LOSSES`.
        monitor: validation quantity that chooses the checkpoint, such as "val_loss" or "val_accuracy";
            "epoch" for the last one, whatever it is worth.
        patience: epochs without improvement before early stopping; None never stops early.
        filters: channels of the first block, for networks built from blocks; else None.
        encoder: key of `busilib.models.encoders.ENCODERS`, or "resnet101"; None where there is none.
        weights: of the encoder: "imagenet", a path, or None for random; None where there is no encoder.
        frozen: whether the encoder keeps its pretrained weights.
        norm_momentum: of the encoder's batch normalisation, whose running statistics then learn; None leaves
            pretrained statistics as they are. Keras's 0.99 lags behind for hundreds of steps, 0.9 does not.
        weight_decay: of Adam, per step and unit of learning rate; None for none.
        class_power: each class weighs (all images / its images) to this power in the loss; 0 weighs images
            alike, 0.5 is the square root, 1 balances the classes.
        cosine: whether the learning rate falls to zero along half a cosine, over all epochs.
        encoder_rate: what the encoder gets of the learning rate; what stands on it gets all.
        test_flip: whether predictions are the mean over an image and its mirror image.
        precision: "float32", or "mixed_bfloat16" for processors and GPUs that have it.
        second_head: what a segmenter says of an image as a whole, which then gates its mask: "presence" (of a
            lesion) or "class"; None for a mask alone.
        second_weight: of that head's loss, beside 1 for the mask's.
        image_only_from: first epoch in which only the image head of a two-headed network learns; None where
            there is one head.
    """

    size: int
    epochs: int = 0
    batch: int = 32
    learning_rate: float = 0.0
    loss: str = ""
    monitor: str = "val_loss"
    patience: int | None = None
    filters: int | None = None
    encoder: str | None = None
    weights: str | None = None
    frozen: bool = False
    norm_momentum: float | None = None
    weight_decay: float | None = None
    class_power: float = 0.0
    cosine: bool = False
    encoder_rate: float = 1.0
    test_flip: bool = False
    precision: str = "float32"
    second_head: str | None = None
    second_weight: float = 1.0
    image_only_from: int | None = None
    drawing: str = "raw"
    shape: str = "stretch"
    channels: int = 1
