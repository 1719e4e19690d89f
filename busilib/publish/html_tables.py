"""Tables as a page needs them: one row of heads, none of them empty, and rows as blocks on a phone."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup
from bs4.element import Tag

TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)

ROOM, CHARACTER, PADDING = 290, 7.2, 10
"""Pixels on a phone: the width of a column of text, a character of a table, and what surrounds a cell."""

WORD_END = re.compile(r"\s+|(?<=[-–/])")
"""Where a browser begins a new line."""

INTERVAL = re.compile(r"\([−+]?\d[\d.]*(?:–| to )[−+]?\d[\d.]*\)(?![^<>]*>)")
"""Two limits in brackets, not within a tag, as `busilib.pages.tables.cell` and differences write them."""

PARTS = {"thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}


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


def stacked(page: str) -> str:
    """A page's HTML in which tables that a phone has no room for can be shown row by row.

    Such a table would have to break its words. It gets the class "stacked", with which `book.css` makes a
    block of each row below 600 pixels, and each cell the name of its column. Roles say what its parts are,
    because a table that is laid out as blocks is none to a screen reader.

    Args:
        page: the HTML of a whole page.

    Example:
        >>> stacked("<table><tr><td>1</td></tr></table>")
        '<table><tr><td>1</td></tr></table>'
    """
    return TABLE.sub(lambda found: _stacked(found[0]), page)


def _stacked(html: str) -> str:
    table = BeautifulSoup(html, "html.parser").find("table")
    assert isinstance(table, Tag)
    head, rows = table.select("thead > tr"), [_cells(row) for row in table.select("tbody > tr")]
    if len(head) != 1 or not rows or table.select("[colspan], [rowspan]"):
        return html
    names = [cell.get_text(" ", strip=True) for cell in _cells(head[0])]
    if {len(row) for row in rows} != {len(names)} or _narrowest([_cells(head[0]), *rows]) <= ROOM:
        return html
    table["class"] = " ".join([*filter(None, table.get_attribute_list("class")), "stacked"])
    table["role"] = "table"
    for part in table.find_all(list(PARTS)):
        part["role"] = PARTS[part.name]
    for cell in table.find_all("th"):
        cell["role"] = "columnheader" if cell.find_parent("thead") else "rowheader"
    for row in rows:
        for cell, name in zip(row[1:], names[1:], strict=True):
            cell["data-head"] = name
    return str(table)


def unbroken(page: str) -> str:
    """A page's HTML in which `book.css` can keep an interval in a table on one line.

    Args:
        page: the HTML of a whole page.

    Example:
        >>> unbroken("<table><td>0.86 (0.84–0.89)</td></table>")
        '<table><td>0.86 <span class="interval">(0.84–0.89)</span></td></table>'
    """
    return TABLE.sub(lambda found: INTERVAL.sub(r'<span class="interval">\g<0></span>', found[0]), page)


def _cells(row: Tag) -> list[Tag]:
    return row.find_all(["th", "td"], recursive=False)


def _narrowest(rows: list[list[Tag]]) -> float:
    """The width in pixels of a table that breaks no word."""
    widths = []
    for column in zip(*rows, strict=True):
        words = WORD_END.split(" ".join(cell.get_text(" ") for cell in column))
        widths.append(max(map(len, words)) * CHARACTER + PADDING)
    return sum(widths)
