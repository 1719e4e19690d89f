"""The inflation ladder: one mistake less on every rung, the same images, and steps that follow from both."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from busilib.data.splits import leaked
from busilib.metrics.classification import classification_metrics
from busilib.reports.registry import experiment
from busilib.runs.protocols import make_split
from busilib.studies import ladder
from busilib.studies.context import Context
from busilib.studies.ladder import CLASSIFICATION, SEGMENTATION, ladder_classification
from busilib.studies.records import read_study, write_study

MISTAKES = ("copies_first", "peeking", "image_wise", "true_mask")


@pytest.mark.parametrize("rungs", [CLASSIFICATION, SEGMENTATION], ids=["classification", "segmentation"])
def test_each_rung_puts_one_thing_right(rungs):
    for above, here in pairwise(rungs):
        undone = [name for name in MISTAKES if getattr(above, name) and not getattr(here, name)]
        added = [name for name in MISTAKES if getattr(here, name) and not getattr(above, name)]
        assert len(undone) + (above.figure != here.figure) == 1 and not added
    assert not any(asdict(rungs[-1])[name] for name in MISTAKES)


@pytest.fixture(scope="module")
def study(phantom, module_patch):
    """The ladder with features that tell an image from every other, and say little of its class."""
    rng = np.random.default_rng(0)
    faces = {}

    def of(images, *_):
        """Noise that is the same for an original and its copies: images are known by their place."""
        n = len(phantom)
        noise = faces.setdefault("noise", rng.normal(size=(n, 40)))
        return np.concatenate([noise + 0.01 * rng.normal(size=noise.shape) for _ in range(len(images) // n)])

    module_patch.setattr(ladder, "eye", lambda *_: of)
    return ladder_classification(Context("smoke", phantom, weights="none"))


@pytest.fixture(scope="module")
def module_patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.slow
def test_every_rung_tests_every_image_once(study, phantom):
    for rung in CLASSIFICATION:
        rows = study.predictions[study.predictions["condition"] == rung.name]
        assert sorted(rows["id"]) == sorted(phantom.ids)


@pytest.mark.slow
def test_copies_made_before_the_split_give_the_answer_to_who_only_knows_faces(study):
    top, second, *_, last = (study.metrics(rung.name)["accuracy"]["value"] for rung in CLASSIFICATION)
    assert top > 0.9
    assert second < top - 0.2 and last < top - 0.2


@pytest.mark.slow
def test_a_step_is_the_difference_of_the_reported_figures(study):
    for above, here in pairwise(CLASSIFICATION):
        values = [study.metrics(rung.name)[rung.figure]["value"] for rung in (above, here)]
        step = study.conditions[here.name]["step"]
        assert step["value"] == pytest.approx(values[1] - values[0], abs=2e-8)
        assert step["low"] <= step["high"]
    assert "step" not in study.conditions[CLASSIFICATION[0].name]


@pytest.mark.slow
def test_a_step_between_equal_predictions_is_nothing(study):
    first = study.predictions["condition"] == CLASSIFICATION[0].name
    again = study.predictions[first].assign(condition=CLASSIFICATION[1].name)
    both = pd.concat([study.predictions[first], again])
    same = ladder.replace(study, predictions=both)
    names = [rung.name for rung in CLASSIFICATION[:2]]
    found = ladder.step(same, classification_metrics, *names, draws=20)
    assert found == {"value": 0, "low": 0, "high": 0, "n": first.sum()}


@pytest.mark.slow
def test_a_study_is_written_and_read_back(study, tmp_path):
    folder = write_study(study, tmp_path)
    assert folder == tmp_path / "smoke" / "studies" / "ladder-classification"
    again = read_study("ladder-classification", "smoke", tmp_path)
    assert again.conditions == dict(study.conditions) and again.task == "classification"
    pd.testing.assert_frame_equal(again.predictions, study.predictions, check_dtype=False)
    assert read_study("no-such-study", "smoke", tmp_path) is None


# The protocols of the rungs


def test_image_wise_folds_may_part_twins_and_grouped_ones_never_do(phantom):
    entry = experiment(ladder.MODEL)
    parted = {
        protocol: sum(
            leaked(phantom.groups, make_split(entry, phantom, "smoke", protocol, fold)).sum()
            for fold in range(5)
        )
        for protocol in ("grouped", "image-wise")
    }
    assert parted["grouped"] == 0 < parted["image-wise"]


def test_peeking_differs_from_image_wise_in_who_chooses_alone(phantom):
    entry = experiment(ladder.MODEL)
    peeking = make_split(entry, phantom, "smoke", "peeking", 2)
    honest = make_split(entry, phantom, "smoke", "image-wise", 2)
    assert (peeking.selected_on, honest.selected_on) == ("test", "validation")
    np.testing.assert_array_equal(peeking.train, honest.train)
    np.testing.assert_array_equal(peeking.test, honest.test)
