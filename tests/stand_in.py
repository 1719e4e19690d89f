"""A training that takes no time: what tests of campaigns run in place of the real one.

Also loaded by dask workers (`dask worker --preload stand_in.py`), which then train nothing either.
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from busilib.runs import runner
from busilib.runs.predict import prediction_table
from busilib.runs.run import FACTS, HISTORY, PREDICTIONS, VALIDATION, Run

LOG = "trainings.log"
"""In the folder we stand in: one line when a training begins and one when it ends, with process and fold."""


def produce(run: Run) -> None:
    """Write the folder of a run as if it had been trained; where a file `hold` lies, wait until it goes."""
    _log("begin", run)
    while Path("hold").exists():
        time.sleep(0.05)
    run.folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([run.seed, run.fold])
    for name, indices in ((PREDICTIONS, run.split.test), (VALIDATION, run.split.validation)):
        found = random.dirichlet([1, 1, 1], len(indices)).astype(np.float32)
        prediction_table(run, indices, found).to_csv(run.folder / name, index=False)
    pd.DataFrame({"epoch": [0], "seconds": [1.0], "loss": [0.5]}).to_csv(run.folder / HISTORY, index=False)
    facts = {
        "key": run.spec.key,
        "spec": asdict(run.spec),
        "dataset": {"name": run.data.name, "n": len(run.data)},
        "split": {"test": len(run.split.test)},
        "parameters": 1,
        "weights": {"source": "random"},
        "train_seconds": 1.0,
        "total_seconds": 2.0,
        "predict_ms_per_image": 1.0,
        "backend": "none",
        "hardware": "none",
        "versions": {},
        "commit": "0123456789",
        "date": "2026-01-01 00:00 UTC",
        "groups": dict(zip(run.data.ids.tolist(), run.data.groups.tolist(), strict=True)),
    }
    (run.folder / FACTS).write_text(json.dumps(facts))
    _log("end", run)


def _log(what: str, run: Run) -> None:
    with Path(LOG).open("a") as log:
        log.write(f"{what} {os.getpid()} {run.experiment.id} {run.fold}\n")


def lines(what: str) -> list[list[str]]:
    """The lines of the log of that kind, each as process, experiment and fold."""
    text = Path(LOG).read_text() if Path(LOG).exists() else ""
    return [line.split()[1:] for line in text.splitlines() if line.startswith(what)]


def dask_setup(worker) -> None:
    runner.produce = produce
