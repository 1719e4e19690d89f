"""The parts of the prose pages that are written when the book is built: run status and claims ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from busilib.experiments.experiment import Experiment
from busilib.experiments.registry import EXPERIMENTS
from busilib.report.tables import METRIC_NAMES, cell, protocol_records

SHOWN_VERSIONS = {"python": "Python", "keras": "Keras", "tensorflow": "TensorFlow", "numpy": "NumPy"}


def markdown_table(head: Sequence[str], align: str, rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; `align` has one letter a column, l or r.

    Example:
        >>> print(markdown_table(["class", "n"], "lr", [["benign", 437]]))
        | class | n |
        |---|--:|
        | benign | 437 |
    """
    rules = ["--:" if letter == "r" else "---" for letter in align]
    lines = [" | ".join(map(str, row)) for row in [head, *rows]]
    return "\n".join([f"| {lines[0]} |", f"|{'|'.join(rules)}|", *(f"| {line} |" for line in lines[1:])])


def status(records: Mapping[str, Mapping]) -> str:
    """What ran for this build: a table of notebooks, then the versions and machines they ran with.

    Args:
        records: by notebook name, the record that `notebooks.execute` left; empty for one that did not run.

    Example:
        >>> print(status({"01_data_exploration": record(path)}))
    """
    rows, settings = [], {}
    for name, ran in records.items():
        link = f"[{name}](../notebooks/{name}.ipynb)"
        if not ran:
            rows.append([link, "not run", "", "", "", ""])
            continue
        rows.append(
            [link, ran["profile"], ran["seed"], f"{ran['seconds']:.0f}", f"`{ran['commit']}`", ran["date"]]
        )
        versions = ", ".join(
            f"{shown} {ran['versions'][key]}"
            for key, shown in SHOWN_VERSIONS.items()
            if key in ran["versions"]
        )
        settings.setdefault(f"{versions}; {ran['machine']}", []).append(name)
    head = ["notebook", "profile", "seed", "seconds", "commit", "date"]
    lines = [markdown_table(head, "llrrll", rows), ""]
    for used, names in settings.items():
        whose = "Every notebook that ran" if len(settings) == 1 else ", ".join(names)
        lines.append(f"- {whose}: {used}.")
    return "\n".join(lines) + "\n"


def claims(root: Path) -> str:
    """The claims ledger: per system of the registry what its report prints, beside the recorded figures.

    Args:
        root: the repository, whose `results/` holds the records.

    Example:
        >>> "DenseNet121" in claims(Path("."))
        True
    """
    return "\n".join(_claims_of(entry, root) for entry in EXPERIMENTS.values() if entry.claims)


def _claims_of(entry: Experiment, root: Path) -> str:
    records = {
        f"{profile}, {name}": record
        for profile in ("laptop", "full")
        for name, record in protocol_records(entry.id, profile, root / "results").items()
    }
    rows = []
    for claim in entry.claims:
        measured = [
            cell(record.metrics[claim.metric]) if claim.metric in record.metrics else "–"
            for record in records.values()
        ]
        if claim.part == "hold-out":
            measured = ["–"] * len(records)
        name = METRIC_NAMES.get(claim.metric, claim.metric)
        rows.append([name, f"{claim.part}, n = {claim.n}", f"{claim.value:.4g}", *measured])
    head = ["figure", "the report measured on", "claim", *records]
    table = markdown_table(head, "ll" + "r" * (len(head) - 2), rows)
    return f"**{entry.report}, {entry.title}** (`{entry.id}`)\n\n{table}\n"
