"""What the book found, for its first screen: sentences and one picture, computed from the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
from matplotlib.figure import Figure

from busilib.metrics.figure import above
from busilib.pages import answers, drawings, outside, protocol_gap, standing, what_helped
from busilib.pages.common import signed
from busilib.pages.comparisons import COMPARISONS, LEVEL, all_compared
from busilib.pages.generated import markdown_table
from busilib.pages.primary import GOALS, primary_figures, reached
from busilib.pages.shipped import out_of_fold, the_record, the_study
from busilib.pages.tables import cell
from busilib.pages.what_helped import ALONE, BOTH
from busilib.reports.registry import EXPERIMENTS, experiment

INPUTS = ("image", "image cut by the predicted mask", "image cut by the true mask")
"""What R2's MobileNet is shown."""

RANKS, OUTLINES = 9, 10
"""The plan's comparisons of the network for both tasks with those for one."""


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
grouped fold (dark dots). Diamonds are what the reports claim, each for networks of its own.
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
    if said := _both_tasks(root):
        yield said


def _both_tasks(root: Path) -> str:
    """What a network for both tasks has, and what is not known of it; empty until all of BUSI is tested."""
    record, alone = (out_of_fold(id, root / "results") for id in (BOTH, ALONE))
    if record is None or alone is None:
        return ""
    found = {one.asked.number: (one, p) for one, p in zip(*all_compared(root / "results"), strict=True)}
    if not {RANKS, OUTLINES} <= set(found):
        return ""
    (ranks, p), (outlines, _) = found[RANKS], found[OUTLINES]
    gain, drawn = ranks.found.to_dict(), outlines.found.to_dict()
    better = "ranks better on BUSI" if p < LEVEL else "may rank better on BUSI"
    lead = better if above(gain) else "ranks no better"
    reason = what_helped.helped(root) or _confounded()
    seeds = len(record.facts["seeds"])
    return (
        f"**One network for both tasks {lead}{reason.verdict}.** Trained on outlines and classes together, "
        f"{'one seed' if seeds == 1 else f'{seeds} seeds'} of it has a macro AUC of "
        f"{cell(record.metrics['macro_auc'])}, and `own-clf`, trained on classes alone, "
        f"{cell(alone.metrics['macro_auc'])}. With the same seeds and folds the difference is "
        f"{signed(gain, 3)}, p = {p:.3f} once all {len(COMPARISONS)} comparisons of the plan count. "
        f"{reason.told} No mask is shown at test, but in training BUSI's masks largely repeat the label "
        "([page 15](../notebooks/15_outlines.ipynb)). "
        f"Its outlines are {'better' if above(drawn) else 'not clearly better'}, Dice {signed(drawn, 3)}. "
        f"{_both_tasks_abroad()} See [where systems stand](standing.md)."
    )


def _confounded() -> what_helped.Helped:
    """Why the gain has no known cause while the control is not run."""
    longer, shorter = (experiment(id).settings for id in (*experiment(BOTH).members, ALONE))
    steps = longer.epochs / longer.batch / (shorter.epochs / shorter.batch)
    return what_helped.Helped(
        what_helped.OPEN,
        f"It also took {steps:.0f} times the steps, with another learning rate of its head, no dropout and "
        "another rule for the epoch, so the gain is not shown to come from the outlines.",
    )


def _both_tasks_abroad() -> str:
    """The same network on the lesions of another hospital, where that is recorded."""
    for study in outside.recorded_studies().values():
        asked = {condition["experiment"] for condition in study.conditions.values()}
        if study.name == "outside-classification" and BOTH in asked:
            places = study.facts["dataset"]["name"], study.facts["outside"]["name"]
            here, there = (study.metrics(f"{BOTH}, {place}")["malignancy_auc"] for place in places)
            images = study.predictions.groupby("condition")["id"].nunique()  # five networks judge each
            n_here, n_there = (images[f"{BOTH}, {place}"] for place in places)
            gap = outside.between(study, "malignancy_auc").get((BOTH, ALONE))
            return (
                f"It tells malignant from benign with an AUC of {cell(here)} on {places[0]}'s {n_here} "
                f"lesions, and of {cell(there)} on the {n_there} of {places[1]}, from another hospital"
                + (f"; less `{ALONE}` there, {signed(gap.to_dict())}." if gap else ".")
            )
    return "It has not been tested outside BUSI."


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
