"""Notebook 5: when one network outlines the lesion and another names it, how often are both right?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from busilib.pages.both import gates, images, joint, records, sixty
from busilib.pages.common import made
from busilib.pages.figures.models import claimed_and_measured
from busilib.pages.tables import sources
from busilib.reports.registry import experiment
from busilib.runs.measured import combined_records

POOLED = ("pooled_dice", "pooled_precision", "pooled_recall")
NAMED = "accuracy"


def _claims() -> tuple[float, float, int]:
    """R1's Dice and accuracy on its held-out images, and how many there are."""
    dice, accuracy = (
        next(c for c in experiment(id).claims if c.part == "hold-out" and c.metric == metric)
        for id, metric in (("r1-unet", "pooled_dice"), ("r1-densenet121", NAMED))
    )
    return dice.value, accuracy.value, accuracy.n or 0


def sentence() -> str:
    dice, accuracy, n = _claims()
    of, found = images(), joint(images())
    outlined, named = map(made, records() or ())
    wiped, lost = gates(of).loc["no veto"] - gates(of).loc["R1's veto"]
    name, place, both = (found[key] for key in ("right name", "right place", "both"))
    return (
        f"**Both are right for {both['value']:.0%} ({both['low']:.0%}–{both['high']:.0%}) of the images.** "
        f"R1 claims {accuracy * n:.0f} of {n} names and a pooled Dice of {dice:.2f}, in two tables; its "
        f"networks as recorded here (U-Net: {outlined}; DenseNet121: {named}) name {name['value']:.0%} and "
        f"outline {place['value']:.0%} of the same {len(of)} images rightly. Letting the name *normal* throw "
        f"the outline away wipes out {wiped} false lesions and {lost} good outlines."
    )


def picture() -> Figure:
    """What R1 claims on its held-out images, what is recorded on as many, and the figure R1 does not give."""
    real, both = combined_records("laptop"), joint(sixty(images()))["both"]
    outlined = sources(experiment("r1-unet"), POOLED, "hold-out", {"recorded, grouped": real["U-Net alone"]})
    named = sources(
        experiment("r1-densenet121"), [NAMED], "hold-out", {"recorded, grouped": real["DenseNet121"]}
    )
    right = pd.DataFrame([{"row": "name and place right", "source": "recorded, grouped"} | both])
    return claimed_and_measured(pd.concat([named, outlined, right], ignore_index=True), "value")
