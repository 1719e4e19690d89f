"""Reading a BUSI folder: every bad input is named, pixel formats do not matter, the cache is never wrong."""

import io
import re
import shutil
import struct
import time
import zipfile
import zlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from busilib.data import loader, png
from busilib.data.busi.catalog import scan
from busilib.data.check import check
from busilib.data.dataset import CLASSES, DataError
from busilib.data.images import decode, open_mask
from busilib.data.loader import load_busi
from busilib.data.pixels import has_colour, resize_gray, resize_mask, to_gray

HEIGHT, WIDTH = 24, 30


def a_picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def a_mask(label: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:15, 6:20] = label < 2
    return mask


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two small images of each class."""
    root = tmp_path / "BUSI"
    for label, cls in enumerate(CLASSES):
        (root / cls).mkdir(parents=True)
        for n in (1, 2):
            Image.fromarray(a_picture(10 * label + n)).save(root / cls / f"{cls} ({n}).png")
            Image.fromarray(a_mask(label)).save(root / cls / f"{cls} ({n})_mask.png")
    return root


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BUSI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


def assert_same(one, other):
    for part in ("images", "masks", "labels"):
        left, right = getattr(one, part), getattr(other, part)
        assert left.dtype == right.dtype and np.array_equal(left, right)
    pd.testing.assert_frame_equal(one.table, other.table)
    assert (one.name, one.fingerprint) == (other.name, other.fingerprint)


# --- bad inputs -------------------------------------------------------------------------------------------


def png_of_size(width: int, height: int) -> bytes:
    """A small file that says it holds an enormous picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return png.START + b"".join(body)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def jpeg_in_disguise(path: Path) -> None:
    written = io.BytesIO()
    Image.fromarray(a_picture(0)).save(written, "JPEG")
    path.write_bytes(written.getvalue())


def sixteen_bit(path: Path) -> None:
    Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)).save(path)


