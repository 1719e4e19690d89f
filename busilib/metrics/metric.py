"""Every metric of the project: what it is called, what stands behind it, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from busilib.data.dataset import CLASSES
from busilib.data.tiles import TISSUES
from busilib.metrics.factorial import COMBINATIONS, COMPANY, MISTAKES, PARTS, combination, in_words


@dataclass(frozen=True)
class Metric:
    """What is to be known of a metric besides its values.

    Attributes:
        key: as in `metrics.json`.
        words: what it is called on a page.
        support: the rows that it is a figure of, as the task's `…_rows` function calls them.
        decided_by: the rows whose number decides whether there is an interval, where that is not `support`;
            of several, the fewest that are not empty.
        unit: of its values; a share, from 0 to 1, unless given.
        higher_is_better: None where neither way is better, as for a share that is there to compare with.
    """

    key: str
    words: str
    support: str = "images"
    decided_by: tuple[str, ...] = ()
    unit: str = "share"
    higher_is_better: bool | None = True


YES_OR_NO = frozenset(
    {
        "accuracy",
        "called_normal",
        "sensitivity",
        "specificity",
        "no_heat",
        "normal_false_positive_rate",
        *(f"{name}_{figure}" for name in CLASSES for figure in ("precision", "recall")),
    }
)
"""Metrics that are the share of some images for which something holds."""

LESION, NORMAL, HEAT = "lesion images", "normal images", "images with heat"
EACH_CLASS = tuple(f"{name} images" for name in CLASSES)
CALLED = tuple(f"images called {name}" for name in CLASSES)

_SEGMENTATION = (
    Metric("lesion_dice", "Dice, mean of lesion images", LESION),
    Metric("lesion_iou", "IoU, mean of lesion images", LESION),
    Metric("all_dice", "Dice, mean of all images"),
    Metric("pooled_dice", "Dice, pooled pixels"),
    Metric("pooled_two_class_dice", "Dice, pooled pixels, background counted"),
    Metric("pooled_iou", "IoU, pooled pixels"),
    Metric("pooled_accuracy", "pixel accuracy"),
    Metric("pooled_precision", "pixel precision"),
    Metric("pooled_recall", "pixel recall (sensitivity)"),
    Metric("pooled_specificity", "pixel specificity"),
    Metric("normal_false_positive_rate", "normals with a false lesion", NORMAL, higher_is_better=False),
    Metric("lesion_hd95", "HD95 of lesions (pixels)", LESION, unit="pixels", higher_is_better=False),
    Metric("lesion_nsd", "boundary within 2 pixels (NSD)", LESION),
)

_CLASSIFICATION = (
    Metric("accuracy", "accuracy"),
    Metric("balanced_accuracy", "balanced accuracy", decided_by=EACH_CLASS),
    Metric("macro_precision", "macro precision", decided_by=CALLED),
    Metric("macro_f1", "macro F1", decided_by=EACH_CLASS),
    Metric("weighted_precision", "weighted precision", decided_by=CALLED),
    Metric("weighted_f1", "weighted F1"),
    Metric("macro_auc", "macro AUC", decided_by=EACH_CLASS),
    Metric("brier", "Brier score", unit="squared error, 0 to 2", higher_is_better=False),
    Metric("ece", "calibration error (ECE)", higher_is_better=False),
    Metric("log_loss", "log loss", unit="nats", higher_is_better=False),
    Metric("loss", "loss", unit="nats", higher_is_better=False),
    *(
        metric
        for name in CLASSES
        for metric in (
            Metric(f"{name}_precision", f"{name}, precision", decided_by=(f"images called {name}",)),
            Metric(f"{name}_recall", f"{name}, recall", f"{name} images"),
            Metric(f"{name}_f1", f"{name}, f1", f"{name} images"),
            Metric(f"{name}_auc", f"{name}, auc", decided_by=(f"{name} images",)),
        )
    ),
)

_MALIGNANCY = (
    Metric("called_normal", "lesions called normal", higher_is_better=False),
    Metric(
        "malignancy_auc", "AUC, malignant against benign", decided_by=("malignant images", "benign images")
    ),
    Metric("sensitivity", "sensitivity for malignant", "malignant images"),
    Metric("specificity", "specificity for benign", "benign images"),
    Metric(
        "malignancy_brier",
        "Brier score, malignant against benign",
        unit="squared error",
        higher_is_better=False,
    ),
)

_ATTENTION = (
    Metric("no_heat", "maps without heat", higher_is_better=False),
    *(
        Metric(
            f"{part}_{key}" if part else key,
            f"{words}, {part} images" if part else words,
            f"{part} {HEAT}".strip(),
            unit=unit,
            higher_is_better=better,
        )
        for part in ("", "benign", "malignant", "right", "wrong")
        for key, words, unit, better in (
            ("share_inside", "share of heat inside the lesion", "share", True),
            ("lesion_share", "indifferent map", "share", None),
            ("fixed_share", "fixed gaze", "share", None),
            ("share_gain", "share inside above a fixed gaze", "share", True),
            ("attention_ratio", "share inside over lesion share", "ratio", True),
            ("hit_rate", "brightest point inside", "share", True),
        )
    ),
)

_TISSUE = (
    Metric("pixel_accuracy", "pixel accuracy, all tissues", "tiles"),
    Metric("majority_rate", "always the commonest tissue", "tiles", higher_is_better=None),
    Metric("macro_dice", "Dice, mean of tissues", "tiles"),
    Metric("macro_iou", "IoU, mean of tissues", "tiles"),
    *(
        metric
        for name in TISSUES
        for tissue in (name.replace("_", " "),)
        for words in ("tumour" if name == "tumor" else tissue,)
        for metric in (
            Metric(f"{name}_dice", f"{words}, Dice", f"tiles with {tissue}"),
            Metric(f"{name}_iou", f"{words}, IoU", f"tiles with {tissue}"),
            Metric(f"{name}_precision", f"{words}, precision", f"tiles with {tissue}"),
            Metric(f"{name}_recall", f"{words}, recall", f"tiles with {tissue}"),
            Metric(f"{name}_frequency", f"{words}, share of pixels", "tiles", higher_is_better=None),
        )
    ),
    Metric("tumor_f1", "tumour, F1", "tiles with tumor"),
)

_FACTORIAL = (
    *(
        Metric(f"accuracy:{key}", f"accuracy, mistakes: {in_words(key)}")
        for key in map(combination, COMBINATIONS)
    ),
    *(
        Metric(f"{part}:{mistake}", f"{called}, {words}", higher_is_better=None)
        for part, words in (*PARTS.items(), (COMPANY, "on top of all others less alone"))
        for mistake, called in MISTAKES.items()
    ),
    Metric("inflation", "all mistakes less none", higher_is_better=None),
)

METRICS = {
    metric.key: metric
    for metric in (*_SEGMENTATION, *_CLASSIFICATION, *_MALIGNANCY, *_ATTENTION, *_TISSUE, *_FACTORIAL)
}
"""Every metric by its key."""
