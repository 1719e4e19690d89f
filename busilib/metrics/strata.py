"""Where a segmentation is good and where not: Dice by the size of the lesion and its class."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from busilib.metrics.figure import LIMITS
from busilib.metrics.intervals import mean_interval
from busilib.metrics.measure import measure
from busilib.metrics.segmentation import COUNTS, dice_per_image

SIZES = ("small", "middle", "large")
FEWEST = 10
"""Images that a stratum of a sheet needs, see `by_stratum`; of fewer no interval could be given."""

BOTH, ALL_SIZES = "all lesions", "all sizes"


def lesion_share(counts: pd.DataFrame) -> pd.Series:
    """Lesion area as a share of the image, 0 to 1, from the reference: (tp + fn) / pixels.

    Example:
        >>> lesion_share(pd.DataFrame({"tp": [2], "fp": [1], "fn": [1], "tn": [6]})).item()
        0.3
    """
    return (counts["tp"] + counts["fn"]) / counts[COUNTS].sum(axis=1)


def size_terciles(counts: pd.DataFrame) -> pd.Series:
    """Which third of the lesions each belongs to, by area: "small", "middle" or "large".

    A lesion as large as a bound belongs to the lower third.

    Args:
        counts: columns `tp`, `fp`, `fn`, `tn`, images with a lesion only.

    Example:
        >>> size_terciles(predictions.query("true != 'normal'")).value_counts()
    """
    share = lesion_share(counts)
    bounds = share.quantile([1 / 3, 2 / 3]).to_numpy()
    return pd.Series(np.array(SIZES)[np.searchsorted(bounds, share)], index=counts.index)


def dice_by_stratum(predictions: pd.DataFrame, groups: np.ndarray, draws: int = 1000) -> pd.DataFrame:
    """Mean Dice by class and lesion-size tercile, each with its 95% interval over near-duplicate groups.

    The terciles are those of all lesions, so that the same size means the same in every class.

    Args:
        predictions: columns `true` (class name) and the pixel counts; images without a lesion are left out.
        groups: int (n,), the group of each row.
        draws: bootstrap samples.

    Returns:
        One row per stratum that has images: `class` (a class, or "all lesions"), `size` (a tercile, or "all
        sizes"), `value`, `low` and `high` (NaN where it has too few), `n`, `missed` (share of them with a
        Dice of 0) and `why` there is no interval.

    Example:
        >>> dice_by_stratum(record.predictions, groups).query("size == 'small'")
    """
    lesion = (lesion_share(predictions) > 0).to_numpy()
    lesions, groups = predictions[lesion], np.asarray(groups)[lesion]
    dice, sizes = dice_per_image(lesions).to_numpy(), size_terciles(lesions).to_numpy()
    kinds = lesions["true"].to_numpy()
    rows = []
    for kind, size in product((BOTH, *sorted(set(kinds))), (*SIZES, ALL_SIZES)):
        inside = ((kinds == kind) | (kind == BOTH)) & ((sizes == size) | (size == ALL_SIZES))
        if inside.any():
            figure = mean_interval(dice[inside], groups[inside], draws)
            missed = float((dice[inside] == 0).mean())
            limits = [figure[name] for name in LIMITS]
            rows.append((kind, size, *limits, figure["n"], missed, figure.get("why", "")))
    table = pd.DataFrame(rows, columns=["class", "size", *LIMITS, "n", "missed", "why"])
    return table.astype(dict.fromkeys(LIMITS, float))


def by_stratum(
    task: str, predictions: pd.DataFrame, table: pd.DataFrame, figure: str, draws: int = 1000
) -> dict[tuple[str, str], tuple[int, dict]]:
    """One figure for the images that a sheet says the same of, such as those of one device.

    Args:
        task: key of `busilib.metrics.measure.FIGURES`.
        predictions: rows as in a study's predictions, with `id` and `group`; an image may stand in several.
        table: `id`, and the columns of the sheet as text; an empty cell belongs to no stratum.
        figure: of the task.
        draws: bootstrap samples of groups.

    Returns:
        By column and value, sorted within a column: how many images, and the figure with its interval. Only
        values with at least `FEWEST` images, and columns with two such values or more that together hold half
        of the images, which a column of ages does not.

    Example (not run):
        >>> by_stratum("segmentation", rows, breast.table[["id", "BIRADS"]], "lesion_dice")["BIRADS", "4a"]
    """
    joined = predictions.merge(table, on="id", how="left", validate="many_to_one").reset_index(drop=True)
    found = {}
    for column in table.columns.drop("id"):
        counts = joined.drop_duplicates("id")[column].value_counts()
        values = sorted(value for value, count in counts.items() if value and count >= FEWEST)
        if len(values) < 2 or counts[values].sum() < counts.sum() / 2:
            continue
        for value in values:
            rows = joined[joined[column] == value].reset_index(drop=True)
            figures = measure(task, rows[predictions.columns], rows["group"].to_numpy(), draws)
            if figure in figures:
                found[column, value] = int(counts[value]), figures[figure]
    return found
