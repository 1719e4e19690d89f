"""Running notebooks and publishing them, on throw-away notebooks in a throw-away repository."""

import io
import json
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rich.console import Console

from busilib.cli import doctor
from busilib.pages import generated
from busilib.publish import book
from busilib.publish.digest import digest
from busilib.publish.mathml import to_mathml
from busilib.publish.notebooks import NotebookError, execute, executed_path, find, record, stray

ROOT = Path(__file__).parents[1]
PARAMETERS = 'profile = "laptop"  # or full\ndata = ""\nseed = 7'


def write(root: Path, name: str, *cells: str, parameters: str = PARAMETERS, kernel: str = "python3") -> Path:
    """A notebook with a title, a parameters cell and the given code cells."""
    notebook = new_notebook(
        metadata={"kernelspec": {"name": kernel, "display_name": "x", "language": "python"}},
        cells=[
            new_markdown_cell(f"# {name}\n\nWhy?"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *map(new_code_cell, cells),
        ],
    )
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def run(root: Path, **options) -> str:
    """Execute the notebooks under smoke; what was printed."""
    printed = io.StringIO()
    execute(root, "smoke", console=Console(file=printed, width=200), **options)
    return printed.getvalue()


def printed_by(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(
        out.text for cell in cells for out in cell.get("outputs", []) if out.output_type == "stream"
    )


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "repository").mkdir()
    return tmp_path / "repository"


# --- running ---------------------------------------------------------------------------------------------


def test_notebooks_are_found_in_number_order(root):
    for name in ("02_b", "10_c", "01_a"):
        write(root, name)
    assert [path.stem for path in find(root)] == ["01_a", "02_b", "10_c"]
    assert [path.stem for path in find(root, ["10", "02"])] == ["02_b", "10_c"]
    with pytest.raises(NotebookError, match=r"no notebook starts with '04'.*01_a, 02_b, 10_c"):
        find(root, ["04"])


def test_parameters_reach_the_notebook_and_this_python_runs_it(root, monkeypatch, tmp_path):
    foreign = tmp_path / "home" / ".local" / "share" / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/no/such/python", "{connection_file}"], "display_name": "x", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PATH", str(foreign.parents[1]))
    code = "import os, sys\nprint(sys.executable, profile, repr(data), seed, os.environ['BUSI_HEADLESS'])"
    source = write(root, "01_a", code, kernel="somebody-elses")
    assert "01_a: done in" in run(root, seed=3)
    target = executed_path(root, "smoke", source)
    assert printed_by(target).strip() == f"{sys.executable} smoke '' 3 1"
    assert record(target)["profile"] == "smoke" and record(target)["seconds"] > 0


def test_folders_are_passed_as_absolute_paths(root, monkeypatch):
    (root / "pictures").mkdir()
    source = write(root, "01_a", "print(data, weights)", parameters=f'{PARAMETERS}\nweights = ""')
    monkeypatch.chdir(root)
    run(root, data="pictures", weights="imagenet")
    assert printed_by(executed_path(root, "smoke", source)).strip() == f"{root / 'pictures'} imagenet"


def test_an_outside_folder_reaches_only_the_notebooks_that_ask_for_it(root, monkeypatch):
    (root / "elsewhere").mkdir()
    plain = write(root, "01_a", "print('outside' in globals())")
    source = write(root, "02_b", "print(outside)", parameters=f'{PARAMETERS}\noutside = ""')
    monkeypatch.chdir(root)
    run(root, outside="elsewhere")
    assert printed_by(executed_path(root, "smoke", plain)).strip() == "False"
    assert printed_by(executed_path(root, "smoke", source)).strip() == str(root / "elsewhere")


def test_digest_follows_the_files_of_an_outside_set(root, tmp_path):
    source, there = write(root, "01_a"), tmp_path / "there"
    there.mkdir()
    before = digest(root, source, {"outside": str(there)})
    (there / "case001.png").write_bytes(b"1")
    assert digest(root, source, {"outside": str(there)}) != before


