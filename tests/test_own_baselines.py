"""Our own baselines: the loss, the gate, proportions, a mask on a channel, and protocols of the reports."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from busilib.cli.campaign import asked_for
from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.subsets import subset_ids, subset_rows
from busilib.data.dataset import CLASSES, DataError, Dataset
from busilib.data.loader import load_busi
from busilib.data.splits import ReportSplit, random_split, split_with_copies
from busilib.errors import UnknownNameError
from busilib.keras_backend import keras
from busilib.metrics.redrawn import equal_ellipse
from busilib.models.classifier import on_encoder
from busilib.models.unet_on import unet_on
from busilib.reports.ours import EXPERIMENTS as OWN
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs import runner
from busilib.runs.measured import metrics_on
from busilib.runs.predict import batches, gated, prediction_table, presence_of, presence_threshold
from busilib.runs.protocols import PROTOCOLS, folds_of, inputs_under, make_split
from busilib.runs.records import Record
from busilib.runs.runner import planned, run
from busilib.settings import Settings
from busilib.training.batches import Batches
from busilib.training.fit import best_epoch, fit, predict
from busilib.training.letterbox import box, letterbox, unbox
from busilib.training.losses import dice_bce, loss_named

TINY = Settings(
    size=32,
    epochs=3,
    batch=4,
    learning_rate=1e-3,
    loss="dice_bce",
    monitor="val_mask_loss",
    cosine=True,
    second_head="presence",
)


@pytest.fixture(scope="module")
def data(phantom_dir):
    return replace(load_busi(phantom_dir, size=32), origin="phantom")


# The loss


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_dice_and_cross_entropy_by_hand():
    true, predicted = np.zeros((2, 2, 2, 1), np.float32), np.full((2, 2, 2, 1), 0.25, np.float32)
    true[0, 0, :, 0] = 1  # two of four pixels; the other image has no lesion
    dice = 2 * 0.5 / (2 + 1)
    lesion = (2 * -np.log(0.25) + 2 * -np.log(0.75)) / 4 + 1 - dice
    np.testing.assert_allclose(as_array(dice_bce(true, predicted)), [lesion, -np.log(0.75)], rtol=1e-4)
    assert (as_array(dice_bce(true, true)) < 1e-4).all()


def test_a_small_lesion_weighs_as_much_as_a_large_one():
    true = np.zeros((2, 16, 16, 1), np.float32)
    true[0, :2, :2], true[1, :12, :12] = 1, 1
    values = as_array(dice_bce(true, np.full_like(true, 1e-6)))
    entropy = true.mean((1, 2, 3)) * -np.log(1e-6)
    np.testing.assert_allclose(values - entropy, [1, 1], atol=0.01)


def test_losses_by_name():
    assert loss_named("dice_bce") is dice_bce
    assert loss_named("mean_squared_error") == "mean_squared_error"


# Two heads


def two_headed(second: str = "presence") -> keras.Model:
    """A segmenter that is quick to build, with batch normalisation and the two heads of `unet_on`."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(image))
    mask = keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x)
    units, activation = {"presence": (1, "sigmoid"), "class": (3, "softmax")}[second]
    whole = keras.layers.Dense(units, activation=activation, name=second)(
        keras.layers.GlobalAveragePooling2D()(x)
    )
    return keras.Model(image, {"mask": mask, second: whole})


def trained(data, folder, epochs: int = 3, second: str = "presence"):
    model, settings = two_headed(second), replace(TINY, second_head=second)
    shared = {"target": "mask", "inputs": "image", "batch": 4, "second_head": second}
    weights = np.array([1, 2, 3], np.float32) if second == "class" else None
    train = Batches(
        data,
        np.arange(0, 24, 2),
        augmentation=experiment("own-seg").augmentation,
        class_weights=weights,
        **shared,
    )
    validation = Batches(data, np.arange(1, 24, 4), **shared)
    if epochs < settings.epochs:  # as if killed: the schedule is that of the whole training
        plain, model.fit = model.fit, lambda *args, **kw: plain(*args, **(kw | {"epochs": epochs}))
    return model, fit(model, train, validation, settings, folder, "tiny")


