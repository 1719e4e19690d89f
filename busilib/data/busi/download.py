"""Get BUSI from Kaggle, or find it where it already lies."""

from __future__ import annotations

import os
from pathlib import Path

from busilib.data.busi.catalog import busi_root
from busilib.data.dataset import DataError

HANDLE = "aryashah2k/breast-ultrasound-images-dataset"
PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"
BY_HAND = (
    f"Or by hand: download the archive from {PAGE} in a browser, unpack it and pass its folder: `--data DIR`."
)


def fetch() -> Path:
    """Download BUSI through kagglehub into its cache; what is there already is not downloaded again.

    Returns:
        BUSI's folder, the one with `benign`, `malignant` and `normal`.

    Raises:
        DataError: without kagglehub, network, access or room, with the ways to mend it.

    Example (not run):
        >>> data = load_busi(fetch())
    """
    if cached := _cached():
        return cached
    try:
        import kagglehub
    except ImportError as error:
        raise DataError(
            f"BUSI cannot be downloaded: the package {error.name} is not installed. "
            f"`pip install kagglehub` adds it.\n{BY_HAND}"
        ) from error
    try:
        return busi_root(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # kagglehub's own errors share no base class
        status = getattr(getattr(error, "response", None), "status_code", None)
        kinds = {kind.__name__ for kind in type(error).__mro__}  # those of requests, which lie below
        reason = f"{str(error).strip() or type(error).__name__}."
        if kinds & {"ConnectionError", "Timeout"}:
            reason = "Kaggle cannot be reached. Check the network (or proxy) and try again."
        elif status in (401, 403) or type(error).__name__ in ("UnauthenticatedError", "CredentialError"):
            reason = (
                "Kaggle refuses access. Make an API token at https://www.kaggle.com/settings, then set "
                "KAGGLE_USERNAME and KAGGLE_KEY or save it as .kaggle/kaggle.json in your home folder."
            )
        raise DataError(f"BUSI was not downloaded: {reason}\n{BY_HAND}") from error


def find_busi() -> Path | None:
    """BUSI's folder on this machine without any download: BUSI_DIR, else kagglehub's cache, else None.

    Raises:
        DataError: if BUSI_DIR is set, but to no BUSI folder.

    Example:
        >>> find_busi() or "phantoms then"
    """
    if folder := os.environ.get("BUSI_DIR"):
        try:
            return busi_root(folder)
        except DataError as error:
            raise DataError(f"BUSI_DIR is set to {error} Or unset BUSI_DIR.") from error
    return _cached()


def kaggle_cache() -> Path:
    """Where kagglehub keeps BUSI; delete it to download anew."""
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    return cache / "datasets" / HANDLE


def _cached() -> Path | None:
    """The newest copy that kagglehub has finished downloading, read from its cache's layout."""
    folder = kaggle_cache()
    markers = [path for path in folder.glob("*.complete") if path.stem.isdecimal()]
    for marker in sorted(markers, key=lambda path: int(path.stem), reverse=True):
        try:
            return busi_root(folder / "versions" / marker.stem)
        except DataError:
            continue
    return None
