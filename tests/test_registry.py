"""The registry says what the reports say: every figure below is typed from the reports, none is computed."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from busilib.data.dataset import CLASSES
from busilib.data.splits import random_split
from busilib.errors import UnknownNameError
from busilib.metrics.classification import confusion_metrics
from busilib.reports.r1 import FOLD_CONFUSION
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs.predict import build
from busilib.runs.profiles import PROFILES, profile, settings_for

IDS = ["r1-unet", "r1-densenet121", "r2-unet", "r2-cnn", "r2-vgg19", "r2-mobilenet"]
R4_OUTLINES = ["r4-unet", "r4-unet-vgg19", "r4-deeplabv3", "r4-segformer"]
R4_CLASSIFIERS = ["r4-vgg19", "r4-resnet50", "r4-efficientnetb0", "r4-efficientnetlite0"]
R4_NETWORKS = [*R4_OUTLINES, *R4_CLASSIFIERS]
OWN = [
    "own-clf",
    "own-seg",
    "own-multi-seg",
    "own-multi-clf",
    "own-seg-ellipse",
    "own-classes-seg",
    "own-classes-clf",
    "own-multi-ellipse-seg",
    "own-multi-ellipse-clf",
    "own-clf-128",
    "own-clf-letterbox",
    "own-clf-frozen",
    "own-clf-scratch",
]
ALL_IDS = [
    *IDS,
    "r3-imagemasknet",
    "r3-imagemasknet2",
    *R4_OUTLINES,
    "r4-threshold",
    "r4-ensemble",
    "r4-combined",
    *R4_CLASSIFIERS,
    "r5-unet-resnet34",
    *OWN,
]

# id: epochs, batch, learning rate, loss, monitored, patience, first filters; None: the report is silent.
TRAINING = {
    "r1-unet": (100, 8, None, "binary_focal_crossentropy", "val_loss", 12, None),
    "r1-densenet121": (25, 128, 0.01, "sparse_categorical_crossentropy", "val_accuracy", None, None),
    "r2-unet": (100, 64, 5e-5, "mean_squared_error", "val_loss", None, 64),
    "r2-cnn": (150, None, None, "sparse_categorical_crossentropy", "val_loss", None, 32),
    "r2-vgg19": (None, None, None, "sparse_categorical_crossentropy", "val_loss", None, None),
    "r2-mobilenet": (100, None, None, "sparse_categorical_crossentropy", "val_loss", None, None),
}

PARAMETERS = {
    "r2-unet": 31_030_593,
    "r2-vgg19": 22_122_563,
    "r2-mobilenet": 7_424_195,
    "r1-densenet121": 7_300_675,
}

# Precision, recall and F1 of benign, malignant, normal; accuracy; macro and weighted precision, recall, F1.
R2_CLAIMS = {
    "r2-cnn": (
        [(0.87, 0.79, 0.82), (0.83, 0.75, 0.79), (0.73, 1.00, 0.84)],
        0.82,
        (0.81, 0.85, 0.82),
        (0.83, 0.82, 0.82),
    ),
    "r2-vgg19": (
        [(0.91, 0.93, 0.92), (1.00, 0.80, 0.89), (0.84, 1.00, 0.91)],
        0.91,
        (0.92, 0.91, 0.91),
        (0.92, 0.91, 0.91),
    ),
    "r2-mobilenet": (
        [(0.88, 0.90, 0.89), (0.94, 0.75, 0.83), (0.84, 1.00, 0.91)],
        0.88,
        (0.89, 0.88, 0.88),
        (0.89, 0.88, 0.88),
    ),
}
R2_SUPPORT = {"benign": 42, "malignant": 20, "normal": 16}


def claims(id: str, part: str = "test") -> dict[str, float]:
    return {claim.metric: claim.value for claim in experiment(id).claims if claim.part == part}


def supports(id: str, part: str = "test") -> dict[str, int]:
    return {claim.metric: claim.n for claim in experiment(id).claims if claim.part == part}


def test_ids():
    assert list(EXPERIMENTS) == ALL_IDS
    for id, entry in EXPERIMENTS.items():
        assert entry.id == id
        assert re.fullmatch(r"(r[1-5]|own)(-[a-z0-9]+)+", id)
        assert entry.report == ("own" if id in OWN else id[:2].upper())
        targets = {"segmentation": "mask", "classification": "label", "tissue": "codes"}
        assert entry.target == targets[entry.task]


def test_an_unknown_id_names_those_that_exist():
    with pytest.raises(UnknownNameError, match=r"r3-unet.*r1-unet, r1-densenet121, r2-unet"):
        experiment("r3-unet")


def test_an_unknown_profile_names_those_that_exist():
    with pytest.raises(UnknownNameError, match=r"huge.*smoke, laptop, full"):
        profile("huge")


@pytest.mark.parametrize("id", IDS)
def test_training_settings_are_the_reports(id):
    settings = experiment(id).settings
    ours = (
        settings.epochs,
        settings.batch,
        settings.learning_rate,
        settings.loss,
        settings.monitor,
        settings.patience,
        settings.filters,
    )
    for mine, told in zip(ours, TRAINING[id], strict=True):
        assert told is None or mine == told
    assert settings.size == 128
    has_backbone = id in {"r1-densenet121", "r2-vgg19", "r2-mobilenet"}
    assert settings.weights == ("imagenet" if has_backbone else None)
    assert experiment(id).settings.encoder == (id.split("-")[1] if has_backbone else None)
    assert not settings.frozen


def test_augmentation_ranges():
    for id in IDS:
        plan = experiment(id).augmentation
        if id.startswith("r2"):
            assert (plan.flip, plan.rotation, plan.zoom_in) == ("horizontal", 15, 0.20)
            assert plan.shift * 128 == 10
            assert plan.brightness == plan.contrast == 0
        else:
            assert plan.flip == "horizontal_and_vertical"
            assert min(plan.rotation, plan.brightness, plan.contrast) > 0
            assert plan.shift == plan.zoom_in == 0


@pytest.mark.parametrize("id", R4_NETWORKS)
def test_r4_says_the_size_and_kinds_of_augmentation_and_no_more(id):
    entry = experiment(id)
    assert entry.settings.size == 256
    assert (entry.settings.loss, entry.settings.monitor) == (
        "binary_crossentropy" if id in R4_OUTLINES else "sparse_categorical_crossentropy",
        "val_loss",
    )
    plan = entry.augmentation
    assert plan.flip and plan.rotation and plan.zoom_in
    assert plan.shift == plan.brightness == plan.contrast == 0
    for open_question in ("learning rate", "epochs", "split"):
        assert open_question in entry.ours


@pytest.mark.parametrize("id", R4_NETWORKS)
def test_r4_backbones(id):
    entry = experiment(id)
    network = {
        "r4-unet": None,
        "r4-unet-vgg19": "vgg19",
        "r4-deeplabv3": "resnet101",
        "r4-segformer": None,
    }
    assert entry.settings.encoder == network.get(id, id.removeprefix("r4-"))
    # There are no ImageNet weights of ResNet101 to ask for.
    assert entry.settings.weights == (
        "imagenet" if entry.settings.encoder and entry.settings.encoder != "resnet101" else None
    )


@pytest.mark.parametrize("id", R4_NETWORKS)
def test_r4_settings_for_each_profile(id):
    entry = experiment(id)
    for name, size in {"smoke": 64, "laptop": 128, "full": 256}.items():
        settings = settings_for(entry, name, "none")
        assert settings.size == size
        assert settings.weights is None and not settings.frozen
        assert settings.epochs <= entry.settings.epochs
        assert settings.filters is None or settings.filters <= entry.settings.filters
    assert settings_for(entry, "smoke").weights is None


def test_r4_threshold_is_a_rule_that_learns_nothing():
    entry = experiment("r4-threshold")
    assert entry.kind == "rule"
    assert (entry.parameters, entry.augmentation, entry.claims, entry.settings.encoder) == (0, None, (), None)
    assert settings_for(entry, "full").size == 256
    assert settings_for(entry, "laptop", "imagenet") == settings_for(entry, "laptop")


def test_r4_claims_one_figure_per_system_and_no_number_of_images():
    told = {id: claims(id) for id in ALL_IDS if id.startswith("r4") and claims(id)}
    assert told == {
        "r4-unet": {"lesion_iou": 0.528},
        "r4-deeplabv3": {"lesion_iou": 0.617},
        "r4-ensemble": {"lesion_iou": 0.645},
        "r4-combined": {"lesion_iou": 0.488},
        "r4-vgg19": {"weighted_f1": 0.9236},
        "r4-resnet50": {"weighted_f1": 0.9132},
    }
    assert all(set(supports(id).values()) == {None} for id in told)
    assert told["r4-vgg19"]["weighted_f1"] - told["r4-resnet50"]["weighted_f1"] == pytest.approx(0.0104)


def busi_labels() -> np.ndarray:
    return np.repeat([0, 1, 2], [437, 210, 133])


@pytest.mark.parametrize("id", [id for id in IDS if id.startswith("r2")])
def test_r2_split_is_702_to_78(id):
    split = random_split(busi_labels(), experiment(id).report_split, per_class=20)
    assert (len(split.train), len(split.test), len(split.hold_out)) == (702, 78, 0)
    assert split.selected_on == "test"
    assert experiment(id).inputs_under("random") == (
        "image" if experiment(id).task == "segmentation" else "image cut by the true mask"
    )


def test_r1_unet_split_tests_50_after_a_hold_out_of_60():
    split = random_split(busi_labels(), experiment("r1-unet").report_split, per_class=20)
    assert len(split.hold_out) == 60
    assert np.bincount(busi_labels()[split.hold_out]).tolist() == [20, 20, 20]
    assert len(split.test) == 50
    assert split.selected_on == "validation"
    # 450 of the 2305 images of R1's pool, as a share of the 720 originals.
    assert len(split.validation) == pytest.approx(720 * 450 / 2305, abs=1)
    assert len(split.train) + len(split.validation) == 670


def test_r1_densenet_has_five_folds_of_144():
    plan = experiment("r1-densenet121").report_split
    assert plan.folds == 5
    parts = [random_split(busi_labels(), plan, per_class=20, fold=fold) for fold in range(5)]
    assert [len(part.test) for part in parts] == [144] * 5
    assert all(np.array_equal(part.hold_out, parts[0].hold_out) for part in parts)
    assert np.array_equal(
        np.sort(np.concatenate([part.test for part in parts])),
        np.setdiff1d(np.arange(780), parts[0].hold_out),
    )


def test_r1_unet_claims():
    assert claims("r1-unet") == {
        "pooled_accuracy": 0.98662659,
        "pooled_precision": 0.92953053,
        "pooled_recall": 0.89058874,
        "pooled_dice": 0.90964305,
        "pooled_specificity": 0.99447932,
    }
    assert set(supports("r1-unet").values()) == {50}
    assert claims("r1-unet", "hold-out") == {
        "pooled_accuracy": 0.9912,
        "pooled_precision": 0.9129,
        "pooled_recall": 0.9440,
        "pooled_dice": 0.9282,
        "pooled_specificity": 0.9942,
    }
    assert set(supports("r1-unet", "hold-out").values()) == {60}


@pytest.mark.parametrize("part", ["test", "hold-out"])
def test_r1_unet_dice_follows_from_precision_and_recall(part):
    told = claims("r1-unet", part)
    precision, recall = told["pooled_precision"], told["pooled_recall"]
    assert 2 * precision * recall / (precision + recall) == pytest.approx(told["pooled_dice"], abs=5e-5)


def test_r1_densenet_claims():
    assert claims("r1-densenet121", "mean of folds") == {"accuracy": 0.9292, "log_loss": 0.20742}
    assert claims("r1-densenet121", "hold-out") == {"accuracy": 59 / 60}
    assert claims("r1-densenet121", "one fold") == {
        "benign_precision": 0.939929,
        "benign_recall": 0.970802,
        "benign_f1": 0.955116,
        "malignant_precision": 0.956896,
        "malignant_recall": 0.902439,
        "malignant_f1": 0.928870,
        "normal_precision": 0.919354,
        "normal_recall": 0.890625,
        "normal_f1": 0.904761,
    }


def test_r1_confusion_matrix_gives_its_nine_figures():
    assert FOLD_CONFUSION == ((266, 3, 5), (12, 111, 0), (5, 2, 57))
    figures = confusion_metrics(np.array(FOLD_CONFUSION))
    told = claims("r1-densenet121", "one fold")
    assert len(told) == 9
    for metric, value in told.items():
        assert figures[metric] == pytest.approx(value, abs=1.01e-6), metric  # R1 cuts, it does not round
    rows = dict(zip(CLASSES, np.sum(FOLD_CONFUSION, axis=1).tolist(), strict=True))
    for metric, n in supports("r1-densenet121", "one fold").items():
        assert n == rows[metric.split("_")[0]]


@pytest.mark.parametrize("id", R2_CLAIMS)
def test_r2_classifier_claims(id):
    rows, accuracy, macro, weighted = R2_CLAIMS[id]
    told = claims(id)
    for name, figures in zip(("benign", "malignant", "normal"), rows, strict=True):
        assert tuple(told.pop(f"{name}_{figure}") for figure in ("precision", "recall", "f1")) == figures
        assert supports(id)[f"{name}_recall"] == R2_SUPPORT[name]
    assert told.pop("accuracy") == accuracy
    assert (told.pop("macro_precision"), told.pop("balanced_accuracy"), told.pop("macro_f1")) == macro
    assert weighted[1] == accuracy  # the weighted recall is the accuracy, and has no key of its own
    assert (told.pop("weighted_precision"), told.pop("weighted_f1")) == (weighted[0], weighted[2])
    assert not told
    assert supports(id)["accuracy"] == 78


@pytest.mark.parametrize("id", R2_CLAIMS)
def test_r2_figures_fit_whole_numbers_of_images(id):
    """One choice of (hits, called) per class gives all rounded figures and calls 78 images together."""
    rows, accuracy, macro, weighted = R2_CLAIMS[id]
    rounded = 0.005 + 1e-9
    candidates = []
    for name, (precision, recall, f1) in zip(CLASSES, rows, strict=True):
        n = R2_SUPPORT[name]
        candidates.append(
            [
                (hits, called)
                for hits in range(n + 1)
                for called in range(max(hits, 1), 79)
                if abs(hits / n - recall) <= rounded
                and abs(hits / called - precision) <= rounded
                and abs(2 * hits / (n + called) - f1) <= rounded
            ]
        )
    support = np.array([R2_SUPPORT[name] for name in CLASSES])
    fitting = []
    for combination in itertools.product(*candidates):
        hits, called = np.array(combination).T
        precision, f1 = hits / called, 2 * hits / (support + called)
        figures = [
            hits.sum() / 78 - accuracy,
            precision.mean() - macro[0],
            (hits / support).mean() - macro[1],
            f1.mean() - macro[2],
            (precision * support).sum() / 78 - weighted[0],
            (f1 * support).sum() / 78 - weighted[2],
        ]
        if called.sum() == 78 and np.abs(figures).max() <= rounded:
            fitting.append(combination)
    assert len(fitting) == 1


def test_r2_unet_claims_nothing():
    assert experiment("r2-unet").claims == ()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("id", IDS)
def test_settings_for_each_profile(id, name):
    entry = experiment(id)
    settings = settings_for(entry, name)
    assert settings.size == {"smoke": 64, "laptop": 128, "full": 128}[name]
    assert (settings.loss, settings.monitor) == (entry.settings.loss, entry.settings.monitor)
    if name == "full":
        assert settings == entry.settings
    else:
        assert settings.epochs <= entry.settings.epochs
        assert settings.filters is None or settings.filters <= entry.settings.filters
    if name == "smoke":
        assert settings.weights is None


@pytest.mark.parametrize("id", ["r1-densenet121", "r2-vgg19", "r2-mobilenet"])
@pytest.mark.parametrize("name", PROFILES)
def test_random_weights_are_asked_for_by_name_and_never_frozen(id, name):
    settings = settings_for(experiment(id), name, "none")
    assert settings.weights is None and not settings.frozen


def test_weights_that_are_asked_for_are_used_in_every_profile(tmp_path):
    file = tmp_path / "mobilenet.weights.h5"
    file.touch()
    for name in PROFILES:
        assert settings_for(experiment("r2-mobilenet"), name, str(tmp_path)).weights == str(file)
        assert settings_for(experiment("r2-mobilenet"), name, "imagenet").weights == "imagenet"
    assert settings_for(experiment("r2-mobilenet"), "laptop", str(tmp_path)).frozen


def test_weights_mean_nothing_to_a_model_without_backbone():
    entry = experiment("r1-unet")
    assert settings_for(entry, "laptop", "imagenet") == settings_for(entry, "laptop")


@pytest.mark.parametrize("id", IDS)
def test_parameter_counts_under_the_full_settings(id):
    entry = experiment(id)
    model = build(entry, entry.settings)
    assert model.count_params() == entry.parameters == PARAMETERS.get(id, entry.parameters)
    assert model.input_shape == (None, 128, 128, 1)


@pytest.mark.parametrize(
    "id", [pytest.param(id, marks=[pytest.mark.slow] * (id == "r4-deeplabv3")) for id in R4_NETWORKS]
)
def test_r4_parameter_counts_under_the_full_settings(id):
    entry = experiment(id)
    model = build(entry, entry.settings)
    assert model.count_params() == entry.parameters
    assert model.input_shape == (None, 256, 256, 1)


def vgg19_convolutions() -> int:
    """Sixteen 3×3 convolutions with bias: 20,024,384 parameters, the published figure without the top."""
    widths = [3, 64, 64, 128, 128, *[256] * 4, *[512] * 8]
    return sum(9 * into * out + out for into, out in itertools.pairwise(widths))


def test_r4_classifier_parameters_by_hand():
    """The bases as published; of EfficientNet's the seven numbers of its own normalisation are left out."""
    assert vgg19_convolutions() == 20_024_384
    bases = {
        "vgg19": (20_024_384, 512),
        "resnet50": (23_587_712, 2048),
        "efficientnetb0": (4_049_564, 1280),
        "efficientnetlite0": (3_413_024, 1280),
    }
    for name, (base, features) in bases.items():
        assert experiment(f"r4-{name}").parameters == base + (features + 1) * 256 + (256 + 1) * 3


