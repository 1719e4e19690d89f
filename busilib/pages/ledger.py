"""The claims ledger: each figure a report prints beside what was recorded here, with a verdict in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from busilib.metrics.classification import same_answer
from busilib.pages.common import shortfall
from busilib.reports.experiment import Claim, Experiment
from busilib.runs.records import Record, find_record

PROFILES = ("full", "laptop")
"""Profiles whose records are shown, the first that has one; "smoke" runs on phantoms and never is."""

LOSSES = ("log_loss", "loss")
"""Figures of which lower is better."""

EPOCH = re.compile(r"(?:(first|best|last) epoch, )?(train|validation|test)")
"""Parts of claims about the course of a training; without an epoch, the last one is meant."""

HISTORY_COLUMNS = {"accuracy": "accuracy", "pixel_accuracy": "accuracy", "log_loss": "loss", "loss": "loss"}
"""Which column of `history.csv` holds a figure; of a network with two heads, "class_" and that column."""

SAME_FIGURES = {"tumor_f1": "tumor_dice"}
"""Figures of a report that our records hold under another name: pooled over pixels, F1 is Dice."""

COMBINED = {"r1-unet": "U-Net alone", "r1-densenet121": "DenseNet121"}
"""Whose figures of `busilib.runs.measured.combined_records` stand beside R1's hold-out."""

UNCOMPARED_PARTS = {
    "base paper": "it is the figure of another paper, whose system is not rebuilt here",
    "comparison section, with masks": "our records hold the answer to the image alone",
}
UNCOMPARED_METRICS = {
    "sensitivity": "the report does not say which classes count as positive",
    "specificity": "the report does not say which classes count as positive",
}
"""Why there is nothing of ours to set beside some claims."""


@dataclass(frozen=True)
class Measured:
    """What a record says about one claim.

    Attributes:
        value: the figure.
        low, high: its 95% interval; None for a figure of the training history.
        n: images behind it.
        folds: trainings behind it.
        profile: "full" or "laptop".
        weights: where the network's weights came from: "random", "imagenet", or a file's name.
        why: why a figure of a record has no interval.
        sd, seeds: how far the seeds lie apart, and how many they are; None for one seed.
        less: how the network falls short of what the report trained; empty if it does not.
        alike: what the network says to nearly everybody, such as "benign for 155 of 156"; else empty.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    folds: int
    profile: str
    weights: str
    why: str = ""
    sd: float | None = None
    seeds: int | None = None
    less: str = ""
    alike: str = ""


@dataclass(frozen=True)
class Line:
    """One claim and what was measured under the report's own protocol and under the grouped one.

    Attributes:
        entry: the experiment.
        claim: the figure its report prints.
        own, grouped: what was measured; None where there is nothing to compare.
        recorded: whether there is a record under the report's own protocol.
    """

    entry: Experiment
    claim: Claim
    own: Measured | None
    grouped: Measured | None
    recorded: bool

    @property
    def own_verdict(self) -> str:
        """What became of the claim under the report's own protocol (see `verdict`)."""
        if self.own is None:
            return _why_not(self.claim, self.entry, self.recorded)
        return verdict(self.claim, self.own, "reproduced")

    @property
    def grouped_verdict(self) -> str:
        """The same under the grouped protocol; empty where there is nothing to compare."""
        return verdict(self.claim, self.grouped, "reached") if self.grouped else ""

    @property
    def verdict(self) -> str:
        """Both in one."""
        own = f"own protocol: {self.own_verdict}"
        return f"{own}; grouped: {self.grouped_verdict}" if self.grouped else own


def records_by_protocol(entry: Experiment, folder: Path) -> dict[str, Record]:
    """The records of an experiment by protocol, each of the first of `PROFILES` that has one.

    Example:
        >>> list(records_by_protocol(experiment("r2-cnn"), Path("results")))
        ['random', 'grouped']
    """
    found = {
        protocol: [find_record(entry.id, profile, protocol, folder=folder) for profile in PROFILES]
        for protocol in ("random", "grouped")
    }
    return {name: next(filter(None, records)) for name, records in found.items() if any(records)}


def measured(claim: Claim, record: Record | None, hold_out: Mapping[str, dict]) -> Measured | None:
    """What a record says about a claim; None if nothing that could be compared.

    Args:
        claim: of the record's experiment.
        record: under either protocol.
        hold_out: the figures of the images set aside that belong to the record.

    Example:
        >>> measured(Claim("accuracy", 0.82, 78), read_record("r2-cnn", "laptop"), {}).n
        780
    """
    if record is None or claim.part in UNCOMPARED_PARTS:
        return None
    folds = record.folds
    origin = record.facts["profile"], record.facts["weights"]["source"]
    less = shortfall(record)
    alike = same_answer(record.metrics)
    moment = EPOCH.fullmatch(claim.part)
    if moment and claim.part != "test":
        value = _from_history(record, HISTORY_COLUMNS.get(claim.metric, ""), *moment.groups())
        if value is None:
            return None
        n = record.facts["split"][0][moment[2]]
        return Measured(value, None, None, n, folds, *origin, less=less, alike=alike)
    figures: Mapping[str, dict] = record.metrics
    if claim.part == "hold-out":
        figures, folds = hold_out, 1
    figure = figures.get(SAME_FIGURES.get(claim.metric, claim.metric))
    if figure is None:
        return None
    whole = {name: figure[name] for name in ("value", "low", "high", "n")}
    rest = {name: figure[name] for name in ("why", "sd", "seeds") if name in figure}
    profile, weights = origin
    return Measured(**whole, folds=folds, profile=profile, weights=weights, **rest, less=less, alike=alike)


