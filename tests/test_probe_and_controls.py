"""The linear probe, what the negative controls see, and that a planted shortcut is found."""

from dataclasses import replace

import numpy as np
import pytest

from busilib.data.dataset import CLASSES, Dataset
from busilib.data.splits import FOLDS, grouped_split
from busilib.metrics.classification import classification_metrics
from busilib.studies import controls
from busilib.studies.context import Context
from busilib.studies.controls import border_only, lesion_boxes, painted_out, permuted, shapes
from busilib.studies.probe import (
    STRENGTHS,
    about_probe,
    features,
    fit_probe,
    probe_predictions,
    probe_weights,
)


@pytest.fixture(scope="module")
def splits(phantom):
    return [grouped_split(phantom.labels, phantom.groups, fold) for fold in range(FOLDS)]


def told(data: Dataset, noise: float, seed: int = 0) -> np.ndarray:
    """Features that tell the class, but for some noise."""
    rng = np.random.default_rng(seed)
    return (np.eye(3)[data.labels] + noise * rng.normal(size=(len(data), 3))).astype(np.float32)


# The probe


def test_every_image_is_predicted_once_by_a_probe_that_did_not_learn_from_its_group(phantom, splits):
    table = probe_predictions(told(phantom, 0.1), phantom, splits)
    assert table.columns.tolist() == ["id", "group", "fold", "true", *CLASSES]
    assert sorted(table["id"]) == sorted(phantom.ids)
    assert (table.groupby("group")["fold"].nunique() == 1).all()
    assert table[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1, abs=2e-4)
    assert classification_metrics(table)["accuracy"] == 1


def test_the_strength_is_chosen_on_the_images_that_watch(phantom):
    """Features that are noise in training and the answer where it counts: only the watchers decide."""
    x, labels = told(phantom, 1.5), phantom.labels
    chosen = fit_probe(x[::2], labels[::2], x[1::2], labels[1::2])
    fitted = {
        strength: fit_probe_with(strength, x[::2], labels[::2]).score(x[1::2], labels[1::2])
        for strength in STRENGTHS
    }
    assert chosen.score(x[1::2], labels[1::2]) == max(fitted.values())
    best = min(strength for strength, score in fitted.items() if score == max(fitted.values()))
    assert best == chosen[-1].C  # of equals the most regularised


def fit_probe_with(strength, x, labels):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(x, labels)


def test_phantoms_are_probed_with_random_weights():
    assert probe_weights("smoke") is None
    assert probe_weights("laptop") == "imagenet"
    assert probe_weights("laptop", "none") is None


def test_what_a_probe_sees_through_tells_its_records_apart():
    assert about_probe(Context("smoke"))["apart"] == []
    assert about_probe(Context("laptop", weights="none"))["apart"] == ["random-weights"]
    other = about_probe(Context("smoke", encoder="efficientnetlite0"))
    assert (other["apart"], other["encoder"]) == (["efficientnetlite0"], "efficientnetlite0")


@pytest.mark.slow
def test_a_probe_sees_through_any_encoder_of_the_table(phantom):
    seen = features(phantom.images[:2], None, 0, "efficientnetlite0")
    assert seen.shape == (2, 1280)


# What the controls see


def test_every_image_has_a_box_and_lesions_lie_inside_theirs(phantom):
    boxes = lesion_boxes(phantom)
    assert boxes.any(axis=(1, 2)).all()
    assert not (phantom.masks & ~boxes).any()
    for box in boxes:  # a filled rectangle
        rows, columns = np.flatnonzero(box.any(1)), np.flatnonzero(box.any(0))
        assert box.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_a_normal_image_borrows_the_box_of_another(phantom):
    boxes = lesion_boxes(phantom)
    lesions = {box.tobytes() for box in boxes[phantom.has_lesion]}
    assert {box.tobytes() for box in boxes[~phantom.has_lesion]} <= lesions


