"""What the book found, for its first screen: sentences and one picture, computed from the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from busilib.data.busi.fingerprint import read_table
from busilib.data.splits import FOLDS
from busilib.pages import answers, drawings
from busilib.pages.figures.style import CLAIMED, LOOKS, NEUTRAL, bars, done
from busilib.pages.generated import markdown_table
from busilib.pages.primary import GOALS, primary_figures, reached
from busilib.pages.shipped import PROFILE, the_record, the_study
from busilib.pages.tables import cell
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.records import Record, find_record

INPUTS = {
    "image": "the whole image",
    "image cut by the predicted mask": "image cut by a predicted mask",
    "image cut by the true mask": "image cut by the true mask",
}
"""What R2's MobileNet is shown, and what a row of the picture calls it."""


def _accuracies() -> dict[str, dict]:
    """Accuracy on all 780 images out of fold, by what was asked and shown."""
    found = {
        f"MobileNet, {words}": the_record("r2-mobilenet", inputs).metrics["accuracy"]
        for inputs, words in INPUTS.items()
    }
    if own := _baseline():
        found["our own baseline, the whole image"] = own.metrics["accuracy"]
    return found


def _baseline() -> Record | None:
    """Our own classifier, once it has met every image out of fold."""
    found = find_record("own-clf", PROFILE)
    return found if found is not None and found.folds == FOLDS else None


def claimed_accuracies() -> tuple[float, float]:
    """The lowest and the highest accuracy that R1 to R4 claim for three classes.

    Example:
        >>> claimed_accuracies()[0]
        0.82
    """
    claims = [
        entry.main_claim.value
        for entry in EXPERIMENTS.values()
        if entry.task == "classification" and entry.main_claim and entry.main_claim.metric == "accuracy"
    ]
    return min(claims), max(claims)


def picture() -> Figure:
    """Dots with 95 % intervals: accuracy on the same 780 images by what is shown; the claims as a band.

    Example:
        >>> picture().axes[0].get_xlabel()
        'accuracy on the same 780 images, each tested out of fold'
    """
    rows = _accuracies()
    figure, axis = plt.subplots(figsize=(8, 1.3 + 0.5 * len(rows)), layout="constrained")
    low, high = claimed_accuracies()
    axis.axvspan(low, high, color=CLAIMED, alpha=0.18, lw=0, label="what the reports claim")
    base = read_table()["class"].value_counts(normalize=True).iloc[0]
    axis.axvline(base, color=NEUTRAL, ls="--", lw=1.2, label="always the largest class")
    colour, marker = LOOKS["recorded, grouped"]
    for place, found in enumerate(rows.values()):
        label = "recorded, with its 95 % interval" if not place else None
        axis.errorbar(
            found["value"], place, xerr=bars(found), fmt=marker, color=colour, capsize=4, ms=8, label=label
        )
        end = found["value"] + bars(found)[1, 0]
        axis.annotate(f"{found['value']:.2f}", (end, place), (7, -4), textcoords="offset points")
    n = next(iter(rows.values()))["n"]
    axis.set(yticks=range(len(rows)), yticklabels=list(rows), xlim=(0.5, 1.06))
    axis.set_xlabel(f"accuracy on the same {n} images, each tested out of fold")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return done(figure)


def figure(root: Path) -> str:
    """The picture as the index shows it, with its numbers in words for those who cannot see it.

    Example:
        >>> ":alt: Dot plot of accuracy" in figure(Path("."))
        True
    """
    low, high = claimed_accuracies()
    dots = "; ".join(f"{name} {found['value']:.2f}" for name, found in _accuracies().items())
    return f"""```{{figure}} _static/result.png
:alt: Dot plot of accuracy on the same images. {dots}. A band marks the claims, {low:.2f} to {high:.2f}.

What a classifier is shown decides what it scores. All dots are measured on the same real images; each image
was predicted by a network that learned neither from it nor from a near-duplicate of it.
```"""


def findings(root: Path) -> str:
    """What came out, as a Markdown list; the first screen of the index.

    Args:
        root: the repository, whose `results/` are read.

    Example:
        >>> findings(Path(".")).startswith("- **The true mask")
        True
    """
    return "\n".join(f"- {line}" for line in _findings())


def _findings() -> Iterator[str]:
    whole, predicted, true = (the_record("r2-mobilenet", shown).metrics["accuracy"] for shown in INPUTS)
    low, high = claimed_accuracies()
    yield (
        f"**The true mask gives the answer away.** The reports claim accuracies of {low:.2f} to {high:.2f}. "
        f"The same frozen MobileNet names {cell(true)} of {true['n']} images right when they are cut by the "
        f"mask that an expert drew, {cell(predicted)} when a network has to draw it, and {cell(whole)} on "
        "whole images. See [page 6](../notebooks/06_image_and_mask.ipynb)."
    )
    found = drawings.circumference(drawings.recorded())
    busi, other = found["BUSI"], found["BrEaST"]
    yield (
        "**Even its outline alone does.** How long an outline is for its shape tells malignant from benign "
        f"with an AUC of {busi['value']:.2f} on BUSI's {busi['n']} drawn lesions, no picture needed, and "
        f"of {other['value']:.2f} on the {other['n']} of another set. See [page "
        "15](../notebooks/15_outlines.ipynb)."
    )
    ladder = the_study("ladder-classification")
    rungs = list(ladder.conditions.values())
    top, end = rungs[0]["metrics"]["accuracy"], rungs[-1]["metrics"]["accuracy"]
    yield (
        f"**Common slips add up.** With all of them made at once, a simple classifier reports an accuracy of "
        f"{cell(top)}; with none, {cell(end)}, on the same images. See [page "
        "9](../notebooks/09_inflation_ladder.ipynb)."
    )
    outside = the_study("outside-segmentation+BrEaST")
    inside, abroad = (outside.metrics(f"r4-unet, {name}")["lesion_dice"] for name in ("BUSI", "BrEaST"))
    yield (
        f"**Little of it travels.** A U-Net's Dice on lesions falls from {cell(inside)} on BUSI to "
        f"{cell(abroad)} on the images of another hospital. See [outside "
        "data](../notebooks/14_outside_data.ipynb)."
    )
    if own := _baseline():
        found = primary_figures(own)
        goals = [goal for goal in GOALS if goal.id == "own-clf"]
        met = sum(reached(goal, found[goal.figure]) for goal in goals)
        yield (
            "**What an honest baseline reaches.** A small pretrained network, tuned and tested without leaks "
            f"on every image: accuracy {cell(found['accuracy'])}, AUC of malignant against benign "
            f"{cell(found['malignancy_auc'])}. Of the {len(goals)} goals set for it before the runs it "
            f"reaches {met or 'none'}. See [where systems stand](standing.md)."
        )


def pages(root: Path) -> str:
    """Every notebook with its answer, as a Markdown table.

    Example:
        >>> "| [4 ·" in pages(Path("."))
        True
    """
    rows = [
        [
            f"[{int(name[:2])} · {name[3:].replace('_', ' ')}](../notebooks/{name}.ipynb)",
            answers.answer(name).data,
        ]
        for name in answers.PAGES
    ]
    return markdown_table(["page", "answer"], "ll", rows)
