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
    told_apart = told.malignancy(study)
    lesions = told_apart[told.WHOLE]["n"]
    as_much = told_apart[told.PAINTED]["value"] >= told_apart[told.WHOLE]["low"]
    more = "more" if drawn["value"] > whole["value"] else "less"
    lead = "About as much as one that has" if as_much else "Less than one that has"
    return (
        f"**{lead}.** Of malignant against benign, on the {lesions} images with a lesion, the whole image "
        f"gives a simple classifier an AUC of {cell(told_apart[told.WHOLE])}, the image with the lesion "
        f"painted out {cell(told_apart[told.PAINTED])}, and a box where it lies, with nothing in it, "
        f"{cell(told_apart[told.BOX])}. The true mask alone, white on black, says {more} than the picture: "
        f"on all {n} images its macro AUC is {cell(drawn)}, that of the whole image {cell(whole)}."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return controls(told.recorded(), {"no knowledge": 0.5}, "macro_auc", "macro AUC")
