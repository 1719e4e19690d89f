"""The figures of the book: each takes data, returns a Matplotlib figure, and looks like the others."""

from busilib.pages.figures.attention import attention, heat_maps, shares_inside
from busilib.pages.figures.by_size import dice_by_fifth, spread_of_accuracy
from busilib.pages.figures.data import (
    augmentations,
    class_counts,
    examples,
    lesions,
    one_image,
    pairs,
    resolutions,
    sizes,
    threshold_effect,
)
from busilib.pages.figures.drawn import found_over_drawn, outlines, side_by_side, squeezed
from busilib.pages.figures.facts import doubled_images, lesion_areas, stretches, twin_shares
from busilib.pages.figures.histology import code_shares, dice_of_tissues, tissue_tiles
from busilib.pages.figures.models import (
    at_thresholds,
    claimed_and_measured,
    combined,
    confusions,
    contenders,
    dice_by_size,
    learning_curves,
    segmentations,
    shown_inputs,
)
from busilib.pages.figures.outcomes import dice_over_size, dice_ranks, outcomes
from busilib.pages.figures.outside import inside_and_outside, malignancy_scores, two_sets
from busilib.pages.figures.panels import panels
from busilib.pages.figures.protocols import two_protocols
from busilib.pages.figures.roughness import by_class, dose_response
from busilib.pages.figures.rungs import control_views, controls, counted, shapes_alone, waterfall, worths
from busilib.pages.figures.style import THIS_RUN
from busilib.pages.figures.surroundings import by_margin, margins_around
from busilib.pages.figures.uncertainty import (
    differences,
    failures,
    froc_curves,
    reliability_diagrams,
    risk_coverage_curves,
    strata,
)

__all__ = [
    "THIS_RUN",
    "at_thresholds",
    "attention",
    "augmentations",
    "by_class",
    "by_margin",
    "claimed_and_measured",
    "class_counts",
    "code_shares",
    "combined",
    "confusions",
    "contenders",
    "control_views",
    "controls",
    "counted",
    "dice_by_fifth",
    "dice_by_size",
    "dice_of_tissues",
    "dice_over_size",
    "dice_ranks",
    "differences",
    "dose_response",
    "doubled_images",
    "examples",
    "failures",
    "found_over_drawn",
    "froc_curves",
    "heat_maps",
    "inside_and_outside",
    "learning_curves",
    "lesion_areas",
    "lesions",
    "malignancy_scores",
    "margins_around",
    "one_image",
    "outcomes",
    "outlines",
    "pairs",
    "panels",
    "reliability_diagrams",
    "resolutions",
    "risk_coverage_curves",
    "segmentations",
    "shapes_alone",
    "shares_inside",
    "shown_inputs",
    "side_by_side",
    "sizes",
    "spread_of_accuracy",
    "squeezed",
    "strata",
    "stretches",
    "threshold_effect",
    "tissue_tiles",
    "twin_shares",
    "two_protocols",
    "two_sets",
    "waterfall",
    "worths",
]
