"""Campaigns: each job is done once, whatever is killed; what fails is said in a line and stops nothing."""

import contextlib
import errno
import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import short_campaign
import stand_in
from rich.console import Console
from typer.testing import CliRunner

from busilib.cli import campaign as shown
from busilib.cli.main import app
from busilib.errors import UserError, in_one_line
from busilib.runs import campaign, once, records, runner
from busilib.runs.campaign import (
    FAILED,
    LATER,
    RAN,
    SKIPPED,
    Outcome,
    Waiting,
    expected_seconds,
    finish_times,
    recorded_seconds,
    run_campaign,
    survey,
)
from busilib.runs.jobs import Job, Parcel, jobs_of, plan_lines
from busilib.runs.workers import Workers, workers_of

HERE = Path(__file__).parent
ONE = Workers(1)
RESULTS, PICTURES = Path("_build/results/smoke"), "pictures"


@pytest.fixture
def project(phantom_dir, tmp_path, monkeypatch) -> Path:
    """A folder of its own with pictures, in which a training in this process takes no time."""
    (tmp_path / PICTURES).symlink_to(phantom_dir)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "produce", stand_in.produce)
    monkeypatch.setenv("BUSI_HEADLESS", "1")  # a job sets it: so it is put back
    return tmp_path


def busi(*arguments) -> tuple[int, str]:
    """Exit code, and what is said."""
    command = ["campaign", "--data", PICTURES, *map(str, arguments)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "250"})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def states(outcomes) -> list[tuple[int, str]]:
    return sorted((one.job.fold, one.state) for one in outcomes)


def parts(record="r2-cnn") -> list[str]:
    return sorted(path.name for path in (RESULTS / record).glob("*/"))


# What is asked for


def test_jobs_are_every_combination_seeds_last():
    jobs = jobs_of(
        ["r2-cnn", "r2-vgg19"], "smoke", folds=[0, 1], seeds=[3, 4], protocols=["grouped", "random"]
    )
    assert len(jobs) == 16
    assert [job.seed for job in jobs] == [3] * 8 + [4] * 8
    assert jobs[0] == Job("r2-cnn", "smoke", "", seed=3)
    assert len(jobs_of(["r2-cnn"], "smoke")) == 5
    assert len(jobs_of(["r2-cnn"], "smoke", protocols=["random"])) == 1


@pytest.mark.parametrize(
    "typed",
    [
        "r2-cnn --folds 0 1 --seeds 1 2 --jobs 3",
        "r2-cnn --folds 0 --folds 1 --seeds 1 --seeds 2 --jobs 3",
        "--folds=0 1 --seeds 1 2 --jobs 3 r2-cnn",
        "r2-cnn --jobs 3 --seeds 1 --seeds=2 --folds=0 1",
    ],
)
def test_options_take_values_in_a_row(typed, project):
    code, said = busi(*typed.split(), "--dry-run")
    assert code == 0 and "4 to run, nothing recorded before" in said
    table = [line.split()[:3] for line in said.splitlines() if " r2-cnn " in line]
    assert table == [["r2-cnn", seed, fold] for seed in "12" for fold in "01"]


PLAN = """
- ids: [r2-cnn]
  folds: [0, 1]
  seeds: [0, 1]
- ids: [r2-mobilenet, r2-cnn]
  protocols: [random]
- ids: [r2-cnn]   # asked for above
"""


