"""Notebook 4: do networks tell benign, malignant and normal apart with an accuracy of 0.82 to 0.93?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.data.busi.fingerprint import read_table
from busilib.pages.figures.models import claimed_and_measured
from busilib.pages.tables import cell, claims_of
from busilib.reports.registry import experiment
from busilib.runs.records import read_record

IDS = ("r2-cnn", "r2-vgg19", "r2-mobilenet", "r1-densenet121")


def sentence() -> str:
    claims = [claim.value for id in IDS if (claim := experiment(id).main_claim)]
    whole = read_record("r2-mobilenet", "laptop").metrics["accuracy"]
    cut = read_record("r2-mobilenet+image-cut-by-the-true-mask", "laptop").metrics["accuracy"]
    base = read_table()["class"].value_counts(normalize=True).iloc[0]
    return (
        f"**Not from the picture alone.** The reports claim accuracies from {min(claims):.2f} to "
        f"{max(claims):.2f}. A frozen MobileNet that sees whole images reaches {cell(whole)} on all "
        f"{whole['n']} images out of fold; naming always the largest class gives {base:.2f}. Shown images "
        f"cut by the true mask, which nobody has before the diagnosis, it reaches {cell(cut)}."
    )


def picture() -> Figure:
    return claimed_and_measured(claims_of(IDS, "accuracy"), "accuracy")
