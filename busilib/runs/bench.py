"""How fast networks train on this machine: one job of two threads or two of one, float32 or mixed_bfloat16.

Run it on an idle machine:

    python -m busilib.runs.bench --data DIR
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from busilib import provenance
from busilib.paths import project_root
from busilib.runs.jobs import Job, limit_threads, planned_run
from busilib.runs.once import json_text, replace_text
from busilib.runs.recording import refuse_uncommitted, target_of
from busilib.runs.records import results_folder

IDS = ("own-clf", "r4-unet", "r2-cnn")
"""A pretrained encoder, a narrow U-Net and a small classifier."""

WAYS = ((1, 2), (2, 1))
"""Jobs at a time, and threads of each."""

PRECISIONS = ("float32", "mixed_bfloat16")
EPOCHS = 3
"""That each job trains; the first, in which the graph is made, is not counted."""

FILE = "throughput.json"


@dataclass(frozen=True)
class Speed:
    """Training images per second, of all jobs together: an epoch as it is trained, validation included.

    Attributes:
        experiment: id in the registry.
        precision: as in `busilib.settings.Settings`.
        jobs, threads: jobs at a time, and threads of each.
        images_per_second: of training images.
    """

    experiment: str
    precision: str
    jobs: int
    threads: int
    images_per_second: float


def measure(ids: Sequence[str], profile: str, data: str = "") -> list[Speed]:
    """The speed of each network in each way and precision.

    Args:
        ids: of experiments that train a network.
        profile, data: see `busilib.runs.jobs.Job`.

    Example (not run):
        >>> measure(["r2-cnn"], "laptop", "Dataset_BUSI_with_GT")[0].images_per_second
        31.5
    """
    found = []
    for id in ids:
        planned_run(Job(id, profile, data))  # so that the images are in the cache
        for precision in PRECISIONS:
            for jobs, threads in WAYS:
                spawn = multiprocessing.get_context("spawn")  # Keras reads its threads once in a process
                with ProcessPoolExecutor(jobs, spawn, limit_threads, (threads,)) as workers:
                    speeds = workers.map(_speed, [Job(id, profile, data)] * jobs, [precision] * jobs)
                    found.append(Speed(id, precision, jobs, threads, round(sum(speeds), 2)))
    return found


def _speed(job: Job, precision: str) -> float:
    """Training images per second of one job."""
    from busilib.runs.learn import produce

    asked = planned_run(job)
    settings = replace(asked.settings, precision=precision, epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        run = replace(asked, settings=settings, folder=Path(folder))
        produce(run)
        seconds = run.history["seconds"][1:].mean()
    return len(run.split.train) / seconds


def write(speeds: Sequence[Speed], profile: str, file: Path) -> None:
    """Record speeds with where they come from.

    Example (not run):
        >>> write(measure(IDS, "laptop", "Dataset_BUSI_with_GT"), "laptop", Path("results/throughput.json"))
    """
    facts = {"profile": profile, **provenance.environment(), "speeds": [asdict(one) for one in speeds]}
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, json_text(facts))


def read(file: Path) -> tuple[dict, list[Speed]]:
    """What is recorded: where it comes from, and the speeds.

    Example (not run):
        >>> read(Path("results/throughput.json"))[0]["hardware"]
        '2 CPU cores (x86_64), 0 GPU'
    """
    facts = json.loads(file.read_text(encoding="utf-8"))
    return facts, [Speed(**one) for one in facts.pop("speeds")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and record, in `results/` for the real BUSI, in `_build/results/` for phantoms."""
    parser = argparse.ArgumentParser("python -m busilib.runs.bench", description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*", default=IDS, metavar="ID", help="experiments")
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--data", default="", help="a BUSI folder; left out, phantoms (profile smoke)")
    asked = parser.parse_args(arguments)
    folder = target_of(planned_run(Job(asked.ids[0], asked.profile, asked.data)))
    if folder == results_folder():
        refuse_uncommitted(provenance.commit())
    speeds = measure(asked.ids, asked.profile, asked.data)
    write(speeds, asked.profile, folder / FILE)
    for one in speeds:
        way = f"{one.experiment:12} {one.precision:15} {one.jobs} × {one.threads}"
        print(f"{way} {one.images_per_second:8.2f}")
    print(f"Recorded in {(folder / FILE).relative_to(project_root())}")


if __name__ == "__main__":
    main()
