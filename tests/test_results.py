"""Records: written and read back, and every recorded figure follows from the predictions beside it."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from busilib import provenance
from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.outlines import read_outlines
from busilib.data.dataset import CLASSES
from busilib.data.loader import load_busi
from busilib.data.polygons import filled
from busilib.keras_backend import keras
from busilib.metrics.classification import classification_metrics
from busilib.metrics.measure import measure
from busilib.metrics.pairing import shared
from busilib.metrics.segmentation import count_pixels, segmentation_metrics, surface_distances
from busilib.pages import protocol_gap
from busilib.pages.both_tasks import MASKS, SCHEDULE
from busilib.pages.comparisons import compared
from busilib.pages.primary import GOALS, primary_figures, reached
from busilib.pages.standing import beside_peers
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs.load import load_data
from busilib.runs.once import RecordError
from busilib.runs.profiles import PROFILES
from busilib.runs.protocols import make_split
from busilib.runs.recording import predicted_outlines, write_record
from busilib.runs.records import Record, read_record
from busilib.runs.records import read_parts as parts_of
from busilib.runs.run import Run
from busilib.runs.spec import record_name, spec_of
from busilib.runs.summary import summary
from busilib.studies.records import read_study

RESULTS = Path(__file__).parents[1] / "results"
RECORDS = sorted(path.parent for path in RESULTS.glob("*/*/metrics.json"))

PROVENANCE = {
    "experiment",
    "report",
    "title",
    "task",
    "profile",
    "protocol",
    "seeds",
    "dataset",
    "split",
    "inputs",
    "settings",
    "weights",
    "parameters",
    "epochs_run",
    "metrics",
    "train_seconds",
    "total_seconds",
    "backend",
    "hardware",
    "versions",
    "commit",
    "date",
    "test_inputs",
    "predict_ms_per_image",
    "parts",
}

COUNTS = ["tp", "fp", "fn", "tn"]
OWN_IMAGES = {  # figures that rest on some of the images only
    "lesion_dice": ("benign", "malignant"),
    "lesion_iou": ("benign", "malignant"),
    "normal_false_positive_rate": ("normal",),
    **{f"{name}_{figure}": (name,) for name in CLASSES for figure in ("recall", "f1")},
}


def figures_of(facts: dict, table: pd.DataFrame) -> dict[str, float]:
    metrics = segmentation_metrics if facts["task"] == "segmentation" else classification_metrics
    return {name: value for name, value in metrics(table).items() if np.isfinite(value)}


def texts(value) -> list[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def absolute_paths(text: str) -> list[str]:
    """What looks like the path of some machine: /home/…, C:\\…, ~/…, \\\\server\\…"""
    return re.findall(r"(?:(?<![\w.)\]/:])/(?=\w)|\b[A-Za-z]:[\\/](?!/)|~[\\/]|\\\\)\S*", text)


# Written and read back


def made_up_run(
    id: str, data, folder: Path, fold: int = 0, seed: int = 0, protocol: str = "grouped", held: tuple = ()
) -> Run:
    """A finished run that nobody trained, in a folder of its own."""
    entry, rng = experiment(id), np.random.default_rng((seed, fold))
    split = replace(make_split(entry, data, "smoke", "grouped", fold, seed), hold_out=np.array(held, int))

    def predictions(indices):
        part = data.subset(indices)
        table = pd.DataFrame({"id": part.ids, "fold": fold, "true": part.table["class"]})
        if entry.task == "segmentation":
            predicted = part.masks ^ (rng.random(part.masks.shape) < 0.05)
            return pd.concat(
                [table, count_pixels(part.masks, predicted), surface_distances(part.masks, predicted)], axis=1
            )
        chances = rng.dirichlet((1, 1, 1), len(part)).round(6)
        return pd.concat([table, pd.DataFrame(chances, columns=list(CLASSES))], axis=1)

    spec = spec_of(
        entry,
        entry.settings,
        data,
        split,
        profile="smoke",
        protocol=protocol,
        inputs=entry.inputs_under(protocol),
        fold=fold,
        seed=seed,
    )
    facts = {
        "key": spec.key,
        "spec": asdict(spec),
        "dataset": {"name": data.name, "fingerprint": data.fingerprint, "n": len(data), "size": data.size},
        "split": {"test": len(split.test), "selected_on": split.selected_on},
        "parameters": 7,
        "weights": {"source": "random"},
        "train_seconds": 2.0,
        "predict_ms_per_image": 0.25,
        "total_seconds": 3.0,
        **provenance.environment(),
        "groups": dict(zip(data.ids.tolist(), data.groups.tolist(), strict=True)),
    }
    folder = folder / f"{id}-{spec.part}"
    folder.mkdir()
    history = pd.DataFrame({"epoch": [0, 1], "seconds": [1.5, 0.5], "val_loss": [0.4, 1 / 3]})
    history.to_csv(folder / "history.csv", index=False)
    predictions(split.test).to_csv(folder / "predictions.csv", index=False)
    predictions(split.validation).to_csv(folder / "validation.csv", index=False)
    if held:
        predictions(split.hold_out).to_csv(folder / "hold_out.csv", index=False)
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    return Run(spec, entry, entry.settings, data, split, folder)


@pytest.mark.parametrize("id", ["r1-unet", "r2-cnn"])
def test_a_record_is_read_back_as_it_was_written(id, phantom, tmp_path):
    made = made_up_run(id, phantom, tmp_path)
    folder = write_record(made, tmp_path)
    assert folder.parent == tmp_path / "smoke" and folder.name in {id, f"{id}+random-weights"}
    record = read_record(folder.name, "smoke", tmp_path)
    assert record.name == folder.name
    pd.testing.assert_frame_equal(
        record.predictions.drop(columns="seed"), made.predictions, check_dtype=False
    )
    assert record.history["val_loss"].tolist() == [0.4, 0.333333]
    assert set(record.facts) == PROVENANCE
    assert {name: figure["value"] for name, figure in record.metrics.items()} == pytest.approx(
        figures_of(record.facts, made.predictions), abs=1e-8
    )
    assert record.facts["dataset"] == {
        "name": phantom.name,
        "fingerprint": phantom.fingerprint,
        "n": len(phantom),
        "size": 64,
    }
    assert record.facts["split"][0]["test"] == len(made.predictions)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(folder).as_posix() for path in files) == [
        "metrics.json",
        *(f"seed0-fold0/{name}" for name in ("history.csv", "predictions.csv", "run.json", "validation.csv")),
    ]
    assert b"\r" not in b"".join(path.read_bytes() for path in files)


def changed(made: Run, **settings) -> Run:
    """The same run, as if it had been made with other settings."""
    spec = replace(made.spec, settings=replace(made.spec.settings, **settings))
    facts = made.facts | {"key": spec.key, "spec": asdict(spec)}
    other = made.folder.with_name("other")
    shutil.copytree(made.folder, other)
    (other / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    return replace(made, spec=spec, folder=other)


def test_a_new_seed_or_fold_only_adds_files(phantom, tmp_path):
    folder = write_record(made_up_run("r2-cnn", phantom, tmp_path), tmp_path)
    before = {path: path.read_bytes() for path in folder.glob("*/*")}
    for fold, seed in ((1, 0), (0, 1)):
        write_record(made_up_run("r2-cnn", phantom, tmp_path, fold, seed), tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        "seed0-fold0",
        "seed0-fold1",
        "seed1-fold0",
    }


def test_figures_rest_on_the_seeds_with_the_most_folds(phantom, tmp_path):
    for fold, seed in ((0, 0), (1, 0), (0, 1)):
        write_record(made_up_run("r2-cnn", phantom, tmp_path, fold, seed), tmp_path)
    record = read_record("r2-cnn", "smoke", tmp_path)
    assert record.facts["seeds"] == [0] and record.facts["left_out"] == ["seed 1, fold 0"]
    assert set(record.predictions["seed"]) == {0} and record.folds == 2
    write_record(made_up_run("r2-cnn", phantom, tmp_path, 1, 1), tmp_path)
    record = read_record("r2-cnn", "smoke", tmp_path)
    assert record.facts["seeds"] == [0, 1] and "left_out" not in record.facts
    by_seed = [figures_of(record.facts, table)["accuracy"] for _, table in record.predictions.groupby("seed")]
    assert record.metrics["accuracy"]["value"] == pytest.approx(np.mean(by_seed), abs=1e-8)
    assert record.metrics["accuracy"]["sd"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-8)
    assert record.metrics["accuracy"]["seeds"] == 2


def test_a_record_is_never_overwritten(phantom, tmp_path):
    made = made_up_run("r2-cnn", phantom, tmp_path)
    folder = write_record(made, tmp_path)
    whole = (folder / "seed0-fold0" / "run.json").read_bytes()
    write_record(made, tmp_path)  # the same run again changes nothing
    with pytest.raises(
        RecordError, match=r"another result is recorded here \(settings.epochs: .* there, 3 here\)"
    ):
        write_record(changed(made, epochs=3), tmp_path)
    assert (folder / "seed0-fold0" / "run.json").read_bytes() == whole


def test_parts_of_one_record_differ_in_seed_and_fold_alone(phantom, tmp_path):
    write_record(made_up_run("r2-cnn", phantom, tmp_path), tmp_path)
    with pytest.raises(RecordError, match="seed0-fold1 would not be of one kind with seed0-fold0"):
        write_record(changed(made_up_run("r2-cnn", phantom, tmp_path, fold=1), batch=3), tmp_path)


def test_a_part_from_before_a_setting_was_made_with_its_default(phantom, tmp_path):
    folder = write_record(made_up_run("r2-cnn", phantom, tmp_path), tmp_path)
    file = folder / "seed0-fold0" / "run.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    assert facts["spec"]["settings"].pop("encoder_rate") == 1
    file.write_text(json.dumps(facts), encoding="utf-8")
    write_record(made_up_run("r2-cnn", phantom, tmp_path, fold=1), tmp_path)
    assert {part.name for part in folder.glob("seed*")} == {"seed0-fold0", "seed0-fold1"}


def test_a_table_is_read_once_and_only_where_it_is_asked_for(phantom, tmp_path, monkeypatch):
    write_record(made_up_run("r2-cnn", phantom, tmp_path), tmp_path)
    read, plain = [], pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda path: read.append(path.name) or plain(path))
    record = read_record("r2-cnn", "smoke", tmp_path)
    assert record.metrics["accuracy"] and read == []
    (part,) = record.parts
    assert part.tables["history"] is part.tables["history"] and read == ["history.csv"]
    assert record.hold_out.empty and {*part.tables} == {"predictions", "validation", "history", "hold_out"}


def test_a_write_that_fails_leaves_nothing(phantom, tmp_path, monkeypatch):
    made = made_up_run("r2-cnn", phantom, tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Path, "write_text", full)
        write_record(made, tmp_path / "results")
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]


def test_a_published_record_needs_committed_code(phantom, tmp_path, monkeypatch):
    made = made_up_run("r2-cnn", phantom, tmp_path)
    made.facts["commit"] = "d578b0f1c2+changes"
    monkeypatch.setattr("busilib.runs.recording.results_folder", lambda: tmp_path / "results")
    with pytest.raises(RecordError, match=r"in no commit \(d578b0f1c2\+changes\)\. Commit them"):
        write_record(made, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_folds_become_one_record(phantom, tmp_path):
    runs = [made_up_run("r2-cnn", phantom, tmp_path, fold) for fold in (2, 0, 1, 4, 3)]
    for made in runs:
        write_record(made, tmp_path)
    record = read_record("r2-cnn", "smoke", tmp_path)
    assert [part["fold"] for part in record.facts["split"]] == [0, 1, 2, 3, 4]
    assert record.facts["epochs_run"] == [2] * 5
    assert record.facts["train_seconds"] == 10
    assert sorted(record.predictions["id"]) == sorted(phantom.ids)  # every image is tested once
    assert record.metrics["accuracy"]["n"] == len(phantom)
    assert sorted(record.history["fold"].unique()) == [0, 1, 2, 3, 4]
    for fold, images in record.validation.groupby("fold")["id"].agg(set).items():
        assert not images & set(record.predictions.loc[record.predictions["fold"] == fold, "id"])
    assert len(record.validation) == sum(len(run.split.validation) for run in runs)


def test_a_hold_out_has_its_own_table_and_figures(phantom, tmp_path):
    held = tuple(np.flatnonzero(phantom.labels == label)[0] for label in range(3))
    made = made_up_run("r1-densenet121", phantom, tmp_path, protocol="random", held=held)
    folder = write_record(made, tmp_path)
    assert folder.name == "r1-densenet121@random"
    record = read_record("r1-densenet121@random", "smoke", tmp_path)
    facts, table = record.facts, record.hold_out
    assert table["true"].tolist() == list(CLASSES)
    assert facts["hold_out_metrics"]["accuracy"]["n"] == 3
    assert facts["hold_out_metrics"]["macro_f1"]["value"] == pytest.approx(
        classification_metrics(table)["macro_f1"], abs=1e-8
    )


def test_a_figure_that_cannot_be_had_is_left_out(phantom, tmp_path):
    made = made_up_run("r2-cnn", phantom, tmp_path)
    benign = made.predictions[made.predictions["true"] == "benign"]
    found = measure("classification", benign, np.arange(len(benign)), draws=10)
    assert "macro_auc" not in found and "accuracy" in found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_no_record_is_none(tmp_path):
    assert read_record("r1-unet", "full", tmp_path) is None


def test_phantoms_are_never_called_busi(phantom_dir):
    """The name decides whether a record may stand among the recorded results."""
    assert load_data("smoke", phantom_dir).name == phantom_dir.name != "BUSI"


def test_busi_is_called_busi(busi_dir):
    real = load_data("laptop", busi_dir)
    assert (real.name, real.origin) == ("BUSI", "busi")


# Provenance


def test_weights_are_named_with_their_digest(tmp_path):
    assert provenance.weights(None) == {"source": "random"}
    assert provenance.weights("imagenet") == {"source": "imagenet"}
    file = tmp_path / "mine.weights.h5"
    file.write_bytes(b"abc")
    assert provenance.weights(str(file)) == {
        "source": "mine.weights.h5",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_changed_files_mark_a_commit_and_records_do_not(tmp_path, monkeypatch):
    def git(*arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True, capture_output=True)

    for name in ("results/record.json", "busilib/code.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "project_root", lambda: tmp_path)
    (tmp_path / "results" / "record.json").write_text("2", encoding="utf-8")
    assert re.fullmatch(r"[0-9a-f]{10}", provenance.commit())
    (tmp_path / "busilib" / "new.py").write_text("2", encoding="utf-8")
    assert re.fullmatch(r"[0-9a-f]{10}\+changes", provenance.commit())


def test_a_commit_is_named_or_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert provenance.commit() == "unknown"


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_gpus_are_counted_where_keras_cannot(backend, monkeypatch):
    """Keras lists no devices for PyTorch, and JAX raises where there is no GPU."""

    def raises(_):
        raise RuntimeError("Unknown backend gpu")

    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", raises)
    monkeypatch.setitem(
        sys.modules,
        "torch",
        SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2)),
    )
    assert provenance.gpu_count() == {"torch": 2, "jax": 0}[backend]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/home/me/busi", True),
        ("C:\\Users\\me", True),
        ("D:/data", True),
        ("~/.keras", True),
        ("see /tmp/x", True),
        ("2 CPU cores (x86_64), 0 GPU", False),
        ("and/or", False),
        ("https://example.org/x", False),
        ("2026-11-21 08:13 UTC", False),
    ],
)
def test_what_counts_as_a_path(text, found):
    assert bool(absolute_paths(text)) is found


def test_the_readme_quotes_the_records():
    text = " ".join((RESULTS.parent / "README.md").read_text(encoding="utf-8").split())
    names = [f"r2-mobilenet{cut}" for cut in ("", "+image-cut-by-the-true-mask")]
    names.append("r2-mobilenet+image-cut-by-the-predicted-mask")
    tested = shared({name: read_record(name, "laptop").predictions for name in names})
    whole, cut, predicted = (classification_metrics(table)["accuracy"] for table in tested.values())
    assert f"right for {cut:.2f} of them when they are cut by the drawn mask" in text
    assert f"{predicted:.2f} when a narrow U-Net has to draw it, and {whole:.2f} on whole pictures" in text
    gaps = {name: protocol_gap.means(one) for name, one in protocol_gap.made(figure="accuracy").items()}
    (r1, grouped), (r2, _), (r3, _), (r4, _) = gaps.values()
    assert f"an accuracy of {r2:.2f} tested as R2 did it and of {r3:.2f} as R3 did, {r1:.2f} as R1" in text
    assert f"{r4:.2f}" == f"{r1:.2f}" and f"as R4 did, and {grouped:.2f} in a grouped fold" in text
    rungs = list(read_study("ladder-classification").conditions.values())
    top, end = (rung["metrics"]["accuracy"]["value"] for rung in (rungs[0], rungs[-1]))
    assert f"reports an accuracy of {top:.2f}" in text and f"and {end:.2f} if none is" in text
    found = primary_figures(read_record("own-clf", "laptop"))
    assert f"is right for {found['accuracy']['value']:.2f}, with an AUC of " in text
    assert f"{found['malignancy_auc']['value']:.2f} for malignant against benign" in text
    assert f"and {found['macro_auc']['value']:.2f} over three classes, and a macro F1 of " in text
    assert f"F1 of {found['macro_f1 at the operating point']['value']:.2f}. The goals" in text
    goals = {goal.figure: goal for goal in GOALS}
    names = ("malignancy_auc", "macro_auc", "macro_f1 at the operating point")
    auc, macro, f1 = (f"{goals[name].goal:.2f}" for name in names)
    assert f"had set for it, {auc}, {macro} and {f1}, were not reached" in text
    assert not any(reached(goals[name], found[name]) for name in names)
    accuracy, auc, *_ = (re.findall(r"0\.\d\d", told) for told in beside_peers(RESULTS.parent))
    told = f"{accuracy[0]} beside their accuracy of {accuracy[1]}, {auc[0]} beside their AUC of {auc[1]}"
    assert told in text and f"on 105 pictures set aside the same peer has {auc[2]}" in text
    both = read_record("own-multi-clf", "laptop")
    alone = read_record("own-clf", "laptop")
    ranks = [record.metrics["macro_auc"]["value"] for record in (both, alone)]
    assert f"in one seed, a macro AUC of {ranks[0]:.2f} where `own-clf` has {ranks[1]:.2f}" in text
    control = read_record("own-classes-clf", "laptop")
    assert both.facts["seeds"] == control.facts["seeds"] == [0]
    assert f"classes alone has {control.metrics['macro_auc']['value']:.2f} too" in text
    masks, schedule = (compared(asked).found for asked in (MASKS, SCHEDULE))
    assert masks.low < 0 < masks.high and schedule.low > 0
    records = [f"outside-classification+BrEaST+{ids}" for ids in ("own-multi-clf+own-clf", "own-classes-clf")]
    aucs = {
        f"{study.metrics(name)['malignancy_auc']['value']:.2f}"
        for study in map(read_study, records)
        for name in study.conditions
        if name.endswith(", BrEaST")
    }
    assert aucs == {re.search(r"all three tell malignant from benign with an AUC of (\S+)\.", text)[1]}
    outlines = read_study("outside-segmentation+BrEaST")
    inside, outside = (figures["lesion_dice"]["value"] for figures in outlines.columns.values())
    assert f"mean Dice on lesions falls from {inside:.2f} to {outside:.2f}" in text


# Every record of the project


@pytest.fixture(params=RECORDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def folder(request) -> Path:
    return request.param


@pytest.fixture
def facts(folder) -> dict:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture
def record(folder) -> Record:
    return read_record(folder.name, folder.parent.name)


def tables(record: Record):
    """The record's tables with the figures made of them: the test images, and the hold-out where it is."""
    yield record.predictions, record.metrics
    if len(record.hold_out) or "hold_out_metrics" in record.facts:
        yield record.hold_out, record.facts["hold_out_metrics"]


