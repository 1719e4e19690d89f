"""Where systems stand on BUSI: others' published figures, the reports' claims, ours, and any sent in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from busilib.data.busi.subsets import SUBSETS, subset_ids
from busilib.errors import UserError
from busilib.metrics.figure import limits, several
from busilib.metrics.malignancy import lesions_only
from busilib.pages.common import shortfall
from busilib.pages.generated import markdown_table
from busilib.pages.shipped import PROFILE, out_of_fold
from busilib.reports.experiment import Experiment
from busilib.reports.peers import PEERS
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.measured import metrics_of_busi
from busilib.runs.records import Record
from busilib.submission.evaluate import Evaluation, evaluate

COMMUNITY = "community"
PREDICTIONS, SPLIT, CARD = "predictions.csv", "split.csv", "card.yml"
CARD_LINES = ("system", "authors", "protocol", "source")
"""What a card must say, each in a few words."""

OURS = (
    "own-clf",
    "own-multi-clf",
    "own-classes-clf",
    "r2-mobilenet",
    "r2-cnn",
    "own-seg",
    "own-multi-seg",
    "r4-unet",
)
"""Our experiments that were tested on every image; shown where they are recorded."""

BASELINES = ("own-clf", "own-seg")
"""Ours that are meant to stand beside peers."""

FIGURES = {
    "accuracy": "Accuracy, three classes",
    "malignancy_auc": "AUC, malignant against benign",
    "lesion_dice": "Dice, mean of lesion images",
    "lesion_iou": "IoU, mean of lesion images",
    "benign_dice": "Dice, mean of benign lesions",
    "malignant_dice": "Dice, mean of malignant lesions",
    "pooled_dice": "Dice, pooled over pixels",
}
"""What systems are compared by, and its heading."""

WHICH = {
    "": "{n} of all {all} images of BUSI",
    "curated": "{n} of the 450 curated images",
    "unconflicted": "{n} images without conflicting groups",
}
"""Which images a figure of ours is of, by subset, so that it can be set beside those of peers."""

APART, MIXED, UNSAID = "kept apart", "not kept apart", "not said"
"""What a protocol did with near-duplicates, the strictest first."""


class CardError(UserError, ValueError):
    """A card of predictions that were sent in cannot be read; the message says what is missing."""


@dataclass(frozen=True)
class Standing:
    """One figure of one system.

    Attributes:
        figure: key of `FIGURES`.
        value: to sort by.
        shown: the value with its interval or spread.
        system: who and what, as Markdown.
        protocol: which images, and how they were divided.
        duplicates: of `APART`, `MIXED` and `UNSAID`.
    """

    figure: str
    value: float
    shown: str
    system: str
    protocol: str
    duplicates: str


def standing(root: Path) -> str:
    """A table for each figure, strictest protocol first, then highest value.

    Args:
        root: the repository, whose `results/` are read.

    Raises:
        CardError, busilib.submission.read.SubmissionError: for predictions sent in that cannot be shown.

    Example:
        >>> "Mask R-CNN" in standing(Path("."))
        True
    """
    rows = [*_peers(), *_claims(), *_ours(root), *_community(root)]
    order = (APART, MIXED, UNSAID)
    parts = []
    for figure, heading in FIGURES.items():
        held = sorted(
            (row for row in rows if row.figure == figure),
            key=lambda row: (order.index(row.duplicates), -row.value),
        )
        cells = [[row.shown, row.system, row.protocol, row.duplicates] for row in held]
        table = markdown_table(["value", "system", "images and protocol", "near-duplicates"], "llll", cells)
        parts.append(f"## {heading}\n\n{table}")
    return "\n\n".join(parts)


def _peers() -> Iterator[Standing]:
    for one in PEERS:
        spread = f" ({one.spread})" if one.spread else ""
        yield Standing(
            one.metric,
            one.value,
            f"{one.value:.2f}{spread}" if one.value == round(one.value, 2) else f"{one.value:.3f}{spread}",
            f"[{one.name}]({one.source}), {one.system}",
            f"{one.images}; {one.protocol}",
            APART if one.apart else UNSAID,
        )


def _claims() -> Iterator[Standing]:
    for entry in EXPERIMENTS.values():
        for claim in entry.claims:
            if claim.metric in FIGURES and claim is entry.main_claim:
                unknown = "neither number of images nor kind of average given"
                n = unknown if claim.n is None else f"{claim.n} images"
                yield Standing(
                    claim.metric,
                    claim.value,
                    f"{claim.value:.3f}",
                    f"claimed by {entry.report}: {entry.title}",
                    f"{n}, {claim.part}{_shown_masks(entry)}; see the [ledger](claims.md)",
                    MIXED if entry.task == "classification" or entry.report == "R1" else UNSAID,
                )


def _shown_masks(entry: Experiment) -> str:
    """That a claim is of a network that was shown true masks, where it was."""
    if "true mask" not in entry.inputs_under("random"):
        return ""
    return "; the true mask was shown" + (", as we read it" if entry.report == "R2" else "")


def _ours(root: Path) -> Iterator[Standing]:
    """Our records on all images; our own networks also on those that peers kept, of the same predictions."""
    for id in OURS:
        record = out_of_fold(id, root / "results")
        if record is None:
            continue
        for name in ("", *(SUBSETS if EXPERIMENTS[id].report == "own" else ())):
            for key, figure in figures_of(record.facts["task"], _kept(record, name)).items():
                yield Standing(
                    key,
                    figure["value"],
                    _cell(figure),
                    f"this book, `{id}`: {EXPERIMENTS[id].title}",
                    _how(record, figure["n"], name),
                    APART,
                )


def _kept(record: Record, subset: str) -> pd.DataFrame:
    """The predictions of a subset, of all images where it is empty."""
    rows = record.predictions
    return rows[rows["id"].isin(subset_ids(subset))].reset_index(drop=True) if subset else rows


def beside_peers(root: Path) -> list[str]:
    """Our baselines on the images that come nearest to those of peers: figure, ours and theirs, in words.

    Args:
        root: the repository, whose `results/` are read.

    Example (not run):
        >>> beside_peers(Path("."))[0]
        'accuracy, three classes, 0.82 (theirs 0.80)'
    """
    told = []
    for record in filter(None, (out_of_fold(id, root / "results") for id in BASELINES)):
        found = {name: figures_of(record.facts["task"], _kept(record, name)) for name in SUBSETS}
        for peer in PEERS:
            if peer.metric in found.get(peer.subset, {}):
                words = FIGURES[peer.metric]
                words = words[0].lower() + words[1:] if words.startswith("Accuracy") else words
                ours = found[peer.subset][peer.metric]["value"]
                others = "".join(
                    f"; {one.value:.2f} on {one.images}"
                    for one in PEERS
                    if (one.name, one.metric, one.subset) == (peer.name, peer.metric, "")
                )
                told.append(f"{words}, {ours:.2f} (theirs {peer.value:.2f}{others})")
    return told


def in_short(root: Path) -> str:
    """Where our baselines stand, in a sentence.

    Args:
        root: the repository, whose `results/` are read.

    Example (not run):
        >>> in_short(Path("."))
    """
    told = "; ".join(beside_peers(root))
    return (
        f"On the images that come nearest to those of two careful peers, our baselines have: {told}. The "
        "reports' claims rest on protocols that do not keep near-duplicates apart, or do not say so."
    )


def figures_of(task: str, rows: pd.DataFrame) -> dict[str, dict]:
    """The figures that systems are compared by, of some predictions, by key of `FIGURES`.

    Args:
        task: "classification" or "segmentation".
        rows: predictions of BUSI, of one seed or several.

    Example (not run):
        >>> figures_of("segmentation", read_record("r4-unet", "laptop").predictions)["benign_dice"]["n"]
        437
    """
    lesions = lesions_only(rows)
    found = metrics_of_busi(task, rows, PROFILE)
    if task == "classification":
        found["malignancy_auc"] = metrics_of_busi("malignancy", lesions, PROFILE)["malignancy_auc"]
    else:
        for name, kind in lesions.groupby("true"):
            found[f"{name}_dice"] = metrics_of_busi(task, kind.reset_index(drop=True), PROFILE)["lesion_dice"]
    return {key: found[key] for key in FIGURES if key in found}


def _cell(figure: Mapping) -> str:
    """A figure with its interval, to three digits, as some peers give theirs."""
    return f"{figure['value']:.3f} ({limits(figure, '.3f')}{several(figure)})"


def _how(record: Record, n: int, subset: str) -> str:
    seeds = len(record.facts["seeds"])
    repeats = "" if seeds == 1 else f", mean of {seeds} seeds"
    chosen = record.facts["split"][0]["selected_on"]
    all_images = record.predictions["id"].nunique()
    kept = WHICH[subset].format(n=n, all=all_images)
    told = f"{kept}; {record.folds} grouped folds of all images{repeats}; a {chosen} part chose the epoch"
    return "; ".join(filter(None, (told, shortfall(record))))


def _community(root: Path) -> Iterator[Standing]:
    for folder in sorted((root / "results" / COMMUNITY).glob("*/")):
        found, card = measured(folder), read_card(folder)
        leaked = found.leakage["leaked_images"] if found.leakage else 0
        said = f"; {leaked} of {found.facts['n']} tested beside a near-duplicate" if leaked else ""
        duplicates = UNSAID if found.leakage is None else MIXED if leaked else APART
        for key in FIGURES.keys() & found.metrics.keys():
            yield Standing(
                key,
                found.metrics[key]["value"],
                _cell(found.metrics[key]),
                f"sent in by [{card['authors']}]({card['source']}): {card['system']}",
                f"{found.facts['n']} images of BUSI; {card['protocol']}{said}",
                duplicates,
            )


def read_card(folder: Path) -> Mapping[str, str]:
    """What the authors say of predictions that they sent in.

    Args:
        folder: with `card.yml`.

    Raises:
        CardError: if it is missing or lacks a line of `CARD_LINES`.

    Example (not run):
        >>> read_card(Path("results/community/example"))["system"]
    """
    file = folder / CARD
    if not file.is_file():
        raise CardError(f"{folder}: no {CARD}. Expected one with {', '.join(CARD_LINES)}.")
    card = yaml.safe_load(file.read_text(encoding="utf-8"))
    missing = [name for name in CARD_LINES if not isinstance(card, dict) or not card.get(name)]
    if missing:
        raise CardError(f"{file}: lacks {', '.join(missing)}. Write a few words for each.")
    return card


def measured(folder: Path) -> Evaluation:
    """Predictions that were sent in, checked and measured as `busi evaluate` does.

    Args:
        folder: with `predictions.csv` (see `busilib.submission.evaluate`) and perhaps `split.csv`.

    Example (not run):
        >>> measured(Path("results/community/example")).metrics["accuracy"]["value"]
    """
    split = folder / SPLIT
    return evaluate(folder / PREDICTIONS, split=split if split.is_file() else None)
