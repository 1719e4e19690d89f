"""The figures of the book: each takes data, returns a Matplotlib figure, and looks like the others."""

from busilib.report.figures.data import (
    augmentations,
    class_counts,
    examples,
    leakage,
    lesions,
    one_image,
    pairs,
    resolutions,
    sizes,
    threshold_effect,
)
from busilib.report.figures.histology import code_shares, dice_of_tissues, tissue_tiles
from busilib.report.figures.models import (
    claimed_and_measured,
    combined,
    confusions,
    contenders,
    dice_by_size,
    learning_curves,
    segmentations,
    shown_inputs,
)

__all__ = [
    "augmentations",
    "claimed_and_measured",
    "class_counts",
    "code_shares",
    "combined",
    "confusions",
    "contenders",
    "dice_by_size",
    "dice_of_tissues",
    "examples",
    "leakage",
    "learning_curves",
    "lesions",
    "one_image",
    "pairs",
    "resolutions",
    "segmentations",
    "shown_inputs",
    "sizes",
    "threshold_effect",
    "tissue_tiles",
]
