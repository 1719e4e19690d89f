"""How `busi evaluate` shows its findings: in the terminal, as Markdown, and in a folder of files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.duplicates import THRESHOLD
from busilib.metrics.classification import constant_answer
from busilib.metrics.measure import MAIN_FIGURES
from busilib.pages.common import signed
from busilib.pages.generated import markdown_table
from busilib.pages.tables import METRIC_NAMES, SEGMENTATION, cell, metrics_table
from busilib.submission.evaluate import Evaluation, evaluate
from busilib.submission.read import count, some, tables_of

SHOWN = {
    "classification": (
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_f1",
        "weighted_f1",
        "macro_auc",
        "brier",
        "ece",
        "log_loss",
    ),
    "segmentation": (*SEGMENTATION, "lesion_hd95", "lesion_nsd"),
}
"""The figures of the first table, in reading order."""

BY_CLASS = {
    "classification": ("precision", "recall", "f1", "auc"),
    "segmentation": ("lesion_dice", "lesion_iou", "lesion_hd95", "lesion_nsd", "normal_false_positive_rate"),
}

HEADS = {
    "f1": "F1",
    "auc": "AUC",
    "lesion_dice": "Dice",
    "lesion_iou": "IoU",
    "lesion_hd95": "HD95 (pixels)",
    "lesion_nsd": "NSD",
    "normal_false_positive_rate": "with a false lesion",
}
"""What a figure of one class is called over its column, where its key will not do."""

EXAMPLE, EXAMPLE_DRAWS = "r2-mobilenet", 200
"""The record that the book's page evaluates, and bootstrap samples so few that building stays quick."""


@dataclass(frozen=True)
class Section:
    """One part of the findings: a heading, a sentence or more, and perhaps a table (None)."""

    title: str
    text: str
    table: pd.DataFrame | None = None


def sections(found: Evaluation) -> Iterator[Section]:
    """The findings in reading order.

    Example (not run):
        >>> [section.title for section in sections(evaluate(Path("mine.csv")))][0]
        'Figures'
    """
    task, keys = found.facts["task"], SHOWN[found.facts["task"]]
    conflicts = found.facts["n"] - found.conflict_free["n"]
    columns = {"all": found.metrics}
    if conflicts:
        columns[f"without {count(conflicts, 'label conflict')}"] = found.conflict_free["metrics"]
    figures = metrics_table(columns, keys).assign(
        n=[found.metrics[key]["n"] if key in found.metrics else "–" for key in keys]
    )
    yield Section(
        "Figures",
        f"{conflicts} of these images {'has' if conflicts == 1 else 'have'} a near-duplicate "
        "under another label, and one of the two labels must be wrong."
        if conflicts
        else "None of these images has a near-duplicate under another label.",
        figures,
    )
    yield Section("By class", "", _by_class(found))
    if task == "classification":
        matrix = pd.DataFrame(found.confusion, CLASSES, [f"called {name}" for name in CLASSES])
        yield Section("Confusion matrix", "", matrix.rename_axis("true"))
        yield Section("Calibration", _calibration(found), _reliability(found.reliability))
    if len(found.folds) > 1:
        text = "Mean and standard deviation are over folds." + _constant_folds(found)
        yield Section("By fold", text, _by_fold(found))
    if found.leakage:
        yield from _leakage(found.leakage)
    if found.notes:
        yield Section("Notes", "\n".join(f"- {note}" for note in found.notes))


def headline(found: Evaluation) -> str:
    """What was measured, in a sentence or two.

    Example:
        >>> headline(evaluate(Path("mine.csv")))[:36]
        'mine.csv: classification, 780 of 780'
    """
    facts = found.facts
    classes = ", ".join(f"{n} {name}" for name, n in facts["classes"].items())
    part = f" Only a part was measured: {facts['missing']} images are missing." if facts["missing"] else ""
    return (
        f"{facts['source']}: {facts['task']}, {facts['n']} of {facts['expected']} images expected "
        f"({classes}).{part} Intervals: 95%, {facts['draws']} bootstrap samples of "
        f"{facts['groups']} near-duplicate groups.{_after(facts['constant_answer'])}"
    )


def _after(sentence: str | None) -> str:
    return f" {sentence}" if sentence else ""


def _constant_folds(found: Evaluation) -> str:
    """A sentence on each fold whose classifier answers the same to everybody."""
    if found.facts["task"] != "classification" or "fold" not in found.table:
        return ""
    told = {fold: constant_answer(own) for fold, own in found.table.groupby("fold")}
    return "".join(f" Fold {fold}: {sentence}" for fold, sentence in told.items() if sentence)


def _by_class(found: Evaluation) -> pd.DataFrame:
    task = found.facts["task"]
    rows = {}
    for name, n in found.facts["classes"].items():
        figures = found.metrics if task == "classification" else found.by_class.get(name, {})
        keys = [f"{name}_{key}" if task == "classification" else key for key in BY_CLASS[task]]
        cells = [cell(figures[key]) if n and key in figures else "–" for key in keys]
        rows[name] = [n, *cells]
    heads = [HEADS.get(key, key) for key in BY_CLASS[task]]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["n", *heads]).rename_axis("class")


def _calibration(found: Evaluation) -> str:
    sure, right = (
        np.average([row[key] for row in found.reliability], weights=[row["n"] for row in found.reliability])
        for key in ("confidence", "accuracy")
    )
    return (
        f"On average the model gives its class {sure:.2f} and is right in {right:.2f}. By the probability "
        "of the predicted class; bins without images are left out:"
    )


