"""Training: it learns, it survives a kill without a trace, and it gives the same batches every time."""

import io
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
import pytest

from busilib.data.loader import load_busi
from busilib.data.splits import Split
from busilib.keras_backend import keras
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs import records as results
from busilib.runs import runner
from busilib.runs.predict import THRESHOLD, build
from busilib.runs.protocols import make_split
from busilib.runs.runner import run
from busilib.runs.spec import spec_of
from busilib.training import fit as fitting
from busilib.training import progress
from busilib.training.batches import Batches
from busilib.training.fit import BEST, HISTORY, LAST, best_epoch, fit, predict

TRAIN, VALIDATION = np.arange(0, 24, 2), np.arange(1, 24, 4)


class Killed(BaseException):
    """Stands for a kill: no handler of an ordinary error catches it."""


@pytest.fixture(scope="module")
def data(phantom_dir):
    return load_busi(phantom_dir, size=32)


def settings_of(id, **changes):
    return replace(experiment(id).settings, **{"size": 32, "filters": 4, "batch": 4, "epochs": 4} | changes)


def tiny() -> keras.Model:
    """A classifier that is quick to build, with the two layers that carry a state of their own."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(4, 5, strides=4),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((32, 32, 1)), *layers])


def train(id, data, folder, model=None, **changes):
    """A small training; returns the model it leaves and its history."""
    entry, settings = experiment(id), settings_of(id, **changes)
    if model is None:
        keras.utils.set_random_seed(0)
        model = build(entry, settings)
    shared = {"target": entry.target, "inputs": "image", "batch": settings.batch}
    batches = Batches(data, TRAIN, augmentation=entry.augmentation, seed=3, **shared)
    validation = Batches(data, VALIDATION, **shared)
    return model, fit(model, batches, validation, settings, folder, id)


def scripted(losses) -> keras.Model:
    """A tiny classifier whose validation losses are given, whatever it learns."""
    model, losses = tiny(), iter(losses)
    model.evaluate = lambda *_, **__: {"loss": next(losses), "accuracy": 0.5}
    return model


def kill_when(monkeypatch, file, epoch):
    """Raise `Killed` in place of writing `file` in that epoch."""
    plain, written = fitting._replace, {}

    def replacing(path, write, suffix=".part"):
        written[path.name] = written.get(path.name, -1) + 1
        if path.name == file and written[path.name] == epoch:
            raise Killed
        plain(path, write, suffix)

    monkeypatch.setattr(fitting, "_replace", replacing)


def assert_same_training(one, other):
    (model, history), (model_again, history_again) = one, other
    pd.testing.assert_frame_equal(
        history.drop(columns="seconds"), history_again.drop(columns="seconds"), rtol=1e-5, check_dtype=False
    )
    for mine, theirs in zip(model.get_weights(), model_again.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


# It learns


@pytest.mark.slow
@pytest.mark.parametrize("id", ["r1-unet", "r2-unet", "r2-cnn"])
def test_loss_falls(id, data, tmp_path):
    _, history = train(id, data, tmp_path, epochs=8, learning_rate=3e-3 if id == "r2-cnn" else 1e-2)
    assert history["loss"].iloc[-3:].mean() < 0.9 * history["loss"].iloc[0]
    assert history["epoch"].tolist() == list(range(8))


def test_the_optimiser_is_ready_before_the_first_step(data, tmp_path, monkeypatch):
    """Built within the step, it would make TensorFlow trace every network twice."""
    built = []
    plain = keras.Model.fit

    def watch(self, *args, **options):
        built.append(self.optimizer.built)
        return plain(self, *args, **options)

    monkeypatch.setattr(keras.Model, "fit", watch)
    train("r2-cnn", data, tmp_path, model=tiny(), epochs=1)
    assert built == [True]


@pytest.mark.slow
def test_history_and_files(data, tmp_path):
    _, history = train("r1-unet", data, tmp_path, epochs=2)
    figures = ["accuracy", "loss", "precision", "recall"]
    assert sorted(history) == sorted(["epoch", "seconds", *figures, *(f"val_{name}" for name in figures)])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([BEST, LAST, HISTORY])
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / HISTORY), history, check_dtype=False)


def test_the_best_epoch_is_what_remains(data, tmp_path, monkeypatch):
    seen = []
    plain = fitting._Checkpoints.on_epoch_end

    def watch(self, epoch, logs=None):
        seen.append(self.model.get_weights())
        plain(self, epoch, logs)

    monkeypatch.setattr(fitting._Checkpoints, "on_epoch_end", watch)
    model, history = train("r2-cnn", data, tmp_path, model=scripted([3, 1, 2, 1]))
    assert history["val_loss"].tolist() == [3, 1, 2, 1]
    assert same(model.get_weights(), seen[1]) and not same(seen[1], seen[3])


def history_of(**columns) -> pd.DataFrame:
    length = len(next(iter(columns.values())))
    return pd.DataFrame({"epoch": range(length), **columns})


def test_best_epoch():
    assert best_epoch(history_of(val_loss=[0.4, 0.2, 0.3]), "val_loss") == 1
    assert best_epoch(history_of(val_accuracy=[0.4, 0.2, 0.6, 0.5]), "val_accuracy") == 2


def test_best_epoch_takes_the_first_of_equals():
    assert best_epoch(history_of(val_loss=[0.4, 0.2, 0.2]), "val_loss") == 1
    assert best_epoch(history_of(val_accuracy=[0.5, 0.7, 0.7, 0.1]), "val_accuracy") == 1


# Stopping early


@pytest.mark.parametrize(
    ("losses", "epochs"),
    [
        ([3, 2, 2, 2, 1], 4),  # a tie is no improvement: epochs 2 and 3 bring none
        ([3, 4, 2, 3, 1, 2, 2, 9], 7),  # one bad epoch does not stop it
    ],
)
def test_early_stopping(losses, epochs, data, tmp_path):
    _, history = train("r2-cnn", data, tmp_path, model=scripted(losses), patience=2, epochs=len(losses))
    assert len(history) == epochs


def test_without_patience_every_epoch_runs(data, tmp_path):
    _, history = train("r2-cnn", data, tmp_path, model=scripted([1, 2, 3, 4]), patience=None)
    assert len(history) == 4


@pytest.mark.parametrize("epoch", [1, 3])
def test_early_stopping_counts_across_a_kill(epoch, data, tmp_path, monkeypatch):
    losses = [3, 2, 5, 4, 1]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_when(patch, HISTORY, epoch)
        train("r2-cnn", data, tmp_path, model=scripted(losses), patience=2, epochs=5)
    again = scripted(losses[epoch:])
    _, history = train("r2-cnn", data, tmp_path, model=again, patience=2, epochs=5)
    assert history["val_loss"].tolist() == losses[:4]


def test_a_training_that_has_stopped_is_not_taken_up_again(data, tmp_path, monkeypatch):
    first = train("r2-cnn", data, tmp_path, model=scripted([2, 3, 4, 1]), patience=2)
    assert len(first[1]) == 3
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert_same_training(first, train("r2-cnn", data, tmp_path, model=tiny(), patience=2))


# Surviving a kill


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    return train("r2-cnn", data, tmp_path_factory.mktemp("undisturbed"), model=tiny(), learning_rate=3e-3)


@pytest.mark.parametrize(("file", "epoch"), [(HISTORY, 0), (HISTORY, 2), (LAST, 0), (LAST, 2), (BEST, 0)])
def test_a_killed_training_ends_as_an_undisturbed_one(file, epoch, undisturbed, data, tmp_path, monkeypatch):
    """Killed while it writes one of its files, at the start or later."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_when(patch, file, epoch)
        train("r2-cnn", data, tmp_path, model=tiny(), learning_rate=3e-3)
    again = train("r2-cnn", data, tmp_path, model=tiny(), learning_rate=3e-3)
    assert_same_training(undisturbed, again)


