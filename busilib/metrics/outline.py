"""What a drawn outline says by its shape alone, whatever the picture under it shows.

Shapes are measured with scikit-image's `regionprops` on the largest connected component (pixels that touch at
a corner are connected), at whatever size the mask has: best the original one, for a resized mask has lost
its fine teeth. The descriptors are the usual ones of breast ultrasound; see M. Byra et al., arXiv 1706.01855.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from skimage.measure import label, perimeter_crofton, regionprops

from busilib.metrics.intervals import group_weights, unless_alike, with_interval
from busilib.metrics.weighted import auc

DESCRIPTORS = {
    "circumference": 1,
    "solidity": -1,
    "circularity": -1,
    "convexity": -1,
    "extent": -1,
    "axis_ratio": 1,
    "orientation": 1,
    "box_aspect": 1,
    "area_share": 1,
    "row": 1,
    "column": 1,
    "components": 1,
}
"""Every descriptor (see `describe`), and 1 where larger values are expected of malignant lesions, -1 where
smaller ones: rough, not elongated, taller than wide, large. Nothing is expected of place and number; their
sign is 1."""

MARGIN = ("circumference", "solidity", "circularity", "convexity", "extent")
"""Descriptors of how rough an outline is."""

ELLIPSE_AND_PLACE = ("axis_ratio", "orientation", "area_share", "row", "column")
"""Descriptors that the ellipse of the same second moments has too: nothing of how the outline is drawn."""


def largest_component(mask: np.ndarray):
    """The component of a mask with most pixels; of equals the first from the top.

    Args:
        mask: bool (h, w).

    Returns:
        Its properties, as scikit-image's `regionprops` computes them.

    Raises:
        ValueError: if nothing is marked.

    Example:
        >>> largest_component(mask).solidity
        0.978…
    """
    regions = regionprops(label(mask))
    if not regions:
        raise ValueError(f"empty mask ({mask.shape[0]}×{mask.shape[1]}). An outline needs a marked pixel.")
    return max(regions, key=lambda region: region.area)


def ellipse_circumference(major: float, minor: float) -> float:
    """Length of an ellipse's outline by Ramanujan's second formula, right to 0.1% up to 15:1.

    Args:
        major, minor: whole axes, not halves, in one unit; not both 0.

    Example:
        >>> round(ellipse_circumference(2, 2), 4)
        6.2832
    """
    ratio = ((major - minor) / (major + minor)) ** 2
    return np.pi / 2 * (major + minor) * (1 + 3 * ratio / (10 + np.sqrt(4 - 3 * ratio)))


def describe(mask: np.ndarray) -> dict[str, float]:
    """Twelve numbers of one mask; but for the last, of its largest component.

    Args:
        mask: bool (h, w), at least one pixel marked; several lesions of one image are merged.

    Returns:
        In the order of `DESCRIPTORS`, without unit where none is named:

        `circumference`: perimeter over that of the ellipse with the same second moments (elliptic-normalised
        circumference), 1 for a smooth one, 1.2 to 2 for jagged outlines. Perimeters are Crofton's, from
        crossings in four directions: one that counts pixels is too long, the more so the larger the lesion (a
        disc has 1.01 at a radius of 10 pixels and 1.05 at 150), and so would tell the class by size;
        `solidity`: area over that of the convex hull, above 0, at most 1;
        `circularity`: 4π area over squared perimeter, about 1 for a disc, less for anything else;
        `convexity`: perimeter of the convex hull over perimeter, about 1 where nothing is indented;
        `extent`: area over that of the upright bounding box, above 0, at most 1; π/4 for a disc;
        `axis_ratio`: minor over major axis of the ellipse, above 0, at most 1 (eccentricity is √(1 − r²));
        `orientation`: of the major axis, in degrees: 0 along the skin, 90 upright (left and right alike);
        `box_aspect`: height over width of the bounding box: above 1, the lesion is taller than wide;
        `area_share`: area over that of the image, 0 to 1;
        `row`, `column`: centroid, 0 at the top or left edge of the image, 1 at the bottom or right;
        `components`: how many there are.

        A ratio whose denominator is 0, as the axes of a single pixel are, is NaN.

    Raises:
        ValueError: if nothing is marked.

    Example:
        >>> describe(np.pad(np.ones((8, 8), bool), 2))["solidity"]
        1.0
    """
    region = largest_component(mask)
    height, width = mask.shape
    top, left, bottom, right = region.bbox
    row, column = region.centroid
    major, minor = region.axis_major_length, region.axis_minor_length
    length = region.perimeter_crofton
    return {
        "circumference": float(length / ellipse_circumference(major, minor)) if major else float("nan"),
        "solidity": float(region.solidity),
        "circularity": float(4 * np.pi * region.area / length**2) if length else float("nan"),
        "convexity": float(perimeter_crofton(region.image_convex) / length) if length else float("nan"),
        "extent": float(region.extent),
        "axis_ratio": minor / major if major else float("nan"),
        "orientation": 90 - abs(float(np.degrees(region.orientation))),
        "box_aspect": (bottom - top) / (right - left),
        "area_share": float(region.area / mask.size),
        "row": float((row + 0.5) / height),
        "column": float((column + 0.5) / width),
        "components": float(label(mask).max()),
    }


def circumferences(true: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """How rough both outlines of each image are, at one size, so that they can be compared.

    Args:
        true, predicted: bool (n, h, w).

    Returns:
        float64 columns `true_circumference` and `circumference` (see `describe`), NaN for an empty mask.

    Example:
        >>> circumferences(masks, masks).columns.tolist()
        ['true_circumference', 'circumference']
    """
    columns = {"true_circumference": true, "circumference": predicted}
    found = {name: [_circumference(mask) for mask in masks] for name, masks in columns.items()}
    return pd.DataFrame(found, dtype=float).round(4)


def _circumference(mask: np.ndarray) -> float:
    return describe(mask)["circumference"] if mask.any() else float("nan")


def descriptor_aucs(table: pd.DataFrame) -> dict[str, float]:
    """Malignant against benign by each descriptor alone, unfitted: `DESCRIPTORS` gives the direction.

    Args:
        table: columns `true` ("benign" or "malignant") and descriptors, all or some.

    Returns:
        Area under the curve by descriptor, 0 to 1: below 0.5 where the direction is the other one.
        NaN where all rows are of one class.

    Example (not run):
        >>> descriptor_aucs(table)["circumference"]
        0.99
    """
    areas = _areas(table, np.ones((1, len(table))))
    return {name: float(area[0]) for name, area in areas.items()}


def _areas(table: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    malignant = (table["true"] == "malignant").to_numpy()
    return {
        name: auc(malignant, sign * table[name].to_numpy(float), weights)
        for name, sign in DESCRIPTORS.items()
        if name in table
    }


def descriptor_auc_table(table: pd.DataFrame, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """`descriptor_aucs` with 95% bootstrap intervals over groups.

    Args:
        table: columns `true`, `group` (near-duplicates or images of one case share a number) and descriptors.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        One row per descriptor: `descriptor`, `value`, `low`, `high`, `n`, and `why` there is no interval
        (empty where there is one).

    Example (not run):
        >>> descriptor_auc_table(table).set_index("descriptor").loc["circumference", "low"]
        0.98
    """
    groups = table["group"].to_numpy()
    samples = _areas(table, group_weights(groups, draws, seed))
    rows = []
    for name, value in descriptor_aucs(table).items():
        found = unless_alike(with_interval(value, samples[name], groups), groups)
        rows.append((name, value, found.low, found.high, found.n, found.why))
    return pd.DataFrame(rows, columns=["descriptor", "value", "low", "high", "n", "why"])
