"""Tables of pandas on a page: one row of heads, none of them empty, and no column that only counts."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from busilib.publish.html_tables import stacked, tidy, unbroken

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


WIDE = pd.DataFrame(
    {
        "sensitivity": ["0.91 (0.85–0.96)"],
        "specificity": ["0.88"],
        "misclassified": [3],
        "examinations": [78],
    },
    index=pd.Index(["MobileNet"], name="classifier"),
)


def test_a_table_that_a_phone_has_no_room_for_can_be_read_row_by_row():
    page = f"<main><p>Before</p>{tidy(WIDE.to_html())}<p>After</p></main>"
    soup = BeautifulSoup(stacked(page), "html.parser")
    assert "stacked" in soup.table["class"] and soup.table["role"] == "table"
    assert [cell.get("data-head") for cell in soup.select("tbody tr > *")] == [None, *WIDE.columns]
    assert [cell["role"] for cell in soup.select("thead th")] == ["columnheader"] * 5
    assert soup.select_one("tbody th")["role"] == "rowheader"
    assert {cell["role"] for cell in soup.select("td")} == {"cell"}
    assert soup.get_text() == BeautifulSoup(page, "html.parser").get_text()


def test_a_table_with_room_or_of_another_build_stays():
    narrow = tidy(TABLE.to_html())
    spanned = tidy(WIDE.to_html()).replace("<th>sensitivity", '<th colspan="2">sensitivity')
    for html in (
        narrow,
        spanned,
        "<table><tr><td>no head</td></tr></table>",
        tidy(WIDE[:0].to_html()),
        "<p>",
    ):
        assert stacked(html) == html


def test_intervals_in_tables_are_marked():
    cells = ["0.86 (0.84–0.89)", "−0.02 (−0.05 to +0.00)", "0.79 (0.68–0.87, 3 seeds)", "5% (of 9)"]
    page = f"<p>(0.84–0.89)</p><table>{''.join(f'<td>{cell}</td>' for cell in cells)}</table>"
    soup = BeautifulSoup(unbroken(page), "html.parser")
    assert [span.get_text() for span in soup.select("span.interval")] == ["(0.84–0.89)", "(−0.05 to +0.00)"]
    assert soup.p.decode_contents() == "(0.84–0.89)"
    assert [td.get_text() for td in soup.select("td")] == cells


def test_an_interval_in_a_tag_stays():
    page = '<table><td data-head="AUC (0.84–0.89)">1</td></table>'
    assert unbroken(page) == page
