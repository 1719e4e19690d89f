"""Stage the executed notebooks with the prose pages, and build the book from them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import nbformat
import yaml

from busilib import provenance
from busilib.errors import UserError
from busilib.pages import generated
from busilib.publish.digest import source_digest
from busilib.publish.finish import finish
from busilib.publish.html_tables import tidy
from busilib.publish.notebooks import RECORD, NotebookError, executed_path, find, record, stray
from busilib.publish.parts import fill
from busilib.publish.this_run import NOTE, TAG, set_apart

FOLDED = {
    "parameters": "the parameters",
    "setup": "the set-up",
    "answer": "how this is computed",
    "hide-cell": "code and result",
    "hide-input": "how this is computed",
}
"""Tags of cells that are folded away on the page, and what their buttons call it; the first that fits."""


class BookError(UserError, RuntimeError):
    """The book cannot be built; the message shows the warnings that count."""


def repository_url(root: Path) -> str:
    """The public address of the project from pyproject.toml's `project.urls.Repository`, "" while unset.

    Example:
        >>> repository_url(Path("."))
        ''
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "").rstrip("/")


def colab_url(repository: str, page: str) -> str:
    """Address that opens a notebook of a GitHub repository in Colab, "" for any other host.

    Example:
        >>> colab_url("https://github.com/me/book", "notebooks/01_a.ipynb")
        'https://colab.research.google.com/github/me/book/blob/main/notebooks/01_a.ipynb'
    """
    match = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?", repository)
    return f"https://colab.research.google.com/github/{match[1]}/blob/main/{page}" if match else ""


def configuration(root: Path, profile: str) -> dict:
    """`_config.yml` with what depends on the build: footer, repository and launch buttons.

    Returns:
        The configuration as a dictionary, ready to be written as YAML.

    Example:
        >>> "smoke" in configuration(Path("."), "smoke")["html"]["extra_footer"]
        True
    """
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    html = config.setdefault("html", {})
    html["extra_footer"] = (
        f'<p class="build">Profile <b>{profile}</b> · busilib {provenance.versions()["busilib"]} · '
        f"commit {provenance.commit()} · built {datetime.now(UTC):%Y-%m-%d}. Not for clinical use.</p>"
    )
    if repository := repository_url(root):
        config["repository"] = {"url": repository, "branch": "main"}
        html["use_repository_button"] = html["use_issues_button"] = True
        if colab_url(repository, ""):
            config["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}
    return config


def check_executed(path: Path) -> nbformat.NotebookNode:
    """Read an executed notebook and refuse one that is not fit for publication.

    Raises:
        NotebookError: if the file is missing, was not run to its end, holds an error, a code cell without
            an execution count, or stray output.

    Example (not run):
        >>> check_executed(Path("_build/executed/smoke/01_data_exploration.ipynb")).nbformat
        4
    """
    if not record(path):
        raise NotebookError(f"{path}: no finished run of this notebook; `busi report` runs it")
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        faults = [f"raised {output.ename}" for output in cell.outputs if output.output_type == "error"]
        faults += [fault for output in cell.outputs if (fault := stray(output))]
        if cell.execution_count is None:
            faults.append("was not executed")
        if faults:
            raise NotebookError(f"{path}: cell {number} {faults[0]}; `busi report` runs the notebook again")
    return notebook


def page_of(notebook: nbformat.NotebookNode, badge: str = "") -> nbformat.NotebookNode:
    """An executed notebook as the book shows it.

    The parameters cell shows the profile and seed that ran and the injected cell is dropped, which would
    name a folder of this machine, as are cells tagged `remove-cell`; the cells of `FOLDED` are folded; what
    this run computed stands apart (see `busilib.publish.this_run`); records, timings and the states of
    widgets, which need a live notebook, are left out.

    Args:
        notebook: the executed notebook, changed in place.
        badge: address for an "Open in Colab" button, "" for none.

    Example (not run):
        >>> page = page_of(check_executed(path))
    """
    ran = notebook.metadata.get(RECORD, {})
    gone = {"injected-parameters", "remove-cell"}
    notebook.cells = [cell for cell in notebook.cells if not gone & set(cell.metadata.get("tags", []))]
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if "parameters" in tags:
            cell.source = _with_values(cell.source, {name: ran[name] for name in ("profile", "seed")})
        look = dict(cell.metadata.get("mystnb", {}))
        if words := next((words for tag, words in FOLDED.items() if tag in tags), ""):
            look |= {"code_prompt_show": f"Show {words}", "code_prompt_hide": f"Hide {words}"}
        if tags & {"parameters", "setup", "answer"}:
            tags.add("hide-input")
        cell.metadata = nbformat.from_dict({"tags": sorted(tags), "mystnb": look})
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):
                output["data"]["text/html"] = tidy(html)
    phantom = ran.get("phantom", False)
    if phantom and any(TAG in cell.metadata["tags"] for cell in notebook.cells):
        # Behind the answer, which comes first: it is recorded, and no phantom.
        opening = next(cell for cell in notebook.cells[1:] if cell.cell_type == "markdown")
        opening.source = f"{NOTE}\n\n{opening.source}"
    notebook.cells = set_apart(notebook.cells, phantom)
    if badge:
        button = f"```{{button-link}} {badge}\n:color: primary\n:outline:\nOpen this notebook in Colab\n```"
        notebook.cells[0].source += f"\n\n{button}"
    kept = {"kernelspec", "language_info"} & notebook.metadata.keys()
    notebook.metadata = nbformat.from_dict({key: notebook.metadata[key] for key in kept})
    return notebook