@pytest.mark.parametrize("second", ["presence", "class"])
def test_a_killed_training_of_two_heads_ends_as_an_undisturbed_one(second, data, tmp_path):
    whole, history = trained(data, tmp_path / "whole", second=second)
    trained(data, tmp_path / "killed", epochs=1, second=second)
    again, resumed = trained(data, tmp_path / "killed", second=second)
    pd.testing.assert_frame_equal(
        history.drop(columns="seconds"), resumed.drop(columns="seconds"), rtol=1e-5, check_dtype=False
    )
    for mine, theirs in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
    assert {"val_mask_loss", f"val_{second}_loss", f"{second}_accuracy", "mask_precision"} <= set(history)
    joint = history["val_mask_loss"] + history[f"val_{second}_loss"]
    np.testing.assert_allclose(history["val_loss"], joint, rtol=0.05)


def test_targets_of_a_second_head(data):
    chosen = np.array([0, 12, 20, 25])
    shared = {"target": "mask", "inputs": "image", "batch": 4}
    _, targets = Batches(data, chosen, second_head="presence", **shared)[0]
    np.testing.assert_array_equal(targets["presence"][:, 0], data.has_lesion[chosen])
    assert targets["presence"].shape == (4, 1)
    np.testing.assert_array_equal(targets["mask"][..., 0] == 1, data.masks[chosen])
    weights = np.array([1, 2, 3], np.float32)
    _, targets, counted = Batches(data, chosen, second_head="class", class_weights=weights, **shared)[0]
    np.testing.assert_array_equal(targets["class"], data.labels[chosen])
    np.testing.assert_array_equal(counted["class"], weights[data.labels[chosen]])
    assert counted["mask"].tolist() == [1] * 4


def test_presence_is_asked_of_the_mask_that_is_shown(data):
    """A lesion that is moved out of the picture is not there."""
    moved = replace(data, masks=np.zeros_like(data.masks))
    _, targets = Batches(moved, [0, 1], target="mask", inputs="image", batch=2, second_head="presence")[0]
    assert targets["presence"].max() == 0


def test_mirrored_predictions_of_two_heads(data):
    model = two_headed()
    batches = Batches(data, np.arange(5), target="mask", inputs="image", batch=2, second_head="presence")
    mirrored = replace(data, images=data.images[:, :, ::-1], masks=data.masks[:, :, ::-1])
    other = Batches(mirrored, np.arange(5), target="mask", inputs="image", batch=2, second_head="presence")
    plain, turned, mean = predict(model, batches), predict(model, other), predict(model, batches, flip=True)
    assert mean["mask"].shape == (5, 32, 32) and mean["presence"].shape == (5,)
    np.testing.assert_allclose(mean["mask"], (plain["mask"] + turned["mask"][:, :, ::-1]) / 2, atol=1e-6)
    np.testing.assert_allclose(mean["presence"], (plain["presence"] + turned["presence"]) / 2, atol=1e-6)


def test_the_gate_by_hand():
    masks = np.full((3, 2, 2), 0.9, np.float32)
    shown = gated(masks, np.array([0.2, 0.5, 0.8]), 0.5)
    np.testing.assert_array_equal(shown[1:], masks[1:])
    assert shown[0].max() == 0
    found = {"mask": masks, "class": np.array([[0.2, 0.1, 0.7]])}
    np.testing.assert_allclose(presence_of(found), [0.3])


