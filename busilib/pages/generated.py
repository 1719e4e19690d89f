"""The parts of the prose pages that are written when the book is built: run status and claims ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from busilib.data.dataset import CLASSES
from busilib.pages.ledger import PROFILES, Line, Measured, ledger, records_by_protocol, tally
from busilib.pages.tables import METRIC_NAMES, PROTOCOL_NAMES, cell
from busilib.paths import project_root
from busilib.reports.experiment import Experiment
from busilib.reports.pencil.all import contradictions
from busilib.reports.pencil.contradiction import Contradiction
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.measured import combined_records
from busilib.runs.records import Record

HEAD = ("figure", "claimed", "verdict", "as the report did", "grouped")
"""Columns of a table of claims; a narrow screen shows the first ones and scrolls to the rest."""

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

    Example (not run):
        >>> print(status({"01_data_exploration": record(path)}))
    """
    rows = []
    settings: dict[str, list[str]] = {}
    for name, ran in records.items():
        link = f"[{name}](../notebooks/{name}.ipynb)"
        if not ran:
            rows.append([link, "not run", "", ""])
            continue
        rows.append([link, f"{ran['seconds']:.0f}", f"`{ran['commit']}`", ran["date"]])
        versions = ", ".join(
            f"{shown} {ran['versions'][key]}"
            for key, shown in SHOWN_VERSIONS.items()
            if key in ran["versions"]
        )
        how = f"profile {ran['profile']}, seed {ran['seed']}; {versions}; {ran['machine']}"
        settings.setdefault(how, []).append(name)
    head = ["notebook", "seconds", "commit", "date"]
    lines = [markdown_table(head, "lrll", rows), ""]
    for used, names in settings.items():
        whose = "Every notebook that ran" if len(settings) == 1 else ", ".join(names)
        lines.append(f"- {whose}: {used}.")
    return "\n".join(lines) + "\n"


def claims_in_short(root: Path) -> str:
    """What became of the claims: how many came out how, and the one that each report puts forward.

    Args:
        root: the repository, whose `results/` holds the records.

    Example:
        >>> "as the report did" in claims_in_short(Path("."))
        True
    """
    return _summary(ledger(list(EXPERIMENTS.values()), root / "results", _combined(root)))


def claims(root: Path) -> str:
    """The claims ledger: every claim of the registry by report, and what a pencil finds.

    Args:
        root: the repository, whose `results/` holds the records.

    Example:
        >>> "DenseNet121" in claims(Path("."))
        True
    """
    lines = ledger(list(EXPERIMENTS.values()), root / "results", _combined(root))
    reports = sorted({line.entry.report for line in lines})
    return "\n\n".join(
        [
            "## Every figure",
            *(_report(name, [line for line in lines if line.entry.report == name], root) for name in reports),
            "## Checked with a pencil",
            *(pencil(contradictions())),
        ]
    )


def _combined(root: Path) -> dict[str, dict[str, dict]]:
    # `combined_records` reads the records of the project we stand in, and of no other folder.
    if root.resolve() != project_root().resolve():
        return {}
    return next(filter(None, map(combined_records, PROFILES)), {})


def _summary(lines: Sequence[Line]) -> str:
    main = [line for line in lines if line.claim is line.entry.main_claim]
    rows = []
    for line in main:
        figure, claimed, *rest = _cells(line)
        shown = ", shown the true mask" if "true mask" in line.entry.inputs_under("grouped") else ""
        rows.append([f"`{line.entry.id}`{shown}", f"{figure} {claimed}", *rest])
    head = ["experiment", *HEAD[1:]]
    silent = [f"`{entry.id}`" for entry in EXPERIMENTS.values() if not entry.claims and entry.report != "own"]
    said = f"{tally(lines)}. The figure that each report puts forward for a system:\n\n"
    table = markdown_table(head, "l" * len(head), rows)
    return f"{said}{table}\n\nNo figure is printed for {', '.join(silent)}." if silent else said + table


def _report(name: str, lines: Sequence[Line], root: Path) -> str:
    entries = {line.entry.id: line.entry for line in lines}
    parts = [
        _experiment(entry, [line for line in lines if line.entry.id == entry.id], root)
        for entry in entries.values()
    ]
    return _dropdown(f"{name}: {tally(lines)}", "\n\n".join(parts), fence=8)


def _experiment(entry: Experiment, lines: Sequence[Line], root: Path) -> str:
    """Name, records and claims of one experiment; figures of single classes are folded away."""
    by_class = [line for line in lines if line.claim.metric.split("_")[0] in CLASSES]
    overall = [line for line in lines if line not in by_class]
    records = records_by_protocol(entry, root / "results")
    made = [f"- {PROTOCOL_NAMES[protocol]}: {_made(record)}" for protocol, record in records.items()]
    parts = [f"**{entry.title}** (`{entry.id}`)", "\n".join(made) or "- no record yet", _table(overall)]
    if by_class:
        parts.append(_dropdown(f"By class: {tally(by_class)}", _table(by_class), fence=6))
    return "\n\n".join(parts)


def _table(lines: Sequence[Line]) -> str:
    return markdown_table(HEAD, "l" * len(HEAD), [_cells(line) for line in lines])


def _cells(line: Line) -> list[str]:
    claim = line.claim
    value = f"{claim.value:,.0f}" if claim.value >= 1000 else f"{claim.value:.4g}"
    n = "n not given" if claim.n is None else f"n = {claim.n}"
    return [
        METRIC_NAMES.get(claim.metric, claim.metric.replace("_", " ")),
        f"{value}, {claim.part}, {n}",
        line.verdict,
        *(_measured(found) for found in (line.own, line.grouped)),
    ]


def _measured(found: Measured | None) -> str:
    if found is None:
        return "–"
    value = f"{found.value:.2f}" if found.low is None and not found.why else cell(asdict(found))
    folds = "1 fold" if found.folds == 1 else f"{found.folds} folds"
    return f"{value}, n = {found.n}, {folds}"


def _made(record: Record) -> str:
    """How a record came about, in one line; a rule and an ensemble have no epochs to choose from."""
    facts = record.facts
    source, chosen = facts["weights"]["source"], facts["split"][0]["selected_on"]
    weights = "random weights" if source == "random" else f"weights: {source}"
    epoch = f", epoch chosen on the {chosen} images" if len(record.history) else ""
    read = ", as we read R2" if facts["experiment"].startswith("r2-") and "mask" in facts["inputs"] else ""
    return f"profile {facts['profile']}, {weights}, input: {facts['inputs']}{read}{epoch}, {facts['date']}"


def _dropdown(title: str, text: str, fence: int) -> str:
    """A folded part of a page; one inside another needs a shorter fence."""
    return f"{':' * fence}{{dropdown}} {title}\n{text}\n{':' * fence}"


def pencil(found: Sequence[Contradiction]) -> list[str]:
    """Arithmetic on the reports' figures as paragraphs, under a heading for each report.

    Example:
        >>> pencil(contradictions())[0]
        '### R1'
    """
    parts, report = [], ""
    for line in found:
        if line.report != report:
            report = line.report
            parts.append(f"### {report}")
        parts += [f"**{line.statement}**", f"```text\n{line.arithmetic}\n```", line.conclusion]
    return parts
