"""Who trains and who tests: R1's hold-out, random splits as the reports made them, and grouped folds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

from busilib.data.dataset import CLASSES, DataError

FOLDS = 5
REPEATS = 5
"""How often the shipped table divides BUSI into folds."""
INNER_FOLDS = 8
"""The grouped protocol gives one part in eight of the training images to validation."""


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into a dataset, int64 and sorted.

    Attributes:
        train: fitted on.
        validation: watched for early stopping and checkpoints; where a report watched its test set, the same.
        test: reported on.
        hold_out: set aside before anything else (R1 only; else empty).
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    hold_out: np.ndarray

    @property
    def selected_on(self) -> str:
        """Which part chose the checkpoint: "validation", or "test" where a report did so."""
        return "test" if np.array_equal(self.validation, self.test) else "validation"


@dataclass(frozen=True)
class ReportSplit:
    """How a report divided its images, at random and image by image.

    Attributes:
        test: share of the images for the test set; 0 where `folds` divides them.
        validation: share for validation; 0 where the report watched the test set itself.
        folds: number of stratified folds, each in turn the test set; 0 for a single split.
        hold_out: whether images of each class are set aside first (R1: 20 per class).
    """

    test: float = 0.0
    validation: float = 0.0
    folds: int = 0
    hold_out: bool = False


def check_folds(labels: np.ndarray, groups: np.ndarray, folds: int) -> None:
    """Refuse data with too few images (or near-duplicate groups) per class for `folds` folds.

    Raises:
        DataError: naming the class and its count.
    """
    for label, name in enumerate(CLASSES):
        count = len(np.unique(groups[labels == label]))
        if count < folds:
            raise DataError(
                f"{name}: {count} distinct image(s), fewer than the {folds} folds asked for. "
                f"Every class needs at least {folds}; add images or ask for fewer folds."
            )


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Set `per_class` random images of every class aside, as R1 did with 20 before anything else.

    Args:
        labels: int (n,).
        per_class: images of each class to set aside.
        seed: of the draw.

    Returns:
        Indices held out and indices of the rest, both int64 and sorted.

    Raises:
        DataError: if a class has too few images to leave any.

    Example:
        >>> held, rest = hold_out(data.labels, per_class=2, seed=0)
    """
    rng = np.random.default_rng(seed)
    held = []
    for label, name in enumerate(CLASSES):
        members = np.flatnonzero(labels == label)
        if len(members) <= per_class:
            raise DataError(f"{name}: {len(members)} image(s), cannot hold out {per_class} and keep any")
        held.append(rng.choice(members, per_class, replace=False))
    chosen = np.sort(np.concatenate(held))
    return chosen, np.setdiff1d(np.arange(len(labels)), chosen)


def random_split(
    labels: np.ndarray, plan: ReportSplit, per_class: int, fold: int = 0, seed: int = 0
) -> Split:
    """Split image by image, as the reports did: near-duplicates may stand on both sides.

    Args:
        labels: int (n,).
        plan: the report's shares.
        per_class: images of each class in the hold-out, where the plan has one.
        fold: which fold is the test set, where the plan has folds.
        seed: of every draw.

    Returns:
        The split. Where the report describes no validation part, `validation` is the test set.

    Raises:
        DataError: if a class is too small.

    Example:
        >>> random_split(data.labels, ReportSplit(test=0.1), per_class=2).test.size
        3
    """
    held, rest = np.array([], np.int64), np.arange(len(labels))
    if plan.hold_out:
        held, rest = hold_out(labels, per_class, seed)
    if plan.folds:
        check_folds(labels[rest], rest, plan.folds)
        parts = StratifiedKFold(plan.folds, shuffle=True, random_state=seed).split(rest, labels[rest])
        train, test = list(parts)[fold]
        train, test = rest[train], rest[test]
    else:
        train, test = _split_off(rest, labels, plan.test, seed)
    validation = test
    if plan.validation:
        share = plan.validation / (1 - plan.test)
        train, validation = _split_off(train, labels, share, seed)
    return Split(np.sort(train), np.sort(validation), np.sort(test), held)


def split_with_copies(
    labels: np.ndarray, plan: ReportSplit, per_class: int, copies: int, fold: int = 0, seed: int = 0
) -> Split:
    """`random_split` of images and their augmented copies, which fall on any side: a leak, as in R1.

    Images are set aside first, as R1 did; the pool that is divided holds the rest and `copies` of each. Tests
    are on originals alone, and so are choices where the test set makes them.

    Args:
        labels: int (n,), of the originals.
        plan, per_class, fold, seed: see `random_split`.
        copies: of each image; 0 gives `random_split`.

    Returns:
        Index i + n·k is copy k of image i, as in `busilib.training.copies.with_copies`.

    Example:
        >>> split = split_with_copies(data.labels, ReportSplit(test=0.1), per_class=20, copies=2)
        >>> split.train.max() >= len(data) > split.test.max()
        True
    """
    if not copies:
        return random_split(labels, plan, per_class, fold, seed)
    n, held, rest = len(labels), np.array([], np.int64), np.arange(len(labels))
    if plan.hold_out:
        held, rest = hold_out(labels, per_class, seed)
    pool = np.concatenate([rest + n * number for number in range(copies + 1)])
    drawn = random_split(np.tile(labels[rest], copies + 1), replace(plan, hold_out=False), 0, fold, seed)
    split = within(pool, drawn)
    test = split.test[split.test < n]
    validation = test if split.selected_on == "test" else split.validation
    return Split(split.train, validation, test, held)


