"""Notebook 12: does a probability mean what it says, and may a model stay silent?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages import paired, sureness
from busilib.pages.figures.uncertainty import reliability_diagrams
from busilib.pages.rungs import signed
from busilib.pages.tables import cell
from busilib.pages.uncertainty import diagrams

MODEL, RISK = "MobileNet", 0.1


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    model = paired.classifiers()[MODEL]
    said, right = sureness.sure(model)
    found = sureness.scaling({MODEL: model}).set_index("figure").to_dict("index")
    silent = sureness.silent(model, RISK)
    lead = "Too sure of itself" if said > right else "Not sure enough"
    everybody = [sureness.sure(one) for one in paired.classifiers().values()]
    too_sure = sum(says > keeps for says, keeps in everybody)
    return (
        f"**{lead}.** On {len(model.predictions)} images out of fold {MODEL} says {said:.2f} on average and "
        f"is right for {right:.2f}; {too_sure} of {len(everybody)} networks say more than they keep. One "
        "temperature a fold, fitted on validation images, changes its "
        f"calibration error by {signed(found['ece'])} and its log loss by {signed(found['log_loss'])}, on "
        f"the same images. Allowed to stay silent, with a threshold meant for {100 * RISK:.0f}% errors, it "
        f"answers {cell(silent['coverage'])} of the images, and {cell(silent['risk'])} of these are wrong."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return reliability_diagrams(diagrams(paired.classifiers()))
