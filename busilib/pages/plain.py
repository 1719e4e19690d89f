"""Tables as a narrow page needs them: one row of heads, none of them empty."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML


def plain(table: pd.DataFrame, corner: str) -> HTML:
    """A table whose index is its first column.

    Args:
        table: with one level of columns and of rows.
        corner: what the index is called.

    Example:
        >>> "<th>class</th>" in plain(pd.DataFrame({"images": [437]}, index=["benign"]), "class").data
        True
    """
    shown = table.rename_axis(None, axis="columns").reset_index(names=corner)
    return HTML(shown.to_html(index=False, border=0, justify="right", escape=False))
