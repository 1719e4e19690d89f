"""Checklists: every item once, every link leads somewhere. Cards: generated parts say what records say."""

import re
import shutil
from pathlib import Path

import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.metrics.calibration import calibrate
from busilib.metrics.classification import classification_metrics
from busilib.pages import cards
from busilib.pages.tables import cell
from busilib.publish import parts
from busilib.runs.records import read_record
from busilib.studies.context import Context
from busilib.studies.records import write_study
from busilib.studies.study import Condition, Study, measured

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"

TRIPOD_PARTS = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}
TRIPOD = [
    f"{item}{part}"
    for item in range(1, 28)
    for part in ("abcdefg"[: TRIPOD_PARTS[item]] if item in TRIPOD_PARTS else [""])
]
CHECKLISTS = {"tripod_ai.md": TRIPOD, "claim_checklist.md": [str(item) for item in range(1, 45)]}
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", CHECKLISTS)
def test_every_item_stands_once_and_in_order(page):
    text = (BOOK / page).read_text(encoding="utf-8")
    rows = cards.ITEM.findall(text)
    assert [number for number, _, _ in rows] == CHECKLISTS[page]
    assert text.count("\n| ") - text.count("\n| item |") == len(rows)  # no row escapes the pattern
    for number, asked, answer in rows:
        assert len(asked) > 5 and answer.endswith("."), number


def test_there_are_52_and_44_items():
    assert [len(items) for items in CHECKLISTS.values()] == [52, 44]


@pytest.mark.parametrize("page", CHECKLISTS)
def test_answers_point_somewhere_or_say_why_not(page):
    for number, _, answer in cards.ITEM.findall((BOOK / page).read_text(encoding="utf-8")):
        if answer.startswith(("Not done", "Does not apply")):
            assert re.match(r"(Not done|Does not apply), because ", answer), number
        elif answer.startswith("Partly"):
            assert answer.startswith("Partly: "), number
        else:
            assert LINK.search(answer), number


@pytest.mark.parametrize("page", [*CHECKLISTS, "model_card.md", "data_card.md"])
def test_every_link_has_a_target(page):
    text = (BOOK / page).read_text(encoding="utf-8")
    targets = {target for target in LINK.findall(text) if "://" not in target}
    assert targets
    for target in targets:
        assert (BOOK / target).is_file() or f"({target})=" in text, target


@pytest.mark.parametrize("page", CHECKLISTS)
def test_checklists_hold_no_typed_results(page):
    text = (BOOK / page).read_text(encoding="utf-8")
    assert not re.search(r"\d\.\d|\d\s?%", text)


def test_tally_by_hand(tmp_path):
    page = tmp_path / "list.md"
    rows = {
        "1": "[There](x.md).",
        "2a": "Partly: here.",
        "2b": "Not done, because no.",
        "3": "[Here](y.md): partly told, and not done twice.",
        "4": "Does not apply, because.",
    }
    lines = [f"| {number} | asked | {answer} |" for number, answer in rows.items()]
    page.write_text("\n".join(["| item | asks for | answer |", "|---|---|---|", *lines]))
    assert cards.tally(page) == (
        "Of 5 items 2 are answered, 1 answered in part, 1 not done and 1 not applicable."
    )


# --- generated parts --------------------------------------------------------------------------------------


def test_every_part_has_a_place_in_the_book():
    text = "".join(page.read_text(encoding="utf-8") for page in BOOK.glob("*.md"))
    for name in parts.PARTS:
        assert text.count(f"<!-- generated:{name} -->") == 1, name


def test_without_records_cards_say_so(tmp_path):
    for name in ("out-of-fold", "calibration", "outside", "duplicate-threshold", "throughput"):
        assert parts.PARTS[name](tmp_path) == cards.NO_RECORD


@pytest.fixture
def root(tmp_path) -> Path:
    """A repository with one record of five folds and one of a single fold."""
    shutil.copytree(ROOT / "results" / "laptop" / "r4-unet", tmp_path / "results" / "laptop" / "r4-unet")
    shutil.copytree(ROOT / "results" / "laptop" / "r1-unet", tmp_path / "results" / "laptop" / "r1-unet")
    return tmp_path


def test_out_of_fold_table_holds_whole_records_only(root):
    record = read_record("r4-unet", "laptop", root / "results")
    assert len(record.facts["split"]) == 5
    text = cards.out_of_fold(root)
    assert "`r4-unet`" in text and "r1-unet" not in text
    assert cell(record.metrics["lesion_dice"]) in text and "| 780 |" in text
    assert cards.calibration(root) == cards.NO_RECORD


def test_calibration_is_that_of_the_record(root):
    complete = [
        record
        for path in (ROOT / "results" / "laptop").glob("*/metrics.json")
        if (record := read_record(path.parent.name, "laptop")).facts["task"] == "classification"
        and record.facts["protocol"] == "grouped"
        and record.folds == 5
        and len(record.validation)
    ]
    if not complete:
        pytest.skip("no classification record of five folds with validation images yet")
    record = complete[0]
    folder = ROOT / "results" / "laptop" / record.name
    shutil.copytree(folder, root / "results" / "laptop" / record.name)
    row = cards.calibration(root).splitlines()[-1].split(" | ")
    assert row[1] == cell(record.metrics["ece"])
    scaled, _ = calibrate(record.predictions, record.validation)
    # an independent reading of the scaled figure: the metric of the whole table
    assert row[-1].startswith(f"{classification_metrics(scaled)['ece']:.2f} (")


def test_shipped_table_in_one_sentence():
    table = read_table()
    twins = table["group"].map(table["group"].value_counts()) > 1
    assert f"with {twins.sum()} images in them" in cards.shipped_table(ROOT)
    assert cards.shipped_table(ROOT).endswith("5 × 5 folds")


def outside_study(name: str, task: str, data) -> Study:
    rows = data.table[["id", "group"]].assign(fold=0, true=data.table["class"])
    for number, each in enumerate(CLASSES):
        rows[each] = (data.labels == number) * 0.8 + 0.2 / 3
    return measured(name, task, [Condition("r2-mobilenet, BUSI", rows)], Context("smoke", data), data)


def test_outside_and_threshold_tables(tmp_path, phantom, monkeypatch):
    monkeypatch.setattr(cards, "OUTSIDE", {"outside-classification": ("accuracy", "macro_auc", "ece")})
    monkeypatch.setattr(cards, "PROFILES", ("smoke",))
    write_study(outside_study("outside-classification", "classification", phantom), tmp_path / "results")
    last = cards.outside(tmp_path).splitlines()[-1]
    assert last.startswith("| r2-mobilenet, BUSI | 1.00 (0.85–1.00) | 1.00 (no interval: 6 normal images) |")
    assert last.endswith(f"| {len(phantom)} |")
