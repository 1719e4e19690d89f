"""Colab cells follow the one address in pyproject.toml."""

import shutil
from pathlib import Path

import nbformat
import pytest

from busilib.publish.colab import TAG, sync

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def publish(root, address):
    line = f'[project.urls]\nRepository = "{address}"' if address else "[project.urls]"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (root / "pyproject.toml").write_text(text.replace("[project.urls]", line), encoding="utf-8")


def colab_cells(root):
    path = root / "notebooks" / "01_data_exploration.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if TAG in cell.metadata.get("tags", [])]


def test_the_repository_is_in_step_with_its_address(copy):
    assert sync(copy) == []


def test_an_address_brings_the_cells_and_its_loss_takes_them_away(copy):
    before = (copy / "notebooks" / "01_data_exploration.ipynb").read_bytes()
    publish(copy, "https://github.com/someone/busi-book")
    assert len(sync(copy)) == len(list(copy.glob("notebooks/*.ipynb")))
    badge, setup = colab_cells(copy)
    assert "someone/busi-book/blob/main/notebooks/01_data_exploration.ipynb" in badge.source
    assert "git clone --quiet --depth 1 https://github.com/someone/busi-book" in setup.source
    compile(setup.source, "setup", "exec")
    assert sync(copy) == []
    publish(copy, "")
    sync(copy)
    assert (copy / "notebooks" / "01_data_exploration.ipynb").read_bytes() == before


def test_a_host_that_colab_cannot_open_brings_none(copy):
    publish(copy, "https://example.org/busi-book")
    assert sync(copy) == []