def test_the_threshold_of_presence_by_hand():
    """Three lesions and two normals, all outlined; only between 0.4 and 0.7 is every decision right."""
    true = np.zeros((5, 4, 4), bool)
    true[:3, :2] = True
    found = np.zeros((5, 4, 4), np.float32)
    found[:, :2] = 1
    presence = np.array([0.9, 0.7, 0.72, 0.1, 0.4])
    assert presence_threshold(true, found, presence) == 0.5
    assert presence_threshold(true, found, presence + 0.15) == 0.6
    assert presence_threshold(true, found, presence - 0.35) == pytest.approx(0.35)
    assert presence_threshold(true, found, np.full(5, 0.5)) == 0.5  # nothing to choose


def test_the_last_epoch_can_be_asked_for():
    assert best_epoch(pd.DataFrame({"epoch": [0, 1, 2], "val_loss": [1, 2, 3]}), "epoch") == 2


def test_second_heads_of_the_unet():
    settings = Settings(size=32, filters=4, encoder="efficientnetlite0")
    for second, units in (("presence", 1), ("class", 3)):
        model = unet_on(replace(settings, second_head=second))
        assert model.count_params() == unet_on(settings).count_params() + 1280 * units + units
        shapes = {name: output.shape for name, output in model.output.items()}
        assert shapes == {"mask": (None, 32, 32, 1), second: (None, units)}


@pytest.mark.parametrize("id", ["own-clf", "own-seg", "own-multi-seg", "own-clf-letterbox"])
def test_parameters_of_our_own(id):
    entry = experiment(id)
    build = {"classification": on_encoder, "segmentation": unet_on}[entry.task]
    assert build(replace(entry.settings, weights=None)).count_params() == entry.parameters


def test_variants_change_one_thing():
    plain = experiment("own-clf")
    for entry in OWN:
        if entry.id.startswith("own-clf-"):
            changed = {
                name
                for name in Settings.__dataclass_fields__
                if getattr(entry.settings, name) != getattr(plain.settings, name)
            }
            assert changed - {"norm_momentum", "learning_rate", "epochs"} == {
                {"128": "size", "letterbox": "shape", "frozen": "frozen", "scratch": "weights"}[entry.id[8:]]
            }


def test_a_network_learns_from_ellipses_and_is_tested_on_outlines_as_they_are(data):
    entry, images = experiment("own-seg-ellipse"), np.flatnonzero(data.masks.any(axis=(1, 2)))[:3]
    run = SimpleNamespace(experiment=entry, settings=entry.settings, data=data, predicted=None, seed=0)
    targets = batches(run, images, "image")[0][1]["mask"][..., 0].astype(bool)
    np.testing.assert_array_equal(targets, [equal_ellipse(mask) for mask in data.masks[images]])
    assert (targets != data.masks[images]).any(axis=(1, 2)).all()
    run.fold = 0
    table = prediction_table(run, images, targets.astype(np.float32))
    np.testing.assert_array_equal(table["tp"] + table["fn"], data.masks[images].sum(axis=(1, 2)))


# Proportions


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 64))
def test_the_box_lies_within_and_keeps_proportions(width, height, size):
    rows, columns = box(size, width, height)
    sides = (columns.stop - columns.start, rows.stop - rows.start)
    assert max(sides) == size and min(rows.start, columns.start) >= 0
    assert max(rows.stop, columns.stop) <= size
    assert abs(sides[0] * height - sides[1] * width) <= max(
        width, height
    )  # to half a pixel, and one at least


def test_letterboxed_pictures_come_back():
    y, x = np.mgrid[:64, :64]
    smooth = (127 + 100 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)[None].repeat(3, axis=0)
    sides = np.array([[600, 400], [300, 500], [100, 100]])
    boxed = letterbox(smooth, sides)
    for picture, (width, height) in zip(boxed, sides, strict=True):
        rows, columns = box(64, width, height)
        bars = np.ones((64, 64), bool)
        bars[rows, columns] = False
        assert (picture[bars] == 0).all() and picture[~bars].min() > 0
    back = unbox(boxed.astype(np.float32), sides)
    np.testing.assert_allclose(back, smooth, atol=6)
    np.testing.assert_array_equal(boxed[2], smooth[2])
    masks = np.zeros((1, 64, 64), bool)
    masks[0, 16:48, 16:48] = True
    assert letterbox(masks, sides[:1]).sum() == pytest.approx(32 * 32 * 400 / 600, abs=32)


