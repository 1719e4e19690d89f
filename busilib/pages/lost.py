"""Whose outlines are lost away from home: what page 14 tells first, from recorded studies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from busilib.metrics.figure import LIMITS, below
from busilib.metrics.intervals import mean_interval
from busilib.metrics.segmentation import dice_per_image
from busilib.metrics.strata import lesion_share
from busilib.metrics.unpaired import unpaired_difference
from busilib.pages.rungs import signed
from busilib.pages.shipped import the_study
from busilib.pages.tables import cell
from busilib.runs.profiles import profile as profile_named
from busilib.studies.records import read_studies
from busilib.studies.study import Study

FIFTHS = ("smallest", "small", "middle", "large", "largest")


def main() -> Study:
    """The record that the page tells: R4's U-Net on BrEaST.

    Example:
        >>> main().facts["outside"]["name"]
        'BrEaST'
    """
    return the_study("outside-segmentation+BrEaST")


def recorded() -> list[Study]:
    """The recorded studies of outlines on outside data.

    Example:
        >>> [study.record for study in recorded()][:1]
        ['outside-segmentation+BrEaST']
    """
    return read_studies("outside-segmentation")


def networks(study: Study) -> list[str]:
    """The experiments that a study asks.

    Example:
        >>> networks(recorded()[0])
        ['r4-unet']
    """
    return list(dict.fromkeys(condition["experiment"] for condition in study.conditions.values()))


def lesions(study: Study, network: str, name: str) -> pd.DataFrame:
    """Every lesion of a set: its size and the mean Dice over the networks and seeds that outlined it.

    Returns:
        Columns `id`, `true`, `group`, `share` (0 to 1, of the image), `dice`, `missed` (share of the networks
        that found nothing of it).

    Example:
        >>> len(lesions(recorded()[0], "r4-unet", "BrEaST"))
        252
    """
    rows = study.predictions[study.predictions["condition"] == f"{network}, {name}"]
    rows = rows.assign(
        share=lesion_share(rows), dice=dice_per_image(rows), missed=(rows["tp"] == 0).astype(float)
    )
    shown = rows[rows["share"] > 0].groupby(["id", "true", "group"], sort=False)
    return shown[["share", "dice", "missed"]].mean().reset_index()


def by_size(study: Study, network: str, true: str = "") -> pd.DataFrame:
    """Dice by the size of the lesion, at home and outside; the sizes are those of the fifths at home.

    Args:
        study: "outside-segmentation".
        network: one of its experiments.
        true: "benign" or "malignant" to look at these alone; the fifths stay those of all lesions.

    Returns:
        One row per fifth and set: `fifth`, `area` (in words), `set`, `where` ("inside" or "outside"),
        `value`, `low`, `high`, `n` (lesions) and `missed`.

    Example:
        >>> by_size(recorded()[0], "r4-unet").query("where == 'outside'")["n"].tolist()
        [41, 81, 56, 47, 27]
    """
    names = {
        where: study.facts[key]["name"] for where, key in (("inside", "dataset"), ("outside", "outside"))
    }
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    tables = {where: lesions(study, network, name) for where, name in names.items()}
    bounds = tables["inside"]["share"].quantile([0.2, 0.4, 0.6, 0.8]).to_numpy()
    rows = []
    for where, table in tables.items():
        fifth = np.searchsorted(bounds, table["share"])
        for number, words in enumerate(FIFTHS):
            part = table[(fifth == number) & (table["true"].eq(true) | (not true))]
            if len(part):
                found = mean_interval(part["dice"].to_numpy(), part["group"].to_numpy(), draws)
                about = {"fifth": words, "area": _area(bounds, number), "set": names[where], "where": where}
                rows.append(about | found | {"missed": part["missed"].mean()})
    return pd.DataFrame(rows)


def _area(bounds: np.ndarray, number: int) -> str:
    low, high = 100 * np.append(0, bounds), 100 * np.append(bounds, np.nan)
    if number == 0:
        return f"up to {high[0]:.1f}%"
    return f"over {low[-1]:.1f}%" if number == len(bounds) else f"{low[number]:.1f}–{high[number]:.1f}%"


def loss(table: pd.DataFrame, fifth: str) -> tuple[dict, dict, dict]:
    """Of one fifth: the figure inside, outside, and the difference with its interval.

    Args:
        table: of `by_size`.
        fifth: of `FIFTHS`.

    Example (not run):
        >>> loss(by_size(study, "r4-unet"), "smallest")[2]["value"]
    """
    rows = table[table["fifth"] == fifth].set_index("where")
    kept = [*LIMITS, "n"] + (["why"] if "why" in rows else [])
    inside, outside = (
        rows.loc[where, kept].to_dict() | {"n": int(rows.loc[where, "n"])} for where in ("inside", "outside")
    )
    return inside, outside, unpaired_difference(inside, outside)


def clearly(table: pd.DataFrame) -> str:
    """The fifths that lose something clear outside, in words; "none" where there is none.

    Args:
        table: of `by_size`.

    Example (not run):
        >>> clearly(by_size(main(), "r4-unet", "benign"))
        'smallest, small'
    """
    in_both = (fifth for fifth in FIFTHS if (table["fifth"] == fifth).sum() == 2)
    return ", ".join(fifth for fifth in in_both if below(loss(table, fifth)[2])) or "none"


def size_table(table: pd.DataFrame) -> pd.DataFrame:
    """Dice by size as a page shows it: one row a fifth.

    Args:
        table: of `by_size`.

    Example (not run):
        >>> size_table(by_size(study, "r4-unet")).columns.tolist()
        ['area of the image', 'BUSI', 'BrEaST', 'difference']
    """
    rows = {}
    for fifth in FIFTHS:
        own = table[table["fifth"] == fifth].set_index("where")
        if len(own) < 2:
            continue
        inside, outside, difference = loss(table, fifth)
        told = signed(difference, 2) if not difference.get("why") else "–"
        rows[fifth] = {
            "area of the image": own["area"].iloc[0],
            own.loc["inside", "set"]: f"{cell(inside)}, n = {inside['n']}",
            own.loc["outside", "set"]: f"{cell(outside)}, n = {outside['n']}",
            "difference": told,
        }
    return pd.DataFrame(rows).T


def all_sizes() -> Iterator[tuple[str, pd.DataFrame]]:
    """`by_size` of every recorded network and outside set, with a name for each.

    Example:
        >>> [name for name, _ in all_sizes()][:1]
        ['r4-unet on BrEaST']
    """
    for study in recorded():
        for network in networks(study):
            yield f"{network} on {study.facts['outside']['name']}", by_size(study, network)
