"""Parts of BUSI that others have worked with, or that leave its known faults out: ids, and no pixels.

`curated.csv` lists the 450 images that https://github.com/caumente/multi_task_breast_cancer keeps of BUSI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import DataError, Dataset
from busilib.errors import UnknownNameError


def _curated() -> list[str]:
    with files("busilib.data.busi").joinpath("curated.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)["id"].tolist()


def _unconflicted() -> list[str]:
    table = read_table()
    return table.loc[~table["label_conflict"], "id"].tolist()


SUBSETS: Mapping[str, Callable[[], list[str]]] = {"curated": _curated, "unconflicted": _unconflicted}
"""By name: the 450 curated images; all images whose near-duplicates carry the same label."""


def subset_ids(name: str) -> list[str]:
    """The ids of a subset of BUSI.

    Raises:
        UnknownNameError: naming the subsets that exist.

    Example:
        >>> len(subset_ids("curated"))
        450
    """
    if name not in SUBSETS:
        raise UnknownNameError(f"no subset {name!r}. There are: {', '.join(SUBSETS)}")
    return SUBSETS[name]()


def subset_rows(name: str, data: Dataset) -> np.ndarray:
    """Where the images of a subset stand in a dataset.

    Returns:
        int64, sorted.

    Raises:
        DataError: if the dataset is not BUSI, whose ids the subset means.

    Example (not run):
        >>> subset_rows("curated", load_busi("Dataset_BUSI_with_GT")).size
        450
    """
    if data.origin != "busi":
        raise DataError(f"{name} is a subset of BUSI, and {data.name} is not BUSI: its ids name other images")
    return np.flatnonzero(np.isin(data.ids, subset_ids(name)))
