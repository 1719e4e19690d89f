"""`busi evaluate`: what it refuses, what it measures, and the leaks that it finds."""

import io
import json
import re
import shutil
import unicodedata
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.calibration import calibration_curve
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.busi.catalog import scan
from busilib.data.busi.fingerprint import fingerprint_table, read_table
from busilib.data.dataset import CLASSES, DataError
from busilib.data.images import decode
from busilib.data.splits import ReportSplit, Split, grouped_split, leaked, random_split
from busilib.errors import UserError
from busilib.metrics.classification import classification_metrics
from busilib.metrics.measure import FIGURES
from busilib.metrics.segmentation import surface_distances
from busilib.pages import submitted as shown
from busilib.runs.records import read_record
from busilib.submission import evaluate as module
from busilib.submission import masks as submitted_masks
from busilib.submission.evaluate import evaluate
from busilib.submission.leakage import check_split, read_split
from busilib.submission.masks import read_masks
from busilib.submission.read import SubmissionError, read_predictions, tolerances

BUSI = read_table()
RESULTS = Path(__file__).parents[1] / "results"
RECORDS = sorted(
    path.parent
    for path in RESULTS.glob("*/*/metrics.json")
    if json.loads(path.read_text(encoding="utf-8"))["task"] == "classification"
)


def busi(*arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "140"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def refused(*arguments) -> str:
    """The message with which predictions are refused."""
    code, out, err = busi(*arguments, "--draws", 10)
    assert (code, out) == (2, "")
    assert err.startswith("busi: ") and "Traceback" not in err
    return err.removeprefix("busi: ")


@pytest.fixture
def good() -> pd.DataFrame:
    """Probabilities for all of BUSI that mean nothing."""
    chances = np.random.default_rng(0).dirichlet((1, 1, 1), len(BUSI)).round(5)
    table = pd.DataFrame(chances, columns=list(CLASSES))
    table.insert(0, "id", BUSI["id"])
    return table


@pytest.fixture
def write(tmp_path):
    """Write a table, or text, as a CSV."""

    def writer(what, name: str = "mine.csv", **options) -> Path:
        path = tmp_path / name
        if isinstance(what, pd.DataFrame):
            what.to_csv(path, index=False, **options)
        else:
            path.write_bytes(what if isinstance(what, bytes) else what.encode())
        return path

    return writer


# What is refused: probabilities


def with_values(row: int, **values):
    def spoil(table):
        table = table.astype({name: object for name in CLASSES})
        for name, value in values.items():
            table.loc[row, name] = value
        return table

    return spoil


def with_id(row: int, id: str):
    return lambda table: table.assign(id=table["id"].where(table.index != row, id))


@pytest.mark.parametrize(
    ("spoil", "messages"),
    [
        (lambda t: t.drop(range(3, 40)), ["37 ids missing of 780: benign (4), benign (5)", "--partial"]),
        (lambda t: pd.concat([t, t[:2]]), ["2 ids more than once: benign (1), benign (2)."]),
        (
            with_id(5, "benign (6).png"),
            ["1 unknown id: benign (6).png. Expected BUSI's file stems", "1 id missing of 780: benign (6)"],
        ),
        (with_id(5, ""), ["1 unknown id: (nothing)"]),
        (lambda t: t.assign(id=range(780)), ["780 unknown ids: 0, 1, 2, 3, 4 and 775 more", "none of the"]),
        (with_values(2, benign=""), ["not a number (NaN, empty or text): benign (3); the first has nothing"]),
        (with_values(2, benign="NaN"), ["1 image with a probability that is not a number", "benign (3)"]),
        (with_values(2, normal="0;5"), ["1 image with a probability that is not a number", "0;5"]),
        (with_values(2, normal="inf"), ["1 image with an infinite probability: benign (3)"]),
        (
            with_values(2, benign=-0.2, malignant=0.9, normal=0.3),
            ["1 image with a probability below 0 or above 1: benign (3); the first has -0.2, 0.9, 0.3"],
        ),
        (with_values(2, benign=1.2, malignant=0, normal=0), ["below 0 or above 1: benign (3)"]),
        (
            with_values(2, benign=0.4, malignant=0.4, normal=0.202),
            ["1 image with probabilities that do not add up to 1, even if they were rounded", "benign (3)"],
        ),
        (
            lambda t: t.assign(**{name: 100 * t[name] for name in CLASSES}),
            ["780 images", "Percentages must be divided by 100"],
        ),
        (
            lambda t: t.rename(columns={"normal": "Normal"}),
            ["column missing: normal (it has id, benign, malignant, Normal)"],
        ),
        (
            lambda t: t.assign(true=BUSI["class"].where(BUSI["id"] != "benign (433)", "malignant")),
            [
                "1 image whose `true` is not BUSI's class: benign (433)",
                "says 'malignant', BUSI says 'benign'",
            ],
        ),
        (lambda t: t.assign(fold=[""] * 4 + ["1"] * 776), ["4 images without a fold: benign (1)"]),
    ],
)
def test_wrong_probabilities_are_refused_by_name(spoil, messages, good, write):
    err = refused(write(spoil(good)))
    assert "mine.csv: " in err
    for message in messages:
        assert message in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\n\n", "an empty file"),
        (b"id,benign,malignant,normal\n", "only a head, no rows"),
        (b"id,benign,malignant,normal\nbenign (1),0.2,0.3,0.5,9\n", "line 2 has 5 values for 4 names"),
        (b"id,benign,malignant,normal\nbenign (1),0,9,0,05,0,05\n", "write decimal points instead of commas"),
        (b'id,benign,malignant,normal\n"benign (1),0.2,0.3,0.5\n', "line 2 is not CSV"),
        (b"id,benign,benign,malignant,normal\nbenign (1),0,0,1,0\n", "column twice: benign"),
        (b"PK\x03\x04" + bytes(100), "not a CSV (a binary file: an Excel workbook or a zip archive)"),
        (bytes(range(256)), "not a CSV"),
    ],
)
def test_what_is_no_csv_is_refused(content, message, write):
    err = refused(write(content))
    assert message in err and ("Expected" in err or "Each name" in err)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "nowhere.csv: no such file. Expected a CSV" in refused(tmp_path / "nowhere.csv")


