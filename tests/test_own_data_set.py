"""A set of one's own through `images.csv`: what is read, refused and lacking, and what the check says."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.check import check
from busilib.data.dataset import DataError
from busilib.data.lacking import lacking
from busilib.data.outside.breast import load_breast
from busilib.data.outside.folder import load_folder
from busilib.data.outside.sets import load_outside
from busilib.data.pixels import resize_gray, resize_mask
from busilib.pages.checked import render
from busilib.pages.own_set import example, write_example

HEIGHT, WIDTH, SIZE = 24, 30, 16
ROWS = [  # id, image, mask, class, group, device
    ("a", "images/a.png", "masks/a.png", "benign", "p1", "X"),
    ("b", r"images\b.png", r".\masks\b.png", "Malignant", "p1", "Y"),
    ("c", "./images/c.png", "", "normal", "p2", "X"),
]
NAMES = ["id", "image", "mask", "class", "group", "device"]


def a_picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def a_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:15, 6:20] = True
    return mask


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_sheet(root: Path, rows=ROWS, names=NAMES) -> Path:
    root.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=names).to_csv(root / "images.csv", index=False)
    return root


@pytest.fixture
def own(tmp_path) -> Path:
    root = write_sheet(tmp_path / "our hospital")
    for number, name in enumerate("abc"):
        save(a_picture(number), root / "images" / f"{name}.png")
    for name in "ab":
        save(a_mask(), root / "masks" / f"{name}.png")
    return root


def load(root: Path):
    return load_outside(root, SIZE)


def changed(**cells) -> list[tuple]:
    """The rows with the first one changed."""
    return [tuple(cells.get(name, value) for name, value in zip(NAMES, ROWS[0], strict=True)), *ROWS[1:]]


# What is read


def test_a_folder_with_a_sheet_is_an_outside_set(own):
    data = load(own)
    assert data.name == "our hospital" and data.origin == "outside" and not data.left_out
    assert data.ids.tolist() == ["a", "b", "c"] and data.labels.tolist() == [0, 1, 2]
    assert data.groups.tolist() == [0, 0, 1]
    assert data.table["case"].tolist() == ["p1", "p1", "p2"]
    assert data.table["device"].tolist() == ["X", "Y", "X"]
    assert data.mask_known.all() and data.has_lesion.tolist() == [True, True, False]
    np.testing.assert_array_equal(data.images[1], resize_gray(a_picture(1), SIZE))
    np.testing.assert_array_equal(data.masks[1], resize_mask(a_mask(), SIZE))
    assert load(own.parent).fingerprint == data.fingerprint  # from the folder above


def test_strata_and_cases_come_from_the_sheet_and_not_from_the_cache(own):
    load_outside(own, SIZE)
    write_sheet(own, changed(device="Z"))
    again = load_outside(own, SIZE)
    assert again.table["device"].tolist() == ["Z", "Y", "X"]
    assert again.subset(np.array([2])).table["device"].tolist() == ["X"]


@pytest.mark.parametrize("blank", ["", " ", "NA", "nan", "None", "n/a"])
def test_images_without_a_group_are_never_put_together(own, blank):
    write_sheet(own, [(*row[:4], blank, "") for row in ROWS])
    data = load(own)
    assert data.groups.tolist() == [0, 1, 2] and (data.table["case"] == "").all()
    assert [text for text in lacking(data.table) if text.startswith("no groups are given")]


def test_images_without_a_group_are_named_where_others_have_one(own):
    write_sheet(own, [ROWS[0], (*ROWS[1][:4], "", ""), (*ROWS[2][:4], "", "")])
    data = load(own)
    assert data.groups.tolist() == [0, 1, 2]
    (told,) = lacking(data.table)
    assert told.startswith("2 of 3 images have no group") and told.endswith("Without: b, c")


def test_a_group_is_not_mistaken_for_the_id_of_an_image_without_one(own):
    write_sheet(own, [(*ROWS[0][:4], "b", ""), (*ROWS[1][:4], "", ""), (*ROWS[2][:4], "image b", "")])
    assert load(own).groups.tolist() == [0, 1, 2]


def test_mask_and_group_may_be_no_columns_at_all(own):
    write_sheet(own, [(row[0], row[1], row[3]) for row in ROWS], ["id", "image", "class"])
    data = load(own)
    assert data.mask_known.tolist() == [False, False, True] and not data.masks.any()
    without_masks, without_groups = lacking(data.table)
    assert without_masks.startswith("no lesion has a mask: outlines cannot be measured")
    assert without_groups.startswith("no groups are given")


@pytest.mark.parametrize("name", ["BUSI", "BrEaST", "BUS-BRA", "BUS-UCLM"])
def test_no_folder_of_ones_own_earns_a_published_name(own, name):
    other = own.rename(own.parent / name)
    assert load_outside(other, SIZE).name == f"folder {name}"


def test_a_mask_that_is_not_given_is_told_from_an_empty_one(own):
    write_sheet(own, changed(mask=""))
    data = load(own)
    assert data.mask_known.tolist() == [False, True, True]
    assert lacking(data.table) == (
        "1 of 2 lesions have no mask: outlines are measured on the others. Without: a",
    )
    write_sheet(own)
    save(np.zeros((HEIGHT, WIDTH), bool), own / "masks/a.png")
    with pytest.raises(DataError, match=r"masks/a\.png: empty mask\. A benign image shows a lesion"):
        load(own)


@pytest.mark.parametrize(
    ("gone", "says"), [("benign", "told apart"), ("malignant", "told apart"), ("normal", "")]
)
def test_a_set_without_a_class_works_and_says_what_it_lacks(own, gone, says):
    write_sheet(own, [row for row in ROWS if row[3].lower() != gone])
    data = load(own)
    (told,) = lacking(data.table)
    assert len(data) == 2 and told.startswith(f"no {gone} image") and says in told


def test_a_set_called_busi_does_not_pass_for_it(own):
    assert load(own.rename(own.parent / "BUSI")).name == "folder BUSI"


def test_files_that_the_sheet_does_not_name_are_passed_over(own):
    save(a_mask(), own / "masks/z.png")
    (own / "images/notes.txt").touch()
    assert len(load(own)) == 3
    assert check(own).outside.unnamed == ("images/notes.txt", "masks/z.png")


# What is refused


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"id": ""}, r"images\.csv line 2: no id\. Expected one for each image"),
        ({"id": "b"}, r"images\.csv: b stands in 2 rows"),
        ({"class": "cyst"}, r"a has class 'cyst'\. Expected one of benign, malignant, normal"),
        ({"class": ""}, r"a has class ''"),
        ({"image": ""}, r"line 2: image: no file named\. Expected its path from the folder of images\.csv"),
        ({"image": "../a.png"}, r"line 2: image: \.\./a\.png leads out of the folder"),
        ({"image": r"images\..\..\a.png"}, "leads out of the folder"),
        ({"image": "/etc/a.png"}, "leads out of the folder"),
        ({"image": r"C:\pictures\a.png"}, "leads out of the folder. Expected a path below that"),
        ({"mask": "../a.png"}, r"line 2: mask: \.\./a\.png leads out of the folder"),
        ({"image": "images/a.jpg"}, r"images/a\.jpg is no PNG file by its name\. Expected PNG; convert it"),
        ({"image": "images/z.png"}, r"images/z\.png: file is missing\. images\.csv names it; add the file"),
        ({"image": "images/b.png"}, r"images/b\.png: in 2 rows of images\.csv"),
        ({"class": "normal"}, r"masks/a\.png: 154 pixels are marked\. A normal image has none"),
    ],
)
def test_a_planted_fault_is_named(own, cells, message):
    write_sheet(own, changed(**cells))
    with pytest.raises(DataError, match=message):
        load(own)


def test_all_faults_of_a_sheet_are_told_at_once(own):
    bad = [("a", "../a.png", "/m.png", "cyst", "", ""), ("", "images/b.png", "", "", "", ""), *ROWS[2:]]
    (own / "images/c.png").unlink()
    write_sheet(own, bad)
    with pytest.raises(DataError) as refused:
        load(own)
    text = str(refused.value)
    assert "6 faults, nothing loaded" in text
    for part in (
        "../a.png leads",
        "/m.png leads",
        "a has class 'cyst'",
        "line 3: no id",
        "line 3 has class ''",
    ):
        assert part in text
    assert "images/c.png: file is missing" in text


def test_a_column_under_a_name_of_ours_is_refused(own):
    write_sheet(own, names=[*NAMES[:-1], "width"])
    with pytest.raises(DataError, match=r"column width.*rename the column"):
        load(own)


def test_a_sheet_is_read_however_it_was_saved(own):
    before, path = load(own), own / "images.csv"
    text = path.read_text(encoding="utf-8")
    for content in (
        text.replace(",", ";").encode("utf-16"),
        ("sep=;\r\n" + text.replace(",", ";")).encode(),
        text.replace(",", "\t").encode("utf-8-sig"),
        ("\n" + text + ",,,,,\n,,,,,checked by two readers\n").encode(),
    ):
        path.write_bytes(content)
        assert load(own).fingerprint == before.fingerprint


def test_levels_of_a_mask_that_could_mean_two_things_are_named(own):
    save(a_mask().astype(np.uint8) + 1, own / "masks" / "a.png")
    with pytest.raises(DataError, match=r"masks/a\.png: a mask with levels 1 and 2 and no 0"):
        load(own)


def test_a_missing_column_is_named(own):
    write_sheet(own, [row[:3] for row in ROWS], NAMES[:3])
    with pytest.raises(DataError, match=r"images\.csv: column missing: class .it has id, image, mask"):
        load_folder(own)


# What the check says


def shown(report) -> str:
    console = Console(file=io.StringIO(), width=120)
    render(report, console)
    return console.file.getvalue()


def test_the_check_of_an_own_set(own):
    save(a_picture(0), own / "images/b.png")  # a copy under another class, in the same group
    report = check(own)
    assert report.faults == () and report.comparison is None
    assert report.images == {"benign": 1, "malignant": 1, "normal": 1}
    assert report.masks_per_image == {0: 1, 1: 2}
    assert report.conflicts == (("a", "b"),) and report.outside.pairs_across == 0
    assert report.outside.groups == {"case p1": 2, "case p2": 1}
    assert report.outside.strata == {"device": {"X": 2, "Y": 1}}
    for line in ("our hospital, an outside set", "2 groups, the largest of 2 images", "device: X 2, Y 1"):
        assert line in shown(report)
    write_sheet(own, changed(group="p3"))
    assert check(own).outside.pairs_across == 1


def test_the_check_goes_on_past_faults(own):
    write_sheet(own, changed(image="images/z.png"))
    report = check(own)
    assert report.images == {"benign": 0, "malignant": 1, "normal": 1}
    assert [fault.split(":")[0] for fault in report.faults] == ["images/z.png"]
    assert "no benign image" in shown(report)


def test_the_check_finds_pictures_of_busi(own, phantom_dir):
    twin = Image.open(phantom_dir / "benign/benign (1).png").convert("L")
    twin.save(own / "images/a.png")
    Image.new("1", twin.size, 1).save(own / "masks/a.png")
    assert check(own).outside.shared == ()  # phantoms are not in the shipped table
    (found,) = check(own, phantom_dir).outside.shared
    assert (
        found["id"] == "a" and found["busi"] in ("benign (1)", "benign (12)") and found["correlation"] > 0.95
    )


def test_the_command_checks_an_own_set(own, tmp_path):
    def busi(*arguments):
        return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])

    found = busi(own)
    assert found.exit_code == 0 and "our hospital" in found.stdout
    report = json.loads(busi(own, "--json").stdout)
    assert report["verdict"] == "our hospital: an outside set" and report["outside"]["lacking"] == []
    (own / "images/a.png").unlink()
    assert busi(own).exit_code == 1
    (tmp_path / "empty").mkdir()
    nothing = busi(tmp_path / "empty")
    assert nothing.exit_code == 2 and "Expected BUSI (" in nothing.stderr and "`images.csv`" in nothing.stderr


# BrEaST, once in its own layout and once through images.csv


@pytest.mark.slow
def test_breast_through_the_general_layout_is_the_same(breast_dir, tmp_path):
    sheet = pd.read_excel(next(breast_dir.glob("*.xlsx")), dtype=str)
    root = tmp_path / "brought"
    root.mkdir()
    (root / "pictures").symlink_to(
        next(path for path in breast_dir.glob("*images_and_masks*") if path.is_dir())
    )
    masks = sheet["Mask_tumor_filename"]
    pd.DataFrame(
        {
            "id": sheet["Image_filename"].str.removesuffix(".png"),
            "image": "pictures/" + sheet["Image_filename"],
            "mask": ("pictures\\" + masks).where(masks.notna()),
            "class": sheet["Classification"],
            "group": sheet["CaseID"],
            "BIRADS": sheet["BIRADS"],
        }
    ).to_csv(root / "images.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        published, brought = load_breast(breast_dir, 64), load_outside(root, 64)
    assert brought.name == "brought" and brought.fingerprint == published.fingerprint
    shared = [name for name in brought.table if name in published.table]
    assert {"BIRADS", "case", "overlay", "n_masks"} <= set(shared)
    pd.testing.assert_frame_equal(brought.table[shared], published.table[shared])
    assert not brought.table["overlay"].any()


@pytest.mark.slow
def test_the_check_of_breast(breast_dir):
    report = check(breast_dir)
    assert report.faults == () and report.outside.name == "BrEaST" and report.overlays == ()
    assert report.images == {"benign": 154, "malignant": 98, "normal": 4}
    assert report.masks_per_image == {0: 4, 1: 252} and report.n_sizes == 52
    assert set(report.outside.groups.values()) == {1} and len(report.outside.groups) == 256
    assert report.outside.lacking == () and report.outside.strata["BIRADS"]["4c"] == 49
    assert report.outside.shared == ()


# The example of the book


def test_the_example_of_the_book_is_sound_and_its_faults_are_the_planted_ones(tmp_path):
    write_example(tmp_path / "our-hospital")
    data = load(tmp_path / "our-hospital")
    assert data.mask_known.tolist().count(False) == 1 and data.table["device"].nunique() == 2
    text = example()
    assert str(tmp_path.parent) not in text and "/tmp" not in text and "Faults           none" in text
    assert "../scan-03.png leads out of the folder" in text and "scan-01 has class 'cyst'" in text
    assert "Not measurable   1 of 10 lesions have no mask" in text
    assert max(map(len, text.split("```")[5].splitlines())) <= 96  # the output of the check fits the page
