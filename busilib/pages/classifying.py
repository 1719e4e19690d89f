"""Page 4: the classifiers of R1, R2 and R4, on the images that they all tested."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import HTML

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.classification import confusion, confusion_metrics
from busilib.metrics.malignancy import lesions_only, malignancy_score, threshold_for
from busilib.metrics.pairing import by_fold
from busilib.pages.common import Records, common_ids, compared
from busilib.pages.masks import empty_masks
from busilib.pages.plain import plain
from busilib.pages.shipped import PROFILE, the_record
from busilib.pages.words import METRIC_NAMES
from busilib.reports.r1 import FOLD_CONFUSION
from busilib.reports.registry import experiment
from busilib.runs.records import Record, find_record

REPORTED = {
    "R2's CNN": "r2-cnn",
    "R2's VGG19": "r2-vgg19",
    "R2's MobileNet": "r2-mobilenet",
    "R1's DenseNet121": "r1-densenet121",
}
"""Four classifiers of the reports, by what the page calls them."""

OURS = {"our own-clf": "own-clf"}
R4 = {
    "VGG19": "r4-vgg19",
    "ResNet50": "r4-resnet50",
    "EfficientNetB0": "r4-efficientnetb0",
    "EfficientNet-Lite0": "r4-efficientnetlite0",
}


def recorded(ids: Mapping[str, str]) -> dict[str, Record]:
    """The grouped records of experiments that saw whole images; those that exist.

    Example:
        >>> "R2's CNN" in recorded(REPORTED)
        True
    """
    found = {name: find_record(id, PROFILE) for name, id in ids.items()}
    return {name: record for name, record in found.items() if record is not None}


def classifiers() -> dict[str, Record]:
    """The four of the reports, and our own where it is recorded."""
    return recorded({**REPORTED, **OURS})


def on_all_images(records: Records) -> dict[str, Record]:
    """Those records that tested every image of BUSI, each out of fold.

    Example:
        >>> list(on_all_images(recorded(REPORTED)))
        ["R2's CNN", "R2's MobileNet"]
    """
    every = len(read_table())
    return {name: record for name, record in records.items() if len(common_ids({name: record})) == every}


def matrices(records: Records) -> dict[str, np.ndarray]:
    """Confusion matrices on the common images; of several seeds that of the first, which is said.

    Example:
        >>> next(iter(matrices({"CNN": read_record("r2-cnn", "laptop")}).values())).sum()
        780
    """
    ids = common_ids(records)
    found = {}
    for name, record in records.items():
        seeds = record.facts["seeds"]
        rows = record.predictions[record.predictions["seed"] == seeds[0]]
        label = name if len(seeds) == 1 else f"{name}, seed {seeds[0]}"
        found[label] = confusion(rows[rows["id"].isin(ids)])
    return found


def overlooked(found: Mapping[str, np.ndarray]) -> str:
    """How many malignant images each classifier called benign, and normal, as one sentence.

    Example:
        >>> overlooked({"CNN": np.array([[9, 0, 0], [2, 7, 1], [0, 0, 5]])})
        'Of 10 malignant images, CNN calls **2** benign and 1 normal.'
    """
    row = CLASSES.index("malignant")
    benign, normal = CLASSES.index("benign"), CLASSES.index("normal")
    total = int(next(iter(found.values()))[row].sum())
    said = [
        f"{name} calls **{m[row, benign]}** benign and {m[row, normal]} normal" for name, m in found.items()
    ]
    return f"Of {total} malignant images, {'; '.join(said)}."


def base_rate(ids: list[str]) -> tuple[str, float, float]:
    """The largest class among some images of BUSI, and accuracy and macro F1 of always naming it.

    Example:
        >>> base_rate(["benign (1)", "benign (2)", "malignant (1)"])[0]
        'benign'
    """
    table = read_table()
    counts = table[table["id"].isin(ids)]["class"].value_counts().reindex(list(CLASSES), fill_value=0)
    matrix = np.zeros((len(CLASSES), len(CLASSES)))
    matrix[:, CLASSES.index(counts.idxmax())] = counts
    figures = confusion_metrics(matrix)
    return counts.idxmax(), figures["accuracy"], figures["macro_f1"]


def heads() -> HTML:
    """How many parameters each of the four networks has under its report's own settings.

    Example:
        >>> "914,179" in heads().data
        True
    """
    rows = {
        name: {"network": experiment(id).title, "parameters": f"{experiment(id).parameters:,}"}
        for name, id in REPORTED.items()
    }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "report")


def of_r4() -> HTML:
    """What is recorded of R4's classifiers, on common images.

    Example:
        >>> "weighted F1" in of_r4().data
        True
    """
    return compared(recorded(R4), ["weighted_f1", "macro_f1", "accuracy"])


def as_r2_did() -> Record:
    """R2's CNN as R2 did it: cut by the true mask, split at random, its epoch chosen on the test part."""
    return the_record("r2-cnn", protocol="random")