def test_all_faults_are_told_at_once(good, write):
    spoilt = with_id(0, "benign (999)")(with_values(2, benign="")(pd.concat([good, good[9:10]])))
    err = refused(write(spoilt))
    assert "4 faults, nothing measured:" in err
    for fault in ("unknown", "more than once", "missing", "not a number"):
        assert fault in err


def test_what_rounding_does_is_forgiven(good, write):
    good.loc[0, list(CLASSES)] = [1 + 4e-8, 0, -4e-8]
    good.loc[1, list(CLASSES)] = [0.333, 0.333, 0.3335]
    assert evaluate(write(good), draws=10).facts["n"] == 780


def test_excels_mark_blanks_and_further_columns_do_no_harm(good, write):
    text = good.assign(model="mine").rename(columns={"benign": " benign"}).to_csv(index=False)
    found = evaluate(write("\N{BYTE ORDER MARK}" + text.replace("normal (1),", "normal (1) ,")), draws=10)
    plain = evaluate(write(good, "plain.csv"), draws=10)
    assert found.metrics == plain.metrics


# What people save


ID_FACES = {"a no-break space": "\u00a0", "a zero width space": " \u200b", "a thin space": "\u2009"}
"""What may stand in an id in place of its blank, and looks like one."""


@pytest.mark.parametrize("space", ID_FACES.values(), ids=ID_FACES)
def test_what_cannot_be_seen_in_an_id_is_named(space, good, write):
    err = refused(write(with_id(5, f"benign{space}(6)")(good)))
    name = unicodedata.name(space[-1])
    assert f"1 unknown id: benign{space[:-1]}<{name}>(6). Expected" in err and space[-1] not in err


THREE = """\
id,benign,malignant,normal
benign (1),0.9,0.05,0.05
benign (2),0.2,0.5,0.3
normal (9),0.1,0.2,0.7
"""
SAVED = {
    "tabs": THREE.replace(",", "\t"),
    "semicolons and decimal commas": THREE.replace(",", ";").replace(".", ","),
    "decimal commas in quotation marks": re.sub(r"0\.(\d+)", r'"0,\1"', THREE),
    "Excel's line": "sep=,\r\n" + THREE,
    "a blank first line": "\n" + THREE,
    "UTF-16": THREE.encode("utf-16"),
    "unseen marks at the ends": THREE.replace("benign (1)", "\u200bbenign (1)\u00a0"),
}


@pytest.mark.parametrize("content", SAVED.values(), ids=SAVED)
def test_every_way_to_save_predictions_is_measured_alike(content, write):
    found = evaluate(write(content), partial=True, draws=10)
    assert found.metrics == evaluate(write(THREE, "plain.csv"), partial=True, draws=10).metrics
    assert found.table.loc[0, list(CLASSES)].tolist() == [0.9, 0.05, 0.05]


def test_three_decimals_are_accepted_and_made_to_add_up(write):
    """0.723 + 0.082 + 0.194 = 0.999 was refused, although each number is right to its last decimal."""
    rows = "benign (14),0.723,0.082,0.194\nbenign (15),0.333,0.333,0.333\nbenign (16),0.34,0.34,0.33\n"
    found = evaluate(write("id,benign,malignant,normal\n" + rows), partial=True, draws=10)
    chances = found.table[list(CLASSES)].to_numpy()
    np.testing.assert_allclose(chances[0], np.array([0.723, 0.082, 0.194]) / 0.999)
    np.testing.assert_allclose(chances[1], 1 / 3)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-12)
    assert any(note.startswith("3 images whose probabilities add up to 1 only as") for note in found.notes)


@pytest.mark.parametrize("form", ["%.2f", "%.3f", "%.4f", "%.6f", "%.3e", "%.17g"])
@pytest.mark.parametrize("alpha", [1, 0.05])
def test_no_row_is_refused_for_its_rounding(form, alpha):
    chances = np.random.default_rng(0).dirichlet([alpha] * 3, 3000)
    text = pd.DataFrame([[form % value for value in row] for row in chances])
    off = (text.astype(float).sum(axis=1) - 1).abs()
    assert (off <= tolerances(text) + 1e-9).all()


