"""Where systems stand: like figures under like headings, and predictions that are sent in."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.data.busi.subsets import subset_ids
from busilib.data.dataset import CLASSES
from busilib.pages.standing import (
    APART,
    COMMUNITY,
    FIGURES,
    MIXED,
    UNSAID,
    CardError,
    beside_peers,
    figures_of,
    measured,
    read_card,
    standing,
)
from busilib.reports.peers import PEERS
from busilib.runs.records import read_record

ROOT = Path(__file__).parents[1]
SENT_IN = sorted((ROOT / "results" / COMMUNITY).glob("*/"))


@pytest.fixture
def sent(tmp_path) -> Path:
    """A repository of nothing but the example."""
    folder = tmp_path / "results" / COMMUNITY / "example"
    shutil.copytree(ROOT / "results" / COMMUNITY / "example", folder)
    return folder


def row_of(text: str, words: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if words in line and "accuracy" not in line][:1]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("folder", SENT_IN, ids=lambda folder: folder.name)
def test_what_was_sent_in_is_sound(folder):
    assert read_card(folder).keys() >= {"system", "authors", "protocol", "source"}
    assert measured(folder).facts["missing"] == 0


def test_the_example_is_measured_as_its_record():
    found = measured(ROOT / "results" / COMMUNITY / "example").metrics["accuracy"]
    assert found["value"] == pytest.approx(read_record("r2-mobilenet", "laptop").metrics["accuracy"]["value"])


def test_each_table_is_sorted_by_protocol_and_then_by_figure():
    for part in standing(ROOT).split("## ")[1:]:
        assert part.partition("\n")[0] in FIGURES.values()
        rows = [line.strip("|").split("|") for line in part.splitlines() if re.match(r"\| \d", line)]
        keys = [((APART, MIXED, UNSAID).index(row[-1].strip()), -float(row[0].split()[0])) for row in rows]
        assert keys and keys == sorted(keys)


def test_our_own_networks_stand_also_on_the_images_of_peers():
    record, ids = read_record("own-clf", "laptop"), subset_ids("curated")
    rows = record.predictions[record.predictions["id"].isin(ids)]
    right = [(part[list(CLASSES)].idxmax(axis=1) == part["true"]).mean() for _, part in rows.groupby("seed")]
    accuracy = standing(ROOT).split("## ")[1]
    (line,) = [line for line in accuracy.splitlines() if "`own-clf`" in line and "450 of the 450" in line]
    assert line.startswith(f"| {np.mean(right):.3f} (")


def test_ours_beside_peers_are_the_figures_of_the_table():
    rows = [line for line in standing(ROOT).splitlines() if "`own-clf`" in line]
    told = beside_peers(ROOT)
    assert told[0].startswith("accuracy, three classes, ") and told[1].startswith(
        "AUC, malignant against benign, "
    )
    for one in told[:2]:
        ours = float(re.search(r"(0\.\d\d) \(theirs", one)[1])
        assert any(abs(float(line.split()[1]) - ours) <= 0.005 for line in rows)


def test_figures_of_lesions_are_of_lesions():
    found = figures_of("classification", read_record("r2-mobilenet", "laptop").predictions)
    assert (found["accuracy"]["n"], found["malignancy_auc"]["n"]) == (780, 647)
    unet = figures_of("segmentation", read_record("r4-unet", "laptop").predictions)
    assert [unet[f"{kind}_dice"]["n"] for kind in ("benign", "malignant", "lesion")] == [437, 210, 647]


def test_peers_have_a_source_and_a_figure_that_is_compared():
    for one in PEERS:
        assert one.metric in FIGURES and one.source.startswith("https://") and 0 < one.value < 1


def test_a_split_that_leaks_is_told_and_none_is_not_spoken_of(sent):
    root = sent.parents[2]
    assert row_of(standing(root), "sent in")[-1] == APART
    predictions = pd.read_csv(sent / "predictions.csv").drop(columns="fold")
    predictions.to_csv(sent / "predictions.csv", index=False)
    table = read_table()
    by_image = pd.DataFrame({"id": table["id"], "fold": range(len(table))})
    by_image.assign(fold=by_image["fold"] % 5).to_csv(sent / "split.csv", index=False)
    row = row_of(standing(root), "sent in")
    assert row[-1] == MIXED and "tested beside a near-duplicate" in row[2]
    (sent / "split.csv").unlink()
    assert row_of(standing(root), "sent in")[-1] == UNSAID


@pytest.mark.parametrize(
    "text, message",
    [(None, "no card.yml"), ("system: x\nauthors: y\n", "lacks protocol, source"), ("", "lacks")],
)
def test_a_card_that_says_too_little_is_refused(sent, text, message):
    if text is None:
        (sent / "card.yml").unlink()
    else:
        (sent / "card.yml").write_text(text, encoding="utf-8")
    with pytest.raises(CardError, match=message):
        read_card(sent)
