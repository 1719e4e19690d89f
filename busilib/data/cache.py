"""Where what was decoded, drawn or converted once is kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs

from busilib.data.dataset import Dataset


def cache_folder() -> Path:
    """Where decoded datasets and phantoms are kept (the platform's user cache, or BUSI_CACHE_DIR)."""
    return Path(os.environ.get("BUSI_CACHE_DIR") or platformdirs.user_cache_dir("busilib", appauthor=False))


def write_cache(path: Path, dataset: Dataset) -> None:
    """Keep a decoded dataset.

    Args:
        path: of the `.npz` file; its folder is made.
        dataset: as it was decoded.

    Raises:
        OSError: if the folder cannot be written.

    Example (not run):
        >>> write_cache(cache_folder() / "datasets" / "3f2a.npz", data)
    """
    columns = {f"table_{name}": np.array(dataset.table[name].tolist()) for name in dataset.table}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two programs may load the same data at once: each writes a file of its own, then moves it into place.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="part-") as part:
        written = Path(part) / path.name
        arrays = {"images": dataset.images, "masks": dataset.masks, "labels": dataset.labels, **columns}
        np.savez(written, **arrays)  # type: ignore[arg-type]  # one of its names could be `allow_pickle`
        written.replace(path)


def read_cache(path: Path, name: str) -> Dataset | None:
    """The cached dataset, or None where the file is damaged: it is then decoded and written anew.

    Example (not run):
        >>> read_cache(cache_folder() / "datasets" / "3f2a.npz", "BUSI").name
        'BUSI'
    """
    try:
        with np.load(path) as stored:
            columns = {key[6:]: stored[key] for key in stored.files if key[:6] == "table_"}
            arrays = stored["images"], stored["masks"], stored["labels"]
        return Dataset(*arrays, pd.DataFrame(columns), name)
    except Exception:  # a damaged zip or array fails in a dozen ways, and each is mended the same way
        return None