def test_what_is_found_in_the_bars_is_never_counted():
    maps = np.ones((1, 32, 32), np.float32)
    rows, columns = box(32, 400, 200)
    maps[0, rows, columns] = 0
    assert unbox(maps, np.array([[400, 200]])).max() == 0


def test_batches_show_images_and_masks_in_their_proportions(data):
    shared = {"target": "mask", "inputs": "image", "batch": 3}
    images, masks = Batches(data, [0, 1, 2], letterbox=True, **shared)[0]
    sides = data.table[["width", "height"]].to_numpy()[:3]
    np.testing.assert_array_equal((images[..., 0] * 255).round(), letterbox(data.images[:3], sides))
    np.testing.assert_array_equal(masks[..., 0] == 1, letterbox(data.masks[:3], sides))


# A mask on the third channel


def test_a_mask_is_shown_on_the_third_channel():
    model = on_encoder(Settings(size=32, encoder="efficientnetlite0", channels=2))
    assert model.input_shape == (None, 32, 32, 2)
    joined = keras.Model(model.input, model.get_layer("gray_to_rgb").output)
    shown = np.random.default_rng(0).random((2, 32, 32, 2), np.float32)
    np.testing.assert_array_equal(as_array(joined(shown)), shown[..., [0, 0, 1]])


def test_networks_that_take_one_picture_refuse_a_mask_beside_it(phantom):
    for id in ("r2-cnn", "r1-unet"):
        with pytest.raises(DataError, match=rf"{id} takes one picture.*such as r3-imagemasknet or own-clf"):
            planned(id, phantom, "smoke", inputs="image and true mask")


# Protocols


def test_our_own_under_each_report(phantom):
    own = experiment("own-clf")
    told = {name: inputs_under(own, name) for name in PROTOCOLS if name.startswith("as-")}
    assert told == {
        "as-r1": "image",
        "as-r2": "image cut by the true mask",
        "as-r3": "image and true mask",
        "as-r4": "image",
    }
    assert {name: folds_of(own, name) for name in told} == {"as-r1": 5, "as-r2": 1, "as-r3": 1, "as-r4": 1}
    for name, watched in (("as-r2", "test"), ("as-r3", "test"), ("as-r4", "validation"), ("as-r1", "test")):
        assert make_split(own, phantom, "smoke", name).selected_on == watched
    cut = planned("own-clf", phantom, "smoke", "as-r2")
    assert (cut.name, cut.inputs) == ("own-clf@as-r2", "image cut by the true mask")
    beside = planned("own-clf", phantom, "smoke", "as-r3")
    assert (beside.name, beside.settings.channels) == ("own-clf@as-r3", 2)
    assert inputs_under(experiment("own-seg"), "as-r2") == "image"
    with pytest.raises(UnknownNameError, match=r"own-seg cannot be run under as-r3: .* no segmentation"):
        folds_of(experiment("own-seg"), "as-r3")


def test_a_report_under_its_own_name_is_as_it_was(phantom):
    for id, name in (("r2-cnn", "as-r2"), ("r3-imagemasknet", "as-r3"), ("r4-unet", "as-r4")):
        entry = experiment(id)
        one, other = (make_split(entry, phantom, "smoke", each, seed=2) for each in ("random", name))
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
        assert inputs_under(entry, name) == entry.inputs_under("random")
        assert folds_of(entry, name) == folds_of(entry, "random") == 1


