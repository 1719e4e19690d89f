"""R1's combined evaluation: the gate, the colours, and the records it can be made from."""

import numpy as np
import pandas as pd

from busilib.metrics.combined import TINTS, gate, gate_counts, tint
from busilib.metrics.segmentation import count_pixels
from busilib.runs.measured import combined_records
from busilib.runs.records import read_record

BENIGN, MALIGNANT, NORMAL = range(3)


def test_the_gate_empties_outlines_of_images_called_normal_only():
    masks = np.ones((3, 2, 2), bool)
    assert gate(masks, np.array([BENIGN, MALIGNANT, NORMAL])).any(axis=(1, 2)).tolist() == [True, True, False]
    assert masks.all(), "the masks that came in are left alone"


def test_the_gate_on_counts_equals_the_gate_on_masks():
    rng = np.random.default_rng(0)
    masks, predicted = rng.random((2, 30, 8, 8)) < 0.4
    labels = rng.integers(0, 3, 30)
    expected = count_pixels(masks, gate(predicted, labels))
    found = gate_counts(count_pixels(masks, predicted), labels == NORMAL)
    pd.testing.assert_frame_equal(found, expected)


def test_a_malignant_mask_is_tinted_red_a_benign_one_green_and_a_normal_image_stays():
    image = np.full((2, 2), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    red, green = tint(image, mask, MALIGNANT)[0, 0], tint(image, mask, BENIGN)[0, 0]
    assert red[0] > red[1] > red[2] and green[1] > max(green[0], green[2])
    assert red.tolist() == [int(0.55 * 100 + 0.45 * level) for level in TINTS["malignant"]]
    for label in range(3):
        assert (tint(image, mask, label)[~mask] == 100).all()
    assert (tint(image, mask, NORMAL) == 100).all()


def test_the_recorded_evaluation_is_made_of_the_records():
    figures = combined_records("laptop")
    assert figures["DenseNet121"]["accuracy"]["n"] == 60
    assert figures["U-Net alone"]["lesion_dice"]["n"] == 40
    assert figures["U-Net alone"]["normal_false_positive_rate"]["n"] == 20
    gated, alone = figures["U-Net and classifier"], figures["U-Net alone"]
    assert gated["pooled_recall"]["value"] <= alone["pooled_recall"]["value"]
    assert gated["normal_false_positive_rate"]["value"] <= alone["normal_false_positive_rate"]["value"]


def test_without_records_there_is_no_recorded_evaluation():
    assert combined_records("full") == {} or read_record("r1-unet", "full") is not None
