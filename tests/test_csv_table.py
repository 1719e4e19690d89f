"""Tables of text as people save them: read where they can mean one thing only, else refused with the line."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.data.csv_table import clean, decimals, numbers, read_csv_table, visible
from busilib.data.dataset import DataError

PLAIN = "id,part\nbenign (1),train\nbenign (2),test\n"
ROWS = [["benign (1)", "train"], ["benign (2)", "test"]]


def read(tmp_path, content: str | bytes) -> pd.DataFrame:
    path = tmp_path / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv_table(path, ["id", "part"])


READ = {
    "plain": PLAIN,
    "no end of line": PLAIN.rstrip(),
    "Windows": PLAIN.replace("\n", "\r\n"),
    "old Mac": PLAIN.replace("\n", "\r"),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "Excel's line": "sep=,\r\n" + PLAIN,
    "Excel's line, semicolons": "sep=;\n" + PLAIN.replace(",", ";"),
    "Excel's line, filled up": "sep=,,\n" + PLAIN,
    "Excel's line, quoted": '"sep=,"\n' + PLAIN,
    "Excel's line that is wrong": "sep=;\n" + PLAIN,
    "blank first": "\n\n" + PLAIN,
    "blank between": PLAIN.replace("\n", "\n\n  \n"),
    "rows of separators": ",,\n" + PLAIN + ",\n,,,\n",
    "one more separator in each line": PLAIN.replace("\n", ",\n"),
    "quotation marks": 'id,part\n"benign (1)","train"\n"benign (2)",test\n',
    "blanks around": " id , part\n benign (1) ,train \n\u00a0benign (2)\u2003,\u200btest\ufeff\n",
    "blanks around names": PLAIN.replace("id,part", "\u00a0id\u200b,\u2028part"),
    "a column without a name": "n,,id,part\n0,,benign (1),train\n1,x,benign (2),test\n".replace("n,", ",", 1),
    "UTF-8 with mark": "\ufeff" + PLAIN,
    "two marks": "\ufeff\ufeff" + PLAIN,
    "UTF-16 with mark": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without mark": PLAIN.encode("utf-16-le"),
    "UTF-16, big, without mark": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_every_way_to_save_a_table_gives_that_table(content, tmp_path):
    assert read(tmp_path, content)[["id", "part"]].to_numpy().tolist() == ROWS


def test_windows_letters_and_further_columns_are_kept(tmp_path):
    content = 'id,part,café,note\na,train,\u201cJosé\u201d – 1,"one, two\nthree"\n'.encode("cp1252")
    found = read(tmp_path, content)
    assert found.iloc[0].tolist() == ["a", "train", "\u201cJosé\u201d – 1", "one, two\nthree"]
    assert found.columns.tolist() == ["id", "part", "café", "note"]


def test_rows_know_their_lines(tmp_path):
    found = read(tmp_path, 'sep=,\n\nid,part,note\na,x,"1\n2"\n\nb,y,\n')
    assert dict(found["id"]) == {4: "a", 7: "b"}


def test_short_lines_are_filled_up(tmp_path):
    assert read(tmp_path, "id,part\na\nb,y\n").to_numpy().tolist() == [["a", ""], ["b", "y"]]


REFUSED = {
    "nothing": (b"", "an empty file. Expected a CSV with the columns id,part"),
    "blank lines": (b"\r\n \n,,\n", "an empty file"),
    "only a mark": (b"\xef\xbb\xbf", "an empty file"),
    "only a head": (b"id,part\n,\n", "only a head, no rows"),
    "a workbook": (b"PK\x03\x04" + bytes(100), "binary file: an Excel workbook or a zip archive"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
    "every byte": (bytes(range(256)), r"not a CSV \(a binary file\)"),
    "half of UTF-16": ("id,part".encode("utf-16")[:-1], "binary file"),
    "a missing column": (
        b"id;other\na;b\n",
        r"column missing: part \(it has id, other\)\..*by semicolons",
    ),
    "an unseen character in a name": (
        "id,pa\u200brt\na,b\n".encode(),
        "column missing: part .it has id, pa<ZERO WIDTH SPACE>rt",
    ),
    "a name twice": (b"id,part,part\na,b,c\n", "column twice: part. Each"),
    "a name twice but for what is unseen": ("id,part,part\u00a0\na,b,c\n".encode(), "column twice: part"),
    "too many values": (b"id,part\na,b\n\nb,0,5\n", "line 4 has 3 values for 2 names, separated by commas"),
    "an unclosed mark": (
        b'id,part\na,b\n"c,d\ne,f\n',
        "line 3 is not CSV .*a quotation mark may be unclosed",
    ),
    "a mark in the middle": (b'id,part\n"a"x,b\n', "line 2 is not CSV"),
    "a huge field": (b'id,part\n"' + b"a" * 200_000, "line 2 is not CSV"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(content, message, tmp_path):
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(str(tmp_path / "x.csv: ")) and "\n" not in str(refused.value)


def test_a_folder_and_nothing_are_no_files(tmp_path):
    with pytest.raises(DataError, match="a folder, not a file"):
        read_csv_table(tmp_path, ["id"])
    with pytest.raises(DataError, match="no such file"):
        read_csv_table(tmp_path / "x.csv", ["id"])


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), max_size=8)


@settings(max_examples=80, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    blank=st.integers(0, 2),
)
def test_what_a_program_writes_is_read_back(cells, separator, encoding, blank, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    table = pd.DataFrame(cells, columns=["id", "part"])
    path.write_bytes(("\n" * blank + table.to_csv(index=False, sep=separator, quoting=1)).encode(encoding))
    expected = [[clean(a), clean(b)] for a, b in cells if clean(a) or clean(b)]
    if expected:
        assert read_csv_table(path, ["id", "part"]).to_numpy().tolist() == expected
    else:
        with pytest.raises(DataError, match="only a head"):
            read_csv_table(path, ["id", "part"])


@pytest.mark.parametrize(
    ("text", "number", "places"),
    [
        ("0.25", 0.25, 2), ("0,25", 0.25, 2), ("1", 1, 0), (".5", 0.5, 1), ("5.", 5, 0), ("+1", 1, 0),
        ("1E2", 100, -2), ("-0.1", -0.1, 1), ("2.50e-3", 0.0025, 5), ("inf", np.inf, 0),
        *[(text, np.nan, None) for text in ("", "1_0", "0x1", "5%", "1.234,5", "1,234.5", "½", "0;5", "nan")],
    ],
)  # fmt: skip
def test_numbers_by_hand(text, number, places):
    np.testing.assert_equal(numbers(pd.Series([text])).item(), number)
    assert places is None or decimals(text) == places


@given(st.text())
def test_nothing_unseen_stays_at_the_ends_or_in_a_message(text):
    kept = clean(text)
    assert kept == clean(kept) and kept in text
    assert visible(text).isprintable()