def test_a_plan_lists_such_lines_in_order(project):
    Path("night.yaml").write_text(PLAN)
    jobs = shown.asked_for(["night.yaml"], "smoke", "", (), (), (7,), (), "")
    assert [(job.experiment, job.protocol, job.seed, job.fold) for job in jobs] == [
        *[("r2-cnn", "grouped", seed, fold) for seed in (0, 1) for fold in (0, 1)],
        ("r2-mobilenet", "random", 7, 0),  # what a line leaves out, the options say
        ("r2-cnn", "random", 7, 0),
        *[("r2-cnn", "grouped", 7, fold) for fold in range(5)],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "plan.yaml: found nothing, expected a list of lines"),
        ("ids: [r2-cnn]", "plan.yaml: found dict, expected a list of lines"),
        ("- r2-cnn", "plan.yaml, line 1 of the plan: no ids"),
        ("- ids: [r2-cnn]\n- seeds: [0]", "line 2 of the plan: no ids"),
        ("- ids: r2-cnn", r"ids is 'r2-cnn', expected a list, such as \[r2-cnn\]"),
        ("- ids: [r2-cnn]\n  seeds: 0", r"seeds is 0, expected a list, such as \[0, 1, 2\]"),
        ("- ids: [r2-cnn]\n  seeds: [yes]", r"seeds is \[True\], expected a list"),
        ("- ids: [r2-cnn]\n  folds: [-1]", r"folds is \[-1\], expected numbers from 0 on"),
        ("- ids: [r2-cnn]\n  data:", "data is None, expected a word"),
        ("- ids: [r2-cnn]\n  fold: [0]", "'fold' is not known"),
        ("- ids: [r2-cnn]\n- ids: [r9-net]", "line 2 of the plan: no experiment 'r9-net'"),
        ("- ids: [r2-cnn]\n  protocols: [luck]", "line 1 of the plan: no protocol 'luck'"),
        ("- ids: [r2-cnn]\n  inputs: [tea]", "line 1 of the plan: no inputs 'tea'"),
        ("- ids: [r2-cnn", "plan.yaml: is no YAML"),
        (None, "plan.yaml: cannot be read"),
    ],
)
def test_a_plan_that_is_none_is_said_in_a_line(text, said, project):
    if text is not None:
        Path("plan.yaml").write_text(text)
    code, output = busi("plan.yaml")
    assert code == 2 and re.search(said, output) and output.count("\n") == 1


def test_a_plan_stands_alone(project):
    assert (
        "plan.yaml: a plan stands alone; leave out r2-cnn, r1-unet"
        in busi("r2-cnn", "plan.yaml", "r1-unet")[1]
    )
    with pytest.raises(UserError, match=r"found str"):
        plan_lines("r2-cnn", "plan.yaml")


# What it will take


def test_finish_times_by_hand():
    """Longest first. Two workers: 5 and 3 | 4, 3 and 2. Three: 5 | 4 and 2 | 3 and 3."""
    seconds = [3, 5, 2, 4, 3]
    assert finish_times(seconds, [1, 2, 3, 8, 64]) == {1: 17, 2: 9, 3: 6, 8: 5, 64: 5}
    assert finish_times([], [2]) == {2: 0}
    assert finish_times([0.0, 0.0], [1]) == {1: 0}


def facts(folder: Path, record: str, part: str, seconds: float) -> None:
    (folder / record / part).mkdir(parents=True)
    (folder / record / part / "run.json").write_text(json.dumps({"total_seconds": seconds}))


def test_earlier_records_tell_how_long_it_takes(tmp_path):
    facts(tmp_path, "r2-cnn", "seed0-fold0", 10)
    facts(tmp_path, "r2-cnn", "seed0-fold1", 20)
    facts(tmp_path, "r2-cnn@random", "seed0-fold0", 45)
    facts(tmp_path, "r4-threshold", "seed0-fold0", 0)
    took = recorded_seconds(tmp_path)
    assert took == {"r2-cnn": 15, "r2-cnn@random": 45, "r4-threshold": 0}
    assert expected_seconds("r2-cnn", "r2-cnn@random", took) == 45
    assert expected_seconds("r2-cnn", "r2-cnn+true-mask-alone", took) == 30
    assert expected_seconds("r4-threshold", "r4-threshold", took) == 0  # known, and nothing
    assert expected_seconds("r2-unet", "r2-unet", took) is None
    assert recorded_seconds(tmp_path / "nowhere") == {}


def test_a_dry_run_tells_seconds_and_when_so_many_workers_would_be_done(project):
    facts(RESULTS, "r2-cnn", "seed9-fold0", 90)
    code, said = busi("r2-cnn", "r2-mobilenet", "--folds", 0, 1, 2, 7, "--dry-run")
    assert code == 1  # there is no fold 7, and it is better to know before the night
    assert len(re.findall(r"r2-cnn +0 +[012] +1\.5 min", said)) == 3
    assert len(re.findall(r"r2-mobilenet +0 +[012] +unknown", said)) == 3
    assert "6 to run, 2 failed" in said and "r2-cnn seed 0 fold 7: failed: " in said
    assert "Done after 4.5 min with 1 worker, 3.0 min with 2, 1.5 min with 8, 1.5 min with 64; " in said
    assert "3 of unknown length come on top." in said
    assert not Path(stand_in.LOG).exists() and parts() == ["seed9-fold0"]


