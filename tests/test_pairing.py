"""Tables that do not belong together are refused, and the message says why."""

import numpy as np
import pandas as pd
import pytest

from busilib.errors import UserError
from busilib.metrics.pairing import PairingError, by_fold, groups_of, matched, shared


def rows(ids, true=None, fold=0) -> pd.DataFrame:
    true = ["benign"] * len(ids) if true is None else true
    return pd.DataFrame({"id": list(ids), "fold": fold, "true": true, "score": np.arange(len(ids)) / 10})


def test_rows_come_in_the_order_of_the_first_table():
    found = matched(rows("abc"), rows("cab"))
    assert found["id"].tolist() == ["a", "b", "c"]
    assert found["score"].tolist() == [0.1, 0.2, 0.0]
    assert found.columns.tolist() == ["id", "fold", "true", "score"]


def test_the_index_is_that_of_the_first_table():
    assert matched(rows("abc").set_axis([7, 3, 5]), rows("cab")).index.tolist() == [7, 3, 5]


def test_different_images_are_refused_with_their_names():
    with pytest.raises(
        PairingError, match=r"1 only in the first \(id 'c'\), 2 only in the second \(id 'd'; id 'e'\)"
    ):
        matched(rows("abc"), rows("abde"))
    with pytest.raises(UserError, match="only in the second"):
        matched(rows("ab"), rows("abc"))


def test_doubled_rows_are_refused():
    with pytest.raises(PairingError, match="second table has id 'b' more than once"):
        matched(rows("ab"), rows("abb"))


def test_another_reference_is_refused():
    with pytest.raises(PairingError, match="`true` differs for id 'b'"):
        matched(rows("ab"), rows("ab", ["benign", "normal"]))


def test_validation_rows_are_matched_by_fold_and_id():
    one = pd.concat([rows("ab", fold=0), rows("ab", fold=1)], ignore_index=True)
    found = matched(one, one.iloc[::-1], on=["fold", "id"])
    assert found["score"].tolist() == one["score"].tolist()
    with pytest.raises(PairingError, match="fold 1, id 'a'"):
        matched(one, rows("ab"), on=["fold", "id"])


def test_shared_keeps_the_images_that_all_have():
    found = shared({"one": rows("abcd"), "two": rows("dbx"), "three": rows("bad")})
    assert list(found) == ["one", "two", "three"]
    for table in found.values():
        assert table["id"].tolist() == ["b", "d"]
        assert table.index.tolist() == [0, 1]


def test_nothing_shared_is_refused():
    with pytest.raises(PairingError, match="no image has predictions of all of one, two"):
        shared({"one": rows("ab"), "two": rows("cd")})


def test_groups_follow_the_rows():
    table = pd.DataFrame({"id": list("abc"), "group": [4, 9, 4]})
    assert groups_of(rows("cb"), table).tolist() == [4, 9]


def test_each_fold_meets_its_own_validation_rows():
    predictions = pd.concat([rows("ab", fold=0), rows("c", fold=2)], ignore_index=True)
    validation = pd.concat([rows("c", fold=0), rows("ab", fold=2), rows("x", fold=1)])
    found = [
        (fold, where.tolist(), inner["id"].tolist())
        for fold, where, inner in by_fold(predictions, validation)
    ]
    assert found == [(0, [True, True, False], ["c"]), (2, [False, False, True], ["a", "b"])]


@pytest.mark.parametrize("validation", [pd.DataFrame(), rows("c", fold=1)], ids=["no rows", "another fold"])
def test_a_fold_without_validation_rows_is_refused(validation):
    with pytest.raises(PairingError, match="fold 0 has no validation rows"):
        list(by_fold(rows("ab"), validation))
