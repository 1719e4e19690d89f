"""The whole report under the smoke profile, as a newcomer runs it: time, memory and what it leaves behind."""

import re

import nbformat
import pytest

from busilib.publish.book import check_executed
from busilib.publish.notebooks import executed_path, find, record
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.profiles import PROFILES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SECONDS, BYTES = 8 * 60, 6e9


def test_report_succeeds_within_its_budget(smoke_report):
    assert smoke_report.code == 0, smoke_report.output
    assert smoke_report.seconds <= SECONDS, smoke_report.output
    assert smoke_report.peak_bytes <= BYTES, f"peak {smoke_report.peak_bytes / 1e9:.1f} GB"


def test_report_says_what_it_did(smoke_report):
    for source in find(smoke_report.root):
        assert f"{source.stem}: done" in smoke_report.output
    budget = PROFILES["smoke"].budget
    assert f"takes up to {budget}" in smoke_report.output
    assert re.search(rf"Took \d+ min \d+ s \(budget: {budget}\)", smoke_report.output)
    assert str(smoke_report.html / "index.html") in smoke_report.output.replace("\n", "")


def test_every_notebook_was_executed_and_recorded(smoke_report):
    sources = find(smoke_report.root)
    assert len(sources) == 15
    for source in sources:
        path = executed_path(smoke_report.root, "smoke", source)
        check_executed(path)
        assert record(path).keys() >= {"digest", "source", "seconds", "versions", "commit", "date", "machine"}


def test_every_experiment_came_to_its_predictions(smoke_report):
    runs = smoke_report.root / "_build" / "runs" / "smoke"
    finished = {path.parents[1].name for path in runs.glob("*/seed*/run.json")}
    assert finished >= {id for id, entry in EXPERIMENTS.items() if entry.report != "own"}


def test_pages_hold_no_long_logs(smoke_report):
    for source in find(smoke_report.root):
        notebook = nbformat.read(executed_path(smoke_report.root, "smoke", source), as_version=4)
        for cell in notebook.cells:
            printed = [out.text for out in cell.get("outputs", []) if out.output_type == "stream"]
            assert sum(text.count("\n") for text in printed) <= 40, f"{source.name}: {cell.source[:60]}"


def test_every_generated_part_is_put_in(smoke_report):
    staged = smoke_report.root / "_build" / "site" / "book"
    for page in sorted(path.name for path in (smoke_report.root / "book").glob("*.md")):
        assert not re.search(r"<!--\s*generated:", (staged / page).read_text(encoding="utf-8")), page


def test_status_page_tells_what_ran(smoke_report):
    page = (smoke_report.html / "book" / "status.html").read_text(encoding="utf-8")
    assert "generated:" not in page
    for source in find(smoke_report.root):
        assert source.stem in page
