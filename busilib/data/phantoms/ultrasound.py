"""Synthetic breast ultrasound in BUSI's own layout: the data of the smoke profile and of the tests.

Each picture is built in decibels (layers of tissue, lesions, attenuation along the beam), then gets speckle
and log compression. It has the look and the faults of BUSI; no medical finding may rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.special import expit

from busilib.data.dataset import CLASSES, DataError
from busilib.data.folders import is_ignored

VERSION = 1
"""Of the drawing: raise it with every change of a pixel, so that no cached phantoms of before are read."""
MINIMUM = {"benign": 6, "malignant": 4, "normal": 3}
"""Fewest images per class: with these, every kind of picture and near-duplicate is there."""
DYNAMIC_RANGE = 55.0  # decibels from black to white, as scanners show them
Rng = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """What `<cls> (<number>).png` shows: the picture `source`, its own or one that it nearly repeats."""

    cls: str
    number: int
    source: tuple[str, int]
    n_lesions: int
    overlay: bool


@dataclass(frozen=True, eq=False)
class Picture:
    """One phantom without marks: `gray` uint8 (h, w) and one bool (h, w) mask per lesion."""

    gray: np.ndarray
    masks: tuple[np.ndarray, ...]


def write_phantom(
    folder: str | Path, *, benign: int = 28, malignant: int = 20, normal: int = 16, seed: int = 0
) -> Path:
    """Write a synthetic BUSI: same layout, names, file formats and known faults, and no patient in it.

    Benign lesions are smooth, wider than tall, with posterior enhancement; malignant ones irregular, taller
    than wide, with a posterior shadow; normals have none. One picture in fourteen (at least one) nearly
    repeats another of its class, and one malignant picture repeats a benign one: a label conflict.

    Args:
        folder: where to write; made if missing. Phantoms of the same counts in it are replaced.
        benign, malignant, normal: images per class, at least 6, 4 and 3 (`MINIMUM`).
        seed: 0 or more; the same seed and counts give the same pixels.

    Returns:
        `folder`, which now holds `benign`, `malignant` and `normal`.

    Raises:
        DataError: (a ValueError) for too few images, a negative seed, or a folder with other pictures in it.

    Example:
        >>> root = write_phantom("phantoms", benign=6, malignant=4, normal=3)
        >>> sorted(path.name for path in root.iterdir())
        ['benign', 'malignant', 'normal']
    """
    counts = {"benign": benign, "malignant": malignant, "normal": normal}
    if seed < 0 or any(counts[cls] < MINIMUM[cls] for cls in CLASSES):
        raise DataError(f"phantoms: got {counts} and seed {seed}; expected at least {MINIMUM} and seed >= 0.")
    folder, plans = Path(folder), _make_plans(counts)
    others = {path.stem.split("_mask")[0] for path in folder.glob("*/*.png") if not is_ignored(path)}
    if others := others - {f"{plan.cls} ({plan.number})" for plan in plans}:
        raise DataError(
            f"{folder}: holds other pictures, such as {min(others)}.png, which phantoms must not mix with. "
            "Expected an empty folder, or phantoms of the same counts; name another folder."
        )
    pictures: dict[tuple[str, int], Picture] = {}
    for plan in sorted(plans, key=lambda plan: plan.source != (plan.cls, plan.number)):  # originals first
        rng = np.random.default_rng([seed, CLASSES.index(plan.cls), plan.number])
        if plan.source in pictures:
            picture = _near_duplicate(rng, pictures[plan.source])
        else:
            picture = pictures[plan.source] = _draw_picture(rng, plan.cls, plan.n_lesions)
        _write_files(folder, plan, picture, _draw_marks(rng, plan, picture))
    return folder


def _make_plans(counts: dict[str, int]) -> list[Plan]:
    """Which files nearly repeat another, and which show several lesions or coloured marks."""
    plans = []
    originals = {cls: n - max(1, n // 14) for cls, n in counts.items()}
    several = {("benign", 2): 2, ("benign", 3): 3, ("malignant", 2): 2}
    for cls, n in counts.items():
        for i in range(1, n + 1):
            source = (cls, i if i <= originals[cls] else i - originals[cls])
            if cls == "malignant" and i == originals[cls]:
                source = ("benign", originals["benign"])
            n_lesions = 0 if cls == "normal" else several.get((source[0], source[1] % 20), 1)
            plans.append(Plan(cls, i, source, n_lesions, overlay=i % 16 == 2))
    return plans


def _draw_picture(rng: Rng, cls: str, n_lesions: int) -> Picture:
    """One phantom, 320–400 pixels on its longer side, 74–92% of that on the other."""
    longer = int(rng.integers(320, 401))
    shape = (round(longer * rng.uniform(0.74, 0.92)), longer)
    if rng.random() < 0.15:
        shape = shape[::-1]
    echo, masks = _draw_tissue(rng, shape) + _draw_distractors(rng, shape), []
    for i in range(n_lesions):
        rho, half_height = _draw_outline(rng, shape, cls, (i + 0.5) / n_lesions, 1 / n_lesions)
        echo = _insert_lesion(rng, echo, rho, half_height, cls)
        masks.append(rho < 1)
    return Picture(_form_image(rng, echo), tuple(masks))


def _smooth_noise(rng: Rng, shape: tuple[int, int], scale: tuple[float, float]) -> np.ndarray:
    """Gaussian random field, float64 (h, w), mean 0, variance 1, varying over `scale` pixels (y, x)."""
    rows, columns = (_bells(n, s) for n, s in zip(shape, scale, strict=True))
    noise = rng.standard_normal((rows.shape[1], columns.shape[1]))
    return rows @ (columns @ noise.T).T


def _bells(n: int, scale: float) -> csr_array:
    """Weights (n, coarse) that blend samples `scale` pixels apart; sparse, so quick on one core."""
    place = np.arange(n)[:, None] / scale
    near = np.floor(place).astype(int) + np.arange(6)
    weights = np.exp(-((place + 2 - near) ** 2))
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return csr_array((weights.ravel(), near.ravel(), np.arange(0, 6 * n + 1, 6)), shape=(n, near.max() + 1))


def _draw_tissue(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """Echogenicity, float64 (h, w) in decibels: skin, fat and septa, fibrous gland, muscle, depth loss."""
    h, w = shape
    y, x = np.linspace(0, 1, h)[:, None], np.linspace(-0.5, 0.5, w)
    bends = [0.025 * _smooth_noise(rng, (1, w), (1, w * rng.uniform(0.2, 0.5)))[0] for _ in range(4)]
    skin = rng.uniform(0.02, 0.045) + 0.1 * bends[0]
    fat = skin + rng.uniform(0.05, 0.3) + rng.uniform(-0.15, 0.15) * x + bends[1]
    muscle = np.maximum(fat + 0.15, rng.uniform(0.5, 0.95) + rng.uniform(-0.2, 0.2) * x + bends[2])

    # Streaks of connective tissue follow the layers, but waver, and come in patches.
    waver = rng.uniform(2, 7) * _smooth_noise(rng, shape, (25, 45))
    rows = h + np.arange(h)[:, None] - 0.4 * h * (fat + muscle) + waver
    grid = [rows, np.broadcast_to(np.arange(w), shape)]

    def streaks(thick: float, long: float) -> np.ndarray:
        straight = _smooth_noise(rng, (2 * h, w), (thick, long))
        return ndimage.map_coordinates(straight, grid, order=1, mode="nearest")

    patches = np.clip(0.9 + 0.6 * _smooth_noise(rng, shape, (45, 60)), 0.1, 2)
    fibres = np.clip(streaks(rng.uniform(2.5, 4), rng.uniform(15, 35)), -1, 3)
    lobules = np.clip(streaks(rng.uniform(8, 14), rng.uniform(14, 30)), 0, 2)
    level = -36 + 2.5 * _smooth_noise(rng, shape, (20, 35))
    gland_level = -29 + rng.uniform(4, 7) * fibres * patches - rng.uniform(2, 9) * lobules
    gland_level += 4 * _smooth_noise(rng, shape, (50, 70))
    muscle_level = -39 + 4 * np.clip(streaks(2.5, rng.uniform(30, 70)), -1, 3) * patches
    level += (gland_level - level) * expit((y - fat) / 0.015)
    level += (muscle_level - level) * expit((y - muscle) / 0.015)

    depths = rng.uniform(0.3, 1.2, (3, 1)) + rng.uniform(-1, 1, (3, 1)) * x
    septa = skin + depths * (fat - skin) + bends[3]
    for line in (skin, fat, muscle, *septa):
        strength = 11 * np.clip(0.3 + _smooth_noise(rng, (1, w), (1, 40))[0], 0, 1.5)
        level += strength * np.exp(-((((y - line) * h + 0.4 * waver) / 1.5) ** 2))
    level += 16 * np.exp(-((y / skin) ** 2))
    loss = rng.uniform(5, 32) * np.clip((y - rng.uniform(0.2, 0.55)) / 0.7, 0, 1) ** 1.3
    return level + rng.uniform(-2, 6) + 4 * _smooth_noise(rng, shape, (h / 3, w / 4)) - loss


def _draw_distractors(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """Dark things that are no lesion, in any class: fat lobules, shadows. float64 (h, w), decibels to add."""
    h, w = shape
    y, x = np.mgrid[:h, :w].astype(float)
    change = np.zeros(shape)
    for _ in range(rng.integers(0, 4)):
        half_w = w * rng.uniform(0.05, 0.13)
        v = (y - h * rng.uniform(0.15, 0.8)) / (half_w * rng.uniform(0.3, 0.6))
        rho = np.hypot((x - w * rng.uniform()) / half_w, v) + 0.2 * _smooth_noise(rng, shape, (15, 20))
        change -= rng.uniform(3, 10) * expit(8 * (1 - rho))
    for _ in range(rng.integers(0, 4)):
        middle = w * rng.uniform() + 0.12 * rng.uniform(-1, 1) * y + 4 * _smooth_noise(rng, (h, 1), (30, 1))
        column = np.exp(-(((x - middle) / (w * rng.uniform(0.02, 0.09))) ** 2))
        change -= rng.uniform(3, 11) * column * expit((y / h - rng.uniform(0.1, 0.6)) * 15)
    return change


def _draw_outline(rng: Rng, shape: tuple[int, int], cls: str, middle: float, strip: float):
    """One lesion in the strip of width `strip` round column `middle` (fractions of the width): the distance
    from its centre in units of its outline, float64 (h, w), below 1 inside; and half its height in pixels."""
    h, w = shape
    if cls == "benign":
        half_w = w * strip**0.75 * rng.uniform(0.11, 0.25)
        half_h = min(half_w * rng.uniform(0.45, 0.75), 0.25 * h)
        waves, size, spicules, rough, grain = range(2, 5), 0.06, 0, 0.03, half_h / 2
    else:
        half_h = h * rng.uniform(0.12, 0.25) * strip**0.5
        half_w = min(half_h * rng.uniform(0.6, 0.85), 0.25 * w * strip)
        waves, size, spicules, rough, grain = range(2, 8), 0.1, int(rng.integers(3, 8)), 0.09, half_h / 3
    x0 = w * (middle + strip * rng.uniform(-0.18, 0.18))
    y0 = rng.uniform(0.13 * h + half_h, max(0.56, 0.2 + half_h / h) * h)
    y, x = np.mgrid[:h, :w] - np.array([y0, x0])[:, None, None]
    tilt = rng.uniform(-0.25, 0.25)
    u, v = (x * np.cos(tilt) + y * np.sin(tilt)) / half_w, (y * np.cos(tilt) - x * np.sin(tilt)) / half_h
    angle = np.arctan2(v, u)
    outline = 1 + rough * _smooth_noise(rng, shape, (grain, grain))
    for k in waves:
        outline += size * rng.uniform(0.2, 1) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    for _ in range(spicules):
        bump = np.exp(rng.uniform(40, 200) * (np.cos(angle - rng.uniform(0, 2 * np.pi)) - 1))
        outline += rng.uniform(0.1, 0.3) * bump
    return np.hypot(u, v) / outline, half_h


def _insert_lesion(rng: Rng, echo: np.ndarray, rho: np.ndarray, half_height: float, cls: str) -> np.ndarray:
    """Put a lesion into tissue, with what it does to the beam below; `echo` and result in decibels (h, w)."""
    benign = cls == "benign"
    edge = rng.uniform(0.8, 3) if benign else rng.uniform(3, 8)  # pixels
    inside = expit((1 - rho) * half_height / edge * 2)
    texture = rng.uniform(0.5, 2.5) if benign else rng.uniform(2, 4.5)
    around = np.median(echo[(rho > 1) & (rho < 1.6)])
    level = around - rng.uniform(5, 24) + texture * _smooth_noise(rng, echo.shape, (6, 9))
    echo = echo + (level - echo) * inside
    if benign:  # a thin capsule
        echo += rng.uniform(0, 7) * np.exp(-(((rho - 1.05) / 0.06) ** 2))
    else:  # an echogenic halo, microcalcifications
        echo += rng.uniform(0, 5) * np.exp(-(((rho - 1.35) / 0.25) ** 2))
        echo += rng.uniform(8, 22) * inside * (rng.random(echo.shape) < 0.005)
    # What the beam has met on its way down: crossing the middle of the lesion counts 1.
    path = ndimage.gaussian_filter1d(np.cumsum(inside, axis=0) / (2 * half_height), half_height / 5, axis=1)
    return echo + rng.uniform(3, 11) * path * (1 - inside) if benign else echo - rng.uniform(5, 22) * path


def _form_image(rng: Rng, echo: np.ndarray) -> np.ndarray:
    """What a scanner shows of `echo`: Rayleigh speckle of two looks, log-compressed, uint8 (h, w)."""
    blur = (rng.uniform(0.6, 0.9), rng.uniform(1.0, 1.6))
    parts = [ndimage.gaussian_filter(rng.standard_normal(echo.shape), blur, truncate=3) for _ in range(4)]
    power = sum(part**2 for part in parts) / sum(part.var() for part in parts)
    power = power ** rng.uniform(0.6, 0.9) * 10 ** (echo / 10) + 10 ** (-DYNAMIC_RANGE / 10)
    gray = 255 * (1 + 10 * np.log10(power) / DYNAMIC_RANGE)
    if rng.random() < 0.15:  # the slanted side of a curved array's field
        y, x = np.indices(echo.shape)
        gray[x > echo.shape[1] * rng.uniform(0.85, 0.95) + y * rng.uniform(0.2, 0.5)] = 0
    return np.clip(np.rint(gray), 0, 255).astype(np.uint8)


def _near_duplicate(rng: Rng, picture: Picture) -> Picture:
    """The same picture a little cropped, made smaller, with other brightness; its masks move along."""
    h, w = picture.gray.shape
    top, bottom, left, right = rng.integers(0, [2, 2, 4, 4])
    size = rng.uniform(0.92, 1.0)

    def move(array: np.ndarray, order: int) -> np.ndarray:
        return ndimage.zoom(array[top : h - bottom, left : w - right], size, order=order)

    gray = move(picture.gray.astype(float), 1) * rng.uniform(0.9, 1.1) + rng.uniform(-8, 12)
    masks = tuple(move(mask.astype(np.uint8), 0) > 0 for mask in picture.masks)
    return Picture(np.clip(np.rint(gray), 0, 255).astype(np.uint8), masks)


def _draw_marks(rng: Rng, plan: Plan, picture: Picture) -> Image.Image:
    """The picture as exported, RGB: the scanner's Q, a white side label, coloured marks."""
    h, w = picture.gray.shape
    rgb = np.repeat(picture.gray[:, :, None], 3, axis=2)
    if plan.overlay:  # blood flow
        flow = _smooth_noise(rng, (h, w), (7, 9))
        y, x = np.mgrid[:h, :w] - np.array([h, w])[:, None, None] * rng.uniform(0.2, 0.5, (2, 1, 1))
        rgb[(np.hypot(y, x) < 20) & (flow > 0.9)] = 230, 40, 0
        rgb[(np.hypot(y, x) < 20) & (flow < -0.9)] = 20, 60, 240
    image = Image.fromarray(rgb)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default_imagefont()  # a bitmap: alike on every machine
    side = str(rng.choice(["LT", "RT"]))
    if rng.random() < 0.5:
        draw.text((0, 0), "Q", "white", font)
    if plan.number % 6 == 1:
        draw.text((2, int(h * rng.uniform(0.6, 0.9))), f"{side} BREAST", "white", font)
    if plan.overlay:
        draw.text((w - 50, h - 14), f"{side} UOQ", "yellow", font)
        for mask in picture.masks[:1]:  # calipers
            rows, columns = np.nonzero(mask)
            y, ends = int(rows.mean()), (int(columns.min()), int(columns.max()))
            draw.point([(x, y) for x in range(*ends, 4)], "yellow")
            for x in ends:
                draw.line([(x - 5, y), (x + 5, y), (x, y), (x, y - 5), (x, y + 5)], "yellow")
    return image


def _write_files(folder: Path, plan: Plan, picture: Picture, image: Image.Image) -> None:
    """Save an image and its masks in the mix of pixel formats that BUSI's files have."""
    stem = f"{plan.cls} ({plan.number})"
    (folder / plan.cls).mkdir(parents=True, exist_ok=True)
    images = {f"{stem}.png": image.convert("L") if plan.number % 8 == 5 else image}
    for i, mask in enumerate(picture.masks or [np.zeros(picture.gray.shape, bool)]):
        mode = ("1", "RGB", "RGBA")[plan.number % 3]
        images[f"{stem}_mask_{i}.png" if i else f"{stem}_mask.png"] = Image.fromarray(mask).convert(mode)
    for name, content in images.items():
        content.save(folder / plan.cls / name, compress_level=1)
