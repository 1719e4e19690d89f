"""Read a CSV as people save it: the one reader of every table of text that somebody brings.

Whatever can mean one thing only is read: commas, semicolons, tabs or bars between the values, Excel's line
`sep=;`, byte-order marks, UTF-8, UTF-16 and Windows' cp1252, blank lines, quotation marks, blanks that cannot
be seen around a value. What cannot is refused with its line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from busilib.data.dataset import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

MARKS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Byte-order marks and what they tell."""

KINDS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"\x93NUMPY": "a NumPy file",
    b"\x80": "a pickle",
}
"""How files begin that are taken for a CSV, and what they are."""

BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that show nothing: fillers of Hangul, and the empty pattern of Braille."""

NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)
FRACTION = re.compile(r"[.,](\d*)")
EXPONENT = re.compile(r"[eE]([+-]?\d+)$")


def read_csv_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV as text, with the columns it must have.

    Args:
        path: names of columns in its first line that is not blank. Columns without a name are left out.
        columns: that must be there; others are kept.

    Returns:
        One row per line that is not blank, in the order of the file; its index `line` counts the lines of the
        file from 1. Every value is a str without blanks, seen or unseen, around it.

    Raises:
        DataError: if there is no such file, it is empty or no text, a column is missing or there twice, or a
            line has more values than there are names.

    Example:
        >>> read_csv_table(Path("split.csv"), ["id", "part"])["part"].unique()
    """
    expected = f"Expected a CSV with the columns {','.join(columns)}"
    lines, separator = _lines(path, columns, expected)
    if not lines:
        raise DataError(f"{path}: an empty file. {expected}.")
    (_, names), *rows = lines
    if missing := [name for name in columns if name not in names]:
        found = ", ".join(visible(name) or "(no name)" for name in names)
        raise DataError(
            f"{path}: column missing: {', '.join(missing)} (it has {found}). Values are separated by "
            f"{SEPARATORS[separator]}. {expected}; add or rename columns."
        )
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise DataError(f"{path}: column twice: {', '.join(twice)}. Each name may stand once.")
    if not rows:
        raise DataError(f"{path}: only a head, no rows. {expected}, one row per image.")
    for number, values in rows:
        if any(values[len(names) :]):
            raise DataError(
                f"{path}: line {number} has {len(values)} values for {len(names)} names, separated by "
                f"{SEPARATORS[separator]}. {expected}; {_too_many(separator)}."
            )
    index = pd.Index([number for number, _ in rows], name="line")
    padded = [(values + [""] * len(names))[: len(names)] for _, values in rows]
    table = pd.DataFrame(padded, index, names, dtype=str)
    return table.loc[:, [bool(name) for name in names]]


def _too_many(separator: str) -> str:
    if separator == ",":
        return "write decimal points instead of commas, or put values with a comma in quotation marks"
    return "put values that hold the separator in quotation marks"


def _lines(path: Path, columns: Sequence[str], expected: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Number and cells of each line that is not blank, and the separator under which the head fits best."""
    text = read_text(path, expected)
    given = re.match(r'\s*"?sep=(.)"?[ ,;\t|]*(?=[\r\n]|$)', text, re.IGNORECASE)
    body = text[given.end() :] if given else text
    first = 1 + text[: given.end()].count("\n") if given else 1
    head = next((line for line in re.split(r"[\r\n]", body) if line.strip()), "")
    heads = {sign: [clean(name) for name in _cells(head, sign)] for sign in SEPARATORS}

    def fit(sign: str) -> tuple[int, bool, int]:
        said = given is not None and given[1] == sign
        return sum(name in heads[sign] for name in columns), said, len(heads[sign])

    separator = max(SEPARATORS, key=fit)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    lines, start = [], first
    try:
        for cells in reader:
            values = [clean(cell) for cell in cells]
            if any(values):
                lines.append((start, values))
            start = first + reader.line_num
    except csv.Error as error:
        what = visible(str(error))
        raise DataError(
            f"{path}: line {start} is not CSV ({what}). {expected}; a quotation mark may be unclosed."
        ) from error
    return lines, separator


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return [line]


def read_text(path: Path, expected: str) -> str:
    """The text of a file in UTF-8, UTF-16, UTF-32 or cp1252, whichever it is, without byte-order marks.

    Args:
        path: of the file.
        expected: said in errors.

    Raises:
        DataError: if there is no such file, it cannot be read, or it is no text.
    """
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {what}. {expected}; check the path.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    for start, kind in KINDS.items():
        if content.startswith(start):
            raise DataError(f"{path}: not a CSV (a binary file: {kind}). {expected}; save it again as CSV.")
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.lstrip("\N{BYTE ORDER MARK}")
        if not any(unicodedata.category(sign) in ("Cc", "Cn") and not sign.isspace() for sign in set(text)):
            return text
    raise DataError(f"{path}: not a CSV (a binary file). {expected}; save it again as CSV.")


def _encodings(content: bytes) -> list[str]:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return [encoding]
    sample = content[:1000]
    if b"\0" in sample:  # text in Latin letters has every other byte zero in UTF-16
        return ["utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"]
    return ["utf-8", "cp1252"]


def unseen(sign: str) -> bool:
    """Whether a character cannot be seen, or not be told from a blank."""
    return sign != " " and (sign.isspace() or not sign.isprintable() or sign in BLANK_LETTERS)


def clean(text: str) -> str:
    """Text without blanks and characters that cannot be seen at either end.

    Example:
        >>> clean("\\u200b benign (1)\\u00a0")
        'benign (1)'
    """
    kept = [place for place, sign in enumerate(text) if sign != " " and not unseen(sign)]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def visible(text: str) -> str:
    """Text in which characters that cannot be seen stand by their name.

    Example:
        >>> visible("benign\\u00a0(1)")
        'benign<NO-BREAK SPACE>(1)'
    """
    return "".join(f"<{_name(sign)}>" if unseen(sign) else sign for sign in text)


def _name(sign: str) -> str:
    return "TAB" if sign == "\t" else unicodedata.name(sign, f"U+{ord(sign):04X}")


def numbers(column: pd.Series) -> pd.Series:
    """Numbers of a column of text, with decimal points or decimal commas; NaN where there is none.

    Example:
        >>> numbers(pd.Series(["0,5", "1e-3", "much"])).tolist()
        [0.5, 0.001, nan]
    """
    words = column.str.lower().isin(["inf", "+inf", "-inf", "infinity", "-infinity"])
    kept = column.where(column.map(lambda text: bool(NUMBER.fullmatch(text))) | words, "")
    return pd.to_numeric(kept.str.replace(",", ".", regex=False), errors="coerce").astype(float)


def decimals(text: str) -> int:
    """Decimals with which a number is written: 3 for "0.250", 4 for "2.5e-3".

    Example:
        >>> decimals("0,05")
        2
    """
    fraction, exponent = FRACTION.search(text), EXPONENT.search(text)
    return (len(fraction[1]) if fraction else 0) - (int(exponent[1]) if exponent else 0)
