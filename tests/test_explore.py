"""The sliders: what they show at each place, and that nobody needs a mouse or a script for it."""

import re
from pathlib import Path

import numpy as np
import pytest

from busilib.cli.doctor import find_chromium
from busilib.metrics.abstention import risk_coverage
from busilib.metrics.calibration import calibrate
from busilib.pages import explore, figures
from busilib.pages.widgets import explore as widget
from busilib.runs.records import read_record

ROOT = Path(__file__).parents[1]


def rows(html: str) -> list[list[str]]:
    """The cells of the table, row by row."""
    return [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr data.*?</tr>", html)]


def page(html: str) -> str:
    body = html.removeprefix("```{raw} html\n").removesuffix("```")
    script = (ROOT / "book" / "_static" / "explore.js").read_text(encoding="utf-8")
    return f"<!doctype html><html lang=en><title>x</title>{body}<script>{script}</script></html>"


def test_answers_and_errors_follow_from_the_record():
    record = read_record(explore.MODEL, "laptop", ROOT / "results")
    curve = risk_coverage(calibrate(record.predictions, record.validation)[0])
    for least, n, share, right in rows(explore.abstention(ROOT)):
        at = curve[curve["confidence"] >= float(least)]
        if at.empty:
            assert (n, right) == ("0", "–")
            continue
        assert share == f"{at['coverage'].iloc[-1]:.1%}" and right == f"{1 - at['risk'].iloc[-1]:.1%}"
        assert int(n) == round(at["coverage"].iloc[-1] * len(record.predictions))


def test_the_thresholds_of_near_duplicates_are_those_of_the_study():
    found = rows(explore.duplicates(ROOT))
    assert [row[0] for row in found] == ["above 0.90", "above 0.95", "above 0.99", "nothing"]
    assert [row[1] for row in found][:2] == ["0.0%", "0.0%"]
    assert np.all(np.diff([float(row[2].split()[0]) for row in found]) > 0)


def test_without_records_there_is_a_word(tmp_path):
    assert explore.abstention(tmp_path) == explore.duplicates(tmp_path) == explore.NO_RECORD


@pytest.mark.slow
def test_a_slider_says_its_row_and_needs_neither_mouse_nor_network():
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs Chromium (Debian: sudo apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    html = explore.duplicates(ROOT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.set_content(page(html))
        slider = shown.get_by_label("Folds keep pairs together that correlate")
        assert slider.is_visible() and slider.get_attribute("aria-valuetext") == "above 0.95"
        said = shown.locator("output")
        assert said.get_attribute("aria-live") == "polite" and "accuracy is 0.730" in said.inner_text()
        slider.focus()
        shown.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == "above 0.99"
        assert "accuracy is 0.773" in said.inner_text()
        assert shown.locator("tr[aria-current=true]").text_content().startswith("above 0.99")
        assert shown.get_by_label("accuracy").evaluate("meter => meter.value") == pytest.approx(
            0.773, abs=1e-3
        )
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.set_content(page(html))
        assert plain.locator("table").is_visible() and not plain.locator("input").is_visible()
        browser.close()


def test_the_live_explorer_draws_what_is_chosen(phantom):
    lesions = np.flatnonzero(phantom.has_lesion)[:3]
    found = phantom.masks[lesions] * 0.6
    live = widget(phantom, lesions, {"one": found, "other": found * 0})
    picture, network, threshold, overlay = live.children[:4]
    assert picture.options == tuple(phantom.ids[lesions]) and network.options == ("one", "other")
    assert threshold.value == 0.5 and overlay.value
    drawn = figures.at_thresholds(phantom, lesions[0], found[0], [0.5, 0.7])
    first, second = (axis.get_title() for axis in drawn.axes)
    assert first.endswith("Dice 1.00") and second.endswith("Dice 0.00")
