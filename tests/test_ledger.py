"""The claims ledger: verdicts on made-up records whose outcome is plain, then on the project's own."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busilib.pages.ledger import (
    KINDS,
    UNCOMPARED_PARTS,
    Line,
    Measured,
    better,
    ledger,
    measured,
    records_by_protocol,
    tally,
    verdict,
)
from busilib.reports.experiment import Claim
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs.records import Part, Record

ROOT = Path(__file__).parents[1]
CNN, VGG19, TISSUE = experiment("r2-cnn"), experiment("r2-vgg19"), experiment("r5-unet-resnet34")
ACCURACY = Claim("accuracy", 0.82, 78)
HISTORY = pd.DataFrame(
    {
        "fold": [0, 0, 0, 1, 1],
        "epoch": [0, 1, 2, 0, 1],
        "accuracy": [0.5, 0.6, 0.7, 0.7, 0.9],
        "loss": [1.0, 0.8, 0.6, 1.2, 0.4],
        "val_accuracy": [0.4, 0.8, 0.6, 0.6, 0.5],
        "val_loss": [2.0, 1.0, 3.0, 4.0, 5.0],
    }
)


def figure(value: float, low: float | None = None, high: float | None = None, n: int = 78) -> dict:
    low, high = value - 0.05 if low is None else low, value + 0.05 if high is None else high
    return {"value": value, "low": low, "high": high, "n": n}


def record(metrics=None, history=HISTORY, selected_on="test", weights="random", **facts) -> Record:
    split = {"train": 702, "validation": 78, "test": 78, "selected_on": selected_on}
    facts = {
        "profile": "laptop",
        "inputs": "image",
        "date": "2026-01-02 03:04 UTC",
        "experiment": "r2-cnn",
        "settings": {},
        "weights": {"source": weights},
        "split": [split | {"fold": fold} for fold in range(2)],
        "metrics": metrics or {},
        **facts,
    }
    parts = [
        Part({"spec": {"seed": 0, "fold": fold}}, {"history": rows.reset_index(drop=True)})
        for fold, rows in history.groupby("fold")
    ]
    return Record("made-up", facts, tuple(parts))


def write(made: Record, folder: Path, name: str) -> None:
    target = folder / made.facts["profile"] / name
    target.mkdir(parents=True)
    (target / "metrics.json").write_text(json.dumps(made.facts))
    for part in made.parts:
        folder = target / f"seed{part.seed}-fold{part.fold}"
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(part.facts))
        part.tables["history"].to_csv(folder / "history.csv", index=False)


def found(value, low=None, high=None, **more) -> Measured:
    return Measured(value, low, high, 78, 1, "laptop", "random", **more)


# Verdicts


@pytest.mark.parametrize(
    ("claim", "own", "words"),
    [
        (0.82, found(0.78, 0.70, 0.85), "reproduced"),
        (0.85, found(0.78, 0.70, 0.85), "reproduced"),
        (0.82, found(0.90, 0.85, 0.95), "better by 0.08"),
        (0.82, found(0.70, 0.60, 0.80), "lower by 0.12"),
        (0.994, found(0.991, 0.990, 0.992), "reproduced"),
        (0.82, found(0.70), "no verdict: ours has no interval (one number of a training)"),
        (0.82, found(0.82, why="3 images"), "no verdict: ours has no interval (3 images)"),
        (0.82, found(0.7, 0.6, 0.8, less="36 of 100 epochs"), "lower by 0.12 (ours: 36 of 100 epochs)"),
        (0.82, found(0.9, 0.8, 1.0, less="random weights"), "reproduced (ours: random weights)"),
        (
            0.56,
            found(0.56, 0.5, 0.6, alike="benign for 78 of 78"),
            "no verdict: our network says benign for 78 of 78",
        ),
    ],
)
def test_verdicts_by_hand(claim, own, words):
    assert verdict(Claim("accuracy", claim, 78), own, "reproduced") == words


def test_of_losses_lower_is_better():
    claim = Claim("log_loss", 0.20, 78)
    assert verdict(claim, found(0.10, 0.05, 0.15), "reached") == "better by 0.10"
    assert verdict(claim, found(0.30, 0.15, 0.45), "reached") == "reached"
    assert verdict(claim, found(0.50, 0.40, 0.60), "reached") == "higher by 0.30"


def test_each_side_has_its_own_word():
    own, grouped = found(0.82, 0.8, 0.9), found(0.61, 0.5, 0.7)
    assert (
        Line(CNN, ACCURACY, own, grouped, True).verdict == "own protocol: reproduced; grouped: lower by 0.21"
    )
    assert Line(CNN, ACCURACY, own, own, True).verdict == "own protocol: reproduced; grouped: reached"
    assert Line(CNN, ACCURACY, own, None, True).verdict == "own protocol: reproduced"
    assert Line(CNN, ACCURACY, None, own, False).verdict == "own protocol: not run by us; grouped: reached"


@pytest.mark.parametrize(
    ("claim", "entry", "recorded", "reason"),
    [
        (
            Claim("pixel_accuracy", 0.92, None, "base paper"),
            TISSUE,
            True,
            "checked: it is the figure of another",
        ),
        (Claim("accuracy", 0.91, None, "comparison section, with masks"), CNN, True, "the image alone"),
        (Claim("sensitivity", 0.89, None, "comparison section"), CNN, True, "classes count as positive"),
        (Claim("parameters", 24_439_269, None, "model"), TISSUE, False, "a count and no measurement"),
        (Claim("unheard_of", 0.5, None), CNN, True, "does not hold this figure"),
    ],
)
def test_what_cannot_be_checked_has_its_true_reason(claim, entry, recorded, reason):
    words = Line(entry, claim, None, None, recorded).own_verdict
    assert words.startswith("cannot be checked: ") and reason in words


def test_what_we_have_not_run_is_our_doing():
    assert Line(CNN, ACCURACY, None, None, False).own_verdict == "not run by us"
    tissue = Line(TISSUE, Claim("pixel_accuracy", 0.954, None), None, None, False).own_verdict
    assert tissue.startswith("not run by us: BCSS cannot be shipped")


@given(st.sampled_from([1, -1]), st.integers(0, 100), st.integers(0, 100), st.integers(0, 20))
def test_a_claim_beyond_the_interval_is_on_one_side_of_it(sign, value, claimed, width):
    """In whole hundredths, with half a hundredth more on either side, so that no rounding decides."""
    claim = Claim("accuracy" if sign > 0 else "log_loss", claimed / 100, 78)
    own = found(value / 100, (value - width - 0.5) / 100, (value + width + 0.5) / 100)
    kind = KINDS[verdict(claim, own, "reproduced").split()[0]]
    assert (kind == "reproduced") == (abs(claimed - value) <= width)
    assert better(claim, own) == (sign * (value - claimed) > 0)
    if kind != "reproduced":
        assert (kind == "better") == better(claim, own)


# What a record says


def test_figures_come_from_the_part_the_claim_names():
    made = record({"accuracy": figure(0.7, n=156)})
    aside = {"accuracy": figure(0.9, n=60)}
    for part in ("test", "mean of folds", "one fold", "comparison section"):
        assert measured(replace(ACCURACY, part=part), made, aside) == Measured(
            0.7, pytest.approx(0.65), pytest.approx(0.75), 156, 2, "laptop", "random"
        )
    held = measured(replace(ACCURACY, part="hold-out"), made, aside)
    assert (held.value, held.n, held.folds) == (0.9, 60, 1)
    assert measured(replace(ACCURACY, part="hold-out"), made, {}) is None


@pytest.mark.parametrize(
    ("metric", "part", "value"),
    [
        ("accuracy", "train", (0.7 + 0.9) / 2),
        ("accuracy", "first epoch, train", (0.5 + 0.7) / 2),
        ("accuracy", "best epoch, validation", (0.8 + 0.6) / 2),
        ("accuracy", "last epoch, validation", (0.6 + 0.5) / 2),
        ("accuracy", "first epoch, test", (0.4 + 0.6) / 2),
        ("log_loss", "train", (0.6 + 0.4) / 2),
        ("loss", "best epoch, validation", (1.0 + 4.0) / 2),
        ("pixel_accuracy", "validation", (0.6 + 0.5) / 2),
    ],
)
def test_the_course_of_a_training_is_read_from_the_history(metric, part, value):
    got = measured(Claim(metric, 0.5, None, part), record(), {})
    assert got.value == pytest.approx(value) and got.low is None and got.folds == 2
    assert got.n == {"train": 702}.get(part.split()[-1], 78)


def test_a_validation_part_is_no_test_set():
    claim = Claim("accuracy", 0.7179, 156, "first epoch, test")
    assert measured(claim, record(selected_on="validation"), {}) is None


def test_of_two_heads_the_one_that_answers_is_read():
    history = HISTORY.rename(columns={"accuracy": "class_accuracy", "val_loss": "val_class_loss"})
    history = history.assign(combined_accuracy=0.1, val_loss=9.0)
    made = record(history=history)
    assert measured(Claim("accuracy", 0.9, None, "train"), made, {}).value == pytest.approx(0.8)
    assert measured(Claim("log_loss", 0.1, None, "validation"), made, {}).value == pytest.approx(4.0)


def test_a_history_without_epochs_says_nothing():
    rule = record(history=pd.DataFrame(columns=["epoch", "seconds", "fold"]))
    assert measured(Claim("accuracy", 0.9, None, "train"), rule, {}) is None
    assert measured(Claim("weighted_f1", 0.9, None, "train"), record(), {}) is None


def test_f1_of_pixels_is_their_dice():
    made = record({"tumor_dice": figure(0.8)})
    assert measured(Claim("tumor_f1", 0.9205, None), made, {}).value == 0.8


# From the folder to the page


def test_the_full_profile_goes_before_laptop_and_phantoms_never_count(tmp_path):
    write(record(profile="smoke"), tmp_path, "r2-cnn")
    assert records_by_protocol(CNN, tmp_path) == {}
    write(record(), tmp_path, "r2-cnn")
    write(record(), tmp_path, "r2-cnn@random")
    write(record(profile="full"), tmp_path, "r2-cnn")
    assert {name: made.facts["profile"] for name, made in records_by_protocol(CNN, tmp_path).items()} == {
        "random": "laptop",
        "grouped": "full",
    }


def test_unusual_inputs_never_stand_for_the_experiment(tmp_path):
    write(record({"accuracy": figure(1.0)}), tmp_path, "r2-cnn+true-mask-alone")
    assert records_by_protocol(CNN, tmp_path) == {}


def test_each_side_of_the_ledger_reads_its_own_record(tmp_path):
    write(record({"accuracy": figure(0.85)}), tmp_path, "r2-cnn@random")
    write(record({"accuracy": figure(0.58)}), tmp_path, "r2-cnn")
    (line,) = [line for line in ledger([CNN], tmp_path, {}) if line.claim.metric == "accuracy"]
    assert (line.own.value, line.grouped.value) == (0.85, 0.58)
    assert line.verdict == "own protocol: reproduced; grouped: lower by 0.24"


def test_r1s_hold_out_stands_beside_ours(tmp_path):
    entry = experiment("r1-unet")
    aside = {"hold_out_metrics": {"pooled_dice": figure(0.80, n=60)}}
    write(record({"pooled_dice": figure(0.7)}, **aside), tmp_path, "r1-unet@random")
    write(record({"pooled_dice": figure(0.6)}), tmp_path, "r1-unet")
    combined = {
        "U-Net alone": {"pooled_dice": figure(0.75, n=60)},
        "U-Net and classifier": {"pooled_dice": figure(0.1, n=60)},
    }
    lines = {
        line.claim.part: line
        for line in ledger([entry], tmp_path, combined)
        if line.claim.metric == "pooled_dice"
    }
    assert (lines["test"].own.value, lines["test"].grouped.value) == (0.7, 0.6)
    assert (lines["hold-out"].own.value, lines["hold-out"].grouped.value) == (0.80, 0.75)


def test_nothing_recorded_means_nothing_reproduced(tmp_path):
    lines = ledger(list(EXPERIMENTS.values()), tmp_path, {})
    n = sum(len(entry.claims) for entry in EXPERIMENTS.values())
    assert len(lines) == n and all(line.own is line.grouped is None for line in lines)
    assert tally(lines).startswith(f"{n} figures; as the report did: ") and "reproduced" not in tally(lines)
    assert tally(lines).endswith(f"; in grouped folds: {n} not compared")


def test_the_tally_adds_up():
    lines = ledger(list(EXPERIMENTS.values()), ROOT / "results", {})
    own, grouped = tally(lines).split("; in grouped folds: ")
    whole, *parts = (int(word) for word in own.split() if word.isdigit())
    assert sum(parts) == whole == len(lines)
    counts = {kind: int(n) for n, _, kind in (part.partition(" ") for part in grouped.split(", "))}
    assert sum(counts.values()) == len(lines)
    assert counts["not compared"] == sum(line.grouped is None for line in lines) < len(lines)


def test_every_verdict_on_our_records_follows_from_the_figures_beside_it():
    """An independent reading of the rules, on whatever is recorded."""
    checked = 0
    for line in ledger(list(EXPERIMENTS.values()), ROOT / "results", {}):
        for one, word, said in (
            (line.own, "reproduced", line.own_verdict),
            (line.grouped, "reached", line.grouped_verdict),
        ):
            if one is None:
                continue
            none = bool(one.alike) or one.low is None
            assert said.startswith("no verdict") == none
            if not none:
                far = abs(one.value - line.claim.value) >= 0.01
                inside = one.low <= line.claim.value <= one.high or not far
                assert said.startswith(word) == inside
                assert said.startswith(("lower", "higher", "better")) == (not inside)
                assert one.less in said
                checked += 1
        assert (line.own is None) == line.own_verdict.startswith(("cannot be checked", "not run by us"))
    assert checked > 0


def test_a_network_that_says_the_same_to_everybody_reaches_nothing():
    lines = ledger([VGG19], ROOT / "results", {})
    assert all(line.grouped_verdict.startswith("no verdict") for line in lines if line.grouped)
    assert any(line.grouped for line in lines)


def test_parts_without_comparison_are_parts_of_the_registry():
    """So that no reason outlives the claims it was written for."""
    parts = {claim.part for entry in EXPERIMENTS.values() for claim in entry.claims}
    assert parts >= UNCOMPARED_PARTS.keys()
