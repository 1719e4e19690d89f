"""What makes the network for both tasks better, its schedule or its masks: told by a control."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from busilib.metrics.figure import above
from busilib.pages.common import signed
from busilib.pages.comparisons import OnSameImages, compared
from busilib.pages.shipped import out_of_fold
from busilib.pages.tables import cell

BOTH, CONTROL, ALONE = "own-multi-clf", "own-classes-clf", "own-clf"
"""Trained on masks and classes; with the same schedule on classes; on classes with a schedule of its own."""

MASKS = OnSameImages(0, BOTH, CONTROL, "macro_auc", "what the masks add")
SCHEDULE = OnSameImages(0, CONTROL, ALONE, "macro_auc", "what the schedule adds")
"""Exploratory: neither is one of the plan's numbered comparisons."""


@dataclass(frozen=True)
class Helped:
    """What the control says.

    Attributes:
        verdict: in a few words, to follow "one network for both tasks ranks better".
        told: the figures and what follows from them, in sentences.
    """

    verdict: str
    told: str


OPEN = "; why is open"
"""The verdict where nothing decides."""


def helped(root: Path) -> Helped | None:
    """The control beside the network for both tasks and the one for classes, or None while it is not run.

    The masks helped where the network for both tasks is better than the control; the schedule is enough of a
    reason where it is not, and the control is better than the network for classes. Else nothing is decided.

    Args:
        root: the repository, whose `results/` are read.

    Example (not run):
        >>> helped(Path(".")).verdict
        '; its schedule may explain it'
    """
    record = out_of_fold(CONTROL, root / "results")
    masks, schedule = (compared(asked, root / "results") for asked in (MASKS, SCHEDULE))
    if record is None or masks is None or schedule is None:
        return None
    by_masks, by_schedule = masks.found.to_dict(), schedule.found.to_dict()
    told = (
        "A control has its steps, rates and rule for the epoch, and an encoder that the classes alone teach "
        f"(`{CONTROL}`): macro AUC {cell(record.metrics['macro_auc'])}. `{BOTH}` less the control: "
        f"{signed(by_masks, 3)}; the control less `{ALONE}`: {signed(by_schedule, 3)} (each on its own)."
    )
    if above(by_masks):
        return Helped(", and its masks help", f"{told} So the masks add to what the schedule gives.")
    if above(by_schedule):
        return Helped(
            "; its schedule may explain it",
            f"{told} So the schedule is reason enough, and what the masks add is not shown.",
        )
    return Helped(OPEN, f"{told} These images do not tell what the gain comes from.")
