"""Where a number comes from: versions, hardware, commit and weights."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from busilib.paths import project_root

PACKAGES = ("busilib", "keras", "tensorflow", "torch", "jax", "numpy", "pandas", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter to a result, where they are installed.

    Example:
        >>> versions()["python"]
        '3.11.7'
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


CODE = ("busilib", "pyproject.toml")
"""What a record depends on: a change of prose or of records does not make a run another program's."""

CHANGES = "+changes"


def commit(folder: Path | None = None) -> str:
    """Short commit of a checkout, with "+changes" where its code differs from it, or "unknown".

    Args:
        folder: the checkout; left out, the one we stand in.

    Example (not run):
        >>> commit()
        'd578b0f1c2'
    """
    git = ["git", "-C", str(folder or project_root())]
    try:
        found = subprocess.run(
            [*git, "describe", "--always", "--abbrev=10", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", *CODE], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip() + (CHANGES if changed.stdout.strip() else "")


def backend_name() -> str:
    """The backend that Keras is set to, without starting it: KERAS_BACKEND, else its settings file.

    Example:
        >>> backend_name()
        'tensorflow'
    """
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def program() -> str:
    """What `busi --version` tells: version, commit of the code that runs, Keras and its backend, Python.

    Example (not run):
        >>> program()
        'busilib 0.1.0 (commit d578b0f1c2), Keras 3.12.0 with tensorflow, Python 3.11.7'
    """
    found, code = versions(), Path(__file__).parents[1]
    of_code = commit(code) if (code / "pyproject.toml").is_file() else "unknown"
    return (
        f"busilib {found.get('busilib', 'not installed')} (commit {of_code}), Keras "
        f"{found.get('keras', 'not installed')} with {backend_name()}, Python {found['python']}"
    )


def weights_identity(source: str | None) -> str:
    """Which weights an encoder starts from: "random", "imagenet" (Keras's own), or the SHA-256 of a file.

    Example:
        >>> weights_identity(None)
        'random'
    """
    if source is None or source == "imagenet":
        return source or "random"
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()


def weights(source: str | None) -> dict[str, str]:
    """What an encoder started from: "random", "imagenet", or the name and SHA-256 of a file.

    Example:
        >>> weights(None)
        {'source': 'random'}
    """
    if source is None or source == "imagenet":
        return {"source": source or "random"}
    return {"source": Path(source).name, "sha256": weights_identity(source)}


def gpu_count() -> int:
    """Number of GPUs the Keras backend can use.

    Example:
        >>> gpu_count()
        0
    """
    from busilib.keras_backend import keras

    if keras.backend.backend() == "torch":  # Keras lists no devices for PyTorch
        import torch

        return torch.cuda.device_count()
    try:
        return len(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # what JAX raises where there is no GPU
        return 0


def environment() -> dict:
    """Backend, hardware, versions, commit and date (UTC) of a run that is ending now."""
    from busilib.keras_backend import keras

    return {
        "backend": keras.backend.backend(),
        "hardware": f"{os.cpu_count()} CPU cores ({platform.machine()}), {gpu_count()} GPU",
        "versions": versions(),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
