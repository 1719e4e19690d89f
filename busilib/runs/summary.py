"""The summary of a record: `metrics.json`, generated from the parts beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.metrics.measure import measure
from busilib.metrics.pairing import groups_of
from busilib.reports.registry import experiment
from busilib.runs.locks import locked
from busilib.runs.once import json_text, read_facts, replace_text
from busilib.runs.profiles import profile
from busilib.runs.records import SUMMARY, Part, counted, joined, read_parts
from busilib.runs.run import FACTS


def write_summary(record: Path) -> dict:
    """Make `metrics.json` of a record anew from its parts, and write it beside, then in its place.

    Example (not run):
        >>> write_summary(Path("results/laptop/r4-unet"))["metrics"]["lesion_dice"]
    """
    facts = summary(read_parts(record))
    replace_text(record / SUMMARY, json_text(facts))
    return facts


def complete_summary(record: Path) -> None:
    """Make `metrics.json` anew if it does not count every part that stands.

    A program may have been killed, or the disk full, after a part was written and before its summary was.

    Example:
        >>> complete_summary(Path("results/laptop/r4-unet"))
    """
    with locked(record):
        if _summed(record / SUMMARY) < len(list(record.glob(f"*/{FACTS}"))):
            write_summary(record)


def _summed(file: Path) -> int:
    """How many parts a summary knows of."""
    if not file.is_file():
        return 0
    facts = read_facts(file)
    return len(facts["parts"]) + len(facts.get("left_out", ()))


def summary(parts: Sequence[Part]) -> dict:
    """What `metrics.json` says of a record: what its parts have in common, their figures, and where from.

    Args:
        parts: as `read_parts` gives them.

    Returns:
        Facts by key; `parts` has one entry for each seed and fold, `left_out` those of other seeds.
    """
    used = counted(parts)
    first = used[0].facts
    spec = first["spec"]
    entry = experiment(spec["experiment"])
    draws = profile(spec["profile"]).bootstrap_draws
    predictions, groups = joined(used, "predictions"), _groups(used)
    facts = {
        "experiment": entry.id,
        "report": entry.report,
        "title": entry.title,
        "task": entry.task,
        "profile": spec["profile"],
        "protocol": spec["protocol"],
        "seeds": list(dict.fromkeys(part.seed for part in used)),
        "dataset": first["dataset"],
        "inputs": spec["inputs"],
        "test_inputs": entry.test_inputs or spec["inputs"],
        "settings": {name: value for name, value in spec["settings"].items() if name != "weights"},
        "weights": first["weights"],
        "parameters": first["parameters"],
        "metrics": measure(entry.task, predictions, groups_of(predictions, groups), draws),
    }
    held = used[0].tables["hold_out"]
    if len(held):
        facts["hold_out_metrics"] = measure(entry.task, held, groups_of(held, groups), draws)
    facts |= {
        "train_seconds": round(sum(part.facts["train_seconds"] for part in used), 1),
        "total_seconds": round(sum(part.facts["total_seconds"] for part in used), 1),
        "predict_ms_per_image": first["predict_ms_per_image"],
        **{
            name: ", ".join(dict.fromkeys(str(part.facts[name]) for part in used))
            for name in ("backend", "hardware", "commit", "date")
        },
        "versions": first["versions"],
        "split": [{"seed": part.seed, "fold": part.fold, **part.facts["split"]} for part in used],
        "epochs_run": [len(part.tables["history"]) for part in used],
        "parts": [_about(part) for part in used],
    }
    if "members" in first:
        facts["members"] = [part.facts["members"] for part in used]
    left_out = [f"seed {part.seed}, fold {part.fold}" for part in parts if part not in used]
    return facts | ({"left_out": left_out} if left_out else {})


def _about(part: Part) -> dict:
    kept = ("train_seconds", "total_seconds", "hardware", "commit", "date", "note", "presence_threshold")
    about = {name: part.facts[name] for name in kept if name in part.facts}
    return {"seed": part.seed, "fold": part.fold} | about


def _groups(parts: Sequence[Part]) -> pd.DataFrame:
    """Columns `id` and `group`: of BUSI from the shipped table, of other data as the runs brought them."""
    if parts[0].facts["spec"]["origin"] == "busi":
        return read_table()
    groups = {id: group for part in parts for id, group in part.facts["groups"].items()}
    return pd.DataFrame({"id": list(groups), "group": list(groups.values())})
