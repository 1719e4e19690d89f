"""Notebook 11: how far could a figure move, and are two models really different?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import limits
from busilib.pages import paired
from busilib.pages.figures.uncertainty import differences
from busilib.pages.words import METRIC_NAMES

SHOWN = ("accuracy", "macro_f1", "malignant_recall")


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    models = paired.classifiers()
    gaps = paired.gaps(models)
    (apart, pairs), (found, _) = (paired.clear(gaps, key) for key in ("accuracy", "malignant_recall"))
    accuracy = {name: paired.measured(model)["accuracy"] for name, model in models.items()}
    told = ", ".join(f"{name} {one['value']:.2f} ({limits(one)})" for name, one in accuracy.items())
    n = next(iter(accuracy.values()))["n"]
    same = f"{apart} of {pairs} pairs of models are clearly apart"
    lead = "Whether two models differ depends on what is counted" if apart != found else same
    return (
        f"**{lead}.** Accuracy on the same {n} images: {told}. Compared in pairs, the interval of the "
        f"difference in accuracy leaves out zero for {apart} of {pairs} pairs; in the recall of malignant "
        f"lesions it does for {found} of {pairs} (not corrected for their number)."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return differences(paired.gaps(paired.classifiers()), {key: METRIC_NAMES[key] for key in SHOWN})
