"""R5 through the whole way: batches, training, a run on each protocol, and its record."""

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from busilib.data.bcss import load_bcss
from busilib.data.dataset import DataError
from busilib.data.phantoms.histology import write_histology_phantom
from busilib.data.tiles import IGNORED, Tiles
from busilib.keras_backend import keras
from busilib.metrics.measure import MAIN_FIGURES
from busilib.metrics.tissue import COLUMNS, tissue_counts, tissue_metrics
from busilib.reports.registry import experiment
from busilib.runs import learn as methods
from busilib.runs import predict as predicting
from busilib.runs import records as results
from busilib.runs import runner
from busilib.runs.protocols import make_split
from busilib.runs.recording import write_record
from busilib.runs.runner import run
from busilib.settings import Settings
from busilib.training.fit import fit, predict, predict_codes
from busilib.training.tile_batches import TileBatches

ID = "r5-unet-resnet34"


@pytest.fixture(scope="module")
def tiles(tmp_path_factory) -> Tiles:
    """5 slides with 4 tiles each, 64 pixels."""
    folder = write_histology_phantom(
        tmp_path_factory.mktemp("histology"), slides=5, tiles_per_slide=4, size=64
    )
    return load_bcss(folder, size=64, name="histology phantoms")


def tiny(size: int = 64) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(16, 5, padding="same", activation="relu"),
        keras.layers.Conv2D(21, 1, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((size, size, 3)), *layers])


# Batches


def test_a_batch_holds_colours_outputs_and_what_counts(tiles):
    x, y, weights = TileBatches(tiles, np.array([3, 0]), batch=8)[0]
    assert x.shape == (2, 64, 64, 3) and x.dtype == np.float32
    np.testing.assert_array_equal((x * 255).round().astype(np.uint8), tiles.images[[3, 0]])
    codes = tiles.codes[[3, 0]]
    counts = ~np.isin(codes, IGNORED)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights == 1, counts)
    np.testing.assert_array_equal(y[counts] + 1, codes[counts])
    assert y.min() >= 0 and y.max() <= 20


def test_training_batches_are_shuffled_anew_each_epoch_and_hold_every_tile(tiles):
    batches = TileBatches(tiles, np.arange(20), batch=6, shuffle=True, seed=3)
    orders = []
    for _ in range(2):
        batches.on_epoch_begin()
        orders.append(np.concatenate([batches[place][0] for place in range(len(batches))]).sum((1, 2, 3)))
    assert len(batches) == 4 and len(orders[0]) == 20
    assert sorted(orders[0]) == sorted(orders[1]) and not np.array_equal(*orders)
    again = TileBatches(tiles, np.arange(20), batch=6, shuffle=True, seed=3)
    again.epoch = 1
    np.testing.assert_array_equal(again[2][0], batches[2][0])


def test_ignored_pixels_teach_nothing(tiles):
    """Codes 0 and 7 may hold anything: loss and accuracy stay."""
    model = tiny()
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    plain = TileBatches(tiles, np.arange(8), batch=8)[0]
    swapped = np.where(np.isin(tiles.codes, IGNORED), 7 - tiles.codes, tiles.codes).astype(np.uint8)
    other = TileBatches(replace(tiles, codes=swapped), np.arange(8), batch=8)[0]
    assert not np.array_equal(plain[1], other[1])
    assert model.test_on_batch(*plain) == model.test_on_batch(*other)


def test_it_learns_and_accuracy_is_of_the_pixels_that_count(tiles, tmp_path):
    model = tiny()
    settings = Settings(
        size=64, epochs=8, batch=4, learning_rate=1e-2, loss="sparse_categorical_crossentropy"
    )
    train = TileBatches(tiles, np.arange(16), batch=4, shuffle=True)
    held = TileBatches(tiles, np.arange(16, 20), batch=4)
    history = fit(model, train, held, settings, tmp_path, ID)
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[0]
    codes = predict_codes(model, held)
    assert codes.dtype == np.uint8 and codes.shape == (4, 64, 64) and codes.min() >= 1
    np.testing.assert_array_equal(codes, predict(model, held).argmax(-1) + 1)
    figures = tissue_metrics(tissue_counts(tiles.codes[16:], codes))
    best = history.loc[history["val_loss"].idxmin(), "val_accuracy"]
    assert figures["pixel_accuracy"] == pytest.approx(best, abs=1e-4)


# Splits and refusals


def test_protocols(tiles):
    entry = experiment(ID)
    own = make_split(entry, tiles, "smoke", "random")
    assert own.selected_on == "test" and len(own.train) + len(own.test) == len(tiles)
    grouped = make_split(entry, tiles, "smoke", "grouped", fold=4)
    assert not set(tiles.groups[grouped.train]) & set(tiles.groups[grouped.test])
    with pytest.raises(ValueError, match="folds 0 to 4 under protocol grouped, not 5"):
        make_split(entry, tiles, "smoke", "grouped", fold=5)


