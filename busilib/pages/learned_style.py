"""Whether outlines, drawn or predicted, follow what a lesion looks like, on notebook 15.

`own-clf` says what a lesion looks like: it sees the picture alone. Neither it nor a segmenter has learned
from the image or from a near-duplicate of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.figure import limits
from busilib.metrics.malignancy import malignancy_score
from busilib.metrics.outline import descriptor_auc_table
from busilib.metrics.segmentation import dice_per_image
from busilib.pages.common import groups_by_id
from busilib.pages.figures.roughness import cumulative
from busilib.pages.figures.style import FIRST, PALETTE
from busilib.pages.shipped import out_of_fold, the_record
from busilib.pages.tables import cell
from busilib.runs.records import Record

SEGMENTER, ON_ELLIPSES = "own-seg", "own-seg-ellipse"
DRAWN, PREDICTED = "as drawn by hand", "as own-seg draws it"
LOOKS_BENIGN, LOOKS_MALIGNANT, MALIGNANT = (
    "benign, looks benign",
    "benign, looks malignant",
    "malignant",
)
"""Kinds of lesions: what BUSI calls them and, for the benign, what `own-clf` takes them for."""

GOOD = 0.8
"""Dice from which a predicted outline counts as good."""


def recorded() -> dict[str, Record]:
    """The records of segmenters that have tested all of BUSI, by what a page calls whose outlines they are.

    Example:
        >>> list(recorded())[0]
        'own-seg'
    """
    found = {SEGMENTER: the_record(SEGMENTER), ON_ELLIPSES: out_of_fold(ON_ELLIPSES)}
    return {name: record for name, record in found.items() if record is not None}


def outlines(records: Mapping[str, Record], classifier: Record) -> pd.DataFrame:
    """Every lesion that all segmenters have found something in, means over the seeds that all have.

    Args:
        records: of segmenters, by name.
        classifier: says what the lesions look like.

    Returns:
        Columns `id`, `true`, `group`, `looks` ("benign" or "malignant", whichever the classifier believes
        more), `drawn` (circumference of the true outline), and for each name its circumference and, as
        `<name> dice`, its Dice.

    Example (not run):
        >>> len(outlines(recorded(), the_record("own-clf")))
    """
    believed = classifier.predictions
    table = believed.assign(score=malignancy_score(believed))[["id", "seed", "true", "score"]]
    for number, (name, record) in enumerate(records.items()):
        found = record.predictions
        columns = {"circumference": name, f"{name} dice": f"{name} dice"}
        if not number:
            columns["true_circumference"] = "drawn"
        part = found.assign(**{f"{name} dice": dice_per_image(found)}).rename(columns=columns)
        table = table.merge(part[["id", "seed", *columns.values()]], on=["id", "seed"])
    lesions = table[table["true"] != "normal"].drop(columns="seed").dropna()
    means = lesions.groupby(["id", "true"], sort=False).mean().reset_index()
    means["looks"] = means.pop("score").gt(0.5).map({True: "malignant", False: "benign"})
    means["group"] = means["id"].map(groups_by_id(means["id"].tolist()))
    return means


def kinds(table: pd.DataFrame) -> pd.Series:
    """What kind of lesion each row of `outlines` is.

    Example:
        >>> kinds(pd.DataFrame({"true": ["benign"], "looks": ["malignant"]})).tolist()
        ['benign, looks malignant']
    """
    benign = table["looks"].map({"benign": LOOKS_BENIGN, "malignant": LOOKS_MALIGNANT})
    return benign.where(table["true"] == "benign", MALIGNANT)


def told_by(table: pd.DataFrame, outline: str, by: str, draws: int = 1000) -> dict:
    """How well the circumference of an outline tells malignant from benign.

    Args:
        table: of `outlines`, or some of its rows.
        outline: whose: "drawn", or the name of a segmenter.
        by: "true", or "looks": malignant as the classifier believes.
        draws: bootstrap samples of near-duplicate groups.

    Returns:
        Area under the curve: `value`, `low`, `high`, `n`.

    Example (not run):
        >>> told_by(table, "drawn", "true")["value"]
    """
    asked = pd.DataFrame(
        {"true": table[by], "group": table["group"], "circumference": table[outline]}
    ).reset_index(drop=True)
    return descriptor_auc_table(asked, draws).iloc[0].to_dict()


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Whose outlines tell what: by BUSI's label, and among benign lesions by what they look like.

    Args:
        found: of `outlines`.

    Example:
        >>> table(outlines(recorded(), the_record("own-clf"))).index[:2].tolist()
        ['as drawn by hand', 'by own-seg']
    """
    benign = found[found["true"] == "benign"]
    rows = {DRAWN: "drawn", **{f"by {name}": name for name in found if f"{name} dice" in found}}
    heads = (
        f"malignant from benign, n = {len(found)}",
        f"among benign: looks malignant from looks benign, n = {len(benign)}",
    )
    return pd.DataFrame.from_dict(
        {
            words: {
                heads[0]: cell(told_by(found, outline, "true")),
                heads[1]: cell(told_by(benign, outline, "looks")),
            }
            for words, outline in rows.items()
        },
        orient="index",
    )


def picture(found: pd.DataFrame) -> Figure:
    """Circumferences of three kinds of lesions, as drawn by hand and as predicted.

    Args:
        found: of `outlines`.

    Example (not run):
        >>> picture(outlines(recorded(), the_record("own-clf")))
    """
    kind = kinds(found)
    panels = {
        words: pd.DataFrame({"kind": kind, "circumference": found[outline]})
        for words, outline in ((DRAWN, "drawn"), (PREDICTED, SEGMENTER))
    }
    looks = {
        LOOKS_BENIGN: (PALETTE["benign"], "-"),
        LOOKS_MALIGNANT: (FIRST, "-."),
        MALIGNANT: (PALETTE["malignant"], "--"),
    }
    return cumulative(panels, "circumference", "normalised circumference", looks)


def told(found: pd.DataFrame) -> str:
    """What came out, in words.

    Args:
        found: of `outlines`.

    Example:
        >>> told(outlines(recorded(), the_record("own-clf"))).split(" takes ")[0]
        '`own-clf`'
    """
    benign = found[found["true"] == "benign"]
    looking = int((benign["looks"] == "malignant").sum())
    good = benign[benign[f"{SEGMENTER} dice"] >= GOOD]
    sides = {name: told_by(benign, name, "looks") for name in ("drawn", SEGMENTER)}
    drawn, predicted = (f"{one['value']:.2f} ({limits(one)})" for one in sides.values())
    sure = told_by(good, SEGMENTER, "looks")
    return (
        f"`own-clf` takes {looking} of {len(benign)} benign lesions for malignant rather than benign. The "
        f"outlines drawn by hand tell them from the other benign ones with an AUC of {drawn}, `own-seg`'s "
        f"outlines with {predicted}; on the {len(good)} that it outlines with a Dice of at least {GOOD}, "
        f"{int((good['looks'] == 'malignant').sum())} of which look malignant, with {sure['value']:.2f} "
        f"({limits(sure)}). {_counted(found)}"
    )


def _counted(found: pd.DataFrame) -> str:
    """How many of BUSI's lesions these are, and by which networks."""
    lesions = int((read_table()["class"] != "normal").sum())
    return (
        f"These are {len(found)} of BUSI's {lesions} lesions, those in which `own-seg` outlines anything; "
        "the largest piece of an outline is measured, and two networks of one seed and fold are compared."
    )