def empty_folder(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()


BAD = {  # what is done to which file; then the file, the finding and the remedy that the message must hold
    "empty class folder": ("benign", empty_folder, "benign/", "empty", "Download BUSI again"),
    "missing class folder": ("normal", shutil.rmtree, "normal/", "class folder is missing", "download BUSI"),
    "unknown class folder": ("cyst", Path.mkdir, "cyst/", "unknown class folder", "move it elsewhere"),
    "file beside the class folders": ("a.png", Path.touch, "a.png", "beside the class folders", "move it"),
    "missing mask": (
        "benign/benign (2)_mask.png",
        Path.unlink,
        "benign/benign (2).png",
        "mask is missing",
        "Expected `benign (2)_mask.png` beside it; add it",
    ),
    "missing image": (
        "malignant/malignant (1).png",
        Path.unlink,
        "malignant/malignant (1)_mask.png",
        "image is missing",
        "Expected `malignant (1).png` beside it; add it",
    ),
    "mask of another size": (
        "benign/benign (1)_mask.png",
        lambda path: Image.new("1", (WIDTH + 1, HEIGHT), 1).save(path),
        "benign/benign (1)_mask.png",
        "mask is 31×24 pixels, its image benign (1).png is 30×24",
        "use the mask that was drawn on this image",
    ),
    "second mask of another size": (
        "benign/benign (1)_mask_1.png",
        lambda path: Image.new("1", (WIDTH, HEIGHT - 1), 1).save(path),
        "benign/benign (1)_mask_1.png",
        "mask is 30×23 pixels",
        "one size",
    ),
    "empty file": (
        "benign/benign (1).png",
        lambda path: path.write_bytes(b""),
        "benign/benign (1).png",
        "empty file (0 bytes)",
        "download it again",
    ),
    "truncated image": (
        "benign/benign (1).png",
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        "benign/benign (1).png",
        "corrupt PNG file",
        "download it again",
    ),
    "truncated in its last byte": (
        "benign/benign (1).png",
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "benign/benign (1).png",
        "corrupt PNG file (its end is missing)",
        "download it again",
    ),
    "damaged image": (
        "malignant/malignant (2).png",
        damage,
        "malignant/malignant (2).png",
        "corrupt PNG file",
        "download it again",
    ),
    "damaged mask": (
        "normal/normal (2)_mask.png",
        damage,
        "normal/normal (2)_mask.png",
        "corrupt PNG file",
        "download it again",
    ),
    "header only": (
        "benign/benign (1).png",
        lambda path: path.write_bytes(png.START),
        "benign/benign (1).png",
        "corrupt PNG file",
        "download it again",
    ),
    "decompression bomb": (
        "benign/benign (2).png",
        lambda path: path.write_bytes(png_of_size(60_000, 60_000)),
        "benign/benign (2).png",
        "exceeds limit",
        "download it again",
    ),
    "JPEG called PNG": (
        "benign/benign (1).png",
        jpeg_in_disguise,
        "benign/benign (1).png",
        "not a PNG file",
        "Expected a PNG image",
    ),
    "16-bit image": (
        "benign/benign (1).png",
        sixteen_bit,
        "benign/benign (1).png",
        "pixel format I;16",
        "Expected 8-bit gray, RGB or RGBA; convert it",
    ),
    "16-bit mask": (
        "benign/benign (1)_mask.png",
        sixteen_bit,
        "benign/benign (1)_mask.png",
        "a mask with 720 levels from 0 to 719, which do not pile up",
        "cut probabilities at a threshold",
    ),
    "non-PNG": (
        "normal/notes.txt",
        Path.touch,
        "normal/notes.txt",
        "not a PNG file",
        "convert or remove it",
    ),
    "folder called PNG": ("normal/normal (3).png", Path.mkdir, "normal (3).png", "not a file", "move it"),
    "strange name": (
        "benign/scan 7.png",
        Path.touch,
        "benign/scan 7.png",
        "name does not fit",
        "Expected `benign (N).png`",
    ),
    "image of another class": (
        "benign/normal (1).png",
        Path.touch,
        "benign/normal (1).png",
        "name does not fit",
        "move it",
    ),
    "lesion without mask pixels": (
        "malignant/malignant (1)_mask.png",
        lambda path: Image.new("1", (WIDTH, HEIGHT)).save(path),
        "malignant/malignant (1)_mask.png",
        "empty mask",
        "mark it, or move the image",
    ),
    "normal with mask pixels": (
        "normal/normal (1)_mask.png",
        lambda path: Image.new("1", (WIDTH, HEIGHT), 1).save(path),
        "normal/normal (1)_mask.png",
        "720 pixels are marked",
        "empty it, or move the image",
    ),
}


@pytest.mark.parametrize(("where", "spoil", "file", "finding", "remedy"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_by_name_and_reported(folder, where, spoil, file, finding, remedy):
    spoil(folder / where)
    with pytest.raises(DataError) as refused:
        load_busi(folder)
    assert str(folder) in str(refused.value)
    for part in (file, finding, remedy):
        assert part in str(refused.value)
    assert any(all(part in fault for part in (file, finding, remedy)) for fault in check(folder).faults)


def test_every_fault_is_listed(folder):
    (folder / "benign/benign (1).png").write_bytes(b"")
    damage(folder / "malignant/malignant (1).png")
    with pytest.raises(DataError, match=r"2 faults.*\n.*benign \(1\).png.*\n.*malignant \(1\).png"):
        load_busi(folder)


def test_many_faults_are_counted(folder):
    for n in range(30):
        (folder / "benign" / f"{n}.txt").touch()
    with pytest.raises(DataError, match=r"30 faults(.|\n)*and 10 more; `busi data check`"):
        load_busi(folder)


def test_not_a_directory(tmp_path, folder):
    with pytest.raises(
        DataError, match=r"nowhere: does not exist.*`busi data fetch`.*`busi data phantom DIR`"
    ):
        load_busi(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"benign \(1\).png: is a file, not a directory. Expected a folder"):
        load_busi(folder / "benign" / "benign (1).png")
    with pytest.raises(
        DataError, match=r"no class folder found \(it holds benign \(1\).png.*name the folder"
    ):
        load_busi(folder / "benign")
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match="it holds nothing"):
        load_busi(tmp_path / "void")


def test_not_one_image_is_readable(folder):
    for path in folder.glob("*/*.png"):
        path.write_bytes(b"")
    for read in (load_busi, check):
        with pytest.raises(DataError, match="6 faults"):
            read(folder)


def test_unreadable_file(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"benign \(1\).png: cannot be read \(Permission denied\). Check"):
        load_busi(folder)


def test_no_truncation_goes_unnoticed(folder):
    path = folder / "benign" / "benign (1).png"
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 11), *range(len(whole) - 20, len(whole))}:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"benign \(1\).png"):
            png.open_png(path)


