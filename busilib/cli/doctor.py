"""What this machine has and lacks for the report, and how to mend it: quick, offline, nothing imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from busilib.data.busi.download import find_busi
from busilib.data.dataset import DataError

DISK_GB, MEMORY_GB = 4, 6
"""Free disk for a build with its caches; memory that the whole smoke report needs."""


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be.
        found: what was found.
        mend: what to do about it, "" where there is nothing to do.
        needed: False for what only some runs need: real data, a graphics card, a browser for the tests.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True


def check(root: Path) -> list[Finding]:
    """Examine the machine for the report of the repository at `root`.

    Returns:
        The findings: first what every run needs, then what only some do. Takes under three seconds.

    Example:
        >>> [finding.name for finding in check(Path(".")) if finding.needed and not finding.ok]
        []
    """
    needed = [_python(), *_packages(), _kernel(), _disk(root), _memory(), _cores()]
    return [*needed, _graphics_card(), _busi(), _kaggle(), _weights(), _chromium()]


def find_chromium() -> str | None:
    """The browser that the tests of the built pages use: Chromium or Chrome on the PATH, None without."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def _python() -> Finding:
    allowed = SpecifierSet(importlib.metadata.metadata("busilib")["Requires-Python"])
    version = platform.python_version()
    mend = f"install a Python {allowed}, delete .venv and run `make report` again"
    ok = allowed.contains(version)
    return Finding("Python", ok, f"{version} ({sys.executable})", "" if ok else mend)


def _packages() -> list[Finding]:
    """One finding per dependency of the project, the extra `train` included, `gpu` and `test` not."""
    findings = []
    for line in importlib.metadata.requires("busilib") or []:
        wanted = Requirement(line)
        if wanted.name == "busilib" or (
            wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", "train"))
        ):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        ok = bool(version) and wanted.specifier.contains(version, prereleases=True)
        mend = f'"{sys.executable}" -m pip install "{wanted.name}{wanted.specifier}"'
        findings.append(Finding(wanted.name, ok, version or "not installed", "" if ok else mend))
    return sorted(findings, key=lambda finding: finding.name)


def _kernel() -> Finding:
    ok = importlib.util.find_spec("ipykernel") is not None
    found = "notebooks run on this very Python" if ok else "no kernel for notebooks"
    return Finding("Jupyter kernel", ok, found, "" if ok else f'"{sys.executable}" -m pip install ipykernel')


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free / 1e9
    ok = free >= DISK_GB
    found = f"{free:.0f} GB free at {root.resolve()}"
    return Finding("disk", ok, found, "" if ok else f"make {DISK_GB} GB of room")


def _memory() -> Finding:
    total = psutil.virtual_memory().total / 1e9
    ok = total >= MEMORY_GB
    mend = (
        f"the report wants {MEMORY_GB} GB; close other programs or run one notebook at a time with `--only`"
    )
    return Finding("memory", ok, f"{total:.0f} GB", "" if ok else mend)


def _cores() -> Finding:
    return Finding("processor", True, f"{os.cpu_count()} cores ({platform.machine()})")


def _graphics_card() -> Finding:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    command = shutil.which("nvidia-smi")
    cards = ""
    if command:
        ask = [command, "--query-gpu=name", "--format=csv,noheader"]
        try:
            cards = subprocess.run(ask, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            cards = ""
    if not cards:
        return Finding(
            "graphics card", True, f"none; Keras ({backend}) computes on the processor", needed=False
        )
    found = cards.replace("\n", ", ")
    if backend == "tensorflow" and not _installed("nvidia-cudnn-cu12"):
        mend = "pip install -e '.[gpu]'"
        return Finding("graphics card", False, f"{found}, but TensorFlow has no CUDA libraries", mend, False)
    return Finding("graphics card", True, f"{found} (Keras backend {backend})", needed=False)


def _installed(package: str) -> bool:
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


def _busi() -> Finding:
    try:
        folder = find_busi()
    except DataError as error:
        return Finding("BUSI", False, str(error), "set BUSI_DIR to BUSI's folder, or unset it", False)
    if folder is None:
        mend = "`busi data fetch` downloads it; `--profile smoke` does without"
        return Finding("BUSI", False, "not on this machine", mend, False)
    return Finding("BUSI", True, f"{folder}; `busi data check` reads every file", needed=False)


def _kaggle() -> Finding:
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle")
    named = "KAGGLE_API_TOKEN" in os.environ or {"KAGGLE_USERNAME", "KAGGLE_KEY"} <= set(os.environ)
    if named or any((folder / name).is_file() for name in ("kaggle.json", "access_token")):
        return Finding("Kaggle", True, "an API token is set up", needed=False)
    mend = (
        "only if `busi data fetch` is refused: make a token at https://www.kaggle.com/settings "
        f"and save it as {folder / 'kaggle.json'}"
    )
    return Finding("Kaggle", False, "no API token", mend, False)


def _weights() -> Finding:
    folder = os.environ.get("BUSI_WEIGHTS_DIR", "")
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if folder and not Path(folder).is_dir():
        mend = "set BUSI_WEIGHTS_DIR to a folder of <encoder>.weights.h5 files, or unset it"
        return Finding("pretrained weights", False, f"BUSI_WEIGHTS_DIR: {folder} is no folder", mend, False)
    files = sorted(Path(folder).glob("*.weights.h5")) if folder else []
    files += sorted((keras_home / "models").glob("*no*top*.h5"))
    if files:
        return Finding("pretrained weights", True, ", ".join(path.name for path in files), needed=False)
    mend = "Keras downloads them on first use; offline, put them in a folder and set BUSI_WEIGHTS_DIR to it"
    return Finding("pretrained weights", False, "none on this machine", mend, False)


def _chromium() -> Finding:
    path = find_chromium()
    mend = "the check of the built pages is skipped; on Debian: sudo apt-get install chromium"
    return Finding("Chromium", path is not None, path or "not on the PATH", "" if path else mend, False)
