"""Grad-CAM and HiResCAM against other ways to the same map, and how much of a map lies inside a lesion."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.data.dataset import CLASSES
from busilib.keras_backend import keras
from busilib.metrics.attention import (
    attention_metrics,
    attention_share,
    fixed_gaze,
)
from busilib.metrics.measure import support
from busilib.models.gradcam import ExplanationError, feature_map, gradcam, hirescam
from busilib.reports.registry import experiment
from busilib.runs.predict import build, network
from busilib.runs.protocols import make_split
from busilib.runs.runner import run
from busilib.studies import attention as study
from busilib.studies.context import Context

SIZE = 8
LEFT = (slice(None), slice(None), slice(None, SIZE // 2))


def pictures(n: int = 4, size: int = SIZE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def pooled_classifier(seed: int = 0, channels: int = 5) -> keras.Model:
    """Convolution, global average pooling, softmax: the network for which CAM (Zhou 2016) was made."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name="maps")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="class")(x))


def flat_classifier() -> keras.Model:
    """One map, the image itself, flattened; class 0 looks at the left half, class 1 at the right."""
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="maps")(inputs)
    outputs = keras.layers.Dense(2, activation="softmax", use_bias=False, name="class")(
        keras.layers.Flatten()(x)
    )
    model = keras.Model(inputs, outputs)
    left = np.zeros((1, SIZE, SIZE))
    left[LEFT] = 1
    model.get_layer("maps").set_weights([np.ones((1, 1, 1, 1))])
    model.get_layer("class").set_weights([np.stack([left.ravel(), 1 - left.ravel()], axis=1)])
    return model


