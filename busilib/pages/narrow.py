"""Tables for a narrow column: one row of heads, none of them empty, and cells that wrap."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML


def narrow(table: pd.DataFrame, corner: str) -> HTML:
    """A table whose index is its first column.

    pandas' own class is left out of it: the book keeps the cells of a `dataframe` on one line.

    Args:
        table: with one level of rows and of columns.
        corner: what the index is called.

    Example:
        >>> "<th>class</th>" in narrow(pd.DataFrame({"images": [437]}, index=["benign"]), "class").data
        True
    """
    shown = table.rename_axis(None, axis="columns").reset_index(names=corner)
    html = shown.to_html(index=False, border=0, justify="left", escape=False)
    return HTML(html.replace(' class="dataframe"', ""))
