"""The report on a folder, the fingerprint of BUSI, and getting BUSI from Kaggle (kagglehub is faked)."""

import io
import json
import shutil
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from PIL import Image
from rich.console import Console

from busilib.data.busi import download
from busilib.data.busi.download import HANDLE, PAGE, fetch, find_busi
from busilib.data.busi.fingerprint import compare, fingerprint_table, pixel_hash, read_table
from busilib.data.check import check
from busilib.data.dataset import CLASSES, DataError
from busilib.data.loader import load_busi
from busilib.pages.checked import render


def shown(report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    render(report, console)
    return console.file.getvalue()


@pytest.fixture
def copied(phantom_dir, tmp_path) -> Path:
    """Phantoms that a test may spoil."""
    return Path(shutil.copytree(phantom_dir, tmp_path / "copied"))


# --- fingerprint ------------------------------------------------------------------------------------------


def test_pixel_hash_by_hand():
    # sha256 of "2x3:" and six zero bytes, by `printf '2x3:\0\0\0\0\0\0' | sha256sum`
    assert pixel_hash(np.zeros((2, 3), bool)) == pixel_hash(np.zeros((2, 3), np.uint8)) == "98be973bb11f31e4"
    assert pixel_hash(np.zeros((3, 2), bool)) != pixel_hash(np.zeros((2, 3), bool))
    assert pixel_hash(np.eye(3, dtype=bool)) != pixel_hash(np.zeros((3, 3), bool))


def test_shipped_table_states_busis_facts():
    table = read_table()
    assert table["class"].value_counts().to_dict() == {"benign": 437, "malignant": 210, "normal": 133}
    assert table["id"].is_unique and table["id"].tolist() == [
        f"{cls} ({n})"
        for cls, last in (("benign", 437), ("malignant", 210), ("normal", 133))
        for n in range(1, last + 1)
    ]
    assert table["n_masks"].sum() == 798 and (table["n_masks"] > 1).sum() == 17
    assert len(table[["width", "height"]].drop_duplicates()) == 639
    assert (table["width"].min(), table["width"].max()) == (190, 1048)
    for column in ("image_sha256", "mask_sha256"):
        assert table[column].str.fullmatch("[0-9a-f]{16}").all()
    pixels = table.set_index("id")["image_sha256"]
    assert pixels["benign (433)"] == pixels["malignant (145)"]


def test_shipped_table_has_unix_line_endings():
    content = files("busilib.data.busi").joinpath("busi_table.csv").read_bytes()
    assert b"\r" not in content and content.endswith(b"\n") and content.count(b"\n") == 781


def test_fingerprint_does_not_depend_on_the_file_format(copied):
    before = fingerprint_table(copied)
    for path in copied.glob("*/*.png"):
        picture = Image.open(path)
        picture.load()
        if picture.mode == "L":
            picture.convert("RGBA").save(path)
        elif "_mask" in path.name:
            picture.convert("L").save(path)
    assert fingerprint_table(copied).equals(before)


def test_fingerprint_has_the_groups_of_the_dataset(phantom_dir, phantom):
    table = fingerprint_table(phantom_dir)
    for column in ("id", "class", "group", "width", "height", "n_masks", "label_conflict"):
        assert table[column].tolist() == phantom.table[column].tolist()


def test_fingerprint_refuses_faults(copied):
    (copied / "benign/benign (3).png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 fault.*\n.*benign \(3\).png: an empty file"):
        fingerprint_table(copied)


def test_compare_puts_each_id_in_one_place():
    table = read_table().set_index("id")
    table.loc["benign (1)", "width"] += 1
    table.loc["benign (2)", "image_sha256"] = "0" * 16
    table.loc["benign (3)", "mask_sha256"] = "0" * 16
    table.loc["benign (4)", ["image_sha256", "mask_sha256"]] = "0" * 16
    table = table.drop("normal (133)").rename(index={"normal (132)": "normal (200)"})
    found = compare(table.reset_index())
    assert found.differing == {
        "benign (1)": "size",
        "benign (2)": "image",
        "benign (3)": "mask",
        "benign (4)": "image and mask",
    }
    assert found.missing == ("normal (132)", "normal (133)") and found.unknown == ("normal (200)",)
    assert len(found.matching) == 774 and found.kind == "partly"


def test_compare_names_what_it_sees():
    table = read_table()
    assert compare(table).kind == "same" and len(compare(table).matching) == 780
    assert compare(table.assign(mask_sha256="0" * 16)).kind == "partly"
    assert compare(table.assign(image_sha256="0" * 16)).kind == "other"
    assert compare(table.head(5)).kind == "partly"


# --- check ------------------------------------------------------------------------------------------------


def test_check_of_phantoms(phantom_dir, phantom):
    report = check(phantom_dir)
    assert report.faults == () and report.folder == str(phantom_dir)
    assert report.images == {"benign": 12, "malignant": 8, "normal": 6}
    assert report.masks_per_image == {1: 23, 2: 2, 3: 1}
    assert report.width == (phantom.table["width"].min(), phantom.table["width"].max())
    assert report.height == (phantom.table["height"].min(), phantom.table["height"].max())
    assert report.overlays == ("benign (2)", "malignant (2)", "normal (2)")
    assert [row["threshold"] for row in report.duplicates] == [0.90, 0.95, 0.97, 0.99]
    assert report.duplicates[1] == {"threshold": 0.95, "pairs": 4, "groups": 4, "images": 8}
    assert len(report.duplicate_groups) == 4 and report.folds_fault is None
    assert {frozenset((pair["first"], pair["second"])) for pair in report.duplicate_pairs} == {
        frozenset(ids) for ids in report.duplicate_groups
    }
    found = [pair["correlation"] for pair in report.duplicate_pairs]
    assert found == sorted(found, reverse=True) and 0.95 < found[-1] <= found[0] <= 1
    assert report.conflicts == (("benign (11)", "malignant (7)"),)
    assert report.verdict == "this is not BUSI: none of its images is in the shipped table"


def test_check_goes_on_after_every_kind_of_fault(copied):
    (copied / "benign/benign (1).png").write_bytes(b"")
    truncated = copied / "benign/benign (3).png"
    truncated.write_bytes(truncated.read_bytes()[:5000])
    Image.new("1", (9, 9), 1).save(copied / "benign/benign (4)_mask.png")
    (copied / "malignant/malignant (5)_mask.png").unlink()
    empty = copied / "malignant/malignant (6)_mask.png"
    Image.new("1", Image.open(empty).size).save(empty)
    marked = copied / "normal/normal (3)_mask.png"
    Image.new("1", Image.open(marked).size, 1).save(marked)
    (copied / "normal/notes.txt").touch()
    (copied / "cyst").mkdir()
    report = check(copied)
    begins = [fault.split(":")[0] for fault in report.faults]
    assert begins == [
        "cyst/",
        "malignant/malignant (5).png",
        "normal/notes.txt",
        "benign/benign (1).png",
        "benign/benign (3).png",
        "benign/benign (4)_mask.png",
        "malignant/malignant (6)_mask.png",
        "normal/normal (3)_mask.png",
    ]
    assert report.images == {"benign": 9, "malignant": 7, "normal": 6}
    assert "Faults           8" in shown(report)
    assert all(
        fault in shown(report, width=60).splitlines()[-8:][i].strip() for i, fault in enumerate(report.faults)
    )
    with pytest.raises(DataError, match="nothing loaded"):
        load_busi(copied)


def test_check_renders_plain_text_without_a_terminal(phantom_dir):
    text = shown(check(phantom_dir))
    assert "\x1b" not in text
    for line in (
        "26: 12 benign, 8 malignant, 6 normal",
        "30: 23 images with 1, 2 images with 2, 1 image with 3",
        "3 images: benign (2), malignant (2), normal (2)",
        "correlation above 0.95: 4 pairs, 4 groups, 8 images",
        "1 group of near-duplicates with more than one label",
        "  benign (11), malignant (7)",
        "benign (1), benign (12)",
        "5 stratified folds can be made with each group in one fold",
        "this is not BUSI",
        "none",
    ):
        assert line in text


def test_long_lists_of_groups_are_cut_and_the_largest_come_first(phantom_dir):
    groups = tuple((f"benign ({n})", f"benign ({n + 50})") for n in range(1, 10))
    report = replace(
        check(phantom_dir), duplicate_groups=(*groups, ("normal (1)", "normal (2)", "normal (3)"))
    )
    lines = [line.strip() for line in shown(report).splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("Groups at 0.95"))
    assert lines[first].endswith("normal (1), normal (2), normal (3)")
    assert lines[first + 7] == "benign (7), benign (57)"
    assert lines[first + 8] == "and 2 more; --json lists all, with their pairs"
    assert "Groups at 0.95   none" in shown(replace(report, duplicate_groups=()))


def test_check_says_why_no_folds_can_be_made(copied):
    for n in range(1, 4):
        (copied / f"normal/normal ({n}).png").unlink()
        for path in copied.glob(f"normal/normal ({n})_mask*.png"):
            path.unlink()
    report = check(copied)
    assert report.folds_fault.startswith("normal: 3 distinct image(s), fewer than the 5 folds")
    assert "normal: 3 distinct image(s)" in shown(report)
    with pytest.raises(DataError, match="normal: 3 distinct"):
        fingerprint_table(copied)


def test_brackets_in_names_are_no_markup(copied):
    (copied / "benign/[red]x.txt").touch()
    assert "benign/[red]x.txt" in shown(check(copied))


def test_report_as_json(phantom_dir):
    report = json.loads(json.dumps(check(phantom_dir).to_dict()))
    assert report["comparison"]["kind"] == "other" and report["faults"] == []
    assert report["duplicates"][1] == {"threshold": 0.95, "pairs": 4, "groups": 4, "images": 8}
    assert len(report["duplicate_pairs"]) == len(report["duplicate_groups"]) == 4
    assert report["masks_per_image"] == {"1": 23, "2": 2, "3": 1}


@pytest.mark.slow
def test_check_of_busi(busi_dir):
    report = check(busi_dir)
    assert report.faults == () and report.comparison.kind == "same"
    assert report.images == {"benign": 437, "malignant": 210, "normal": 133}
    assert report.masks_per_image == {1: 763, 2: 16, 3: 1}
    assert (report.width, report.height, report.n_sizes) == ((190, 1048), (310, 719), 639)
    assert len(report.overlays) == 15 and len(report.conflicts) == 7
    assert [tuple(row.values()) for row in report.duplicates] == [
        (0.90, 250, 145, 338),
        (0.95, 209, 127, 292),
        (0.97, 165, 110, 250),
        (0.99, 84, 60, 135),
    ]
    assert len(report.duplicate_pairs) == 209 and len(report.duplicate_groups) == 127
    assert report.duplicate_pairs[0] == {
        "first": "benign (433)",
        "second": "malignant (145)",
        "correlation": 1.0,
    }
    for line in (
        "BUSI: all 780 images and their masks match",
        "and 119 more; --json lists all",
        "columns fold_0 to fold_4",
    ):
        assert line in shown(report, width=200)


@pytest.mark.slow
def test_shipped_table_can_be_made_again(busi_dir, tmp_path):
    fingerprint_table(busi_dir).to_csv(tmp_path / "table.csv", index=False, lineterminator="\n")
    shipped = files("busilib.data.busi").joinpath("busi_table.csv").read_bytes()
    assert (tmp_path / "table.csv").read_bytes() == shipped


@pytest.mark.slow
def test_downloaded_formats_match_the_table(busi_dir, tmp_path):
    """What people download is RGB, with masks of three kinds: the same pixels."""
    for cls in CLASSES:
        (tmp_path / cls).mkdir()
        for i, path in enumerate(
            path for n in range(1, 9) for path in busi_dir.glob(f"{cls}/{cls} ({n})*.png")
        ):
            mode = ("1", "RGB", "RGBA")[i % 3] if "_mask" in path.name else "RGB"
            Image.open(path).convert(mode).save(tmp_path / cls / path.name)
    report = check(tmp_path)
    assert report.faults == () and len(report.comparison.matching) == 24
    assert not report.comparison.differing and not report.comparison.unknown
    assert "24 of 780 images match" in report.verdict


# --- download ---------------------------------------------------------------------------------------------


@pytest.fixture
def kaggle(tmp_path, monkeypatch) -> Path:
    """An empty cache for kagglehub, and no BUSI_DIR; returns BUSI's place in that cache."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.delenv("BUSI_DIR", raising=False)
    return tmp_path / "kagglehub" / "datasets" / HANDLE


def pretend(monkeypatch, dataset_download) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=dataset_download))


def fill(cache: Path, version: int, source: Path, finished: bool = True) -> Path:
    folder = cache / "versions" / str(version) / "Dataset_BUSI_with_GT"
    shutil.copytree(source, folder)
    if finished:
        (cache / f"{version}.complete").touch()
    return folder


def test_fetch_downloads_through_kagglehub(kaggle, phantom_dir, monkeypatch):
    asked = []

    def dataset_download(handle):
        asked.append(handle)
        return str(fill(kaggle, 1, phantom_dir).parent)

    pretend(monkeypatch, dataset_download)
    folder = fetch()
    assert folder == kaggle / "versions" / "1" / "Dataset_BUSI_with_GT"
    assert fetch() == folder == find_busi()
    assert asked == ["aryashah2k/breast-ultrasound-images-dataset"]  # once: then it is there


def test_filled_cache_needs_no_network(kaggle, phantom_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    for version in (2, 10):
        fill(kaggle, version, phantom_dir)
    assert fetch() == find_busi() == kaggle / "versions" / "10" / "Dataset_BUSI_with_GT"


def test_unfinished_download_is_not_taken(kaggle, phantom_dir):
    assert find_busi() is None
    fill(kaggle, 1, phantom_dir, finished=False)
    assert find_busi() is None
    (kaggle / "2.complete").touch()  # a marker whose folder is gone
    (kaggle / "x.complete").touch()
    assert find_busi() is None


def http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} Client Error.", response=response)


class UnauthenticatedError(Exception):
    """As kagglehub's."""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (requests.ConnectionError("Max retries exceeded"), "Kaggle cannot be reached. Check the network"),
        (requests.Timeout(), "Kaggle cannot be reached"),
        (http_error(401), "https://www.kaggle.com/settings"),
        (http_error(403), "KAGGLE_USERNAME and KAGGLE_KEY"),
        (UnauthenticatedError("User is not authenticated"), ".kaggle/kaggle.json"),
        (http_error(404), "404 Client Error"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_failed_download_says_how_to_mend_it(kaggle, monkeypatch, error, says):
    def dataset_download(handle):
        raise error

    pretend(monkeypatch, dataset_download)
    with pytest.raises(DataError) as failed:
        fetch()
    for part in ("BUSI was not downloaded", says, PAGE, "`--data DIR`"):
        assert part in str(failed.value)


def test_without_kagglehub(kaggle, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(
        DataError, match=r"package kagglehub is not installed(.|\n)*pip install(.|\n)*--data DIR"
    ):
        fetch()


def test_download_that_is_no_busi(kaggle, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    pretend(monkeypatch, lambda handle: str(tmp_path / "other"))
    with pytest.raises(DataError, match="no class folder found"):
        fetch()


def test_busi_dir_comes_first(kaggle, phantom_dir, tmp_path, monkeypatch):
    fill(kaggle, 1, phantom_dir)
    monkeypatch.setenv("BUSI_DIR", str(phantom_dir))
    assert find_busi() == phantom_dir
    monkeypatch.setenv("BUSI_DIR", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"BUSI_DIR is set to .*gone: does not exist.*Or unset BUSI_DIR"):
        find_busi()


def test_default_cache_is_kagglehubs_own(monkeypatch, phantom_dir, tmp_path):
    monkeypatch.delenv("KAGGLEHUB_CACHE", raising=False)
    monkeypatch.delenv("BUSI_DIR", raising=False)
    monkeypatch.setattr(download.Path, "home", lambda: tmp_path)
    folder = fill(tmp_path / ".cache/kagglehub/datasets" / HANDLE, 1, phantom_dir)
    assert find_busi() == folder
