"""Tables of pandas as a page needs them: one row of heads, and no head that is empty."""

from __future__ import annotations

from bs4 import BeautifulSoup
from bs4.element import Tag


def tidy(html: str) -> str:
    """A page's HTML with every table of pandas put right.

    The name of an index stands in a row of heads of its own, under empty ones: it moves up beside the others.
    An index that only counts its rows from 0 is left out. A corner that has no name is no head.

    Args:
        html: an output of a notebook; what is no table of pandas stays as it is.

    Example:
        >>> tidy('<table class="dataframe"><thead><tr><th></th></tr></thead></table>')
        '<table class="dataframe"><thead><tr><td></td></tr></thead></table>'
    """
    if 'class="dataframe' not in html:
        return html
    page = BeautifulSoup(html, "html.parser")
    for table in page.find_all("table", class_="dataframe"):
        _one_head(table)
        _without_counts(table)
        for corner in table.select("thead th"):
            if not corner.get_text(strip=True):
                corner.name = "td"
    return str(page)


def _one_head(table: Tag) -> None:
    rows = table.select("thead > tr")
    if len(rows) != 2:
        return
    above, below = (row.find_all(["th", "td"], recursive=False) for row in rows)
    texts = [[cell.get_text(strip=True) for cell in row] for row in (above, below)]
    if len(above) == len(below) and not any(one and other for one, other in zip(*texts, strict=True)):
        for cell, name in zip(above, texts[1], strict=True):
            if name:
                cell.string = name
        rows[1].decompose()


def _without_counts(table: Tag) -> None:
    head = table.select("thead > tr")
    rows = table.select("tbody > tr")
    if len(head) != 1 or not rows:
        return
    corner, firsts = head[0].find(["th", "td"]), [row.find(["th", "td"]) for row in rows]
    if corner is None or corner.get_text(strip=True):
        return
    if [first.get_text(strip=True) for first in firsts if first] == [str(n) for n in range(len(rows))]:
        for cell in filter(None, [corner, *firsts]):
            cell.decompose()