@pytest.mark.slow
@pytest.mark.parametrize("id", ["r1-unet", "r2-cnn"])
def test_a_killed_model_of_the_reports_ends_as_an_undisturbed_one(id, data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_when(patch, HISTORY, 2)
        train(id, data, tmp_path / "killed")
    assert len(pd.read_csv(tmp_path / "killed" / HISTORY)) == 2
    assert_same_training(train(id, data, tmp_path / "whole"), train(id, data, tmp_path / "killed"))


def test_a_kill_leaves_no_half_written_file(data, tmp_path, monkeypatch):
    def half(file, *arrays):
        file.write(b"PK")
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(np, "savez", half)
        train("r2-cnn", data, tmp_path, model=tiny(), epochs=1)
    assert not (tmp_path / LAST).exists() and not (tmp_path / BEST).exists()
    _, history = train("r2-cnn", data, tmp_path, model=tiny(), epochs=1)
    assert len(history) == 1


# A loss that is no number


def test_a_loss_that_is_no_number_stops_with_advice(data, tmp_path):
    model = tiny()
    model.set_weights([np.full(value.shape, np.nan) for value in model.get_weights()])
    with pytest.raises(FloatingPointError, match=r"loss is no longer a number in epoch 0.*learning rate"):
        train("r2-cnn", data, tmp_path, model=model)
    assert not list(tmp_path.iterdir())


def test_a_validation_loss_that_is_no_number_keeps_the_epochs_before(data, tmp_path):
    with pytest.raises(FloatingPointError, match="val_loss is no longer a number in epoch 1"):
        train("r2-cnn", data, tmp_path, model=scripted([1.0, float("nan")]))
    assert len(pd.read_csv(tmp_path / HISTORY)) == 1
    assert (tmp_path / LAST).is_file()


# Batches


def batches_of(data, **changes):
    options = {"target": "mask", "inputs": "image", "batch": 5, "seed": 3} | changes
    return Batches(data, np.arange(len(data)), **options)


def same(first, second):
    return all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))


