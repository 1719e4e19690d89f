"""Open every page of the smoke report in headless Chromium, at desktop and phone width, without a network."""

import os
import re
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from busilib.cli.doctor import find_chromium
from busilib.publish.terms import GLOSSARY, definitions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = {"desktop": 1280, "phone": 390}

READ_PAGE = """() => ({
    ids: [...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name),
    links: [...document.querySelectorAll('a[href]')].map(e => [e.getAttribute('href'), e.href]),
    images: [...document.images].map(e => ({
        source: e.getAttribute('src').slice(0, 80), alt: e.alt, shown: e.complete && e.naturalWidth > 0,
    })),
    figures: [...document.querySelectorAll('.bd-article figure img')].map(e => ({
        alone: e.closest('a')?.href === e.src, pixels: e.naturalWidth, width: e.getBoundingClientRect().width,
    })),
    tables: [...document.querySelectorAll('.bd-article table')].map(e => e.textContent),
    title: document.title,
    language: document.documentElement.lang,
    note: document.querySelector('.phantom-note')?.innerText ?? '',
    runs: document.querySelectorAll('details.this-run').length,
    unmarked: [...document.querySelectorAll('details.this-run')].flatMap(block => [
        ...(block.open ? ['a block is open'] : []),
        ...[...block.querySelectorAll('table')].filter(e => !e.textContent.includes('PHANTOM')),
        ...[...block.querySelectorAll('figcaption')].filter(e => !e.textContent.includes('PHANTOM')),
    ].map(e => e.textContent?.trim().slice(0, 80) ?? e)),
    terms: [...document.querySelectorAll('.bd-article a[href*="glossary.html#"]:has(> .std-term)')].map(e => [
        e.hash.slice(1), document.getElementById(e.getAttribute('aria-describedby'))?.textContent ?? '',
    ]),
    strayed: [...document.querySelectorAll('.bd-article :is(table, figcaption, p)')].filter(
        e => /PHANTOM|phantoms-/.test(e.textContent) && !e.closest('details.this-run, .phantom-note')
    ).map(e => e.textContent.trim().slice(0, 80)),
})"""

OPEN_ALL = "document.querySelectorAll('details').forEach(block => { block.open = true })"

CUT_OFF = """() => [...document.querySelectorAll('.bd-article :is(table, pre)')].filter(e => {
    const room = e.closest('.pst-scrollable-table-container, .text_html, .bd-article-container').clientWidth;
    return e.getClientRects().length && (e.getBoundingClientRect().width > room + 1
        || e.scrollWidth > e.clientWidth + 1);
}).map(e => `${e.tagName.toLowerCase()} ${e.innerText.trim().slice(0, 60)}`)"""
"""Tables and code of which a reader would have to scroll to see a part."""

BROKEN = r"""() => [...document.querySelectorAll('.bd-article table')].flatMap(table => {
    const found = [], range = document.createRange();
    const walk = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const words = walk.currentNode.data.matchAll(/(?<![^\s\-–\/])[^\s\-–\/]{1,24}(?=[\s\-–\/]|$)/g);
        for (const word of words) {
            range.setStart(walk.currentNode, word.index);
            range.setEnd(walk.currentNode, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map(line => Math.round(line.top)));
            if (lines.size > 1) found.push(`${word[0]} in ${table.innerText.trim().slice(0, 60)}`);
        }
    }
    return found;
})"""
"""Words and numbers in tables that stand on two lines; addresses and paths may be longer than a line."""

MARK_REPEATED = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll('.highlight span')) {
        const look = word.className + word.closest('.highlight').parentElement.className;
        if (seen.has(look)) word.dataset.repeated = '';
        seen.add(look);
    }
}"""
"""Words of code in a colour that stands above on the page: axe-core looks at one of each."""

ONCE = {"exclude": [["[data-repeated]"]]}
AXE = {"resultTypes": ["violations"], "preload": False}
CONTRAST = AXE | {"runOnly": ["color-contrast"]}
"""What depends on the colours of a page; the rest is asked once for each width."""


@dataclass
class Visit:
    """What one page showed."""

    status: int = 0
    faults: list[str] = field(default_factory=list)
    overflow: dict[str, int] = field(default_factory=dict)
    cut_off: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    content: dict = field(default_factory=dict)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site(smoke_report):
    """Folder and address of the built book, served from this machine."""
    assert smoke_report.code == 0, smoke_report.output
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=smoke_report.html))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield smoke_report.html, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def visits(site) -> dict[str, Visit]:
    """Every page of the book by its path, as Chromium saw it."""
    chromium = find_chromium()
    if chromium is None:
        reason = "needs Chromium (Debian: sudo apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    folder, base = site
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    seen = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for path in pages:
            if not path.startswith("_static/"):
                seen[path] = _visit(browser, base, path)
        browser.close()
    return seen


def _visit(browser, base: str, path: str) -> Visit:
    visit = Visit()
    page = browser.new_page(viewport={"width": WIDTHS["desktop"], "height": 900})

    def decide(route):
        if route.request.url.startswith(base):
            return route.continue_()
        visit.faults.append(f"asks the network for {route.request.url}")
        return route.abort()

    def answered(response):
        if response.status >= 400:
            visit.faults.append(f"{response.status} for {response.url}")

    page.route(lambda url: not url.startswith(("data:", "blob:")), decide)
    page.on("response", answered)
    page.on("requestfailed", lambda request: visit.faults.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: visit.faults.append(f"script error: {error}"))
    page.on(
        "console",
        lambda message: message.type == "error" and visit.faults.append(f"console: {message.text}"),
    )
    visit.status = page.goto(base + path, wait_until="load").status
    page.wait_for_selector(".bd-main")  # the index sends its reader on
    page.wait_for_load_state("load")
    visit.content = page.evaluate(READ_PAGE)
    page.add_style_tag(content="* { animation: none !important; transition: none !important }")
    page.evaluate(OPEN_ALL)
    page.evaluate(MARK_REPEATED)
    for name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        visit.overflow[name] = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        visit.cut_off[name] = page.evaluate(CUT_OFF)
        visit.broken[name] = page.evaluate(BROKEN)
        visit.violations += _violations(page, name)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    visit.violations += _violations(page, "dark", CONTRAST)
    page.close()
    return visit


def _violations(page, look: str, options: dict = AXE) -> list[str]:
    """What axe-core holds against a page, a line for each rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=ONCE, options=options).response["violations"]
    return [
        f"{look}: {one['id']}, {len(one['nodes'])} times, such as {one['nodes'][0]['html'][:160]}"
        for one in found
    ]


