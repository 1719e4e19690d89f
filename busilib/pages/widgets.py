"""Interactive views for a live notebook; the book has a still figure beside each."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np

from busilib.data.dataset import CLASSES, Dataset
from busilib.pages.figures import failures, one_image


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