def within(rows: np.ndarray, split: Split) -> Split:
    """A split of some rows of a dataset as a split of the dataset.

    Args:
        rows: int (m,), sorted, where the rows stand in the dataset.
        split: of 0 to m − 1.

    Example:
        >>> within(np.array([3, 8, 9]), Split(*map(np.array, ([0], [1], [2], [])))).test
        array([9])
    """
    parts = (split.train, split.validation, split.test, split.hold_out)
    return Split(*(rows[np.asarray(part, np.int64)] for part in parts))


def _split_off(indices: np.ndarray, labels: np.ndarray, share: float, seed: int) -> list[np.ndarray]:
    try:
        return train_test_split(indices, test_size=share, random_state=seed, stratify=labels[indices])
    except ValueError as error:
        counts = ", ".join(f"{(labels[indices] == label).sum()} {name}" for label, name in enumerate(CLASSES))
        raise DataError(
            f"too few images to split: {counts}; {share:.0%} of them must hold every class. Add images."
        ) from error


def grouped_split(labels: np.ndarray, groups: np.ndarray, fold: int = 0, seed: int = 0) -> Split:
    """Fold `fold` of five stratified folds that never separate a group, with validation inside the rest.

    Args:
        labels: int (n,).
        groups: int (n,), near-duplicates share a number.
        fold: 0 to 4, the test set.
        seed: of the folds; the same seed gives every experiment the same folds.

    Returns:
        The split: no group has images in two of its parts.

    Raises:
        DataError: if a class has fewer groups than folds.

    Example:
        >>> split = grouped_split(data.labels, data.groups, fold=0)
        >>> np.intersect1d(data.groups[split.train], data.groups[split.test]).size
        0
    """
    rest, test = _grouped_folds(labels, groups, seed)[fold]
    check_folds(labels[rest], groups[rest], 2)
    smallest = min(len(np.unique(groups[rest][labels[rest] == label])) for label in range(len(CLASSES)))
    inner = StratifiedGroupKFold(min(INNER_FOLDS, smallest), shuffle=True, random_state=seed)
    train, validation = next(inner.split(rest, labels[rest], groups[rest]))
    return Split(rest[train], rest[validation], test, np.array([], np.int64))


def _grouped_folds(labels: np.ndarray, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    check_folds(labels, groups, FOLDS)
    return _divided(tuple(labels.tolist()), tuple(groups.tolist()), seed)


@lru_cache(maxsize=32)
def _divided(
    labels: tuple[int, ...], groups: tuple[int, ...], seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """All five folds, kept: they are asked for one by one, and dividing many groups takes a second."""
    folds = list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels, groups))
    for indices in chain.from_iterable(folds):
        indices.setflags(write=False)
    return folds


def repeated_folds(labels: np.ndarray, groups: np.ndarray, repeats: int = REPEATS) -> np.ndarray:
    """Repeated grouped stratified folds, so that others can test on the same images.

    Args:
        labels: int (n,).
        groups: int (n,), near-duplicates share a number.
        repeats: how often the images are divided anew.

    Returns:
        int64 (n, repeats), 0 to 4: the fold whose test set holds the image. Repeat r is what `grouped_split`
        makes with seed r.

    Raises:
        DataError: if a class has fewer groups than folds.

    Example:
        >>> test = grouped_split(data.labels, data.groups, fold=1, seed=3).test
        >>> (repeated_folds(data.labels, data.groups)[test, 3] == 1).all()
        True
    """
    table = np.zeros((len(labels), repeats), np.int64)
    for repeat in range(repeats):
        for fold, (_, test) in enumerate(_grouped_folds(labels, groups, repeat)):
            table[test, repeat] = fold
    return table


def slide_split(slides: np.ndarray, fold: int = 0, seed: int = 0) -> Split:
    """Fold `fold` of five folds of whole slides, about equal in tiles, with validation inside the rest.

    Args:
        slides: int (n,), tiles of one slide share a number.
        fold: 0 to 4, the test set.
        seed: of the choice of validation slides; the folds need no draw.

    Returns:
        The split: no slide has tiles in two of its parts.

    Raises:
        DataError: if there are fewer slides than folds.

    Example:
        >>> split = slide_split(tiles.groups, fold=0)
        >>> np.intersect1d(tiles.groups[split.train], tiles.groups[split.test]).size
        0
    """
    count = len(np.unique(slides))
    if count < FOLDS:
        raise DataError(f"{count} slide(s), fewer than the {FOLDS} folds asked for. Add tiles of others.")
    rest, test = list(GroupKFold(FOLDS).split(slides, groups=slides))[fold]
    inner = GroupShuffleSplit(1, test_size=1 / INNER_FOLDS, random_state=seed)
    train, validation = next(inner.split(rest, groups=slides[rest]))
    return Split(rest[train], rest[validation], test, np.array([], np.int64))


def folder_split(parts: np.ndarray) -> Split:
    """The split that the folders of BCSS make, as R5 used it: what validates is also what is reported.

    Args:
        parts: str (n,), "train" or "val".

    Returns:
        The split; `validation` is the test set.

    Example:
        >>> folder_split(np.array(["train", "train", "val"])).test
        array([2])
    """
    train, held = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "val")
    return Split(train, held, held, np.array([], np.int64))


def leaked(groups: np.ndarray, split: Split) -> np.ndarray:
    """Which test images have a near-duplicate among the training images.

    Args:
        groups: int (n,), near-duplicates share a number.
        split: of the same n images.

    Returns:
        bool (len(split.test),).

    Example:
        >>> leaked(np.array([0, 0, 1]), Split(np.array([0]), np.array([]), np.array([1, 2]), np.array([])))
        array([ True, False])
    """
    return np.isin(groups[split.test], groups[split.train])