@pytest.mark.parametrize(
    "row", ["0.5,0.5,0.1", "0.40,0.40,0.22", "0.400,0.400,0.202", "1,1,0", "0.3,0.3,0.3", "0,0,0"]
)
def test_what_no_rounding_explains_is_refused(row, write):
    err = refused(write(f"id,benign,malignant,normal\nbenign (1),{row}\n"), "--partial")
    assert "do not add up to 1, even if they were rounded to the decimals given: benign (1)" in err


# Folds as people number them


def test_an_image_of_fold_minus_one_is_never_tested(write):
    """As in scikit-learn's PredefinedSplit; benign (433) and malignant (145) are one picture."""
    split = "id,fold\nbenign (1),0\nbenign (2),1\nmalignant (145),1\nbenign (433),-1\nbenign (3),-1\n"
    ids = ["benign (1)", "benign (2)", "benign (3)", "malignant (145)", "benign (433)"]
    rows = "".join(f"{id},0.8,0.1,0.1\n" for id in ids)
    predictions = write("id,benign,malignant,normal\n" + rows)
    found = evaluate(predictions, split=write(split, "split.csv"), draws=10)
    assert found.table["id"].tolist() == ["benign (1)", "benign (2)", "malignant (145)"]
    assert found.metrics["accuracy"]["value"] == pytest.approx(2 / 3)
    assert (found.facts["expected"], found.facts["missing"], found.facts["left_out"]) == (3, 0, 2)
    assert found.leakage["leaked"] == {"malignant (145)": ["benign (433)"]}
    assert set(found.folds) == {"0", "1"}
    assert "2 predicted images left out: never tested, by the split." in found.notes

    folds = dict(line.split(",") for line in split.splitlines()[1:])
    own = pd.read_csv(predictions).assign(fold=lambda table: table["id"].map(folds))
    again = evaluate(write(own, "own.csv"), partial=True, draws=10)
    assert again.metrics == found.metrics and again.folds == found.folds
    assert again.leakage["leaked"] == found.leakage["leaked"] and again.facts["left_out"] == 2


def test_a_single_test_fold_beside_minus_one_is_a_split(write):
    split = write("id,fold\nbenign (1),0\nmalignant (1),0\nbenign (2),-1\n", "split.csv")
    found = evaluate(write(small()), split=split, partial=True, draws=10)
    assert found.table["id"].tolist() == ["benign (1)", "malignant (1)"]


NUMBERED = {
    "with a decimal": ["0.0", "1.0", "0.0", "1.0"],
    "with a word": ["fold 0", "fold 1", "fold 0", "fold 1"],
    "with a line": ["Fold_0", "Fold_1", "Fold_0", "Fold_1"],
    "from 1": ["1", "2", "1", "2"],
    "by letters": ["a", "b", "a", "b"],
    "the other way round": ["1", "0", "1", "0"],
    "mixed": ["0", "1.0", "fold 0", "1"],
}


@pytest.mark.parametrize("names", NUMBERED.values(), ids=NUMBERED)
def test_the_same_folds_written_differently_are_the_same(names, write):
    split = write(pd.DataFrame({"id": small()["id"], "fold": [0, 1, 0, 1]}), "split.csv")
    plain = evaluate(write(small(fold=[0, 1, 0, 1])), split=split, draws=10)
    found = evaluate(write(small(fold=names)), split=split, draws=10)
    assert found.folds == plain.folds and found.metrics == plain.metrics
    turned = evaluate(
        write(small(fold=[0, 1, 0, 1])),
        split=write(pd.DataFrame({"id": small()["id"], "fold": names}), "named.csv"),
        draws=10,
    )
    assert list(turned.folds.values()) in ([*plain.folds.values()], [*plain.folds.values()][::-1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([0, 0, 0, 1], "1 image with another fold than in split.csv: benign (2)"),
        ([0, 1, 2, 1], "1 image with another fold than in split.csv: malignant (1)"),
        ([0, 1, 0, -1], "1 image with another fold than in split.csv: normal (1)"),
        ([0, 1, -2, 1], "1 image with a fold below -1: malignant (1)"),
        ([-1, -1, -1, -1], "every image in fold -1, which means never tested"),
        (["a", "b", "-1", "b"], "folds named by words and by -1"),
    ],
)
def test_folds_that_are_not_the_same_are_named(names, message, write):
    split = write(pd.DataFrame({"id": small()["id"], "fold": [0, 1, 0, 1]}), "split.csv")
    assert message in refused(write(small(fold=names)), "--split", split)


# Whatever is done to a file, it is measured rightly or refused in words

SPACES = "\u00a0\u2003\u200b\ufeff\u2028\t\u3000"


