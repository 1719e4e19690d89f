"""Where recorded outlines fail, and what classifiers look at: what page 13 tells."""

from __future__ import annotations

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.figure import LIMITS
from busilib.metrics.intervals import mean_interval
from busilib.metrics.pairing import groups_of
from busilib.metrics.segmentation import dice_per_image
from busilib.metrics.strata import ALL_SIZES, BOTH, dice_by_stratum
from busilib.pages.paired import DRAWS, Answers, first_seed
from busilib.pages.segmenters import networks, widest
from busilib.pages.shipped import the_study
from busilib.pages.uncertainty import surest_errors, worst_outlines
from busilib.studies.study import Study

GRADCAM, HIRESCAM, RANDOM = "Grad-CAM", "HiResCAM", "random head"
"""Methods of the study "attention", and the network without what it has learned."""

KINDS = ("nothing outlined", "outlined elsewhere", "too little outlined", "too much outlined")


def outliner() -> tuple[str, Answers]:
    """The recorded network that outlines lesions best, of those that outlined most images.

    Example:
        >>> len(outliner()[1].predictions)
        780
    """
    wide = widest(networks())
    best = max(wide, key=lambda name: wide[name].metrics["lesion_dice"]["value"])
    return best, first_seed(wide[best])


def strata(model: Answers) -> pd.DataFrame:
    """Dice by the size and class of the lesion, with intervals (see `dice_by_stratum`).

    Example (not run):
        >>> strata(outliner()[1])["n"].max()
        647
    """
    return dice_by_stratum(model.predictions, groups_of(model.predictions, read_table()), DRAWS)


def ends(table: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The stratum with the lowest Dice, that with the highest, and all lesions.

    Args:
        table: of `strata`; both sizes and classes count as strata only together.

    Example (not run):
        >>> low, high, whole = ends(strata(outliner()[1]))
    """
    part = table[(table["size"] != ALL_SIZES) & (table["class"] != BOTH)]
    low, high = (part.loc[part["value"].agg(which)] for which in ("idxmin", "idxmax"))
    whole = table[(table["size"] == ALL_SIZES) & (table["class"] == BOTH)].iloc[0]
    return low, high, whole


def kinds(model: Answers, least: float = 0.5) -> pd.DataFrame:
    """What went wrong with the lesions that have a lower Dice: how many of each class.

    Example:
        >>> kinds(outliner()[1]).columns.tolist()
        ['benign', 'malignant']
    """
    table = model.predictions.assign(Dice=dice_per_image(model.predictions))
    poor = table[(table["true"] != "normal") & (table["Dice"] < least)]
    named = worst_outlines(poor, len(poor)).merge(poor[["id", "true"]], on="id")
    counts = pd.crosstab(named["what happened"], named["true"])
    return counts.reindex(index=list(KINDS), columns=["benign", "malignant"], fill_value=0)


def conflicts_among_errors(model: Answers, most: int = 20) -> tuple[int, int, int]:
    """Images under two labels: among the surest errors of a classifier, among all its errors, and in BUSI.

    Example (not run):
        >>> conflicts_among_errors(classifiers()["MobileNet"])[2]
        17
    """
    table = read_table().set_index("id")["label_conflict"]
    errors = surest_errors(model.predictions, len(model.predictions))["id"]
    return int(table[errors.head(most)].sum()), int(table[errors].sum()), int(table.sum())


def attention() -> Study:
    """The recorded study of heat maps.

    Example:
        >>> list(attention().conditions)[0]
        'r2-mobilenet, Grad-CAM'
    """
    return the_study("attention")


def looked(study: Study) -> pd.DataFrame:
    """How much heat lies inside the lesion, beside maps that know nothing: one row per network and method.

    Example:
        >>> looked(attention()).columns.tolist()
        ['inside (%)', 'fixed gaze (%)', 'above a fixed gaze (points)', 'maps without heat (%)']
    """
    rows = {}
    for name, found in study.columns.items():
        rows[name] = {
            "inside (%)": f"{100 * found['share_inside']['value']:.1f}",
            "fixed gaze (%)": f"{100 * found['fixed_share']['value']:.1f}",
            "above a fixed gaze (points)": points(found["share_gain"]),
            "maps without heat (%)": f"{100 * found['no_heat']['value']:.0f}",
        }
    return pd.DataFrame(rows).T


def points(figure: dict) -> str:
    """A difference of shares in percentage points, with its interval.

    Example:
        >>> points({"value": 0.0066, "low": 0.0007, "high": 0.012})
        '+0.7 (+0.1 to +1.2)'
    """
    value, low, high = (100 * figure[key] for key in LIMITS)
    return f"{value:+z.1f} ({low:+z.1f} to {high:+z.1f})".replace("-", "−")


def less(study: Study, network: str, other: str) -> tuple[dict, int]:
    """Share of the heat inside the lesion: Grad-CAM of a trained network less another map of it, in pairs.

    Only images whose two maps have heat count.

    Args:
        study: "attention".
        network: such as "r2-cnn".
        other: `HIRESCAM` or `RANDOM`.

    Returns:
        The mean difference with its interval, and the number of images.

    Example (not run):
        >>> less(attention(), "r2-cnn", RANDOM)[0]["value"] > 0
        True
    """
    first = study.predictions["seed"] == study.facts["seeds"][0]
    one, two = (
        study.predictions[first & (study.predictions["condition"] == f"{network}, {what}")].set_index("id")
        for what in (GRADCAM, other)
    )
    gap = (one["share_inside"] - two["share_inside"].reindex(one.index)).dropna()
    return mean_interval(gap.to_numpy(), one.loc[gap.index, "group"].to_numpy(), DRAWS), len(gap)


def paired_maps(study: Study) -> pd.DataFrame:
    """`less` for both networks and both other maps, in percentage points.

    Example (not run):
        >>> paired_maps(attention()).index.tolist()
    """
    rows = {}
    for network in dict.fromkeys(name.split(", ")[0] for name in study.conditions):
        for other, words in ((RANDOM, "trained less random head"), (HIRESCAM, "Grad-CAM less HiResCAM")):
            gap, n = less(study, network, other)
            rows[f"{network}, {words}"] = {"images": n, "difference (points)": points(gap)}
    return pd.DataFrame(rows).T