@pytest.mark.parametrize("id", ["r1-unet", "r2-unet"])
def test_a_batch_depends_on_seed_epoch_and_position_alone(id, data):
    plan = experiment(id).augmentation
    walked, direct = batches_of(data, augmentation=plan), batches_of(data, augmentation=plan)
    direct.epoch = 1  # as `fit` sets it where a training is resumed
    for _ in range(3):
        walked.on_epoch_begin()
        walked[4], walked[0]
    direct.on_epoch_begin()
    assert same(walked[1], direct[1])
    assert same(walked[1], walked[1])
    assert not same(direct[0], direct[1])
    walked.on_epoch_begin()
    assert not same(walked[1], direct[1])
    other = batches_of(data, augmentation=plan, seed=4)
    other.epoch = 1
    other.on_epoch_begin()
    assert not same(other[1], direct[1])


def test_every_image_comes_once_an_epoch(data):
    """Seen by the number of lesion pixels, which flips alone do not change."""
    plan = replace(experiment("r2-unet").augmentation, rotation=0, shift=0, zoom_in=0)
    batches = batches_of(data, augmentation=plan)
    for _ in range(2):
        batches.on_epoch_begin()
        sizes = np.concatenate([batches[i][1].sum((1, 2, 3)) for i in range(len(batches))])
        assert sorted(sizes) == sorted(data.masks.sum((1, 2)))
    assert len(batches) == -(-len(data) // 5)


def test_training_batches_are_well_formed(data):
    batches = batches_of(data, augmentation=experiment("r2-unet").augmentation)
    images, masks = batches[0]
    assert images.shape == masks.shape == (5, 32, 32, 1)
    assert images.dtype == masks.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(np.unique(masks)) == {0, 1}


def test_evaluation_batches_keep_order_and_values(data):
    indices = np.array([7, 3, 20, 5, 1])
    batches = Batches(data, indices, target="mask", inputs="image", batch=2)
    assert len(batches) == 3
    images, masks = (np.concatenate(part) for part in zip(*(batches[i] for i in range(3)), strict=True))
    np.testing.assert_array_equal((images[..., 0] * 255).round().astype(np.uint8), data.images[indices])
    np.testing.assert_array_equal(masks[..., 0] == 1, data.masks[indices])
    labels = Batches(data, indices, target="label", inputs="image", batch=5)[0][1]
    np.testing.assert_array_equal(labels, data.labels[indices])


@pytest.mark.parametrize("augmented", [False, True])
def test_an_image_cut_by_its_mask_is_black_outside(augmented, data):
    plan = experiment("r2-cnn").augmentation if augmented else None
    cut = batches_of(data, augmentation=plan, inputs="image cut by the true mask")
    whole = batches_of(data, augmentation=plan)
    anything = False
    for position in range(len(cut)):
        (seen, masks), (images, _) = cut[position], whole[position]
        assert (seen[masks == 0] == 0).all()
        np.testing.assert_array_equal(seen[masks == 1], images[masks == 1])
        anything |= bool(seen.any())
    assert anything


@pytest.mark.parametrize("id", ["r1-unet", "r2-cnn"])
def test_predictions_come_in_the_order_of_the_indices(id, data):
    entry = experiment(id)
    model = build(entry, settings_of(id))
    indices = np.array([9, 2, 17, 4, 11])
    found = predict(model, Batches(data, indices, target=entry.target, inputs="image", batch=2))
    assert found.dtype == np.float32
    assert found.shape == ((5, 32, 32) if entry.task == "segmentation" else (5, 3))
    for index, probabilities in zip(indices, found, strict=True):
        image = data.images[index][None, ..., None] / np.float32(255)
        expected = np.squeeze(keras.ops.convert_to_numpy(model(image)))
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)


