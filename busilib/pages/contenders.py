"""Page 7: R4's ways to outline lesions, on the images that they all tested."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from busilib.metrics.figure import above, below
from busilib.metrics.segmentation import COUNTS, dice_per_image, iou_per_image
from busilib.pages.common import Records, common_ids, difference, on_common_images
from busilib.pages.plain import plain
from busilib.pages.shipped import PROFILE, the_record
from busilib.reports.registry import experiment
from busilib.runs.records import Record, find_record

WAYS = {
    "threshold": "r4-threshold",
    "U-Net": "r4-unet",
    "U-Net on VGG19": "r4-unet-vgg19",
    "DeepLabV3+": "r4-deeplabv3",
    "SegFormer": "r4-segformer",
    "mean of three": "r4-ensemble",
    "weighted mean": "r4-combined",
}
"""R4's ways to outline, by what the page calls them."""

JOINED = ("mean of three", "weighted mean")
PLAIN = "U-Net"


def contenders() -> dict[str, Record]:
    """The grouped records of R4's ways; those that exist.

    Example:
        >>> "U-Net" in contenders()
        True
    """
    found = {name: find_record(id, PROFILE) for name, id in WAYS.items()}
    return {name: record for name, record in found.items() if record is not None}


def networks(records: Records) -> dict[str, Record]:
    """Those that were trained: neither a rule nor joined."""
    return {
        name: record
        for name, record in records.items()
        if experiment(record.facts["experiment"]).kind == "network"
    }


def weights() -> str:
    """What the weighted mean gives to each of its networks, mean of its folds, in words.

    Example:
        >>> weights().startswith("0.95 to the U-Net")
        True
    """
    shares = pd.DataFrame(the_record("r4-combined").facts["members"]).mean()
    names = {id: name for name, id in WAYS.items()}
    return ", ".join(f"{share:.2f} to the {names[id]}" for id, share in shares.items())


def price(records: Records) -> HTML:
    """What each way costs: millions of parameters, seconds of training an epoch, milliseconds an image.

    Example:
        >>> "ms an image" in price(contenders()).data
        True
    """
    rows = {}
    for name, record in records.items():
        facts = record.facts
        epochs = sum(facts["epochs_run"])
        wait = facts["predict_ms_per_image"]
        rows[name] = {
            "weights, millions": f"{facts['parameters'] / 1e6:.1f}",
            "seconds an epoch": f"{facts['train_seconds'] / epochs:.0f}" if epochs else "–",
            "ms an image": f"{wait:.0f}" if wait else "–",
        }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "as recorded")


def dice_table(records: Records) -> pd.DataFrame:
    """The Dice of each lesion that all records outlined, one column per record, by id.

    Of several seeds it is the mean.

    Example:
        >>> len(dice_table({"U-Net": contenders()["U-Net"]}))
        647
    """
    ids, columns = common_ids(records), {}
    for name, record in records.items():
        rows = record.predictions[record.predictions["id"].isin(ids)]
        rows = rows[rows["tp"] + rows["fn"] > 0]
        columns[name] = dice_per_image(rows).groupby(rows["id"]).mean()
    return pd.DataFrame(columns).loc[[id for id in ids if id in next(iter(columns.values())).index]]


def verdicts(records: Records) -> str:
    """Which differences of Dice to the plain U-Net leave out zero, in one sentence.

    Example (not run):
        >>> verdicts(contenders())
    """
    found = {
        name: difference(record, records[PLAIN], "lesion_dice")
        for name, record in records.items()
        if name != PLAIN
    }
    worse = [name for name, figure in found.items() if below(figure)]
    better = [name for name, figure in found.items() if above(figure)]
    open_ = [name for name in found if name not in worse + better]
    parts = [
        f"{words}: {', '.join(names)}"
        for words, names in (
            ("clearly better than the plain U-Net", better),
            ("clearly worse", worse),
            ("not to be told from it", open_),
        )
        if names
    ]
    return f"By the paired intervals, {'; '.join(parts)}."


def disputed(records: Records, rows: int = 4) -> HTML:
    """The lesions on which the networks' Dice varies most: one row each, with its size.

    Example:
        >>> "lesion" in disputed(networks(contenders())).data
        True
    """
    dice = dice_table(records)
    chosen = dice.std(axis=1).sort_values(ascending=False).index[:rows]
    table = dice.loc[chosen].map("{:.2f}".format)
    table.insert(0, "size (%)", _share(records, chosen).map("{:.1f}".format))
    return plain(table, "lesion")


