"""Figures of several records on the images that all of them tested, and on no others.

Records differ in what they tested: all 780 images of BUSI out of fold, or one fold of 156. Whatever sets
records side by side is made here, so that no table and no axis compares figures of different images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from IPython.display import HTML

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.classification import same_answer
from busilib.metrics.comparison import seeds_difference
from busilib.metrics.figure import LIMITS, limits, several
from busilib.metrics.metric import METRICS
from busilib.metrics.pairing import PairingError, groups_of
from busilib.pages.plain import plain
from busilib.pages.tables import cell
from busilib.pages.words import METRIC_NAMES
from busilib.reports.registry import experiment
from busilib.runs.measured import metrics_on
from busilib.runs.profiles import profile
from busilib.runs.records import Record

Records = Mapping[str, Record]
"""Records by what a page calls them."""


def _seeds(record: Record) -> Iterator[pd.DataFrame]:
    """The predictions of each seed."""
    return (rows for _, rows in record.predictions.groupby("seed"))


def common_ids(records: Records) -> list[str]:
    """The images that every record tested with every one of its seeds, in the order of BUSI.

    Raises:
        PairingError: if there is none.

    Example:
        >>> len(common_ids({"U-Net": read_record("r4-unet", "laptop")}))
        780
    """
    tested = [set(rows["id"]) for record in records.values() for rows in _seeds(record)]
    shared = set.intersection(*tested)
    if not shared:
        raise PairingError(f"no image was tested by all of {', '.join(records)}")
    return [id for id in read_table()["id"] if id in shared]


def on_common_images(records: Records) -> dict[str, dict[str, dict]]:
    """The figures of each record on the images that all of them tested (see `common_ids`).

    Returns:
        Name to figures as `busilib.metrics.measure.measure` gives them.

    Example (not run):
        >>> on_common_images({"five folds": unet, "one fold": threshold})["five folds"]["all_dice"]["n"]
        156
    """
    ids = common_ids(records)
    return {name: metrics_on(record, ids) for name, record in records.items()}


def n_common(records: Records) -> int:
    """How many images all records tested."""
    return len(common_ids(records))


def difference(one: Record, other: Record, key: str) -> dict:
    """One figure of a record minus that of another on their common images, with its paired 95% interval.

    Each draw takes the same near-duplicate groups for both; several seeds are averaged in each draw.

    Args:
        one, other: of one task.
        key: of the figure.

    Returns:
        A figure as `busilib.metrics.figure.Figure.to_dict` gives it.

    Example:
        >>> record = read_record("r2-cnn", "laptop")
        >>> difference(record, record, "accuracy")["high"]
        0.0
    """
    ids = common_ids({"one": one, "other": other})
    draws = profile(one.facts["profile"]).bootstrap_draws
    gap = seeds_difference(
        one.facts["task"], key, one.predictions, other.predictions, groups_by_id(ids), draws
    )
    return gap.figure.to_dict()


def groups_by_id(ids: Sequence[str]) -> pd.Series:
    """The near-duplicate group of each image of BUSI, by id.

    Example:
        >>> len(groups_by_id(["benign (1)", "benign (2)"]))
        2
    """
    return pd.Series(groups_of(pd.DataFrame({"id": ids}), read_table()), ids)


def differences(records: Records, against: str, keys: Sequence[str]) -> pd.DataFrame:
    """`difference` of each record to one of them, for `busilib.pages.figures.differences`.

    Args:
        records: by the name of the row.
        against: the record that is subtracted; it has no row.
        keys: of the figures.

    Returns:
        One row per record and figure: `row`, `figure`, `value`, `low`, `high`, `n`.

    Example (not run):
        >>> differences(contenders(), "r4-unet", ["lesion_dice"])
    """
    rows = [
        {"row": name, "figure": key, **difference(record, records[against], key)}
        for name, record in records.items()
        if name != against
        for key in keys
    ]
    return pd.DataFrame(rows, columns=["row", "figure", *LIMITS, "n"]).astype(dict.fromkeys(LIMITS, float))


def signed(figure: Mapping, digits: int = 2) -> str:
    """A difference with its interval and its sign.

    Example:
        >>> signed({"value": -0.044, "low": -0.08, "high": -0.01, "n": 130})
        '−0.04 (−0.08 to −0.01)'
    """
    form = f"+z.{digits}f"
    return f"{figure['value']:{form}} ({limits(figure, form, ' to ')})".replace("-", "−")


def told(table: pd.DataFrame) -> str:
    """A table of `differences` in words.

    Example:
        >>> one = {"row": "MobileNet", "figure": "accuracy", "value": 0.02, "low": -0.02, "high": 0.07}
        >>> told(pd.DataFrame([one]))
        'MobileNet +0.02 (−0.02 to +0.07) in accuracy'
    """
    return "; ".join(
        f"{name} "
        + ", ".join(f"{signed(one)} in {METRIC_NAMES[one['figure']]}" for one in rows.to_dict("records"))
        for name, rows in table.groupby("row", sort=False)
    )


def compared(records: Records, keys: Sequence[str]) -> HTML:
    """A table of figures on common images, one row per record; the corner says how many images they are.

    A classifier that says the same to everybody is named so.

    Example (not run):
        >>> compared({"CNN": cnn, "MobileNet": mobilenet}, ["accuracy", "macro_f1"])
    """
    rows = {}
    for name, figures in on_common_images(records).items():
        alike = same_answer(figures)
        rows[f"{name}: {alike}" if alike else name] = {
            _head(key): _shown(figures[key], key) if key in figures else "–" for key in keys
        }
    corner = f"the same {n_common(records)} images"
    return plain(pd.DataFrame.from_dict(rows, orient="index"), corner)


def _head(key: str) -> str:
    """The head of a column, without a comma where it is the recall of a class."""
    name, _, figure = METRIC_NAMES[key].partition(", ")
    return f"recall of {name}" if figure == "recall" else METRIC_NAMES[key]


def _shown(figure: Mapping, key: str) -> str:
    """A figure with its interval; pixels without decimals."""
    if METRICS[key].unit != "pixels":
        return cell(figure)
    return f"{figure['value']:.0f} ({limits(figure, '.0f')}{several(figure)})"


def beside_claims(records: Records, ids: Mapping[str, str], key: str) -> pd.DataFrame:
    """Long table for `busilib.pages.figures.claimed_and_measured`: claims, and records on common images.

    Args:
        records: by the name of the row.
        ids: of the experiments whose claims are shown, by the name of the row.
        key: of the figure.

    Example (not run):
        >>> beside_claims({"CNN": cnn}, {"CNN": "r2-cnn"}, "accuracy")["source"].tolist()
        ['claimed', 'recorded, grouped']
    """
    rows = []
    for name, id in ids.items():
        claims = [claim for claim in experiment(id).claims if claim.metric == key]
        rows += [{"row": name, "source": "claimed", "value": claim.value} for claim in claims[:1]]
    for name, figures in on_common_images(records).items():
        figure = {limit: figures[key][limit] for limit in LIMITS}
        rows.append({"row": name, "source": "recorded, grouped", **figure})
    order = list(dict.fromkeys([*ids, *records]))
    table = pd.DataFrame(rows, columns=["row", "source", *LIMITS]).astype(dict.fromkeys(LIMITS, float))
    return table.sort_values("row", key=lambda names: names.map(order.index), kind="stable")


def _less(record: Record) -> list[str]:
    """Where a record's settings are less than those of the profile "full"."""
    full, here = experiment(record.facts["experiment"]).settings, record.facts["settings"]
    return [
        f"{here[name]} of {getattr(full, name)} {words}"
        for name, words in (("epochs", "epochs"), ("filters", "filters"), ("size", "px"))
        if here.get(name) and here[name] < getattr(full, name)
    ]


