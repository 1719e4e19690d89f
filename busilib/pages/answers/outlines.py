"""Notebook 15: what does the outline know that the picture does not have to say?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import limits
from busilib.pages import drawings
from busilib.pages.figures.roughness import dose_response
from busilib.pages.tables import cell


def sentence() -> str:
    study = drawings.recorded()
    one = drawings.circumference(study)
    busi, other = one["BUSI"], one["BrEaST"]
    right = drawings.three_classes(study)
    return (
        "**The drawn outline gives BUSI's classes away.** One number of it, its length over that of a smooth "
        "ellipse of the same size and proportions, tells malignant from benign with an AUC of "
        f"{busi['value']:.3f} ({limits(busi, '.3f')}) on all {busi['n']} outlines, without a look at the "
        f"picture; on BrEaST's {other['n']} it is {other['value']:.3f} ({limits(other, '.3f')}). With it, "
        f"and an empty mask called normal, {cell(right)} of BUSI's {right['n']} images are named right, by "
        "cuts chosen on other folds."
    )


def picture() -> Figure:
    return dose_response(drawings.doses(drawings.recorded()), "circumference")
