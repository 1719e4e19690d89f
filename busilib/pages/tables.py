"""The tables of the book, and the line on every page that says what its numbers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from IPython.display import Markdown

from busilib import provenance
from busilib.data.dataset import Dataset
from busilib.data.splits import Split
from busilib.data.tiles import Tiles
from busilib.metrics.classification import same_answer
from busilib.metrics.figure import LIMITS, limits, several
from busilib.pages.words import METRIC_NAMES
from busilib.reports.experiment import Experiment
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile as profile_named
from busilib.runs.records import Record, find_record
from busilib.runs.run import Run

pd.set_option("display.max_colwidth", None)

SEGMENTATION = (
    "lesion_dice",
    "all_dice",
    "pooled_dice",
    "lesion_iou",
    "pooled_precision",
    "pooled_recall",
    "pooled_specificity",
    "pooled_accuracy",
    "normal_false_positive_rate",
)
"""The segmentation figures of a full table, in reading order."""

ALIKE = "the same answer to everybody"
"""What a classifier is said to give that tells nothing apart (see `busilib.metrics.classification`)."""

PROTOCOL_NAMES = {"grouped": "grouped", "random": "as the report did"}


def about(profile: str, data: Dataset | Tiles, seed: int) -> Markdown:
    """The line at the head of every page: what ran on what, and whether its numbers mean anything.

    Example:
        >>> about("smoke", data, seed=0)
    """
    chosen, versions = profile_named(profile), provenance.versions()
    backend = ", ".join(f"{key} {versions[key]}" for key in ("keras", "tensorflow") if key in versions)
    line = (
        f"Profile **{profile}** ({chosen.purpose}) · data **{data.name}**, n = {len(data)}, "
        f"{data.size}×{data.size} pixels · seed {seed} · busilib {versions['busilib']}, "
        f"Python {versions['python']}, {backend} · commit {provenance.commit()}"
    )
    if data.origin == "phantom":
        line += (
            "\n\n**These are phantoms.** The pictures are synthetic and the networks tiny: what is computed "
            "from them shows that everything runs, not what a model can do."
        )
    return Markdown(line)


def cell(figure: Mapping) -> str:
    """A figure with its interval, such as "0.71 (0.66–0.75)", or with the reason why it has none.

    Example:
        >>> cell({"value": 0.714, "low": 0.66, "high": 0.75, "n": 130})
        '0.71 (0.66–0.75)'
        >>> cell({"value": 1.0, "low": None, "high": None, "n": 3, "why": "3 images"})
        '1.00 (no interval: 3 images)'
        >>> cell({"value": 0.714, "low": 0.66, "high": 0.75, "n": 130, "sd": 0.012, "seeds": 3})
        '0.71 (0.66–0.75, 3 seeds, SD 0.012)'
    """
    return f"{figure['value']:.2f} ({limits(figure)}{several(figure)})"


def metrics_table(columns: Mapping[str, Mapping[str, dict]], keys: Sequence[str]) -> pd.DataFrame:
    """Figures as rows, models as columns, each with its 95% interval, and the number of images behind it.

    A last row names the answer of classifiers that say the same to everybody, where there is one.

    Args:
        columns: model name to figures as `busilib.metrics.measure.measure` returns them.
        keys: which figures, in which order.

    Example (not run):
        >>> metrics_table({"r1-unet": metrics_of([run])}, ["lesion_dice", "pooled_dice"])
    """
    table = pd.DataFrame(
        {
            name: {METRIC_NAMES[key]: cell(figures[key]) if key in figures else "–" for key in keys}
            for name, figures in columns.items()
        }
    )
    counts = [{figures[key]["n"] for figures in columns.values() if key in figures} for key in keys]
    table.insert(0, "n", ["/".join(map(str, sorted(found))) or "–" for found in counts])
    alike = {name: same_answer(figures) for name, figures in columns.items()}
    if any(alike.values()):
        table.loc[ALIKE] = {"n": "–", **{name: answer or "no" for name, answer in alike.items()}}
    return table.rename_axis("figure (95% interval)")


def long(columns: Mapping[str, Mapping[str, dict]], keys: Sequence[str]) -> pd.DataFrame:
    """The same figures as a long table for `busilib.pages.figures.claimed_and_measured`.

    Returns:
        Columns `row` (figure), `source` (model), `value`, `low`, `high`.

    Example (not run):
        >>> long({"r1-unet": metrics_of([run])}, ["lesion_dice"])
    """
    rows = [
        {"row": METRIC_NAMES[key], "source": source, **{k: figures[key][k] for k in LIMITS}}
        for source, figures in columns.items()
        for key in keys
        if key in figures
    ]
    return pd.DataFrame(rows, columns=["row", "source", *LIMITS]).astype(dict.fromkeys(LIMITS, float))


def runs_table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """What was trained on a page: one row per model.

    Example (not run):
        >>> runs_table({"r2-cnn": run("r2-cnn", data, "smoke")})
    """
    rows = {
        name: {
            "what": run.experiment.title,
            "parameters": f"{run.facts['parameters']:,}",
            "weights": run.facts["weights"]["source"],
            "frozen base": "yes" if run.settings.frozen else "no",
            "epochs": len(run.history),
            "training (s)": run.facts["train_seconds"],
        }
        for name, run in runs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def side_by_side(
    columns: Mapping[str, Mapping[str, dict]], facts: Mapping[str, Mapping], keys: Sequence[str]
) -> pd.DataFrame:
    """What models reach and how long they take: one row per model, with the images behind the first figure.

    Args:
        columns: model name to figures (see `metrics_table`).
        facts: model name to the facts of its run or record: `predict_ms_per_image`.
        keys: which figures.

    Example (not run):
        >>> side_by_side({"r4-unet": metrics_of([run])}, {"r4-unet": run.facts}, ["lesion_dice"])
    """
    rows = {
        name: {
            **{METRIC_NAMES[key]: cell(figures[key]) if key in figures else "–" for key in keys},
            "n": figures[keys[0]]["n"],
            "ms per image": facts[name].get("predict_ms_per_image", "–"),
        }
        for name, figures in columns.items()
    }
    return _with_alike(pd.DataFrame.from_dict(rows, orient="index"), columns)


def splits_table(splits: Mapping[str, Split]) -> pd.DataFrame:
    """How many images each part of a split has; "= test" where the test set chose the epoch.

    Example:
        >>> splits_table({"r2-cnn": split})
    """
    rows = {
        name: {
            "training": len(split.train),
            "validation": len(split.validation) if split.selected_on == "validation" else "= test",
            "test": len(split.test),
            "set aside": len(split.hold_out),
        }
        for name, split in splits.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def protocol_records(id: str, profile: str = "laptop") -> dict[str, Record]:
    """The records of one experiment by the name of their protocol; those that exist.

    Example:
        >>> list(protocol_records("r2-cnn"))
        ['grouped', 'as the report did']
    """
    return {
        name: record
        for protocol, name in PROTOCOL_NAMES.items()
        if (record := find_record(id, profile, protocol))
    }


def inputs_records(id: str) -> dict[str, Record]:
    """The grouped records of one experiment by what its model was shown; those that exist.

    Example:
        >>> list(inputs_records("r2-cnn"))
        ['image', 'image cut by the true mask']
    """
    from busilib.training.inputs import INPUTS

    found = {inputs: find_record(id, "laptop", inputs=inputs) for inputs in INPUTS}
    return {inputs: record for inputs, record in found.items() if record is not None}


def records_of(ids: Sequence[str], profile: str = "laptop") -> dict[str, Record]:
    """The records of experiments under both protocols, by a name that a table can show.

    Example:
        >>> list(records_of(["r2-cnn"]))
        ['r2-cnn, grouped', 'r2-cnn, as the report did']
    """
    return {f"{id}, {name}": record for id in ids for name, record in protocol_records(id, profile).items()}


def recorded_sources(id: str, profile: str = "laptop") -> dict[str, dict]:
    """Recorded figures of one experiment by the name that `sources` gives them.

    Example:
        >>> list(recorded_sources("r2-cnn"))
        ['recorded, grouped', 'recorded, as the report did']
    """
    return {f"recorded, {name}": record.metrics for name, record in protocol_records(id, profile).items()}


def records_table(records: Mapping[str, Record], keys: Sequence[str]) -> pd.DataFrame:
    """Recorded figures on the real BUSI, one row per record, with how each was made.

    Example:
        >>> records_table(records_of(["r1-unet", "r2-unet"]), ["lesion_dice", "pooled_dice"])
    """
    rows = {
        name: {
            **{
                METRIC_NAMES[key]: cell(record.metrics[key]) if key in record.metrics else "–" for key in keys
            },
            "n": record.predictions["id"].nunique(),
            "folds": record.folds,
            "seeds": len(record.facts["seeds"]),
            "selected on": record.facts["split"][0]["selected_on"],
            "input": record.facts["inputs"],
            "weights": record.facts["weights"]["source"],
        }
        for name, record in records.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("recorded on BUSI")
    return _with_alike(table, {name: record.metrics for name, record in records.items()})


def _with_alike(table: pd.DataFrame, columns: Mapping[str, Mapping[str, dict]]) -> pd.DataFrame:
    """A table of one row per model that names those that say the same to everybody, where there is one."""
    alike = {name: same_answer(figures) for name, figures in columns.items()}
    if not any(alike.values()):
        return table
    return table.assign(**{ALIKE: [alike[name] or "no" for name in table.index]})


def sources(
    entry: Experiment, keys: Sequence[str], part: str, measured: Mapping[str, Mapping[str, dict]]
) -> pd.DataFrame:
    """Long table for `busilib.pages.figures.claimed_and_measured`: the report's claim and measured figures.

    Args:
        entry: of the registry.
        keys: which figures.
        part: of the claims, such as "test".
        measured: source name to figures.

    Returns:
        Columns `row`, `source`, `value`, `low`, `high`.

    Example (not run):
        >>> sources(experiment("r1-unet"), ["pooled_dice"], "test", recorded_sources("r1-unet"))
    """
    claims = {claim.metric: claim.value for claim in entry.claims if claim.part == part}
    rows = [
        {"row": METRIC_NAMES[key], "source": "claimed", "value": claims[key]} for key in keys if key in claims
    ]
    rows += long(measured, keys).to_dict("records")
    return pd.DataFrame(rows, columns=["row", "source", "value", "low", "high"])


def claims_of(ids: Sequence[str], metric: str) -> pd.DataFrame:
    """One figure of several experiments, claimed and recorded on BUSI (see `sources`).

    Args:
        ids: of the experiments, one row each.
        metric: key of the figure.

    Example:
        >>> claims_of(["r2-cnn", "r2-mobilenet"], "accuracy")["source"].unique().tolist()
        ['claimed', 'recorded, grouped', 'recorded, as the report did']
    """
    rows = []
    for id in ids:
        parts = [claim.part for claim in experiment(id).claims if claim.metric == metric]
        part = parts[0] if parts else "test"
        rows.append(sources(experiment(id), [metric], part, recorded_sources(id)).assign(row=id))
    return pd.concat(rows)
