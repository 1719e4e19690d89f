"""Context controls: what a classifier knows from what lies around a lesion, and from a box elsewhere.

Shadow, halo and the tissue around are signs that doctors look at. So these are no negative controls: what is
known without the lesion may be known for good reasons. The placebo tells how much a painted box costs that
hides no lesion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from busilib.data.dataset import Dataset
from busilib.data.splits import FOLDS, grouped_split
from busilib.metrics.malignancy import lesions_only
from busilib.metrics.measure import FIGURES
from busilib.runs.profiles import profile as profile_named
from busilib.studies.context import Context
from busilib.studies.controls import WHOLE, lesion_boxes, painted_out
from busilib.studies.ladder import step
from busilib.studies.probe import about_probe, eye, fit_split, out_of_fold, probe_weights
from busilib.studies.study import Condition, Study, measured

MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2)
"""What is added to each side of a lesion's box, as fractions of the image's side."""

OUT, PLACEBO, ONLY = "out", "placebo", "only"
"""What is painted out of an image: its lesion's box, a box of that size elsewhere, or all but the lesion's
box."""

BOX = "box alone"
"""The condition that sees where the lesion's box lies and how large it is, white on black."""

TASK, FIGURE = "malignancy", "malignancy_auc"
SIZE_OF = "own-clf"
"""The experiment whose image size is taken."""


@dataclass(frozen=True, eq=False)
class View:
    """All images, changed in one way.

    Attributes:
        shown: "out", "placebo" or "only".
        margin: one of `MARGINS`.
        images: uint8 (n, h, w).
        facts: `box_share`, the mean share of an image that the box takes; of placebos also `no_room`, the
            images whose placebo hides a part of the lesion's own box, and `lesion_hidden`, which share of it
            is hidden on average. All are of images with a lesion.
    """

    shown: str
    margin: float
    images: np.ndarray
    facts: dict


def name_of(shown: str, margin: float, asked: bool = False) -> str:
    """The name of a condition, short because each row of the predictions holds it; the margin in per cent.

    Args:
        shown: "out", "placebo" or "only".
        margin: one of `MARGINS`.
        asked: whether the probe learned from whole images, and is only asked about these.

    Example:
        >>> name_of("out", 0.05), name_of("placebo", 0.2, asked=True)
        ('out 5', 'asked placebo 20')
    """
    return f"{'asked ' if asked else ''}{shown} {100 * margin:.0f}"


def placebo_boxes(boxes: np.ndarray, lesions: np.ndarray, seed: int = 0) -> np.ndarray:
    """For each box another of its size in the same image, drawn from the places where it hides no lesion.

    Where there is no such place, it is drawn from those where it hides least.

    Args:
        boxes: bool (n, h, w), one box each.
        lesions: bool (n, h, w), the boxes that are not to be hidden.
        seed: of the drawing.

    Returns:
        bool (n, h, w).

    Example (not run):
        >>> placebo_boxes(lesion_boxes(data, margin=0.1), lesion_boxes(data, margin=0))
    """
    rng = np.random.default_rng(seed)
    return np.stack([_elsewhere(box, lesion, rng) for box, lesion in zip(boxes, lesions, strict=True)])


