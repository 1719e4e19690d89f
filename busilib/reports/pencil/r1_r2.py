"""What a pencil finds in R1 and R2."""

from __future__ import annotations

from busilib.data.dataset import CLASSES
from busilib.reports.pencil.contradiction import (
    Check,
    Contradiction,
    busi_counts,
    harmonic,
    percent,
    support,
    value,
    wilson,
)
from busilib.reports.r1 import FOLD_CONFUSION, POOL

R1_HELD_OUT = 60
"""Images R1 sets aside before anything else."""

R1_UNET_VALIDATION, R1_UNET_TEST = 450, 50
"""Images of R1's split for the U-Net."""

R1_TEXT_FALSE_NORMALS = 7
"""False positives of the class normal in R1's text."""

R1_INTRODUCTION_ACCURACY = 0.99
"""Classification accuracy in R1's introduction."""

R2_CLASSIFIERS = {"r2-cnn": "CNN", "r2-vgg19": "VGG19", "r2-mobilenet": "MobileNet"}


def _r1_dice_is_f1(entries) -> Contradiction:
    precision, recall, dice = (
        value(entries, "r1-unet", f"pooled_{name}") for name in ("precision", "recall", "dice")
    )
    return Contradiction(
        "R1",
        "Do the outline figures of the U-Net agree with each other?",
        "F1 = 2 · precision · recall / (precision + recall)\n"
        f"   = 2 · {precision:.8f} · {recall:.8f} / {precision + recall:.8f}\n"
        f"   = {harmonic(precision, recall):.8f}\n"
        f"Dice as printed = {dice:.8f}",
        "They do, to the last digit. Pooled over pixels, Dice is F1 and sensitivity is recall, so R1's seven "
        "figures are five facts.",
    )


def _r1_background(entries) -> Contradiction:
    lines = []
    for part in ("test", "hold-out"):
        accuracy, recall, specificity = (
            value(entries, "r1-unet", f"pooled_{name}", part)
            for name in ("accuracy", "recall", "specificity")
        )
        share = (specificity - accuracy) / (specificity - recall)
        lines.append(
            f"{part}: ({percent(specificity)} − {percent(accuracy)}) / ({percent(specificity)} − "
            f"{percent(recall)}) = {percent(share)} lesion\n"
            f"  painting nothing scores 100% − {percent(share)} = {percent(1 - share)}"
        )
    return Contradiction(
        "R1",
        "How much is a pixel accuracy near 99%?",
        "share of lesion pixels = (specificity − accuracy) / (specificity − recall)\n" + "\n".join(lines),
        "Most of every picture is background, so most of the accuracy is to be had for nothing. That is why "
        "this book puts Dice first.",
    )


def _r1_fold(entries) -> Contradiction:
    images, fold = sum(busi_counts().values()), sum(map(sum, FOLD_CONFUSION))
    left = images - R1_HELD_OUT
    return Contradiction(
        "R1",
        "The fold on show has more test pictures than a fifth of the data.",
        f"pictures left: {images} − {R1_HELD_OUT} = {left}\n"
        f"one fold in five: {left} / 5 = {left / 5:.0f}\n"
        f"in the confusion matrix: {' + '.join(str(sum(row)) for row in FOLD_CONFUSION)} = {fold}\n"
        f"five such folds: 5 · {fold} = {5 * fold} = {5 * fold / left:.1f} · {left}",
        "The likely reason, and it is an inference, is that altered copies went into the pool before it was "
        "split. Then copies of one picture lie on both sides.",
    )


def _r1_unet_split(entries) -> Contradiction:
    left, taken = sum(busi_counts().values()) - R1_HELD_OUT, R1_UNET_VALIDATION + R1_UNET_TEST
    return Contradiction(
        "R1",
        "The split for the U-Net would leave less to train on than to validate on.",
        f"out of {left}: {left} − {R1_UNET_VALIDATION} − {R1_UNET_TEST} = {left - taken} for training, "
        f"{R1_UNET_VALIDATION} for validation\n"
        f"out of {POOL}: {POOL} − {R1_UNET_VALIDATION} − {R1_UNET_TEST} = {POOL - taken} for training",
        "Out of a pool with altered copies it is a sensible split. Again an inference from counts.",
    )


def _r1_false_normals(entries) -> Contradiction:
    precision, recall = (
        value(entries, "r1-densenet121", f"normal_{name}", "one fold") for name in ("precision", "recall")
    )
    normal = CLASSES.index("normal")
    hits, called = FOLD_CONFUSION[normal][normal], sum(row[normal] for row in FOLD_CONFUSION)
    false, missed = called - hits, sum(FOLD_CONFUSION[normal]) - hits
    return Contradiction(
        "R1",
        f"The text counts {R1_TEXT_FALSE_NORMALS} false positives of the class normal; its precision says "
        f"{false}.",
        f"the fold's confusion matrix, rebuilt (rows true, columns predicted: {', '.join(CLASSES)})\n"
        + "".join("".join(f"{count:5}" for count in row) + "\n" for row in FOLD_CONFUSION)
        + f"printed: precision {precision:.6f}, recall {recall:.6f}\n"
        f"precision with {false}: {hits} / ({hits} + {false}) = {hits / called:.6f}\n"
        f"precision with {R1_TEXT_FALSE_NORMALS}: {hits} / ({hits} + {R1_TEXT_FALSE_NORMALS}) = "
        f"{hits / (hits + R1_TEXT_FALSE_NORMALS):.6f}\n"
        f"recall: {hits} / ({hits} + {missed}) = {hits / (hits + missed):.6f}",
        f"{missed} is the number of normal pictures that were missed. Most likely the text has swapped the "
        "two.",
    )