@st.composite
def mangled(draw) -> tuple[bytes, bool]:
    """A file of three predictions as somebody may have saved it, and whether nothing in it was harmed."""
    lines = [line.split(",") for line in THREE.splitlines()]
    separator, harmless = draw(st.sampled_from(",;\t|")), True
    decimal = draw(st.sampled_from(".," if separator != "," else "."))
    lines = [[cell.replace(".", decimal) for cell in cells] for cells in lines]
    for harm in draw(
        st.lists(st.sampled_from(["space", "inside", "twice", "cell", "cut", "quote"]), max_size=2)
    ):
        row, column = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        column = min(column, len(lines[row]) - 1)
        sign, cell = draw(st.sampled_from(SPACES.replace(separator, ""))), lines[row][column]
        if harm == "space":
            lines[row][column] = draw(st.sampled_from([sign + cell, cell + sign]))
            continue
        harmless = False
        place = draw(st.integers(0, len(cell)))
        if harm == "inside":
            lines[row][column] = cell[:place] + sign + cell[place:]
        elif harm == "twice":
            lines[row].append(cell)
        elif harm == "cell":
            lines[row][column] = draw(st.text(max_size=5))
        elif harm == "cut":
            lines[row] = lines[row][:column] or [""]
        else:
            lines[row][column] = cell[:place] + '"' + cell[place:]
    quoted = draw(st.booleans()) and harmless
    rows = [separator.join(f'"{cell}"' if quoted else cell for cell in cells) for cells in lines]
    for _ in range(draw(st.integers(0, 3))):
        rows.insert(draw(st.integers(0, len(rows))), draw(st.sampled_from(["", " ", separator * 3])))
    if draw(st.booleans()):
        rows.insert(0, f"sep={separator}")
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(rows) + draw(st.sampled_from(["", "\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
    return text.encode(encoding, "surrogatepass"), harmless


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=mangled())
def test_a_mangled_file_is_measured_rightly_or_refused_in_words(file, write):
    content, harmless = file
    right = pd.read_csv(io.StringIO(THREE)).set_index("id")
    busi = BUSI["id"].tolist()
    try:
        found = read_predictions(write(content), BUSI, busi, partial=True).table.set_index("id")
    except UserError as error:
        assert not harmless, error
        assert "mine.csv: " in str(error) and len(str(error)) < 1200
        assert all(sign.isprintable() or sign == "\n" for sign in str(error)), ascii(str(error))
        return
    if harmless:
        assert len(found) == 3
        np.testing.assert_allclose(found[list(CLASSES)], right.loc[found.index])


# What is measured


def small(**more) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["benign (1)", "benign (2)", "malignant (1)", "normal (1)"],
            "benign": [0.7, 0.2, 0.1, 0.2],
            "malignant": [0.2, 0.5, 0.8, 0.2],
            "normal": [0.1, 0.3, 0.1, 0.6],
            **more,
        }
    )


def test_four_images_by_hand(write):
    """All but benign (2) are named right; normal (1) is also benign (269)."""
    found = evaluate(write(small()), partial=True, draws=50)
    values = {name: figure["value"] for name, figure in found.metrics.items()}
    assert values["accuracy"] == 0.75
    assert values["benign_recall"] == 0.5 and values["malignant_precision"] == 0.5
    assert values["balanced_accuracy"] == pytest.approx(5 / 6)
    assert values["brier"] == pytest.approx((0.14 + 0.98 + 0.06 + 0.24) / 4)
    assert values["ece"] == pytest.approx((0.3 + 0.5 + 0.2 + 0.4) / 4)
    assert found.confusion == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert [row["n"] for row in found.reliability] == [1, 1, 1, 1]
    assert [row["accuracy"] for row in found.reliability] == [0, 1, 1, 1]
    assert [row["confidence"] for row in found.reliability] == [0.5, 0.6, 0.7, 0.8]
    assert found.conflict_free["n"] == 3
    assert found.conflict_free["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert (found.facts["n"], found.facts["missing"]) == (4, 776)
    assert found.folds == {} and found.leakage is None


def test_folds_are_measured_one_by_one(write):
    found = evaluate(write(small(fold=[0, 1, 0, 1])), partial=True, draws=10)
    assert {name: figures["accuracy"] for name, figures in found.folds.items()} == {
        "0": {"value": 1.0, "n": 2},
        "1": {"value": 0.5, "n": 2},
    }
    assert found.leakage["leaked_images"] == 0


def test_two_equal_probabilities_are_told(write):
    found = evaluate(write(small(benign=[0.7, 0.5, 0.1, 0.2], normal=[0.1, 0, 0.1, 0.6])), "", None, True, 10)
    assert any(note.startswith("1 image with two classes") and "benign (2)" in note for note in found.notes)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_our_own_records_give_the_recorded_figures(record):
    facts = json.loads((record / "metrics.json").read_text(encoding="utf-8"))
    recorded = read_record(record.name, record.parent.name)
    found = evaluate(record, partial=recorded.folds < 5, draws=10)
    first = recorded.predictions[recorded.predictions["seed"] == recorded.predictions["seed"].min()]
    of_first = FIGURES[facts["task"]][0](first)  # a folder is evaluated by its first seed
    assert set(found.metrics) == set(facts["metrics"])
    for name, figure in facts["metrics"].items():
        assert found.metrics[name]["value"] == pytest.approx(of_first[name], abs=1e-6), name
        if "seeds" not in figure:
            assert found.metrics[name]["n"] == figure["n"]
            assert of_first[name] == pytest.approx(figure["value"], abs=1e-6), name


@pytest.mark.slow
def test_a_record_gives_the_recorded_intervals_too():
    """Although rows are put in BUSI's order first: groups are drawn by their number."""
    record = RESULTS / "laptop" / "r2-cnn"
    facts = json.loads((record / "metrics.json").read_text(encoding="utf-8"))
    found = evaluate(record)
    for name, figure in facts["metrics"].items():
        assert found.metrics[name] == pytest.approx(figure, abs=1e-6), name


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(40)))
def test_the_order_of_rows_does_not_matter(order, good, write):
    part = good.iloc[300:340].assign(fold=np.arange(40) % 3)
    one, other = (
        evaluate(write(table), partial=True, draws=10).to_dict() for table in (part, part.iloc[list(order)])
    )
    for found in (one, other):
        del found["sha256"], found["date"]
    assert one == other