def test_there_are_records():
    assert {path.parent.name for path in RECORDS} >= {"laptop"}


def by_seed(table):
    return [rows for _, rows in table.groupby(table["seed"] if "seed" in table else np.zeros(len(table)))]


def test_every_figure_follows_from_the_predictions(record, facts):
    for table, metrics in tables(record):
        again = [figures_of(facts, rows) for rows in by_seed(table)]
        assert set(metrics) == set(again[0])
        for name, figure in metrics.items():
            mean = np.mean([one[name] for one in again])
            assert figure["value"] == pytest.approx(mean, abs=1e-6), name


def test_intervals_lie_around_their_values(record, facts):
    for _, metrics in tables(record):
        for name, figure in metrics.items():
            assert (figure["low"] is None) == (figure["high"] is None) == ("why" in figure), name
            if "why" in figure:
                continue
            assert figure["low"] <= figure["high"], name
            # Resampling adds noise to every bin, so the calibration error's own interval lies above it.
            if name != "ece":
                assert figure["low"] <= figure["value"] <= figure["high"], name


def test_every_figure_says_how_many_images_it_rests_on(record, facts):
    for table, metrics in tables(record):
        for name, figure in metrics.items():
            behind = []
            for rows in by_seed(table):
                own = rows["true"].isin(OWN_IMAGES.get(name, CLASSES))
                if name.startswith("lesion"):
                    own &= rows["tp"] + rows["fn"] > 0
                behind.append(own.sum())
            assert figure["n"] == max(behind), name