def _all(visits: dict[str, Visit], faults_of) -> list[str]:
    return [f"{path}: {fault}" for path, visit in visits.items() for fault in faults_of(visit)]


def test_a_figure_opens_alone_and_is_sharp_there(visits):
    figures = {path: visit.content["figures"] for path, visit in visits.items() if visit.content["figures"]}
    assert len(figures) >= 10
    for path, shown in figures.items():
        assert all(one["alone"] and one["pixels"] >= 1.5 * one["width"] for one in shown), (path, shown)


def test_no_table_holds_what_is_no_number_or_a_negative_zero(visits):
    strange = re.compile(r"\bnan\b|\binf\b|(?<![\w.])[-−]0(\.0+)?(?![\d.])")
    assert not _all(visits, lambda visit: [one for one in visit.content["tables"] if strange.search(one)])


def test_every_page_opens_without_errors_or_network(visits):
    assert len(visits) >= 10
    assert _all(visits, lambda visit: [] if visit.status == 200 else [visit.status]) == []
    assert _all(visits, lambda visit: visit.faults) == []


def test_pages_have_title_and_language(visits):
    assert _all(visits, lambda visit: [] if visit.content["title"] else ["no title"]) == []
    named = {path: visit for path, visit in visits.items() if path != "index.html"}
    assert _all(named, lambda visit: [] if visit.content["language"] == "en" else ["no language"]) == []


def test_every_picture_is_shown_and_described(visits):
    def faults(visit):
        for image in visit.content["images"]:
            if not image["shown"]:
                yield f"{image['source']} is not shown"
            if not image["alt"].strip() or image["alt"].endswith((".png", ".svg")):
                yield f"{image['source']} has no alt text but {image['alt']!r}"

    assert _all(visits, faults) == []
    drawn = [
        image
        for visit in visits.values()
        for image in visit.content["images"]
        if "_images" in image["source"]
    ]
    assert len(drawn) >= 5, "the notebooks' figures are missing"


def test_links_lead_somewhere(visits, site):
    folder, base = site

    def faults(visit):
        for written, address in visit.content["links"]:
            if not written.strip():
                yield "empty link"
            if not address.startswith(base):
                continue
            target, fragment = urldefrag(address.removeprefix(base))
            target = unquote(target.split("?")[0]) or "index.html"
            if not Path(folder, target).is_file():
                yield f"{written} leads to no file"
            elif fragment and target in visits and unquote(fragment) not in visits[target].content["ids"]:
                yield f"{written} leads to no place on {target}"

    assert _all(visits, faults) == []


@pytest.mark.parametrize("name", WIDTHS)
def test_no_page_is_wider_than_the_screen(visits, name):
    wide = {path: visit.overflow[name] for path, visit in visits.items() if visit.overflow[name] > 0}
    assert wide == {}


@pytest.mark.parametrize("name", WIDTHS)
def test_no_table_or_code_is_cut_off(visits, name):
    assert _all(visits, lambda visit: visit.cut_off[name]) == []


@pytest.mark.parametrize("name", WIDTHS)
def test_no_table_breaks_a_word(visits, name):
    assert _all(visits, lambda visit: visit.broken[name]) == []


def test_axe_finds_nothing(visits):
    assert _all(visits, lambda visit: visit.violations) == []


def test_pages_are_light(site):
    """Without their pictures: pages, styles and scripts."""
    folder, _ = site
    shared = sum(
        path.stat().st_size for path in (folder / "_static").rglob("*") if path.suffix in (".css", ".js")
    )
    pages = {
        path.relative_to(folder).as_posix(): len(re.sub(r"data:image/[^\"')]+", "", path.read_text("utf-8")))
        for path in folder.rglob("*.html")
    }
    assert {name: size for name, size in pages.items() if size + shared > 1_000_000} == {}


def test_linked_words_carry_what_they_mean(visits, site):
    meanings = definitions((site[0] / GLOSSARY).read_text(encoding="utf-8"))

    def faults(visit):
        for term, said in visit.content["terms"]:
            if not said or said != meanings[term]:
                yield f"{term}: {said!r}"

    told = [path for path, visit in visits.items() if visit.content["terms"]]
    assert sum(path.startswith("notebooks/") for path in told) >= 15
    assert _all(visits, faults) == []


def test_pages_that_show_phantoms_say_so_and_no_others(visits):
    def faults(visit):
        if bool(visit.content["runs"]) != bool(visit.content["note"]):
            yield f"{visit.content['runs']} blocks of phantoms, note: {visit.content['note']!r}"

    assert any(visit.content["runs"] for visit in visits.values())
    assert _all(visits, faults) == []


def test_phantoms_are_marked_and_stand_in_closed_blocks(visits):
    def faults(visit):
        yield from visit.content["unmarked"]
        yield from (f"{text} stands outside of a block" for text in visit.content["strayed"])

    assert _all(visits, faults) == []