def waiting_for(seconds) -> list[Waiting]:
    return [
        Waiting(Job("r2-cnn", "smoke", "", fold=fold), RESULTS.absolute() / "r2-cnn", "key", expected)
        for fold, expected in enumerate(seconds)
    ]


def test_hours_start_nothing_that_would_not_end(project, monkeypatch):
    """One hour for 1,500 s, 1,500 s, 1,200 s (too late by then), 500 s (in time), 90 s (in time) and 20 s."""
    clock = [1e6]

    def takes(job, threads):
        clock[0] += [1500, 1500, 1200, 500, 90, 20][job.fold]
        return Parcel({"key": "key"}, {}, 1.0)

    monkeypatch.setattr(campaign.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(campaign, "execute", takes)
    monkeypatch.setattr(campaign, "publish", lambda *_: None)
    ran = run_campaign(waiting_for([1500, 1500, 1200, 500, None, 20]), ONE, hours=1)
    assert states(ran) == [(0, RAN), (1, RAN), (2, LATER), (3, RAN), (4, RAN), (5, LATER)]
    assert {one.why for one in ran if one.state == LATER} == {"would not end in time"}
    assert clock[0] == 1e6 + 3590


# What is done, and what is not


def test_what_is_recorded_is_skipped(project):
    assert busi("r2-cnn", "--folds", 0, 1, "--jobs", 1)[0] == 0
    code, said = busi("r2-cnn", "--folds", 0, 1, 2, "--jobs", 1)
    assert code == 0 and "1 ran, 2 recorded before" in said and "goes on" not in said
    assert [fold for _, _, fold in stand_in.lines("end")] == ["0", "1", "2"]
    assert parts() == ["seed0-fold0", "seed0-fold1", "seed0-fold2"]
    before = (RESULTS / "r2-cnn/metrics.json").stat().st_mtime_ns
    assert busi("r2-cnn", "--folds", 0, 1, 2)[0] == 0  # nothing to do, and nothing is touched
    assert (RESULTS / "r2-cnn/metrics.json").stat().st_mtime_ns == before


def test_the_same_run_asked_for_twice_counts_once(project):
    waiting, done = survey(jobs_of(["r2-cnn"], "smoke", PICTURES, folds=[0, 0], inputs=["", "image"]))
    assert len(waiting) == 1 and done == []


def test_one_that_fails_does_not_stop_the_others(project, monkeypatch):
    def produce(run):
        if run.fold == 1:
            raise FloatingPointError("loss is\nno number")
        if run.fold == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "best.weights.h5")
        stand_in.produce(run)

    monkeypatch.setattr(runner, "produce", produce)
    code, said = busi("r2-cnn", "--jobs", 1)
    assert code == 1 and "3 ran, 2 failed" in said and "The same command goes on from here." in said
    assert re.search(r"r2-cnn +0 +1 +failed +\d+ +FloatingPointError: loss is no number *\n", said)
    assert "best.weights.h5: No space left on device. Make room, or name another place." in said
    assert parts() == ["seed0-fold0", "seed0-fold3", "seed0-fold4"]
    monkeypatch.setattr(runner, "produce", stand_in.produce)
    code, said = busi("r2-cnn", "--jobs", 1)
    assert code == 0 and "2 ran, 3 recorded before" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
def test_a_full_disk_is_one_line_and_what_it_left_open_is_made_up_for(project):
    """The part is written, its summary is not: the next campaign skips the part and makes the summary."""
    RESULTS.mkdir(parents=True)
    (RESULTS / ".r2-cnn-metrics.json").symlink_to("/dev/full")
    code, said = busi("r2-cnn", "--folds", 0, "--jobs", 1)
    assert code == 1 and said.count("No space left on device. Make room") == 2  # as it came, and in the table
    assert parts() == ["seed0-fold0"] and not (RESULTS / "r2-cnn/metrics.json").exists()
    code, said = busi("r2-cnn", "--folds", 0, "--jobs", 1)
    assert code == 0 and "1 recorded before" in said and len(stand_in.lines("end")) == 1
    assert json.loads((RESULTS / "r2-cnn/metrics.json").read_text())["seeds"] == [0]
    (RESULTS / "r2-cnn/metrics.json").unlink()
    (RESULTS / ".r2-cnn-metrics.json").symlink_to("/dev/full")
    code, said = busi("r2-cnn", "--folds", 0, "--jobs", 1)
    assert code == 1 and "No space left on device" in said


