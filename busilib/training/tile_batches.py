"""Batches of histology tiles for Keras: colours, codes, and which pixels count."""

from __future__ import annotations

import numpy as np

from busilib.data.tiles import IGNORED, OUTPUTS, Tiles
from busilib.keras_backend import keras


class TileBatches(keras.utils.PyDataset):
    """Batches of tiles, outputs to learn and pixel weights; in training they are shuffled anew each epoch.

    The content of a batch depends on seed, epoch and position alone, so that a training that was killed
    and resumed sees what an undisturbed one would have seen.

    A batch is RGB float32 (b, h, w, 3) in 0 to 1, int32 (b, h, w) with the output that stands for each code
    (code − 1), and float32 (b, h, w) weights: 0 where the code is among `IGNORED`, else 1. Keras divides the
    loss by all pixels of a batch, so ignored ones make it smaller without changing what is learnt.

    Args:
        tiles: the tiles.
        indices: int (m,), which of them.
        batch: tiles per batch.
        shuffle: in another order each epoch; else in the order of `indices`.
        seed: of shuffling.

    Example:
        >>> x, y, weights = TileBatches(tiles, np.arange(10), batch=8)[0]
        >>> x.shape == (8, tiles.size, tiles.size, 3), bool(y.max() <= 20)
        (True, True)
    """

    target = "codes"

    def __init__(
        self, tiles: Tiles, indices: np.ndarray, *, batch: int, shuffle: bool = False, seed: int = 0
    ):
        super().__init__()
        self.tiles, self.indices, self.batch = tiles, np.asarray(indices), batch
        self.shuffle, self.seed = shuffle, seed
        self.epoch = -1

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch)

    def on_epoch_begin(self) -> None:
        self.epoch += 1

    def __getitem__(self, position: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        order = self.indices
        if self.shuffle:
            order = np.random.default_rng((self.seed, max(self.epoch, 0))).permutation(order)
        chosen = order[position * self.batch : (position + 1) * self.batch]
        codes = self.tiles.codes[chosen]
        images = self.tiles.images[chosen] / np.float32(255)
        outputs = np.clip(codes.astype(np.int32) - 1, 0, len(OUTPUTS) - 1)
        return images, outputs, (~np.isin(codes, IGNORED)).astype(np.float32)