# --- what is found ----------------------------------------------------------------------------------------


def test_parent_folder_and_system_files(folder):
    parent = folder.parent / "download"
    parent.mkdir()
    folder.rename(parent / "Dataset_BUSI_with_GT")
    for name in (".DS_Store", "Thumbs.db", "benign/.DS_Store", "normal/desktop.ini"):
        (parent / "Dataset_BUSI_with_GT" / name).touch()
    assert len(load_busi(parent, size=16)) == 6


def test_what_macos_leaves_behind_is_passed_over(folder):
    before = load_busi(folder, size=16)
    for path in list(folder.rglob("*")):
        (path.parent / f"._{path.name}").write_bytes(b"x")
    (folder / "__MACOSX").mkdir()
    (folder.parent / "__MACOSX" / "benign").mkdir(parents=True)
    assert_same(load_busi(folder.parent, size=16), before)
    assert check(folder).faults == ()


def test_a_doubled_folder_is_found_up_to_three_deep(folder, tmp_path):
    before = load_busi(folder, size=16)
    for place in ("X", "X/X", "X/X/X"):
        (tmp_path / place).mkdir()
        folder = folder.rename(tmp_path / place / folder.name)
        assert_same(load_busi(tmp_path / "X", size=16), before)
    (tmp_path / "X/X/X/X").mkdir()
    folder.rename(tmp_path / "X/X/X/X" / folder.name)
    with pytest.raises(DataError, match=r"no class folder found \(it holds X\)"):
        load_busi(tmp_path / "X")


def test_two_folders_are_not_guessed_at_unless_one_has_the_name(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(DataError, match=r"class folders in several places: BUSI, copy\. Name one"):
        load_busi(tmp_path)
    folder.rename(tmp_path / "Dataset_BUSI_with_GT")
    assert len(load_busi(tmp_path, size=16)) == 6


@pytest.mark.parametrize("names", [["benign"], list(CLASSES)])
def test_a_folder_of_the_wrong_case_is_named(folder, names):
    for name in names:
        (folder / name).rename(folder / name.title())
    with pytest.raises(DataError) as refused:
        load_busi(folder)
    lines = [
        f"  {name.title()}/: the folder is called {name.title()}. Expected {name}; rename it."
        for name in names
    ]
    assert str(refused.value).splitlines()[1:] == lines


def test_an_archive_is_to_be_unpacked(folder, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "away" / "archive"), "zip", folder)
    target = archive.removesuffix(".zip")
    advice = "Unpack it.*" + re.escape(f'-e "{archive}" "{target}"`, and name the folder that this makes')
    for read in (load_busi, check):
        with pytest.raises(DataError, match="a zip archive, as downloaded. " + advice):
            read(archive)
        with pytest.raises(DataError, match=r"holds archive\.zip.*archive\.zip is an archive\. " + advice):
            read(tmp_path / "away")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    assert len(load_busi(target, size=16)) == 6


def test_a_dark_and_a_bright_mask_of_one_image_are_both_read(folder):
    """The mask of 0 and 1 was lost without a word beside one of 0 and 255."""
    before = load_busi(folder, size=16)
    halves = a_mask(0), a_mask(0)
    halves[0][:, 13:], halves[1][:, :13] = False, False
    Image.fromarray(halves[0].astype(np.uint8)).save(folder / "benign/benign (1)_mask.png")
    Image.fromarray(halves[1].astype(np.uint8) * 255).save(folder / "benign/benign (1)_mask_1.png")
    assert np.array_equal(load_busi(folder, size=16).masks, before.masks)


