"""Notebook 6: what does a classifier learn when it is also shown the mask?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import above
from busilib.pages import figures
from busilib.pages.common import common_ids, difference, n_common, on_common_images, signed
from busilib.pages.masks import CUTS, fed, rule_accuracy
from busilib.pages.tables import cell


def sentence() -> str:
    records = fed("r2-mobilenet", CUTS)
    accuracy = {name: found["accuracy"] for name, found in on_common_images(records).items()}
    gain = difference(records["cut by the true mask"], records["whole image"], "accuracy")
    verdict = (
        "To read the answer off the mask, where it is the true one"
        if above(gain)
        else "Nothing that is clear"
    )
    return (
        f"**{verdict}.** R2's MobileNet names {cell(accuracy['cut by the true mask'])} of the same "
        f"{n_common(records)} images right when they are cut by the mask that an expert drew, "
        f"{cell(accuracy['cut by a predicted mask'])} when a network had to draw it, and "
        f"{cell(accuracy['whole image'])} when nothing is cut: the true mask is worth {signed(gain)}. A rule "
        f"that sees no image, and only asks whether the true mask is empty, is right for "
        f"{rule_accuracy(common_ids(records)):.2f}."
    )


def picture() -> Figure:
    records = fed("r2-mobilenet", CUTS)
    return figures.panels(on_common_images(records), ["accuracy", "normal_recall", "malignant_recall"])
