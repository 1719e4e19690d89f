"""Arithmetic on the reports' figures: recomputed by hand, by brute force, and with changed figures."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from busilib.data.busi.fingerprint import pixel_hash, read_table
from busilib.reports.experiment import Claim
from busilib.reports.pencil.all import contradictions
from busilib.reports.pencil.contradiction import find, wilson
from busilib.reports.registry import EXPERIMENTS, experiment

R4_IOU = {"r4-ensemble": 0.645, "r4-deeplabv3": 0.617, "r4-unet": 0.528, "r4-combined": 0.488}
R4_F1 = {"r4-vgg19": 0.9236, "r4-resnet50": 0.9132}


def with_claims(id: str, *claims: Claim):
    return replace(experiment("r4-unet"), id=id, claims=claims)


def everything() -> dict:
    """The registry, with R4's systems as its report prints them whether or not they are built."""
    r4 = {id: with_claims(id, Claim("lesion_iou", iou, None)) for id, iou in R4_IOU.items()}
    r4 |= {id: with_claims(id, Claim("weighted_f1", f1, None)) for id, f1 in R4_F1.items()}
    return {**EXPERIMENTS, **r4}


def line(report: str, words: str):
    (found,) = [
        one for one in contradictions(everything()) if one.report == report and words in one.statement
    ]
    return found


# Report, words of the statement, and what a pencil gives (worked out by hand from the reports).
BY_HAND = [
    ("R1", "agree with each other", ["0.92953053 · 0.89058874 / 1.82011927", "= 0.90964305"]),
    ("R1", "accuracy near 99%", ["= 7.56% lesion", "92.44%", "= 5.98% lesion", "94.02%"]),
    (
        "R1",
        "fifth of the data",
        ["780 − 60 = 720", "720 / 5 = 144", "274 + 123 + 64 = 461", "= 2305 = 3.2 · 720"],
    ),
    ("R1", "train on than to validate", ["= 220 for training", "= 1805 for training"]),
    ("R1", "counts 7 false positives", ["57 / (57 + 5) = 0.919355", "57 / (57 + 7) = 0.890625"]),
    ("R1", "mean of the folds", ["(266 + 111 + 57) / 461 = 434 / 461 = 94.14%", "92.92%"]),
    ("R1", "introduction speaks of 99%", ["92.92%", "59 / 60 = 98.33%", "91.1 to 99.7%"]),
    (
        "R2",
        "whole numbers",
        ["33 + 15 + 16 = 64 of 78", "39 + 16 + 16 = 71 of 78", "38 + 15 + 16 = 69 of 78"],
    ),
    ("R2", "Every normal", ["16 of 16", "16 / (16 + 6)", "16 / (16 + 3)"]),
    ("R2", "chosen on the test", ["702 for training + 78 for testing = 780", "validation: 0"]),
    ("R2", "How far apart", ["72.1 to 89.0%", "82.6 to 95.6%", "79.5 to 93.8%"]),
    ("R3", "does not repeat", ["= 6.72 points", "= 5.92 points", "= 8.92 points"]),
    ("R3", "whole numbers", ["154 / 156 = 98.72%", "= 151.2;", "151 / 156 = 96.79%", "152 / 156 = 97.44%"]),
    (
        "R3",
        "Precision and recall",
        ["precision 90.54%, training accuracy 90.54%", "= 93.98%", "above 89.31%"],
    ),
    ("R3", "those it learned from", ["96.92% − 90.54% = +6.38 points", "= 0.43"]),
    ("R3", "gives away", ["empty masks: 133", "(133 + 437) / 780 = 73.08%", "437 / 780 = 56.03%"]),
    ("R4", "worse than its own", ["0.488 − 0.528 = −0.040", "0.488 − 0.617 = −0.129"]),
    ("R4", "as Dice", ["= 0.784", "= 0.763", "= 0.691", "= 0.656", "IoU 0.834"]),
    ("R4", "lead of VGG19", ["0.9236 − 0.9132 = 0.0104", "1 / 78 = 0.0128"]),
    ("R5", "F1 of tumour", ["= 93.13%, not 92.05%"]),
    ("R5", "after the first epoch", ["0.9572 − 0.9562 = 0.0010", "= −0.0022"]),
    ("R5", "validation loss rose", ["= 0.50", "= 1.19", "1.2432 − 1.2361 = 0.0071"]),
    ("R5", "parameters", ["= 24,439,269, printed 24,439,269", "= 3,045, printed 3,045"]),
]