def test_r4_unet_vgg19_parameters_by_hand():
    """Transposed 2×2 with bias, 3×3 without, 4 per channel for each batch normalisation."""
    up = 0
    for into, out, convolutions in [(512, 512, 4), (512, 256, 4), (256, 128, 2), (128, 64, 2)]:
        up += 4 * into * out + out
        up += 9 * 2 * out * out + (convolutions - 1) * 9 * out * out + convolutions * 4 * out
    head = 64 + 1
    assert vgg19_convolutions() + up + head == experiment("r4-unet-vgg19").parameters


def test_r4_deeplabv3_parameters_by_hand():
    """Convolutions without bias but the last, 4 per channel for each batch normalisation."""

    def convolution(kernel, into, out):
        return kernel * kernel * into * out + 4 * out

    resnet, into = convolution(7, 3, 64), 64
    for width, blocks in [(64, 3), (128, 4), (256, 23), (512, 3)]:
        resnet += convolution(1, into, 4 * width)  # the shortcut of the first block
        for _ in range(blocks):
            resnet += convolution(1, into, width) + convolution(3, width, width)
            resnet += convolution(1, width, 4 * width)
            into = 4 * width
    assert resnet == 42_605_504  # as keras-cv publishes it
    pyramid = 2 * convolution(1, 2048, 256) + 3 * convolution(3, 2048, 256) + convolution(1, 5 * 256, 256)
    skip = convolution(1, 256, 48)
    head = convolution(1, 256 + 48, 256) + 256 + 1
    assert resnet + pyramid + skip + head == experiment("r4-deeplabv3").parameters


