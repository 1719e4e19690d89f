"""A picture of one's own: what is said, what is not, and that every output says what it is not for."""

import csv
import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.dataset import CLASSES, DataError
from busilib.data.look import look
from busilib.data.pixels import colour_share
from busilib.metrics.calibration import apply_temperature, fit_temperature
from busilib.metrics.unlike import cloud_of, unlikeness
from busilib.models.archive import ArchiveError, ask, read_archive, with_features, write_archive
from busilib.models.shipped import LARGEST, SHA256, card_of, shipped
from busilib.predict import answer as said
from busilib.predict import models as models_of_busilib
from busilib.predict.export import RunError, archive_of, find_run
from busilib.predict.models import find_models
from busilib.predict.picture import Picture, PictureError, find_pictures, read_picture
from busilib.predict.write import caption, names_of, overlay
from busilib.reports.registry import experiment
from busilib.runs import load, runner
from busilib.runs.measured import metrics_of_busi
from busilib.runs.records import find_parts

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
NOTE = "Not for clinical use."
RESULTS = Path(__file__).parents[1] / "results"


def busi(*arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "300"})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder of its own for runs, and one epoch."""
    folder, plain = tmp_path_factory.mktemp("project"), runner.settings_for
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(runner, "settings_for", lambda *args: replace(plain(*args), epochs=1))
        yield folder


@pytest.fixture(scope="module")
def trained(project):
    data = load.load_data("smoke")
    return {id: runner.run(id, data, "smoke") for id in ("r2-cnn", "r4-unet")}


@pytest.fixture(scope="module")
def archives(trained):
    return {id: archive_of(find_run(id)) for id in trained}


@pytest.fixture(scope="module")
def files(archives, project) -> dict[str, Path]:
    found = {id: project / f"{id}.keras" for id in archives}
    for id, archive in archives.items():
        write_archive(found[id], archive)
    return found


@pytest.fixture(scope="module")
def models(files):
    return find_models([str(path) for path in files.values()])


@pytest.fixture(scope="module")
def drawn(trained) -> Path:
    """The folder of the phantoms that the models learned from."""
    return load.data_folder("smoke")


def screenshot() -> Image.Image:
    picture = Image.new("L", (320, 240), 245)
    draw = ImageDraw.Draw(picture)
    for row in range(12):
        draw.text((12, 12 + 18 * row), "File  Edit  View  Help   Patients   Reports", fill=20)
    draw.rectangle((0, 0, 319, 8), fill=60)
    return picture


# Reading a picture


def test_any_common_format_gives_the_same_gray(tmp_path):
    gray = np.random.default_rng(0).integers(0, 256, (50, 70)).astype(np.uint8)
    for ending in ("png", "tif", "bmp"):
        Image.fromarray(gray).save(tmp_path / f"p.{ending}")
        assert (read_picture(tmp_path / f"p.{ending}").gray == gray).all()
    Image.fromarray(gray).convert("RGB").save(tmp_path / "p.jpg", quality=95)
    read = read_picture(tmp_path / "p.jpg")
    assert read.gray.shape == (50, 70) and read.colour < 0.001


def test_sixteen_bits_are_scaled_with_a_word(tmp_path):
    levels = np.linspace(1000, 3000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    read = read_picture(tmp_path / "deep.png")
    assert (read.gray.min(), read.gray.max()) == (0, 255) and "more than 8 bits" in read.notes[0]


def test_a_turned_photograph_is_turned_back(tmp_path):
    picture = Image.fromarray(np.tile(np.arange(80, dtype=np.uint8), (40, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").gray.shape == (80, 40)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("scan.dcm", b"x", "a DICOM file"),
        ("scan.png", b"\0" * 128 + b"DICM" + b"\0" * 99, "Convert it to PNG or JPEG"),
        ("text.png", b"hello", "cannot be read as a picture"),
        ("empty.jpg", b"", "cannot be read as a picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PictureError, match=told) as error:
        read_picture(tmp_path / name)
    assert name in str(error.value)


def test_a_picture_of_a_few_pixels_is_refused(tmp_path):
    Image.new("L", (300, 5)).save(tmp_path / "thin.png")
    with pytest.raises(PictureError, match=r"300×5 pixels\. Expected 32 at least"):
        read_picture(tmp_path / "thin.png")


def test_folders_are_searched_but_for_the_results(tmp_path):
    for name in ("b/2.png", "b/1.JPG", "out/1_mask.png", "._a.png", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_pictures([tmp_path, tmp_path / "b" / "2.png"], tmp_path / "out")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["b/1.JPG", "b/2.png"]
    with pytest.raises(PictureError, match="does not exist"):
        find_pictures([tmp_path / "no"])
    with pytest.raises(PictureError, match="no picture in it"):
        find_pictures([tmp_path / "out"], tmp_path / "out")


def test_files_of_one_name_get_numbers():
    assert names_of(map(Path, ["a/1.png", "a/1.jpg", "b/1.PNG", "2.png"])) == ["1", "1 (2)", "1 (3)", "2"]


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "rocket.jpg", "retina.jpg", "color.png"])
def test_colour_photographs_are_told_by_their_colour(name):
    with Image.open(PHOTOGRAPHS / name) as picture:
        assert colour_share(picture) >= said.COLOURED


def test_coloured_marks_are_no_photograph():
    picture = np.full((100, 100, 3), 90, np.uint8)
    picture[:20, :20] = (255, 255, 0)
    assert colour_share(Image.fromarray(picture)) == 0.04
    assert colour_share(Image.fromarray(picture[..., 0])) == 0


def test_no_image_of_busi_is_refused_for_its_colour(busi_dir):
    most = 0.0
    for path in busi_dir.glob("*/*).png"):
        with Image.open(path) as picture:
            most = max(most, colour_share(picture))
    assert 0.04 < most < said.COLOURED / 2


# The model file


@pytest.mark.slow
def test_a_model_file_says_what_its_run_says(trained, files):
    for id, run in trained.items():
        archive = read_archive(files[id])
        images = run.data.images[run.split.test]
        output, seen = ask(with_features(archive.model), images)
        expected = run.probabilities(run.split.test)
        assert output == pytest.approx(expected, abs=1e-5)
        assert seen.shape == (len(images), archive.reference["encoder"].shape[1])
        learned = archive.facts["learned_from"]["images"]
        assert learned == len(archive.reference["look"]) == len(run.split.train)
        assert archive.facts["never_saw"]["fold"] == 0 and archive.facts["note"] == NOTE


@pytest.mark.slow
def test_what_is_chosen_is_chosen_on_validation_images(trained, archives):
    run, facts = trained["r2-cnn"], archives["r2-cnn"].facts
    assert facts["temperature"] == pytest.approx(fit_temperature(run.validation))
    scaled = apply_temperature(run.validation, facts["temperature"])[list(CLASSES)].to_numpy()
    least = facts["abstention"]["threshold"]
    right = scaled.argmax(1) == pd.Categorical(run.validation["true"], categories=CLASSES).codes
    kept = scaled.max(1) >= (np.inf if least is None else least - 1e-12)
    assert not kept.any() or (~right[kept]).mean() <= 0.1
    images, reference = run.data.images[run.split.validation], archives["r2-cnn"].reference
    seen = {"look": look(images), "encoder": ask(with_features(archives["r2-cnn"].model), images)[1]}
    for kind, limit in facts["unlike"]["limits"].items():
        scores = unlikeness(seen[kind], cloud_of(reference[kind]))
        assert (scores <= limit + 1e-6).mean() >= 0.99


@pytest.mark.slow
def test_half_precision_is_half_the_size_and_says_nearly_the_same(archives, files, tmp_path):
    for id, archive in archives.items():
        write_archive(tmp_path / "half.keras", archive, half=True)
        assert (tmp_path / "half.keras").stat().st_size < 0.62 * files[id].stat().st_size
        images = np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8)
        whole, half = (
            ask(with_features(each.model), images)[0]
            for each in (archive, read_archive(tmp_path / "half.keras"))
        )
        assert half == pytest.approx(whole, abs=0.02)


@pytest.mark.slow
def test_a_file_that_would_run_code_is_refused(files, tmp_path):
    """A Lambda layer holds code; safe mode does not let it in."""
    from busilib.keras_backend import keras

    image = keras.Input((64, 64, 1))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image))
    model.save(tmp_path / "code.keras")
    with zipfile.ZipFile(files["r2-cnn"]) as source, zipfile.ZipFile(tmp_path / "code.keras", "a") as target:
        for name in ("busilib.json", "busilib.npz"):
            target.writestr(name, source.read(name))
    with pytest.raises(ArchiveError, match=r"code.keras: Keras cannot load it .*Lambda"):
        read_archive(tmp_path / "code.keras")


@pytest.mark.slow
def test_files_that_are_no_model_are_named(files, tmp_path):
    (tmp_path / "no.keras").write_bytes(b"no")
    with pytest.raises(ArchiveError, match=r"cannot be read .*busi model export"):
        read_archive(tmp_path / "no.keras")
    with zipfile.ZipFile(files["r2-cnn"]) as source:
        for lacking in ("busilib.json", "model.weights.h5"):
            with zipfile.ZipFile(tmp_path / "part.keras", "w") as target:
                for name in set(source.namelist()) - {lacking}:
                    target.writestr(name, source.read(name))
            with pytest.raises(ArchiveError, match=r"busilib\.json|Keras cannot load it"):
                read_archive(tmp_path / "part.keras")
    facts = json.loads(zipfile.ZipFile(files["r2-cnn"]).read("busilib.json")) | {"format": 99}
    with zipfile.ZipFile(tmp_path / "later.keras", "w") as target:
        target.writestr("busilib.json", json.dumps(facts))
        target.writestr("busilib.npz", zipfile.ZipFile(files["r2-cnn"]).read("busilib.npz"))
    with pytest.raises(ArchiveError, match="format 99, this program reads 2"):
        read_archive(tmp_path / "later.keras")


@pytest.mark.slow
def test_runs_are_found_with_their_own_data_only(trained, drawn, tmp_path):
    assert find_run("r2-cnn").folder == trained["r2-cnn"].folder
    with pytest.raises(RunError, match=r"no trained run of r1-unet .*busi train r1-unet"):
        find_run("r1-unet")
    with pytest.raises(RunError, match="r2-cnn, fold 3"):
        find_run("r2-cnn", fold=3)
    others = tmp_path / "others"
    shutil.copytree(drawn, others)
    picture = next(others.glob("benign/*).png"))
    Image.fromarray(255 - np.asarray(Image.open(picture).convert("L"))).save(picture)
    with pytest.raises(DataError, match="was trained on other data"):
        find_run("r2-cnn", others)


def test_models_of_the_package_are_what_was_committed_and_keep_their_bounds():
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped()} == SHA256
    for path in shipped():
        card = card_of(path)
        assert path.stat().st_size <= LARGEST and not card["exported"]["commit"].endswith("changes")


@pytest.mark.slow
def test_the_model_of_the_package_answers_without_a_word_more():
    from busilib.keras_backend import keras

    keras.utils.clear_session()  # as in a fresh process: names of layers are counted from the start
    (model,) = find_models([])
    rng = np.random.default_rng(0)
    speckle = np.clip(gaussian_filter(rng.rayleigh(60, (300, 400)), (1, 2)), 0, 255).astype(np.uint8)
    loose = {"unlike": {"limits": {"look": 1e9, "encoder": 1e9}}}
    found = said.answer(Picture(Path("speckle.png"), speckle, 0.0), forced([model], **loose))
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert found.lesion.shape == speckle.shape


def test_the_figures_of_the_model_of_the_package_are_those_of_its_records():
    """Half precision moves a probability in the third decimal, and no figure here."""
    card = card_of(shipped()[0])
    for id in ("own-multi-seg", "own-multi-clf"):
        (part,) = [one for one in find_parts(id, "laptop", folder=RESULTS) if (one.seed, one.fold) == (0, 0)]
        told = metrics_of_busi(experiment(id).task, part.tables["predictions"], "laptop")
        for key in card["never_saw"]["figures"].keys() & told.keys():
            assert card["never_saw"]["figures"][key]["value"] == pytest.approx(told[key]["value"], abs=1e-6)


# What is said


@pytest.mark.slow
def test_probabilities_are_calibrated_and_the_mask_has_the_size_of_the_picture(trained, models, drawn):
    run, (judge, outliner) = trained["r2-cnn"], models
    index = run.split.test[0]
    path = drawn / run.data.table["class"][index] / f"{run.data.ids[index]}.png"
    found = said.answer(read_picture(path), models)
    raw = pd.DataFrame(run.probabilities(np.array([index])), columns=list(CLASSES))
    expected = apply_temperature(raw, judge.facts["temperature"]).iloc[0]
    assert found.probabilities == pytest.approx(expected.to_dict(), abs=1e-5)
    assert found.lesion.shape == found.picture.gray.shape == Image.open(path).size[::-1]
    alone = said.answer(read_picture(path), [outliner])
    assert (alone.lesion == found.lesion).all() and not alone.probabilities and not alone.called


def forced(models, **facts):
    """The same models with other thresholds."""
    return [replace(one, archive=replace(one.archive, facts=one.archive.facts | facts)) for one in models]


@pytest.mark.slow
def test_it_abstains_where_its_rule_says_so(models, drawn):
    picture = read_picture(next(drawn.glob("benign/*).png")))
    far = {"look": 1e9, "encoder": 1e9}
    judge = [one for one in models if "classification" in one.tasks]

    def with_rule(threshold, unlike=far):
        rule = {"abstention": {"risk": 0.1, "threshold": threshold}, "unlike": {"limits": unlike}}
        return said.answer(picture, forced(judge, **rule))

    sure, unsure, never = with_rule(0.0), with_rule(1.01), with_rule(None)
    assert sure.status == "answered" and sure.called == max(sure.probabilities, key=sure.probabilities.get)
    assert unsure.status == never.status == "abstained" and unsure.called == never.called == ""
    assert "Not sure enough" in unsure.why[0] and "names no class" in never.why[0]
    scores = {kind: each["score"] for kind, each in sure.unlike["r2-cnn"].items()}
    refused = with_rule(0.0, {"look": scores["look"] / 1.1, "encoder": 1e9})
    assert refused.status == "refused" and not refused.probabilities and refused.lesion is None
    assert "1.10 times as far" in refused.why[0]
    foreign = with_rule(0.0, {"look": 1e9, "encoder": scores["encoder"] / 1.2})
    assert foreign.status == "abstained" and foreign.probabilities and not foreign.called
    assert "another kind of scanner" in foreign.why[0] and with_rule(0.0, scores).status == "answered"


@pytest.mark.slow
def test_one_network_for_both_tasks_says_what_its_runs_say(project, drawn, tmp_path):
    classes = runner.run("own-multi-clf", load.load_data("smoke"), "smoke")
    (outlines,) = classes.members
    write_archive(tmp_path / "both.keras", archive_of(find_run("own-multi-clf")))
    (both,) = find_models([str(tmp_path / "both.keras")])
    assert both.tasks == ["segmentation", "classification"]
    assert {"lesion_dice", "macro_f1"} <= both.facts["never_saw"]["figures"].keys()
    assert both.facts["presence_threshold"] == outlines.facts["presence_threshold"]
    index = classes.split.test[:1]
    path = drawn / classes.data.table["class"][index[0]] / f"{classes.data.ids[index[0]]}.png"
    square = outlines.probabilities(index, head="mask")[0]
    loose = {"unlike": {"limits": {"look": 1e9, "encoder": 1e9}}, "threshold": float(np.median(square))}
    found = said.answer(read_picture(path), forced([both], presence_threshold=0.0, **loose))
    raw = pd.DataFrame(classes.probabilities(index), columns=list(CLASSES))
    expected = apply_temperature(raw, both.facts["temperature"]).iloc[0].to_dict()
    assert found.probabilities == pytest.approx(expected, abs=1e-4)
    assert found.lesion.mean() == pytest.approx(0.5, abs=0.05)
    gated = said.answer(read_picture(path), forced([both], presence_threshold=1.1, **loose))
    assert not gated.lesion.any() and gated.probabilities == found.probabilities
    with pytest.raises(said.ModelError, match="both do segmentation"):
        find_models([str(tmp_path / "both.keras"), "r4-unet"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["astronaut.png", "coffee.png", "camera.png", "page.png", "noise", "screen", "black"]
)
def test_what_is_no_ultrasound_is_refused(name, models, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300)).astype(np.uint8)
    made = {"noise": Image.fromarray(noise), "screen": screenshot(), "black": Image.new("L", (200, 200))}
    path = PHOTOGRAPHS / name
    if name in made:
        path = tmp_path / f"{name}.png"
        made[name].save(path)
    found = said.answer(read_picture(path), models)
    assert found.status == "refused" and not found.called and found.why


@pytest.mark.slow
def test_phantoms_are_hardly_ever_refused(trained, models, drawn):
    run = trained["r2-cnn"]
    refused = 0
    for index in run.split.test:
        path = drawn / run.data.table["class"][index] / f"{run.data.ids[index]}.png"
        refused += said.answer(read_picture(path), models).status == "refused"
    assert refused <= 0.1 * len(run.split.test)


@pytest.mark.slow
def test_one_model_for_each_task(files):
    with pytest.raises(said.ModelError, match="both do classification"):
        find_models([str(files["r2-cnn"]), "r2-cnn"])


# The command


@pytest.mark.slow
def test_the_command_writes_what_it_says_and_every_output_has_the_note(files, drawn, tmp_path):
    folder, out = tmp_path / "mine", tmp_path / "out"
    folder.mkdir()
    for name in ("benign (1)", "malignant (1)"):
        shutil.copy(drawn / name.split()[0] / f"{name}.png", folder)
    shutil.copy(PHOTOGRAPHS / "coffee.png", folder)
    (folder / "broken.png").write_bytes(b"no")
    chosen = [word for path in files.values() for word in ("--model", path)]
    code, told, _ = busi("predict", folder, *chosen, "--out", out)
    assert code == 1 and told.rstrip().endswith(NOTE) and "It knows drawn phantoms alone" in told
    rows = list(csv.DictReader((out / "predictions.csv").open(encoding="utf-8")))
    assert [Path(row["image"]).stem for row in rows] == ["benign (1)", "broken", "coffee", "malignant (1)"]
    assert {row["note"] for row in rows} == {NOTE}
    by_name = {Path(row["image"]).stem: row for row in rows}
    assert by_name["broken"]["status"] == "unreadable" and by_name["coffee"]["status"] == "refused"
    assert not (out / "coffee_mask.png").exists() and (out / "coffee_overlay.png").is_file()
    for name, row in by_name.items():
        facts = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        assert facts["note"] == NOTE and facts["status"] == row["status"]
    row, mask = by_name["benign (1)"], Image.open(out / "benign (1)_mask.png")
    facts = json.loads((out / "benign (1).json").read_text(encoding="utf-8"))
    assert mask.size == (facts["width"], facts["height"]) and set(np.unique(mask)) <= {0, 255}
    assert int(row["lesion_pixels"]) == np.count_nonzero(mask) == facts["lesion"]["pixels"]
    assert sum(float(row[name]) for name in CLASSES) == pytest.approx(1, abs=2e-4)
    assert facts["models"]["r2-cnn"]["temperature"] > 0 and facts["models"]["r4-unet"]["threshold"] == 0.5
    # asked again, its own results are no pictures
    code, told, _ = busi("predict", tmp_path, *chosen, "--out", out)
    assert len(list(csv.DictReader((out / "predictions.csv").open(encoding="utf-8")))) == 4


@pytest.mark.slow
def test_the_overlay_says_so_too(models, drawn):
    found = said.answer(read_picture(next(drawn.glob("malignant/*).png"))), models)
    picture, (height, width) = overlay(found), found.picture.gray.shape
    assert caption(found)[-1] == NOTE and picture.height > height and picture.width >= width
    refused = said.answer(read_picture(PHOTOGRAPHS / "coffee.png"), models)
    assert caption(refused)[0] == "Refused." and caption(refused)[-1] == NOTE


@pytest.mark.slow
def test_a_model_is_exported_and_used(trained, drawn, tmp_path):
    file = tmp_path / "cnn.keras"
    code, told, problem = busi("model", "export", "r2-cnn", "--out", file, "--half")
    assert code == 0 and "fold 0, which it never saw" in told and NOTE in told, problem
    picture = next(drawn.glob("benign/*).png"))
    for model in (file, "r2-cnn"):
        code, told, problem = busi("predict", picture, "--model", model, "--out", tmp_path / "out")
        assert code == 0, problem


def test_without_a_model_one_line_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    screenshot().save("mine.png")
    with monkeypatch.context() as patch:
        patch.setattr(models_of_busilib, "shipped", lambda: [])
        code, _, told = busi("predict", "mine.png")
    assert code == 2 and "no model was named, and none lies in this copy" in told and "busi train" in told
    code, _, told = busi("predict", "mine.png", "--model", "nothing")
    assert code == 2 and "neither a file nor an experiment" in told
    code, _, told = busi("predict", "mine.png", "--model", "nothing.keras")
    assert code == 2 and "there is no such model file" in told
    code, _, told = busi("predict", "mine.png", "--model", "r2-cnn")
    assert code == 2 and "no trained run of r2-cnn" in told
    code, _, told = busi("model", "export", "r2-cnn", "--out", "model.h5")
    assert code == 2 and "no format for .h5" in told
    code, _, told = busi("model", "export", "r4-threshold", "--out", "model.keras")
    assert code == 2 and "no trained run" in told
