"""The augmentations of R1 to R4: image and mask move together, masks stay binary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; zero or None leaves a change out.

    Attributes:
        flip: "horizontal", "horizontal_and_vertical" or None.
        rotation: degrees, drawn from [-rotation, rotation].
        shift: fraction of height and width, drawn from [-shift, shift].
        zoom_in: largest enlargement as a fraction of the field of view cut off (0.2 shows 80% of it).
        brightness: added gray, fraction of the full range, drawn from [-brightness, brightness].
        contrast: relative gain of contrast, drawn from [0, contrast].
    """

    flip: str | None = None
    rotation: float = 0.0
    shift: float = 0.0
    zoom_in: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0


R1 = Augmentation(flip="horizontal_and_vertical", rotation=15, brightness=0.1, contrast=0.1)
"""R1 names brightness, contrast, random flips and rotations, and gives no ranges: these are ours."""

R2 = Augmentation(flip="horizontal", rotation=15, shift=10 / 128, zoom_in=0.2)
"""R2: horizontal flip, rotation up to 15°, shifts up to 10 of 128 pixels, zoom 0.80 to 1.00."""

R3 = Augmentation(flip="horizontal")
"""R3: random horizontal flip."""

R4 = Augmentation(flip="horizontal", rotation=15, zoom_in=0.2)
"""R4 names rotation, scaling and flips, and gives no ranges: these are ours."""


OWN = Augmentation(flip="horizontal", rotation=10, shift=0.05, zoom_in=0.2, brightness=0.1, contrast=0.2)
"""Our own: what a probe may do to a picture (side, tilt, place, depth, gain), and no upside-down breasts."""


@lru_cache(maxsize=16)
def _layers(plan: Augmentation) -> list:
    """Keras's layers of a plan, built once: building them for every batch took a third of its time.

    Each is built with a seed only so that it keeps its own random state, which `augment` sets.
    """
    from busilib.keras_backend import keras

    own, nearest = {"seed": 0}, {"seed": 0, "fill_mode": "nearest"}
    layers = []
    if plan.flip:
        layers.append(keras.layers.RandomFlip(plan.flip, **own))
    if plan.rotation:
        layers.append(keras.layers.RandomRotation(plan.rotation / 360, **nearest))
    if plan.shift:
        layers.append(keras.layers.RandomTranslation(plan.shift, plan.shift, **nearest))
    if plan.zoom_in:
        layers.append(keras.layers.RandomZoom((-plan.zoom_in, 0.0), **nearest))
    if plan.brightness:
        layers.append(keras.layers.RandomBrightness(plan.brightness, value_range=(0, 1), **own))
    if plan.contrast:
        layers.append(keras.layers.RandomContrast((0.0, plan.contrast), value_range=(0, 1), **own))
    return layers


def augment(
    images: np.ndarray, masks: np.ndarray, plan: Augmentation, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Change each image of a batch at random, and its mask with it, through Keras's own layers.

    Args:
        images: float32 (n, h, w, 1), 0 to 1.
        masks: float32 (n, h, w, 1), exactly 0 or 1.
        plan: the ranges.
        seed: the same seed gives the same result.

    Returns:
        Images float32 (n, h, w, 1) in 0 to 1, and masks float32 (n, h, w, 1), still exactly 0 or 1.

    Example:
        >>> moved, masks = augment(images, masks, R2, seed=0)
    """
    from busilib.keras_backend import keras

    batch = {"images": images, "segmentation_masks": masks}
    layers = _layers(plan)
    seeds = np.random.SeedSequence(seed).generate_state(6) % (2**31 - 1)
    for layer, own in zip(layers, seeds, strict=False):
        layer.generator.state.assign([own, 0])  # as a layer that was just built with this seed
        batch = layer(batch, training=True)
    images = keras.ops.convert_to_numpy(batch["images"]).astype(np.float32)
    masks = keras.ops.convert_to_numpy(batch["segmentation_masks"]).astype(np.float32)
    return np.clip(images, 0, 1), masks
