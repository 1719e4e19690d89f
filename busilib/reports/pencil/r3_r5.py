"""What a pencil finds in R3, R4 and R5."""

from __future__ import annotations

from busilib.reports.pencil.contradiction import (
    Check,
    Contradiction,
    busi_counts,
    harmonic,
    percent,
    support,
    value,
)

R5_KERNEL, R5_LAST_FILTERS, R5_CLASSES = 3, 16, 21
"""R5's head: a convolution from the last filters of the decoder to the classes."""


def _r3_comparison(entries) -> Contradiction:
    one, two = "r3-imagemasknet", "r3-imagemasknet2"
    lines = []
    for title, id, part in (
        ("model 1", one, "comparison section"),
        ("model 2, with masks", two, "comparison section, with masks"),
        ("model 2, image only", two, "comparison section, image only"),
    ):
        result, compared = value(entries, id, "accuracy"), value(entries, id, "accuracy", part)
        lines.append(
            f"{title}: {percent(result)} − {percent(compared, 0)} = {100 * (result - compared):.2f} points"
        )
    return Contradiction(
        "R3",
        "The comparison section does not repeat the results.",
        "\n".join(lines),
        "The report does not say which data its comparison section rests on. Both sets of figures cannot be "
        "of one model on one test set.",
    )


def _r3_whole_numbers(entries) -> Contradiction:
    lines = []
    for title, id in (("model 1", "r3-imagemasknet"), ("model 2", "r3-imagemasknet2")):
        accuracy, n = value(entries, id, "accuracy"), support(entries, id, "accuracy")
        below = int(accuracy * n + 1e-9)
        around = ", ".join(f"{k} / {n} = {percent(k / n)}" for k in (below, below + 1))
        lines.append(f"{title}: {percent(accuracy)} · {n} = {accuracy * n:.1f};   {around}")
    return Contradiction(
        "R3",
        "Do the test accuracies fit whole numbers of pictures?",
        "\n".join(lines),
        "Model 1's does. Model 2's does not fit any count out of a fifth of BUSI: either its test set was "
        "another one, or the figure is not a share of pictures.",
    )


def _r3_precision_recall(entries) -> Contradiction:
    id, counts = "r3-imagemasknet2", busi_counts()
    accuracy, precision, recall = (
        value(entries, id, name) for name in ("accuracy", "macro_precision", "balanced_accuracy")
    )
    train = value(entries, id, "accuracy", "train")
    smallest = min(counts.values()) / sum(counts.values())
    least = 1 - (1 - accuracy) / (len(counts) * smallest)
    return Contradiction(
        "R3",
        "Precision and recall of model 2 do not belong to its test accuracy.",
        f"precision {percent(precision)}, training accuracy {percent(train)}\n"
        f"recall weighted by class = accuracy = {percent(accuracy)}, not {percent(recall)}\n"
        f"macro recall, if every error fell on the rarest class ({percent(smallest)} of BUSI):\n"
        f"  100% − {percent(1 - accuracy)} / ({len(counts)} · {percent(smallest)}) = {percent(least)}, "
        f"still above {percent(recall)}",
        "In a test set with BUSI's shares of classes none of the usual averages gives this recall. The "
        "precision equals the training accuracy digit for digit, so both may be figures of the training "
        "pictures.",
    )


def _r3_test_above_train(entries) -> Contradiction:
    id = "r3-imagemasknet2"
    test, train = value(entries, id, "accuracy"), value(entries, id, "accuracy", "train")
    test_loss, train_loss = value(entries, id, "log_loss"), value(entries, id, "log_loss", "train")
    return Contradiction(
        "R3",
        "Model 2 does better on test pictures than on those it learned from.",
        f"accuracy: {percent(test)} − {percent(train)} = +{100 * (test - train):.2f} points\n"
        f"loss: {test_loss:.4f} / {train_loss:.4f} = {test_loss / train_loss:.2f}",
        "Dropout and augmentation make training harder, so this is not impossible, but it is a lot. Copies "
        "of test pictures among the training pictures, or masks at the test, would do the same.",
    )


def _r3_empty_mask(entries) -> Contradiction:
    counts = busi_counts()
    lesions, images = counts["benign"] + counts["malignant"], sum(counts.values())
    return Contradiction(
        "R3",
        "A true mask as input gives away the class normal.",
        f"empty masks: {counts['normal']} = all normal pictures, and no other\n"
        f"rule: empty mask → normal, else benign: ({counts['normal']} + {counts['benign']}) / {images} = "
        f"{percent((counts['normal'] + counts['benign']) / images)}\n"
        f"the same without masks: {counts['benign']} / {images} = {percent(counts['benign'] / images)}",
        "The rule finds every normal picture without looking at a single pixel of ultrasound. What is left "
        f"to learn are two classes, on {lesions} pictures.",
    )


def _r4_combined(entries) -> Contradiction:
    iou = {id: value(entries, id, "lesion_iou") for id in ("r4-combined", "r4-unet", "r4-deeplabv3")}
    combined = iou.pop("r4-combined")
    lines = [
        f"Combined − {title} = {combined:.3f} − {iou[id]:.3f} = −{iou[id] - combined:.3f}"
        for id, title in (("r4-unet", "U-Net"), ("r4-deeplabv3", "DeepLabV3"))
    ]
    return Contradiction(
        "R4",
        "The weighted combination is worse than its own U-Net.",
        "\n".join(lines),
        "Weights of 1 and 0 would give the better member alone. So the weights were not fitted, or fitted to "
        "something else than IoU on pictures like those of the test.",
    )


