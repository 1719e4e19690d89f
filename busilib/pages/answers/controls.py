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
    auc = told.malignancy(told.recorded())
    drawn, whole, painted = auc[told.MASK], auc[told.WHOLE], auc[told.PAINTED]
    as_much = painted["value"] >= whole["low"]
    more = "more" if drawn["value"] > whole["value"] else "less"
    lead = "About as much as one that has" if as_much else "Less than one that has"
    return (
        f"**{lead}.** Of malignant against benign, on the {whole['n']} images with a lesion, the whole "
        f"image gives a simple classifier an AUC of {cell(whole)}, the image with the lesion painted out "
        f"{cell(painted)}, and a box where it lies, with nothing in it, {cell(auc[told.BOX])}. The true mask "
        f"alone, white on black, says {more} than the picture: {cell(drawn)}."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    found = told.malignancy(told.recorded())
    return controls(found, {"no knowledge": 0.5}, "AUC, malignant against benign")