def _from_history(record: Record, column: str, epoch: str | None, part: str) -> float | None:
    """A figure of the training history, mean of the folds; None where it was not watched on that part."""
    watched = {split["selected_on"] for split in record.facts["split"]}
    if part == "test" and watched != {"test"}:
        return None
    prefix = "" if part == "train" else "val_"
    names = [name for name in (f"{prefix}class_{column}", prefix + column) if name in record.history]
    if not names:
        return None
    courses = record.history.groupby("fold")[names[0]]
    best = courses.min() if column == "loss" else courses.max()
    chosen = {"first": courses.first(), "best": best}.get(epoch or "last", courses.last())
    return float(chosen.mean())


def better(claim: Claim, found: Measured) -> bool:
    """Whether a measurement is better than the claim.

    Example:
        >>> better(Claim("log_loss", 0.2, 78), Measured(0.1, 0.05, 0.15, 78, 1, "laptop", "random"))
        True
    """
    return found.value < claim.value if claim.metric in LOSSES else found.value > claim.value


def verdict(claim: Claim, found: Measured, word: str) -> str:
    """What became of a claim, in words.

    Args:
        claim: the figure.
        found: what was measured.
        word: for a claim that our interval holds, "reproduced" or "reached".

    Returns:
        The word, "better by …", "lower by …" or "higher by …" (of losses), and in brackets how our network
        falls short of the report's; or "no verdict: …" where a figure has no interval, or a network names one
        class for nearly everybody.

    Example:
        >>> found = Measured(0.58, 0.49, 0.68, 156, 1, "laptop", "random")
        >>> verdict(Claim("accuracy", 0.82, 78), found, "reproduced")
        'lower by 0.24'
    """
    if found.alike:
        return f"no verdict: our network says {found.alike}"
    if found.low is None or found.high is None:
        return f"no verdict: ours has no interval ({found.why or 'one number of a training'})"
    if not found.low <= claim.value <= found.high:
        worse = "higher" if claim.metric in LOSSES else "lower"
        gap = abs(found.value - claim.value)
        word = f"{'better' if better(claim, found) else worse} by {gap:.2f}" if gap >= 0.01 else word
    return f"{word} (ours: {found.less})" if found.less else word


def _why_not(claim: Claim, entry: Experiment, recorded: bool) -> str:
    if claim.part in UNCOMPARED_PARTS:
        return f"cannot be checked: {UNCOMPARED_PARTS[claim.part]}"
    if claim.metric in UNCOMPARED_METRICS:
        return f"cannot be checked: {UNCOMPARED_METRICS[claim.metric]}"
    if claim.metric.endswith("parameters"):
        return "cannot be checked: it is a count and no measurement; a test counts the network that is built"
    if recorded:
        return "cannot be checked: our record under the report's own protocol does not hold this figure"
    if entry.task == "tissue":
        return "not run by us: BCSS cannot be shipped with this project and there is no record on it"
    return "not run by us"


def ledger(
    entries: Sequence[Experiment], folder: Path, combined: Mapping[str, Mapping[str, dict]]
) -> list[Line]:
    """One line for every claim of the given experiments, in their order.

    Args:
        entries: of the registry.
        folder: with the records, `<profile>/<name>/`.
        combined: as `busilib.runs.measured.combined_records` gives it.

    Example:
        >>> len(ledger([experiment("r1-unet")], Path("results"), {}))
        10
    """
    lines = []
    for entry in entries:
        records = records_by_protocol(entry, folder)
        own, grouped = records.get("random"), records.get("grouped")
        set_aside = own.facts.get("hold_out_metrics", {}) if own else {}
        joined = combined.get(COMBINED.get(entry.id, ""), {})
        for claim in entry.claims:
            pair = measured(claim, own, set_aside), measured(claim, grouped, joined)
            lines.append(Line(entry, claim, *pair, own is not None))
    return lines


KINDS = {
    "reproduced": "reproduced",
    "reached": "reached",
    "better": "better",
    "lower": "worse",
    "higher": "worse",
    "no": "without a verdict",
    "not": "not run by us",
    "cannot": "cannot be checked",
    "": "not compared",
}
"""How a verdict begins, and what it is counted as."""


def tally(lines: Sequence[Line]) -> str:
    """How many claims came out how, under the reports' own protocols and in grouped folds.

    Example:
        >>> tally(ledger([experiment("r2-cnn")], Path("nowhere"), {}))
        '15 figures; as the report did: 15 not run by us; in grouped folds: 15 not compared'
    """
    own, grouped = ([getattr(line, f"{side}_verdict") for line in lines] for side in ("own", "grouped"))
    return f"{len(lines)} figures; as the report did: {_counts(own)}; in grouped folds: {_counts(grouped)}"


def _counts(verdicts: Sequence[str]) -> str:
    kinds = pd.Series([KINDS[said.partition(" ")[0]] for said in verdicts], dtype=object).value_counts()
    return ", ".join(f"{kinds[kind]} {kind}" for kind in dict.fromkeys(KINDS.values()) if kind in kinds)
