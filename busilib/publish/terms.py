"""What a word of the glossary means, beside each link to it: no reader has to leave the page for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup

GLOSSARY = Path("book", "glossary.html")
LINK = re.compile(
    r'<a class="reference internal" href="[^"#]*glossary\.html#(term-[^"]+)">'
    r'<span class="xref std std-term">.*?</span></a>',
    re.DOTALL,
)


def definitions(glossary: str) -> dict[str, str]:
    """What each term of a built glossary means, as plain text by the name of its place.

    Args:
        glossary: the page.

    Example:
        >>> definitions('<dl class="glossary"><dt id="term-echo">echo</dt><dd><p>Sound.</p></dd></dl>')
        {'term-echo': 'Sound.'}
    """
    terms = BeautifulSoup(glossary, "html.parser").select("dl.glossary > dt[id]")
    return {term["id"]: " ".join(term.find_next_sibling("dd").get_text().split()) for term in terms}


def with_definitions(page: str, meanings: Mapping[str, str]) -> str:
    """A page whose links to terms are followed by what they mean; `book.css` shows it where it is asked for.

    The text describes its link, so screen readers speak it after the link's name, and is no part of the name.

    Args:
        page: a built page that links a term once at most.
        meanings: as `definitions` gives them.

    Example (not run):
        >>> with_definitions(page, definitions(glossary))
    """

    def explained(link: re.Match) -> str:
        term = link[1]
        described = link[0].replace("<a ", f'<a aria-describedby="meaning-{term}" ', 1)
        meaning = f'<span class="meaning" id="meaning-{term}" role="tooltip">{escape(meanings[term])}</span>'
        return f'<span class="term">{described}{meaning}</span>'

    return LINK.sub(explained, page)