def test_undeclared_parameters_are_refused_before_anything_runs(root):
    write(root, "01_a", "open('ran', 'w')")
    write(root, "02_b", parameters='profile = ""\ndata = ""')
    with pytest.raises(NotebookError, match=r"02_b\.ipynb does not declare seed.*profile, data"):
        run(root)
    assert not (root / "notebooks" / "ran").exists()
    with pytest.raises(NotebookError, match="01_a takes pretrained weights"):
        run(root, only=["01"], weights="imagenet")
    with pytest.raises(NotebookError, match="01_a takes outside data"):
        run(root, only=["01"], outside="somewhere")


def test_a_failing_cell_is_named_and_never_published(root):
    write(root, "01_a", "x = 1")
    source = write(root, "02_b", "x = 1", "# a comment\nraise ValueError('no lesion found')")
    write(root, "03_c")
    run(root, only=["01"])
    with pytest.raises(NotebookError) as caught:
        run(root)
    assert "notebooks/02_b.ipynb stopped in cell 4 (`# a comment`): ValueError: no lesion found" in str(
        caught.value
    )
    assert record(executed_path(root, "smoke", find(root)[0]))
    assert not executed_path(root, "smoke", source).exists()
    draft = nbformat.read(root / "_build" / "running" / "smoke" / "02_b.ipynb", as_version=4)
    assert draft.cells[-1].outputs[0].ename == "ValueError"


def test_two_notebooks_run_at_a_time_with_one_thread_each(root):
    """Each waits for the other, and names its threads."""
    for mine, other in (("a", "b"), ("b", "a")):
        meet = f"open({mine!r}, 'w').close()\nwhile not os.path.exists({other!r}): time.sleep(0.05)"
        threads = "print(os.environ['TF_NUM_INTRAOP_THREADS'])"
        write(root, f"0{1 + (mine == 'b')}_{mine}", "import os, time", meet, threads)
    printed = run(root)
    for source in find(root):
        assert f"{source.stem}: done" in printed
        assert printed_by(executed_path(root, "smoke", source)) == "1\n"


def test_a_failure_stops_the_notebook_beside_it(root):
    long = write(root, "01_a", "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    wait = "import os, time\nwhile not (os.path.exists('pid') and open('pid').read()): time.sleep(0.05)"
    write(root, "02_b", wait, "1 / 0")
    write(root, "03_c", "open('third', 'w').close()")
    printed, start = io.StringIO(), time.perf_counter()
    with pytest.raises(NotebookError, match=r"02_b\.ipynb stopped in cell 4 \(`1 / 0`\): ZeroDivisionError"):
        execute(root, "smoke", console=Console(file=printed, width=200))
    assert time.perf_counter() - start < 300
    assert printed.getvalue().splitlines() == ["02_b: failed", "01_a: stopped"]
    assert not psutil.pid_exists(int((root / "notebooks" / "pid").read_text()))
    assert not (root / "notebooks" / "third").exists()
    assert not executed_path(root, "smoke", long).exists()


def test_a_dead_kernel_is_reported(root):
    write(root, "01_a", "import os\nos._exit(1)")
    with pytest.raises(NotebookError, match=r"cell 3 \(`import os`\): the kernel died.*memory"):
        run(root)


@pytest.mark.parametrize(
    "code, fault",
    [
        ("import warnings\nwarnings.warn('odd image')", "standard error: .*UserWarning: odd image"),
        ("import sys\nprint('hm', file=sys.stderr)", "standard error: hm"),
        ("print('10%\\r20%')", "progress display"),
    ],
)
def test_stray_output_stops_the_report(root, code, fault):
    write(root, "01_a", code)
    with pytest.raises(NotebookError, match=fault):
        run(root)


def test_noise_of_c_libraries_stays_out_of_the_pages(root):
    source = write(root, "01_a", "import os\nos.write(2, b'oneDNN is on')\nNone")
    run(root)
    assert printed_by(executed_path(root, "smoke", source)) == ""


def test_unchanged_notebooks_are_kept_and_changed_ones_run_again(root):
    write(root, "01_a", "print('a')")
    second = write(root, "02_b", "print('b')")
    run(root)
    write(root, "02_b", "print('B')")
    printed = run(root)
    assert "01_a: kept" in printed and "02_b: done" in printed
    assert printed_by(executed_path(root, "smoke", second)) == "B\n"


def test_an_outdated_copy_does_not_survive_a_failure(root):
    source = write(root, "01_a", "print('fine')")
    run(root)
    write(root, "01_a", "1 / 0")
    with pytest.raises(NotebookError, match="ZeroDivisionError"):
        run(root)
    assert not executed_path(root, "smoke", source).exists()


def test_a_half_written_notebook_does_not_count_as_finished(root):
    source = write(root, "01_a")
    run(root)
    target = executed_path(root, "smoke", source)
    target.write_text(target.read_text()[:-40])
    assert record(target) == {}
    assert "01_a: done" in run(root)


def test_a_killed_report_goes_on_where_it_stopped(root):
    write(root, "01_a", "print('a')")
    first = executed_path(root, "smoke", root / "notebooks" / "01_a.ipynb")
    wait = f"import os, time\nwhile not os.path.exists({str(first)!r}): time.sleep(0.05)"
    second = write(root, "02_b", wait, "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    script = "import pathlib, busilib.publish.notebooks as n; n.execute(pathlib.Path.cwd(), 'smoke')"
    process = psutil.Popen([sys.executable, "-c", script], cwd=root)
    pid = root / "notebooks" / "pid"
    while not (pid.exists() and pid.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.wait()
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid.read_text())).wait(timeout=60)

    assert not executed_path(root, "smoke", second).exists()
    assert "01_a: kept" in run(root, only=["01"])


def test_digest_follows_everything_that_decides_the_numbers(root, tmp_path, monkeypatch):
    source, pictures = write(root, "01_a"), tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "benign (1).png").write_bytes(b"1")
    parameters = {"profile": "smoke", "data": str(pictures), "seed": 0}
    before = digest(root, source, parameters)
    assert digest(root, source, dict(parameters)) == before
    seen = {before, digest(root, source, parameters | {"seed": 1})}

    (pictures / "benign (1).png").write_bytes(b"12")
    seen.add(digest(root, source, parameters))
    (root / "results" / "laptop").mkdir(parents=True)
    (root / "results" / "laptop" / "metrics.json").write_text("{}")
    seen.add(digest(root, source, parameters))
    monkeypatch.setenv("KERAS_BACKEND", "another")
    seen.add(digest(root, source, parameters))
    write(root, "01_a", "x = 1")
    seen.add(digest(root, source, parameters))
    assert len(seen) == 6


