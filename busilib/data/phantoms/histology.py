"""Synthetic histology in BCSS's own layout: what R5's network runs on where BCSS itself is not at hand.

Each slide is one region, drawn as a map of codes, then filled with cells and fibres and stained: the
densities of haematoxylin (nuclei, blue) and eosin (the rest, pink) weaken white light. The strength of both
stains belongs to the slide. It has the look of BCSS; no medical finding may rest on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from busilib.data.bcss import LAYOUTS, MERGED
from busilib.data.dataset import DataError
from busilib.data.folders import is_ignored
from busilib.data.tiles import CODES

VERSION = 1
"""Of the drawing: raise it with every change of a pixel, so that no cached phantoms of before are read."""
MINIMUM = {"slides": 5, "tiles_per_slide": 1, "size": 32}
"""Fewest slides (one for each fold), tiles and pixels."""
VALIDATION_SHARE = 0.3
"""Share of the slides ("BCSS_512") or of the tiles ("BCSS") in the validation part, as in BCSS."""

# Optical density of the two stains in red, green and blue (A. C. Ruifrok, D. A. Johnston, 2001).
HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])

# Per code: distance between nuclei and their radius (fractions of a tile), density of the nuclei, of the
# haematoxylin and of the eosin between them.
LOOK = {
    "tumor": (0.062, 0.027, 1.1, 0.30, 0.38),
    "stroma": (0.125, 0.013, 0.9, 0.03, 0.42),
    "lymphocytic_infiltrate": (0.042, 0.015, 1.5, 0.10, 0.22),
    "necrosis_or_debris": (0.090, 0.008, 1.0, 0.10, 0.62),
    "blood": (0.300, 0.010, 0.5, 0.00, 0.95),
    "exclude": (0.125, 0.013, 0.6, 0.10, 0.40),
    "fat": (0.240, 0.010, 0.9, 0.00, 0.06),
    "normal_acinus_or_duct": (0.052, 0.019, 1.0, 0.16, 0.30),
    "blood_vessel": (0.110, 0.013, 0.9, 0.04, 0.55),
    "dcis": (0.056, 0.024, 1.1, 0.30, 0.36),
}
CODE = {name: CODES.index(name) for name in ("outside_roi", *LOOK)}
Rng = np.random.Generator


def write_histology_phantom(
    folder: str | Path,
    *,
    slides: int = 10,
    tiles_per_slide: int = 6,
    size: int = 224,
    seed: int = 0,
    layout: str = "BCSS_512",
) -> Path:
    """Write a synthetic BCSS: same layout, names and codes, and no patient in it.

    Tumour and stroma fill most of it, as in BCSS; lymphocytes, fat, necrosis, ducts, vessels and blood are
    rarer; some pixels lie outside the region or are excluded. In the layout "BCSS_512" whole slides
    validate, in "BCSS" every slide has tiles in each part, and the masks hold three merged labels.

    Args:
        folder: where to write; made if missing. A phantom of the same tiles in it is replaced.
        slides: 5 or more.
        tiles_per_slide: 1 or more.
        size: height and width of a tile in pixels, 32 or more.
        seed: 0 or more; the same seed and counts give the same pixels.
        layout: "BCSS_512" or "BCSS".

    Returns:
        `folder`, which now holds a folder `layout`.

    Raises:
        DataError: for too few slides, tiles or pixels, a negative seed, an unknown layout, or a folder with
            other tiles in it.

    Example:
        >>> root = write_histology_phantom("histology", slides=5, tiles_per_slide=2, size=32)
        >>> sorted(path.name for path in (root / "BCSS_512").iterdir())
        ['train_512', 'train_mask_512', 'val_512', 'val_mask_512']
    """
    counts = {"slides": slides, "tiles_per_slide": tiles_per_slide, "size": size}
    if seed < 0 or any(counts[name] < least for name, least in MINIMUM.items()) or layout not in LAYOUTS:
        raise DataError(
            f"histology phantoms: got {counts}, seed {seed} and layout {layout!r}; expected at least "
            f"{MINIMUM}, seed >= 0 and one of {', '.join(LAYOUTS)}."
        )
    folder = Path(folder)
    names = {
        (slide, tile): _name(slide, tile, tiles_per_slide, size)
        for slide in range(slides)
        for tile in range(tiles_per_slide)
    }
    found = {path.name for path in (folder / layout).glob("*/*.png") if not is_ignored(path)}
    others = found - set(names.values())
    if others:
        raise DataError(
            f"{folder / layout}: holds other tiles, such as {min(others)}, which phantoms must not mix with. "
            "Expected an empty folder, or phantoms of the same counts; name another folder."
        )
    for slide in range(slides):
        rng = np.random.default_rng([seed, slide])
        image, codes = _draw_region(rng, _grid(tiles_per_slide), size)
        if layout == "BCSS":
            codes = np.where(codes <= MERGED, codes, 0).astype(np.uint8)
        for tile in range(tiles_per_slide):
            row, column = (place * size for place in divmod(tile, _grid(tiles_per_slide)[1]))
            here = np.s_[row : row + size, column : column + size]
            held = slide / slides if layout == "BCSS_512" else tile / tiles_per_slide
            part = "val" if held >= 1 - VALIDATION_SHARE else "train"
            for name, content in zip(LAYOUTS[layout][part], (image[here], codes[here]), strict=True):
                path = folder / layout / name / names[slide, tile]
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(path, compress_level=1)
    return folder


def _grid(tiles: int) -> tuple[int, int]:
    """Rows and columns of tiles in a region."""
    columns = int(np.ceil(np.sqrt(tiles)))
    return -(-tiles // columns), columns


def _name(slide: int, tile: int, tiles: int, size: int) -> str:
    row, column = divmod(tile, _grid(tiles)[1])
    return f"TCGA-00-{slide:04d}-DX1_xmin1000_ymin1000_MPP-0_{row * size}_{column * size}_size{size}.png"


def _draw_region(rng: Rng, grid: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """One region of a slide: image uint8 (h, w, 3) and codes uint8 (h, w)."""
    shape = grid[0] * size, grid[1] * size
    codes = _draw_codes(rng, shape, size)
    haematoxylin, eosin = _draw_tissue(rng, codes, size)
    image = _stain(rng, haematoxylin, eosin, size)
    smear = codes == CODE["exclude"]
    if smear.any():  # out of focus
        blurred = ndimage.gaussian_filter(image, (0.03 * size, 0.03 * size, 0))
        image = np.where(smear[..., None], blurred, image)
    tilt = rng.uniform(-0.08, 0.08)  # the region was marked a little askew
    y, x = np.mgrid[: shape[0], : shape[1]]
    codes[y + tilt * x < rng.uniform(0.02, 0.12) * size] = CODE["outside_roi"]
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), codes


def _noise(rng: Rng, shape: tuple[int, int], scale: tuple[float, float]) -> np.ndarray:
    """Smooth random field, float64 (h, w), mean 0, variance 1, varying over `scale` pixels (y, x)."""
    coarse = rng.standard_normal([int(n / s) + 4 for n, s in zip(shape, scale, strict=True)])
    places = [np.arange(n) / s + 1 for n, s in zip(shape, scale, strict=True)]
    field = ndimage.map_coordinates(coarse, np.meshgrid(*places, indexing="ij"), order=3, mode="nearest")
    return (field - field.mean()) / field.std()


def _draw_codes(rng: Rng, shape: tuple[int, int], size: int) -> np.ndarray:
    """The map of tissues, uint8 (h, w): stroma, and in it everything else, the rarest last."""
    codes = np.full(shape, CODE["stroma"], np.uint8)
    nests = _noise(rng, shape, (0.35 * size, 0.35 * size)) + 0.25 * _noise(rng, shape, (0.09 * size,) * 2)
    codes[nests > rng.uniform(-0.2, 0.3)] = CODE["tumor"]
    codes[nests > rng.uniform(1.7, 2.6)] = CODE["necrosis_or_debris"]

    def scatter(name: str, most: float, scale: float, within: str) -> None:
        field = _noise(rng, shape, (scale * size, scale * size))
        codes[(field > np.quantile(field, 1 - rng.uniform(0.2, 1) * most)) & (codes == CODE[within])] = CODE[
            name
        ]

    scatter("fat", 0.45 * rng.integers(0, 2), 0.8, "stroma")
    scatter("lymphocytic_infiltrate", 0.3, 0.25, "stroma")
    scatter("blood", 0.02, 0.2, "stroma")
    scatter("exclude", 0.04 * rng.integers(0, 2), 0.4, "stroma")
    for name, chance, radius in (
        ("dcis", 0.15, 0.2),
        ("normal_acinus_or_duct", 0.35, 0.12),
        ("blood_vessel", 0.5, 0.08),
    ):
        for _ in range(rng.binomial(shape[0] * shape[1] // size**2 + 1, chance)):
            codes[_round_distance(rng, shape, radius * size) < 1] = CODE[name]
    return codes


def _round_distance(rng: Rng, shape: tuple[int, int], radius: float) -> np.ndarray:
    """Distance from a random place in units of about `radius` pixels, float64 (h, w)."""
    y, x = np.mgrid[: shape[0], : shape[1]] - (rng.uniform(size=2) * shape)[:, None, None]
    tilt, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
    u, v = x * np.cos(tilt) + y * np.sin(tilt), (y * np.cos(tilt) - x * np.sin(tilt)) / flat
    return np.hypot(u, v) / radius + 0.08 * np.cos(3 * np.arctan2(v, u) + tilt)


def _draw_tissue(rng: Rng, codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Densities of haematoxylin and eosin, float64 (h, w), 0 for none."""
    shape = codes.shape
    between = np.zeros((2, len(CODES)))
    for name, (*_, blue, pink) in LOOK.items():
        between[:, CODE[name]] = blue, pink
    soft = 0.012 * size
    haematoxylin, eosin = (ndimage.gaussian_filter(level[codes], soft) for level in between)
    fibres = _noise(rng, shape, (0.02 * size, 0.16 * size)) + 0.5 * _noise(rng, shape, (0.01 * size,) * 2)
    wave = ndimage.map_coordinates(
        fibres,
        np.mgrid[: shape[0], : shape[1]] + 0.12 * size * _noise(rng, shape, (0.5 * size,) * 2),
        order=1,
        mode="reflect",
    )
    eosin *= np.clip(1 + np.where(codes == CODE["stroma"], 0.35, 0.12) * wave, 0.15, 2)
    _add_holes(rng, codes, size, haematoxylin, eosin)
    nuclei = np.zeros(shape)
    for name, (spacing, radius, density, *_) in LOOK.items():
        if (here := codes == CODE[name]).any():
            _add_nuclei(rng, nuclei, here, spacing * size, radius * size, density)
    nuclei = ndimage.gaussian_filter(nuclei, 0.002 * size)
    grain = 1 + 0.12 * ndimage.gaussian_filter(rng.standard_normal(shape), 0.004 * size) * 0.004 * size
    return haematoxylin * (1 - nuclei / 3) + nuclei * grain, eosin * (1 - 0.4 * np.minimum(nuclei, 1))


