"""Phantoms are drawn once, kept under the version of their drawing, and whole from the first moment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busilib.data.phantoms import histology, ultrasound
from busilib.runs import load

MENDED = "the drawing has changed: raise VERSION beside it and write the new means here"

# Mean gray level of each picture and share of each mask, by version of the drawing. A flipped rounding of
# another processor moves a mean by 0.00001, a changed drawing by far more.
# fmt: off
ULTRASOUND = {
    1: [
        103.663,
        14.609,
        119.452,
        6.346,
        9.536,
        94.887,
        2.742,
        3.198,
        4.366,
        52.092,
        25.468,
        53.305,
        22.102,
        115.564,
        14.9,
        72.087,
        26.292,
        50.113,
        6.842,
        9.476,
        48.188,
        22.209,
        70.167,
        26.672,
        104.951,
        0.0,
        61.917,
        0.0,
        112.722,
        0.0,
    ]
}
HISTOLOGY = {1: [162.445, 167.946, 166.11, 182.526, 3.012, 2.793, 2.298, 2.241, 170.911, 4.797]}


def means(folder: Path) -> list[float]:
    paths = sorted(folder.rglob("*.png"))
    return [round(float(np.asarray(Image.open(path).convert("L"), float).mean()), 3) for path in paths]


def test_ultrasound_phantoms_are_those_of_their_version(tmp_path):
    found = means(ultrasound.write_phantom(tmp_path, **ultrasound.MINIMUM, seed=3))
    assert found == pytest.approx(ULTRASOUND.get(ultrasound.VERSION), abs=2e-3), MENDED


def test_histology_phantoms_are_those_of_their_version(tmp_path):
    found = means(histology.write_histology_phantom(tmp_path, **histology.MINIMUM, seed=3))
    assert found == pytest.approx(HISTOLOGY.get(histology.VERSION), abs=2e-3), MENDED


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BUSI_CACHE_DIR", str(tmp_path))
    return tmp_path / "phantoms"


def write(folder: Path, seed: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "drawn").write_text(str(seed))
    return folder


def test_phantoms_are_drawn_once_for_each_version_and_seed(own_cache):
    drawn = []

    def once(folder: Path, seed: int) -> Path:
        drawn.append(seed)
        return write(folder, seed)

    for version, seed in [(1, 0), (1, 0), (1, 4), (2, 0), (1, 4)]:
        folder = load._written_once("phantoms", once, version, seed)
        assert (folder / "drawn").read_text() == str(seed)
    assert drawn == [0, 4, 0]
    assert len(list(own_cache.iterdir())) == 3  # and nothing half-written


def test_a_failed_drawing_leaves_nothing(own_cache):
    def fails(folder: Path, seed: int) -> Path:
        write(folder, seed)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        load._written_once("phantoms", fails, 1, 0)
    assert not list(own_cache.iterdir())
    assert load._written_once("phantoms", write, 1, 0).is_dir()


def test_whoever_is_second_takes_what_the_first_has_drawn(own_cache):
    def overtaken(folder: Path, seed: int) -> Path:
        load._written_once("phantoms", write, 1, seed)  # another program, while this one draws
        return write(folder, seed)

    folder = load._written_once("phantoms", overtaken, 1, 0)
    assert (folder / "drawn").read_text() == "0"
    assert list(own_cache.iterdir()) == [folder]


def test_programs_that_start_at_once_leave_one_whole_folder(own_cache):
    code = (
        "import sys, time; from pathlib import Path; from busilib.runs import load\n"
        "def write(folder, seed):\n"
        "    folder.mkdir()\n"
        "    for n in range(20): (folder / str(n)).write_text('drawn'); time.sleep(0.01)\n"
        "    return folder\n"
        "print(len(list(load._written_once('phantoms', write, 1, 0).iterdir())))"
    )
    programs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [program.communicate()[0].strip() for program in programs] == ["20"] * 3
    assert [path.name for path in own_cache.iterdir()] == ["v1-seed0"]
