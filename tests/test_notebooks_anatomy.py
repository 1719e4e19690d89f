"""What every notebook of the book must look like, checked on the files in the repository."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml

from busilib.publish.notebooks import find

ROOT = Path(__file__).parents[1]
NOTEBOOKS = find(ROOT)
MOST_LINES, MOST_BODY_LINES = 15, 5


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def without_magics(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def section(notebook, words: str) -> list:
    """The cells from the last heading that contains `words` up to the next heading of its level."""
    starts = [
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and re.match(rf"## .*{words}", cell.source, re.IGNORECASE)
    ]
    assert starts, f"no section '## … {words} …'"
    rest = notebook.cells[starts[-1] + 1 :]
    ends = [
        i for i, cell in enumerate(rest) if cell.cell_type == "markdown" and cell.source.startswith("## ")
    ]
    return [notebook.cells[starts[-1]], *rest[: ends[0] if ends else None]]


def test_the_notebooks_are_those_of_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert [name for name in listed if name.startswith("notebooks/")] == [
        f"notebooks/{path.stem}" for path in NOTEBOOKS
    ]
    for name in [toc["root"], *listed]:
        assert list(ROOT.glob(f"{name}.*")), f"_toc.yml names {name}, which is no file"


def test_no_outputs_and_no_execution_counts(notebook):
    for cell in code_cells(notebook):
        assert not cell.outputs and cell.execution_count is None, cell.source
        assert not cell.metadata.keys() & {"execution", "papermill"}
    assert not notebook.metadata.keys() & {"papermill", "widgets", "busilib"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_begins_with_one_title_and_a_question(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert "?" in first.source
    titles = [text for text in prose(notebook) if re.search(r"(?m)^# ", re.sub(r"(?s)```.*?```", "", text))]
    assert len(titles) == 1


def test_says_what_is_needed_and_how_long_it_takes(notebook):
    opening = "\n".join(prose(notebook)[:3]).lower()
    assert "you need" in opening
    for profile in ("smoke", "laptop", "full"):
        assert profile in opening or "every profile" in opening


def test_one_parameters_cell_with_literals_only(notebook):
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in tags(cell)]
    assert len(tagged) == 1 and tagged[0] <= 6
    body = ast.parse(notebook.cells[tagged[0]].source).body
    assert all(isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) for line in body)
    values = {line.targets[0].id: line.value.value for line in body}
    assert values.pop("weights", "") == "", "the profile chooses the weights unless a reader does"
    assert values.pop("outside", "") == "", "no outside set is shipped"
    dataset = "bcss" if "bcss" in values else "data"
    assert values == {"profile": "smoke", dataset: "", "seed": 0}


def test_code_cells_are_thin(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.strip().splitlines()) <= MOST_LINES, cell.source
        for node in ast.walk(ast.parse(without_magics(cell.source))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.body[0].lineno + 1
                assert length <= MOST_BODY_LINES, f"{node.name} has {length} lines: move it into busilib"


def test_no_name_that_is_imported_is_given_to_something_else(notebook):
    """`pixels`, a module above, was an array below, and the cell after it found no function in it."""
    nodes = [
        node for cell in code_cells(notebook) for node in ast.walk(ast.parse(without_magics(cell.source)))
    ]
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    inner = {
        id(name) for node in nodes if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
    }
    given = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inner
    }
    assert not imported & given


def test_figures_have_caption_and_alt_text(notebook):
    names = []
    for cell in code_cells(notebook):
        look = cell.metadata.get("mystnb", {})
        draws = re.search(r"\bfigures\.\w+\(|\bplt\.|\.plot\(", cell.source) and "remove-cell" not in tags(
            cell
        )
        if draws or "figure" in look:
            assert look.get("figure", {}).get("caption", "").strip(), f"no caption: {cell.source}"
        if draws:
            assert len(look.get("image", {}).get("alt", "").strip()) >= 20, f"no alt text: {cell.source}"
        names += [look["figure"]["name"]] if look.get("figure", {}).get("name") else []
    assert len(names) == len(set(names))


def test_widgets_are_for_live_notebooks_only(notebook):
    for cell in code_cells(notebook):
        if re.search(r"\bbrowse\w*\(|\bexplore\(|ipywidgets", cell.source):
            assert "remove-cell" in tags(cell), f"a still page cannot run this widget: {cell.source}"


def test_tags_are_known(notebook):
    known = {
        "answer",
        "this-run",
        "parameters",
        "setup",
        "colab",
        "hide-cell",
        "hide-input",
        "hide-output",
        "remove-cell",
        "remove-input",
    }
    for cell in notebook.cells:
        assert tags(cell) <= known


RECORDS = {
    "answer",
    "claims",
    "claims_of",
    "combined_records",
    "find_record",
    "inputs_records",
    "ledger",
    "main_claim",
    "picture",
    "protocol_records",
    "read_record",
    "read_studies",
    "read_study",
    "recorded_sources",
    "records_of",
    "sources",
}
"""Names of `busilib` that lead to records or claims, as functions or attributes."""


def read_and_given(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that a statement reads, and names that it gives a value, without those that live inside it."""
    nodes = list(ast.walk(statement))
    inner = [one.target for one in nodes if isinstance(one, ast.comprehension)]
    own = {one.id for target in inner for one in ast.walk(target) if isinstance(one, ast.Name)}
    own |= {one.arg for one in nodes if isinstance(one, ast.arg)}
    names = [one for one in nodes if isinstance(one, ast.Name)]
    read = {one.id for one in names if isinstance(one.ctx, ast.Load)}
    given = {one.id for one in names if isinstance(one.ctx, ast.Store)}
    given |= {one.name for one in nodes if isinstance(one, ast.FunctionDef)}
    return read - own, given - own


