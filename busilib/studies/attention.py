"""The attention study: do the classifiers look at the lesion, and is it what they learned that makes them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from busilib.data.dataset import CLASSES
from busilib.metrics.attention import attention_share, fixed_gaze
from busilib.runs.predict import build, network
from busilib.runs.run import Run
from busilib.runs.runner import frozen_runs
from busilib.studies.context import Context
from busilib.studies.study import Condition, Study, apart_by_weights, measured

NETWORKS = ("r2-mobilenet", "r2-cnn")


def attention(context: Context) -> Study:
    """Explain every image with a lesion by the network that did not learn from it.

    Three conditions for each of `NETWORKS`: Grad-CAM, HiResCAM, and Grad-CAM of the same network with random
    dense layers, a sanity check after Adebayo et al. (2018). All three explain the class that the trained
    network predicts. All five grouped folds; under `smoke` the first alone.

    Args:
        context: its seed is that of splits, trainings and random weights.

    Example (not run):
        >>> attention(Context("smoke")).metrics("r2-cnn, Grad-CAM")["share_inside"]["value"]
    """
    from busilib.models.gradcam import gradcam, hirescam

    context.refuse("encoder", "models")
    busi, conditions, asked = context.load(), [], []
    for id in NETWORKS:
        runs = frozen_runs(id, busi, context.profile, context.seed, context.weights)
        asked += runs
        facts = {"experiment": id, "folds": len(runs), "weights": runs[0].facts["weights"]}
        conditions += [
            Condition(f"{id}, Grad-CAM", _rows_of_all(runs, network, gradcam), facts),
            Condition(f"{id}, HiResCAM", _rows_of_all(runs, network, hirescam), facts),
            Condition(f"{id}, random head", _rows_of_all(runs, with_random_head, gradcam), facts),
        ]
    return measured("attention", "attention", conditions, context, busi, apart_by_weights(asked))


def lesion_images(run: Run) -> np.ndarray:
    """The test images of a run whose reference has a lesion: int (m,), indices into its data.

    Example (not run):
        >>> len(lesion_images(run)) < len(run.split.test)
        True
    """
    return run.split.test[run.ultrasound.has_lesion[run.split.test]]


def predicted_labels(run: Run) -> np.ndarray:
    """The class that a run predicts for each of its `lesion_images`: int (m,), index into `CLASSES`.

    Example (not run):
        >>> gradcam(network(run), run.data.images[lesion_images(run)], predicted_labels(run))
    """
    predictions = run.predictions.set_index("id").loc[run.data.ids[lesion_images(run)]]
    return predictions[list(CLASSES)].to_numpy().argmax(axis=1)


def attention_rows(run: Run, heat: np.ndarray) -> pd.DataFrame:
    """Where the heat of the `lesion_images` of a run lies, one row per image.

    Args:
        run: a finished classification.
        heat: float (m, h, w), heat maps in the order of `lesion_images`.

    Returns:
        `id`, `fold`, `true`, `group`, `predicted` (class name), `share_inside`, `lesion_share`, `fixed_share`
        and `hit`, as `busilib.metrics.attention.attention_metrics` takes them.

    Example (not run):
        >>> attention_rows(run, heat)["share_inside"].mean()
    """
    shown = run.ultrasound.subset(lesion_images(run))
    fixed = attention_share(fixed_gaze(heat), shown.masks)["share_inside"]
    about = pd.DataFrame(
        {
            "id": shown.ids,
            "fold": run.fold,
            "true": shown.table["class"],
            "group": shown.groups,
            "predicted": np.array(CLASSES)[predicted_labels(run)],
        }
    )
    shares = attention_share(heat, shown.masks).assign(fixed_share=fixed).round(6)
    return pd.concat([about, shares[["share_inside", "lesion_share", "fixed_share", "hit"]]], axis=1)


def with_random_head(run: Run):
    """The network of a run, its dense layers drawn anew: it sees as before and no longer knows the classes.

    Example (not run):
        >>> with_random_head(run).count_params() == network(run).count_params()
        True
    """
    from busilib.keras_backend import keras

    keras.utils.set_random_seed(run.seed)
    model = build(run.experiment, run.settings)
    for layer, trained in zip(model.layers, network(run).layers, strict=True):
        if not isinstance(layer, keras.layers.Dense):
            layer.set_weights(trained.get_weights())
    return model


def _rows_of_all(runs: Sequence[Run], model_of: Callable, explain: Callable) -> pd.DataFrame:
    return pd.concat(
        [
            attention_rows(
                one, explain(model_of(one), one.data.images[lesion_images(one)], predicted_labels(one))
            )
            for one in runs
        ],
        ignore_index=True,
    )