def test_stray_judges_one_output():
    assert stray({"output_type": "stream", "name": "stdout", "text": "fine\r\nline\n"}) == ""
    assert stray({"output_type": "display_data", "data": {}}) == ""
    assert "(blank lines)" in stray({"output_type": "stream", "name": "stderr", "text": "\n"})


# --- publishing ------------------------------------------------------------------------------------------


@pytest.fixture
def repository(root) -> Path:
    """The book's own configuration with one small prose page, a claims page and one notebook."""
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\n')
    toc = {"format": "jb-book", "root": "book/intro"}
    toc["chapters"] = [{"file": name} for name in ("notebooks/01_a", "book/status", "book/claims")]
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    pages = {
        "intro.md": "# Intro\n\n[one](../notebooks/01_a.ipynb), $\\frac{1}{2}$ and {cite}`one`.",
        "status.md": "# Status\n\n<!-- generated:status -->",
        "claims.md": "# Claims\n\n<!-- generated:claims -->\n\n```{bibliography}\n```",
        "references.bib": "@misc{one, author={One, A.}, title={One}, year={2020}}",
    }
    for name, text in pages.items():
        (root / "book" / name).write_text(text)
    write(root, "01_a", "print('number')")
    return root


def test_unexecuted_or_failed_notebooks_are_refused(repository):
    with pytest.raises(NotebookError, match=r"01_a\.ipynb has not been run for smoke"):
        book.stage(repository, "smoke")
    run(repository)
    target = executed_path(repository, "smoke", find(repository)[0])
    good = nbformat.read(target, as_version=4)

    for spoil, fault in [
        (lambda cell: cell.update(execution_count=None), "cell 4 was not executed"),
        (lambda cell: cell.outputs.append(new_output("error", ename="KeyError", evalue="")), "KeyError"),
        (lambda cell: cell.outputs.append(new_output("stream", name="stderr", text="hm")), "standard error"),
    ]:
        bad = nbformat.from_dict(json.loads(json.dumps(good)))
        spoil(bad.cells[-1])
        nbformat.write(bad, target)
        with pytest.raises(NotebookError, match=fault):
            book.stage(repository, "smoke")