def test_order_is_by_class_and_number(folder):
    for n in (10, 3):
        for end in (".png", "_mask.png"):
            shutil.copy(folder / f"benign/benign (1){end}", folder / f"benign/benign ({n}){end}")
    entries, faults = scan(folder)
    numbers = [int(re.search(r"\d+", entry.id)[0]) for entry in entries]
    assert (numbers, faults) == ([1, 2, 3, 10, 1, 2, 1, 2], [])
    assert [entry.label for entry in entries] == [0, 0, 0, 0, 1, 1, 2, 2]


def test_dataset_columns(folder):
    shutil.copy(folder / "malignant/malignant (2).png", folder / "benign/benign (2).png")
    data = load_busi(folder, size=16)
    assert data.images.shape == data.masks.shape == (6, 16, 16)
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2] and data.size == 16
    assert data.table["group"].tolist() == [0, 1, 2, 1, 3, 4]
    assert data.table["label_conflict"].tolist() == [False, True, False, True, False, False]
    assert set(data.table["width"]) == {WIDTH} and set(data.table["height"]) == {HEIGHT}
    assert data.has_lesion.tolist() == [True] * 4 + [False] * 2


def test_several_masks_are_merged(folder):
    second = np.zeros((HEIGHT, WIDTH), bool)
    second[18:, 22:] = True
    Image.fromarray(second).save(folder / "benign/benign (1)_mask_1.png")
    third = np.zeros((HEIGHT, WIDTH), bool)
    third[:3, :3] = True
    Image.fromarray(third).convert("RGBA").save(folder / "benign/benign (1)_mask_2.png")
    entries, faults = scan(folder)
    assert not faults and len(entries[0].masks) == 3
    assert np.array_equal(decode(entries[0]).mask, a_mask(0) | second | third)
    assert load_busi(folder).table["n_masks"].tolist() == [3, 1, 1, 1, 1, 1]


# --- pixel formats and resizing ---------------------------------------------------------------------------


