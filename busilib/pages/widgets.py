"""Interactive views for a live notebook; the book has a still figure beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np

from busilib.data.dataset import CLASSES, Dataset
from busilib.pages.figures import at_thresholds, failures, one_image


def browse(data: Dataset) -> ipywidgets.Widget:
    """Leaf through the images of a class with a slider.

    Example:
        >>> browse(data)
    """

    def show(kind: str, number: int):
        members = np.flatnonzero(data.labels == CLASSES.index(kind))
        return one_image(data, members[(number - 1) % len(members)])

    most = int(np.bincount(data.labels).max())
    return ipywidgets.interactive(
        show,
        kind=ipywidgets.Dropdown(options=CLASSES, description="class"),
        number=ipywidgets.IntSlider(1, 1, most, description="image", continuous_update=False),
    )


def browse_failures(
    data: Dataset,
    ids: Sequence[str],
    captions: Sequence[str],
    masks: Sequence[np.ndarray] | None = None,
) -> ipywidgets.Widget:
    """Leaf through failures with a slider, in the order given (see `busilib.pages.figures.failures`).

    Example (not run):
        >>> browse_failures(data, worst["id"], worst["what happened"])
    """

    def show(rank: int):
        here = slice(rank - 1, rank)
        return failures(data, ids[here], captions[here], None if masks is None else masks[here], columns=1)

    return ipywidgets.interactive(
        show, rank=ipywidgets.IntSlider(1, 1, len(ids), description="rank", continuous_update=False)
    )


def explore(data: Dataset, indices: Sequence[int], models: Mapping[str, np.ndarray]) -> ipywidgets.Widget:
    """Choose a picture and a network, and move the probability from which a pixel counts as lesion.

    Args:
        data: the dataset.
        indices: int (m,), which of its images.
        models: by name, lesion probabilities of these images, float (m, h, w).

    Example (not run):
        >>> explore(busi, run.split.test, {"U-Net": run.probabilities(run.split.test)})
    """

    def show(picture: str, model: str, threshold: float, overlay: bool):
        place = places[picture]
        return at_thresholds(data, indices[place], models[model][place], [threshold], overlay)

    places = {str(id): place for place, id in enumerate(data.ids[np.asarray(indices)])}
    return ipywidgets.interactive(
        show,
        picture=ipywidgets.Dropdown(options=list(places), description="picture"),
        model=ipywidgets.Dropdown(options=list(models), description="network"),
        threshold=ipywidgets.FloatSlider(
            0.5, min=0.05, max=0.95, step=0.05, description="threshold", continuous_update=False
        ),
        overlay=ipywidgets.Checkbox(True, description="show outlines"),
    )
