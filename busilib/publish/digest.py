"""Identity of everything that decides what a notebook computes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from busilib import provenance


def source_digest(notebook: Path) -> str:
    """Hexadecimal SHA-256 of a notebook file, by which an executed copy knows its source."""
    return hashlib.sha256(notebook.read_bytes()).hexdigest()


def digest(root: Path, notebook: Path, parameters: Mapping[str, object]) -> str:
    """Identity of everything that decides what a notebook computes.

    Taken in are the notebook, its parameters, the package's code and tables, the recorded results, the
    versions of Python and the libraries, Keras's backend, and names, sizes and times of the data and weight
    files.

    Returns:
        A hexadecimal SHA-256, equal exactly while none of these has changed.

    Example (not run):
        >>> digest(root, root / "notebooks/01_data_exploration.ipynb", {"profile": "smoke"})[:8]
    """
    package = Path(__file__).parents[1]
    code = [path for path in sorted(package.rglob("*")) if path.suffix in {".py", ".csv"}]
    results = sorted(path for path in (root / "results").rglob("*") if path.is_file())
    parts = {
        "notebook": source_digest(notebook),
        "parameters": dict(parameters),
        "code": [(str(path.relative_to(package)), source_digest(path)) for path in code],
        "results": [(str(path.relative_to(root)), source_digest(path)) for path in results],
        "versions": provenance.versions(),
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "files": [
            _identity(str(parameters.get(name) or "")) for name in ("data", "weights", "bcss", "outside")
        ],
        "local weights": _identity(os.environ.get("BUSI_WEIGHTS_DIR", "")),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _identity(path: str) -> list[tuple[str, int, int]]:
    """Names, sizes and times of a file or of the files of a folder; nothing for what is neither."""
    if not path or not Path(path).exists():
        return []
    files = ((file, file.stat()) for file in [Path(path), *sorted(Path(path).rglob("*"))] if file.is_file())
    return [(file.relative_to(path).as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in files]
