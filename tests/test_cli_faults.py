"""Whatever is typed, and wherever, `busi` ends with a line and an exit code, never a traceback."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from busilib import provenance
from busilib.cli.main import app
from busilib.data.folders import expanded
from busilib.errors import explained

ROWS = "id,benign,malignant,normal\nbenign (1),0.9,0.05,0.05\nmalignant (1),0.1,0.8,0.1\n"


@pytest.fixture
def away(tmp_path, monkeypatch) -> Path:
    """A folder outside any checkout, with a file, an empty folder and predictions, where we stand."""
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "mine.csv").write_text(ROWS)
    (tmp_path / "broken.weights.h5").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUSI_DIR", raising=False)
    return tmp_path


def busi(*arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, result.stdout, result.stderr


NO_CHECKOUT = "not in a checkout of the project"
IS_FILE = "a file: is a file, so nothing can be written there. Name a folder."
BELOW = "lies below .*a file, which is a file, so nothing can be written there"
MINE = ["evaluate", "mine.csv", "--partial", "--draws", 10]
REFUSED = [
    # started elsewhere
    (["figure", "summary.png"], NO_CHECKOUT),
    (["colab"], NO_CHECKOUT),
    (["report"], NO_CHECKOUT),
    (["report", "--only", "99"], NO_CHECKOUT),
    # output that cannot be written
    (["data", "phantom", "a file"], IS_FILE),
    (["data", "phantom", "a file/x/y"], BELOW),
    (["data", "histology-phantom", "a file"], IS_FILE),
    (["data", "histology-phantom", "a file/x"], BELOW),
    ([*MINE, "--out", "a file"], IS_FILE),
    ([*MINE, "--out", "a file/x"], BELOW),
    (["weights", "convert", "resnet34", "a file", "--out", "a file"], IS_FILE),
    (["predict", "mine.csv", "--out", "a file"], IS_FILE),
    (["predict", "mine.csv", "--out", "a file/x"], BELOW),
    (["model", "export", "r2-cnn", "--out", "a folder"], "is a folder. Name a file in it"),
    (["model", "export", "r2-cnn", "--out", "nowhere/x.keras"], "there is no folder nowhere"),
    # a picture or a model that is not there or something else
    (["predict", "nowhere"], "nowhere: does not exist. Name a picture or a folder of pictures"),
    (["predict", "a folder"], "a folder: no picture in it"),
    (["predict", "mine.csv", "--model", "a file"], "a file: cannot be read"),
    (["predict", "mine.csv", "--model", "nowhere.keras"], "there is no such model file"),
    (["model", "export", "nothing", "--out", "x.keras"], "nothing"),
    # input that is not there or something else
    (["data", "check", "nowhere"], "nowhere: does not exist"),
    (["data", "check", "a file"], "is a file, not a directory"),
    (["data", "check", "a folder"], "not recognised .it holds nothing.. Expected BUSI"),
    (["data", "check", "~nobody here/x"], "~nobody here/x: does not exist"),
    (["data", "check", "x" * 300], "File name too long"),
    (["evaluate", "nowhere.csv"], "no such file"),
    (["evaluate", "a file"], "an empty file"),
    (["evaluate", "a folder"], "Name BUSI's folder with --data DIR"),
    (["evaluate", "a folder", "--data", "a file"], "an empty folder"),
    ([*MINE, "--split", "nowhere.csv"], "no such file"),
    ([*MINE, "--split", "a folder"], "a folder, not a file"),
    ([*MINE, "--draws", "1"], "Invalid value for '--draws'"),
    (["weights", "convert", "resnet50", "a file"], "no conversion for 'resnet50'"),
    (["weights", "convert", "resnet34", "nowhere.pth"], "no such file"),
    (["train", "r9-net"], "no experiment 'r9-net'"),
    (["train", "r1-unet", "--profile", "huge"], "no profile 'huge'"),
    (["train", "r1-unet", "--profile", "laptop"], "needs its folder"),
    (["train", "r1-unet", "--data", "nowhere"], "nowhere: does not exist"),
    (["train", "r1-unet", "--data", "~nobody here"], "does not exist"),
    (["train", "r5-unet-resnet34", "--data", "a folder"], "no folder of BCSS found"),
    (["train", "r1-unet", "--seed", "-1"], "Invalid value for '--seed'"),
    (["train", "r1-unet", "--seed", 2**40], "Invalid value for '--seed'"),
    (["train", "r1-unet", "--fold", "x"], "Invalid value for '--fold'"),
    (["study", "astrology"], "no study 'astrology'"),
    (["study", "negative-controls", "--profile", "huge"], "no profile 'huge'"),
    (["study", "negative-controls", "--data", "a file"], "is a file, not a directory"),
    # counts
    (["data", "phantom", "new", "--benign", "-3"], "expected at least"),
    (["data", "phantom", "new", "--seed", "-3"], "seed >= 0"),
    (["data", "histology-phantom", "new", "--slides", "0"], "expected at least"),
    (["data", "histology-phantom", "new", "--layout", "ABC"], "one of BCSS_512, BCSS"),
    # no command, or none of ours
    (["astrology"], "No such command"),
    (["data", "astrology"], "No such command"),
    (["train"], "Missing argument"),
    (["figure"], "Missing argument"),
]


@pytest.mark.parametrize(("command", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_done_is_said(command, message, away):
    before = sorted(away.rglob("*"))
    code, out, err = busi(*command)
    assert code == 2 and re.search(message, err) and "Traceback" not in out + err
    assert sorted(away.rglob("*")) == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["train", "r1-unet", "--protocol", "luck"], "no protocol 'luck'"),
        (["train", "r1-unet", "--fold", "9"], "has folds 0 to 4"),
        (["train", "r1-unet", "--inputs", "tea"], "no inputs 'tea'"),
        (["train", "r2-mobilenet", "--weights", "nowhere"], "no such file"),
        (["train", "r2-mobilenet", "--weights", "broken.weights.h5"], "does not hold weights"),
        (["study", "outside-segmentation", "--outside", "nowhere"], "nowhere: does not exist"),
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_said(command, message, away):
    code, _, err = busi(*command)
    assert code == 2 and re.search(message, err)


def test_the_summary_needs_a_name_with_an_ending_and_records(away):
    (away / "notebooks").mkdir()
    (away / "pyproject.toml").write_text("[project]\nname = 'busilib'\n")
    for name, message in {
        "summary.txt": "no format for .txt. Expected .png, .svg, .pdf",
        "summary": "no format for no ending",
        "a folder": "is a folder. Name a file in it, such as a folder/summary.png",
        "a file/x.png": "is a file, so nothing can be written there",
        "nowhere/x.png": "there is no folder nowhere. Make it first",
        "summary.png": "no record of own-clf, as-r1",
    }.items():
        code, _, err = busi("figure", name)
        assert code == 2 and message in err
    assert busi("report")[0] == 2


def test_another_project_with_notebooks_is_no_checkout(away):
    (away / "notebooks").mkdir()
    for text in ("", "[project]\nname = 'other'\n", "not = = toml"):
        (away / "pyproject.toml").write_text(text)
        assert NO_CHECKOUT in busi("colab")[2]


FULL = OSError(errno.ENOSPC, "No space left on device", "findings/report.md")


@pytest.mark.parametrize("where", ["mkdir", "write_text"])
def test_a_full_disk_is_said(where, away, monkeypatch):
    def full(self, *arguments, **options):
        raise FULL

    monkeypatch.setattr(Path, where, full)
    code, _, err = busi(*MINE, "--out", "findings")
    assert code == 2
    assert err.endswith(
        "busi: findings/report.md: No space left on device. Make room, or name another place.\n"
    )


def test_a_full_disk_under_phantoms_is_said(away, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    code, _, err = busi("data", "phantom", "new")
    assert code == 2 and "could not be read or written: No space left on device. Make room" in err


def test_a_folder_that_cannot_be_written_to_is_found_before_the_work(away, monkeypatch):
    def access(path, mode):
        return not mode & os.W_OK or Path(path).name != "a folder"

    monkeypatch.setattr(os, "access", access)
    for command in ([*MINE, "--out", "a folder/x"], ["data", "phantom", "a folder"]):
        code, out, err = busi(*command)
        assert (code, out) == (2, "") and "a folder cannot be written to" in err


def test_errors_of_the_system_are_explained():
    assert explained(MemoryError()).startswith("memory is used up")
    assert explained(PermissionError(errno.EACCES, "Permission denied", "x")) == (
        "x: Permission denied. Mend its permissions, or name another place."
    )
    assert explained(OSError("odd")) == "a file could not be read or written: odd. Check the path."


def test_a_home_that_is_nobodys_stays_as_it_is():
    assert expanded("~") == Path.home() and expanded("~nobody here/x") == Path("~nobody here/x")


def test_signs_that_a_terminal_lacks_are_no_error(away):
    command = "from busilib.cli.main import app; app()"
    found = subprocess.run(
        [sys.executable, "-c", command, *map(str, MINE)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0 and "Traceback" not in found.stderr and "Confusion matrix" in found.stdout


# What the program tells of itself


def test_version_names_backend_and_commit_without_starting_keras(tmp_path):
    code = (
        "import sys\nfrom busilib.cli.main import app\napp(['--version'], standalone_mode=False)\n"
        "sys.exit(bool({'keras', 'tensorflow', 'torch', 'jax'} & {*sys.modules}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0
    assert re.fullmatch(
        r"busilib \d\S* \(commit (\w{10}(\+changes)?|unknown)\), Keras 3\.\S+ with jax, Python 3\.\S+\n",
        found.stdout,
    )


def test_the_backend_is_that_of_keras(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert provenance.backend_name() == "tensorflow"
    for text, name in (("{", "tensorflow"), ("[]", "tensorflow"), ('{"backend": "torch"}', "torch")):
        (tmp_path / "keras.json").write_text(text)
        assert provenance.backend_name() == name
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert provenance.backend_name() == "jax"


def test_the_commit_is_that_of_the_code_not_of_where_we_stand(tmp_path, monkeypatch):
    here = provenance.program()
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    assert provenance.program() == here


def test_completion_is_offered():
    code, out, _ = busi("--help")
    assert code == 0 and "--install-completion" in out and "--version" in out