def _lacks_weights(record: Record) -> bool:
    """Whether it started from random weights where its report has pretrained ones."""
    pretrained = experiment(record.facts["experiment"]).settings.weights
    return bool(pretrained) and record.facts["weights"]["source"] == "random"


AS_DESCRIBED = "as described"


def shortfall(record: Record) -> str:
    """How a record falls short of what its report trained, in a few words; empty if it does not.

    Example:
        >>> shortfall(read_record("r1-unet", "laptop"))
        '36 of 100 epochs, 16 of 64 filters'
    """
    lacking = ["random weights"] if _lacks_weights(record) else []
    return ", ".join(_less(record) + lacking)


def made(record: Record) -> str:
    """The `shortfall` of a record, or that it was made as described.

    Example:
        >>> made(read_record("r1-unet", "laptop"))
        '36 of 100 epochs, 16 of 64 filters'
    """
    return shortfall(record) or AS_DESCRIBED


def trained(record: Record) -> str:
    """How a record's model was trained, and where that is less than the profile "full" asks for.

    "full" has the report's settings where the report gives them, and ours where it does not.

    Example:
        >>> trained(read_record("r4-unet", "laptop"))
        'random weights; 24 of 100 epochs, 16 of 64 filters, 128 of 256 px'
    """
    source = record.facts["weights"]["source"]
    if source in ("none", "members"):
        return {"none": "nothing is learned", "members": "joins three networks"}[source]
    if source == "random":
        start = f"random weights{' instead of pretrained' if _lacks_weights(record) else ''}"
    else:
        start = f"ImageNet weights, {'frozen' if record.facts['settings']['frozen'] else 'fine-tuned'}"
    return f"{start}; {', '.join(_less(record)) or 'full settings'}"


def how_trained(records: Records) -> HTML:
    """A table of what was trained: weights, what is less than in the profile "full", and images tested.

    Example (not run):
        >>> how_trained({"U-Net": unet})
    """
    rows = {
        name: {
            "how it was trained": trained(record),
            "images": record.predictions["id"].nunique(),
        }
        for name, record in records.items()
    }
    return plain(pd.DataFrame.from_dict(rows, orient="index"), "recorded")


def first_fold(records: Records) -> dict[str, pd.DataFrame]:
    """The histories of records on the first fold of their first seed, for `figures.learning_curves`.

    Example:
        >>> len(first_fold({"CNN": read_record("r2-cnn", "laptop")})["CNN"])
        40
    """
    return {name: record.parts[0].tables["history"] for name, record in records.items()}