def test_the_calibration_table_agrees_with_scikit_learn(good, write):
    found = evaluate(write(good), draws=10)
    chances = found.table[list(CLASSES)].to_numpy()
    right = np.array(CLASSES)[chances.argmax(axis=1)] == found.table["true"]
    share, sure = calibration_curve(right, chances.max(axis=1), n_bins=15, strategy="uniform")
    rows = pd.DataFrame(found.reliability)
    np.testing.assert_allclose(rows["accuracy"], share, atol=1e-7)
    np.testing.assert_allclose(rows["confidence"], sure, atol=1e-7)
    gap = ((rows["accuracy"] - rows["confidence"]).abs() * rows["n"]).sum() / rows["n"].sum()
    assert gap == pytest.approx(found.metrics["ece"]["value"], abs=1e-6)


# Leaks


def parts_of(split: Split) -> pd.DataFrame:
    names = [name for name in ("train", "validation", "test") for _ in getattr(split, name)]
    where = np.concatenate([split.train, split.validation, split.test])
    return pd.DataFrame({"id": BUSI["id"].to_numpy()[where], "part": names})


LABELS = pd.Categorical(BUSI["class"], categories=CLASSES).codes
GROUPS = BUSI["group"].to_numpy()


@pytest.fixture
def clean() -> pd.DataFrame:
    """A split that separates no near-duplicates."""
    return parts_of(grouped_split(LABELS, GROUPS))


def test_a_grouped_split_has_no_leak(clean):
    found = check_split(clean, BUSI)
    assert not found.leaked and not found.in_validation and not found.in_two_parts
    assert set(found.test) == set(clean["id"][clean["part"] == "test"])


def test_a_planted_leak_is_found(clean, good, write):
    """benign (433) and malignant (145) are one picture; benign (435) is much like them."""
    moved = {"benign (433)": "train", "malignant (145)": "test", "benign (435)": "validation"}
    planted = clean.assign(part=clean["id"].map(moved).fillna(clean["part"]))
    found = evaluate(write(good), split=write(planted, "split.csv"), draws=10)
    assert found.leakage["leaked"] == {"malignant (145)": ["benign (433)"]}
    assert found.leakage["in_validation"] == ["malignant (145)"]
    assert found.leakage["leaked_images"] == 1 and found.leakage["source"] == "split.csv"
    assert found.table["id"][found.table["leaked"]].tolist() == ["malignant (145)"]
    test = set(planted["id"][planted["part"] == "test"])
    assert set(found.table["id"]) == test and found.facts["left_out"] == 780 - len(test)
    text = shown.markdown(found)
    assert f"1 of {len(test)} test images" in text and "malignant (145) like benign (433)" in text


@pytest.mark.parametrize("seed", range(3))
def test_leaks_of_a_split_agree_with_the_other_implementation(seed, clean):
    split = random_split(LABELS, ReportSplit(test=0.2, validation=0.1), per_class=0, seed=seed)
    found = check_split(parts_of(split), BUSI)
    assert set(found.leaked) == set(BUSI["id"].to_numpy()[split.test[leaked(GROUPS, split)]])
    assert len(found.leaked) > 10


def test_leaks_of_folds_agree_with_every_pair_looked_at():
    folds = np.random.default_rng(0).integers(0, 5, len(BUSI))
    apart = (GROUPS[:, None] == GROUPS) & (folds[:, None] != folds)
    found = check_split(pd.DataFrame({"id": BUSI["id"], "fold": folds}), BUSI)
    assert set(found.leaked) == set(BUSI["id"][apart.any(axis=1)])
    for id, others in found.leaked.items():
        assert set(others) == set(BUSI["id"][apart[BUSI.index[BUSI["id"] == id][0]]])


def test_an_image_in_two_parts_is_its_own_leak(clean, write):
    test = clean["id"][clean["part"] == "test"].iloc[0]
    twice = pd.concat([clean, pd.DataFrame({"id": [test], "part": ["train"]})])
    found = check_split(read_split(write(twice), BUSI), BUSI)
    assert found.in_two_parts == (test,) and test in found.leaked[test]


