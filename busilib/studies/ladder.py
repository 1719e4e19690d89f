"""The inflation ladder: from a flattering number to an honest one, one mistake taken back at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from busilib.data.dataset import Dataset
from busilib.data.splits import FOLDS, grouped_split
from busilib.metrics.intervals import group_weights, over_seeds
from busilib.metrics.measure import FIGURES, Figures
from busilib.metrics.pairing import groups_of
from busilib.reports.registry import experiment
from busilib.runs.profiles import profile as profile_named
from busilib.runs.profiles import settings_for
from busilib.runs.run import Run
from busilib.runs.runner import run
from busilib.studies.context import Context
from busilib.studies.probe import about_probe, eye, fit_probe, prediction_rows, probe_weights
from busilib.studies.study import Condition, Study, measured
from busilib.training.augmentation import R2
from busilib.training.copies import is_copy, with_copies


@dataclass(frozen=True)
class Rung:
    """One rung: which mistakes are still made on it, and which figure is reported.

    Attributes:
        name: what was put right in the step that leads here.
        figure: key of the reported figure.
        copies_first: augmented copies are made before the split, so that copies of test images train.
        peeking: the test set chooses what validation images should (epoch or regularisation).
        image_wise: the split separates near-duplicates.
        true_mask: the classifier sees images cut by the true mask.
    """

    name: str
    figure: str
    copies_first: bool = False
    peeking: bool = False
    image_wise: bool = False
    true_mask: bool = False


def _fixed(figure: str, true_mask: bool) -> tuple[Rung, ...]:
    rung = partial(Rung, figure=figure, true_mask=true_mask)
    return (
        rung("every mistake at once", copies_first=True, peeking=True, image_wise=True),
        rung("augment after the split", peeking=True, image_wise=True),
        rung("select on validation images", image_wise=True),
        rung("keep near-duplicates together"),
    )


CLASSIFICATION = (
    *_fixed("accuracy", true_mask=True),
    Rung("hide the true mask", "accuracy"),
    Rung("count every class alike", "balanced_accuracy"),
)
SEGMENTATION = (
    *_fixed("pooled_two_class_dice", true_mask=False),
    Rung("count lesion pixels only", "pooled_dice"),
    Rung("average over lesions", "lesion_dice"),
)
"""The rungs from the top down; the last is the honest figure."""

COPIES = 2
"""Augmented copies of each image that the probe learns from."""

MODEL = "r4-unet"
"""The network of the segmentation ladder."""

FOLDS_OF = {"smoke": (0,), "laptop": (0,), "full": tuple(range(FOLDS))}
"""Test folds of the segmentation ladder, which trains three networks for each."""


def ladder_classification(context: Context) -> Study:
    """The ladder of a classifier: a linear probe on a frozen encoder (see `probe`), five folds.

    On every rung it learns from each training image and `COPIES` augmented copies of it, and is tested on the
    same images, each once. On the first rung the copies are made first and divided with the rest.

    Args:
        context: its seed is that of copies and splits.

    Example (not run):
        >>> ladder_classification(Context("smoke")).metrics("hide the true mask")["accuracy"]
    """
    context.refuse("models")
    data, seed = context.load(), context.seed
    many = with_copies(data, R2, COPIES, seed)
    seen = seen_by_probe(many, context)
    conditions = [
        Condition(rung.name, _probed(rung, data, many, seen[rung.true_mask], seed), asdict(rung))
        for rung in CLASSIFICATION
    ]
    about = about_probe(context)
    return with_steps(measured("ladder-classification", "classification", conditions, context, data, **about))


def seen_by_probe(many: Dataset, context: Context) -> dict[bool, np.ndarray]:
    """Features of whole images (False) and of images cut by the true mask (True), float32 (n, c) each.

    Example (not run):
        >>> seen_by_probe(data, Context("smoke"))[True].shape
        (780, 1024)
    """
    source = probe_weights(context.profile, context.weights, context.encoder)
    see = eye(many.size, source, context.seed, context.encoder)
    cut = np.where(many.masks, many.images, 0).astype(np.uint8)
    return {False: see(many.images), True: see(cut)}


def divided(
    data: Dataset, many: Dataset, copies_first: bool, image_wise: bool, fold: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who trains, validates and tests on a rung.

    Args:
        data: the originals.
        many: they and `COPIES` copies of each, as `busilib.training.copies.with_copies` makes them.
        copies_first: copies are divided as if they were images of their own; else they train with theirs.
        image_wise: the split separates near-duplicates (and copies from their originals).
        fold, seed: of the split.

    Returns:
        Indices into `many`, int64; those that test are originals.

    Example (not run):
        >>> train, validation, test = divided(data, many, False, False, fold=0, seed=0)
        >>> len(train) == 3 * len(grouped_split(data.labels, data.groups, 0, 0).train)
        True
    """
    whole, n = many if copies_first else data, len(data)
    groups = np.arange(len(whole)) if image_wise else whole.groups
    split = grouped_split(whole.labels, groups, fold, seed)
    train, test = split.train, split.test[split.test < n]
    if not copies_first:
        train = np.concatenate([train + n * number for number in range(COPIES + 1)])
    return train, split.validation, test


