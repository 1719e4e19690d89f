"""Outside sets: each layout is read as it is published, prepared as BUSI is, and every fault is named."""

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.dataset import DataError
from busilib.data.loader import load_busi
from busilib.data.outside import bus_bra, bus_uclm, sets, sheet
from busilib.data.outside.breast import load_breast
from busilib.data.outside.bus_bra import load_bus_bra
from busilib.data.outside.bus_uclm import load_bus_uclm
from busilib.data.outside.sets import load_outside
from busilib.data.outside.sheet import LeftOutWarning
from busilib.data.phantoms.shift import shifted
from busilib.data.pixels import resize_gray, resize_mask, to_gray
from busilib.runs.load import outside_data

HEIGHT, WIDTH, SIZE = 24, 30, 16


def a_picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def a_mask(shift: int = 0) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4 : 15 + shift, 6:20] = True
    return mask


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def transparent(mask: np.ndarray) -> np.ndarray:
    """A mask as BrEaST has it: white and opaque inside, black and clear outside."""
    return np.repeat(np.where(mask, 255, 0).astype(np.uint8)[:, :, None], 4, axis=2)


CASES = [
    (1, "benign", "case001_tumor.png", "case001_other1.png&case001_other2.png"),
    (2, "malignant", "case002_tumor.png", None),
    (3, "normal", None, None),
]


def write_workbook(root: Path, cases=CASES, **renamed) -> None:
    rows = [
        {
            "CaseID": number,
            "Image_filename": f"case{number or 3:03}.png",
            "Mask_tumor_filename": tumour,
            "Mask_other_filename": other,
            "Pixel_size": 0.0078,
            "Classification": word,
        }
        for number, word, tumour, other in cases
    ]
    root.mkdir(exist_ok=True)
    table = pd.DataFrame(rows).rename(columns=renamed)
    table.to_excel(root / "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx", index=False)


@pytest.fixture
def breast(tmp_path) -> Path:
    root = tmp_path / "BrEaST"
    write_workbook(root)
    images = root / "images_and_masks"
    for number, _, tumour, other in CASES:
        rgba = np.dstack([a_picture(number)] * 3 + [np.full((HEIGHT, WIDTH), 255, np.uint8)])
        rgba[:, :5] = 200
        rgba[:, :5, 3] = 0  # cut away, with gray still in it
        save(rgba, images / f"case{number:03}.png")
        if tumour:
            save(transparent(a_mask()), images / tumour)
        for name in (other or "").split("&"):
            if name:
                save(transparent(~a_mask()), images / name)
    return root


@pytest.fixture
def bra(tmp_path) -> Path:
    """Two images of one case, and one of another; the sheet is wrong about their sizes."""
    root = tmp_path / "BUSBRA"
    ids = ["bus_0001-l", "bus_0001-r", "bus_0002-l"]
    rows = [
        {"ID": id, "Case": case, "Pathology": word, "Width": 7, "Height": 9, "BBOX": "[1,2,3,4]"}
        for id, case, word in zip(ids, (1, 1, 2), ("benign", "benign", "malignant"), strict=True)
    ]
    for number, id in enumerate(ids):
        save(a_picture(number), root / "Images" / f"{id}.png")
        save(a_mask(), root / "Masks" / f"{id.replace('bus', 'mask')}.png")
    pd.DataFrame(rows).to_csv(root / "bus_data.csv", index=False)
    return root


