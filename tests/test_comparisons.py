"""The plan's comparisons: those of the plan, computed in another way, corrected for their number."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.comparison import seeds_difference
from busilib.metrics.intervals import two_sided_p
from busilib.pages import comparisons, protocol_gap
from busilib.pages.comparisons import COMPARISONS, ByProtocol, all_compared, by_seed, compared
from busilib.pages.figures.protocols import AS_DID, GROUPED, two_protocols
from busilib.pages.primary import primary_figures
from busilib.runs.records import read_record

ROOT = Path(__file__).parents[1]
FIRST = COMPARISONS[0]


def test_p_by_hand():
    draws = np.array([-0.1, 0.0, 0.2, *np.full(96, 0.3)])
    assert two_sided_p(draws) == pytest.approx(2 * (2 + 1) / 100)
    assert two_sided_p(-draws) == two_sided_p(draws)
    assert two_sided_p(np.zeros(99)) == 1
    assert two_sided_p(np.array([np.nan, *np.ones(99)])) == pytest.approx(0.02)


def test_p_is_below_the_level_where_the_interval_leaves_out_zero():
    rng = np.random.default_rng(0)
    for shift in np.linspace(1, 3, 21):
        draws = rng.normal(shift, 1, 2000)
        low = np.quantile(draws, 0.025)
        if abs(low) > 0.02:
            assert (two_sided_p(draws) < 0.05) == (low > 0)


def test_a_network_does_not_differ_from_itself():
    table = read_record("r2-cnn", "laptop").predictions
    groups = read_table().set_index("id")["group"]
    found = seeds_difference("classification", "accuracy", table, table, groups, draws=50)
    assert (found.figure.value, found.figure.low, found.figure.high, found.p) == (0, 0, 0, 1)


def test_the_comparisons_are_those_of_the_plan():
    plan = (ROOT / "book" / "plan.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", plan, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == [one.number for one in COMPARISONS]
    named = {"macro_f1": "macro F1", "macro_auc": "macro AUC", "lesion_dice": "Dice of lesions"}
    for one, (_, words, figure) in zip(COMPARISONS, rows, strict=True):
        assert figure == named[one.figure]
        if isinstance(one, ByProtocol):
            assert words == f"`{one.id}` as {protocol_gap.report_of(one.protocol)} did it, and grouped"
        else:
            assert f"`{one.other}`" in words and (f"`{one.one}`" in words or one.one.startswith("own-clf-"))


# A results folder of made-up parts


def part(folder: Path, record: str, protocol: str, seed: int, fold: int, table: pd.DataFrame, train: int):
    target = folder / "laptop" / record / f"seed{seed}-fold{fold}"
    target.mkdir(parents=True)
    spec = {"experiment": "own-clf", "protocol": protocol, "seed": seed, "fold": fold}
    facts = {"spec": spec, "split": {"train": train, "test": len(table)}}
    (target / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    table.to_csv(target / "predictions.csv", index=False)
    table.to_csv(target / "validation.csv", index=False)


def drawn(seed: int, right: float, first: int = 0, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    true = rng.integers(3, size=n)
    called = np.where(rng.random(n) < right, true, rng.integers(3, size=n))
    shares = np.full((n, 3), 0.1)
    shares[np.arange(n), called] = 0.8
    table = pd.DataFrame(dict(zip(CLASSES, shares.T, strict=True)))
    return table.assign(id=read_table()["id"].iloc[first : first + n].tolist(), true=np.take(CLASSES, true))


@pytest.fixture
def results(tmp_path):
    """Seeds 0 to 4 as R1 did it, 0 to 5 in grouped folds, one of them with a second fold."""
    for seed in range(5):
        part(tmp_path, "own-clf@as-r1", "as-r1", seed, 0, drawn(seed, 0.9), train=900)
    for seed in range(6):
        part(tmp_path, "own-clf", "grouped", seed, 0, drawn(10 + seed, 0.6), train=600)
    part(tmp_path, "own-clf", "grouped", 0, 1, drawn(20, 0.6, first=90), train=600)
    return tmp_path


def macro_f1(table: pd.DataFrame) -> float:
    return f1_score(table["true"], table[list(CLASSES)].idxmax(axis=1), average="macro")


def test_repeats_are_paired_by_seed_on_the_first_fold(results):
    table = by_seed(FIRST, results)
    assert table.index.tolist() == [0, 1, 2, 3, 4]
    for seed in range(5):
        assert table.loc[seed, AS_DID] == pytest.approx(macro_f1(drawn(seed, 0.9)))
        assert table.loc[seed, GROUPED] == pytest.approx(macro_f1(drawn(10 + seed, 0.6)))
    assert table["ratio"].tolist() == pytest.approx([90 * 3 / 900] * 5)  # R1 makes two copies of each


def test_the_difference_of_protocols_by_the_textbook(results):
    found = compared(FIRST, results)
    gaps = [macro_f1(drawn(seed, 0.9)) - macro_f1(drawn(10 + seed, 0.6)) for seed in range(5)]
    error = np.sqrt(np.var(gaps, ddof=1) * (1 / 5 + 0.3))
    assert found.found.value == pytest.approx(np.mean(gaps)) and found.behind == "5 repeats"
    assert found.p == pytest.approx(2 * stats.t(4).sf(np.mean(gaps) / error))
    assert found.found.high - found.found.low == pytest.approx(2 * stats.t(4).ppf(0.975) * error)


def test_what_is_not_run_counts_in_the_correction(results):
    found, corrected = all_compared(results)
    assert [one.asked.number for one in found] == [1, 8]
    smaller, larger = sorted(one.p for one in found)
    expected = [min(1, len(COMPARISONS) * smaller), min(1, (len(COMPARISONS) - 1) * larger)]
    assert sorted(corrected) == pytest.approx(np.maximum.accumulate(expected))
    assert comparisons.comparisons(results.parent).count("not run yet") == len(COMPARISONS)


def test_there_is_no_look_before_all_repeats_are_run(results):
    asked = replace(FIRST, protocol="as-r4")
    for seed in range(5):
        assert compared(asked, results) is None
        part(results, "own-clf@as-r4", "as-r4", seed, 0, drawn(30 + seed, 0.9), train=600)
    assert compared(asked, results).found.n == 5


def test_the_picture_shows_every_repeat_and_every_claim():
    table = pd.DataFrame({AS_DID: [0.9, 0.95], GROUPED: [0.7, 0.8]})
    axis = two_protocols({"R2": table, "R4": table}, {"R2": [0.82, 0.91], "R4": []}, "accuracy").axes[0]
    told = {line.get_label(): line.get_xdata().tolist() for line in axis.get_lines() if len(line.get_xdata())}
    shown = [line.get_xdata().tolist() for line in axis.get_lines()]
    assert shown.count([0.7, 0.8]) == shown.count([0.9, 0.95]) == 2 and [0.82, 0.91] in shown
    assert told["our network, grouped"] == [0.7, 0.8]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["R2", "R4"]


# The records


def test_the_operating_point_is_compared_on_all_images_and_seeds():
    found = compared(COMPARISONS[7])
    assert found.behind == "780 images, 3 seeds" and found.found.n == 780
    record = read_record("own-clf", "laptop")
    decided = np.mean([macro_f1(rows) for _, rows in record.predictions.groupby("seed")])
    chosen = primary_figures(record)["macro_f1 at the operating point"]["value"]
    assert found.found.value + decided == pytest.approx(chosen, abs=1e-6)


def test_the_gap_of_each_protocol_is_told_once():
    found = protocol_gap.made()
    text = protocol_gap.told(found)
    assert list(found) == [one.protocol for one in COMPARISONS[:4]]
    for protocol in found:
        assert text.count(f"as {protocol_gap.report_of(protocol)} did it") == 1
    did, grouped = protocol_gap.means(found["as-r2"])
    assert f"did it {did:.2f}" in text and f"is {grouped:.2f};" in text
    assert did - grouped == pytest.approx(found["as-r2"].found.value)
    assert len(protocol_gap.table(found)) == 4
