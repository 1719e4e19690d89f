"""Turn a finished run into a model file that can be used without its data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from busilib import provenance
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.look import look
from busilib.errors import UserError
from busilib.metrics.abstention import abstention_metrics, threshold_for
from busilib.metrics.calibration import apply_temperature, confidence_of, fit_temperature
from busilib.metrics.measure import MAIN_FIGURES
from busilib.metrics.unlike import cloud_of, limit_of, unlikeness
from busilib.models.archive import Archive, ArchiveError, ask, with_features
from busilib.paths import project_root
from busilib.reports.registry import experiment
from busilib.runs.load import load_data
from busilib.runs.measured import metrics_of
from busilib.runs.once import read_facts
from busilib.runs.predict import THRESHOLD, network
from busilib.runs.profiles import PROFILES
from busilib.runs.run import FACTS, Run
from busilib.runs.runner import planned
from busilib.settings import Settings

RISK = 0.1
"""Share of wrong answers, among those that are given, that the threshold of abstention aims at."""

ALIKE = 0.99
"""Share of the validation images that count as like the training images."""

PREPARED = (
    "gray (ITU-R 601-2 luma, transparency over black), stretched to a square by antialiased bilinear "
    "resampling, divided by 255"
)

SCORES = {
    "look": "of layout, gray levels and texture (`busilib.data.look`)",
    "encoder": "of the encoder's deepest feature map, averaged over the places",
}
"""Mahalanobis distances to the training images that a picture is held against."""

NOT_CLINICAL = "Not for clinical use."


class RunError(UserError, LookupError):
    """No trained run answers to what was asked for."""


def find_run(id: str, data: str | Path = "", profile: str = "", fold: int | None = None) -> Run:
    """A finished, grouped run of this machine, with its data.

    Args:
        id: of the experiment.
        data: folder of what it learned from; not needed for phantoms.
        profile: of the run; empty for the largest that there is.
        fold: of the run; None for the lowest that there is.

    Returns:
        Of several runs that of the lowest seed, the newest where one was trained twice.

    Raises:
        RunError: if there is none.
        DataError: if its data are not given, or other ones are.

    Example (not run):
        >>> find_run("r2-cnn", profile="smoke").finished
        True
    """
    experiment(id)  # an unknown one is told
    if profile and profile not in PROFILES:
        raise RunError(f"no profile {profile!r}. There are: {', '.join(PROFILES)}")
    found = [
        (facts, folder)
        for facts, folder in trained(id)
        if profile in ("", facts["spec"]["profile"]) and fold in (None, facts["spec"]["fold"])
    ]
    if not found:
        which = f"{id}{f' under {profile}' if profile else ''}{'' if fold is None else f', fold {fold}'}"
        raise RunError(
            f"no trained run of {which} in {project_root() / '_build' / 'runs'}. Train it: "
            f"`busi train {id} --profile {profile or 'laptop'} --fold {fold or 0} --data DIR`."
        )
    facts, folder = found[0]
    spec = facts["spec"]
    if spec["origin"] != "phantom" and not data:
        raise DataError(
            f"{id} learned from {facts['dataset']['name']}, and how unlike a picture is of those is measured "
            "on them: give their folder (--data DIR), or a model file, which has it inside "
            "(`busi model export`)."
        )
    images = load_data(spec["profile"], data, spec["seed"], Settings(**spec["settings"]).size)
    return _as_trained(facts, folder, images, str(data) or "these phantoms")


def _as_trained(facts: dict, folder: Path, images: Dataset, source: str) -> Run:
    """A finished run and, of a head, its member, as their facts tell them; no pretrained weights are needed.

    Args:
        facts, folder: of the run.
        images: what it should have learned from.
        source: where these come from, for the message.

    Raises:
        DataError: if it learned from others.
    """
    spec = facts["spec"]
    settings = Settings(**spec["settings"])
    plain = planned(
        spec["experiment"], images, spec["profile"], "grouped", spec["fold"], spec["seed"], "none"
    )
    same = replace(plain.spec, settings=settings, weights=spec["weights"], behind=tuple(spec["behind"]))
    if same.key != facts["key"]:
        raise DataError(
            f"{folder}: was trained on other data than {images.name} in {source}, or by another version of "
            f"this program. Give the data that it learned from ({facts['dataset']['name']}, n = "
            f"{facts['dataset']['n']}), or train {spec['experiment']} anew."
        )
    files = [next(folder.parents[1].glob(f"*/*-{key}/{FACTS}")) for key in spec["behind"]]
    members = tuple(_as_trained(read_facts(file), file.parent, images, source) for file in files)
    return replace(plain, spec=same, settings=settings, folder=folder, members=members)


def trained(id: str = "") -> list[tuple[dict, Path]]:
    """Finished grouped runs of this machine that are shown the image alone: facts and folder, best first.

    Args:
        id: of an experiment; empty for all.

    Example (not run):
        >>> sorted({facts["spec"]["experiment"] for facts, _ in trained()})
        ['r2-cnn', 'r4-unet']
    """
    order = list(PROFILES)[::-1]
    found = []
    for path in (project_root() / "_build" / "runs").glob(f"*/{id or '*'}*/*/{FACTS}"):
        facts = read_facts(path)
        spec = facts["spec"]
        entry = experiment(spec["experiment"])
        usual = entry.inputs_under("grouped")
        alone = spec["inputs"] == usual and (entry.test_inputs or usual) == "image"
        if alone and spec["protocol"] == "grouped" and id in ("", entry.id):
            found.append((facts, path.parent))
    newest_first = sorted(found, key=lambda each: each[0]["date"], reverse=True)
    places = [
        (order.index(f["spec"]["profile"]), f["spec"]["seed"], f["spec"]["fold"]) for f, _ in newest_first
    ]
    return [each for _, each in sorted(zip(places, newest_first, strict=True), key=lambda both: both[0])]


def archive_of(run: Run) -> Archive:
    """A finished run as a model file holds it.

    Everything that is chosen is chosen on the run's validation images: the temperature, the confidence from
    which a class is named (see `RISK`), from which presence on a mask counts, and how unlike the training
    images a picture may be (see `ALIKE`). What stands as its figures was measured on its test fold, which
    neither taught nor chose anything.

    Args:
        run: finished and grouped, with its data; that of a head holds its whole network, which does both.

    Raises:
        ArchiveError: if it is no network, or sees more than the image.

    Example (not run):
        >>> archive_of(find_run("r2-cnn", profile="smoke")).facts["classes"]
        ['benign', 'malignant', 'normal']
    """
    runs = _by_task(run)
    trained_run = next(iter(runs.values()))  # the one whose network it is
    model = network(trained_run)
    seeing = with_features(model)
    seen = {}
    for part in ("train", "validation", "test"):
        images = run.data.images[getattr(run.split, part)]
        seen[part] = {"look": look(images), "encoder": ask(seeing, images)[1]}
    # As the file holds them.
    reference = {name: each.astype(np.float16).astype(np.float32) for name, each in seen["train"].items()}
    limits, beyond = {}, {}
    for name, each in reference.items():
        cloud = cloud_of(each)
        limits[name] = limit_of(unlikeness(seen["validation"][name], cloud), ALIKE)
        beyond[name] = float((unlikeness(seen["test"][name], cloud) > limits[name]).mean())
    facts = {
        "experiment": run.experiment.id,
        "title": trained_run.experiment.title,
        "tasks": list(runs),
        "note": NOT_CLINICAL,
        "size": trained_run.settings.size,
        "prepared": PREPARED,
        "test_flip": trained_run.settings.test_flip,
        "unlike": {"limits": limits, "mahalanobis_distances": SCORES, "share_of_validation": ALIKE},
        **_of_all(runs, _choices),
        "learned_from": {
            **{name: run.facts["dataset"][name] for name in ("name", "fingerprint", "n")},
            "origin": run.spec.origin,
            "images": len(run.split.train),
            "validation": len(run.split.validation),
            "weights": trained_run.facts["weights"],
        },
        "never_saw": {
            "fold": run.fold,
            "seed": run.seed,
            "images": len(run.split.test),
            "figures": _of_all(runs, _figures),
            "beyond_the_limit": beyond,
            **_of_all(runs, _abstained),
        },
        "run": {
            "key": trained_run.spec.key,
            "profile": trained_run.spec.profile,
            "settings": asdict(trained_run.spec.settings),
        },
        "exported": {"versions": provenance.versions(), "commit": provenance.commit()},
    }
    return Archive(model, json.loads(json.dumps(facts)), reference)


def _by_task(run: Run) -> dict[str, Run]:
    """What a model file of a run does, and the runs that say how well: first that of the trained network."""
    entry = run.experiment
    if entry.kind == "head":
        (member,) = run.members
        return {member.experiment.task: member, entry.task: run}
    if entry.kind == "network" and entry.task in ("classification", "segmentation"):
        return {entry.task: run}
    raise ArchiveError(
        f"{entry.id}: a {entry.kind} for {entry.task}. Expected a network that names classes or outlines "
        "lesions, such as r2-cnn or r4-unet."
    )


def _of_all(runs: Mapping[str, Run], told: Callable[[Run], dict]) -> dict:
    """What is told of each run, in one: no two tasks use the same names."""
    return {name: value for run in runs.values() for name, value in told(run).items()}


def _figures(run: Run) -> dict[str, dict]:
    figures = metrics_of([run])
    return {key: figures[key] for key in MAIN_FIGURES[run.experiment.task] if key in figures}


def _choices(run: Run) -> dict:
    """What is chosen on the validation images, or fixed."""
    if run.experiment.task == "segmentation":
        gate = {"presence_threshold": run.facts["presence_threshold"]} if run.settings.second_head else {}
        return {"threshold": THRESHOLD, **gate}
    temperature = fit_temperature(run.validation)
    threshold = threshold_for(apply_temperature(run.validation, temperature), RISK)
    abstention = {"risk": RISK, "threshold": float(threshold) if np.isfinite(threshold) else None}
    return {"classes": list(CLASSES), "temperature": temperature, "abstention": abstention}


def _abstained(run: Run) -> dict:
    """How the threshold of abstention does on the test fold."""
    if run.experiment.task == "segmentation":
        return {}
    chosen = _choices(run)
    table = apply_temperature(run.predictions, chosen["temperature"])
    least = chosen["abstention"]["threshold"]
    answered = confidence_of(table)[0] >= (np.inf if least is None else least)
    found = abstention_metrics(table.assign(answered=answered))
    return {"abstention": {key: None if np.isnan(value) else value for key, value in found.items()}}
