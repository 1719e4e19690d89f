"""The book as one PDF: in reading order, with bookmarks, and without links into this machine."""

from pathlib import Path

import pytest
from pypdf import PdfReader

from busilib.cli.doctor import find_chromium
from busilib.publish.pdf import PdfError, chapters, print_book

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small(tmp_path) -> Path:
    """A book of two pages."""
    (tmp_path / "_toc.yml").write_text(
        "root: book/intro\nparts:\n  - chapters:\n      - file: notebooks/01_a\n", encoding="utf-8"
    )
    for name, title in (("book/intro", "Beginning"), ("notebooks/01_a", "Ending")):
        page = tmp_path / "_build" / "html" / f"{name}.html"
        page.parent.mkdir(parents=True)
        page.write_text(
            f"<html lang='en'><article><h1>{title}#</h1><p>Words of {title}.</p>"
            "<a href='other.html'>near</a> <a href='https://example.org/'>far</a></article></html>",
            encoding="utf-8",
        )
    return tmp_path


def test_chapters_are_those_of_the_book_and_are_there():
    found = chapters(ROOT)
    assert found[0] == "book/intro" and len(found) == len(set(found))
    for name in found:
        assert list(ROOT.glob(f"{name}.*")), name


@pytest.mark.slow
def test_two_pages_are_printed(small):
    browser = find_chromium()
    if browser is None:
        pytest.skip("needs Chromium (Debian: sudo apt-get install chromium)")
    book = PdfReader(print_book(small, browser))
    for title, page in zip(("Beginning", "Ending"), book.pages, strict=True):
        assert f"Words of {title}" in page.extract_text()
    links = [str(link.get_object()["/A"]["/URI"]) for page in book.pages for link in page.get("/Annots", [])]
    assert set(links) == {"https://example.org/"}


def test_what_is_missing_is_said(small):
    with pytest.raises(PdfError, match="apt-get install chromium"):
        print_book(small, None)
    with pytest.raises(PdfError, match="did not print it"):
        print_book(small, "/bin/true")
    (small / "_build" / "html" / "notebooks" / "01_a.html").unlink()
    (small / "_toc.yml").write_text("root: notebooks/01_a\nparts: []\n", encoding="utf-8")
    with pytest.raises(PdfError, match="busi report"):
        print_book(small, "/bin/true")
    assert not (small / "_build" / "book.pdf").exists()
