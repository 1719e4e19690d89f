"""Figures that were measured are computed: prose, captions, alt texts and quizzes type none of them.

A decimal number or a percentage that is typed is a report's own, quoted where the report is named, a fact of
the shipped table, or stands below with the reason why it may.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from busilib.data.busi.fingerprint import read_table
from busilib.pages.primary import GOALS
from busilib.publish.notebooks import find
from busilib.reports.registry import EXPERIMENTS

ROOT = Path(__file__).parents[1]
PAGES = [*find(ROOT), *sorted((ROOT / "book").glob("*.md"))]
FIGURE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(?:%|percent\b)|(?<![\w.])(\d+\.\d+)(?![\w]|\.\d)")
NOT_READ = re.compile(r"(?ms)^(`{3,})\w.*?^\1$|`[^`\n]+`|\]\([^)]*\)|\bdoi 10\.\S+|CC BY 4\.0")
"""Code, addresses, identifiers and a licence."""

EVERYWHERE = {"95%": "the level of all intervals"}
TWINS = {"0.95": "from which on two pictures count as near-duplicates"}
MADE_UP = "made up for a question"
VERSIONS = dict.fromkeys(("3.11", "3.12", "3.13", "2.11", "2.16"), "of Python and TensorFlow")
MAY = {
    "01_data_exploration": TWINS | {"0.58": MADE_UP, "0.97": MADE_UP, "0.90": "tried", "0.995": "tried"},
    "02_preprocessing": {"10%": "shares to try in an exercise", "50%": "shares to try in an exercise"},
    "03_unet_segmentation": {"0.91": "R1's Dice, in the question of the page", "0.5": "the usual threshold"},
    "04_classifier_comparison": {
        "93%": "R1's accuracy, in the question of the page",
        **dict.fromkeys(("0.57", "0.00", "0.80", "0.76", "0.84", "0.83", "0.79", "0.87"), MADE_UP),
        **dict.fromkeys(("1.96", "0.9", "0.1"), "a binomial interval, of an exercise"),
    },
    "05_combined_evaluation": {
        "0.6": "the careful veto, an argument",
        "92%": "a binomial interval of 59 in 60",
        "99%": "a binomial interval of 59 in 60",
        **dict.fromkeys(("90%", "80%", "72%"), MADE_UP),
    },
    "06_image_and_mask": {"0.75": MADE_UP},
    "07_segmentation_side_by_side": dict.fromkeys(
        ("0.80", "0.79", "0.70", "0.90", "0.75", "0.65", "0.85"), MADE_UP
    ),
    "08_histology": {
        **dict.fromkeys(("0.956", "0.955", "0.945", "0.918", "0.9205"), "R5's, asked about in the quiz"),
        "0.931": "the harmonic mean of two of R5's figures",
    },
    "09_inflation_ladder": dict.fromkeys(("0.9", "0.6", "0.3"), MADE_UP),
    "10_negative_controls": dict.fromkeys(("0.6", "0.1"), MADE_UP),
    "11_intervals_and_tests": {"0.05": "a level of tests", "0.03": MADE_UP},
    "12_calibration_and_abstention": dict.fromkeys(("0.9", "10%", "16%"), MADE_UP),
    "13_failures_and_attention": dict.fromkeys(("0.5", "0.7", "0.1"), "an argument: a bar or an aim"),
    "data_card": TWINS
    | dict.fromkeys(("0.99", "0.98"), "correlations that test_duplicates.py holds on the pictures"),
    "evaluate": dict.fromkeys(("0.0015", "0.015"), "half a unit of the last decimal, three times"),
    "explore": TWINS,
    "glossary": TWINS
    | {"0.5": "what guessing gives", "0.8": "an example"}
    | {"0.475": "worked out beside it"},
    "how_to_run": VERSIONS | {"99%": "a setting of `busi predict`"},
    "learning_path": {"0.91": "R1's Dice"},
    "model_card": {
        "0.2": "a setting",
        "70%": "an example",
        **{f"{entry.parameters / 1e6:.1f}": "parameters in millions" for entry in EXPERIMENTS.values()},
    },
    "plan": {
        "5%": "the level of its tests",
        **{f"{goal.goal:.2f}": "a goal" for goal in GOALS if not goal.lower},
        "10%": "a goal",
        **dict.fromkeys(("0.993", "0.744", "0.0003", "0.991", "0.990", "0.56", "0.78"), "told with its date"),
        **dict.fromkeys(("0.997", "0.961", "0.996", "0.954"), "validation, told with its date"),
        **dict.fromkeys(("0.933", "0.921", "0.778"), "replaced, told with its date"),
        **dict.fromkeys(("0.0001", "0.001", "0.0005", "0.002", "0.005"), "a setting, told with its date"),
        **dict.fromkeys(("0.70", "0.74"), "validation, told with its date"),
    },
    "standing": {},
    "teachers": {"0.9": "what somebody might say"},
    "troubleshooting": VERSIONS | {"1.0": "of jupyter-book"},
}
"""What each page may type besides, and why."""


def passages(page: Path) -> list[str]:
    """What a page says, cut at blank lines; caption and alt text of a figure are one passage."""
    if page.suffix == ".md":
        texts = [page.read_text(encoding="utf-8")]
    else:
        cells = nbformat.read(page, as_version=4).cells
        looks = [cell.metadata.get("mystnb", {}) for cell in cells]
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        texts += [
            f"{look.get('figure', {}).get('caption', '')}\n{look.get('image', {}).get('alt', '')}"
            for look in looks
        ]
    return [one for text in texts for one in re.split(r"\n\s*\n", NOT_READ.sub(" ", text))]


def figures(passage: str) -> list[str]:
    """Decimal numbers and percentages, the latter without a space.

    Example:
        >>> figures("0.91, 93% and 95 percent; Keras 3.11.2")
        ['0.91', '93%', '95%']
    """
    return [f"{share}%" if share else number for share, number in FIGURE.findall(passage)]


@cache
def claimed(report: str) -> tuple[float, ...]:
    return tuple(
        claim.value for entry in EXPERIMENTS.values() for claim in entry.claims if entry.report == report
    )


@cache
def facts() -> tuple[float, ...]:
    """Shares of the classes of the shipped table: benign, and benign or normal."""
    share = read_table()["class"].value_counts(normalize=True)
    return share["benign"], share["benign"] + share["normal"]


def is_one_of(figure: str, values: tuple[float, ...]) -> bool:
    """Whether a figure is one of some fractions, to the decimals that it has: two of a fraction at least."""
    number, scale = figure.rstrip("%"), 100 if figure.endswith("%") else 1
    decimals = len(number.partition(".")[2])
    half = 0.5 * 10**-decimals + 1e-9
    return (scale == 100 or decimals >= 2) and any(
        abs(float(number) - scale * value) <= half for value in values
    )


def test_figures_are_found():
    assert figures("0.91, 93% and 95 percent; 3.11.2 of 780, 70% and 1.5.") == [
        "0.91",
        "93%",
        "95%",
        "70%",
        "1.5",
    ]
    assert is_one_of("98.7%", (0.987,)) and is_one_of("0.65", (0.645,)) and not is_one_of("0.66", (0.645,))
    assert not is_one_of("0.6", (0.645,)), "too coarse to be a quotation"


def typed(passage: str, excused: set[str]) -> list[str]:
    """Figures of a passage that are neither quoted from a report that it names, nor facts, nor excused."""
    known = facts() + sum((claimed(report) for report in re.findall(r"\bR[1-5]\b", passage)), ())
    return [one for one in figures(passage) if one not in excused and not is_one_of(one, known)]


def test_a_measured_figure_is_not_taken_for_a_quotation():
    assert typed("R2's MobileNet is right for 0.70 of them, 95% interval above 67%.", {"95%"}) == [
        "0.70",
        "67%",
    ]
    assert typed("Always saying benign gives 0.56.", set()) == []
    assert typed("R4 reports 0.9236.", set()) == [] != typed("We measured 0.9236.", set())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_no_figure_is_typed_that_is_not_quoted_or_excused(page):
    excused = set(EVERYWHERE | MAY.get(page.stem, {}))
    found = {passage.strip()[:90]: typed(passage, excused) for passage in passages(page)}
    left = {passage: left for passage, left in found.items() if left}
    assert left == {}, "compute it, say it in words, or state in MAY why it may be typed"


def test_nothing_is_excused_in_vain():
    stems = {page.stem: {one for text in passages(page) for one in figures(text)} for page in PAGES}
    parameters = {figure for figure, why in MAY["model_card"].items() if why == "parameters in millions"}
    vain = {stem: set(MAY[stem]) - stems[stem] - parameters for stem in MAY}
    assert {
        stem: left for stem, left in vain.items() if left and stem not in ("how_to_run", "troubleshooting")
    } == {}