def test_nothing_of_the_lesion_is_left_when_it_is_painted_out(phantom):
    boxes = lesion_boxes(phantom)
    painted = painted_out(phantom.images, boxes)
    changed = replace(phantom, images=np.where(phantom.masks, 255 - phantom.images, phantom.images))
    np.testing.assert_array_equal(painted, painted_out(changed.images, boxes))
    np.testing.assert_array_equal(painted[~boxes], phantom.images[~boxes])
    for image, box in zip(painted, boxes, strict=True):
        assert len(np.unique(image[box])) == 1


def test_painting_by_hand():
    image = np.array([[[10, 20], [30, 200]]], np.uint8)
    box = np.array([[[False, False], [False, True]]])
    assert painted_out(image, box).tolist() == [[[10, 20], [30, 20]]]


def test_only_the_border_is_left():
    framed = border_only(np.full((1, 20, 20), 7, np.uint8))
    assert (framed[0, :2] == 7).all() and (framed[0, :, -2:] == 7).all()
    assert not framed[0, 2:-2, 2:-2].any()


def test_permuted_labels_keep_their_counts_and_the_test_images_theirs(phantom, splits):
    for split, labels in zip(splits, permuted(phantom, splits), strict=True):
        known = np.concatenate([split.train, split.validation])
        np.testing.assert_array_equal(labels[split.test], phantom.labels[split.test])
        assert sorted(labels[known]) == sorted(phantom.labels[known])
        assert (labels[known] != phantom.labels[known]).any()
    first, second = permuted(phantom, splits, number=0), permuted(phantom, splits, number=1)
    assert (first[0] != second[0]).any()


def test_shapes_are_those_of_the_files(phantom):
    width, height, ratio = shapes(phantom)[0]
    assert (width, height) == tuple(phantom.table.loc[0, ["width", "height"]])
    assert ratio == width / height


# Planted faults


def study_of(data, monkeypatch, tell):
    """The controls with features made by `tell` from the images, instead of a network's."""
    monkeypatch.setattr(controls, "eye", lambda *_: tell)
    return controls.negative_controls(Context("smoke", data, weights="none"))


def stamp(images):
    """Which of three gray levels the first row of an image has."""
    return np.eye(3, dtype=np.float32)[np.round(images[:, 0].mean(axis=1) / 100).astype(int).clip(0, 2)]


@pytest.mark.slow
def test_a_class_written_into_the_border_is_found_by_the_border_control(phantom, monkeypatch):
    """Gray level of the first row by class: a stamp as a scanner might leave it."""
    images = phantom.images.copy()
    images[:, 0] = (phantom.labels * 100)[:, None]
    stamped = study_of(replace(phantom, images=images), monkeypatch, stamp)
    assert stamped.metrics("border alone")["accuracy"]["value"] > 0.9
    assert stamped.metrics("true mask alone")["accuracy"]["value"] < 0.7


@pytest.mark.slow
def test_permuted_labels_know_nothing_even_where_the_features_tell_all(phantom, monkeypatch):
    study = study_of(phantom, monkeypatch, lambda images: told(phantom, 0.05))
    assert study.metrics(controls.WHOLE)["accuracy"]["value"] == 1
    assert study.metrics("labels permuted")["balanced_accuracy"]["value"] < 0.6
    assert study.conditions["labels permuted"]["n"] == controls.PERMUTATIONS * len(phantom)


@pytest.mark.slow
def test_marked_images_and_the_others_are_the_whole(phantom, monkeypatch):
    study = study_of(phantom, monkeypatch, lambda images: told(phantom, 0.5))
    parts = [name for name in study.conditions if name.startswith("whole image, ")]
    ids = {name: study.predictions.loc[study.predictions["condition"] == name, "id"] for name in parts}
    assert sorted(id for part in ids.values() for id in part) == sorted(phantom.ids)
    assert set(ids["whole image, images with coloured marks"]) == set(phantom.ids[phantom.table["overlay"]])