def test_copies_may_stand_on_both_sides_and_tests_are_on_originals():
    labels = np.repeat([0, 1, 2], [437, 210, 133])
    plan = ReportSplit(folds=5, hold_out=True)
    folds = [split_with_copies(labels, plan, 20, copies=2, fold=fold) for fold in range(5)]
    n = len(labels)
    for split in folds:
        assert split.selected_on == "test" and split.test.max() < n
        assert not np.isin(split.train % n, split.hold_out).any() and len(split.hold_out) == 60
        assert np.isin(split.test, split.train % n).mean() > 0.9  # the leak
        assert not np.isin(split.test, split.train).any()
    tested = np.concatenate([split.test for split in folds])
    np.testing.assert_array_equal(np.sort(tested), np.setdiff1d(np.arange(n), folds[0].hold_out))
    one = split_with_copies(labels, ReportSplit(test=50 / 720, validation=450 / 2305, hold_out=True), 20, 2)
    assert one.selected_on == "validation"
    parts = np.concatenate([one.train, one.validation, one.test])
    assert len(np.unique(parts)) == len(parts)
    plain, none = random_split(labels, plan, 20, seed=3), split_with_copies(labels, plan, 20, 0, seed=3)
    np.testing.assert_array_equal(plain.train, none.train)


def test_copies_are_made_for_a_run_and_epochs_are_fewer(phantom):
    small = planned("own-clf", phantom, "smoke", "as-r1")
    assert small.settings.epochs == 1 and small.data is phantom
    assert small.spec.data == phantom.fingerprint
    many = runner._with_copies(phantom, 2, 0)
    assert len(many) == 3 * len(phantom) and many.origin == phantom.origin
    with pytest.raises(DataError, match="no predicted masks of augmented copies"):
        planned("own-clf", phantom, "smoke", "as-r1", inputs="image cut by the predicted mask")


# Subsets


def busi_by_its_table() -> Dataset:
    """BUSI's ids, labels and groups, with pictures of one pixel."""
    table = read_table()
    labels = table["class"].map(CLASSES.index).to_numpy()
    empty = np.zeros((len(table), 1, 1), np.uint8)
    return Dataset(empty, empty.astype(bool), labels, table, "BUSI", "busi")


def test_the_curated_images_are_those_of_its_authors():
    ids = subset_ids("curated")
    assert len(set(ids)) == 450
    counts = pd.Series(ids).str.split().str[0].value_counts()
    assert counts.to_dict() == {"benign": 222, "malignant": 164, "normal": 64}  # as their README has it
    assert set(ids) <= set(read_table()["id"])


def test_without_conflicts_no_group_holds_two_labels():
    table = read_table()
    kept = table[table["id"].isin(subset_ids("unconflicted"))]
    assert (kept.groupby("group")["class"].nunique() == 1).all()
    lost = table[~table["id"].isin(kept["id"])]
    assert lost["group"].nunique() == 7
    with pytest.raises(UnknownNameError, match="There are: curated, unconflicted"):
        subset_ids("clean")


@pytest.mark.parametrize("name", ["curated", "unconflicted"])
def test_a_subset_is_divided_in_grouped_folds_of_its_own(name, phantom):
    data, entry = busi_by_its_table(), experiment("own-clf")
    rows = subset_rows(name, data)
    tests = []
    for fold in range(5):
        split = make_split(entry, data, "laptop", name, fold)
        parts = [split.train, split.validation, split.test]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), rows)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert not np.intersect1d(data.groups[parts[one]], data.groups[parts[other]]).size
        tests.append(split.test)
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), rows)
    with pytest.raises(DataError, match=f"{name} is a subset of BUSI, and phantoms is not BUSI"):
        make_split(entry, phantom, "smoke", name)


