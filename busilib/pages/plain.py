"""Tables as a narrow page needs them: one row of heads, none of them empty, and cells that wrap."""

from __future__ import annotations

import re
from html import escape

import pandas as pd
from IPython.display import HTML

NUMBER = re.compile(r"–|[−+-]?[\d.,]+(–[\d.,]+)?( \(.*\))?")
"""What is set flush right: a number, two, one with its interval, or none."""


def plain(table: pd.DataFrame, corner: str) -> HTML:
    """A table whose index is its first column; numbers stand flush right.

    Args:
        table: with one level of columns and of rows.
        corner: what the index is called.

    Example:
        >>> '<th scope="col">class</th>' in plain(pd.DataFrame({"n": [437]}, index=["benign"]), "class").data
        True
    """
    texts = table.map(str)
    right = [all(map(NUMBER.fullmatch, texts.iloc[:, place])) for place in range(texts.shape[1])]
    styles = [' style="text-align: right"' if numbers else "" for numbers in right]
    heads = [
        f'<th scope="col"{style}>{escape(str(name))}</th>'
        for name, style in zip(texts.columns, styles, strict=True)
    ]
    rows = [
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td{style}>{escape(cell)}</td>" for cell, style in zip(cells, styles, strict=True))
        + "</tr>"
        for name, cells in zip(texts.index, texts.to_numpy(), strict=True)
    ]
    head = f'<thead><tr><th scope="col">{escape(corner)}</th>{"".join(heads)}</tr></thead>'
    return HTML(f"<table>{head}<tbody>{''.join(rows)}</tbody></table>")