def _r1_best_fold(entries) -> Contradiction:
    hits = sum(row[index] for index, row in enumerate(FOLD_CONFUSION))
    n, mean = sum(map(sum, FOLD_CONFUSION)), value(entries, "r1-densenet121", "accuracy", "mean of folds")
    return Contradiction(
        "R1",
        "The fold on show is better than the mean of the folds.",
        f"({' + '.join(str(row[index]) for index, row in enumerate(FOLD_CONFUSION))}) / {n} = {hits} / {n} = "
        f"{percent(hits / n)}\nmean of five folds = {percent(mean)}",
        f"By {100 * (hits / n - mean):.2f} points. A natural choice for a figure, and a reason to look at "
        "means.",
    )


def _r1_introduction(entries) -> Contradiction:
    held = "r1-densenet121", "accuracy", "hold-out"
    mean, n = value(entries, "r1-densenet121", "accuracy", "mean of folds"), support(entries, *held)
    hits = round(value(entries, *held) * n)
    return Contradiction(
        "R1",
        f"The introduction speaks of {percent(R1_INTRODUCTION_ACCURACY, 0)} classification accuracy.",
        f"mean of folds = {percent(mean)}\nset aside: {hits} / {n} = {percent(hits / n)}, "
        f"95% Wilson interval {wilson(hits, n)}",
        f"No table shows {percent(R1_INTRODUCTION_ACCURACY, 0)}. {n} pictures cannot tell it from the "
        "mean of the folds either.",
    )


def _r2_support(entries, id: str) -> dict[str, int]:
    return {name: support(entries, id, f"{name}_recall") for name in CLASSES}


def _r2_hits(entries, id: str) -> dict[str, int]:
    support = _r2_support(entries, id)
    return {name: round(value(entries, id, f"{name}_recall") * support[name]) for name in CLASSES}


def _r2_whole_numbers(entries) -> Contradiction:
    lines = []
    for id, title in R2_CLASSIFIERS.items():
        hits, n = _r2_hits(entries, id), sum(_r2_support(entries, id).values())
        lines.append(
            f"{title}: {' + '.join(map(str, hits.values()))} = {sum(hits.values())} of {n} = "
            f"{percent(sum(hits.values()) / n, 1)}   printed: {value(entries, id, 'accuracy'):.2f}"
        )
    return Contradiction(
        "R2",
        "Do the tables fit whole numbers of pictures?",
        f"found of each class ({', '.join(CLASSES)}): recall · pictures\n" + "\n".join(lines),
        "They do: for each network one set of counts gives every figure in its table.",
    )


def _r2_normals(entries) -> Contradiction:
    lines = []
    for id, title in R2_CLASSIFIERS.items():
        hits, precision = _r2_hits(entries, id)["normal"], value(entries, id, "normal_precision")
        false = round(hits / precision) - hits
        lines.append(
            f"{title}: {hits} of {_r2_support(entries, id)['normal']} found; precision {precision:.2f} = "
            f"{hits} / ({hits} + {false}), so {false} false alarms"
        )
    return Contradiction(
        "R2",
        "Every normal picture is found, by all three networks.",
        "\n".join(lines),
        "The networks see the picture after the segmentation. The mask of a normal picture is empty, so "
        "nothing is left of it, and the class can be read off the missing picture. The false alarms would be "
        "lesions that the segmentation lost.",
    )


def _r2_no_validation(entries) -> Contradiction:
    images, n = sum(busi_counts().values()), support(entries, "r2-cnn", "accuracy")
    train = images - n
    return Contradiction(
        "R2",
        "The epoch that is kept was chosen on the test pictures.",
        f"{train} for training + {n} for testing = {train + n} = all of BUSI; left for validation: "
        f"{images - train - n}",
        "The best of many epochs on the very pictures that are reported is a best case, not an expectation.",
    )


def _r2_apart(entries) -> Contradiction:
    lines, hits = [], {}
    for id, title in R2_CLASSIFIERS.items():
        hits[id], n = sum(_r2_hits(entries, id).values()), support(entries, id, "accuracy")
        lines.append(f"{title}: {hits[id]} of {n}, 95% Wilson interval {wilson(hits[id], n)}")
    return Contradiction(
        "R2",
        "How far apart are the three networks?",
        "\n".join(lines),
        f"VGG19 and MobileNet differ by {hits['r2-vgg19'] - hits['r2-mobilenet']} pictures, and all three "
        "intervals overlap. A paired comparison would be sharper, but needs the single predictions.",
    )


R1, R2 = ("r1-unet", "r1-densenet121"), tuple(R2_CLASSIFIERS)

CHECKS: tuple[Check, ...] = (
    (R1, _r1_dice_is_f1),
    (R1, _r1_background),
    (R1, _r1_fold),
    (R1, _r1_unet_split),
    (R1, _r1_false_normals),
    (R1, _r1_best_fold),
    (R1, _r1_introduction),
    (R2, _r2_whole_numbers),
    (R2, _r2_normals),
    (R2, _r2_no_validation),
    (R2, _r2_apart),
)
