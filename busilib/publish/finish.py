"""What is put right in a built book: roles of its parts, words to be explained, tables on a phone, icons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from busilib.publish.html_tables import stacked, unbroken
from busilib.publish.terms import GLOSSARY, definitions, with_definitions

ICON_SCRIPT = Path("_static", "scripts", "fontawesome.js")
ICON = re.compile(r'("?)([\w-]+)\1:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')
"""An icon as the script holds it: its name, width, height, other names, code and path."""

NOTEBOOK_LINK = re.compile(r'href="([^":#]+)\.ipynb')
NAME = re.compile(r"fa-([a-z0-9-]+)")

ROLES = (
    # The logo and the title of the side bar stand outside of every landmark.
    (
        '<div class="sidebar-primary-items__start sidebar-primary__section">',
        '<div class="sidebar-primary-items__start sidebar-primary__section" role="navigation" '
        'aria-label="Book">',
    ),
    # docutils gives entries of a bibliography a role that has been withdrawn, and that a list may not hold.
    (' role="doc-biblioentry"', ' role="listitem"'),
)
"""What is written in a page, and what stands in for it."""


def finish(html: Path) -> None:
    """Mend the pages of a built book in place, explain linked words, fit tables to the page, cut icons.

    Args:
        html: the folder of the book.

    Example (not run):
        >>> finish(Path("_build/html"))
    """
    pages = sorted(html.rglob("*.html"))
    glossary = html / GLOSSARY
    meanings = definitions(glossary.read_text(encoding="utf-8")) if glossary.is_file() else {}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for written, better in ROLES:
            text = text.replace(written, better)
        text = NOTEBOOK_LINK.sub(partial(_to_page, folder=page.parent), text)
        text = unbroken(stacked(with_definitions(text, meanings)))
        page.write_text(text, encoding="utf-8", newline="\n")
    script = html / ICON_SCRIPT
    if script.is_file():
        others = (path for path in html.rglob("*.js") if path != script)
        texts = (path.read_text(encoding="utf-8") for path in (*pages, *others))
        script.write_text(
            fewer_icons(script.read_text(encoding="utf-8"), texts), encoding="utf-8", newline="\n"
        )
        script.with_suffix(".js.map").unlink(missing_ok=True)


def _to_page(link: re.Match, folder: Path) -> str:
    """A link to a notebook, as outputs of notebooks have them, leads to its page if there is no such file."""
    there = (folder / f"{link[1]}.html").is_file() and not (folder / f"{link[1]}.ipynb").is_file()
    return f'href="{link[1]}.html' if there else link[0]


def fewer_icons(script: str, texts: Iterable[str]) -> str:
    """The script with those icons alone that some text names, by any of their names.

    Args:
        script: of Font Awesome, which holds every icon as an entry of an object.
        texts: of pages and scripts.

    Example:
        >>> fewer_icons('{sun:[1,1,[],"f185","M1"],moon:[1,1,[],"f186","M2"]}', ['<i class="fa-moon">'])
        '{moon:[1,1,[],"f186","M2"]}'
    """
    used = {name for text in texts for name in NAME.findall(text)}

    def kept(found: re.Match) -> str:
        others = re.findall(r'"([\w-]+)"', found[3])
        return found[0] if used & {found[2], *others} else ""

    return ICON.sub(kept, script)