def test_a_folder_that_cannot_be_written_to_is_known_before_the_training(project, monkeypatch):
    (RESULTS / "r2-mobilenet").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: "r2-mobilenet" not in str(path))
    code, said = busi("r2-mobilenet", "r2-cnn", "--folds", 0, "--jobs", 1)
    assert code == 1 and "1 failed" in said and "1 ran" in said and "cannot be written to" in said
    assert [id for _, id, _ in stand_in.lines("begin")] == ["r2-cnn"]


def test_a_folder_that_turns_read_only_is_one_line(project, monkeypatch):
    plain = once.add_folder

    def add(target, files):
        if target.name == "seed0-fold0":
            raise OSError(errno.EROFS, "Read-only file system", str(target))
        plain(target, files)

    monkeypatch.setattr(once, "add_folder", add)
    code, said = busi("r2-cnn", "--folds", 0, 1, "--jobs", 1)
    assert code == 1 and "seed0-fold0: Read-only file system. Name another place." in said
    assert parts() == ["seed0-fold1"]


def test_a_worker_with_other_code_records_nothing(project, monkeypatch):
    waiting, _ = survey(jobs_of(["r2-cnn"], "smoke", PICTURES, folds=[0]))
    (outcome,) = run_campaign([replace(waiting[0], key="another")], ONE)
    assert outcome.state == FAILED and "other code, images or weights" in outcome.why
    assert not RESULTS.exists()


def test_workers_with_several_threads_train_one_run_at_a_time(project, monkeypatch):
    """As dask workers may have: Keras has one random state in a process."""
    running = []

    def produce(run):
        running.append(run.fold)
        time.sleep(0.05)
        assert len(running) == 1
        stand_in.produce(run)
        running.pop()

    monkeypatch.setattr(runner, "produce", produce)
    waiting, _ = survey(jobs_of(["r2-cnn"], "smoke", PICTURES))
    assert {one.state for one in run_campaign(waiting, Workers(3, 0, {"backend": "threading"}))} == {RAN}


def test_an_error_of_many_lines_is_one():
    assert in_one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert len(in_one_line(ValueError("word " * 1000))) <= 300


# What is shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


OUTCOMES = [
    Outcome(Job("r2-cnn", "smoke", "", fold=0), RESULTS / "r2-cnn", RAN, 61.0),
    Outcome(Job("r2-cnn", "smoke", "", fold=1), RESULTS / "r2-cnn", FAILED, 2.0, "[no] such thing"),
]


@pytest.mark.parametrize(("terminal", "headless"), [(False, ""), (True, "1"), (True, "")])
def test_one_line_a_job_where_nobody_watches(terminal, headless, monkeypatch):
    monkeypatch.setenv("BUSI_HEADLESS", headless)
    console = Console(file=Terminal() if terminal else io.StringIO(), force_terminal=terminal, width=120)
    display = shown.Display(waiting_for([60, 60, 120]), 2, console)
    with display.bar:
        for outcome in OUTCOMES:
            display.tell(outcome)
    said = console.file.getvalue()
    assert "r2-cnn seed 0 fold 1: failed in 2 s: [no] such thing" in said
    if terminal and not headless:
        assert "\x1b[" in said and "2/3" in said
    else:
        assert said.splitlines() == [
            "1/3 r2-cnn seed 0 fold 0: ran in 1.0 min (about 2.0 min left)",
            "2/3 r2-cnn seed 0 fold 1: failed in 2 s: [no] such thing (about 2.0 min left)",
        ]


# Several programs


