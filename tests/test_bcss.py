"""Histology tiles: both layouts are read, every fault is named, and the phantoms look like the set."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from busilib.data.bcss import LAYOUTS, bcss_root, load_bcss, read_codes
from busilib.data.dataset import DataError
from busilib.data.phantoms.histology import write_histology_phantom
from busilib.data.splits import folder_split, slide_split
from busilib.data.tiles import CODES, IGNORED, OUTPUTS, TISSUES, Tiles
from busilib.runs.load import load_tiles

SIZE = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """6 slides with 4 tiles each: do not write into it."""
    return write_histology_phantom(
        tmp_path_factory.mktemp("histology"), slides=6, tiles_per_slide=4, size=SIZE
    )


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture(scope="module")
def tiles(folder):
    return load_bcss(folder, size=SIZE)


def one_of(folder, name="train_512"):
    return sorted((folder / "BCSS_512" / name).iterdir())[0]


# Codes


def test_there_are_22_codes_21_outputs_and_20_tissues():
    assert (len(CODES), len(OUTPUTS), len(TISSUES)) == (22, 21, 20)
    assert [CODES[code] for code in IGNORED] == ["outside_roi", "exclude"]
    assert OUTPUTS[0] == CODES[1] == "tumor"
    assert CODES.index("dcis") == 20 and CODES.index("metaplasia_NOS") == 8


# Reading


def test_files_come_back_pixel_by_pixel(folder, tiles):
    assert len(tiles) == 24 and tiles.size == SIZE
    for place in (0, 7, 23):
        part = tiles.table["part"][place]
        for name, found in zip(LAYOUTS["BCSS_512"][part], (tiles.images, tiles.codes), strict=True):
            stored = Image.open(folder / "BCSS_512" / name / f"{tiles.ids[place]}.png")
            np.testing.assert_array_equal(np.asarray(stored), found[place])


def test_the_name_gives_slide_and_place(tiles):
    row = tiles.table.iloc[3]
    assert row["id"] == f"TCGA-00-0000-DX1_xmin1000_ymin1000_MPP-0_{SIZE}_{SIZE}_size{SIZE}"
    assert (row["slide"], row["row"], row["column"]) == ("TCGA-00-0000-DX1", SIZE, SIZE)
    assert (tiles.table.groupby("slide")["group"].nunique() == 1).all()
    assert tiles.table["group"].nunique() == tiles.table["slide"].nunique() == 6


def test_a_fractional_resolution_in_the_name_is_read(copy):
    for name in ("train_512", "train_mask_512"):
        path = one_of(copy, name)
        path.rename(path.with_name(path.name.replace("MPP-0", "MPP-0.2500")))
    assert len(load_bcss(copy, size=SIZE)) == 24


def test_images_are_averaged_and_codes_are_not_when_made_smaller(copy):
    image, mask = one_of(copy), one_of(copy, "train_mask_512")
    odd = np.broadcast_to(np.arange(SIZE) % 2 == 1, (SIZE, SIZE))
    Image.fromarray(np.where(odd, 200, 0).astype(np.uint8)).convert("RGB").save(image)
    Image.fromarray(np.where(odd, 9, 1).astype(np.uint8)).save(mask)
    small = load_bcss(copy, size=SIZE // 4)
    assert small.codes.shape == (24, SIZE // 4, SIZE // 4)
    assert set(np.unique(small.codes[0])) <= {1, 9}
    assert abs(small.images[0].astype(int) - 100).max() < 15


def test_both_layouts_are_found_where_they_are(folder, tmp_path):
    assert bcss_root(folder) == bcss_root(folder / "BCSS_512") == (folder / "BCSS_512", "BCSS_512")
    write_histology_phantom(tmp_path, slides=5, tiles_per_slide=4, size=32, layout="BCSS")
    assert bcss_root(tmp_path) == bcss_root(tmp_path / "BCSS") == (tmp_path / "BCSS", "BCSS")
    (tmp_path / "BCSS" / "test").mkdir()
    merged = load_bcss(tmp_path, size=32)
    assert set(np.unique(merged.codes)) == {0, 1, 2}
    shared = merged.table.groupby("slide")["part"].nunique()
    assert (shared == 2).all()  # every slide trains and validates, as in the real layout


def test_the_22_code_layout_keeps_slides_apart(tiles):
    assert (tiles.table.groupby("slide")["part"].nunique() == 1).all()


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_masks_in_other_pixel_formats_give_the_same_codes(mode, folder, tmp_path):
    plain = Image.open(one_of(folder, "train_mask_512"))
    codes = np.asarray(plain)
    if mode == "P":
        other = Image.fromarray(codes)
        other.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    else:
        other = plain.convert(mode)
    other.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_codes(tmp_path / "mask.png"), codes)


def test_a_second_load_comes_from_the_cache(folder, tiles, monkeypatch):
    first = load_bcss(folder, size=SIZE)
    monkeypatch.setattr("busilib.data.bcss._prepare", lambda *_, **__: pytest.fail("decoded again"))
    again = load_bcss(folder, size=SIZE)
    assert first.fingerprint == again.fingerprint == tiles.fingerprint


def test_the_fingerprint_is_of_content(tiles):
    codes = tiles.codes.copy()
    codes[5, 3, 3] += 1
    for other in (
        replace(tiles, codes=codes),
        replace(tiles, images=255 - tiles.images),
        replace(tiles, table=tiles.table.assign(part="val")),
        tiles.subset(np.arange(23)),
    ):
        assert other.fingerprint != tiles.fingerprint
    assert replace(tiles, name="other").fingerprint == tiles.fingerprint


def test_a_subset_keeps_its_order(tiles):
    part = tiles.subset(np.array([7, 2]))
    assert part.ids.tolist() == tiles.ids[[7, 2]].tolist()
    np.testing.assert_array_equal(part.codes[1], tiles.codes[2])


def test_tiles_that_do_not_fit_each_other_are_refused(tiles):
    with pytest.raises(DataError, match="differ in length"):
        Tiles(tiles.images[:3], tiles.codes, tiles.table, "x")
    with pytest.raises(DataError, match=r"images must be uint8 \(n, h, w, 3\)"):
        replace(tiles, images=tiles.images[..., 0])
    with pytest.raises(DataError, match="codes must be uint8"):
        replace(tiles, codes=tiles.codes.astype(int))


# Faults


def test_a_folder_without_either_layout_names_both(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError) as caught:
        load_bcss(tmp_path)
    message = str(caught.value)
    assert "it holds pictures" in message and "train_512/" in message and "BCSS/ with train/" in message
    with pytest.raises(DataError, match="does not exist"):
        load_bcss(tmp_path / "nowhere")


def other_size(folder):
    path = one_of(folder, "train_mask_512")
    Image.open(path).crop((0, 0, SIZE, SIZE - 1)).save(path)


def unknown_code(folder):
    path = one_of(folder, "train_mask_512")
    codes = np.asarray(Image.open(path)).copy()
    codes[0, 0] = 22
    Image.fromarray(codes).save(path)


def coloured(folder):
    Image.new("RGB", (SIZE, SIZE), (1, 2, 3)).save(one_of(folder, "train_mask_512"))


def twice(folder):
    for kind in ("", "_mask"):
        path = one_of(folder, f"train{kind}_512")
        shutil.copy(path, folder / "BCSS_512" / f"val{kind}_512")


FAULTS = {
    "mask is missing": lambda folder: one_of(folder, "train_mask_512").unlink(),
    "image is missing": lambda folder: one_of(folder).unlink(),
    rf"mask is {SIZE}×{SIZE - 1} pixels, its image is {SIZE}×{SIZE}": other_size,
    r"train_mask_512/TCGA\S+png: unknown code 22": unknown_code,
    "a mask in colour": coloured,
    "name does not fit": lambda folder: one_of(folder).rename(one_of(folder).with_name("tile 1.png")),
    "this tile is in two parts": twice,
    "not a PNG file": lambda folder: one_of(folder).write_bytes(b"GIF89a"),
    "val_mask_512/: folder is missing": lambda folder: shutil.rmtree(folder / "BCSS_512" / "val_mask_512"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_planted_fault_is_named(message, copy):
    FAULTS[message](copy)
    with pytest.raises(DataError, match=message):
        load_bcss(copy, size=SIZE)


# Phantoms


def test_phantoms_are_the_same_for_the_same_seed(folder, tiles, tmp_path):
    again = write_histology_phantom(tmp_path / "again", slides=6, tiles_per_slide=4, size=SIZE)
    assert load_bcss(again, size=SIZE).fingerprint == tiles.fingerprint
    other = write_histology_phantom(tmp_path / "other", slides=6, tiles_per_slide=4, size=SIZE, seed=1)
    assert load_bcss(other, size=SIZE).fingerprint != tiles.fingerprint


@pytest.fixture(scope="module")
def shown():
    """The phantoms that every profile gets, at 64 pixels."""
    return load_tiles("smoke")


def test_phantoms_are_as_unbalanced_as_bcss(shown):
    assert shown.name == "histology phantoms" and shown.size == 64
    share = np.bincount(shown.codes.ravel(), minlength=22) / shown.codes.size
    assert share[1] + share[2] > 0.6 and min(share[1], share[2]) > 0.2
    rare = share[[3, 4, 6, 9, 13, 18, 20]]
    assert (rare > 0).all() and rare.max() < 0.15
    assert 0 < share[0] < 0.1 and 0 < share[7] < 0.1


def test_phantoms_have_the_colours_of_their_stains(shown):
    """Tumour is darker and bluer than stroma, fat nearly white, on average over all slides."""
    colour = {
        name: shown.images[shown.codes == CODES.index(name)].mean(0) for name in ("tumor", "stroma", "fat")
    }
    assert colour["tumor"].mean() < colour["stroma"].mean() < colour["fat"].mean()
    assert colour["fat"].min() > 200
    red, green, blue = colour["stroma"]
    assert green < red and green < blue  # pink
    assert colour["tumor"][0] < colour["tumor"][2]  # purple


def test_tiles_of_a_slide_share_its_stain(shown):
    """Pink of the stroma varies more between slides than within them."""
    pink = np.array(
        [
            image[codes == 2].mean(0)[1] if (codes == 2).sum() > 200 else np.nan
            for image, codes in zip(shown.images, shown.codes, strict=True)
        ]
    )
    table = shown.table.assign(pink=pink).groupby("slide")["pink"]
    assert table.mean().std() > 1.5 * table.std().mean()


@pytest.mark.parametrize(
    "wrong", [{"slides": 4}, {"tiles_per_slide": 0}, {"size": 16}, {"seed": -1}, {"layout": "BCSS_224"}]
)
def test_phantoms_refuse_what_they_cannot_be(wrong, tmp_path):
    with pytest.raises(DataError, match="histology phantoms: got"):
        write_histology_phantom(tmp_path, **wrong)


def test_phantoms_do_not_mix_with_other_tiles(copy):
    with pytest.raises(DataError, match="holds other tiles"):
        write_histology_phantom(copy, slides=5, tiles_per_slide=4, size=SIZE)


# Splits


@pytest.mark.parametrize("fold", range(5))
def test_no_slide_is_in_two_parts_of_a_slide_split(fold, shown):
    split = slide_split(shown.groups, fold)
    parts = [set(shown.groups[part]) for part in (split.train, split.validation, split.test)]
    assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    together = np.sort(np.concatenate([split.train, split.validation, split.test]))
    assert together.tolist() == list(range(len(shown)))


def test_the_five_folds_of_slides_test_every_tile_once(shown):
    tested = np.concatenate([slide_split(shown.groups, fold).test for fold in range(5)])
    assert sorted(tested) == list(range(len(shown)))


def test_too_few_slides_are_refused():
    with pytest.raises(DataError, match="4 slide"):
        slide_split(np.array([0, 1, 2, 3, 3]))


def test_the_folders_split_selects_on_what_it_reports(tiles):
    split = folder_split(tiles.table["part"].to_numpy())
    assert split.selected_on == "test"
    assert (tiles.table["part"].to_numpy()[split.train] == "train").all()
    assert len(split.train) + len(split.test) == len(tiles)
