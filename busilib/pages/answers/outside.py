"""Notebook 14: what is left of a model when the pictures come from another hospital?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import below
from busilib.pages import lost
from busilib.pages.figures.by_size import dice_by_fifth
from busilib.pages.rungs import signed
from busilib.pages.tables import cell


def sentence() -> str:
    """What the page found.

    Example (not run):
        >>> sentence().startswith("**")
        True
    """
    study = lost.main()
    network = lost.networks(study)[0]
    home, away = (study.facts[key]["name"] for key in ("dataset", "outside"))
    whole = [study.metrics(f"{network}, {name}")["lesion_dice"] for name in (home, away)]
    table = lost.by_size(study, network)
    small, large = (lost.loss(table, fifth) for fifth in ("smallest", "largest"))
    only_small = below(small[2]) and small[2]["high"] < large[2]["value"]
    lead = "It is the small lesions that are lost" if only_small else "Outlines do not travel whole"
    return (
        f"**{lead}.** {network}, frozen on {home}, has a mean Dice of {cell(whole[0])} on lesions there and "
        f"of {cell(whole[1])} on {away}. In lesions as small as {home}'s smallest fifth it falls from "
        f"{small[0]['value']:.2f} to {small[1]['value']:.2f} (difference {signed(small[2], 2)}); in those as "
        f"large as its largest fifth, from {large[0]['value']:.2f} to {large[1]['value']:.2f} "
        f"({signed(large[2], 2)})."
    )


def picture() -> Figure:
    """The picture that belongs to it.

    Example (not run):
        >>> picture().axes
    """
    return dice_by_fifth(dict(lost.all_sizes()))
