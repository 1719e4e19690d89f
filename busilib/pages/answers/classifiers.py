"""Notebook 4: do networks tell benign, malignant and normal apart with an accuracy of 0.82 to 0.93?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import above, below
from busilib.pages import figures
from busilib.pages.classifying import REPORTED, base_rate, classifiers, on_all_images
from busilib.pages.common import beside_claims, common_ids, on_common_images
from busilib.pages.figures.style import NEUTRAL
from busilib.pages.masks import CUTS, fed
from busilib.pages.tables import cell
from busilib.reports.registry import experiment

CUT = "R2's MobileNet, cut by the true mask"


def sentence() -> str:
    claims = [claim.value for id in REPORTED.values() if (claim := experiment(id).main_claim)]
    records = on_all_images(classifiers())
    accuracy = {name: found["accuracy"] for name, found in on_common_images(records).items()}
    best = max(accuracy, key=lambda name: accuracy[name]["value"])
    _, base, _ = base_rate(common_ids(records))
    cut = fed("r2-mobilenet", CUTS)["cut by the true mask"].metrics["accuracy"]
    verdict = "Partly" if accuracy[best]["value"] >= min(claims) else "Not quite, from the picture alone"
    if below(accuracy[best], min(claims)):
        verdict = "Not from the picture alone"
    elif above(accuracy[best], max(claims)):
        verdict = "Yes, and better"
    return (
        f"**{verdict}.** The reports claim accuracies from {min(claims):.2f} to {max(claims):.2f}. Of the "
        f"networks that saw whole images and were tested on all {cut['n']} of them out of fold, the best, "
        f"{best}, reaches {cell(accuracy[best])}; always naming the largest class gives {base:.2f}. On the "
        f"same images cut by the true mask, which nobody has before the diagnosis, R2's MobileNet reaches "
        f"{cell(cut)}."
    )


def picture() -> Figure:
    records = on_all_images(classifiers())
    claimed = {name: id for name, id in REPORTED.items() if name in records}
    records[CUT] = fed("r2-mobilenet", CUTS)["cut by the true mask"]
    figure = figures.claimed_and_measured(
        beside_claims(records, claimed, "accuracy"),
        f"accuracy; recorded on the same {len(common_ids(records))} images",
    )
    _, base, _ = base_rate(common_ids(records))
    figure.axes[0].axvline(base, color=NEUTRAL, ls="--", lw=1.2)
    return figure