def test_ultrasound_and_histology_are_not_mixed_up(tiles, phantom):
    with pytest.raises(DataError, match=r"needs Tiles, not Dataset: load with load_tiles"):
        run(ID, phantom, "smoke")
    with pytest.raises(DataError, match=r"needs Dataset, not Tiles: load with load_data"):
        run("r1-unet", tiles, "smoke")
    with pytest.raises(DataError, match=r"works at 128 pixels.*load_tiles\(…, size=128\)"):
        run(ID, tiles, "laptop", weights="none")


def test_a_table_of_predictions_names_the_slide(tiles):
    asked = SimpleNamespace(data=tiles, experiment=experiment(ID), fold=2)
    table = methods.prediction_table(asked, np.array([5, 1]), tiles.codes[[5, 1]])
    assert table.columns.tolist() == ["id", "fold", "true", *COLUMNS]
    assert table["true"].tolist() == tiles.table["slide"][[5, 1]].tolist()
    assert tissue_metrics(table)["pixel_accuracy"] == 1


# What R5 says


def claims(part):
    return {claim.metric: claim.value for claim in experiment(ID).claims if claim.part == part}


def test_r5_claims():
    assert claims("test") == {
        "pixel_accuracy": 0.954,
        "tumor_precision": 0.945,
        "tumor_recall": 0.918,
        "tumor_f1": 0.9205,
    }
    assert claims("base paper") == {
        "pixel_accuracy": 0.92,
        "tumor_precision": 0.94,
        "tumor_recall": 0.89,
        "tumor_f1": 0.91,
    }
    assert claims("first epoch, train") == {"loss": 1.4850, "pixel_accuracy": 0.9590}
    assert claims("first epoch, validation") == {"loss": 1.2432, "pixel_accuracy": 0.9562}
    assert claims("last epoch, train") == {"loss": 0.7498, "pixel_accuracy": 0.9750}
    assert claims("last epoch, validation") == {"loss": 1.4807, "pixel_accuracy": 0.9548}
    assert claims("best epoch, validation") == {"loss": 1.2361, "pixel_accuracy": 0.9572}
    assert experiment(ID).main_claim.value == 0.954


def test_r5_settings():
    entry = experiment(ID)
    assert (entry.settings.size, entry.settings.epochs, entry.settings.batch) == (224, 10, 64)
    assert (entry.settings.encoder, entry.settings.weights) == ("resnet34", "imagenet")
    assert entry.settings.frozen
    assert entry.target == "codes" and entry.augmentation is None and "42" in entry.ours


# The whole way


@pytest.mark.slow
def test_a_run_is_recorded_and_read_back(tiles, tmp_path, monkeypatch):
    plain = runner.settings_for
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "settings_for", lambda *args: replace(plain(*args), epochs=1))
    monkeypatch.setattr(predicting, "_build", lambda *_: tiny())
    runs = [run(ID, tiles, "smoke", fold=fold) for fold in (0, 1)]
    for one in runs:
        target = write_record(one, tmp_path / "results")
    record = results.read_record(target.name, "smoke", tmp_path / "results")
    assert record.facts["dataset"]["name"] == "histology phantoms"
    assert len(record.predictions) == sum(len(one.split.test) for one in runs)
    again = tissue_metrics(record.predictions)
    for name in MAIN_FIGURES["tissue"]:
        figure = record.metrics[name]
        assert figure["value"] == pytest.approx(again[name], abs=1e-8)
        assert figure["why"] == f"{len(record.predictions)} tiles"
    codes = runs[0].probabilities(runs[0].split.test)
    assert codes.shape == (len(runs[0].split.test), 64, 64) and codes.dtype == np.uint8
    counts = tissue_counts(tiles.codes[runs[0].split.test], codes)
    assert counts["tumor_tp"].tolist() == runs[0].predictions["tumor_tp"].tolist()
    monkeypatch.setattr(runner, "produce", lambda *_: pytest.fail("trained again"))
    assert run(ID, tiles, "smoke", fold=0).facts == runs[0].facts


@pytest.mark.slow
def test_busi_train_takes_a_folder_of_tiles(tmp_path):
    write_histology_phantom(tmp_path / "set", slides=5, tiles_per_slide=2, size=64)
    code = "from busilib.cli.main import app; app()"
    command = [sys.executable, "-c", code, "train", ID, "--data", "set", "--protocol", "random"]
    environment = os.environ | {"BUSI_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pixel_accuracy" in done.stdout and "majority_rate" in done.stdout
    record = results.read_record(f"{ID}@random", "smoke", tmp_path / "_build" / "results")
    assert record.facts["dataset"]["name"] == "tiles in set"
    assert record.facts["split"][0]["selected_on"] == "test"
    assert record.facts["parameters"] == experiment(ID).parameters