def coloured(mask: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (mask[:, :, None] * np.array(colour)).astype(np.uint8)


UCLM = {"ALWI_000": "Benign", "ALWI_001": "Normal", "BEDA_000": "Malignant", "HESN_000": "Benign"}
COLOURS = {"Benign": (0, 255, 0), "Malignant": (255, 0, 0), "Normal": (0, 0, 0)}


def write_info(root: Path, labels=UCLM) -> None:
    head = "Image;Resolution;Label;Doppler;Marks;Combined"
    rows = [f"{id}.png;856x606;{label};No;No;No" for id, label in labels.items()]
    root.mkdir(exist_ok=True)
    (root / "INFO.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8-sig")


@pytest.fixture
def uclm(tmp_path) -> Path:
    root = tmp_path / "BUS-UCLM"
    write_info(root)
    for number, (id, label) in enumerate(UCLM.items()):
        small = id.startswith("HESN")
        save(a_picture(number)[: -2 if small else None], root / "images" / f"{id}.png")
        save(coloured(a_mask(), COLOURS[label]), root / "masks" / f"{id}.png")
    return root


LOADERS = {"breast": load_breast, "bra": load_bus_bra, "uclm": load_bus_uclm}


@pytest.fixture
def load(request, recwarn):
    """Loads a small set without the cache, and without a word about images that are left out."""

    def one(folder: Path, loader=load_outside):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)
            return loader(folder, SIZE)

    return one


# What is read


def test_breast_comes_back_with_its_classes_and_cases(breast, load):
    data = load(breast, load_breast)
    assert data.ids.tolist() == ["case001", "case002", "case003"]
    assert data.table["class"].tolist() == ["benign", "malignant", "normal"]
    assert data.groups.tolist() == [0, 1, 2]
    assert data.table["n_masks"].tolist() == [1, 1, 0]
    assert data.table[["width", "height"]].drop_duplicates().to_numpy().tolist() == [[WIDTH, HEIGHT]]


def test_transparent_pixels_are_black_and_not_what_lies_under_them(breast, load):
    data = load(breast)
    flat = a_picture(1)
    flat[:, :5] = 0
    np.testing.assert_array_equal(data.images[0], resize_gray(flat, SIZE))


def test_the_reference_of_breast_is_the_tumour_alone(breast, load):
    data = load(breast)
    np.testing.assert_array_equal(data.masks[0], resize_mask(a_mask(), SIZE))
    assert not data.masks[2].any()


def test_a_faint_mask_pixel_is_outside(breast, load):
    """As in the one published mask with three values: white at an opacity of 75 of 255."""
    rgba = transparent(a_mask())
    rgba[20:, :] = (255, 255, 255, 75)
    save(rgba, breast / "images_and_masks" / "case001_tumor.png")
    np.testing.assert_array_equal(load(breast).masks[0], resize_mask(a_mask(), SIZE))


def test_bus_bra_groups_images_by_case_and_trusts_the_files(bra, load):
    data = load(bra, load_bus_bra)
    assert data.groups.tolist() == [0, 0, 1]
    assert data.table["class"].tolist() == ["benign", "benign", "malignant"]
    assert (data.table["width"] == WIDTH).all() and (data.table["height"] == HEIGHT).all()
    np.testing.assert_array_equal(data.masks[2], resize_mask(a_mask(), SIZE))


def test_bus_uclm_reads_green_and_red_as_lesions_and_groups_patients(uclm, load):
    data = load(uclm, load_bus_uclm)
    assert data.ids.tolist() == ["ALWI_000", "ALWI_001", "BEDA_000"]
    assert data.groups.tolist() == [0, 0, 1]
    assert data.table["class"].tolist() == ["benign", "normal", "malignant"]
    for index, marked in enumerate((a_mask(), np.zeros_like(a_mask()), a_mask())):
        np.testing.assert_array_equal(data.masks[index], resize_mask(marked, SIZE))


def test_a_malignant_image_may_show_a_benign_lesion_too(uclm, load):
    both = coloured(a_mask(), COLOURS["Malignant"])
    both[18:22, 2:10] = COLOURS["Benign"]
    save(both, uclm / "masks" / "BEDA_000.png")
    np.testing.assert_array_equal(load(uclm).masks[2], resize_mask(both.any(axis=2), SIZE))