def test_leaked_and_clean_images_are_measured_apart(write):
    """benign (433) and malignant (145) are one picture, of which the first is trained on."""
    ids = ["malignant (145)", "benign (1)", "benign (2)", "malignant (1)", "malignant (2)"]
    right = [True, True, False, True, False]
    hit = {"benign": [0.9, 0.1], "malignant": [0.1, 0.9]}
    rows = []
    for id, ok in zip(ids, right, strict=True):
        benign, malignant = hit[id.split()[0]][:: 1 if ok else -1]
        rows.append((id, benign, malignant, 0.0))
    predictions = write(pd.DataFrame(rows, columns=["id", *CLASSES]))
    split = pd.DataFrame({"id": [*ids, "benign (433)"], "part": [*["TEST"] * 5, "Training"]})
    found = evaluate(predictions, split=write(split, "split.csv"), draws=200)
    assert found.facts["missing"] == 0
    assert found.leakage["leaked_metrics"]["accuracy"]["value"] == 1
    assert found.leakage["clean_metrics"]["accuracy"]["value"] == 0.5
    difference = found.leakage["difference"]["accuracy"]
    assert difference["value"] == 0.5 and difference["n"] == 5
    assert difference["low"] is difference["high"] is None and difference["why"] == "1 image"
    json.dumps(found.to_dict(), allow_nan=False)
    found.leakage["difference"]["accuracy"] = {"value": -0.25, "low": -0.5, "high": 0.1, "n": 5}
    (table,) = (one.table for one in shown.sections(found) if one.title.startswith("Leakage"))
    assert table["difference"].iloc[0] == "−0.25 (−0.50 to +0.10)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\nbenign (1)\n", "neither part nor fold"),
        ("id,part,fold\nbenign (1),test,0\n", "both part and fold"),
        ("id,part\nbenign (1),test\nbenign (2),tests\nbenign (3),train\n", "unknown part: tests"),
        ("id,part\nbenign (1),test\nbenign (1),test\nbenign (3),train\n", "1 id more than once: benign (1)"),
        ("id,part\nbenign (1),test\nbenign (2),test\n", "no train images"),
        ("id,part\nbenign (1),train\n", "no test images"),
        ("id,part\nbenign (1),test\nmine,train\n", "1 unknown id: mine"),
        ("id,fold\nbenign (1),0\nbenign (2),0\n", "a single fold"),
        ("id,fold\nbenign (1),0\nbenign (2),\n", "1 image without a fold: benign (2)"),
        ("id,fold\nbenign (1),0\nbenign (1),1\n", "1 id more than once: benign (1)"),
    ],
)
def test_wrong_split_files_are_refused(text, message, good, write):
    assert message in refused(write(good), "--split", write(text, "split.csv"))


def test_folds_that_contradict_the_split_file_are_refused(write):
    folds = pd.DataFrame({"id": small()["id"], "fold": [0, 1, 0, 1]})
    predictions = write(small(fold=[0, 0, 0, 1]))
    err = refused(predictions, "--split", write(folds, "folds.csv"))
    assert "1 image with another fold than in folds.csv: benign (2)" in err
    agreed = evaluate(write(small(fold=[0, 1, 0, 1])), split=write(folds, "folds.csv"), draws=10)
    alone = evaluate(write(small()), split=write(folds, "folds.csv"), draws=10)
    assert agreed.folds == alone.folds and set(alone.folds) == {"0", "1"}


# Masks


@pytest.fixture(scope="session")
def phantom_table(phantom_dir) -> pd.DataFrame:
    return fingerprint_table(phantom_dir)


@pytest.fixture
def as_busi(phantom_table, monkeypatch) -> pd.DataFrame:
    """The phantoms pass for BUSI."""
    monkeypatch.setattr(module, "read_table", lambda: phantom_table)
    return phantom_table