def depending_on(start: set[str], statements: list[ast.stmt]) -> set[str]:
    """All names whose value depends on some names."""
    found, before = set(start), set()
    while found != before:
        before = set(found)
        for read, given in map(read_and_given, statements):
            found |= given if read & found else set()
    return found


def test_names_are_followed_through_loops_and_functions():
    code = """
a = profile
def f(x):
    return a + x
for b in [f(1)]:
    c = b
d = [e for e in other]
profile2 = "x"
"""
    assert depending_on({"profile"}, ast.parse(code).body) == {"profile", "a", "f", "b", "c"}


def test_what_this_run_computes_stands_apart_from_what_is_recorded(notebook):
    """Neither a figure nor a table nor a sentence is made of both."""
    bodies = [(tags(cell), ast.parse(without_magics(cell.source)).body) for cell in code_cells(notebook)]
    (parameters,) = [body for marks, body in bodies if "parameters" in marks]
    chosen = {line.targets[0].id for line in parameters}
    ours = depending_on(chosen, [line for _, body in bodies for line in body])
    for marks, body in bodies:
        if marks & {"parameters", "colab"}:
            continue
        names = set().union(*(read_and_given(line)[0] for line in body))
        if marks & {"this-run", "remove-cell"}:
            nodes = [one for line in body for one in ast.walk(line)]
            names |= {one.attr for one in nodes if isinstance(one, ast.Attribute)}
            assert not names & RECORDS, f"records in a cell of this run: {names & RECORDS}"
        else:
            assert not names & ours, f"a cell without the tag `this-run` uses {names & ours}"


def test_every_notebook_opens_with_its_answer(notebook):
    answer, picture = notebook.cells[1:3]
    assert tags(answer) == tags(picture) == {"answer"}
    assert "answers.answer(" in answer.source and "answers.picture(" in picture.source


def test_no_heading_stands_in_a_block_of_this_run(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "this-run" in tags(cell):
            assert not re.search(r"(?m)^#+ ", cell.source), cell.source


def test_ends_with_takeaways_and_two_exercises(notebook):
    takeaways = "\n".join(cell.source for cell in section(notebook, "take away"))
    assert len(re.findall(r"(?m)^[-*] ", takeaways)) >= 2
    cells = section(notebook, "exercises")
    assert cells[-1] is notebook.cells[-1], "the exercises stand last"
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    folded_prose = len(re.findall(r"(?m)^:class:.*\bdropdown\b", text))
    folded_code = sum(bool(tags(cell) & {"hide-cell", "hide-input"}) for cell in cells)
    assert folded_prose + folded_code >= 2, "two exercises, each with a folded solution"