def save_as(pixels: np.ndarray, mode: str, path: Path) -> None:
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = picture.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
        assert np.array_equal(np.asarray(picture.convert("L")), pixels)  # the palette holds every gray level
    picture.convert(mode).save(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_gray_twins_decode_alike(tmp_path, mode):
    save_as(a_picture(1), mode, tmp_path / "a.png")
    gray = to_gray(Image.open(tmp_path / "a.png"))
    assert gray.dtype == np.uint8 and np.array_equal(gray, a_picture(1))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA", "P"])
def test_mask_formats_decode_alike(folder, mode):
    expected = load_busi(folder, size=16)
    for label, cls in enumerate(CLASSES):
        for path in (folder / cls).glob("*_mask.png"):
            save_as(a_mask(label).astype(np.uint8) * 255, mode, path)
    data = load_busi(folder, size=16)
    assert np.array_equal(data.masks, expected.masks)


def test_transparent_pixels_count_as_black():
    rgba = np.full((2, 2, 4), 200, np.uint8)
    rgba[..., 3] = [[255, 0], [255, 255]]
    assert to_gray(Image.fromarray(rgba)).tolist() == [[200, 0], [200, 200]]


def test_coloured_marks_become_luma_and_are_flagged(folder):
    rgb = np.repeat(a_picture(1)[:, :, None], 3, axis=2)
    rgb[:8, :8] = 255, 255, 0
    Image.fromarray(rgb).save(folder / "benign/benign (1).png")
    decoded = decode(scan(folder)[0][0])
    assert decoded.image[0, 0] == 226  # 0.299 · 255 + 0.587 · 255
    assert decoded.overlay
    assert load_busi(folder).table["overlay"].tolist() == [True] + [False] * 5


def test_resize_by_hand():
    # Halving: triangle weights 3/7, 3/7 and 1/7 of the three pixels nearest to each new one at an edge.
    rows = np.array([[70, 0, 0, 0], [0, 0, 70, 0], [7, 14, 21, 28]], np.uint8)
    halved = [resize_gray(np.tile(row, (4, 1)), 2) for row in rows]
    assert [image.tolist() for image in halved] == [[[30, 0]] * 2, [[10, 30]] * 2, [[12, 23]] * 2]
    assert resize_gray(np.full((5, 9), 77, np.uint8), 4).tolist() == [[77] * 4] * 4
    assert np.array_equal(resize_gray(a_picture(1)[:, :24], 24), a_picture(1)[:, :24])


@pytest.mark.parametrize(
    ("row", "halved"), [("1000", "00"), ("1100", "10"), ("0110", "11"), ("0010", "00"), ("1110", "11")]
)
def test_resized_mask_by_hand(row, halved):
    mask = np.tile(np.array(list(row)) == "1", (4, 1))
    result = resize_mask(mask, 2)
    assert result.dtype == bool
    assert result.tolist() == [[digit == "1" for digit in halved]] * 2


def test_images_fill_the_square(folder):
    Image.new("L", (90, 20), 50).save(folder / "normal/normal (1).png")
    Image.new("1", (90, 20)).save(folder / "normal/normal (1)_mask.png")
    data = load_busi(folder, size=32)
    assert (data.images[4] == 50).all() and data.table.loc[4, ["width", "height"]].tolist() == [90, 20]


# --- cache ------------------------------------------------------------------------------------------------


def test_hit_equals_miss(folder, own_cache, monkeypatch):
    assert not own_cache.exists()
    missed = load_busi(folder, size=16)
    assert len(list(own_cache.iterdir())) == 1
    monkeypatch.setattr(loader, "_prepare", None)  # nothing may be decoded now
    hit = load_busi(folder, size=16)
    assert_same(missed, hit)
    assert load_busi(folder, size=16, name="mine").name == "mine"


def test_key_follows_content_and_settings_not_place(folder, own_cache):
    first = load_busi(folder, size=16).fingerprint
    assert load_busi(folder, size=32).fingerprint != first
    moved = folder.rename(folder.with_name("elsewhere"))
    assert load_busi(moved, size=16).fingerprint == first
    changed = moved / "benign/benign (2).png"
    before = changed.read_bytes()
    shutil.copy(moved / "benign/benign (1).png", changed)
    other = load_busi(moved, size=16)
    assert other.fingerprint != first
    assert np.array_equal(other.images[1], other.images[0])
    changed.write_bytes(before)
    assert load_busi(moved, size=16).fingerprint == first


def test_second_mask_changes_the_key(folder, own_cache):
    first = load_busi(folder, size=16)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:] = True
    Image.fromarray(mask).save(folder / "benign/benign (1)_mask_1.png")
    second = load_busi(folder, size=16)
    assert second.fingerprint != first.fingerprint and second.masks[0].sum() > first.masks[0].sum()


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def lose_the_masks(content: bytes) -> bytes:
    written = io.BytesIO()
    with np.load(io.BytesIO(content)) as stored:
        np.savez(written, **{key: stored[key] for key in stored.files if key != "masks"})
    return written.getvalue()


def lose_a_row(content: bytes) -> bytes:
    written = io.BytesIO()
    with np.load(io.BytesIO(content)) as stored:
        np.savez(
            written, **{key: stored[key][1:] if key == "labels" else stored[key] for key in stored.files}
        )
    return written.getvalue()


@pytest.mark.parametrize(
    "harm", [lambda _: b"", lambda _: b"no zip", truncate, flip, lose_the_masks, lose_a_row]
)
def test_damaged_cache_is_rebuilt(folder, own_cache, harm, monkeypatch):
    fresh = load_busi(folder, size=16)
    (stored,) = own_cache.iterdir()
    stored.write_bytes(harm(stored.read_bytes()))
    assert_same(load_busi(folder, size=16), fresh)
    monkeypatch.setattr(loader, "_prepare", None)
    assert_same(load_busi(folder, size=16), fresh)  # mended, so read from the cache