def _r4_iou_only(entries) -> Contradiction:
    named = {
        "r4-ensemble": "Ensemble",
        "r4-deeplabv3": "DeepLabV3",
        "r4-unet": "U-Net",
        "r4-combined": "Combined",
    }
    lines = []
    for id, title in named.items():
        iou = value(entries, id, "lesion_iou")
        lines.append(f"{title}: 2 · {iou:.3f} / (1 + {iou:.3f}) = {2 * iou / (1 + iou):.3f}")
    dice = value(entries, "r1-unet", "pooled_dice")
    return Contradiction(
        "R4",
        "IoU is the only figure for the outlines. What would it be as Dice?",
        "Dice = 2 · IoU / (1 + IoU)\n"
        + "\n".join(lines)
        + f"\nR1's U-Net, the other way round: {dice:.3f} / (2 − {dice:.3f}) = IoU {dice / (2 - dice):.3f}",
        "Exact for pooled pixels; for a mean over pictures it is the most that Dice can be. R4 does not say "
        "which it is, nor on how many pictures. Its networks are far from R1's on the same data.",
    )


def _r4_one_picture(entries) -> Contradiction:
    better, worse = (value(entries, id, "weighted_f1") for id in ("r4-vgg19", "r4-resnet50"))
    lead, tenth = better - worse, sum(busi_counts().values()) // 10
    return Contradiction(
        "R4",
        "How much is the lead of VGG19 over ResNet50?",
        f"{better:.4f} − {worse:.4f} = {lead:.4f}\none picture in {tenth}: 1 / {tenth} = {1 / tenth:.4f}",
        "The report does not say how many pictures were tested. If it was a tenth of BUSI, the lead is less "
        "than what one picture makes, roughly.",
    )


def _r5_harmonic(entries) -> Contradiction:
    precision, recall, f1 = (
        value(entries, "r5-unet-resnet34", f"tumor_{name}") for name in ("precision", "recall", "f1")
    )
    return Contradiction(
        "R5",
        "The F1 of tumour does not follow from its precision and recall.",
        f"2 · {percent(precision, 1)} · {percent(recall, 1)} / ({percent(precision, 1)} + "
        f"{percent(recall, 1)}) = {percent(harmonic(precision, recall))}, not {percent(f1)}",
        "F1 is their harmonic mean by definition. A mean of F1 over tiles would be another figure; the "
        "report does not speak of one.",
    )


def _r5_first_epoch(entries) -> Contradiction:
    id = "r5-unet-resnet34"
    first, best = (
        value(entries, id, "pixel_accuracy", f"{which} epoch, validation") for which in ("first", "best")
    )
    claimed = value(entries, id, "pixel_accuracy")
    return Contradiction(
        "R5",
        "Almost everything was there after the first epoch.",
        f"validation accuracy, best − first = {best:.4f} − {first:.4f} = {best - first:.4f}\n"
        f"claimed − first = {claimed:.4f} − {first:.4f} = −{first - claimed:.4f}",
        f"After the first epoch {100 * (best - first):.2f} points were gained at best, and the accuracy that "
        "is claimed lies below that of the first epoch. It says little about what was learned later.",
    )


def _r5_overfitting(entries) -> Contradiction:
    id = "r5-unet-resnet34"
    course = {
        part: [value(entries, id, "loss", f"{epoch} epoch, {part}") for epoch in ("first", "last")]
        for part in ("train", "validation")
    }
    best = value(entries, id, "loss", "best epoch, validation")
    return Contradiction(
        "R5",
        "While the training loss fell, the validation loss rose.",
        "\n".join(
            f"{part} loss, last / first epoch = {last:.4f} / {first:.4f} = {last / first:.2f}"
            for part, (first, last) in course.items()
        )
        + f"\nbest validation loss, first − best = {course['validation'][0]:.4f} − {best:.4f} = "
        f"{course['validation'][0] - best:.4f}",
        "What was learned after the first epochs was the training tiles, in short overfitting. Pixel "
        "accuracy hardly shows it.",
    )


def _r5_parameters(entries) -> Contradiction:
    total, trained, frozen, head = (
        int(value(entries, "r5-unet-resnet34", f"{name}parameters", "model"))
        for name in ("", "trainable_", "encoder_", "head_")
    )
    counted = R5_KERNEL**2 * R5_LAST_FILTERS * R5_CLASSES + R5_CLASSES
    return Contradiction(
        "R5",
        "Do the parameters add up?",
        f"frozen encoder + trained = {frozen:,} + {trained:,}\n  = {frozen + trained:,}, printed {total:,}\n"
        f"head = {R5_KERNEL} · {R5_KERNEL} · {R5_LAST_FILTERS} · {R5_CLASSES} + {R5_CLASSES} = {counted:,}, "
        f"printed {head:,}",
        f"They do. {percent(trained / total, 0)} of the network was trained.",
    )


R3 = ("r3-imagemasknet", "r3-imagemasknet2")
R4 = ("r4-ensemble", "r4-deeplabv3", "r4-unet", "r4-combined")
R5 = ("r5-unet-resnet34",)

CHECKS: tuple[Check, ...] = (
    (R3, _r3_comparison),
    (R3, _r3_whole_numbers),
    (R3, _r3_precision_recall),
    (R3, _r3_test_above_train),
    (R3, _r3_empty_mask),
    (R4, _r4_combined),
    ((*R4, "r1-unet"), _r4_iou_only),
    (("r4-vgg19", "r4-resnet50"), _r4_one_picture),
    (R5, _r5_harmonic),
    (R5, _r5_first_epoch),
    (R5, _r5_overfitting),
    (R5, _r5_parameters),
)
