"""Notebook 3: does a U-Net outline lesions in BUSI with a Dice of 0.91?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from busilib.pages.common import common_ids, made, shortfall
from busilib.pages.figures.models import claimed_and_measured
from busilib.pages.segmenters import networks, widest
from busilib.pages.tables import cell
from busilib.reports.experiment import Claim
from busilib.reports.registry import experiment
from busilib.runs.measured import metrics_on


def _claim() -> Claim:
    """R1's Dice on its test images."""
    claims = experiment("r1-unet").claims
    return next(claim for claim in claims if claim.metric == "pooled_dice" and claim.part == "test")


def sentence() -> str:
    claim = _claim()
    records = networks()
    r1 = records["r1-unet"]
    wide = widest(records)
    best = max(wide, key=lambda name: wide[name].metrics["lesion_dice"]["value"])
    reached = max(record.metrics["pooled_dice"]["value"] for record in records.values()) >= claim.value
    lead = "One network here does" if reached else "No network here does"
    figures, less = wide[best].metrics, shortfall(wide[best])
    shared = metrics_on(wide[best], common_ids(records))["pooled_dice"]
    return (
        f"**{lead}.** R1 claims {claim.value:.2f} on {claim.n} images, pooled over pixels. Its U-Net as we "
        f"could train it ({made(r1)}) reaches {cell(r1.metrics['pooled_dice'])} pooled on "
        f"{r1.metrics['pooled_dice']['n']} images without twins in training. On all "
        f"{figures['all_dice']['n']} images out of fold, {best}{less and f' ({less})'} reaches "
        f"{cell(figures['pooled_dice'])} pooled ({shared['value']:.2f} on the {shared['n']}), and "
        f"{cell(figures['lesion_dice'])} as the mean over lesions."
    )


def picture() -> Figure:
    """Pooled Dice of all recorded networks on the images that they have in common, and R1's claim."""
    records, claim = networks(), _claim()
    rows: list[dict] = []
    for name, record in records.items():
        row = "\n".join(filter(None, (name, shortfall(record))))
        figure = metrics_on(record, common_ids(records))["pooled_dice"]
        rows.append({"row": row, "source": "recorded, grouped"} | figure)
        if name == "r1-unet":
            rows.append({"row": row, "source": "claimed", "value": claim.value})
    table = pd.DataFrame(rows, columns=["row", "source", "value", "low", "high"])
    return claimed_and_measured(table, "Dice pooled over pixels")