def test_cache_that_cannot_be_written_is_said(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BUSI_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot be written.*BUSI_CACHE_DIR"):
        assert len(load_busi(folder)) == 6


def test_faulty_folder_leaves_no_cache(folder, own_cache):
    damage(folder / "benign/benign (1).png")
    with pytest.raises(DataError):
        load_busi(folder)
    assert not own_cache.exists()


# --- the real BUSI ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["gray of imsave", "mask + 1", "0 and 1"])
def test_the_first_mask_of_busi_is_itself_in_any_form_or_refused(form, busi_dir, tmp_path):
    truth = decode(scan(busi_dir)[0][0]).mask
    if form == "gray of imsave":
        plt.imsave(tmp_path / "a.png", truth, cmap="gray")
    else:
        Image.fromarray(truth.astype(np.uint8) + (form == "mask + 1")).save(tmp_path / "a.png")
    if form == "mask + 1":
        with pytest.raises(DataError, match="levels 1 and 2 and no 0"):
            open_mask(tmp_path / "a.png")
    else:
        assert np.array_equal(open_mask(tmp_path / "a.png").lesion, truth)


@pytest.mark.slow
def test_loading_time_of_busi(busi_dir, own_cache):
    """In seconds of the processor, since other tests run beside it."""
    started = time.process_time()
    data = load_busi(busi_dir, size=128)
    cold = time.process_time() - started
    warm = []
    for _ in range(3):
        started = time.process_time()
        again = load_busi(busi_dir, size=128)
        warm.append(time.process_time() - started)
    assert_same(data, again)
    assert len(data) == 780 and np.bincount(data.labels).tolist() == [437, 210, 133]
    assert np.array_equal(data.has_lesion, data.labels < 2)
    assert cold <= 15 and min(warm) <= 1, f"{cold:.1f} s cold, {min(warm):.2f} s from the cache"


# --- coloured marks ---------------------------------------------------------------------------------------


def a_scan(seed: int = 0) -> np.ndarray:
    """Gray levels of every brightness, most of them dark, float (120, 160)."""
    return np.random.default_rng(seed).gamma(2, 30, (120, 160)).clip(0, 255)


TINTS = {
    "none": lambda gray: [gray, gray, gray],
    "bluish, in proportion": lambda gray: [gray * 0.92, gray * 0.98, gray * 1.09],
    "sepia, to white": lambda gray: [gray**0.7 * 255**0.3, gray, gray**1.3 / 255**0.3],
    "an offset": lambda gray: [gray, gray + 12, gray + 3],
    "strong amber": lambda gray: [gray, gray * 0.75, gray * 0.4],
}


def tinted(name: str, mark: tuple[int, int, int] | None = None, side: int = 12) -> Image.Image:
    rgb = np.dstack(TINTS[name](a_scan())).clip(0, 255).astype(np.uint8)
    if mark:
        rgb[20 : 20 + side, 30 : 30 + side] = mark
    return Image.fromarray(rgb)


@pytest.mark.parametrize("name", TINTS)
def test_the_tint_of_a_scanner_is_no_mark(name):
    assert not has_colour(tinted(name))
    assert not has_colour(tinted(name, (255, 255, 255)))  # white text


@pytest.mark.parametrize("name", TINTS)
@pytest.mark.parametrize("mark", [(255, 255, 0), (230, 40, 0), (20, 60, 240), (0, 200, 60)])
def test_marks_are_found_on_a_tinted_picture_too(name, mark):
    assert has_colour(tinted(name, mark))


def test_specks_are_no_mark_and_what_is_transparent_has_no_colour():
    assert not has_colour(tinted("none", (255, 255, 0), side=7))  # 49 pixels
    clear = np.dstack([np.asarray(tinted("none", (255, 255, 0))), np.full((120, 160), 255)]).astype(np.uint8)
    clear[20:32, 30:42, 3] = 0
    assert not has_colour(Image.fromarray(clear))


def test_gray_modes_have_no_colour():
    assert not any(has_colour(Image.new(mode, (20, 20), 1)) for mode in ("1", "L", "I;16"))


@pytest.mark.slow
def test_the_marked_images_of_busi_are_those_known(busi_dir):
    marked = [entry.id for entry in scan(busi_dir)[0] if has_colour(Image.open(entry.image))]
    benign = [6, 13, 69, 102, 234, 240, 255, 261, 277, 323, 330]
    assert marked == [
        *(f"benign ({n})" for n in benign),
        *(f"malignant ({n})" for n in (65, 67, 196)),
        "normal (113)",
    ]
