"""The network for both tasks beside those for one: what it gains, by its schedule or by its masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from busilib.metrics.figure import above
from busilib.pages import outside
from busilib.pages.common import signed
from busilib.pages.comparisons import COMPARISONS, LEVEL, Compared, OnSameImages, all_compared, compared
from busilib.pages.shipped import out_of_fold
from busilib.pages.tables import cell
from busilib.reports.registry import experiment
from busilib.runs.records import Record
from busilib.studies.study import Study

BOTH, CONTROL, ALONE = "own-multi-clf", "own-classes-clf", "own-clf"
"""Trained on masks and classes; on classes, with its schedule; on classes, with another."""

RANKS, OUTLINES = 9, 10
"""The plan's comparisons of the network for both tasks with those for one."""

MASKS = OnSameImages(0, BOTH, CONTROL, "macro_auc", "what the masks add")
SCHEDULE = OnSameImages(0, CONTROL, ALONE, "macro_auc", "what the schedule adds")
"""Exploratory: neither is one of the plan's numbered comparisons."""


@dataclass(frozen=True)
class Reason:
    """What makes the gain.

    Attributes:
        verdict: to follow "one network for both tasks ranks better".
        why: what follows, in a sentence.
        figures: what that rests on, in sentences.
    """

    verdict: str
    why: str
    figures: str


@dataclass(frozen=True, eq=False)
class Gain:
    """The network for both tasks and the one for classes.

    Attributes:
        both, alone: their records.
        ranks: the difference of their macro AUC.
        p: of it, by Holm over the plan.
        outlines: the difference in Dice to the network for outlines.
    """

    both: Record
    alone: Record
    ranks: Compared
    p: float
    outlines: Compared

    @property
    def lead(self) -> str:
        """Whether it is better, in a few words."""
        if not above(self.ranks.found.to_dict()):
            return "One network for both tasks ranks no better"
        better = "ranks better on BUSI" if self.p < LEVEL else "may rank better on BUSI"
        return f"One network for both tasks {better}"


def gain(root: Path) -> Gain | None:
    """What the network for both tasks gains, or None until all of BUSI is tested.

    Args:
        root: the repository, whose `results/` are read.

    Example (not run):
        >>> gain(Path(".")).p
    """
    both, alone = (out_of_fold(id, root / "results") for id in (BOTH, ALONE))
    found = {one.asked.number: (one, p) for one, p in zip(*all_compared(root / "results"), strict=True)}
    if both is None or alone is None or not {RANKS, OUTLINES} <= set(found):
        return None
    (ranks, p), (outlines, _) = found[RANKS], found[OUTLINES]
    return Gain(both, alone, ranks, p, outlines)


def reason(root: Path) -> Reason:
    """What makes the gain, by the control that has the schedule and not the masks.

    The masks helped where the network for both tasks is better than the control; the schedule is enough of a
    reason where it is not, and the control is better than the network for classes. Else nothing is decided.

    Args:
        root: the repository, whose `results/` are read.

    Example (not run):
        >>> reason(Path(".")).verdict
        '; by its schedule, as far as can be told, not by its masks'
    """
    steps = _steps(experiment(BOTH).members[0]) / _steps(ALONE)
    confounded = (
        f"It took {steps:.0f} times the steps, with another rate for its head, no dropout and another "
        "rule for the epoch"
    )
    record = out_of_fold(CONTROL, root / "results")
    masks, schedule = (compared(asked, root / "results") for asked in (MASKS, SCHEDULE))
    if record is None or masks is None or schedule is None:
        return Reason(
            "; why is open", f"{confounded}, so the gain is not shown to come from the outlines.", ""
        )
    by_masks, by_schedule = masks.found.to_dict(), schedule.found.to_dict()
    figures = (
        f"{confounded}. A control has all of that, and an encoder that classes alone teach (`{CONTROL}`): "
        f"macro AUC {cell(record.metrics['macro_auc'])}. `{BOTH}` minus the control: {signed(by_masks, 3)}; "
        f"the control minus `{ALONE}`: {signed(by_schedule, 3)} (exploratory, each interval on its own)."
    )
    control = (
        f"A control with its schedule, in which the encoder learns from the classes alone, has "
        f"{cell(record.metrics['macro_auc'])}: the masks bring {signed(by_masks, 3)}, the schedule "
        f"{signed(by_schedule, 3)}."
    )
    if above(by_masks):
        return Reason(", and its masks help", control, figures)
    if above(by_schedule):
        return Reason("; by its schedule, as far as can be told, not by its masks", control, figures)
    return Reason("; why is open", control, figures)


