"""What the page on outlines tells, from the study "outline": drawings alone, no picture is looked at."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.figure import limits
from busilib.metrics.measure import measure
from busilib.metrics.outline import DESCRIPTORS, ELLIPSE_AND_PLACE, descriptor_auc_table
from busilib.metrics.redrawn import DRAWINGS, RAW
from busilib.pages.shipped import the_study
from busilib.studies.outline import auc_interval, out_of_fold
from busilib.studies.study import Study

RECORDS = "outline", "outline+BrEaST"
WORDS = {
    "circumference": "circumference, normalised",
    "solidity": "solidity",
    "convexity": "convexity",
    "extent": "extent",
    "circularity": "circularity",
    "area_share": "area",
    "box_aspect": "height over width",
    "orientation": "orientation",
    "row": "depth",
    "axis_ratio": "axis ratio",
    "column": "place from left to right",
    "components": "number of pieces",
}
"""What a descriptor is called on a page."""

FITTED = {"all twelve, fitted": tuple(DESCRIPTORS), "ellipse and place, fitted": ELLIPSE_AND_PLACE}


def recorded() -> Study:
    """The recorded studies of BUSI and of BrEaST as one.

    Example:
        >>> recorded().facts["outside"]["name"]
        'BrEaST'
    """
    return joined(*map(the_study, RECORDS))


def joined(*studies: Study) -> Study:
    """Studies of several sets as one, with the conditions of all and the facts of the last.

    Args:
        studies: "outline", of the data themselves and of outside sets.

    Example:
        >>> len(joined(recorded()).conditions)
        20
    """
    return replace(
        studies[-1],
        conditions={name: one for study in studies for name, one in study.conditions.items()},
        predictions=pd.concat([study.predictions for study in studies], ignore_index=True),
        parts=(),
    )


def drawn(study: Study, name: str, drawing: str = RAW) -> pd.DataFrame:
    """The descriptors of one set's outlines, drawn in one way: one row a lesion image.

    Example:
        >>> len(drawn(recorded(), "BUSI"))
        647
    """
    return study.predictions[study.predictions["condition"] == f"{name}, {drawing}"].reset_index(drop=True)


def sets(study: Study) -> list[str]:
    """Names of the sets of outlines, the one that was learned from first.

    Example:
        >>> sets(recorded())
        ['BUSI', 'BrEaST']
    """
    return [name.removesuffix(f", {RAW}") for name in study.conditions if name.endswith(f", {RAW}")]


def alone(study: Study, draws: int = 1000) -> pd.DataFrame:
    """How well each descriptor alone tells malignant from benign, and several together, in each set.

    Args:
        study: "outline".
        draws: bootstrap samples.

    Returns:
        Columns `set`, `descriptor`, `value`, `low`, `high`, `n`; the area under the curve.

    Example:
        >>> alone(recorded(), draws=20).iloc[0][["set", "descriptor"]].tolist()
        ['BUSI', 'circumference']
    """
    parts = []
    for name in sets(study):
        table = drawn(study, name)
        parts.append(descriptor_auc_table(table, draws).assign(set=name))
        rows = [
            (what, *auc_interval(out_of_fold(table, columns), draws), len(table), name)
            for what, columns in FITTED.items()
        ]
        parts.append(pd.DataFrame(rows, columns=["descriptor", "value", "low", "high", "n", "set"]))
    return pd.concat(parts, ignore_index=True)[["set", "descriptor", "value", "low", "high", "n"]]


def circumference(study: Study, draws: int = 1000) -> dict[str, dict]:
    """What `alone` says of the circumference, by set: `value`, `low`, `high`, `n`.

    Example:
        >>> list(circumference(recorded(), draws=20))
        ['BUSI', 'BrEaST']
    """
    tables = {name: drawn(study, name)[["true", "group", "circumference"]] for name in sets(study)}
    return {name: descriptor_auc_table(table, draws).iloc[0].to_dict() for name, table in tables.items()}


def doses(study: Study, descriptor: str = "circumference", draws: int = 1000) -> pd.DataFrame:
    """The same for one descriptor as the outlines are drawn plainer and plainer.

    Returns:
        Columns `set`, `drawing`, `value`, `low`, `high`, `n`.

    Example:
        >>> doses(recorded(), draws=20)["drawing"].iloc[0]
        'raw'
    """
    rows = []
    for name in sets(study):
        for drawing in DRAWINGS:
            table = drawn(study, name, drawing)[["true", "group", descriptor]]
            found = descriptor_auc_table(table, draws).iloc[0]
            rows.append((name, drawing, *found[["value", "low", "high", "n"]]))
    return pd.DataFrame(rows, columns=["set", "drawing", "value", "low", "high", "n"])


def descriptors_table(study: Study, draws: int = 1000) -> pd.DataFrame:
    """`alone` as a page shows it: a row for each descriptor, a column for each set.

    Example:
        >>> descriptors_table(recorded(), draws=20).columns.tolist()
        ['what is known of the outline', 'AUC, BUSI (n = 647)', 'AUC, BrEaST (n = 252)']
    """
    found = alone(study, draws)
    found["shown"] = [
        f"{one.value:.3f}" + ("" if pd.isna(one.low) else f" ({limits(one._asdict(), '.3f')})")
        for one in found.itertuples()
    ]
    table = found.pivot(index="descriptor", columns="set", values="shown")[sets(study)]
    order = found[found["set"] == sets(study)[0]].sort_values("value", ascending=False)["descriptor"]
    counts = found.groupby("set")["n"].first()
    heads = {name: f"AUC, {name} (n = {counts[name]})" for name in sets(study)}
    table = table.loc[order].rename(columns=heads, index=lambda name: WORDS.get(name, name))
    return table.rename_axis(columns=None).reset_index(names="what is known of the outline")


def three_classes(study: Study, draws: int = 1000) -> dict:
    """Accuracy on all of BUSI by the circumference alone: an empty mask is called normal.

    The circumference becomes a class by logistic regression on the other folds, as everywhere in the study.

    Returns:
        The figure, as in a record's metrics.

    Example:
        >>> three_classes(recorded(), draws=20)["n"]
        780
    """
    busi = read_table()
    said = out_of_fold(drawn(study, "BUSI"), ("circumference",))[["id", *CLASSES]]
    rows = busi[["id", "class", "group"]].rename(columns={"class": "true"}).merge(said, how="left", on="id")
    empty = rows["normal"].isna()
    assert (rows.loc[empty, "true"] == "normal").all()  # every lesion of BUSI has a mask
    for name in CLASSES:
        rows.loc[empty, name] = float(name == "normal")
    return measure("classification", rows, rows["group"].to_numpy(), draws)["accuracy"]


def conflicts(study: Study) -> pd.DataFrame:
    """Of the pictures that BUSI holds under two labels: how rough each of their outlines is.

    Returns:
        One row per lesion image of a group that holds a benign and a malignant one: `group`, `id`, `true`,
        `circumference`; by group, the smoothest first.

    Example:
        >>> conflicts(recorded())["group"].nunique()
        5
    """
    table = drawn(study, "BUSI")
    both = table.groupby("group")["true"].transform("nunique") > 1
    held = table.loc[both, ["group", "id", "true", "circumference"]]
    return held.sort_values(["group", "circumference"]).reset_index(drop=True)


def rougher(study: Study) -> tuple[int, int, float]:
    """In how many of these groups every malignant outline is rougher than every benign one.

    Returns:
        How many, of how many, and the probability of all of them if labels were drawn by lot in each group.

    Example:
        >>> rougher(recorded())[:2]
        (5, 5)
    """
    count, chance, groups = 0, 1.0, conflicts(study).groupby("group")
    for _, rows in groups:
        malignant = rows["true"] == "malignant"
        lowest = rows.loc[malignant, "circumference"].min()
        count += int(lowest > rows.loc[~malignant, "circumference"].max())
        chance /= comb(len(rows), int(malignant.sum()))
    return count, groups.ngroups, chance


def one_class_of_two_sets(study: Study, true: str, draws: int = 1000) -> dict:
    """How well the circumference tells whose outline it is, BUSI's or the other set's, within one class.

    Returns:
        Area under the curve with its interval: 0.5 if both draw alike, 1 if BUSI's are all smoother.

    Example:
        >>> one_class_of_two_sets(recorded(), "benign", draws=20)["value"] > 0.9
        True
    """
    here, there = (table[table["true"] == true] for table in (drawn(study, name) for name in sets(study)))
    both = pd.concat([here.assign(true="benign"), there.assign(true="malignant")], ignore_index=True)
    both["group"] = both["condition"] + " " + both["group"].astype(str)
    found = descriptor_auc_table(both[["true", "group", "circumference"]], draws).iloc[0]
    return found.to_dict()