def test_a_source_that_changed_is_not_published_as_its_old_run(repository):
    run(repository)
    write(repository, "01_a", "print('another')")
    with pytest.raises(NotebookError, match="since it last changed"):
        book.stage(repository, "smoke")
    page = nbformat.read(book.stage(repository, "smoke", partial=True) / "notebooks/01_a.ipynb", as_version=4)
    assert {cell.cell_type for cell in page.cells} == {"markdown"}
    assert "left out of this build" in page.cells[0].source


def test_pages_show_what_ran_and_nothing_of_this_machine(repository):
    (repository / "my pictures").mkdir()
    run(repository, data=str(repository / "my pictures"))
    site = book.stage(repository, "smoke")
    text = (site / "notebooks" / "01_a.ipynb").read_text()
    assert str(repository) not in text and "my pictures" not in text
    page = nbformat.reads(text, as_version=4)
    shown = page.cells[1]
    assert shown.source == "profile = 'smoke'  # or full\ndata = \"\"\nseed = 0"
    assert "hide-input" in shown.metadata.tags
    assert len(page.cells) == 3 and page.metadata.keys() <= {"kernelspec", "language_info"}


def test_cells_to_remove_are_removed_and_widgets_with_them():
    live = new_code_cell("slider", execution_count=1, metadata={"tags": ["remove-cell"]})
    notebook = new_notebook(cells=[new_markdown_cell("# t"), live], metadata={"widgets": {"state": {}}})
    page = book.page_of(notebook)
    assert len(page.cells) == 1 and "widgets" not in page.metadata


def test_without_a_public_address_nothing_points_to_one(repository):
    assert book.repository_url(repository) == ""
    config = book.configuration(repository, "smoke")
    assert not config["html"]["use_repository_button"] and "launch_buttons" not in config
    assert "announcement" not in config["html"]


