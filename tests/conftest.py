"""What the tests share: phantoms, runs of one epoch, the smoke report, the real BUSI, a cache of their own.

`make test` runs them in two processes (pytest-xdist). Tests of one file stay in one process, which sets up
their fixtures once; the smoke report, which takes both processors, comes first and is made once for both.
"""

import gc
import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from busilib.data.loader import load_busi
from busilib.data.phantoms.ultrasound import write_phantom
from busilib.reports.experiment import Experiment
from busilib.runs import runner


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of the smoke report start, then the files with most slow tests."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: ("smoke_report" not in item.fixturenames, -slow[item.path], item.path))


def pytest_collection_finish() -> None:
    """What the imports left stays to the end: no later collection of garbage looks through it again."""
    gc.collect()
    gc.freeze()


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all processes of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory):
    """A cache folder for this session, so that no test reads or writes the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUSI_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def phantom_dir(tmp_path_factory) -> Path:
    """A BUSI folder of 12 benign, 8 malignant and 6 normal phantoms: do not write into it."""
    return write_phantom(tmp_path_factory.mktemp("phantoms"), benign=12, malignant=8, normal=6, seed=0)


@pytest.fixture(scope="session")
def phantom(phantom_dir):
    """The phantoms as a Dataset at 64 px."""
    return replace(load_busi(phantom_dir, size=64, name="phantoms"), origin="phantom")


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory) -> Iterator[Path]:
    """The project folder of runs in which networks learn in one step: nothing but `run` writes there.

    All tests share it, those of other processes too, so that each run is trained once.
    """
    plain, folder = runner.settings_for, shared_folder(tmp_path_factory) / "one-epoch"
    folder.mkdir(exist_ok=True)

    def short(entry: Experiment, *rest):
        settings = plain(entry, *rest)
        return replace(settings, epochs=1, batch=32) if entry.kind == "network" else settings

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(runner, "settings_for", short)
        yield folder


@pytest.fixture(scope="session")
def busi_dir() -> Path:
    """The real BUSI, from the environment variable BUSI_DIR; tests that need it are skipped without it."""
    return _given("BUSI_DIR", "BUSI")


@pytest.fixture(scope="session")
def breast_dir() -> Path:
    """The real BrEaST, from the environment variable BREAST_DIR, in the same way."""
    return _given("BREAST_DIR", "BrEaST")


def _given(variable: str, name: str) -> Path:
    folder = os.environ.get(variable, "")
    if not folder:
        pytest.skip(f"{variable} is not set: needs the real {name}")
    return Path(folder)


ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class SmokeReport:
    """A smoke report made for this session: its folder, what `busi report` printed, and what it took."""

    root: Path
    code: int
    output: str
    seconds: float
    peak_bytes: int

    @property
    def html(self) -> Path:
        return self.root / "_build" / "html"


@pytest.fixture(scope="session")
def smoke_report(tmp_path_factory) -> SmokeReport:
    """`busi report` in a copy of the repository, with an empty home folder; made once for a session."""
    folder = shared_folder(tmp_path_factory)
    made = folder / "smoke-report.json"
    with FileLock(folder / "smoke-report.lock"):
        if not made.is_file():
            report = _make_report(tmp_path_factory.mktemp("fresh"), tmp_path_factory.mktemp("home"))
            made.write_text(json.dumps(asdict(report) | {"root": str(report.root)}), encoding="utf-8")
    facts = json.loads(made.read_text(encoding="utf-8"))
    return SmokeReport(**facts | {"root": Path(facts["root"])})


def _make_report(fresh: Path, home: Path) -> SmokeReport:
    root = fresh / "repository"
    for name in ("notebooks", "book", "results"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("_config.yml", "_toc.yml", "pyproject.toml", "CITATION.cff"):
        shutil.copy(ROOT / name, root)
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "JUPYTER", "BUSI_"))
    }
    env |= {"HOME": str(home), "BUSI_CACHE_DIR": str(home / "cache")}

    log = root / "report.log"
    start, peak = time.perf_counter(), 0
    command = [Path(sysconfig.get_path("scripts")) / "busi", "report", "--profile", "smoke"]
    with log.open("wb") as out:
        process = psutil.Popen(command, cwd=root, env=env, stdout=out, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, _resident(process))
            time.sleep(0.5)
    seconds = time.perf_counter() - start
    return SmokeReport(root, process.returncode, log.read_text(encoding="utf-8"), seconds, peak)


def _resident(process: psutil.Process) -> int:
    """Bytes of memory that a process and its descendants hold."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    held = 0
    for member in family:
        try:
            held += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return held