@pytest.mark.parametrize(("report", "words", "numbers"), BY_HAND, ids=lambda value: str(value)[:20])
def test_the_arithmetic_is_what_a_pencil_gives(report, words, numbers):
    arithmetic = line(report, words).arithmetic
    assert [number for number in numbers if number not in arithmetic] == []


def test_every_line_is_checked_by_hand():
    assert len(contradictions(everything())) == len(BY_HAND)


def test_lines_come_in_the_order_of_the_reports_and_say_something():
    found = contradictions(everything())
    assert [one.report for one in found] == sorted(one.report for one in found)
    assert {one.report for one in found} == {"R1", "R2", "R3", "R4", "R5"}
    for one in found:
        assert one.statement[-1] in ".?" and one.conclusion[-1] == "." and one.arithmetic.strip()
        assert max(map(len, one.arithmetic.splitlines())) <= 100


def test_experiments_that_are_not_there_are_left_out():
    alone = {id: EXPERIMENTS[id] for id in ("r1-unet", "r1-densenet121")}
    assert {one.report for one in contradictions(alone)} == {"R1"}
    assert contradictions({}) == ()


def test_a_claim_that_is_not_there_is_an_error():
    """Silence would hide a claim that was renamed."""
    bare = everything() | {"r2-cnn": replace(experiment("r2-cnn"), claims=())}
    with pytest.raises(KeyError, match="r2-cnn has no claim"):
        contradictions(bare)


def test_arithmetic_follows_the_registry():
    claims = experiment("r5-unet-resnet34").claims
    changed = [replace(claim, value=0.5) if claim.metric == "tumor_precision" else claim for claim in claims]
    entries = everything()
    entries["r5-unet-resnet34"] = replace(entries["r5-unet-resnet34"], claims=tuple(changed))
    (found,) = [one for one in contradictions(entries) if "F1 of tumour" in one.statement]
    assert "64.74%" in found.arithmetic  # 2 · 0.5 · 0.918 / 1.418


def test_wilson_is_wilsons_formula():
    hits, n, z = 59, 60, 1.959964
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert wilson(hits, n) == f"{100 * (centre - half):.1f} to {100 * (centre + half):.1f}%"


def test_no_count_out_of_156_gives_the_second_networks_accuracy():
    accuracy = find(EXPERIMENTS, "r3-imagemasknet2", "accuracy")
    assert accuracy.n == 156
    assert not [k for k in range(157) if round(100 * k / 156, 2) == 96.92]
    assert [k for k in range(157) if round(100 * k / 156, 2) == 98.72] == [154]


def test_no_spread_of_errors_gives_the_second_networks_recall():
    """Macro recall of every way to spread up to five errors of 156 pictures over BUSI's classes."""
    support = [87, 42, 27]
    assert sum(support) == 156
    assert support == [
        round(n / 5) for n in read_table()["class"].value_counts()[["benign", "malignant", "normal"]]
    ]
    macro = [
        sum(1 - e / n for e, n in zip(errors, support, strict=True)) / 3
        for errors in product(range(6), repeat=3)
        if sum(errors) <= 5
    ]
    assert min(macro) > find(EXPERIMENTS, "r3-imagemasknet2", "balanced_accuracy").value


def test_exactly_the_masks_of_normal_pictures_are_empty():
    table = read_table()
    empty = [
        pixel_hash(np.zeros((height, width), bool)) == digest
        for height, width, digest in table[["height", "width", "mask_sha256"]].itertuples(index=False)
    ]
    assert empty == (table["class"] == "normal").tolist()
