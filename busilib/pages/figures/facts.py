"""Figures of what is shipped of BUSI: which images are doubled, how large lesions are, which splits leak."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from busilib.pages.figures.style import LOOKS, PALETTE, done

SHADES = (0.35, 0.75, 1.0)
"""How strong the colour of a class is, for images alone, doubled and contradicted."""


def doubled_images(counts: pd.DataFrame) -> Figure:
    """Stacked bars: images of each class that stand alone, are doubled, or are contradicted.

    Args:
        counts: of `busilib.pages.facts.doubled`.

    Example (not run):
        >>> doubled_images(doubled(read_table()))
    """
    figure, axis = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
    left = np.zeros(len(counts))
    hatches = ("", "", "xxxx")
    for kind, shade, hatch in zip(counts, SHADES, hatches, strict=True):
        number = counts[kind].to_numpy()
        bars = axis.barh(list(counts.index), number, left=left, hatch=hatch, edgecolor="white", label=kind)
        for bar, name in zip(bars, counts.index, strict=True):
            bar.set_facecolor((*to_rgb(PALETTE[name]), shade))
        if not hatch:
            axis.bar_label(bars, [str(n) for n in number], label_type="center", fontsize=9)
        left += number
    axis.bar_label(bars, [f" {n}" for n in counts.iloc[:, -1]], fontsize=9)
    axis.set(xlabel="images", xlim=(0, left.max() * 1.06))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(*_gray_legend(counts), loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return done(figure)


def _gray_legend(counts: pd.DataFrame) -> tuple[list, list[str]]:
    handles = [Patch(facecolor=(0.2, 0.2, 0.2, shade), edgecolor="white") for shade in SHADES]
    handles[-1].set_hatch("xxxx")
    return handles, [f"has {kind}" for kind in counts]


def lesion_areas(shares: pd.DataFrame) -> Figure:
    """Steps: which part of the lesions of a class is at most so large.

    Args:
        shares: of `busilib.pages.facts.lesion_shares`.

    Example (not run):
        >>> lesion_areas(lesion_shares(record.predictions))
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, style in (("benign", "-"), ("malignant", "--")):
        values = shares.loc[shares["class"] == name, "share"]
        axis.ecdf(values, color=PALETTE[name], linestyle=style, linewidth=2, label=name)
    axis.set(
        xscale="log", xlabel="lesion area (% of the image, log scale)", ylabel="part of the lesions up to it"
    )
    axis.xaxis.set_major_formatter("{x:g}")
    axis.legend()
    return done(figure)


def stretches(factors: pd.Series, classes: pd.Series) -> Figure:
    """Histogram: by which factor a square makes each image taller, by class.

    Example (not run):
        >>> stretches(stretch(table), table["class"])
    """
    figure, axis = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    table = pd.DataFrame({"factor": factors, "": classes})
    sns.histplot(
        table,
        x="factor",
        hue="",
        hue_order=list(PALETTE),
        palette=PALETTE,
        multiple="stack",
        binwidth=0.05,
        ax=axis,
    )
    axis.axvline(1, color="0.3", linestyle=":", linewidth=1.5)
    axis.set(xlabel="made taller by a factor of", ylabel="images")
    return done(figure)


def twin_shares(table: pd.DataFrame) -> Figure:
    """Dots: share of test images with a near-duplicate in training, one for each draw of a split.

    Args:
        table: of `busilib.pages.twins.twins`.

    Example (not run):
        >>> twin_shares(twins())
    """
    rows = list(dict.fromkeys(table["split"]))
    figure, axis = plt.subplots(figsize=(7.4, 0.8 + 0.42 * len(rows)), layout="constrained")
    rng = np.random.default_rng(0)
    for source in dict.fromkeys(table["source"]):
        colour, marker = LOOKS[f"recorded, {source}"]
        part = table[table["source"] == source]
        y = np.array([rows.index(name) for name in part["split"]]) + rng.uniform(-0.22, 0.22, len(part))
        axis.plot(
            part["share"], y, marker, color=colour, markersize=5, alpha=0.75, linestyle="", label=source
        )
    axis.set(
        yticks=range(len(rows)),
        yticklabels=rows,
        xlabel="test images with a near-duplicate in training (%)",
        xlim=(-3, 103),
    )
    axis.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return done(figure)
