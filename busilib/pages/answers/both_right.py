"""Notebook 5: when one network outlines the lesion and another names it, how often are both right?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from busilib.pages.both import images, joint, records, sixty
from busilib.pages.figures.models import claimed_and_measured
from busilib.pages.segmenters import made
from busilib.pages.tables import sources
from busilib.reports.registry import experiment
from busilib.runs.records import combined_records

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
    found, of = records(), images()
    all_of, drawn = joint(of), sixty(of)
    ours = combined_records("laptop")
    outlined, named = map(made, found or ())
    return (
        f"**Both are right for {all_of['both']['value']:.0%} of the images.** R1 claims {accuracy * n:.0f} of "
        f"{n} names and a pooled Dice of {dice:.2f}, in two tables. With its U-Net ({outlined}) and its "
        f"DenseNet121 ({named}) we record {drawn['right name'].sum()} of {len(drawn)} names and "
        f"{ours['U-Net and classifier']['pooled_dice']['value']:.2f}, on {len(drawn)} other images. Of all "
        f"{len(of)} images that both networks have predicted, {all_of['right name']['value']:.0%} are named "
        f"rightly, {all_of['right place']['value']:.0%} outlined rightly, and "
        f"{all_of['both']['value']:.0%} ({all_of['both']['low']:.0%}–{all_of['both']['high']:.0%}) both."
    )


def picture() -> Figure:
    """What R1 claims on its held-out images and what is recorded on as many, and the figure R1 does not give."""
    real, both = combined_records("laptop"), joint(sixty(images()))["both"]
    outlined = sources(
        experiment("r1-unet"), POOLED, "hold-out", {"recorded, grouped": real["U-Net and classifier"]}
    )
    named = sources(
        experiment("r1-densenet121"), [NAMED], "hold-out", {"recorded, grouped": real["DenseNet121"]}
    )
    right = pd.DataFrame([{"row": "name and place right", "source": "recorded, grouped"} | both])
    return claimed_and_measured(pd.concat([named, outlined, right], ignore_index=True), "value")