# The progress line


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_notebook(monkeypatch):
    monkeypatch.delenv("BUSI_HEADLESS", raising=False)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")


def shown_on(stream: io.StringIO, monkeypatch) -> str:
    """What a training of three epochs, taken up after the first, writes to standard error."""
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.Progress("r1-unet fold 0", done=1, epochs=3) as callback:
        for epoch in range(1, 3):
            callback.on_epoch_end(epoch, {"loss": 9.0, "val_loss": 0.125})
    return stream.getvalue()


def test_progress_shows_in_a_terminal(monkeypatch):
    text = shown_on(Terminal(), monkeypatch)
    assert "r1-unet fold 0" in text and "3/3" in text and "val_loss=0.1250" in text
    assert "9.0000" not in text  # the training loss; the speed may hold any digits
    assert text.count("\n") == 1  # one line, rewritten in place


@pytest.mark.parametrize("in_notebook", [False, True])
def test_progress_is_silent_when_headless(in_notebook, monkeypatch):
    monkeypatch.setenv("BUSI_HEADLESS", "1")
    if in_notebook:
        monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert shown_on(Terminal(), monkeypatch) == ""


def test_progress_is_silent_in_a_log_file(monkeypatch):
    assert shown_on(io.StringIO(), monkeypatch) == ""