def test_every_summary_can_be_made_again(folder, facts):
    assert json.loads(json.dumps(summary(parts_of(folder)))) == facts


def test_every_interval_can_be_computed_again(record, facts):
    groups = read_table().set_index("id")["group"]
    draws = PROFILES[facts["profile"]].bootstrap_draws
    for table, metrics in tables(record):
        again = measure(facts["task"], table, groups.loc[table["id"]].to_numpy(), draws)
        for name, figure in metrics.items():
            assert figure == pytest.approx(again[name], abs=1e-6), name


def test_provenance_is_complete(folder, facts):
    assert set(facts) - {"hold_out_metrics", "members", "left_out"} == PROVENANCE
    entry = EXPERIMENTS[facts["experiment"]]
    assert facts["profile"] == folder.parent.name and facts["profile"] in PROFILES
    name = record_name(entry, facts["protocol"], facts["inputs"])
    assert folder.name in {name, f"{name}+random-weights"}
    assert folder.name == name or facts["weights"] == {"source": "random"}
    assert (facts["report"], facts["task"]) == (entry.report, entry.task)
    assert facts["dataset"]["name"] == "BUSI" and facts["dataset"]["n"] == 780
    assert re.fullmatch(r"[0-9a-f]{64}", facts["dataset"]["fingerprint"])
    assert {"python", "busilib", "keras", "numpy", "pandas", "scikit-learn"} <= set(facts["versions"])
    assert facts["backend"] in facts["versions"]
    assert all(re.fullmatch(r"[0-9a-f]{10,}(\+changes)?", one) for one in facts["commit"].split(", "))
    dates = facts["date"].split(", ")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", date) for date in dates)
    assert facts["hardware"]
    assert facts["total_seconds"] >= facts["train_seconds"] >= 0
    assert (facts["train_seconds"] > 0) == (entry.kind != "rule")
    source = facts["weights"]["source"]
    if source not in {"random", "imagenet", "none", "members"}:
        assert re.fullmatch(r"[0-9a-f]{64}", facts["weights"]["sha256"])
    assert source != "random" or not facts["settings"]["frozen"]