def looks_left() -> keras.Model:
    """Whatever stands in the right half never reaches the head."""
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.Cropping2D(((0, 0), (0, SIZE // 2)))(inputs)
    x = keras.layers.ZeroPadding2D(((0, 0), (0, SIZE // 2)))(x)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones", name="class")(x))


def small(id: str, size: int = 32) -> keras.Model:
    entry = experiment(id)
    keras.utils.set_random_seed(0)
    return build(entry, replace(entry.settings, size=size, filters=4, weights=None))


def weights(model: keras.Model, layer: str) -> list[np.ndarray]:
    return model.get_layer(layer).get_weights()


def asked(model: keras.Model, images: np.ndarray, tensor=None) -> np.ndarray:
    """What a model, or a tensor inside it, says of images: by Keras's own way."""
    shown = model if tensor is None else keras.Model(model.input, tensor)
    return shown.predict(images[..., None] / np.float32(255), verbose=0)


# The maps


def test_by_hand():
    """One map of 2×2 that is the image; the class weighs it by 3, then by -3."""
    inputs = keras.Input((2, 2, 1))
    x = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(inputs)
    )
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="class")(x))
    model.get_layer("class").set_weights([np.array([[3.0, -3.0]]), np.zeros(2)])
    image = np.array([[[0, 51], [102, 255]]], np.uint8)
    np.testing.assert_allclose(gradcam(model, image, [0])[0], [[0, 0.2], [0.4, 1]], atol=1e-6)
    np.testing.assert_array_equal(gradcam(model, image, [1])[0], 0)  # nothing here raises class 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", [gradcam, hirescam])
def test_behind_pooling_both_equal_zhous_class_activation_map(method, seed):
    model, images = pooled_classifier(seed), pictures(seed=seed)
    labels = np.array([0, 1, 2, 1])
    maps = asked(model, images, model.get_layer("maps").output)
    cam = np.maximum(np.einsum("nhwk,kn->nhw", maps, weights(model, "class")[0][:, labels]), 0)
    peak = cam.max((1, 2), keepdims=True)
    np.testing.assert_allclose(method(model, images, labels), cam / np.where(peak, peak, 1), atol=1e-5)


@pytest.mark.parametrize("id", ["r2-cnn", "r2-mobilenet"])
def test_the_gradients_of_r2_s_heads_by_numpy(id):
    """Flatten, dense, (leaky) ReLU, dense: the chain rule by hand."""
    size = 64  # the last maps are 4×4 and 2×2
    model, images = small(id, size), pictures(3, size)
    flat, first, top = (
        [layer for layer in model.layers if isinstance(layer, kind)]
        for kind in (keras.layers.Flatten, keras.layers.Dense, keras.layers.Dense)
    )
    maps = asked(model, images, flat[0].output)
    (inner, bias), (outer, _) = first[0].get_weights(), top[-1].get_weights()
    slope = np.where(maps @ inner + bias > 0, 1, 0.3 if id == "r2-cnn" else 0)
    label = np.array([2, 0, 1])
    shape = (3, *feature_map(model).shape[1:])
    gradient = ((slope * outer[:, label].T) @ inner.T).reshape(shape)
    maps = maps.reshape(shape)
    expected = {
        gradcam: np.maximum((gradient.mean((1, 2), keepdims=True) * maps).sum(-1), 0),
        hirescam: np.maximum((gradient * maps).sum(-1), 0),
    }
    for method, wanted in expected.items():
        wanted = np.stack([keras.ops.image.resize(one[..., None], (size, size))[..., 0] for one in wanted])
        peak = wanted.max((1, 2), keepdims=True)
        np.testing.assert_allclose(
            method(model, images, label), wanted / np.where(peak > 0, peak, 1), atol=1e-4
        )


def test_the_enlargement_is_linear_between_the_centres_of_the_cells():
    """A map of two cells, 0 and 1, on eight pixels: centres at pixels 1.5 and 5.5, flat beyond."""
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.AveragePooling2D(SIZE // 2)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones", name="class")(x))
    image = np.zeros((1, SIZE, SIZE), np.uint8)
    image[..., SIZE // 2 :] = 255
    columns = np.interp(np.arange(SIZE), [1.5, 5.5], [0, 1])
    np.testing.assert_allclose(gradcam(model, image)[0], np.tile(columns, (SIZE, 1)), atol=1e-6)


def test_a_network_that_sees_the_left_half_alone_has_all_its_heat_there():
    heat = gradcam(looks_left(), pictures())
    masks = np.zeros(heat.shape, bool)
    masks[LEFT] = True
    shares = attention_share(heat, masks)
    assert (shares["share_inside"] == 1).all() and (shares["hit"] == 1).all()


def test_behind_a_flattened_map_only_hirescam_tells_where_the_network_looks():
    """Why both are shown: the mean gradient forgets the place, and R2's heads have a weight for each."""
    masks = np.zeros((4, SIZE, SIZE), bool)
    masks[LEFT] = True
    model, images = flat_classifier(), pictures()
    found = {
        method: attention_share(method(model, images, np.zeros(4, int)), masks)["share_inside"]
        for method in (gradcam, hirescam)
    }
    assert (found[hirescam] == 1).all()
    assert (found[gradcam] < 0.7).all()


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_maps_lie_between_0_and_1_and_follow_their_images(seed):
    model, images = pooled_classifier(1), pictures(5, seed=seed)
    heat = gradcam(model, images, np.full(5, seed % 3))
    assert heat.dtype == np.float32 and heat.shape == images.shape
    assert all(peak in (0, 1) for peak in heat.max((1, 2))) and heat.min() >= 0
    order = np.random.default_rng(seed).permutation(5)
    again = gradcam(model, images[order], np.full(5, seed % 3))
    np.testing.assert_allclose(again, heat[order], atol=1e-5)


def test_more_images_than_a_batch_and_asking_twice_change_nothing(monkeypatch):
    model, images = pooled_classifier(), pictures(7)
    whole = gradcam(model, images)
    monkeypatch.setattr("busilib.models.gradcam.BATCH", 3)
    np.testing.assert_allclose(gradcam(model, images), whole, atol=1e-5)


def test_without_labels_the_predicted_class_is_explained():
    model, images = pooled_classifier(2), pictures(6)
    np.testing.assert_array_equal(
        gradcam(model, images), gradcam(model, images, asked(model, images).argmax(1))
    )


def test_explaining_changes_no_weight():
    model, images = small("r2-cnn"), pictures(2, 32)
    before = [each.copy() for each in model.get_weights()]
    gradcam(model, images)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "id",
    ["r1-densenet121", "r2-vgg19", "r2-mobilenet", "r2-cnn", "r4-vgg19", "r4-resnet50", "r4-efficientnetb0"],
)
def test_every_classifier_of_the_registry_that_sees_an_image_alone_is_explained(id):
    model, images = small(id), pictures(2, 32)
    for method in (gradcam, hirescam):
        heat = method(model, images)
        assert heat.shape == images.shape and np.isfinite(heat).all()


def test_an_earlier_layer_can_be_explained_and_its_map_is_finer():
    model = small("r2-cnn")
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert feature_map(model).shape[1:3] == (2, 2)
    assert feature_map(model, convolutions[1]).shape[1:3] == (16, 16)
    assert gradcam(model, pictures(1, 32), layer=convolutions[1]).shape == (1, 32, 32)


# What is refused


@pytest.mark.parametrize("id", ["r3-imagemasknet", "r3-imagemasknet2"])
def test_networks_that_are_shown_the_mask_are_refused(id):
    with pytest.raises(ExplanationError, match="2 inputs"):
        gradcam(small(id), pictures(1, 32))


def test_an_unknown_layer_is_refused_and_the_others_are_named():
    with pytest.raises(ExplanationError, match=r"no feature map 'conv9'.*There are: maps"):
        gradcam(pooled_classifier(), pictures(), layer="conv9")


def test_a_segmentation_network_is_refused():
    with pytest.raises(ExplanationError, match="pools or flattens"):
        gradcam(small("r2-unet"), pictures(1, 32))


def test_a_top_that_is_no_dense_layer_is_refused():
    inner = pooled_classifier()
    model = keras.Model(inner.input, keras.layers.Softmax(name="again")(inner.output))
    with pytest.raises(ExplanationError, match="its top is a Softmax"):
        gradcam(model, pictures())


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (pictures().astype(np.float32), None, "uint8 images"),
        (pictures(size=4), None, r"\(n, 8, 8\)"),
        (pictures(), [0, 1], "one label for each of 4"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        gradcam(pooled_classifier(), images, labels)


# How much of a map lies inside


def test_shares_by_hand():
    heat = np.array([[[1.0, 0.5], [0.5, 0.0]]] * 2 + [[[0.0, 0.0], [0.0, 0.0]]])
    masks = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 1]], [[1, 1], [1, 0]]], bool)
    table = attention_share(heat, masks)
    np.testing.assert_allclose(table["share_inside"], [0.5, 0.25, np.nan])
    np.testing.assert_allclose(table["lesion_share"], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(table["hit"], [1, 0, np.nan])


def test_images_without_a_lesion_have_no_share():
    assert attention_share(np.ones((1, 2, 2)), np.zeros((1, 2, 2), bool)).isna().all(axis=None)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_an_indifferent_map_has_the_share_of_the_lesion_and_inside_and_outside_make_one(seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((3, 6, 5)) < 0.4
    masks[:, 0, 0], masks[:, 0, 1] = True, False
    level = attention_share(np.full(masks.shape, 0.3), masks)
    np.testing.assert_allclose(level["share_inside"], level["lesion_share"])
    np.testing.assert_allclose(level["hit"], level["lesion_share"])
    heat = rng.random(masks.shape)
    both = attention_share(heat, masks)["share_inside"] + attention_share(heat, ~masks)["share_inside"]
    np.testing.assert_allclose(both, 1)
    stronger = attention_share(7 * heat, masks)
    pd.testing.assert_frame_equal(stronger, attention_share(heat, masks))


def test_the_share_is_the_precision_of_a_map_of_zeros_and_ones():
    """scikit-learn as referee: heat where a mask is predicted, share inside is its precision."""
    from sklearn.metrics import precision_score

    rng = np.random.default_rng(3)
    heat, masks = rng.random((4, 9, 9)) < 0.5, rng.random((4, 9, 9)) < 0.5
    expected = [precision_score(m.ravel(), h.ravel()) for m, h in zip(masks, heat, strict=True)]
    np.testing.assert_allclose(attention_share(heat.astype(float), masks)["share_inside"], expected)


@pytest.mark.parametrize(
    ("heat", "masks"),
    [
        (np.ones((1, 2, 2)), np.ones((1, 2, 3), bool)),
        (np.ones((1, 2, 2)), np.ones((1, 2, 2))),
        (-np.ones((1, 2, 2)), np.ones((1, 2, 2), bool)),
        (np.full((1, 2, 2), np.nan), np.ones((1, 2, 2), bool)),
    ],
)
def test_heat_and_masks_that_do_not_fit_are_refused(heat, masks):
    with pytest.raises(ValueError, match="heat"):
        attention_share(heat, masks)


def test_a_fixed_gaze_is_the_mean_of_the_others_by_hand():
    heat = np.array([[[1.0, 0.0]], [[2.0, 2.0]], [[0.0, 0.0]]])
    np.testing.assert_allclose(fixed_gaze(heat), [[[0.5, 0.5]], [[1, 0]], [[0.75, 0.25]]])


def test_a_gaze_that_never_moves_is_no_better_than_the_fixed_gaze():
    rng = np.random.default_rng(0)
    masks = rng.random((6, 5, 5)) < 0.3
    heat = np.repeat(rng.random((1, 5, 5)), 6, axis=0)
    np.testing.assert_allclose(
        attention_share(heat, masks)["share_inside"], attention_share(fixed_gaze(heat), masks)["share_inside"]
    )


TABLE = pd.DataFrame(
    {
        "true": ["benign", "benign", "malignant", "malignant"],
        "predicted": ["benign", "normal", "malignant", "malignant"],
        "share_inside": [0.4, 0.2, 0.9, np.nan],
        "lesion_share": [0.1, 0.1, 0.4, 0.3],
        "fixed_share": [0.2, 0.1, 0.6, 0.5],
        "hit": [1.0, 0.0, 1.0, np.nan],
    }
)


def test_the_figures_by_hand():
    found = attention_metrics(TABLE)
    expected = {
        "no_heat": 0.25,
        "share_inside": 0.5,
        "lesion_share": 0.2,
        "fixed_share": 0.3,
        "share_gain": 0.2,
        "attention_ratio": 2.5,
        "hit_rate": 2 / 3,
        "benign_share_inside": 0.3,
        "malignant_lesion_share": 0.4,
        "benign_attention_ratio": 3.0,
        "right_share_inside": 0.65,
        "wrong_share_inside": 0.2,
        "wrong_hit_rate": 0.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_the_figures_agree_with_pandas():
    rng = np.random.default_rng(1)
    table = TABLE.sample(40, replace=True, random_state=1, ignore_index=True)
    table[["share_inside", "fixed_share", "hit"]] = rng.random((40, 3))
    table.loc[:5, ["share_inside", "hit"]] = np.nan
    seen, found = table.dropna(), attention_metrics(table)
    for name, rows in seen.groupby("true"):
        assert found[f"{name}_hit_rate"] == pytest.approx(rows["hit"].mean())
        ratio = rows["share_inside"].mean() / rows["lesion_share"].mean()
        assert found[f"{name}_attention_ratio"] == pytest.approx(ratio)
    assert found["no_heat"] == 6 / 40


def test_counts_stand_behind_every_figure():
    counts = support("attention", TABLE)
    assert counts.keys() == attention_metrics(TABLE).keys()
    assert counts["no_heat"] == 4 and counts["share_inside"] == 3
    assert counts["benign_hit_rate"] == 2 and counts["malignant_hit_rate"] == 1


def test_a_part_without_images_has_no_figure():
    found = attention_metrics(TABLE[TABLE["true"] == "benign"])
    assert np.isnan(found["malignant_share_inside"]) and np.isnan(found["malignant_attention_ratio"])


# The study


@pytest.fixture(scope="module")
def trained(phantom, one_epoch):
    """A finished run of a small network on phantoms."""
    return run("r2-cnn", phantom, "smoke")


@pytest.mark.slow
def test_each_lesion_of_the_test_fold_has_one_row(trained):
    chosen = study.lesion_images(trained)
    heat = gradcam(network(trained), trained.data.images[chosen], study.predicted_labels(trained))
    rows = study.attention_rows(trained, heat)
    shown = trained.predictions[trained.predictions["true"] != "normal"]
    assert rows["id"].tolist() == shown["id"].tolist() and rows["true"].tolist() == shown["true"].tolist()
    assert rows["predicted"].tolist() == shown[list(CLASSES)].idxmax(axis=1).tolist()
    by_id = trained.data.table.set_index("id")
    assert rows["group"].tolist() == by_id.loc[rows["id"], "group"].tolist()
    np.testing.assert_allclose(rows["lesion_share"], trained.data.masks[chosen].mean((1, 2)), atol=1e-6)


@pytest.mark.slow
def test_a_random_head_is_the_same_each_time_and_sees_what_the_trained_network_sees(trained):
    one, other = (study.with_random_head(trained) for _ in range(2))
    learnt, images = network(trained), trained.data.images[:3]
    seen = [asked(model, images, feature_map(model)) for model in (one, learnt)]
    np.testing.assert_allclose(*seen, atol=1e-6)
    heads = [weights(model, "class")[0] for model in (one, other, learnt)]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


@pytest.mark.slow
def test_the_network_of_a_run_predicts_what_the_run_recorded(trained):
    found = asked(network(trained), trained.data.images[trained.split.test])
    np.testing.assert_allclose(found, trained.predictions[list(CLASSES)], atol=1e-5)


@pytest.mark.slow
def test_an_ensemble_has_no_network_of_its_own(trained):
    from busilib.errors import UserError

    with pytest.raises(UserError, match="it is a"):
        network(replace(trained, experiment=experiment("r4-ensemble")))


@pytest.mark.slow
def test_the_study_explains_every_lesion_under_every_condition(phantom, one_epoch):
    found = study.attention(Context("smoke", phantom))
    assert list(found.conditions) == [
        name for id in study.NETWORKS for name in (f"{id}, Grad-CAM", f"{id}, HiResCAM", f"{id}, random head")
    ]
    split = make_split(experiment("r2-cnn"), phantom, "smoke", "grouped")
    lesions = phantom.ids[split.test[phantom.has_lesion[split.test]]].tolist()
    for _, rows in found.predictions.groupby("condition"):
        assert rows["id"].tolist() == lesions
        assert rows["lesion_share"].between(0, 1).all()