def touched(records: Records) -> dict[str, int]:
    """How many lesions no network touches with one pixel, how many all do, and how many only one.

    Example:
        >>> sorted(touched(networks(contenders())))
        ['all', 'lesions', 'none', 'one alone']
    """
    ids = common_ids(records)
    hits = pd.DataFrame(
        {
            name: (rows := record.predictions.drop_duplicates("id").set_index("id").loc[ids])["tp"] > 0
            for name, record in records.items()
        }
    )[(rows["tp"] + rows["fn"] > 0)]
    counts = hits.sum(axis=1)
    return {
        "lesions": len(hits),
        "none": int((counts == 0).sum()),
        "one alone": int((counts == 1).sum()),
        "all": int((counts == len(records)).sum()),
    }


def by_size(records: Records) -> HTML:
    """Mean Dice on the smaller and on the larger half of the common lesions.

    Example:
        >>> "larger half" in by_size(networks(contenders())).data
        True
    """
    dice = dice_table(records)
    size = _share(records, dice.index)
    halves = {"smaller half": size < size.median(), "larger half": size >= size.median()}
    rows = {name: dice[own.to_numpy()].mean().map("{:.2f}".format) for name, own in halves.items()}
    return plain(pd.DataFrame(rows), f"the same {len(dice)} lesions")


def _share(records: Records, ids: pd.Index) -> pd.Series:
    """Percent of the image that lesions cover, in the order of `ids`."""
    rows = next(iter(records.values())).predictions.drop_duplicates("id").set_index("id").loc[ids]
    return 100 * (rows["tp"] + rows["fn"]) / rows[COUNTS].sum(axis=1)


def best_of(records: Records) -> tuple[float, float]:
    """Mean Dice of the plain U-Net, and of a judge who picks the best outline of each lesion.

    Example:
        >>> plain, judge = best_of(networks(contenders()))
        >>> judge > plain
        True
    """
    dice = dice_table(records)
    return float(dice[PLAIN].mean()), float(dice.max(axis=1).mean())


def painted_normals(records: Records) -> HTML:
    """On how many normal images each way paints something; common images only.

    Example:
        >>> "normal images" in painted_normals(contenders()).data
        True
    """
    ids, rows = common_ids(records), {}
    for name, record in records.items():
        normal = record.predictions.query("true == 'normal'").drop_duplicates("id")
        normal = normal[normal["id"].isin(ids)]
        rows[name] = {"painted on": int((normal["tp"] + normal["fp"] > 0).sum())}
    return plain(pd.DataFrame.from_dict(rows, orient="index"), f"of {len(normal)} normal images")


def iou_of_folds(record: Record) -> list[float]:
    """Mean lesion IoU of each fold.

    Example:
        >>> len(iou_of_folds(contenders()["U-Net"]))
        5
    """
    rows = record.predictions[record.predictions["true"] != "normal"]
    return iou_per_image(rows).groupby(rows["fold"]).mean().tolist()


def order_of(records: Records, key: str = "lesion_iou") -> list[str]:
    """Names from the highest figure to the lowest, on common images.

    Example:
        >>> order_of(contenders())[-1] in WAYS
        True
    """
    found = {name: figures[key]["value"] for name, figures in on_common_images(records).items()}
    return sorted(found, key=lambda name: found[name], reverse=True)


def order_claimed() -> list[str]:
    """Names in the order of the IoU that R4 prints, highest first.

    Example:
        >>> order_claimed()
        ['mean of three', 'DeepLabV3+', 'U-Net', 'weighted mean']
    """
    claims = {name: claim.value for name, id in WAYS.items() if (claim := experiment(id).main_claim)}
    return sorted(claims, key=lambda name: claims[name], reverse=True)


def as_dice() -> HTML:
    """R4's IoU, and the Dice that it would be over pooled pixels.

    Example:
        >>> "0.784" in as_dice().data
        True
    """
    claims = {name: claim.value for name in order_claimed() if (claim := experiment(WAYS[name]).main_claim)}
    rows = {
        name: {"IoU, claimed": f"{iou:.3f}", "as Dice, 2·IoU / (1 + IoU)": f"{2 * iou / (1 + iou):.3f}"}
        for name, iou in claims.items()
    }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "R4's network")
