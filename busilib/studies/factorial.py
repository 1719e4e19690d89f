"""Every combination of the mistakes of the inflation ladder, so that their order does not matter."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES, Dataset
from busilib.data.splits import FOLDS
from busilib.metrics.factorial import COMBINATIONS, combination
from busilib.reports.ours import CLASSIFIER
from busilib.studies.context import Context
from busilib.studies.ladder import COPIES, divided, seen_by_probe
from busilib.studies.outline import fold_numbers
from busilib.studies.probe import about_probe, fit_strengths, most_accurate
from busilib.studies.study import Condition, Study, measured
from busilib.training.augmentation import R2
from busilib.training.copies import with_copies


def ladder_factorial(context: Context) -> Study:
    """What a linear probe (see `probe`) answers under every combination of mistakes.

    Each combination learns from each training image and `COPIES` augmented copies of it, and answers for
    every image once, as `ladder_classification` does on its rungs; images have the size of `own-clf`.

    Args:
        context: its seed is that of copies and splits.

    Returns:
        The study "ladder-factorial" of one condition. Its rows have, by combination, the class that was
        answered; `fold` is that of the split without mistakes.

    Example (not run):
        >>> ladder_factorial(Context("smoke")).metrics("every combination")["shapley:true_mask"]
    """
    context.refuse("models")
    data = context.load(CLASSIFIER.id)
    many = with_copies(data, R2, COPIES, context.seed)
    answers = _answers(data, many, seen_by_probe(many, context), context.seed)
    folds = fold_numbers(data, context.seed)
    rows = data.table[["id", "group"]].assign(fold=folds, true=data.table["class"])
    conditions = [Condition("every combination", rows.join(answers))]
    about = about_probe(context)
    return measured("ladder-factorial", "factorial", conditions, context, data, **about)


def _answers(data: Dataset, many: Dataset, seen: dict[bool, np.ndarray], seed: int) -> pd.DataFrame:
    """By combination, the class that each image is given by the fold that tests it."""
    answers = {}
    for copies_first, image_wise, true_mask in product((False, True), repeat=3):
        x, named = seen[true_mask], np.empty((2, len(data)), object)
        for fold in range(FOLDS):
            train, validation, test = divided(data, many, copies_first, image_wise, fold, seed)
            fitted = fit_strengths(x[train], many.labels[train])
            for peeking, watch in enumerate((validation, test)):
                model = most_accurate(fitted, x[watch], many.labels[watch])
                named[peeking, test] = np.array(CLASSES, object)[model.predict(x[test])]
        made = {"copies_first": copies_first, "image_wise": image_wise, "true_mask": true_mask}
        for peeking, column in enumerate(named):
            name = combination([key for key, on in (made | {"peeking": peeking}).items() if on])
            answers[name] = column
    return pd.DataFrame({name: answers[name] for name in map(combination, COMBINATIONS)})