def test_images_that_do_not_fit_their_masks_are_left_out_by_name(uclm):
    for _ in range(2):  # from the files, then from the cache
        with pytest.warns(LeftOutWarning, match=r"1 images are left out: HESN_000 \(another size"):
            data = load_bus_uclm(uclm, SIZE)
        assert "HESN_000" not in data.ids and len(data) == 3
        assert list(data.left_out) == ["HESN_000"] and "another size" in data.left_out["HESN_000"]


def test_a_mended_release_is_loaded_whole(uclm):
    save(a_picture(3), uclm / "images" / "HESN_000.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_bus_uclm(uclm, SIZE)) == 4


@pytest.mark.parametrize("name", list(LOADERS))
def test_the_layout_is_recognised_also_from_the_folder_above(name, request, load, tmp_path):
    folder = request.getfixturevalue(name)
    named, above = load(folder, LOADERS[name]), load(folder.parent)
    assert named.fingerprint == load(folder).fingerprint == above.fingerprint


@pytest.mark.parametrize("name", list(LOADERS))
def test_a_set_of_other_numbers_is_not_called_by_the_published_name(name, request, load):
    folder = request.getfixturevalue(name)
    assert load(folder).name.endswith(f"layout in {folder.name}")


def test_the_published_numbers_earn_the_name(bra, load, monkeypatch):
    monkeypatch.setattr(bus_bra, "WHOLE", (2, 1, 0))
    assert load(bra).name == "BUS-BRA"


def test_images_left_out_count_for_the_name(uclm, load, monkeypatch):
    monkeypatch.setattr(bus_uclm, "WHOLE", (2, 1, 1))
    assert load(uclm).name == "BUS-UCLM"


def test_pictures_are_prepared_as_busi_is(bra, load, tmp_path):
    """The same files in BUSI's layout give the same pixels."""
    root = tmp_path / "BUSI"
    for number, cls in enumerate(("benign", "malignant", "normal")):
        save(a_picture(number), root / cls / f"{cls} (1).png")
        save(a_mask() & (cls != "normal"), root / cls / f"{cls} (1)_mask.png")
    busi, data = load_busi(root, SIZE), load(bra)
    np.testing.assert_array_equal(busi.images, data.images)
    np.testing.assert_array_equal(busi.masks[:2], data.masks[:2])


def test_the_cache_follows_the_labels_and_cases_of_the_sheet(bra):
    first = load_bus_bra(bra, SIZE)
    table = pd.read_csv(bra / "bus_data.csv")
    table["Pathology"] = "malignant"
    table.to_csv(bra / "bus_data.csv", index=False)
    assert load_bus_bra(bra, SIZE).table["class"].tolist() == ["malignant"] * 3
    table["Case"] = [1, 2, 3]
    table.to_csv(bra / "bus_data.csv", index=False)
    assert load_bus_bra(bra, SIZE).groups.tolist() == [0, 1, 2] != first.groups.tolist()


# Faults


def test_an_unknown_folder_is_refused_with_the_three_layouts(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"1")
    with pytest.raises(DataError, match=r"holds holiday\.jpg.*BrEaST: .*BUS-BRA: .*BUS-UCLM: "):
        load_outside(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        load_outside(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        load_outside(tmp_path / "holiday.jpg")


def test_two_sets_in_one_folder_are_not_guessed_at(breast, bra):
    with pytest.raises(DataError, match=r"several sets in it: BUSBRA, BrEaST\. Name one"):
        load_outside(breast.parent)


def edit_sheet(path: Path, **cells) -> None:
    table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig", dtype=str)
    for column, value in cells.items():
        table.loc[0, column] = value
    separator = ";" if path.name == "INFO.csv" else ","
    table.to_csv(path, index=False, sep=separator)


FAULTS = {
    "breast": [
        (lambda root: (root / "images_and_masks/case002.png").unlink(), r"case002\.png: file is missing"),
        (lambda root: (root / "images_and_masks/case001_tumor.png").unlink(), r"case001_tumor\.png: file is"),
        (lambda root: (root / "images_and_masks/case001_other2.png").unlink(), r"case001_other2\.png: file"),
        (lambda root: save(a_mask(), root / "images_and_masks/case009.png"), r"case009\.png: not in BrEaST"),
        (
            lambda root: save(a_mask()[1:], root / "images_and_masks/case001_tumor.png"),
            "mask is 30×23 pixels",
        ),
        (
            lambda root: save(np.zeros((HEIGHT, WIDTH), bool), root / "images_and_masks/case001_tumor.png"),
            r"images_and_masks/case001_tumor\.png: empty mask\. A benign image shows a lesion",
        ),
        (
            lambda root: (root / "images_and_masks/case003.png").write_bytes(b""),
            r"images_and_masks/case003\.png: an empty file",
        ),
        (
            lambda root: write_workbook(root, Classification="Class"),
            r"no column Classification \(it has .*Class\)\. ",
        ),
        (
            lambda root: write_workbook(root, [*CASES[:2], (3, "benign", None, None)]),
            "case003 is benign and names no mask",
        ),
        (
            lambda root: write_workbook(root, [*CASES[:2], (3, "cyst", None, None)]),
            r"case003 has class 'cyst'\. Expected one of benign, malignant, normal; mend",
        ),
        (lambda root: write_workbook(root, [*CASES, CASES[0]]), "case001 stands in 2 rows"),
        (
            lambda root: write_workbook(root, [*CASES[:2], (None, "normal", None, None)]),
            r"\.xlsx: no CaseID in row 4\. Expected one in each",
        ),
        (
            lambda root: (root / "images_and_masks").rename(root / "Images_and_Masks"),
            r"BrEaST: the folder is called Images_and_Masks\. Expected …images_and_masks; rename it\.$",
        ),
        (lambda root: next(root.glob("*.xlsx")).write_bytes(b"PK"), r"\.xlsx: cannot be read"),
        (lambda root: write_workbook(root, []), r"\.xlsx: no column"),
    ],
    "bra": [
        (lambda root: (root / "Masks/mask_0002-l.png").unlink(), r"Masks/mask_0002-l\.png: file is missing"),
        (lambda root: (root / "Images/bus_0002-l.png").unlink(), r"Images/bus_0002-l\.png: file is missing"),
        (lambda root: edit_sheet(root / "bus_data.csv", Pathology="b"), "bus_0001-l has class 'b'"),
        (lambda root: edit_sheet(root / "bus_data.csv", Pathology=""), "bus_0001-l has class ''"),
        (lambda root: (root / "bus_data.csv").write_text("ID,Case,Pathology\n"), "no rows"),
        (lambda root: (root / "bus_data.csv").write_text(""), r"bus_data\.csv: an empty file"),
        (
            lambda root: edit_sheet(root / "bus_data.csv", Case=""),
            r"bus_data\.csv: no Case in row 2\. ",
        ),
        (lambda root: edit_sheet(root / "bus_data.csv", Case="n/a"), "several patients would count as one"),
        (lambda root: edit_sheet(root / "bus_data.csv", ID="\u200b"), "no ID in row 2"),
        (
            lambda root: (root / "Images").rename(root / "images"),
            r"BUSBRA: the folder is called images\. Expected Images; rename it\.$",
        ),
        (lambda root: shutil.rmtree(root / "Masks"), "no folder Masks .it holds Images, bus_data"),
        (
            lambda root: (root / "bus_data.csv").write_text("ID;Case;Class\n1;1;benign\n"),
            r"column missing: Pathology \(it has ID, Case, Class\)\. Values are separated by semicolons",
        ),
        (
            lambda root: save(a_mask().astype(np.uint8) + 1, root / "Masks/mask_0002-l.png"),
            r"Masks/mask_0002-l\.png: a mask with levels 1 and 2 and no 0",
        ),
    ],
    "uclm": [
        (
            lambda root: edit_sheet(root / "INFO.csv", Label="Malignant"),
            r"masks/ALWI_000\.png: marks benign, but INFO\.csv calls the image malignant",
        ),
        (lambda root: edit_sheet(root / "INFO.csv", Label="Normal"), "marks benign, but .* image normal"),
        (
            lambda root: save(coloured(a_mask(), COLOURS["Malignant"]), root / "masks/ALWI_000.png"),
            "marks malignant, but .* image benign",
        ),
        (
            lambda root: save(coloured(~a_mask(), (0, 0, 0)), root / "masks/ALWI_000.png"),
            "marks nothing, but .* image benign",
        ),
        (
            lambda root: save(coloured(a_mask(), (255, 255, 255)), root / "masks/ALWI_000.png"),
            r"masks/ALWI_000\.png: other colours than black, green and red, such as rgb\(255, 255, 255\)",
        ),
        (
            lambda root: save(coloured(a_mask(), (0, 1, 0)) + np.uint8(1), root / "masks/ALWI_000.png"),
            r"masks/ALWI_000\.png: a colour with level 1 and no 0",
        ),
        (
            lambda root: write_info(root, {**UCLM, "_000": "Normal"}),
            r"INFO\.csv: _000 names no case\. Expected one",
        ),
        (lambda root: (root / "masks").rename(root / "Masks"), "the folder is called Masks. Expected masks"),
        (
            lambda root: save(a_picture(1)[2:], root / "images/ALWI_001.png"),
            r"masks/ALWI_001\.png: mask is 30×24 pixels, its image ALWI_001\.png is 30×22",
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "spoil", "message"), [(name, *fault) for name, faults in FAULTS.items() for fault in faults]
)
def test_a_planted_fault_is_named(name, spoil, message, request, load):
    folder = request.getfixturevalue(name)
    spoil(folder)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_all_faults_are_told_at_once_and_none_points_to_the_check_of_busi(bra, load):
    for number in range(30):
        save(a_mask(), bra / "Images" / f"extra{number}.png")
    with pytest.raises(DataError, match=r"30 faults(.|\n)*and 10 more$"):
        load(bra)


def test_sheets_keep_the_cells_of_missing_values_empty(tmp_path):
    (tmp_path / "x.csv").write_text("a,b,c\n 1 ,,x\nNA,NaN,a remark\n\n2,n/a,\n")
    found = sheet.read_sheet(tmp_path / "x.csv", ["a", "b"], ["a"])
    assert found.to_numpy().tolist() == [["1", "", "x"], ["2", "", ""]]
    assert found.index.tolist() == [2, 5]


def test_a_stray_cell_below_the_table_of_breast_is_no_case(breast, load):
    before = load(breast).fingerprint
    path = next(breast.glob("*.xlsx"))
    book = openpyxl.load_workbook(path)
    book.active["A7"], book.active["E9"] = " ", "\u00a0"
    book.active["C8"].value, book.active.cell(9, 20).value = "\u200b", "checked"
    book.save(path)
    assert load(breast).fingerprint == before


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_sheet_saved_with_another_separator_is_read(separator, encoding, bra, uclm, load):
    for folder, name in ((bra, "bus_data.csv"), (uclm, "INFO.csv")):
        before = load(folder).fingerprint
        table = pd.read_csv(folder / name, sep=None, engine="python", encoding="utf-8-sig", dtype=str)
        table.to_csv(folder / name, index=False, sep=separator, encoding=encoding)
        assert load(folder).fingerprint == before


@pytest.mark.parametrize("name", list(LOADERS))
def test_what_systems_leave_behind_is_passed_over(name, request, load):
    folder = request.getfixturevalue(name)
    before = load(folder).fingerprint
    for path in list(folder.rglob("*")):
        (path.parent / f"._{path.name}").write_bytes(b"x")
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        (place / "__MACOSX").mkdir()
        for left in (".DS_Store", "Thumbs.db", "Desktop.ini", "~$BrEaST.xlsx"):
            (place / left).write_bytes(b"x")
    assert load(folder).fingerprint == load(folder.parent).fingerprint == before


@pytest.mark.parametrize("name", list(LOADERS))
def test_a_doubled_folder_is_found_up_to_three_deep(name, request, load, tmp_path):
    folder = request.getfixturevalue(name)
    before = load(folder).fingerprint
    for number in range(3):
        above = tmp_path / f"unpacked{number}" / folder.name
        above.mkdir(parents=True)
        shutil.move(folder, above / folder.name)
        folder = above
        assert load(folder).fingerprint == before
    (tmp_path / "deeper").mkdir()
    shutil.move(folder, tmp_path / "deeper" / folder.name)
    with pytest.raises(DataError, match="not recognised"):
        load(tmp_path / "deeper")


# The real set


@pytest.mark.slow
def test_the_real_breast_is_what_was_published(breast_dir):
    data = load_outside(breast_dir, 64)
    assert data.name == "BrEaST" and len(data) == 256
    assert data.table["class"].value_counts().to_dict() == {"benign": 154, "malignant": 98, "normal": 4}
    assert data.table["group"].nunique() == 256 and data.has_lesion.sum() == 252
    row = data.table.set_index("id").loc["case005"]
    with Image.open(next(breast_dir.glob("*/case005.png"))) as picture:
        assert picture.size == (row["width"], row["height"]) and picture.mode == "RGBA"
        expected = resize_gray(to_gray(picture), 64)
    np.testing.assert_array_equal(data.images[data.ids.tolist().index("case005")], expected)


# The stand-in


def test_a_shift_changes_gray_levels_alone(phantom):
    moved = shifted(phantom, seed=1)
    assert moved.name == "shifted phantoms"
    np.testing.assert_array_equal(moved.masks, phantom.masks)
    pd.testing.assert_frame_equal(moved.table, phantom.table)
    assert moved.images.dtype == np.uint8 and moved.images.shape == phantom.images.shape
    assert (moved.images.std((1, 2)) < phantom.images.std((1, 2))).all()
    assert (moved.images.mean((1, 2)) < phantom.images.mean((1, 2)) + 1).all()


def test_a_shift_is_repeatable_and_follows_its_seed(phantom):
    one, again, other = (shifted(phantom, seed).fingerprint for seed in (1, 1, 2))
    assert one == again != other


def test_without_a_folder_the_outside_set_is_other_phantoms(phantom):
    outside = outside_data("smoke")
    assert outside.name == "shifted phantoms" and outside.size == 64
    assert not any((image == outside.images).all((1, 2)).any() for image in phantom.images)


def test_a_folder_is_loaded_at_the_size_of_the_profile(bra):
    assert outside_data("smoke", bra).images.shape == (3, 64, 64)


def test_the_example_for_contributors_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Adding an outside set")[2].partition("\n## ")[0]
    module, row = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {"OutsideSet": sets.OutsideSet}
    exec(module, names)
    monkeypatch.setattr(sets, "SETS", (eval(row, names), *sets.SETS))

    folder = tmp_path / "downloads" / "tiny"
    folder.mkdir(parents=True)
    classes = {"a1": "benign", "a2": "benign", "b1": "malignant", "c1": "normal"}
    for seed, (id, word) in enumerate(classes.items()):
        save(a_picture(seed), folder / f"{id}.png")
        save(a_mask() * (word != "normal"), folder / f"{id}_mask.png")
    lines = [f"{id},{id[0]},{word}" for id, word in classes.items()]
    (folder / "tiny.csv").write_text("\n".join(["picture,patient,finding", *lines]), encoding="utf-8")

    data = load_outside(folder.parent, size=32)
    assert data.name == "Tiny" and data.ids.tolist() == list(classes)
    assert data.table["class"].tolist() == list(classes.values())
    assert data.groups[0] == data.groups[1] and len(set(data.groups)) == 3
    assert data.masks.any(axis=(1, 2)).tolist() == [True, True, True, False]
    done = CliRunner().invoke(app, ["data", "check", str(folder)])
    assert done.exit_code == 0 and "Tiny" in done.output, done.output
