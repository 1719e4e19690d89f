"""Records of studies only grow: a new seed or outside set adds files, and nothing is overwritten."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.data.dataset import CLASSES, DataError
from busilib.metrics.classification import classification_metrics
from busilib.runs.once import RecordError
from busilib.studies import ladder, records, table
from busilib.studies.context import Context, OptionError
from busilib.studies.records import read_studies, read_study, target_of, write_study, write_summary
from busilib.studies.study import Condition, Part, Study, about, measured, of_seeds, study_of

NAMES = ("every mistake at once", "hide the true mask")


@pytest.fixture
def of_seed(phantom):
    """A study of two conditions whose features tell the class but for noise, quick to make."""

    def made(seed: int = 0, outside: str = "", name: str = "noise", **facts) -> Study:
        rng = np.random.default_rng(seed)
        conditions = []
        for number, each in enumerate(NAMES):
            scores = np.exp(2 * np.eye(3)[phantom.labels] + (1 + number) * rng.normal(size=(len(phantom), 3)))
            chances = (scores / scores.sum(axis=1, keepdims=True)).round(4)
            rows = phantom.table[["id", "group"]].assign(fold=0, true=phantom.table["class"])
            rows = rows.assign(**dict(zip(CLASSES, chances.T, strict=True)))
            conditions.append(Condition(each, rows, {"figure": "accuracy", "drawn": seed}))
        apart = [outside] if outside else []
        facts |= {"outside": about(phantom) | {"name": outside}} if outside else {}
        context = Context("smoke", phantom, seed=seed)
        return measured(name, "classification", conditions, context, phantom, apart, **facts)

    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_seed_only_adds_files(of_seed, tmp_path):
    record = write_study(of_seed(0), tmp_path)
    before = contents(tmp_path)
    assert write_study(of_seed(1), tmp_path) == record
    after = contents(tmp_path)
    changed = {name for name in after if after[name] != before.get(name)}
    new = {f"smoke/studies/noise/seed1/{name}" for name in ("study.json", "predictions.csv")}
    assert changed == new | {"smoke/studies/noise/metrics.json"} and set(before) < set(after)


def test_figures_of_two_seeds_are_means_with_their_spread(of_seed, tmp_path):
    for seed in (0, 1):
        write_study(of_seed(seed), tmp_path)
    both = read_study("noise", "smoke", tmp_path)
    assert both.facts["seeds"] == [0, 1] and [part["seed"] for part in both.facts["parts"]] == [0, 1]
    for name in NAMES:
        rows = both.predictions[both.predictions["condition"] == name]
        accuracy = [classification_metrics(own)["accuracy"] for _, own in rows.groupby("seed")]
        figure = both.metrics(name)["accuracy"]
        assert (figure["value"], figure["sd"]) == pytest.approx((np.mean(accuracy), np.std(accuracy, ddof=1)))
        assert figure["seeds"] == 2 and figure["n"] == both.conditions[name]["n"] == len(rows) / 2
        assert both.conditions[name]["figure"] == "accuracy"
        assert both.conditions[name]["by_seed"] == {"0": {"drawn": 0}, "1": {"drawn": 1}}
        assert of_seeds(both.conditions[name], "drawn") == [0, 1]


def test_steps_of_two_seeds_are_made_anew(of_seed, tmp_path):
    single = [ladder.with_steps(of_seed(seed, name="ladder-classification")) for seed in (0, 1)]
    for study in single:
        write_study(study, tmp_path)
    both = read_study("ladder-classification", "smoke", tmp_path)
    steps = [study.conditions[NAMES[1]]["step"]["value"] for study in single]
    found = both.conditions[NAMES[1]]["step"]
    assert (found["value"], found["sd"]) == pytest.approx((np.mean(steps), np.std(steps, ddof=1)), abs=1e-7)
    values = [both.metrics(name)["accuracy"]["value"] for name in NAMES]
    assert found["value"] == pytest.approx(values[1] - values[0], abs=2e-8)
    assert found["low"] <= found["value"] <= found["high"] and found["seeds"] == 2


def test_another_outside_set_adds_a_record(of_seed, tmp_path):
    write_study(of_seed(outside="here"), tmp_path)
    before = contents(tmp_path)
    write_study(of_seed(outside="there"), tmp_path)
    write_study(of_seed(name="noises"), tmp_path)
    assert before.items() <= contents(tmp_path).items()
    assert [study.record for study in read_studies("noise", "smoke", tmp_path)] == [
        "noise+here",
        "noise+there",
    ]
    assert read_studies("nothing", "smoke", tmp_path) == []


def test_the_same_result_again_changes_nothing(of_seed, tmp_path):
    write_study(of_seed(), tmp_path)
    before = contents(tmp_path)
    write_study(of_seed(), tmp_path)  # its date may be another
    assert contents(tmp_path) == before
    (part,) = of_seed().parts
    rounded = Part(part.facts, part.predictions.assign(benign=part.predictions["benign"] + 0.0004))
    write_study(replace(of_seed(), parts=(rounded,)), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda study: (study.facts | {"weights": {"source": "x"}}, study.predictions),
            "weights.source: None",
        ),
        (
            lambda study: (study.facts, study.predictions.assign(benign=0.5)),
            r"of 52 predictions \d+ are others",
        ),
    ],
)
def test_another_result_under_the_same_name_is_refused(of_seed, tmp_path, change, told):
    first = of_seed()
    write_study(first, tmp_path)
    before = contents(tmp_path)
    other = replace(first, parts=(Part(*change(first.parts[0])),))
    with pytest.raises(RecordError, match=rf"seed0: another result is recorded here \({told}.*git rm -r"):
        write_study(other, tmp_path)
    assert contents(tmp_path) == before


def test_a_seed_of_another_kind_is_refused(of_seed, tmp_path):
    write_study(of_seed(0, weights={"source": "one"}), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(
        RecordError, match=r"seed1 would not be of one kind with seed0 \(weights.source: 'one'"
    ):
        write_study(of_seed(1, weights={"source": "other"}), tmp_path)
    assert contents(tmp_path) == before


def test_the_summary_can_be_made_again(of_seed, tmp_path):
    for seed in (1, 0):
        record = write_study(of_seed(seed), tmp_path)
    before = contents(tmp_path)
    (record / "metrics.json").unlink()
    assert read_study("noise", "smoke", tmp_path) is None
    write_summary(record)
    assert contents(tmp_path) == before


def test_a_write_that_is_cut_short_leaves_nothing(of_seed, tmp_path, monkeypatch):
    write_study(of_seed(0), tmp_path)
    before = contents(tmp_path)

    def cut_short(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut_short)
        with pytest.raises(OSError, match="no space left"):
            write_study(of_seed(1), tmp_path)
    assert contents(tmp_path) == before


def test_studies_of_busi_are_published_from_committed_code_alone(of_seed, tmp_path, monkeypatch):
    study = of_seed()
    assert target_of(study).parent.name == "_build"
    ours = replace(study, facts=study.facts | {"dataset": {"origin": "busi"}})
    assert target_of(ours).parent.name != "_build"
    against_phantoms = ours.facts | {"outside": {"origin": "phantom"}}
    assert target_of(replace(ours, facts=against_phantoms)).parent.name == "_build"
    for name, published in (("BrEaST", True), ("our-hospital", False), ("BrEaST layout in part", False)):
        facts = ours.facts | {"outside": {"origin": "outside", "name": name}}
        assert (target_of(replace(ours, facts=facts)).parent.name != "_build") == published

    monkeypatch.setattr(records, "results_folder", lambda: tmp_path)
    part = Part(study.parts[0].facts | {"commit": "abc+changes"}, study.parts[0].predictions)
    with pytest.raises(RecordError, match="in no commit"):
        write_study(replace(study, parts=(part,)), tmp_path)
    assert contents(tmp_path) == {}


def test_parts_are_plain_json_and_figures_follow_from_them_alone(of_seed, tmp_path):
    study = of_seed()
    record = write_study(study, tmp_path)
    facts = json.loads((record / "seed0" / "study.json").read_text(), parse_constant=pytest.fail)
    assert facts["seed"] == 0 and "metrics" not in facts["conditions"][NAMES[0]]
    again = study_of(records.read_parts(record))
    assert again.conditions == study.conditions


# What a study is asked


def test_a_loaded_dataset_is_taken_as_it_is(phantom, phantom_dir):
    context = Context("smoke", phantom, phantom)
    assert context.load("r4-unet") is phantom and context.load_outside() is phantom
    with pytest.raises(DataError, match="give their folder"):
        _ = context.folder
    assert Context("smoke", phantom_dir).folder == phantom_dir
    assert Context("smoke", phantom_dir).load("r4-unet").size == 64
    with pytest.raises(DataError, match="profile laptop needs an outside set"):
        Context("laptop", phantom).load_outside()


def test_options_that_a_study_has_no_use_for_are_refused(phantom):
    for name in ("attention", "ladder-segmentation"):
        with pytest.raises(OptionError, match="encoder: 'vgg19' was given, but this study has no use for it"):
            table.study(name, Context("smoke", phantom, encoder="vgg19"))
    with pytest.raises(OptionError, match=r"models: \('r2-cnn',\) was given"):
        table.study("negative-controls", Context("smoke", phantom, models=("r2-cnn",)))


def test_the_example_for_contributors_runs(phantom, phantom_dir, tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Adding a study")[2].partition("\n## ")[0]
    function, row = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(function, names)
    for name, run in eval(f"{{{row}}}", names).items():
        monkeypatch.setitem(table.STUDIES, name, run)
    study = table.study("mean-gray", Context("smoke", phantom))
    assert list(study.conditions) == ["whole image", "border alone"]

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    for seed in ("0", "1"):
        command = ["study", "mean-gray", "--data", str(phantom_dir), "--seed", seed]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    assert "Recorded in _build/results/smoke/studies/mean-gray" in done.output
    both = read_study("mean-gray", "smoke", tmp_path / "_build" / "results")
    assert both.metrics("whole image")["accuracy"]["seeds"] == 2
    refused = CliRunner().invoke(app, [*command, "--encoder", "vgg19"])
    assert refused.exit_code == 2 and "vgg19" in refused.output
    models = [*command, "--model", "r2-cnn", "--model", "r2-mobilenet"]
    assert "('r2-cnn', 'r2-mobilenet') was given" in CliRunner().invoke(app, models).output