def _with_values(source: str, values: Mapping[str, object]) -> str:
    """The source of a parameters cell with other values; comments stay."""
    for name, value in values.items():
        source = re.sub(rf"(?m)^{name} = [^#\n]*?(?=\s*(?:#|$))", f"{name} = {value!r}", source)
    return source


def placeholder(source: Path) -> nbformat.NotebookNode:
    """The prose of a notebook that was left out of this run, with a note in place of its results."""
    notebook = nbformat.read(source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    note = "```{note}\nThis notebook was left out of this build (`--only`). `busi report` runs them all.\n```"
    notebook.cells[0].source += f"\n\n{note}"
    return notebook


def stage(root: Path, profile: str, partial: bool = False) -> Path:
    """Lay out the book's source in `_build/site/`: configuration, prose pages, executed notebooks.

    Args:
        root: the repository.
        profile: whose executed notebooks to take.
        partial: True after a run with `--only`: notebooks that have not run, or have changed since, are
            shown as prose with a note. Otherwise they are an error.

    Returns:
        The folder to build from.

    Raises:
        NotebookError: for a notebook that is not fit for publication (see `check_executed`).

    Example (not run):
        >>> stage(Path("."), "smoke")
        PosixPath('_build/site')
    """
    site = root / "_build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    (site / "notebooks").mkdir(parents=True)
    (site / "_config.yml").write_text(
        yaml.safe_dump(configuration(root, profile), allow_unicode=True), encoding="utf-8"
    )
    shutil.copy(root / "_toc.yml", site)
    shutil.copytree(root / "book", site / "book")
    table = files("busilib.data.busi").joinpath("busi_table.csv").read_bytes()
    (site / "book" / "_static").mkdir(exist_ok=True)
    (site / "book" / "_static" / "busi_table.csv").write_bytes(table)

    repository = repository_url(root)
    records = {}
    for source in find(root):
        path = executed_path(root, profile, source)
        records[source.stem] = ran = record(path)
        if ran.get("source") == source_digest(source):
            page = page_of(check_executed(path), colab_url(repository, f"notebooks/{source.name}"))
        elif partial:
            records[source.stem] = {}
            page = placeholder(source)
        else:
            raise NotebookError(
                f"notebooks/{source.name} has not been run for {profile} since it last changed"
            )
        nbformat.write(page, site / "notebooks" / source.name)

    for file in (site / "book").glob("*.md"):
        text = fill(file.read_text(encoding="utf-8"), root)
        text = text.replace("<!-- generated:status -->", generated.status(records))
        file.write_text(text, encoding="utf-8")
    return site


def build(root: Path, profile: str, partial: bool = False) -> Path:
    """Stage and build the book; warnings are errors.

    Returns:
        `_build/html/index.html`, replaced only by a build without warnings.

    Raises:
        NotebookError: see `stage`.
        BookError: with the warnings, if there are any, or the last lines of a build that failed.

    Example (not run):
        >>> build(Path("."), "smoke")
        PosixPath('/home/me/book/_build/html/index.html')
    """
    root = root.resolve()
    site = stage(root, profile, partial)
    options = ["-W", "-n", "--keep-going", "--path-output", str(site)]
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from jupyter_book.cli.main import main; main()",
            "build",
            str(site),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"NO_COLOR": "1", "PYTHONUTF8": "1", "JUPYTER_PLATFORM_DIRS": "1"},
    )
    if run.returncode:
        raise BookError(_complaints(run.stdout, site))
    target = root / "_build" / "html"
    shutil.rmtree(target, ignore_errors=True)
    (site / "_build" / "html").replace(target)
    finish(target)
    return target / "index.html"


def _complaints(log: str, site: Path) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{site}{os.sep}", "").splitlines()
    counted = [line for line in lines if re.search(r"\b(WARNING|ERROR|CRITICAL)\b", line)]
    head = f"the book was not built: {len(counted)} warning(s)" if counted else "the book was not built"
    return "\n".join([head, *(counted[:30] or lines[-20:])])