def test_progress_is_a_widget_in_a_notebook(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    line = progress.Progress("r1-unet fold 0", done=0, epochs=3)
    assert not line.display.disable and line.display.console.is_jupyter


def test_progress_gives_the_cursor_back_after_a_failure(monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    with pytest.raises(FloatingPointError), progress.Progress("r1-unet fold 0", done=0, epochs=3):
        raise FloatingPointError
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


# The runner


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder of its own for `_build/runs`, and the smoke profile cut to two epochs."""
    folder, plain = tmp_path_factory.mktemp("project"), runner.settings_for
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(runner, "settings_for", lambda *args: replace(plain(*args), epochs=2))
        yield folder


@pytest.fixture(scope="module")
def finished(project, phantom):
    return run("r1-unet", phantom, "smoke")


@pytest.mark.slow
def test_a_run_is_complete(finished, phantom, project):
    assert finished.folder.is_relative_to(project / "_build" / "runs" / "smoke" / "r1-unet")
    assert sorted(path.name for path in finished.folder.iterdir()) == [
        BEST,
        HISTORY,
        "masks.npz",
        "predictions.csv",
        "run.json",
        "validation.csv",
    ]
    columns = ["id", "fold", "true", "tp", "fp", "fn", "tn", "hd95", "nsd"]
    assert finished.predictions.columns.tolist() == [*columns, "true_circumference", "circumference"]
    assert finished.predictions["id"].tolist() == phantom.ids[finished.split.test].tolist()
    assert (finished.predictions[["tp", "fp", "fn", "tn"]].sum(axis=1) == 64 * 64).all()
    assert finished.validation["id"].tolist() == phantom.ids[finished.split.validation].tolist()
    assert finished.hold_out.empty
    assert finished.facts["weights"] == {"source": "random"}
    assert finished.facts["total_seconds"] >= finished.facts["train_seconds"] > 0


@pytest.mark.slow
def test_a_finished_run_is_read_back(finished, phantom, monkeypatch):
    monkeypatch.setattr(runner, "produce", lambda *_: pytest.fail("trained again"))
    again = run("r1-unet", phantom, "smoke")
    pd.testing.assert_frame_equal(again.predictions, finished.predictions)
    pd.testing.assert_frame_equal(again.history, finished.history)
    assert again.facts == finished.facts and again.folder == finished.folder


@pytest.mark.slow
def test_a_run_remembers_what_it_saw(finished):
    test = finished.split.test
    probabilities = finished.probabilities(test)
    assert probabilities.shape == (len(test), 64, 64)
    predicted = probabilities >= THRESHOLD
    true = finished.data.masks[test]
    assert (predicted & true).sum((1, 2)).tolist() == finished.predictions["tp"].tolist()


@pytest.mark.slow
def test_a_kill_after_the_training_does_not_train_again(finished, phantom, monkeypatch):
    from busilib.training import fit as module

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, "predict", killed)
        run("r1-unet", phantom, "smoke", seed=1)
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("trained again"))
    late = run("r1-unet", phantom, "smoke", seed=1)
    assert len(late.history) == late.settings.epochs
    assert late.folder != finished.folder  # another seed, another key
    assert not (late.folder / LAST).exists()
    assert late.facts["total_seconds"] >= late.facts["train_seconds"]


@pytest.mark.slow
def test_a_random_run_sees_what_the_report_showed_and_holds_out_as_it_did(project, phantom):
    """R1's folds with its hold-out and R2's cut images, both through a tiny model."""
    cut = run("r2-cnn", phantom, "smoke", protocol="random")
    assert (cut.name, cut.inputs) == ("r2-cnn@random", "image cut by the true mask")
    assert cut.split.selected_on == "test" and cut.validation.empty
    probabilities = cut.predictions[["benign", "malignant", "normal"]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=2e-6)
    np.testing.assert_allclose(cut.probabilities(cut.split.test), probabilities, atol=1e-5)


def key(data, split, **changes):
    entry = changes.pop("entry", experiment("r1-unet"))
    settings = changes.pop("settings", entry.settings)
    asked = {"profile": "smoke", "protocol": "grouped", "inputs": "image", "fold": 0, "seed": 0}
    return spec_of(entry, settings, data, split, **(asked | changes)).key


def test_the_key_is_made_of_everything_that_shapes_a_training(phantom):
    entry = experiment("r1-unet")
    split = make_split(entry, phantom, "smoke", "grouped")
    plain = key(phantom, split)
    assert len(plain) == 8 and plain == key(phantom, split)
    others = [
        key(phantom, split, seed=1),
        key(phantom, split, inputs="image cut by the true mask"),
        key(phantom, split, settings=replace(entry.settings, learning_rate=1e-3)),
        key(phantom, split, protocol="image-wise"),
        key(phantom, split, behind=["0a1b2c3d"]),
        key(phantom, split, entry=replace(entry, augmentation=experiment("r2-unet").augmentation)),
        key(replace(phantom, images=phantom.images[::-1]), split),
        key(phantom, make_split(entry, phantom, "smoke", "grouped", fold=1)),
    ]
    assert len({plain, *others}) == len(others) + 1
    renamed = replace(entry, title="another title", claims=())
    assert key(phantom, split, entry=renamed) == plain


def test_the_key_counts_weights_by_their_contents(phantom, tmp_path):
    entry, split = experiment("r2-mobilenet"), Split(*(np.arange(2),) * 4)
    contents = {"a/mobilenet.weights.h5": b"1", "b/renamed.weights.h5": b"1", "c/mobilenet.weights.h5": b"2"}
    keys = []
    for name, content in contents.items():
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(content)
        keys.append(key(phantom, split, entry=entry, settings=replace(entry.settings, weights=str(path))))
    here, there, other = keys
    assert here == there != other
    assert key(phantom, split, entry=entry, settings=replace(entry.settings, weights=None)) not in keys


def test_a_new_setting_at_its_default_leaves_old_keys_alone(phantom):
    split = Split(*(np.arange(2),) * 4)
    settings = experiment("r1-unet").settings

    @dataclass(frozen=True)
    class Later(type(settings)):
        another: str = "as before"

    later = Later(**asdict(settings))
    assert key(phantom, split, settings=later) == key(phantom, split)
    assert key(phantom, split, settings=replace(later, another="new")) != key(phantom, split)


def test_unknown_protocols_and_folds_are_refused(phantom):
    entry = experiment("r2-cnn")
    with pytest.raises(ValueError, match=r"no protocol 'leaky'.*grouped, random"):
        make_split(entry, phantom, "smoke", "leaky")
    with pytest.raises(ValueError, match="r2-cnn has folds 0 to 4 under protocol grouped, not 5"):
        make_split(entry, phantom, "smoke", "grouped", fold=5)
    with pytest.raises(ValueError, match="r2-cnn has folds 0 to 0 under protocol random, not 1"):
        make_split(entry, phantom, "smoke", "random", fold=1)
    with pytest.raises(ValueError, match=r"no inputs 'masks'.*true mask alone"):
        run("r2-cnn", phantom, "smoke", inputs="masks")


# Rules, ensembles, and masks that other networks predicted


@pytest.fixture(scope="module")
def small_project(one_epoch):
    """R4's ensembles join two plain U-Nets."""
    joined = {
        id: replace(experiment(id), members=("r4-unet", "r1-unet")) for id in ("r4-ensemble", "r4-combined")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "experiment", lambda id: joined.get(id) or experiment(id))
        yield one_epoch


@pytest.mark.slow
def test_an_ensemble_joins_its_members_and_learns_only_from_validation(small_project, phantom):
    mean, fitted = (run(id, phantom, "smoke") for id in ("r4-ensemble", "r4-combined"))
    test = mean.split.test
    members = np.stack([member.probabilities(test) for member in mean.members])
    np.testing.assert_allclose(mean.probabilities(test), members.mean(axis=0), atol=1e-6)
    shares = np.array(list(fitted.facts["members"].values()))
    assert shares.sum() == pytest.approx(1, abs=1e-5) and shares.min() >= 0
    joined = np.tensordot(shares, members, axes=1)
    np.testing.assert_allclose(fitted.probabilities(test), joined, atol=1e-5)
    assert mean.facts["parameters"] == sum(member.facts["parameters"] for member in mean.members)
    np.testing.assert_array_equal(mean.masks, mean.probabilities(test) >= THRESHOLD)
    assert mean.history.empty


def test_a_rule_predicts_without_being_trained(small_project, phantom):
    ran = run("r4-threshold", phantom, "smoke")
    np.testing.assert_array_equal(ran.masks, ran.probabilities(ran.split.test) >= THRESHOLD)
    assert ran.history.empty and ran.facts["train_seconds"] == 0
    assert ran.predictions["id"].tolist() == phantom.ids[ran.split.test].tolist()


@pytest.mark.slow
def test_a_predicted_mask_comes_from_the_network_that_never_saw_the_image(small_project, phantom):
    folds = runner.out_of_fold_runs("r4-unet", phantom, "smoke")
    masks = runner.out_of_fold_masks(folds)
    assert sorted(np.concatenate([fold.split.test for fold in folds])) == list(range(len(phantom)))
    for fold in folds:
        assert not np.isin(phantom.groups[fold.split.test], phantom.groups[fold.split.train]).any()
        np.testing.assert_array_equal(
            masks[fold.split.test], fold.probabilities(fold.split.test) >= THRESHOLD
        )
    shown = run("r2-cnn", phantom, "smoke", inputs="image cut by the predicted mask")
    assert shown.name == "r2-cnn+image-cut-by-the-predicted-mask"
    np.testing.assert_array_equal(shown.predicted, masks)
    assert shown.folder != run("r2-cnn", phantom, "smoke").folder


@pytest.mark.slow
def test_two_heads_are_trained_with_masks_and_asked_without(small_project, phantom):
    two = run("r3-imagemasknet2", phantom, "smoke")
    assert (two.inputs, two.test_inputs) == ("image and true mask", "image")
    test = two.split.test
    told = two.predictions[["benign", "malignant", "normal"]].to_numpy()
    for inputs in ("image", "image and true mask"):
        np.testing.assert_allclose(two.probabilities(test, inputs), told, atol=1e-5)
    combined = two.probabilities(test, "image and true mask", head="combined")
    assert np.abs(combined - told).max() > 1e-3


KILL_AFTER_FIRST_EPOCH = """
import os, signal
from busilib.training import fit
from busilib.cli.main import app
plain = fit._Checkpoints.on_epoch_end
def end(self, epoch, logs=None):
    plain(self, epoch, logs)
    os.kill(os.getpid(), signal.SIGKILL)
fit._Checkpoints.on_epoch_end = end
app()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_busi_train_goes_on_after_a_real_kill(phantom_dir, tmp_path):
    command = ["train", "r2-cnn", "--profile", "smoke", "--data", str(phantom_dir)]
    environment = os.environ | {"BUSI_CACHE_DIR": str(tmp_path / "cache")}

    def busi(*python):
        whole = [sys.executable, *python, *command]
        return subprocess.run(whole, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert busi("-c", KILL_AFTER_FIRST_EPOCH).returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "_build" / "runs" / "smoke" / "r2-cnn").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [HISTORY, LAST]
    first = pd.read_csv(folder / HISTORY)
    assert first["epoch"].tolist() == [0]

    done = busi("-c", "from busilib.cli.main import app; app()")
    assert done.returncode == 0, done.stderr
    assert "recorded in" in done.stdout.lower()
    history = pd.read_csv(folder / HISTORY)
    epochs = EXPERIMENTS["r2-cnn"].smoke["epochs"]
    assert history["epoch"].tolist() == list(range(epochs))
    pd.testing.assert_frame_equal(history.iloc[:1], first)
    record = results.read_record("r2-cnn", "smoke", tmp_path / "_build" / "results")
    assert record.facts["epochs_run"] == [epochs]
    assert len(record.predictions) == record.facts["split"][0]["test"]
    assert not (tmp_path / "results").exists()  # phantoms never stand among the recorded results