def test_r1_unet_parameters_by_hand():
    """3×3 convolutions without bias, 4 per channel for each batch normalisation, 2×2 transposed with bias."""

    def two_convolutions(into, out):
        return 9 * into * out + 9 * out * out + 2 * 4 * out

    down = sum(two_convolutions(into, out) for into, out in [(1, 64), (64, 128), (128, 256), (256, 512)])
    bottom = two_convolutions(512, 1024)
    up = sum(4 * 2 * out * out + out + two_convolutions(2 * out, out) for out in (512, 256, 128, 64))
    head = 64 + 1
    assert down + bottom + up + head == experiment("r1-unet").parameters == 31_048_257


def test_r2_cnn_parameters_by_hand():
    """Four 3×3 convolutions with bias and batch normalisation; 128 pixels halved four times are 8."""
    blocks = sum(9 * into * out + out + 4 * out for into, out in [(1, 32), (32, 64), (64, 128), (128, 256)])
    dense = 8 * 8 * 256 * 32 + 32
    head = 32 * 3 + 3
    assert blocks + dense + head == experiment("r2-cnn").parameters == 914_179


def test_the_model_card_names_every_model_with_its_parameters():
    card = (Path(__file__).parents[1] / "book" / "model_card.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (`(?:r\d|own)-[^|]+) \|.*\| ([\d.]+) \|$", card)
    typed = {id: figure for ids, figure in rows for id in re.findall(r"`([^`]+)`", ids)}
    assert typed == {id: f"{entry.parameters / 1e6:.1f}" for id, entry in EXPERIMENTS.items()}
