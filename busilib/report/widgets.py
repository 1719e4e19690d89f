"""Interactive views for a live notebook; the book has a still figure beside each."""

from __future__ import annotations

import ipywidgets
import numpy as np

from busilib.data.dataset import CLASSES, Dataset
from busilib.report.figures import one_image


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