@pytest.mark.parametrize("host, colab", [("https://github.com", True), ("https://codeberg.org", False)])
def test_a_public_address_brings_buttons(repository, host, colab):
    urls = f'[project.urls]\nRepository = "{host}/me/book/"\n'
    (repository / "pyproject.toml").write_text(f'[project]\nname = "x"\n{urls}')
    config = book.configuration(repository, "laptop")
    assert config["repository"]["url"] == f"{host}/me/book"
    assert config["html"]["use_repository_button"] and ("launch_buttons" in config) == colab
    run(repository)
    page = nbformat.read(book.stage(repository, "smoke") / "notebooks/01_a.ipynb", as_version=4)
    opens = "https://colab.research.google.com/github/me/book/blob/main/notebooks/01_a.ipynb"
    assert (opens in page.cells[0].source) == colab


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "https://github.com/me/book"])
def test_book_is_built_offline_and_without_warnings(repository, address):
    if address:
        urls = f'[project.urls]\nRepository = "{address}"\n'
        (repository / "pyproject.toml").write_text(f'[project]\nname = "x"\n{urls}')
    run(repository)
    index = book.build(repository, "smoke")
    assert index == repository / "_build" / "html" / "index.html" and index.is_file()
    intro = (index.parent / "book" / "intro.html").read_text(encoding="utf-8")
    page = (index.parent / "notebooks" / "01_a.html").read_text(encoding="utf-8")
    assert "<mfrac>" in intro
    assert "number" in page
    for text in (intro, page):
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', text)
        assert 'href=""' not in text and "executablebooks" not in text
        assert ("github.com/me/book" in text) == bool(address)
    assert ("colab.research" in page) == bool(address)
    assert "[01_a]" not in (index.parent / "book" / "status.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_warnings_are_errors_and_are_shown(repository):
    run(repository)
    (repository / "book" / "intro.md").write_text("# Intro\n\n[gone](nowhere.md) and {cite}`nobody`.")
    with pytest.raises(book.BookError) as caught:
        book.build(repository, "smoke")
    assert "nowhere.md" in str(caught.value) and "nobody" in str(caught.value)
    assert not (repository / "_build" / "html").exists()


def test_status_lists_each_notebook_and_what_it_ran_with():
    ran = {"profile": "smoke", "seed": 0, "seconds": 12.4, "commit": "abc", "date": "2026-01-02"}
    ran |= {"versions": {"python": "3.11.7", "keras": "3.15.1"}, "machine": "2 CPU cores"}
    text = generated.status({"01_a": ran, "02_b": {}})
    assert "| [01_a](../notebooks/01_a.ipynb) | 12 | `abc` |" in text
    assert "| [02_b](../notebooks/02_b.ipynb) | not run |" in text
    assert "profile smoke, seed 0; Python 3.11.7, Keras 3.15.1; 2 CPU cores." in text


def test_claims_show_every_claim_of_the_registry(tmp_path):
    from busilib.reports.registry import EXPERIMENTS

    text, short = generated.claims(tmp_path), generated.claims_in_short(tmp_path)
    claims = [claim for entry in EXPERIMENTS.values() for claim in entry.claims]
    main = [entry for entry in EXPERIMENTS.values() if entry.main_claim]
    every = text[text.index("## Every figure") : text.index("## Checked with a pencil")]
    rows = [line for line in every.splitlines() if line.startswith("| ") and "| claimed |" not in line]
    assert len(rows) == len(claims)
    assert all("cannot be checked" in row or "not run by us" in row for row in rows)
    assert sum(line.startswith("| `") for line in short.splitlines()) == len(main)
    assert short.startswith(f"{len(claims)} figures; as the report did: ")
    assert "0.9096" in text and "24,439,269" in text and "No figure is printed for `r2-unet`" in short


def test_claims_stand_beside_the_records(tmp_path):
    """A page of the project's own records, without R1's combined evaluation, which takes its time."""
    shutil.copytree(ROOT / "results", tmp_path / "results")
    text = generated.claims_in_short(tmp_path)
    row = next(line for line in text.splitlines() if line.startswith("| `r2-cnn` "))
    figure = json.loads((ROOT / "results/laptop/r2-cnn@random/metrics.json").read_text())["metrics"][
        "accuracy"
    ]
    assert f"{figure['value']:.2f} ({figure['low']:.2f}–{figure['high']:.2f}), n = {figure['n']}" in row
    assert "own protocol: " in row and "; grouped: " in row
    shown = [line.split("|")[1].strip() for line in text.splitlines() if "shown the true mask" in line]
    assert shown == [f"`{id}`, shown the true mask" for id in ("r3-imagemasknet", "r3-imagemasknet2")]


def test_folded_parts_of_the_claims_are_closed_in_order(tmp_path):
    """A fence that opens inside another is shorter, and each is closed."""
    depth = []
    for line in generated.claims(tmp_path).splitlines():
        if fence := re.match(r":{3,}", line):
            if line == fence[0]:
                assert depth.pop() == len(line)
            else:
                assert not depth or depth[-1] > len(fence[0])
                depth.append(len(fence[0]))
    assert depth == []


def test_formulas_become_mathml():
    assert "<mfrac>" in to_mathml(r"\frac{2\,\mathrm{tp}}{n}")
    assert 'display="block"' in to_mathml("x", display=True)
    assert 'lspace="0"' in to_mathml(r"\lvert A \rvert")


# --- doctor ----------------------------------------------------------------------------------------------


def test_doctor_finds_this_machine_fit_without_loading_anything(tmp_path, monkeypatch):
    monkeypatch.delenv("BUSI_DIR", raising=False)
    findings = {finding.name: finding for finding in doctor.check(tmp_path)}
    assert {
        "Python",
        "tensorflow",
        "papermill",
        "Jupyter kernel",
        "disk",
        "memory",
        "BUSI",
    } <= findings.keys()
    assert findings["Python"].ok and findings["tensorflow"].ok
    assert all(finding.mend for finding in findings.values() if not finding.ok)


def test_doctor_names_what_is_wrong_and_how_to_mend_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BUSI_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("BUSI_WEIGHTS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", os.devnull)
    findings = {finding.name: finding for finding in doctor.check(tmp_path)}
    for name in ("BUSI", "pretrained weights", "Chromium"):
        assert not findings[name].ok and not findings[name].needed and findings[name].mend
    assert "nowhere" in findings["BUSI"].found