def _add_holes(rng: Rng, codes: np.ndarray, size: int, *densities: np.ndarray) -> None:
    """Empty, and so white: vacuoles of fat between thin walls, and the lumina of ducts and vessels."""
    fat = codes == CODE["fat"]
    if fat.any():
        _, (y, x) = ndimage.distance_transform_edt(~_points(rng, fat.shape, 0.17 * size), return_indices=True)
        cell = y * fat.shape[1] + x
        walls = (ndimage.maximum_filter(cell, 3) != ndimage.minimum_filter(cell, 3)) & fat
        densities[1][ndimage.binary_dilation(walls, iterations=max(1, size // 170))] = 0.45
    for name in ("normal_acinus_or_duct", "blood_vessel"):
        depth = ndimage.distance_transform_edt(codes == CODE[name])
        for density in densities:
            density[depth > (0.06 if name == "normal_acinus_or_duct" else 0.03) * size] *= 0.1


def _points(rng: Rng, shape: tuple[int, int], spacing: float) -> np.ndarray:
    """bool (h, w): single pixels about `spacing` apart, on a shaken grid."""
    rows, columns = (np.arange(spacing / 2, n, spacing) for n in shape)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    places = np.rint(places + rng.uniform(-0.42, 0.42, places.shape) * spacing).astype(int)
    places = np.clip(places, 0, np.array(shape) - 1)
    points = np.zeros(shape, bool)
    points[tuple(places.T)] = True
    return points


def _add_nuclei(
    rng: Rng, nuclei: np.ndarray, here: np.ndarray, spacing: float, radius: float, density: float
) -> None:
    """Put dark ellipses where `here` says so; `nuclei` is changed in place."""
    depth = ndimage.distance_transform_edt(here)
    for row, column in np.argwhere(_points(rng, here.shape, spacing) & (depth > 0.7 * radius)):
        a, b = radius * rng.uniform(0.75, 1.3), radius * rng.uniform(0.55, 0.95)
        tilt, reach = rng.uniform(0, np.pi), int(np.ceil(a))
        top, left = max(row - reach, 0), max(column - reach, 0)
        part = nuclei[top : row + reach + 1, left : column + reach + 1]
        y, x = np.ogrid[top - row : top - row + part.shape[0], left - column : left - column + part.shape[1]]
        u, v = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
        inside = np.clip((1.1 - np.hypot(u / a, v / b)) * 4, 0, 1)
        np.maximum(part, inside * density * rng.uniform(0.75, 1.2), out=part)


def _stain(rng: Rng, haematoxylin: np.ndarray, eosin: np.ndarray, size: int) -> np.ndarray:
    """What a scanner sees through the section in the stains of this slide, float64 (h, w, 3), 0–255."""
    blue, pink = (stain * rng.uniform(0.88, 1.12, 3) for stain in (HAEMATOXYLIN, EOSIN))
    blue, pink = blue * rng.uniform(0.8, 1.3), pink * rng.uniform(0.6, 1.1)
    thickness = 1 + 0.06 * _noise(rng, haematoxylin.shape, (0.6 * size, 0.6 * size))
    density = (haematoxylin[..., None] * blue + eosin[..., None] * pink) * thickness[..., None]
    light = 245 * np.exp(-density)
    return light + 2 * rng.standard_normal(light.shape)
