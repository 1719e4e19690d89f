"""Notebook 10: what does a classifier know that has never seen a lesion?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages import controls as told
from busilib.pages.figures.rungs import controls
from busilib.pages.tables import cell


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    study = told.recorded()
    auc = {name: study.metrics(name)["macro_auc"] for name in study.conditions}
    n = next(iter(auc.values()))["n"]
    drawn, whole = auc[told.MASK], auc[told.WHOLE]
    lead = (
        "A simple classifier reads more from the drawn mask than from the picture"
        if drawn["value"] > whole["value"]
        else "A simple classifier reads more from the picture than from the drawn mask"
    )
    told_apart = told.malignancy(study)
    lesions = told_apart[told.WHOLE]["n"]
    return (
        f"**{lead}.** On all {n} images, a simple classifier that sees the true mask alone, white on black, "
        f"reaches a macro AUC of {cell(drawn)}; one that sees the whole image, {cell(whole)}. Of malignant "
        f"against benign, on the {lesions} images with a lesion, the whole image gives "
        f"{cell(told_apart[told.WHOLE])}, the image with the lesion painted out "
        f"{cell(told_apart[told.PAINTED])}, and a box where it lies, with nothing in it, "
        f"{cell(told_apart[told.BOX])}."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return controls(told.recorded(), {"no knowledge": 0.5}, "macro_auc", "macro AUC")
