"""What is recorded of networks that outline lesions, on the images that they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.outlines import Outline, read_outlines, read_outlines_text
from busilib.data.polygons import filled
from busilib.metrics.segmentation import COUNTS, count_pixels, dice_per_image, segmentation_metrics
from busilib.pages.common import common_ids, made
from busilib.pages.facts import contradicting_outlines
from busilib.pages.tables import cell
from busilib.runs.measured import metrics_on
from busilib.runs.recording import OUTLINES
from busilib.runs.records import Part, Record, find_record, results_folder
from busilib.runs.spec import part_name

IDS = ("r1-unet", "r2-unet", "r4-unet", "own-seg")
"""The reports' U-Nets and ours."""

MEANS = {
    "pooled_dice": "pooled Dice",
    "lesion_dice": "Dice of lesions",
    "all_dice": "Dice of all images",
}
"""Three figures that are called Dice."""

NOTHING = "paints nothing"
HEADS = {"pooled_dice": "pooled", "lesion_dice": "lesion", "all_dice": "all"}
"""The same, as heads of a table of Dice."""

PIXELS = "pixels"

DRAWN = 256
"""Pixels at which outlines of the same picture are compared."""


def networks(ids: Iterable[str] = IDS) -> dict[str, Record]:
    """The grouped records of networks by experiment; those that exist.

    Example (not run):
        >>> list(networks())
        ['r1-unet', 'r2-unet', 'r4-unet']
    """
    found = {id: find_record(id, "laptop") for id in ids}
    return {id: record for id, record in found.items() if record is not None}


def widest(records: Mapping[str, Record]) -> dict[str, Record]:
    """Those that predicted most images: out of fold all 780, once a network has run on five folds.

    Example (not run):
        >>> list(widest(networks()))
        ['r4-unet']
    """
    counts = {name: record.predictions["id"].nunique() for name, record in records.items()}
    return {name: records[name] for name, count in counts.items() if count == max(counts.values())}


