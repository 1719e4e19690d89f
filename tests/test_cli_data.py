"""`busi data …` as a user types it: output, exit codes, and no traceback for wrong data."""

import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import requests
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.busi.download import HANDLE


def busi(*arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def test_phantom_then_check(tmp_path):
    folder = tmp_path / "made here"
    code, out, _ = busi(
        "data", "phantom", folder, "--benign", 6, "--malignant", 4, "--normal", 3, "--seed", 5
    )
    assert code == 0 and "6 benign, 4 malignant and 3 normal phantoms, seed 5" in out
    code, out, _ = busi("data", "check", folder)
    assert code == 0
    assert re.search(r"Images +13: 6 benign, 4 malignant, 3 normal", out)
    assert "this is not BUSI" in out and re.search(r"Faults +none", out)


def test_phantom_refuses_bad_counts(tmp_path):
    code, _, err = busi("data", "phantom", tmp_path, "--benign", 2)
    assert code == 2 and err.startswith("busi: phantoms: got") and "expected at least" in err


def test_check_reports_faults_with_exit_code_1(phantom_dir, tmp_path):
    folder = shutil.copytree(phantom_dir, tmp_path / "copied")
    (folder / "benign/benign (1).png").write_bytes(b"")
    (folder / "normal/normal (2)_mask.png").unlink()
    code, out, _ = busi("data", "check", folder)
    assert code == 1
    assert (
        "  benign/benign (1).png: an empty file (0 bytes). Expected a PNG image; download it again.\n" in out
    )
    assert "  normal/normal (2).png: mask is missing." in out


def test_check_as_json(phantom_dir, tmp_path):
    code, out, _ = busi("data", "check", phantom_dir, "--json")
    report = json.loads(out)
    assert code == 0 and report["images"] == {"benign": 12, "malignant": 8, "normal": 6}
    assert report["faults"] == [] and report["verdict"].startswith("this is not BUSI")
    folder = shutil.copytree(phantom_dir, tmp_path / "copied")
    (folder / "notes.txt").touch()
    code, out, _ = busi("data", "check", folder, "--json")
    assert code == 1 and json.loads(out)["faults"][0].startswith("notes.txt: a file beside")


def test_wrong_folder_is_a_message_with_exit_code_2(tmp_path):
    code, out, err = busi("data", "check", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert err.startswith("busi: ") and "nowhere: does not exist. Expected" in err
    code, _, err = busi("train", "r1-unet", "--data", tmp_path / "nowhere")
    assert code == 2 and "nowhere: does not exist. Expected" in err


def test_faulty_data_stop_a_training_with_every_fault(phantom_dir, tmp_path):
    folder = shutil.copytree(phantom_dir, tmp_path / "copied")
    for name in ("benign/benign (1).png", "malignant/malignant (2).png"):
        (folder / name).write_bytes(b"")
    code, _, err = busi("train", "r1-unet", "--data", folder)
    assert code == 2 and "2 faults, nothing loaded:" in err
    assert err.count("an empty file (0 bytes)") == 2


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    return tmp_path / "kagglehub" / "datasets" / HANDLE


def test_fetch_checks_and_tells_the_folder(cache, phantom_dir):
    folder = cache / "versions" / "1" / "Dataset_BUSI_with_GT"
    shutil.copytree(phantom_dir, folder)
    (cache / "1.complete").touch()
    code, out, _ = busi("data", "fetch")
    assert code == 0 and re.search(r"Images +26", out)
    assert f'--data "{folder}"' in out
    (folder / "benign/benign (1).png").write_bytes(b"")
    code, out, err = busi("data", "fetch")
    assert code == 1 and "an empty file" in out
    assert f"damaged: delete {cache} and run `busi data fetch` again" in err


def test_fetch_without_network(cache, monkeypatch):
    def dataset_download(handle):
        raise requests.ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=dataset_download))
    code, _, err = busi("data", "fetch")
    assert code == 2 and "Kaggle cannot be reached" in err and "`--data DIR`" in err


def test_other_errors_are_not_hidden(monkeypatch):
    def fetch():
        raise ValueError("a fault of ours")

    monkeypatch.setattr("busilib.data.busi.download.fetch", fetch)
    result = CliRunner().invoke(app, ["data", "fetch"])
    assert isinstance(result.exception, ValueError) and result.exit_code == 1


def test_help_starts_without_heavy_imports():
    code = (
        "import sys, busilib.cli.main; "
        "print(*{'tensorflow', 'keras', 'pandas', 'numpy', 'sklearn'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
    _, out, _ = busi("data", "--help")
    assert all(command in out for command in ("phantom", "fetch", "check"))
