"""How fast networks train: measured on a tiny one, and shown as a table."""

import json
from pathlib import Path

import pytest

from busilib import provenance
from busilib.pages import cards
from busilib.runs import bench
from busilib.runs.bench import Speed


@pytest.mark.slow
def test_a_tiny_network_is_measured(phantom_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "WAYS", ((2, 1),))
    monkeypatch.setattr(bench, "PRECISIONS", ("mixed_bfloat16",))
    bench.main(["r2-cnn", "--profile", "smoke", "--data", str(phantom_dir)])
    assert "Recorded in _build/results/throughput.json" in capsys.readouterr().out
    facts, speeds = bench.read(Path("_build/results/throughput.json"))
    (speed,) = speeds
    assert (speed.experiment, speed.precision, speed.jobs, speed.threads) == (
        "r2-cnn",
        "mixed_bfloat16",
        2,
        1,
    )
    assert speed.images_per_second > 0
    assert facts["commit"] == provenance.commit() and facts["profile"] == "smoke"
    assert not Path("_build/runs").exists() and not Path("results").exists()  # nothing else is kept


def test_speeds_are_a_table(tmp_path):
    facts = {
        "profile": "laptop",
        "backend": "tensorflow",
        "hardware": "2 CPU cores",
        "versions": {"keras": "3.1", "tensorflow": "2.2"},
        "commit": "abc",
        "date": "today",
    }
    ways = [(precision, *way) for precision in bench.PRECISIONS for way in bench.WAYS]
    speeds = [
        vars(Speed(id, *way, 10 * number + place))
        for number, id in enumerate(("own-clf", "r4-unet"), 1)
        for place, way in enumerate(ways)
    ]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / bench.FILE).write_text(json.dumps(facts | {"speeds": speeds}))
    assert cards.throughput(tmp_path).splitlines() == [
        "| network | float32, 1 × 2 | float32, 2 × 1 | mixed_bfloat16, 1 × 2 | mixed_bfloat16, 2 × 1 |",
        "|---|--:|--:|--:|--:|",
        "| `own-clf` | 10.0 | 11.0 | 12.0 | 13.0 |",
        "| `r4-unet` | 20.0 | 21.0 | 22.0 | 23.0 |",
        "",
        "Training images per second of all jobs together, by precision and jobs × threads of each. "
        "Profile `laptop`, 2 CPU cores, keras 3.1, tensorflow 2.2, commit abc, today.",
    ]