def dice_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Three values of Dice of every network on the images that all have, and of an empty answer.

    Example (not run):
        >>> dice_table(networks()).loc["paints nothing", "lesion"]
        '0.00'
    """
    ids = common_ids(records)
    rows = {}
    for name, record in records.items():
        figures = metrics_on(record, ids)
        rows[name] = {words: cell(figures[key]) for key, words in HEADS.items()}
        rows[name][PIXELS] = f"{figures['pooled_accuracy']['value']:.3f}"
    nothing = empty_answer(next(iter(records.values())), ids)
    rows[NOTHING] = {words: f"{nothing[key]:.2f}" for key, words in HEADS.items()}
    rows[NOTHING][PIXELS] = f"{nothing['pooled_accuracy']:.3f}"
    return pd.DataFrame(rows).T


def empty_answer(record: Record, ids: Iterable[str]) -> dict:
    """The figures of painting nothing on some images of a record.

    Example (not run):
        >>> empty_answer(record, common_ids({"U-Net": record}))["pooled_accuracy"]
    """
    once = record.predictions.drop_duplicates("id").set_index("id").loc[list(ids)]
    nothing = once[["true"]].assign(tp=0, fp=0, fn=once["tp"] + once["fn"], tn=once["fp"] + once["tn"])
    return segmentation_metrics(nothing.reset_index())


def how_made(records: Mapping[str, Record]) -> pd.DataFrame:
    """What stands behind every record: images, folds, seeds and how it differs from its report.

    Example (not run):
        >>> how_made(networks()).loc["r4-unet", "folds"]
        5
    """
    return pd.DataFrame(
        {
            name: {
                "images": record.predictions["id"].nunique(),
                "folds": record.folds,
                "seeds": len(record.facts["seeds"]),
                "trained": made(record),
            }
            for name, record in records.items()
        }
    ).T


def worked_example(record: Record) -> pd.DataFrame:
    """Three images of a record on which the values of Dice part: counts of pixels and Dice of each.

    The largest lesion, the smallest one that was missed altogether, the normal image with most paint.

    Example (not run):
        >>> worked_example(read_record("r1-unet", "laptop"))["Dice"].tolist()
    """
    one = first_seed(record)
    one = one.assign(lesion=one["tp"] + one["fn"], Dice=dice_per_image(one)).sort_values("lesion")
    missed = one[(one["lesion"] > 0) & (one["tp"] == 0)]
    normal = one[one["true"] == "normal"].sort_values("fp")
    chosen = pd.concat([one.tail(1), missed.head(1), normal.tail(1)]).set_index("id")
    return chosen[["tp", "fp", "fn", "Dice"]]


def of_example(example: pd.DataFrame) -> dict:
    """`segmentation_metrics` of the images of `worked_example`.

    Example (not run):
        >>> of_example(worked_example(record))["lesion_dice"]
    """
    true = ["normal" if id.startswith("normal") else "lesion" for id in example.index]
    return segmentation_metrics(example.assign(tn=0, true=true).reset_index())


def first_seed(record: Record) -> pd.DataFrame:
    """The predictions of a record's first seed: each image once.

    Example (not run):
        >>> len(first_seed(read_record("r4-unet", "laptop")))
        780
    """
    table = record.predictions
    return table[table["seed"] == record.facts["seeds"][0]].reset_index(drop=True)


def lesions(record: Record) -> pd.DataFrame:
    """Every lesion that a record has predicted: size, Dice and whether it was missed, means over seeds.

    Returns:
        Columns `id`, `class`, `share` (percent of the image), `dice`, `missed` (0 to 1).

    Example (not run):
        >>> len(lesions(read_record("r4-unet", "laptop")))
        647
    """
    table = record.predictions
    lesion = table["tp"] + table["fn"]
    long = pd.DataFrame(
        {
            "id": table["id"],
            "class": table["true"],
            "share": 100 * lesion / table[COUNTS].sum(axis=1),
            "dice": dice_per_image(table),
            "missed": (table["tp"] == 0).astype(float),
        }
    )[lesion > 0]
    return long.groupby(["id", "class"], sort=False).mean().reset_index()


def fifths(record: Record) -> pd.DataFrame:
    """Dice of lesions by fifths of their size, the smallest first.

    Example (not run):
        >>> fifths(read_record("r4-unet", "laptop")).loc["smallest", "mean Dice"]
    """
    table = lesions(record)
    fifth = pd.qcut(table["share"].rank(method="first"), 5, labels=[f"{n}" for n in range(1, 6)])
    found = table.groupby(fifth, observed=True)
    return pd.DataFrame(
        {
            "lesions": found.size(),
            "area (%)": found["share"].agg(lambda share: f"{share.min():.1f}–{share.max():.1f}"),
            "mean Dice": found["dice"].mean().map("{:.2f}".format),
            "missed (%)": (100 * found["missed"].mean()).round().astype(int),
        }
    ).rename({"1": "smallest", "5": "largest"})


def by_class(record: Record) -> pd.DataFrame:
    """Dice of lesions by class: how many, mean and median.

    Example (not run):
        >>> by_class(read_record("r4-unet", "laptop")).loc["benign", "lesions"]
        437
    """
    found = lesions(record).groupby("class")["dice"].agg(["size", "mean", "median"]).round(2)
    return found.rename(columns={"size": "lesions", "mean": "mean Dice", "median": "median Dice"})


def drawings_apart() -> pd.Series:
    """Dice between two drawings of one picture: of lesions that BUSI holds several times, under both labels.

    Returns:
        One value for each pair of shipped outlines of a picture, by their ids.

    Example (not run):
        >>> len(drawings_apart())
        11
    """
    found = {}
    for group in contradicting_outlines(read_table()):
        for one, other in combinations(group, 2):
            masks = (filled(outline.rings, (DRAWN, DRAWN))[None] for outline in (one, other))
            found[f"{one.id}, {other.id}"] = float(dice_per_image(count_pixels(*masks)).item())
    return pd.Series(found)


def found_and_drawn(record: Record, count: int = 12) -> tuple[list[Outline], list[Outline], list[float]]:
    """Lesions by hand and as a record's first seed found them: of those shipped, evenly over ranks of Dice.

    Args:
        record: with outlines of its predictions, as all have that were made since these are kept.
        count: how many.

    Returns:
        Outlines drawn by hand, outlines found, and the Dice of each, from the worst to the best.

    Example:
        >>> len(found_and_drawn(find_record("own-seg", "laptop"))[2])
        12
    """
    seed = record.facts["seeds"][0]
    found = {one.id: one for part in record.parts if part.seed == seed for one in _outlines(record, part)}
    table = first_seed(record)
    dice = pd.Series(dice_per_image(table).to_numpy(), table["id"])
    ranked = sorted((one for one in read_outlines() if one.id in found), key=lambda one: dice[one.id])
    chosen = [ranked[place] for place in np.linspace(0, len(ranked) - 1, count).round().astype(int)]
    return chosen, [found[one.id] for one in chosen], [float(dice[one.id]) for one in chosen]


def _outlines(record: Record, part: Part) -> list[Outline]:
    folder = results_folder() / record.facts["profile"] / record.name / part_name(part.seed, part.fold)
    return read_outlines_text((folder / OUTLINES).read_text(encoding="utf-8"))


def blind_until(record: Record, least: float = 0.05) -> int:
    """The last epoch, from 1 on, that has a lower recall of validation pixels; 0 if there is none.

    Example (not run):
        >>> blind_until(read_record("r2-unet", "laptop"))
        8
    """
    recall = record.parts[0].tables["history"]["val_recall"].to_numpy()
    return int(np.flatnonzero(recall < least)[-1]) + 1 if (recall < least).any() else 0


def kept_epoch(record: Record) -> tuple[int, int]:
    """Of a record's first part: the epoch with the lowest loss that is watched, from 1 on, and how many ran.

    Example (not run):
        >>> kept_epoch(read_record("r1-unet", "laptop"))
        (32, 36)
    """
    losses = record.parts[0].tables["history"][record.facts["settings"]["monitor"]]
    return int(losses.idxmin()) + 1, len(losses)