@pytest.fixture
def masks(phantom_dir, tmp_path) -> Path:
    """The phantoms' true masks as predictions, every other one under the name of a mask."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for number, entry in enumerate(scan(phantom_dir)[0]):
        name = f"{entry.id}_mask.png" if number % 2 else f"{entry.id}.png"
        Image.fromarray(decode(entry).mask.astype(np.uint8)).save(folder / name)
    return folder


def test_true_masks_are_found_perfect(as_busi, masks, phantom_dir):
    found = evaluate(masks, str(phantom_dir), draws=10)
    assert found.facts["task"] == "segmentation" and found.facts["n"] == len(as_busi)
    values = {name: figure["value"] for name, figure in found.metrics.items()}
    assert values["lesion_dice"] == values["all_dice"] == values["lesion_nsd"] == 1
    assert values["lesion_hd95"] == values["normal_false_positive_rate"] == 0
    assert set(found.by_class) == set(CLASSES)
    assert found.confusion == [] and found.reliability == []
    pixels = found.table.set_index("id")[["tp", "fp", "fn", "tn"]].sum(axis=1)
    sizes = as_busi.set_index("id")
    pd.testing.assert_series_equal(pixels, sizes["width"] * sizes["height"], check_names=False)


def test_masks_by_hand(as_busi, masks, phantom_dir):
    """One lesion is missed, one is given half, and one normal gets a lesion of four pixels."""
    truth = {entry.id: decode(entry).mask for entry in scan(phantom_dir)[0]}
    files = {path.stem.removesuffix("_mask"): path for path in masks.iterdir()}
    half = truth["benign (2)"].copy()
    rows, columns = np.nonzero(half)
    kept = len(rows) // 2
    half[rows[kept:], columns[kept:]] = False
    false = np.zeros_like(truth["normal (1)"])
    false[3:5, 3:5] = True
    for id, mask in {
        "benign (1)": truth["benign (1)"] & False,
        "benign (2)": half,
        "normal (1)": false,
    }.items():
        Image.fromarray(mask).save(files[id])
    found = evaluate(masks, str(phantom_dir), draws=10)
    table = found.table.set_index("id")
    assert table.loc["benign (1)", "dice"] == 0
    assert table.loc["benign (2)", "dice"] == pytest.approx(2 * kept / (kept + len(rows)))
    assert table.loc["benign (2)", "iou"] == pytest.approx(kept / len(rows))
    assert table.loc["normal (1)", "fp"] == 4 and table.loc["normal (1)", "dice"] == 0
    assert found.metrics["normal_false_positive_rate"]["value"] == pytest.approx(1 / 6)
    lesions = 12 + 8
    expected = (lesions - 2 + table.loc["benign (2)", "dice"]) / lesions
    assert found.metrics["lesion_dice"]["value"] == pytest.approx(expected, abs=1e-8)
    notes = "\n".join(found.notes)
    assert "1 normal with a false lesion: normal (1)." in notes
    assert f"1 of {lesions} lesions missed altogether (Dice 0): benign (1)." in notes


def test_the_box_around_both_masks_changes_no_distance():
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, found = np.zeros((2, 40, 50), bool)
        for mask in (truth, found):
            top, left = rng.integers(0, 30), rng.integers(0, 40)
            mask[top : top + rng.integers(1, 20), left : left + rng.integers(1, 20)] = True
        boxed = submitted_masks._boundaries(truth, found)
        pd.testing.assert_frame_equal(boxed, surface_distances(truth[None], found[None]))
    nothing = np.zeros_like(truth)
    boxed = submitted_masks._boundaries(truth, nothing)
    pd.testing.assert_frame_equal(boxed, surface_distances(truth[None], nothing[None]))


def _resize(folder: Path) -> None:
    Image.new("L", (64, 48)).save(folder / "benign (1).png")


def _rename(old: str, new: str):
    return lambda folder: (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_resize, r"benign \(1\)\.png: mask is 64×48 pixels, BUSI's image is \d+×\d+\. Masks must have"),
        (lambda f: (f / "benign (1).png").write_bytes(b""), r"benign \(1\)\.png: an empty file \(0 bytes\)"),
        (lambda f: (f / "benign (1).png").write_bytes(b"GIF89a"), "not a PNG file, in spite of its name"),
        (lambda f: (f / "benign (1).png").unlink(), r"1 id missing of 26: benign \(1\)"),
        (
            lambda f: shutil.copy(f / "benign (1).png", f / "benign (1)_mask.png"),
            r"1 id more than once: benign \(1\)",
        ),
        (_rename("benign (1).png", "benign-1.png"), "1 unknown id: benign-1"),
        (_rename("benign (1).png", "benign (1).jpg"), r"not PNG files: benign \(1\)\.jpg"),
        (lambda f: (f / "more").mkdir(), "not PNG files: more"),
    ],
)
def test_wrong_masks_are_refused_by_name(spoil, message, as_busi, masks, phantom_dir):
    spoil(masks)
    err = refused(masks, "--data", phantom_dir)
    assert re.search(message, err)


def test_many_faults_are_cut_short(as_busi, masks, phantom_dir):
    for path in masks.iterdir():
        Image.new("L", (8, 8)).save(path)
    err = refused(masks, "--data", phantom_dir)
    assert "26 faults, nothing measured:" in err and err.rstrip().endswith("… and 6 more")
    assert err.count("mask is 8×8 pixels") == 20


def test_an_empty_folder_is_refused(as_busi, phantom_dir, tmp_path):
    (tmp_path / "none").mkdir()
    assert "an empty folder. Expected one PNG per image" in refused(tmp_path / "none", "--data", phantom_dir)


def test_masks_need_the_true_ones(masks):
    assert "Name BUSI's folder with --data DIR" in refused(masks)


def test_true_masks_that_are_not_busis_are_refused(masks, phantom_dir):
    """The phantoms carry BUSI's names, but not its pixels."""
    with pytest.raises(DataError, match="not BUSI's mask, pixel by pixel"):
        evaluate(masks, str(phantom_dir), partial=True, draws=10)


def _levels(folder: Path, change) -> None:
    """Change the levels of one predicted mask, which holds 0 and 1."""
    path = folder / "benign (1).png"
    Image.fromarray(change(np.asarray(Image.open(path)))).save(path)


def test_masks_that_were_cut_are_told(as_busi, masks, phantom_dir):
    def blurred(mask):
        smooth = np.where(mask, 250, 3).astype(np.uint8)
        smooth[0, :3] = (0, 40, 90)
        return smooth

    _levels(masks, blurred)
    found = evaluate(masks, str(phantom_dir), draws=10)
    assert any(note.startswith("1 mask with more than two gray levels: benign (1)") for note in found.notes)
    assert found.table.set_index("id").loc["benign (1)", "dice"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mask: mask + 1, "benign (1).png: a mask with levels 1 and 2 and no 0"),
        (lambda mask: np.where(mask, 253, 84).astype(np.uint8), "levels 84 and 253 and no 0"),
        (
            lambda mask: plt.get_cmap("viridis")(mask * 255, bytes=True),
            "colours rgb(68, 1, 84), rgb(253, 231",
        ),
    ],
)
def test_masks_without_a_zero_are_refused_by_name(change, message, as_busi, masks, phantom_dir):
    """They were lesion everywhere once, without a word."""
    _levels(masks, change)
    assert message in refused(masks, "--data", phantom_dir)


