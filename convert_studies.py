"""Turn the studies of today into one folder for each seed, and compare every figure before and after.

Run once, from the repository: `python convert_studies.py`. It is kept in the history alone.
"""

import json
import shutil
from pathlib import Path

from busilib.studies.records import write_part

PROBED = ("duplicate-threshold", "ladder-classification", "negative-controls")
DERIVED = ("step", "difference", "twins_apart")
"""Figures that rest on several conditions: the summary makes them anew."""


def convert(old: Path) -> tuple[int, float]:
    """Convert one study; how many numbers were compared, and the largest difference."""
    before = json.loads((old / "metrics.json").read_text(encoding="utf-8"))
    table = (old / "predictions.csv").read_text(encoding="utf-8")
    facts = json.loads(json.dumps(before))
    conditions = facts.pop("conditions")
    name, task, profile, seed, dataset = (
        facts.pop(key) for key in ("study", "task", "profile", "seed", "dataset")
    )
    apart = []
    if "outside" in facts:
        apart, facts["outside"] = [facts["outside"]["name"]], _of("outside", facts["outside"])
    if name in PROBED:
        facts.pop("model", None)
        facts = {"model": "linear probe on a frozen encoder", "encoder": "mobilenet"} | facts
    part = {"study": name, "task": task, "apart": apart, "profile": profile, "seed": seed}
    part |= {"dataset": _of("busi", dataset)} | facts
    part["conditions"] = {
        each: {key: value for key, value in about.items() if key not in ("n", "metrics", *DERIVED)}
        for each, about in conditions.items()
    }
    shutil.rmtree(old)
    record = old.with_name("+".join([name, *apart]))
    write_part(record, part, table)
    assert (record / f"seed{seed}" / "predictions.csv").read_text(encoding="utf-8") == table
    after = json.loads((record / "metrics.json").read_text(encoding="utf-8"))
    one, other = _flat(before), _flat(after)
    one["/seeds/0"] = one.pop("/seed")
    for key in [key for key in one if key.startswith("/model")]:
        one.pop(key) if name in PROBED else None
    missing = [key for key in one if key not in other]
    assert not missing, (name, missing[:5])
    numbers = [key for key, value in one.items() if isinstance(value, (int, float))]
    words = [key for key in one if key not in numbers and one[key] != other[key]]
    assert not words, (name, words)
    grown = [key for key in other if key.startswith("/conditions/") and key not in one]
    assert not grown, (name, grown[:5])
    return len(numbers), max(abs(one[key] - other[key]) for key in numbers)


def _of(origin: str, about: dict) -> dict:
    return {"name": about["name"], "origin": origin} | about


def _flat(value, path: str = "") -> dict:
    if isinstance(value, dict):
        return {k: v for key, each in value.items() for k, v in _flat(each, f"{path}/{key}").items()}
    if isinstance(value, list):
        return {k: v for key, each in enumerate(value) for k, v in _flat(each, f"{path}/{key}").items()}
    return {path: value}


if __name__ == "__main__":
    for metrics in sorted(Path("results").glob("*/studies/*/metrics.json")):
        count, largest = convert(metrics.parent)
        print(f"{metrics.parent}: {count} numbers compared, largest difference {largest:.1e}")
        assert largest <= 1e-8
