"""The answer of every notebook in a sentence and a picture, from records and shipped facts, never from a run.

Each module stands for one notebook and has `sentence() -> str`, Markdown of one to three sentences, and
`picture() -> Figure`. The notebook opens with both; the index lists the sentences.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from IPython.display import Markdown
from matplotlib.figure import Figure

PAGES = {
    "01_data_exploration": "exploration",
    "02_preprocessing": "splitting",
    "03_unet_segmentation": "outlining",
    "04_classifier_comparison": "classifiers",
    "05_combined_evaluation": "both_right",
    "06_image_and_mask": "image_and_mask",
    "07_segmentation_side_by_side": "side_by_side",
    "08_histology": "histology",
    "09_inflation_ladder": "ladder",
    "10_negative_controls": "controls",
    "11_intervals_and_tests": "intervals",
    "12_calibration_and_abstention": "calibration",
    "13_failures_and_attention": "failures",
    "14_outside_data": "outside",
    "15_outlines": "outlines",
}
"""Module of each notebook, in the order of the book."""


def _module(notebook: str) -> ModuleType:
    return import_module(f"{__name__}.{PAGES[notebook]}")


def answer(notebook: str) -> Markdown:
    """The answer of a notebook in one to three sentences.

    Example:
        >>> answer("04_classifier_comparison").data.startswith("**")
        True
    """
    return Markdown(_module(notebook).sentence())


def picture(notebook: str) -> Figure:
    """The picture that belongs to it.

    Example:
        >>> picture("04_classifier_comparison").axes[0].get_xlabel()[:8]
        'accuracy'
    """
    return _module(notebook).picture()