def black(record: Record) -> tuple[int, int, int, int]:
    """What a network that sees images cut by the true mask meets among its normal test images.

    Returns:
        How many normal images were tested, how many of their masks are empty, how many different answers they
        got, and how many were called normal.

    Example:
        >>> black(as_r2_did())[2]
        1
    """
    normal = record.predictions[record.predictions["true"] == "normal"]
    table = read_table().set_index("id")
    answers = normal[list(CLASSES)]
    return (
        len(normal),
        int(empty_masks(table.loc[normal["id"]]).sum()),
        len(answers.drop_duplicates()),
        int((answers.idxmax(axis=1) == "normal").sum()),
    )


def rebuilt() -> HTML:
    """R1's printed figures of one fold, and the same from its confusion matrix.

    Example:
        >>> "benign, precision" in rebuilt().data
        True
    """
    found = confusion_metrics(np.array(FOLD_CONFUSION))
    rows = {
        METRIC_NAMES[claim.metric]: {
            "R1 prints": f"{claim.value:.4f}",
            "from the matrix": f"{found[claim.metric]:.4f}",
        }
        for claim in experiment("r1-densenet121").claims
        if claim.part == "one fold"
    }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "figure")


def sent_along(record: Record, sensitivity: float = 0.95) -> dict[str, int]:
    """Who would be sent to a biopsy if nearly every cancer is to be found.

    The threshold of malignant against benign is chosen on the validation images of each fold.

    Args:
        record: of one classifier; its first seed counts.
        sensitivity: share of malignant validation images to find.

    Returns:
        `malignant` and `benign` images, and how many of each are flagged (`found`, `sent along`).

    Example:
        >>> sent_along(read_record("r2-mobilenet", "laptop"))["malignant"]
        210
    """
    seed = record.facts["seeds"][0]
    rows, inner = (part[part["seed"] == seed] for part in (record.predictions, record.validation))
    lesions = lesions_only(rows)
    flagged = np.zeros(len(lesions), bool)
    for _, fold, validation in by_fold(lesions, inner):
        threshold = threshold_for(validation, sensitivity)
        flagged[fold] = malignancy_score(lesions[fold]) >= threshold
    malignant = (lesions["true"] == "malignant").to_numpy()
    return {
        "malignant": int(malignant.sum()),
        "found": int(flagged[malignant].sum()),
        "benign": int((~malignant).sum()),
        "sent along": int(flagged[~malignant].sum()),
    }


def biopsies(records: Records, sensitivity: float = 0.95) -> HTML:
    """`sent_along` of several classifiers as a table.

    Example:
        >>> "benign sent along" in biopsies({"MobileNet": read_record("r2-mobilenet", "laptop")}).data
        True
    """
    rows = {}
    for name, record in records.items():
        counts = sent_along(record, sensitivity)
        rows[name] = {
            "malignant found": f"{counts['found']} of {counts['malignant']}",
            "benign sent along": f"{counts['sent along']} of {counts['benign']}",
        }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "classifier")