def _elsewhere(box: np.ndarray, lesion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = int(box.any(axis=1).sum()), int(box.any(axis=0).sum())
    down, along = (np.asarray(lesion.any(axis=axis)) for axis in (1, 0))
    hidden = np.outer(_under(down, height), _under(along, width))
    top, left = rng.choice(np.argwhere(hidden == hidden.min()))
    found = np.zeros_like(box)
    found[top : top + height, left : left + width] = True
    return found


def _under(line: np.ndarray, length: int) -> np.ndarray:
    """How many pixels of a bool line lie under a window, for each of its places."""
    return np.convolve(line, np.ones(length, int), "valid")


def context_views(data: Dataset, seed: int = 0) -> Iterator[View]:
    """All images changed in each way, one after the other, so that only one set is held at a time.

    Boxes are painted out with the mean gray of what is left. Normal images borrow the box of another image.

    Args:
        data: at least one image has a lesion.
        seed: of borrowing and placebos.

    Example:
        >>> [(view.shown, view.margin) for view in context_views(data)][0]
        ('out', 0.0)
    """
    own = lesion_boxes(data, seed, 0)
    for margin in MARGINS:
        boxes = lesion_boxes(data, seed, margin)
        placebos = placebo_boxes(boxes, own, seed)
        share = {"box_share": _mean(boxes[data.has_lesion].mean(axis=(1, 2)))}
        under = (placebos & own).sum(axis=(1, 2))[data.has_lesion]
        taken = {
            "no_room": data.ids[data.has_lesion][under > 0].tolist(),
            "lesion_hidden": _mean(under / own.sum(axis=(1, 2))[data.has_lesion]),
        }
        yield View(OUT, margin, painted_out(data.images, boxes), share)
        yield View(PLACEBO, margin, painted_out(data.images, placebos), share | taken)
        yield View(ONLY, margin, painted_out(data.images, ~boxes), share)


def _mean(shares: np.ndarray) -> float:
    return round(float(shares.mean()), 4)


def context_controls(context: Context) -> Study:
    """How a linear probe (see `probe`) tells malignant from benign with the lesion, and without it.

    The probe learns all three classes from all images, at the size of `own-clf`. Rows of normal images are
    left out: no figure needs them.

    Args:
        context: its seed is that of folds, borrowed boxes and placebos.

    Returns:
        Study "context-controls", task "malignancy". Conditions: the whole image, the box alone, and for each
        of `MARGINS` and each way to change an image (see `name_of`) a probe that learned from such images;
        then, of lesions and placebos painted out, what the probe of whole images says when it is asked.
        Facts of each: `shown`, `margin`, `learned_from`, those of its `View`, and what `with_gaps` adds.

    Example (not run):
        >>> study = context_controls(Context("laptop", "Dataset_BUSI_with_GT"))
        >>> study.conditions["out 10"]["gaps"]["placebo 10"]["value"]
    """
    context.refuse("models")
    data, seed = context.load(SIZE_OF), context.seed
    see = eye(
        data.size, probe_weights(context.profile, context.weights, context.encoder), seed, context.encoder
    )
    splits = [grouped_split(data.labels, data.groups, fold, seed) for fold in range(FOLDS)]

    def learn(x: np.ndarray) -> list:
        return [fit_split(x, data.labels, split) for split in splits]

    def ask(models: list, x: np.ndarray) -> pd.DataFrame:
        return lesions_only(out_of_fold(models, x, data, splits))

    whole, box = see(data.images), see(lesion_boxes(data, seed, 0).astype(np.uint8) * 255)
    models = learn(whole)
    conditions = [
        _condition(WHOLE, ask(models, whole), shown=WHOLE),
        _condition(BOX, ask(learn(box), box), shown=BOX, margin=0.0),
    ]
    asked = []
    for view in context_views(data, seed):
        x = see(view.images)
        facts = {"shown": view.shown, "margin": view.margin, **view.facts}
        conditions.append(_condition(name_of(view.shown, view.margin), ask(learn(x), x), **facts))
        if view.shown != ONLY:
            name = name_of(view.shown, view.margin, asked=True)
            asked.append(_condition(name, ask(models, x), **facts | {"learned_from": "whole images"}))
    found = measured("context-controls", TASK, [*conditions, *asked], context, data, **about_probe(context))
    return with_gaps(found)


def _condition(name: str, rows: pd.DataFrame, **facts) -> Condition:
    return Condition(name, rows, {"figure": FIGURE, "learned_from": "such images", **facts})


def with_gaps(study: Study) -> Study:
    """Add to each condition but the first its `gaps`: its area under the curve less that of others.

    Each is as `busilib.studies.ladder.step` gives it, by the name of the condition that is subtracted: the
    whole image; of a lesion painted out the placebo of the same margin, and the box alone where the probe
    learned from such images; of what is left where all else is painted out, that of margin 0.

    Example (not run):
        >>> with_gaps(study).conditions["asked out 0"]["gaps"]["asked placebo 0"]["value"]
    """
    figures, draws = FIGURES[study.task][0], profile_named(study.facts["profile"]).bootstrap_draws
    conditions = dict(study.conditions)
    for name, condition in study.conditions.items():
        if others := _compared(condition):
            gaps = {other: step(study, figures, other, name, draws) for other in others}
            conditions[name] = condition | {"gaps": gaps}
    return replace(study, conditions=conditions)


def _compared(condition: dict) -> list[str]:
    """What is subtracted from a condition, one after the other."""
    shown, asked = condition["shown"], condition["learned_from"] == "whole images"
    if shown == WHOLE:
        return []
    others = [WHOLE]
    if shown == OUT:
        others.append(name_of(PLACEBO, condition["margin"], asked))
    if shown == OUT and not asked:
        others.append(BOX)
    if shown == ONLY and condition["margin"]:
        others.append(name_of(ONLY, 0.0))
    return others
