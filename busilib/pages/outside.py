"""What the page on outside data says of the set it meets, and of what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import pandas as pd
from IPython.display import Markdown

from busilib.data.dataset import CLASSES, Dataset
from busilib.data.lacking import lacking
from busilib.data.outside.sheet import OWN
from busilib.metrics.classification import constant_answer
from busilib.metrics.comparison import seeds_difference
from busilib.metrics.figure import Figure, above, below
from busilib.metrics.strata import by_stratum
from busilib.pages.common import signed
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES
from busilib.runs.profiles import profile as profile_named
from busilib.studies.outside_sets import drops
from busilib.studies.records import read_studies
from busilib.studies.study import Study

MALIGNANCY = ("malignancy_auc", "accuracy", "sensitivity", "specificity")
OUTLINES = ("lesion_dice", "lesion_iou")
BY_STRATUM = {"malignancy": "accuracy", "segmentation": "lesion_dice"}
"""The figure that is told apart by what the sheet says, by task."""

STUDIES: Mapping[str, Sequence[str]] = {
    "outside-classification": MALIGNANCY,
    "outside-segmentation": OUTLINES,
}
"""The recorded studies and the figures that the page shows of each."""


def about_outside(outside: Dataset) -> Markdown:
    """Which outside set a page meets, what was left out, what it lacks, and what to give where there is none.

    Args:
        outside: as loaded.

    Example (not run):
        >>> about_outside(elsewhere)
    """
    cases = outside.table["group"].nunique()
    lines = [f"The outside set is **{outside.name}**: {len(outside)} images in {cases} groups."]
    if outside.origin == "phantom":
        lines.append(
            "**No outside set was given, so this page meets phantoms**: other ones than any network learned "
            "from, made coarser, flatter and darker. They show the method; no scanner is like that. For real "
            "figures give the folder of BrEaST, BUS-BRA, BUS-UCLM or a set of your own: "
            '`outside="DIR"` in the cell above, or `busi report --only 14 --outside DIR`. The data card says '
            "where each can be had."
        )
    if left_out := outside.left_out:
        why = "; ".join(sorted(set(left_out.values())))
        lines.append(f"**Left out**: {len(left_out)} of its images, {', '.join(left_out)} ({why}).")
    if lacks := lacking(outside.table):
        lines.append("**What it cannot tell**:\n\n" + "\n".join(f"- {line}." for line in lacks))
    return Markdown("\n\n".join(lines))


def about_recorded(studies: Mapping[str, Study]) -> Markdown:
    """Which outside sets were recorded, how large they are, and what of them was left out.

    Example:
        >>> about_recorded(recorded_studies())
    """
    lines: dict[str, list[str]] = {}
    for study in studies.values():
        about = study.facts["outside"]
        text = f"**{about['name']}**: {about['n']} images in {about['groups']} groups"
        for why, ids in about.get("left_out", {}).items():
            text += f"; left out {len(ids)}, {', '.join(ids)} ({why})"
        lines.setdefault(text, []).append(study.name)
    return Markdown(
        "\n".join(f"- {text} ({', '.join(dict.fromkeys(names))})." for text, names in lines.items())
    )


def compared(*sets: Dataset) -> pd.DataFrame:
    """How sets differ before any model looks: one row each.

    Example (not run):
        >>> compared(busi, breast).loc["BrEaST", "images"]
        256
    """
    rows = {
        data.name: {
            "images": len(data),
            **{name: int((data.labels == label).sum()) for label, name in enumerate(CLASSES)},
            "median width × height": "{:.0f} × {:.0f}".format(*data.table[["width", "height"]].median()),
            "lesion, share of image": f"{data.masks[data.has_lesion].mean():.3f}",
            "mean gray": f"{data.images.mean():.0f}",
            "spread of gray": f"{data.images.std(axis=(1, 2)).mean():.0f}",
            "coloured marks": f"{data.table['overlay'].mean():.0%}",
        }
        for data in sets
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def told(table: pd.DataFrame, figure: str) -> str:
    """One sentence per experiment and outside set: a figure in both places, and whether it differs clearly.

    Args:
        table: as `busilib.studies.outside_sets.drops` returns it.
        figure: one of its figures.

    Example (not run):
        >>> told(drops(study, ["accuracy"]), "accuracy")
        'r2-cnn: accuracy 0.70 on BUSI, 0.50 on BrEaST, a difference of −0.20 (−0.28 to −0.12).'
    """
    sentences = []
    own = table[table["figure"] == figure]
    for (id, _), rows in own.groupby(["experiment", "outside"], sort=False):
        by = rows.set_index("where")
        inside, outside, difference = (by.loc[key] for key in ("inside", "outside", "difference"))
        clear = above(difference) or below(difference)
        sentences.append(
            f"**{id}**: {METRIC_NAMES[figure]} {inside['value']:.2f} on {inside['inside']}, "
            f"{outside['value']:.2f} on {inside['outside']}, a difference of {signed(difference)}"
            f"{'' if clear or difference.get('why') else '; the interval includes no difference'}."
        )
    return " ".join(sentences)


def constant_answers(study: Study) -> str:
    """A sentence for each network and set where a classifier says the same to everybody; else "".

    Example (not run):
        >>> constant_answers(judged)
        ''
    """
    if study.task == "segmentation" or study.predictions.empty:
        return ""
    conditions = study.predictions.groupby("condition", sort=False)
    told = {name: constant_answer(rows) for name, rows in conditions}
    return " ".join(f"**{name}**: {sentence}" for name, sentence in told.items() if sentence)


def called_normal(study: Study) -> str:
    """A sentence for each classifier: which share of the lesions it calls normal, on each set; else "".

    Example (not run):
        >>> called_normal(read_study("outside-classification+BrEaST"))
    """
    if study.task != "malignancy":
        return ""
    told: dict[str, list[str]] = {}
    for name, condition in study.conditions.items():
        share = cell(study.metrics(name)["called_normal"])
        told.setdefault(condition["experiment"], []).append(f"{share} on {condition['set']}")
    return " ".join(
        f"**{id}** calls this share of the lesions normal: {', '.join(shares)}."
        for id, shares in told.items()
    )


def strata_table(studies: Iterable[Study], outside: Dataset) -> pd.DataFrame:
    """Figures by what the sheet of an outside set says of its images, such as BI-RADS or the device.

    Args:
        studies: of this outside set; each gives its figure of `BY_STRATUM`.
        outside: as loaded, with the strata in its table.

    Returns:
        One row per column of the sheet and value that `busilib.metrics.strata.by_stratum` tells apart:
        `images`, and a column of figures for each network; no rows where the sheet has no strata.

    Example (not run):
        >>> strata_table([judged, outlined], breast).loc[("BIRADS", "4a"), "images"]
    """
    columns = [name for name in outside.table if name not in OWN]
    parts: dict[str, dict] = {}
    images: dict[tuple[str, str], int] = {}
    for study in studies:
        key, draws = BY_STRATUM[study.task], profile_named(study.facts["profile"]).bootstrap_draws
        for name, condition in study.conditions.items():
            if condition["set"] != outside.name:
                continue
            rows = study.predictions[study.predictions["condition"] == name]
            found = by_stratum(study.task, rows, outside.table[["id", *columns]], key, draws)
            images |= {place: max(n, images.get(place, 0)) for place, (n, _) in found.items()}
            title = f"{condition['experiment']}, {METRIC_NAMES[key]}"
            parts[title] = {place: cell(figure) for place, (_, figure) in found.items()}
    table = (
        pd.DataFrame(
            {"images": images, **parts}, index=pd.MultiIndex.from_tuples(images, names=["sheet", "value"])
        )
        if images
        else pd.DataFrame()
    )
    return table.fillna("–")


def between(study: Study, figure: str) -> dict[tuple[str, str], Figure]:
    """How far apart the networks of one record are outside, in one figure and on the same images, by pair.

    Args:
        study: of `recorded_studies`.
        figure: of its figures, such as "malignancy_auc".

    Example:
        >>> list(between(recorded_studies()["outside-classification+BrEaST"], "malignancy_auc"))
        [('r2-mobilenet', 'r2-cnn')]
    """
    place, rows = study.facts["outside"]["name"], study.predictions
    rows = rows.assign(seed=rows.groupby(["seed", "fold"]).ngroup())  # each network is a seed of its own
    asked = {
        one["experiment"]: rows[rows["condition"] == name]
        for name, one in study.conditions.items()
        if one["set"] == place
    }
    draws, found = profile_named(study.facts["profile"]).bootstrap_draws, {}
    for one, other in combinations(asked, 2):
        groups = asked[one].drop_duplicates("id").set_index("id")["group"]
        apart = seeds_difference(study.task, figure, asked[one], asked[other], groups, draws)
        found[one, other] = apart.figure
    return found


def told_between(study: Study, figure: str) -> str:
    """`between` in sentences.

    Example:
        >>> told_between(recorded_studies()["outside-classification+BrEaST"], "malignancy_auc")[:28]
        '**r2-mobilenet minus r2-cnn*'
    """
    return " ".join(
        f"**{one} minus {other}**, {METRIC_NAMES[figure]}: {signed(gap.to_dict())}."
        for (one, other), gap in between(study, figure).items()
    )


def scores_of(studies: Iterable[Study]) -> dict[str, pd.DataFrame]:
    """Predictions of the first network of each classification, inside and outside.

    Returns:
        Tables by condition, as `busilib.pages.figures.malignancy_scores` takes them.

    Example:
        >>> list(scores_of(recorded_studies().values()))[:2]
        ['r2-mobilenet, BUSI', 'r2-mobilenet, BrEaST']
    """
    scores: dict[str, pd.DataFrame] = {}
    for study in studies:
        if study.name == "outside-classification":
            conditions = study.predictions.groupby("condition", sort=False)
            scores |= {name: conditions.get_group(name) for name in list(study.conditions)[:2]}
    return scores


def recorded_studies() -> dict[str, Study]:
    """The recorded studies on outside data by the names of their records, such as one for each set."""
    return {study.record: study for name in STUDIES for study in read_studies(name, "laptop")}


def recorded_drops(studies: Mapping[str, Study]) -> pd.DataFrame:
    """The figures of recorded studies as `busilib.studies.outside_sets.drops` has them; empty without any."""
    parts = [drops(study, STUDIES[study.name]) for study in studies.values()]
    if not parts:
        return pd.DataFrame()
    return pd.concat(parts).drop_duplicates(["experiment", "outside", "figure", "where"], ignore_index=True)