def _steps(id: str) -> float:
    settings = experiment(id).settings
    return settings.epochs / settings.batch


@cache
def _gain_and_reason(root: Path) -> tuple[Gain, Reason] | None:
    """Both, measured once a build: the index and the standing page tell them."""
    found = gain(root)
    return None if found is None else (found, reason(root))


def in_short(root: Path) -> str:
    """What the index says of it; empty until all of BUSI is tested.

    Example:
        >>> in_short(Path(".")).startswith("**One network for both tasks")
        True
    """
    if (both := _gain_and_reason(root)) is None:
        return ""
    found, because = both
    return (
        f"**{found.lead}{because.verdict}.** Trained on outlines and classes together it has a macro AUC of "
        f"{cell(found.both.metrics['macro_auc'])}, and `{ALONE}`, trained on classes alone, "
        f"{cell(found.alone.metrics['macro_auc'])}; with the same seeds and folds the difference is "
        f"{signed(found.ranks.found.to_dict(), 3)}, p = {found.p:.3f} once the plan's "
        f"{len(COMPARISONS)} comparisons count. {because.why} {abroad()} See [where systems "
        "stand](standing.md)."
    )


def told(root: Path) -> str:
    """The whole of it, in a paragraph.

    Example:
        >>> "its masks" in told(Path(".")) or "is open" in told(Path(".")) or "schedule" in told(Path("."))
        True
    """
    if (both := _gain_and_reason(root)) is None:
        return "Not run yet."
    found, because = both
    seeds, outlines = len(found.both.facts["seeds"]), found.outlines.found.to_dict()
    return (
        f"**{found.lead}{because.verdict}.** {because.figures or because.why} "
        f"`{BOTH}` has {'one seed' if seeds == 1 else f'{seeds} seeds'}. No mask is shown at test, but in "
        "training BUSI's masks largely repeat the label ([page 15](../notebooks/15_outlines.ipynb)). "
        f"Its outlines are {'better' if above(outlines) else 'not clearly better'} than those of `own-seg`: "
        f"Dice {signed(outlines, 3)}. {abroad()}"
    )


def abroad() -> str:
    """The same network on the lesions of another hospital, where that is recorded, in a sentence.

    Example:
        >>> abroad().startswith("It ")
        True
    """
    studies = [each for each in outside.recorded_studies().values() if each.name == "outside-classification"]
    study = _meeting(studies, BOTH)
    if study is None:
        return "It has not been tested outside BUSI."
    places = study.facts["dataset"]["name"], study.facts["outside"]["name"]
    here, there = (study.metrics(f"{BOTH}, {place}")["malignancy_auc"] for place in places)
    images = study.predictions.groupby("condition")["id"].nunique()  # five networks judge each
    n_here, n_there = (images[f"{BOTH}, {place}"] for place in places)
    told = (
        f"It tells malignant from benign with an AUC of {cell(here)} on {places[0]}'s {n_here} lesions, and "
        f"of {cell(there)} on the {n_there} of {places[1]}, from another hospital"
    )
    if gap := outside.between(study, "malignancy_auc").get((BOTH, ALONE)):
        told += f"; minus that of `{ALONE}` there, {signed(gap.to_dict())}"
    same_set = [each for each in studies if each.facts["outside"]["name"] == places[1]]
    if control := _meeting(same_set, CONTROL):
        there = control.metrics(f"{CONTROL}, {places[1]}")["malignancy_auc"]
        told += f"; the control has {cell(there)} there"
    return f"{told}."


def _meeting(studies: Iterable[Study], id: str) -> Study | None:
    """The first study in which a network met an outside set."""
    met = (each for each in studies if id in {one["experiment"] for one in each.conditions.values()})
    return next(met, None)
