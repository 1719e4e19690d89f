"""Notebook 13: where does a network fail, and was it looking at the lesion?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.pages import failing
from busilib.pages.figures.uncertainty import strata
from busilib.pages.tables import cell


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    name, model = failing.outliner()
    low, high, whole = failing.ends(failing.strata(model))
    trained = {key: one for key, one in failing.attention().columns.items() if key.endswith(failing.HIRESCAM)}
    looks = [
        f"{100 * one['share_inside']['value']:.0f}% for {key.split(', ')[0]}, where a gaze that never moves "
        f"has {100 * one['fixed_share']['value']:.0f}%"
        for key, one in trained.items()
    ]
    return (
        f"**A mean hides whom it fails.** {name}'s Dice is {cell(whole)} over {whole['n']} lesions: "
        f"{low['value']:.2f} for {low['size']} {low['class']} ones (n = {low['n']}), {high['value']:.2f} for "
        f"{high['size']} {high['class']} ones (n = {high['n']}), and 0 for {100 * whole['missed']:.0f}% of "
        f"all. Of the heat that HiResCAM shows, this lies inside the lesion: {'; '.join(looks)}."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return strata(failing.strata(failing.outliner()[1]))
