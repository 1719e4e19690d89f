"""Linked words: each is explained, at its first use and no other, and its meaning goes with it."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from busilib.cli.doctor import find_chromium
from busilib.publish.notebooks import find
from busilib.publish.terms import definitions, with_definitions

ROOT = Path(__file__).parents[1]
PAGES = [*find(ROOT), *sorted(path for path in (ROOT / "book").glob("*.md") if path.stem != "glossary")]
FEWEST = 5

LINK = re.compile(r"\{term\}`([^`<]+?)(?: <([^`>]+)>)?`")
NO_PROSE = re.compile(
    r"^(`{3,}).*?^\1$|^#+ .*?$|^\|.*?$|^:(?=:|\w+:).*?$|`[^`\n]+`|(?<!\{term\})\[[^\]]*\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
"""Blocks of code, headings, tables, directives, code and links: what holds no linked word."""


@cache
def text_of(path: Path) -> str:
    """A page's text; of a notebook without its title and question."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells[1:]
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def blanked(text: str) -> str:
    """Prose alone, each letter at its place; linked words are blank too."""
    return NO_PROSE.sub(lambda found: " " * len(found[0]), LINK.sub(lambda found: " " * len(found[0]), text))


@cache
def explained() -> set[str]:
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```\{glossary\}\n(.*?)^```", glossary)
    return {line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")}


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request) -> Path:
    return request.param


def links(page: Path) -> list[re.Match]:
    return list(LINK.finditer(text_of(page)))


def test_every_linked_word_is_explained(page):
    assert {link[2] or link[1] for link in links(page)} <= explained()


def test_every_notebook_links_some():
    few = {page.stem: len(links(page)) for page in find(ROOT) if len(links(page)) < FEWEST}
    assert few == {}


def test_a_word_is_linked_at_its_first_use_in_prose_only(page):
    text, seen = text_of(page), set()
    prose = blanked(text)
    no_prose = [found.span() for found in NO_PROSE.finditer(LINK.sub(lambda one: "x" * len(one[0]), text))]
    for link in links(page):
        term = link[2] or link[1]
        assert term not in seen, f"{term} is linked twice"
        seen.add(term)
        assert not any(start <= link.start() < end for start, end in no_prose), f"{term} is not in prose"
        words = "|".join(re.escape(word) for word in {term, link[1]})
        earlier = re.search(rf"(?i)(?<![\w-])(?:{words})(?![\w-])", prose[: link.start()])
        assert not earlier, f"{term} is used before: …{text[earlier.start() - 30 : earlier.end() + 30]}…"


def test_terms_stand_in_alphabetical_order():
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    for block in re.findall(r"(?ms)^```\{glossary\}\n(.*?)^```", glossary):
        terms = [line for line in block.splitlines() if line and not line.startswith(" ")]
        assert terms == sorted(terms, key=str.lower)


GLOSSARY = """<dl class="simple glossary">
<dt id="term-AUC">AUC<a class="headerlink" href="#term-AUC">#</a></dt><dd><p>Area under the
<em>ROC</em> curve, &lt; 1.</p></dd>
<dt id="term-fold">fold</dt><dd><p>A part, see <a href="data_card.html">the card</a>.</p></dd></dl>"""
TERM = (
    '<a class="reference internal" href="../book/glossary.html#term-{0}">'
    '<span class="xref std std-term">{1}</span></a>'
)


def test_a_link_carries_what_its_word_means_and_its_name_stays():
    meanings = definitions(GLOSSARY)
    assert meanings == {
        "term-AUC": "Area under the ROC curve, < 1.",
        "term-fold": "A part, see the card.",
    }
    other = '<a class="reference internal" href="book/glossary.html">Glossary</a>'
    found = with_definitions(f"<p>An {TERM.format('AUC', 'AUC')}.</p>{other}", meanings)
    assert found == (
        '<p>An <span class="term"><a aria-describedby="meaning-term-AUC" class="reference internal" '
        'href="../book/glossary.html#term-AUC"><span class="xref std std-term">AUC</span></a>'
        '<span class="meaning" id="meaning-term-AUC" role="tooltip">Area under the ROC curve, &lt; 1.</span>'
        f"</span>.</p>{other}"
    )


def shown_page() -> str:
    """A page of the book with two linked words, one at the right end of a line."""
    static = ROOT / "book" / "_static"
    look, script = (static / "book.css").read_text("utf-8"), (static / "terms.js").read_text("utf-8")
    line = "<p>Here is one {0} and then some words that fill the line up to its end, where {1} stands.</p>"
    words = line.format(TERM.format("AUC", "AUC"), TERM.format("fold", "a fold"))
    return (
        '<!doctype html><html lang="en" data-theme="light"><title>x</title>'
        f'<style>{look}</style><script>{script}</script><body style="margin: 0">'
        f'<main class="bd-article">{with_definitions(words, definitions(GLOSSARY))}<p>More.</p></main></html>'
    )


@pytest.fixture(scope="module")
def chromium():
    path = find_chromium()
    if path is None:
        pytest.skip("needs Chromium (Debian: sudo apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_mouse_and_keyboard_show_a_meaning_and_put_it_away(chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 600})
    page.set_content(shown_page())
    auc, fold = page.locator(".term").all()
    said = fold.locator(".meaning")
    assert not said.is_visible()
    fold.locator("a").hover()
    assert said.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    below, place = said.bounding_box(), fold.bounding_box()
    page.mouse.move(place["x"] + place["width"] - 2, below["y"] + below["height"] - 2, steps=60)
    assert said.is_visible(), "the pointer can move onto it"
    page.keyboard.press("Escape")
    assert not said.is_visible()
    page.mouse.move(0, 500)
    fold.locator("a").hover()
    assert said.is_visible(), "it comes back"
    page.mouse.move(0, 500)
    assert not said.is_visible()
    page.keyboard.press("Tab")
    assert auc.locator(".meaning").is_visible()
    page.keyboard.press("Escape")
    assert not auc.locator(".meaning").is_visible()
    page.keyboard.press("Tab")
    assert said.is_visible() and not auc.locator(".meaning").is_visible()
    assert page.get_by_role("link", name="AUC", exact=True).count() == 1
    page.close()


@pytest.mark.slow
def test_the_first_tap_shows_a_meaning_and_the_second_follows_the_link(chromium):
    context = chromium.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 600})
    page = context.new_page()
    page.route("**/*", lambda route: route.fulfill(body=shown_page(), content_type="text/html"))
    page.goto("http://book.test/notebooks/a.html")
    auc, fold = page.locator(".term").all()
    auc.locator("a").tap()
    assert auc.locator(".meaning").is_visible() and page.url.endswith("a.html")
    fold.locator("a").tap()
    assert fold.locator(".meaning").is_visible() and not auc.locator(".meaning").is_visible()
    page.touchscreen.tap(200, 500)
    assert not fold.locator(".meaning").is_visible()
    fold.locator("a").tap()
    fold.locator("a").tap()
    page.wait_for_url("**/book/glossary.html#term-fold")
    context.close()
