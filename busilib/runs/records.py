"""Records: what a run measured, written so that every figure can be computed again without a GPU.

A record is a folder `results/<profile>/<experiment>/` (with "@random" behind the id for a report's own
protocol) with `metrics.json`, `predictions.csv`, `history.csv` and, where a validation part chose the epoch,
`validation.csv`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.splits import hold_out
from busilib.metrics.combined import gate_counts
from busilib.metrics.measure import measure
from busilib.metrics.pairing import groups_of
from busilib.paths import project_root
from busilib.runs.profiles import profile
from busilib.runs.run import Run


@dataclass(frozen=True)
class Record:
    """A record read back.

    Attributes:
        name: folder name, such as "r1-unet" or "r1-unet@random".
        facts: the contents of `metrics.json`.
        predictions: one row per test image.
        validation: one row per fold and validation image; no rows where there was no validation part.
        history: one row per fold and epoch.
    """

    name: str
    facts: dict
    predictions: pd.DataFrame
    validation: pd.DataFrame
    history: pd.DataFrame

    @property
    def metrics(self) -> dict[str, dict]:
        """Figures by key, each with `value`, `low`, `high` and `n`."""
        return self.facts["metrics"]


def metrics_of(runs: Sequence[Run]) -> dict[str, dict]:
    """Figures of one experiment over the test images of all given folds, see `measure`."""
    first = runs[0]
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    return measure(
        first.experiment.task,
        predictions,
        groups_of(predictions, first.data.table),
        profile(first.profile).bootstrap_draws,
    )


def write_record(runs: Sequence[Run], folder: Path) -> Path:
    """Record finished runs of one experiment, one per fold, as one record.

    Args:
        runs: same experiment, profile, protocol and seed; different folds.
        folder: results folder; the record is `folder/<profile>/<name>/`.

    Returns:
        The record's folder.

    Example:
        >>> write_record([run("r1-unet", data, "laptop")], Path("results"))
        PosixPath('results/laptop/r1-unet')
    """
    runs = sorted(runs, key=lambda run: run.fold)
    first = runs[0]
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    settings = asdict(first.settings)
    settings.pop("weights")
    facts = {
        "experiment": first.experiment.id,
        "report": first.experiment.report,
        "title": first.experiment.title,
        "task": first.experiment.task,
        "profile": first.profile,
        "protocol": first.protocol,
        "seed": first.seed,
        "dataset": {
            "name": first.data.name,
            "fingerprint": first.data.fingerprint,
            "n": len(first.data),
            "size": first.data.size,
        },
        "split": [
            {
                "fold": run.fold,
                "train": len(run.split.train),
                "validation": len(run.split.validation),
                "test": len(run.split.test),
                "hold_out": len(run.split.hold_out),
                "selected_on": run.split.selected_on,
            }
            for run in runs
        ],
        "inputs": first.inputs,
        "test_inputs": first.test_inputs,
        "settings": settings,
        "weights": first.facts["weights"],
        "parameters": first.facts["parameters"],
        "epochs_run": [len(run.history) for run in runs],
        "metrics": metrics_of(runs),
        "train_seconds": sum(run.facts["train_seconds"] for run in runs),
        "total_seconds": sum(run.facts["total_seconds"] for run in runs),
        "predict_ms_per_image": first.facts["predict_ms_per_image"],
        **{key: first.facts[key] for key in ("backend", "hardware", "versions", "commit", "date")},
    }
    if first.members:
        facts["members"] = [run.facts["members"] for run in runs]
    if len(first.hold_out):
        facts["hold_out_metrics"] = measure(
            first.experiment.task,
            first.hold_out,
            groups_of(first.hold_out, first.data.table),
            profile(first.profile).bootstrap_draws,
        )
    target = folder / first.profile / first.name
    target.mkdir(parents=True, exist_ok=True)
    predictions.to_csv(target / "predictions.csv", index=False, lineterminator="\n")
    validation = pd.concat([run.validation for run in runs], ignore_index=True)
    for name, table in (("validation.csv", validation), ("hold_out.csv", first.hold_out)):
        if len(table):
            table.to_csv(target / name, index=False, lineterminator="\n")
    history = pd.concat([run.history.assign(fold=run.fold) for run in runs], ignore_index=True)
    history.round(6).to_csv(target / "history.csv", index=False, lineterminator="\n")
    (target / "metrics.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8", newline="\n")
    return target


def combined_records(profile_name: str, seed: int = 0) -> dict[str, dict[str, dict]]:
    """R1's combined evaluation from the records of its two networks, on the real BUSI.

    The images are drawn from the first test fold, which both networks share, as R1 drew its hold-out.

    Args:
        profile_name: of the records; it also gives the number of images per class.
        seed: of the draw.

    Returns:
        Figures with intervals of "U-Net alone", "U-Net and classifier" and "DenseNet121"; empty where a
        record is missing.

    Example:
        >>> combined_records("laptop")["U-Net and classifier"]["lesion_dice"]
    """
    outlined, named = (read_record(id, profile_name) for id in ("r1-unet", "r1-densenet121"))
    if outlined is None or named is None:
        return {}
    chosen, draws = profile(profile_name).hold_out, profile(profile_name).bootstrap_draws
    outlines = outlined.predictions.query("fold == 0").set_index("id")
    names = named.predictions.query("fold == 0").set_index("id").loc[outlines.index]
    labels = pd.Categorical(outlines["true"], categories=CLASSES).codes
    held, _ = hold_out(labels, chosen, seed)
    outlines, names = outlines.iloc[held], names.iloc[held]
    groups = groups_of(outlines.reset_index(), read_table())
    normal = (names[list(CLASSES)].idxmax(axis=1) == "normal").to_numpy()
    return {
        "U-Net alone": measure("segmentation", outlines, groups, draws),
        "U-Net and classifier": measure("segmentation", gate_counts(outlines, normal), groups, draws),
        "DenseNet121": measure("classification", names, groups, draws),
    }


def results_folder() -> Path:
    """The project's recorded results."""
    return project_root() / "results"


def read_record(name: str, profile_name: str, folder: Path | None = None) -> Record | None:
    """A record by name, or None where there is none.

    Example:
        >>> read_record("r1-unet", "laptop").metrics["lesion_dice"]
    """
    path = (folder or results_folder()) / profile_name / name
    if not (path / "metrics.json").is_file():
        return None
    return Record(
        name=name,
        facts=json.loads((path / "metrics.json").read_text(encoding="utf-8")),
        predictions=pd.read_csv(path / "predictions.csv"),
        validation=pd.read_csv(inner) if (inner := path / "validation.csv").is_file() else pd.DataFrame(),
        history=pd.read_csv(path / "history.csv"),
    )