def busi_campaign(folder: Path, *arguments, code="from busilib.cli.main import app; app()"):
    """`busi campaign` as a program of its own, in a group of processes of its own."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, "campaign", "--data", PICTURES, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(true, seconds=120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


STAND_IN = "import stand_in; stand_in.dask_setup(None); from busilib.cli.main import app; app()"


@pytest.mark.slow
def test_two_campaigns_at_once_do_each_job_once(project):
    Path("hold").touch()
    asked = ("r2-cnn", "--folds", 0, 1, "--jobs", 1)
    both = [busi_campaign(project, *asked, code=STAND_IN) for _ in range(2)]
    until(lambda: stand_in.lines("begin"))
    time.sleep(2)  # for the other to come to the same job
    Path("hold").unlink()
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sorted(fold for _, _, fold in stand_in.lines("begin")) == ["0", "1"]
    assert parts() == ["seed0-fold0", "seed0-fold1"]
    assert len(records.read_record("r2-cnn", "smoke", RESULTS.parent).parts) == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_process_that_is_killed_is_one_line_and_the_rest_goes_on(project, monkeypatch):
    def deadly(place, job, threads):
        from busilib.runs import jobs

        if job.fold == 1 and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        stand_in.dask_setup(None)
        return place, jobs.execute(job, threads)

    deadly.__module__ = "__main__"  # so that it travels by value
    monkeypatch.setattr(campaign, "_numbered", deadly)
    jobs = jobs_of(["r2-cnn"], "smoke", PICTURES)
    with workers_of(2, 1) as workers:
        ran = run_campaign(survey(jobs)[0], workers)
        failed = {one.job.fold: one.why for one in ran if one.state == FAILED}
        assert 1 in failed and len(failed) < len(ran) == 5  # what was on its way may have gone with it
        assert set(failed.values()) == {"a worker process was killed, often for lack of memory"}
        assert len(parts()) == 5 - len(failed)
        assert {one.state for one in run_campaign(survey(jobs)[0], workers)} == {RAN}
    assert len(parts()) == 5


def test_workers_that_cannot_be_reached_leave_the_rest_for_later(project, monkeypatch):
    def parcels(jobs, workers):
        yield next(jobs)[0], Parcel({}, {}, 1.0, "failed by itself")
        next(jobs)
        raise campaign._WorkerError(ModuleNotFoundError("No module named 'busilib'"))

    monkeypatch.setattr(campaign, "_parcels", parcels)
    ran = run_campaign(waiting_for([1, 1, 1, 1]), ONE)
    assert states(ran) == [(0, FAILED), (1, FAILED), (2, LATER), (3, LATER)]
    assert ran[1].why == "ModuleNotFoundError: No module named 'busilib'"


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int):
    """Address of a real scheduler and its worker processes, which train nothing and are not restarted."""
    file, said = folder / "scheduler.json", (folder / "dask.log").open("w")
    common = ["--scheduler-file", str(file)]
    ours = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--preload", str(HERE / "stand_in.py")]
    commands = [
        ["scheduler", *common, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    ]
    commands += [["worker", *common, *ours]] * workers
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *one], cwd=folder, env=environment, stdout=said, stderr=said
        )
        for one in commands
    ]
    try:
        until(file.is_file)
        address = json.loads(file.read_text())["address"]
        from distributed import Client

        with Client(address, timeout="60s") as client:
            if workers:
                client.wait_for_workers(workers, timeout=120)
        yield address, started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        said.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_dask_worker_killed_in_mid_job_loses_nothing(project):
    jobs = jobs_of(["r2-cnn"], "smoke", PICTURES, folds=[0, 1, 2, 3])
    waiting, _ = survey(jobs)
    Path("hold").touch()

    def kill():
        until(lambda: len({process for process, _, _ in stand_in.lines("begin")}) == 2)
        os.kill(victim.pid, signal.SIGKILL)
        time.sleep(0.5)
        Path("hold").unlink()

    with dask_cluster(project, 2) as (address, (victim, _)):
        killer = threading.Thread(target=kill)
        killer.start()
        with workers_of(scheduler=address) as workers:
            assert workers.count == 2
            ran = run_campaign(waiting, workers)
        killer.join()
    assert states(ran) == [(fold, RAN) for fold in range(4)], ran
    ended = stand_in.lines("end")
    assert sorted(fold for _, _, fold in ended) == ["0", "1", "2", "3"]
    assert str(victim.pid) not in {process for process, _, _ in ended}
    assert len(stand_in.lines("begin")) == 5  # the killed one twice
    record = records.read_record("r2-cnn", "smoke", RESULTS.parent)
    assert parts() == [f"seed0-fold{fold}" for fold in range(4)] and len(record.parts) == 4
    assert record.predictions["id"].is_unique
    assert states(survey(jobs)[1]) == [(fold, SKIPPED) for fold in range(4)]


@pytest.mark.slow
def test_a_scheduler_without_workers_or_none_at_all_is_one_line(project, monkeypatch):
    with dask_cluster(project, 0) as (address, _):
        code, said = busi("r2-cnn", "--folds", 0, "--scheduler", address)
        assert code == 2 and f"the dask scheduler at {address} has no workers" in said
    code, said = busi("r2-cnn", "--folds", 0, "--scheduler", "nonsense://1")
    assert code == 2 and "no dask scheduler answers at nonsense://1" in said
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'busilib[cluster]'" in busi("r2-cnn", "--scheduler", address)[1]


@pytest.mark.slow
def test_the_cluster_of_the_book_runs(project):
    page = (HERE.parent / "book" / "campaigns.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    Path("cluster.py").write_text(code)
    preload = json.dumps([str(HERE / "stand_in.py")])  # as on the page, but nothing is trained
    ran = subprocess.run(
        [sys.executable, "cluster.py"],
        env=os.environ | {"DASK_DISTRIBUTED__WORKER__PRELOAD": preload, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert sorted(ran.stdout.split("\n")[:2]) == ["r2-cnn 0 ran ", "r2-cnn 1 ran "]
    assert parts() == ["seed0-fold0", "seed0-fold1"] and len(stand_in.lines("end")) == 2


def test_the_plan_of_the_book_is_one(project):
    (plan,) = re.findall(r"```yaml\n(.*?)```", (HERE.parent / "book" / "campaigns.md").read_text(), re.DOTALL)
    Path("plan.yaml").write_text(plan)
    assert len(shown.asked_for(["plan.yaml"], "smoke", "", (), (), (), (), "")) == 30 + 2


# Killed at any moment: real trainings

PASSING = {"train_seconds", "total_seconds", "predict_ms_per_image", "date", "seconds"}


def lasting(facts):
    """What an undisturbed run and a killed one must have in common."""
    if isinstance(facts, dict):
        return {name: lasting(value) for name, value in facts.items() if name not in PASSING}
    return [lasting(one) for one in facts] if isinstance(facts, list) else facts


def evidence(folder: Path) -> dict:
    """Everything below the results of a campaign but seconds and dates, by path."""
    found = {}
    for path in sorted(path for path in (folder / RESULTS / "r2-cnn").rglob("*") if path.is_file()):
        text = path.read_text()
        if path.suffix == ".json":
            text = lasting(json.loads(text))
        elif path.name == "history.csv":
            text = pd.read_csv(path).drop(columns="seconds").to_csv()
        found[str(path.relative_to(folder))] = text
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGKILL nor fork")
def test_killed_ten_times_the_records_are_those_of_an_undisturbed_run(phantom_dir, tmp_path, monkeypatch):
    asked = ["--data", PICTURES, "r2-cnn", "--folds", "0", "1", "--jobs", "1", "--threads", "1"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([short_campaign.__name__])

    def start(folder):
        if not folder.exists():
            folder.mkdir()
            (folder / PICTURES).symlink_to(phantom_dir)
        program = forking.Process(target=short_campaign.run, args=(folder, asked), daemon=True)
        program.start()
        return program

    def ended(program, folder):
        program.join(timeout=300)
        assert program.exitcode == 0, (folder / "said.txt").read_text()

    started = time.perf_counter()
    ended(start(tmp_path / "undisturbed"), tmp_path / "undisturbed")
    length = time.perf_counter() - started
    reference = evidence(tmp_path / "undisturbed")
    assert len(reference) == 9
    assert reference[str(RESULTS / "r2-cnn/seed0-fold0/history.csv")].count("\n") == 3

    random, kills, finished, fresh = np.random.default_rng(0), 0, 0, True
    while kills < 10:
        folder = tmp_path / f"killed-{finished}"
        started, program = time.perf_counter(), start(folder)
        program.join(timeout=random.uniform(0.1, 0.95) * length)
        if program.exitcode is None:
            program.kill()
            program.join()
            kills, fresh = kills + 1, False
        else:  # it came to its end before: the next kills meet another
            assert program.exitcode == 0, (folder / "said.txt").read_text()
            assert evidence(folder) == reference
            length = min(length, time.perf_counter() - started) if fresh else length
            finished, fresh = finished + 1, True
    folder = tmp_path / f"killed-{finished}"
    ended(start(folder), folder)
    assert evidence(folder) == reference
