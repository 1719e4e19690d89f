"""The built book as one PDF: Chromium prints each page, in the order of the table of contents."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject

from busilib.errors import UserError

TIMEOUT = 120
"""Seconds that one page may take."""


class PdfError(UserError, RuntimeError):
    """The book cannot be printed; the message says what is missing."""


def chapters(root: Path) -> list[str]:
    """The pages of the book in reading order, without their endings.

    Example:
        >>> chapters(Path("."))[0]
        'book/intro'
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def print_book(root: Path, browser: str | None) -> Path:
    """Print the built book into `_build/book.pdf`, with a bookmark for each page.

    Args:
        root: the repository; the book must be built.
        browser: Chromium or Chrome, None if there is none.

    Returns:
        The file; it appears whole.

    Raises:
        PdfError: without a browser, without a built book, or if a page cannot be printed.

    Example (not run):
        >>> print_book(Path("."), "/usr/bin/chromium")
        PosixPath('_build/book.pdf')
    """
    if browser is None:
        raise PdfError("no Chromium or Chrome was found. On Debian and Ubuntu: sudo apt-get install chromium")
    html, target = root / "_build" / "html", root / "_build" / "book.pdf"
    book = PdfWriter()
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(chapters(root)):
            page = html / f"{name}.html"
            if not page.is_file():
                raise PdfError(f"{page}: not there. Build the book first: busi report")
            printed = _print(browser, page, Path(folder) / f"{number}.pdf")
            start = len(book.pages)
            for sheet in PdfReader(printed).pages:
                book.add_page(_without_dead_links(sheet))
            book.add_outline_item(title=_title(page), page_number=start)
        part = target.with_suffix(".part")
        book.write(part)
        part.replace(target)
    return target


def _print(browser: str, page: Path, target: Path) -> Path:
    command = [browser, *flags(), f"--print-to-pdf={target}", page.resolve().as_uri()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise PdfError(f"{page}: {browser} did not print it within {TIMEOUT} s") from error
    if not target.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PdfError(f"{page}: {browser} did not print it: {last}")
    return target


def flags() -> Sequence[str]:
    """How a browser is started to print; one that runs as root has no sandbox."""
    root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return ["--headless", "--disable-gpu", "--no-pdf-header-footer", "--no-first-run", *root]


def _title(page: Path) -> str:
    heading = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("article h1, main h1")
    return page.stem if heading is None else heading.get_text().rstrip("#").strip()


def _without_dead_links(sheet):
    """Links from page to page led to files of this machine; those to the world stay."""
    links = sheet.get("/Annots")
    if links is not None:
        kept = [link for link in links if not _uri(link).startswith("file:")]
        sheet[NameObject("/Annots")] = ArrayObject(kept)
    return sheet


def _uri(link) -> str:
    return str(link.get_object().get("/A", {}).get("/URI", ""))