def test_a_mask_that_looks_like_its_negative_is_told(as_busi, masks, phantom_dir):
    """As `imsave` leaves it with a map that ends dark; it is black and white, so it cannot be refused."""
    _levels(masks, lambda mask: plt.get_cmap("gray_r")(mask * 255, bytes=True))
    found = evaluate(masks, str(phantom_dir), draws=10)
    (note,) = [note for note in found.notes if "four corners" in note]
    assert note.startswith(
        "1 mask with all four corners and more than half of the picture marked: benign (1)"
    )


def test_a_mask_that_is_a_jpeg_is_to_be_saved_again(as_busi, masks, phantom_dir):
    Image.open(masks / "benign (1).png").save(masks / "one.jpg")
    (masks / "one.jpg").rename(masks / "benign (1).png")
    err = refused(masks, "--data", phantom_dir)
    assert "not a PNG file but JPEG" in err and "save the prediction again as PNG" in err
    assert "download" not in err


def test_true_masks_of_busi_are_found_perfect(busi_dir, tmp_path):
    entries = scan(busi_dir)[0]
    chosen = [*entries[:6], *entries[500:504], *entries[-3:]]
    for entry in chosen:
        Image.fromarray(decode(entry).mask).save(tmp_path / f"{entry.id}.png")
    found = read_masks(tmp_path, busi_dir, BUSI, BUSI["id"].tolist(), partial=True).table
    assert found["id"].tolist() == [entry.id for entry in chosen]
    assert (found["dice"] == 1).all() and not found[["fp", "fn"]].any(axis=None)
    with pytest.raises(SubmissionError, match="767 ids missing of 780"):
        read_masks(tmp_path, busi_dir, BUSI, BUSI["id"].tolist(), partial=False)


# As a user types it


def test_a_part_is_measured_where_asked_and_said_so(write):
    path = write(small())
    assert "776 ids missing of 780" in refused(path)
    code, out, _ = busi(path, "--partial", "--draws", 10)
    assert code == 0
    assert "4 of 780 images expected" in out and "Only a part was measured: 776 images are missing." in out
    assert "No split is known" in " ".join(out.split())


def test_json_and_folder_hold_the_findings(good, clean, write, tmp_path):
    out_dir = tmp_path / "new" / "findings"
    path, split = write(good), write(clean, "split.csv")
    code, out, _ = busi(path, "--split", split, "--draws", 10, "--json", "--out", out_dir)
    found = json.loads(out)
    assert code == 0 and found == json.loads((out_dir / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_csv(out_dir / "predictions.csv")
    again = classification_metrics(table)
    assert {name: figure["value"] for name, figure in found["metrics"].items()} == pytest.approx(
        {name: again[name] for name in found["metrics"]}, abs=1e-6
    )
    assert list(table)[:4] == ["id", "true", "group", "label_conflict"] and not table["leaked"].any()
    text = (out_dir / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# Evaluation of mine.csv\n") and not re.search(r"\bnan\b", text)
    assert not re.search(r"(?m)^#{1,2} .*\n\n#", text), "a heading over nothing"


def test_people_see_tables(good, write):
    code, out, _ = busi(write(good.assign(fold=LABELS)), "--draws", 10)
    assert code == 0
    for title in ("Figures", "By class", "Confusion matrix", "Calibration", "By fold", "Leakage check"):
        assert re.search(f"(?m)^{title}", out), title
    assert not re.search(r"\bnan\b", out)


def test_the_page_shows_a_command_and_its_findings(tmp_path, good, monkeypatch):
    folder = tmp_path / "results" / "laptop" / shown.EXAMPLE
    assert "is not here" in shown.example(tmp_path)
    for fold in (0, 1):
        part = folder / f"seed0-fold{fold}"
        part.mkdir(parents=True)
        good[30 * fold : 30 * fold + 30].assign(fold=fold).to_csv(part / "predictions.csv", index=False)
    monkeypatch.setattr(shown, "EXAMPLE_DRAWS", 10)
    text = shown.example(tmp_path)
    assert f"busi evaluate results/laptop/{shown.EXAMPLE} --draws 10 --partial\n" in text
    assert f"\n### Evaluation of {shown.EXAMPLE}\n" in text


def test_a_classifier_that_answers_alike_is_said_to_do_so(tmp_path, good):
    path = tmp_path / "alike.csv"
    alike = good.assign(benign=0.6, malignant=0.3, normal=0.1)
    alike.to_csv(path, index=False)
    found = evaluate(path, draws=10)
    assert found.facts["constant_answer"].startswith("The answer is benign for 780 of 780 images")
    assert "whatever they show" in shown.headline(found) and "constant_answer" in found.to_dict()
    folds = BUSI["fold_0"].to_numpy()
    half = good.assign(fold=folds)
    half.loc[folds == 1, ["benign", "malignant", "normal"]] = 0.1, 0.2, 0.7
    half.to_csv(path, index=False)
    found = evaluate(path, draws=10)
    assert found.facts["constant_answer"] is None and "whatever" not in shown.headline(found)
    (text,) = [section.text for section in shown.sections(found) if section.title == "By fold"]
    assert text.count("Fold ") == 1 and "Fold 1: The answer is normal for" in text