def test_a_record_is_scored_on_a_subset():
    table = read_table()
    right = pd.get_dummies(table["class"])[list(CLASSES)].astype(float)
    rows = pd.concat([table[["id"]], table[["class"]].rename(columns={"class": "true"}), right], axis=1)
    curated = rows["id"].isin(subset_ids("curated"))
    rows.loc[~curated, list(CLASSES)] = [1 / 3, 1 / 3, 1 / 3]
    facts = {"task": "classification", "profile": "smoke"}
    record = Record("own-clf", facts, ())
    record.__dict__["predictions"] = rows.assign(fold=0, seed=0)
    found = metrics_on(record, subset_ids("curated"))
    assert found["accuracy"]["n"] == 450 and found["accuracy"]["value"] == found["macro_f1"]["value"] == 1


# The plan


ROOT = Path(__file__).parents[1]


def test_the_plan_can_be_read_and_names_what_it_asks_for():
    jobs = asked_for([str(ROOT / "plan.yaml")], "laptop", "busi", (), (), (), (), "")
    assert {job.profile for job in jobs} == {"laptop"}
    for job in jobs:
        entry = experiment(job.experiment)
        assert 0 <= job.fold < folds_of(entry, job.protocol)
        inputs_under(entry, job.protocol)
        if entry.report == "own":
            assert not job.weights, "own networks ask for the weights that they need"
    asked = {(job.experiment, job.protocol, job.seed, job.fold) for job in jobs}
    for id in ("own-clf", "own-seg"):
        assert {(id, "grouped", seed, fold) for seed in range(3) for fold in range(5)} <= asked
    order = [job.experiment for job in jobs]
    assert order[0] == "own-clf" and order.index("own-seg") < order.index("r1-unet")


def test_every_system_on_busi_is_in_the_plan_under_both_protocols():
    lines = yaml.safe_load((ROOT / "plan.yaml").read_text(encoding="utf-8"))
    for protocol in ("random", "grouped"):
        asked = {id for line in lines if protocol in line.get("protocols", ["grouped"]) for id in line["ids"]}
        ours = {f"r{number}" for number in range(1, 5)}
        assert {id for id in EXPERIMENTS if id[:2] in ours} <= asked, protocol


# Through the runner


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder, plain = tmp_path_factory.mktemp("own"), runner.settings_for

    def quick(entry, *rest):
        settings = plain(entry, *rest)
        return replace(settings, epochs=min(settings.epochs, 1))

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(runner, "settings_for", quick)
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("id", ["own-seg", "own-multi-seg"])
def test_a_gated_run_is_recorded_and_asked_again(id, project, phantom):
    ran = run(id, phantom, "smoke")
    threshold, test = ran.facts["presence_threshold"], ran.split.test
    presence = ran.probabilities(test, head="presence")
    np.testing.assert_allclose(presence, ran.predictions["presence"], atol=1e-5)
    np.testing.assert_array_equal(ran.masks, ran.probabilities(test) >= 0.5)
    assert not ran.masks[presence < threshold].any()
    assert "presence" in ran.validation and 0 < threshold < 1


@pytest.mark.slow
def test_the_classes_of_one_network_for_both(project, phantom):
    classes = run("own-multi-clf", phantom, "smoke")
    (outlined,) = classes.members
    test = classes.split.test
    np.testing.assert_allclose(
        classes.predictions[list(CLASSES)], outlined.probabilities(test, head="class"), atol=1e-5
    )
    np.testing.assert_allclose(
        1 - classes.predictions["normal"], outlined.probabilities(test, head="presence"), atol=1e-5
    )
    assert classes.history.empty and classes.facts["parameters"] == outlined.facts["parameters"]


@pytest.mark.slow
def test_a_run_on_copies_is_tested_on_originals(project, phantom):
    ran = run("own-clf", phantom, "smoke", "as-r1")
    assert ran.name == "own-clf@as-r1" and ran.facts["split"]["train"] > len(phantom)
    assert set(ran.predictions["id"]) <= set(phantom.ids) and len(ran.hold_out) == 6
    told = {"name": "phantoms", "fingerprint": phantom.fingerprint, "n": len(phantom), "size": phantom.size}
    assert ran.facts["dataset"] == told