def _reliability(rows: Sequence[Mapping]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "n": [row["n"] for row in rows],
            "mean probability": [f"{row['confidence']:.2f}" for row in rows],
            "share right": [f"{row['accuracy']:.2f}" for row in rows],
        },
        index=[f"{row['low']:.2f}–{row['high']:.2f}" for row in rows],
    )
    return table.rename_axis("probability")


def _by_fold(found: Evaluation) -> pd.DataFrame:
    keys = MAIN_FIGURES[found.facts["task"]]
    values = pd.DataFrame(
        {
            fold: {key: figures[key]["value"] for key in keys if key in figures}
            for fold, figures in found.folds.items()
        },
        index=list(keys),
    ).T
    shown = values.map(lambda value: "–" if np.isnan(value) else f"{value:.2f}")
    shown.loc["mean (SD)"] = [
        f"{own.mean():.2f} ({own.std():.2f})" if own.notna().sum() > 1 else "–"
        for own in (values[key] for key in keys)
    ]
    counts = found.table["fold"].astype(str).value_counts()
    shown.insert(0, "n", [str(counts.get(fold, found.facts["n"])) for fold in shown.index])
    return shown.rename(columns=METRIC_NAMES).rename_axis("fold")


def _leakage(leakage: Mapping) -> Iterator[Section]:
    n, leaked = leakage["test_images"], leakage["leaked_images"]
    title = f"Leakage check of {leakage['source']}"
    lines = [
        f"{leaked} of {n} test images ({leakage['leaked_share']:.1%}) have a near-duplicate among the "
        f"images trained on (correlation above {THRESHOLD:.2f})."
        if leaked
        else f"None of {n} test images has a near-duplicate among the images trained on (correlation above "
        f"{THRESHOLD:.2f})."
    ]
    if leaked:
        pairs = [f"{id} like {some(others, most=2)}" for id, others in leakage["leaked"].items()]
        lines.append(f"The first of them: {'; '.join(pairs[:5])}.")
    if both := leakage["in_two_parts"]:
        lines.append(f"{count(len(both), 'image')} in two parts: {some(both)}.")
    if near := leakage["in_validation"]:
        lines.append(f"{count(len(near), 'test image')} with a near-duplicate in validation: {some(near)}.")
    if "difference" not in leakage:
        yield Section(title, " ".join(lines))
        return
    lines.append(
        "The clean images alone are the fairer figure. The difference also holds whatever else sets the "
        "two kinds of images apart, such as the share of each class."
    )
    columns = {"leaked": leakage["leaked_metrics"], "clean": leakage["clean_metrics"]}
    shown = [*leakage["difference"]]
    table = metrics_table(columns, shown)
    table.columns = ["n leaked/clean", *columns]
    table["n leaked/clean"] = [f"{columns['leaked'][key]['n']}/{columns['clean'][key]['n']}" for key in shown]
    table["difference"] = [signed(leakage["difference"][key]) for key in shown]
    yield Section(title, " ".join(lines), table)


def render(found: Evaluation, console: Console) -> None:
    """Print the findings for people.

    Example (not run):
        >>> render(evaluate(Path("mine.csv")), Console())
    """
    console.print(headline(found), highlight=False)
    for section in sections(found):
        console.print(f"\n[bold]{section.title}[/]", highlight=False)
        if section.text:
            console.print(section.text, highlight=False, markup=False)
        if section.table is not None:
            console.print(_rich(section.table))


def _rich(table: pd.DataFrame) -> Table:
    shown = Table(box=None, header_style="dim", pad_edge=False)
    shown.add_column(table.index.name, overflow="fold")
    for name in table:
        shown.add_column(name, justify="right", overflow="fold")
    for name, row in table.iterrows():
        shown.add_row(str(name), *map(str, row))
    return shown


def markdown(found: Evaluation, level: int = 1) -> str:
    """The findings as Markdown, each part under a heading one below `level`.

    Example (not run):
        >>> markdown(evaluate(Path("mine.csv"))).splitlines()[0]
        '# Evaluation of mine.csv'
    """
    parts = [f"{'#' * level} Evaluation of {found.facts['source']}", headline(found)]
    for section in sections(found):
        parts += [f"{'#' * (level + 1)} {section.title}", section.text]
        if (table := section.table) is not None:
            rows = [[name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
            head = [table.index.name, *table.columns]
            parts.append(markdown_table(head, "l" + "r" * len(table.columns), rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def write(found: Evaluation, folder: Path) -> Path:
    """Write `metrics.json`, `predictions.csv` (the table that was measured) and `report.md` into a folder.

    Returns:
        The folder, made where there was none.

    Example (not run):
        >>> write(evaluate(Path("mine.csv")), Path("findings"))
        PosixPath('findings')
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_dict(), indent=1) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8", newline="\n")
    found.table.to_csv(folder / "predictions.csv", index=False, lineterminator="\n")
    (folder / "report.md").write_text(markdown(found), encoding="utf-8", newline="\n")
    return folder


def example(root: Path) -> str:
    """The worked example of the book's page: a command, and what it finds in a shipped record.

    Args:
        root: the repository, whose `results/` holds the record.

    Example (not run):
        >>> "busi evaluate results/laptop/r2-mobilenet" in example(Path("."))
        True
    """
    name = f"results/laptop/{EXAMPLE}"
    tables = tables_of(root / name)
    if not tables or not tables[0].is_file():
        return f"The record `{name}` is not here, so there is nothing to show."
    partial = sum(len(pd.read_csv(table)) for table in tables) < len(read_table())
    command = f"busi evaluate {name} --draws {EXAMPLE_DRAWS}" + (" --partial" if partial else "")
    found = evaluate(root / name, partial=partial, draws=EXAMPLE_DRAWS)
    return f"```bash\n{command}\n```\n\n{markdown(found, level=3)}"