def _probed(rung: Rung, data: Dataset, many: Dataset, x: np.ndarray, seed: int) -> pd.DataFrame:
    """Out-of-fold predictions of the originals on one rung."""
    tables = []
    for fold in range(FOLDS):
        train, validation, test = divided(data, many, rung.copies_first, rung.image_wise, fold, seed)
        watch = test if rung.peeking else validation
        model = fit_probe(x[train], many.labels[train], x[watch], many.labels[watch])
        tables.append(prediction_rows(model, x[test], data.subset(test), fold))
    return pd.concat(tables, ignore_index=True)


def ladder_segmentation(context: Context) -> Study:
    """The ladder of a segmentation: `MODEL`, trained anew for each way to split and select.

    On the first rung the images are doubled by augmented copies and the epochs halved, so that every rung
    takes as many steps. Predictions of copies are left out: every rung is scored on originals.

    Args:
        context: its profile also gives the test folds, see `FOLDS_OF`; its seed is that of copies, splits and
            trainings.

    Example (not run):
        >>> ladder_segmentation(Context("smoke")).metrics("average over lesions")["lesion_dice"]
    """
    context.refuse("encoder", "models")
    profile, seed, data = context.profile, context.seed, context.load(MODEL)
    entry, folds = experiment(MODEL), FOLDS_OF[profile]
    assert entry.augmentation is not None
    doubled = with_copies(data, entry.augmentation, 1, seed)
    halved = max(settings_for(entry, profile).epochs // 2, 1)
    runs = {
        (True, True, True): [run(MODEL, doubled, profile, "peeking", k, seed, epochs=halved) for k in folds],
        (False, True, True): [run(MODEL, data, profile, "peeking", k, seed) for k in folds],
        (False, False, True): [run(MODEL, data, profile, "image-wise", k, seed) for k in folds],
        (False, False, False): [run(MODEL, data, profile, "grouped", k, seed) for k in folds],
    }
    conditions = [
        Condition(
            rung.name,
            _tested(runs[rung.copies_first, rung.peeking, rung.image_wise]),
            asdict(rung),
        )
        for rung in SEGMENTATION
    ]
    return with_steps(measured("ladder-segmentation", "segmentation", conditions, context, data, model=MODEL))


def _tested(runs: Sequence[Run]) -> pd.DataFrame:
    table = pd.concat([one.predictions for one in runs], ignore_index=True)
    table = table.assign(group=groups_of(table, runs[0].data.table))
    return table[~is_copy(table["id"])].reset_index(drop=True)


def with_steps(study: Study) -> Study:
    """Add to each rung but the first the step that leads to it: how far the reported figure falls.

    Example (not run):
        >>> with_steps(ladder).conditions["hide the true mask"]["step"]["value"]
    """
    names, draws = list(study.conditions), profile_named(study.facts["profile"]).bootstrap_draws
    figures = FIGURES[study.task][0]
    conditions = dict(study.conditions)
    for above, here in pairwise(names):
        conditions[here] = conditions[here] | {"step": step(study, figures, above, here, draws)}
    return replace(study, conditions=conditions)


def step(study: Study, figures: Figures, above: str, here: str, draws: int) -> dict:
    """How far the reported figure changes from one rung to the next, with its 95% interval.

    Groups are drawn for both rungs together, so that images that both rungs tested are compared in pairs. Of
    several seeds it is the mean, see `busilib.metrics.measure.measure`.

    Args:
        study: a ladder; its predictions have the column `seed`.
        figures: such as `classification_metrics`.
        above, here: names of two rungs.
        draws: bootstrap samples.

    Returns:
        The difference as `busilib.metrics.figure.Figure.to_dict` gives it, negative where the figure falls;
        `n` is the number of images, of the seed with most.

    Example (not run):
        >>> step(study, classification_metrics, "keep near-duplicates together", "hide the true mask", 1000)
    """
    both = study.predictions[study.predictions["condition"].isin([above, here])]
    groups = both["group"].to_numpy()
    weights = group_weights(groups, draws)
    values, samples, images = [], [], []
    for seed in both["seed"].unique():
        found, drawn = [], []
        for name in (above, here):
            own = (both["seed"] == seed) & (both["condition"] == name)
            key = study.conditions[name]["figure"]
            found.append(figures(both[own])[key])
            drawn.append(figures(both[own], weights[:, own])[key])
        values.append(found[1] - found[0])
        samples.append(drawn[1] - drawn[0])
        rows = both[both["seed"] == seed].drop_duplicates("id")
        images.append(rows["group"].to_numpy())
    fewest, most = min(images, key=len), max(images, key=len)
    return over_seeds(values, samples, fewest, len(most)).to_dict()