def test_no_path_of_any_machine_is_recorded(folder, facts):
    for file in folder.rglob("*.*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for value in texts(json.loads(text)) if file.suffix == ".json" else [text]:
                assert not absolute_paths(value), file


def test_predictions_are_of_busi_and_of_the_test_images(record, facts):
    classes = read_table().set_index("id")["class"]
    for table, _ in tables(record):
        assert set(table["id"]) <= set(classes.index)
        assert (classes.loc[table["id"]].to_numpy() == table["true"]).all()
        assert not table.duplicated(["id", "fold", "seed"]).any()
        if facts["task"] == "segmentation":
            later = ("hd95", "nsd", "true_circumference", "circumference")
            boundaries = [name for name in later if name in table]  # older records have not all
            gate = ["presence"] if "presence" in table else []
            assert list(table) == ["id", "fold", "true", *COUNTS, *boundaries, *gate, "seed"]
            assert (table[COUNTS].sum(axis=1) == facts["dataset"]["size"] ** 2).all()
            assert (table.loc[table["true"] == "normal", ["tp", "fn"]] == 0).all(axis=None)
        else:
            assert list(table) == ["id", "fold", "true", *CLASSES, "seed"]
            np.testing.assert_allclose(table[list(CLASSES)].sum(axis=1), 1, atol=3e-6)
    test = record.predictions
    for part in facts["split"]:
        assert len(test.query("seed == @part['seed'] and fold == @part['fold']")) == part["test"]
    if facts["protocol"] == "grouped":
        assert not test.duplicated(["id", "seed"]).any()


def test_no_near_duplicate_straddles_two_test_folds(record, facts):
    if facts["protocol"] != "grouped":
        pytest.skip("the report's own split separates near-duplicates")
    table = record.predictions
    groups = read_table().set_index("id")["group"].loc[table["id"]].to_numpy()
    assert (table.groupby([table["seed"].to_numpy(), groups])["fold"].nunique() == 1).all()
    whole = read_table()
    whole = whole[whole["group"].isin(groups)]
    if len(facts["split"]) == 1:
        assert set(whole["id"]) == set(table["id"])  # a group is tested whole


def test_history_has_every_epoch_once(record, facts):
    history = record.history
    assert len(facts["split"]) == len(facts["epochs_run"])
    if EXPERIMENTS[facts["experiment"]].kind != "network":
        assert history.empty and set(facts["epochs_run"]) == {0}
        return
    assert history.groupby(["seed", "fold"]).ngroups == len(facts["split"])
    for part, epochs in zip(facts["split"], facts["epochs_run"], strict=True):
        own = history[(history["seed"] == part["seed"]) & (history["fold"] == part["fold"])]
        assert own["epoch"].tolist() == list(range(epochs))
        assert epochs <= facts["settings"]["epochs"]
    assert history["seconds"].sum() == pytest.approx(facts["train_seconds"], abs=0.1 * len(facts["split"]))
    assert np.isfinite(history).all(axis=None)


def test_records_are_of_the_busi_that_is_here(folder, facts, busi_dir):
    assert facts["dataset"]["fingerprint"] == load_busi(busi_dir, facts["dataset"]["size"]).fingerprint


def test_predicted_outlines_are_kept_where_the_true_ones_are_shipped():
    shipped = read_outlines()[3]
    masks = np.zeros((2, 128, 128), bool)
    masks[0, 30:90, 20:100] = masks[1, :5] = True
    made = SimpleNamespace(
        spec=SimpleNamespace(origin="busi"),
        predictions=pd.DataFrame({"id": [shipped.id, "normal (1)"]}),
        masks=masks,
    )
    (found,) = predicted_outlines(made)
    assert (found.id, found.width, found.height) == (shipped.id, shipped.width, shipped.height)
    assert (filled(found.rings, masks[0].shape) == masks[0]).mean() > 0.99
    made.spec.origin = "phantom"
    assert predicted_outlines(made) == []
