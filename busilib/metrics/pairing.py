"""Which rows belong together: the same images of two models, the validation rows of a fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from busilib.errors import UserError


class PairingError(UserError, ValueError):
    """Two tables of predictions do not fit together; the message says where and what would do."""


def matched(one: pd.DataFrame, other: pd.DataFrame, on: Sequence[str] = ("id",)) -> pd.DataFrame:
    """The rows of `other` in the order of `one`.

    Args:
        one: columns `on` and `true` (class name).
        other: the same images, in any order.
        on: what names a row; `["fold", "id"]` for validation rows, where an image has one row per fold.

    Returns:
        A copy of `other` with the index of `one`.

    Raises:
        PairingError: if a row is doubled, if the tables do not hold the same rows, or if `true` differs.

    Example:
        >>> matched(mobilenet.predictions, cnn.predictions)["id"].equals(mobilenet.predictions["id"])
        True
    """
    on = list(on)
    for name, table in (("first", one), ("second", other)):
        doubled = table[table.duplicated(on)]
        if len(doubled):
            raise PairingError(
                f"the {name} table has {_listed(doubled, on)} more than once; expected one row"
            )
    rows = one[on].merge(other.assign(_there=True), on=on, how="left").set_axis(one.index)
    missing = rows["_there"].isna()
    if missing.any() or len(other) > len(one):
        more = other.merge(one[on].assign(_here=True), on=on, how="left")["_here"].isna()
        raise PairingError(
            f"the tables hold different rows: {missing.sum()} only in the first "
            f"({_listed(one[missing], on)}), {more.sum()} only in the second "
            f"({_listed(other[more.to_numpy()], on)}). Compare models on the same images: see "
            "`busilib.metrics.pairing.shared`."
        )
    differ = (rows["true"] != one["true"]).to_numpy()
    if differ.any():
        raise PairingError(
            f"column `true` differs for {_listed(one[differ], on)}; both tables must have the same reference"
        )
    return rows.drop(columns="_there")[list(other.columns)]


def shared(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The images that all tables have, in the order of the first.

    Args:
        tables: model name to predictions with columns `id` and `true`.

    Returns:
        The same names, tables of one length and order, index from 0.

    Raises:
        PairingError: if no image is in all of them, or if `true` differs.

    Example:
        >>> shared({"five folds": mobilenet.predictions, "one fold": cnn.predictions})["five folds"].shape[0]
        780
    """
    ids = set.intersection(*(set(table["id"]) for table in tables.values()))
    if not ids:
        raise PairingError(f"no image has predictions of all of {', '.join(tables)}")
    first = next(iter(tables.values()))
    first = first[first["id"].isin(ids)].reset_index(drop=True)
    return {name: matched(first, table[table["id"].isin(ids)]) for name, table in tables.items()}


def groups_of(predictions: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """The near-duplicate group of each row.

    Args:
        predictions: column `id`.
        table: columns `id` and `group`, as `Dataset.table` and the shipped table of BUSI have them.

    Returns:
        int (n,).

    Example:
        >>> groups_of(record.predictions, read_table()).shape
        (780,)
    """
    return table.set_index("id")["group"].loc[predictions["id"]].to_numpy()


def by_fold(
    predictions: pd.DataFrame, validation: pd.DataFrame
) -> Iterator[tuple[int, np.ndarray, pd.DataFrame]]:
    """Each fold of the predictions with the validation rows of the same fold, on which choices are made.

    Yields:
        Fold, bool (n,) rows of `predictions`, and the validation rows.

    Raises:
        PairingError: if a fold has no validation rows.

    Example:
        >>> [fold for fold, rows, inner in by_fold(record.predictions, record.validation)]
        [0, 1, 2, 3, 4]
    """
    for fold in sorted(predictions["fold"].unique()):
        inner = validation[validation["fold"] == fold] if len(validation) else validation
        if not len(inner):
            raise PairingError(
                f"fold {fold} has no validation rows to choose on: give the table of the record's "
                "validation.csv, or leave this fold out"
            )
        yield int(fold), (predictions["fold"] == fold).to_numpy(), inner


def _listed(table: pd.DataFrame, on: list[str]) -> str:
    names = [
        ", ".join(f"{name} {value!r}" for name, value in row.items()) for row in table[on].to_dict("records")
    ]
    return "; ".join(names[:3]) + (" and so on" if len(names) > 3 else "") if names else "none"
