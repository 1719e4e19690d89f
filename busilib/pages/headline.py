"""What the book found, for its first screen: sentences and one picture, computed from the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
from matplotlib.figure import Figure

from busilib.pages import answers, both_tasks, drawings, protocol_gap, standing
from busilib.pages.generated import markdown_table
from busilib.pages.primary import GOALS, primary_figures, reached
from busilib.pages.shipped import out_of_fold, the_record, the_study
from busilib.pages.tables import cell
from busilib.reports.registry import EXPERIMENTS

INPUTS = ("image", "image cut by the predicted mask", "image cut by the true mask")
"""What R2's MobileNet is shown."""


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
    """Accuracy of our own network as each report did it and in a grouped fold, beside the claims.

    Example (not run):
        >>> picture().axes[0].get_xlabel()[:8]
        'accuracy'
    """
    return protocol_gap.picture(protocol_gap.made(figure="accuracy"))


def figure(root: Path) -> str:
    """The picture as the index shows it, with its numbers in words for those who cannot see it.

    Example (not run):
        >>> ":alt: Dot plot of accuracy" in figure(Path("."))
        True
    """
    found = protocol_gap.made(figure="accuracy")
    dots = "; ".join(
        f"{protocol_gap.DID[protocol]}, {did:.2f} against {grouped:.2f}"
        for protocol, one in found.items()
        for did, grouped in [protocol_gap.means(one)]
    )
    return f"""```{{figure}} _static/result.png
:width: 100%
:alt: Dot plot of accuracy, mean of the repeats as the report did it and in a grouped fold. {dots}.

One network, tuned once, on the same set of pictures: tested as each report tested (light squares) and in a
grouped fold (dark dots, the same in each row), five repeats each. Diamonds are what the reports claim, each
for networks of its own; R4 claims no accuracy.
```"""


def findings(root: Path) -> str:
    """What came out, as a Markdown list; the first screen of the index.

    Args:
        root: the repository, whose `results/` are read.

    Example:
        >>> findings(Path(".")).startswith("- **One network")
        True
    """
    return "\n".join(f"- {line}" for line in _findings(root))


def _findings(root: Path) -> Iterator[str]:
    gaps = protocol_gap.made(figure="accuracy")
    tested = {protocol: protocol_gap.means(one) for protocol, one in gaps.items()}
    did = ", ".join(f"{did:.2f} as {protocol_gap.report_of(one)}" for one, (did, _) in tested.items())
    low, high = claimed_accuracies()
    yield (
        f"**One network, as each report tested.** Our own network, tuned once, has an accuracy of {did} "
        f"tested it, and of {next(iter(tested.values()))[1]:.2f} in a grouped fold, without near-duplicates "
        "on both sides. "
        f"{protocol_gap.clear(gaps)} The reports claim "
        f"{low:.2f} to {high:.2f}; R3, and R2 as we read it, show their networks the mask that was drawn by "
        "hand. See [page 9](../notebooks/09_inflation_ladder.ipynb)."
    )
    whole, predicted, true = (the_record("r2-mobilenet", shown).metrics["accuracy"] for shown in INPUTS)
    yield (
        f"**The true mask gives the answer away.** Of {true['n']} images a frozen MobileNet names "
        f"{cell(true)} right when they are cut by the mask that an expert drew, {cell(predicted)} when a "
        f"network has to draw it, and {cell(whole)} on whole images. "
        "See [page 6](../notebooks/06_image_and_mask.ipynb)."
    )
    found = drawings.circumference(drawings.recorded())
    busi, other = found["BUSI"], found["BrEaST"]
    yield (
        "**Even its outline alone does.** How much longer an outline is than a smooth ellipse of its size "
        f"and shape tells malignant from benign with an AUC of {busi['value']:.2f} on BUSI's {busi['n']} "
        f"drawn lesions, no picture needed, and of {other['value']:.2f} on the {other['n']} of another set. "
        "See [page 15](../notebooks/15_outlines.ipynb)."
    )
    ladder = the_study("ladder-classification")
    rungs = list(ladder.conditions.values())
    top, end = rungs[0]["metrics"]["accuracy"], rungs[-1]["metrics"]["accuracy"]
    yield (
        f"**Common slips add up.** With all of them made at once, a simple classifier reports an accuracy of "
        f"{cell(top)}; with none, {cell(end)}, on the same images. See [page "
        "9](../notebooks/09_inflation_ladder.ipynb)."
    )
    elsewhere = the_study("outside-segmentation+BrEaST")
    inside, abroad = (elsewhere.metrics(f"r4-unet, {name}")["lesion_dice"] for name in ("BUSI", "BrEaST"))
    yield (
        f"**Not all of it travels.** A U-Net's Dice on lesions falls from {cell(inside)} on BUSI to "
        f"{cell(abroad)} on the images of another hospital. See [outside "
        "data](../notebooks/14_outside_data.ipynb)."
    )
    if own := out_of_fold("own-clf"):
        found = primary_figures(own)
        goals = [goal for goal in GOALS if goal.id == "own-clf"]
        met = sum(reached(goal, found[goal.figure]) for goal in goals)
        yield (
            "**What an honest baseline reaches.** The same network on every image, in grouped folds: "
            f"accuracy {cell(found['accuracy'])}, AUC of malignant against benign "
            f"{cell(found['malignancy_auc'])}. Of the {len(goals)} goals set for it before the runs it "
            f"reaches {met or 'none'}. On nearly the images that two careful peers kept: "
            f"{'; '.join(standing.beside_peers(root))}; folds and networks are others, and the tested folds "
            "chose the epoch for the first AUC of theirs. See [where systems stand](standing.md)."
        )
    if said := both_tasks.in_short(root):
        yield said


def _question(notebook: Path) -> str:
    """What a notebook asks: the line in italics below its title."""
    return nbformat.read(notebook, as_version=4).cells[0].source.splitlines()[-1]


def pages(root: Path) -> str:
    """Every notebook with its question and its answer, as a Markdown table.

    Example:
        >>> "| [4 ·" in pages(Path("."))
        True
    """
    rows = [
        [
            f"[{int(name[:2])} · {name[3:].replace('_', ' ')}](../notebooks/{name}.ipynb)",
            f"{_question(root / 'notebooks' / f'{name}.ipynb')} {answers.answer(name).data}",
        ]
        for name in answers.PAGES
    ]
    return markdown_table(["page", "answer"], "ll", rows)
