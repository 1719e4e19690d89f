"""Tables of pandas on a page: one row of heads, none of them empty, and no column that only counts."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from busilib.publish.html_tables import tidy

TABLE = pd.DataFrame({"a": [1, 2], "b": [3, 4]})


def heads(html: str) -> list[list[str]]:
    rows = BeautifulSoup(html, "html.parser").select("thead tr")
    return [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in rows]


def cells(html: str) -> list[list[str]]:
    rows = BeautifulSoup(html, "html.parser").select("tbody tr")
    return [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in rows]


@pytest.mark.parametrize(
    "table, head, body",
    [
        (TABLE, ["a", "b"], [["1", "3"], ["2", "4"]]),
        (TABLE.rename_axis("model"), ["model", "a", "b"], [["0", "1", "3"], ["1", "2", "4"]]),
        (TABLE.set_axis(["x", "y"]), ["", "a", "b"], [["x", "1", "3"], ["y", "2", "4"]]),
        (TABLE.set_axis([1, 0]), ["", "a", "b"], [["1", "1", "3"], ["0", "2", "4"]]),
        (TABLE.rename_axis(columns="figure"), ["figure", "a", "b"], [["0", "1", "3"], ["1", "2", "4"]]),
        (TABLE[:0], ["", "a", "b"], []),
    ],
    ids=["counted", "named", "unnamed words", "other numbers", "named columns", "empty"],
)
def test_one_row_of_heads(table, head, body):
    found = tidy(table.to_html())
    assert heads(found) == [head]
    assert cells(found) == body
    assert all(cell.get_text(strip=True) for cell in BeautifulSoup(found, "html.parser").select("thead th"))


def test_both_names_stay_where_both_are_given():
    both = TABLE.rename_axis(index="model", columns="figure").to_html()
    assert heads(tidy(both)) == [["figure", "a", "b"], ["model", "", ""]]


def test_what_is_no_table_of_pandas_stays():
    for html in ("<p>5 < 6</p>", "<table><tr><th></th></tr></table>", ""):
        assert tidy(html) == html
