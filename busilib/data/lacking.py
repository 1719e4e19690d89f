"""What cannot be measured on a set, because it lacks a class, masks, or groups."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from busilib.data.dataset import mask_known

UNMEASURED = {
    "benign": "no benign image: how well malignant and benign are told apart cannot be measured",
    "malignant": "no malignant image: how well malignant and benign are told apart cannot be measured",
    "normal": "no normal image: figures of three classes and false lesions on normals cannot be measured; "
    "malignant against benign can",
}


def lacking(table: pd.DataFrame) -> tuple[str, ...]:
    """One sentence for each thing that cannot be measured on a set; empty where nothing is lacking.

    Args:
        table: of a dataset: `id`, `class`, `n_masks`, and of an outside set `case`.

    Example (not run):
        >>> lacking(breast.table.query("class != 'normal'"))[0][:15]
        'no normal image'
    """
    found = [text for name, text in UNMEASURED.items() if not (table["class"] == name).any()]
    lesions = table[table["class"] != "normal"]
    unknown = lesions["id"][~mask_known(lesions)].tolist()
    if unknown and len(unknown) == len(lesions):
        found.append("no lesion has a mask: outlines cannot be measured (Dice, IoU, distances)")
    elif unknown:
        found.append(
            f"{len(unknown)} of {len(lesions)} lesions have no mask: outlines are measured on the others. "
            f"Without: {_some(unknown)}"
        )
    if "case" in table:
        alone = table["id"][table["case"] == ""].tolist()
        if alone and len(alone) == len(table):
            found.append(
                "no groups are given: each image is a group of its own, and intervals are too narrow where "
                "several are of one patient"
            )
        elif alone:
            found.append(
                f"{len(alone)} of {len(table)} images have no group: each is one of its own, and intervals "
                f"are too narrow where several are of one patient. Without: {_some(alone)}"
            )
    return tuple(found)


def _some(ids: Sequence[str], most: int = 8) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more
