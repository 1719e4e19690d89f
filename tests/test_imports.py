"""Imports run one way, and no module but Keras's own backend touches TensorFlow."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import busilib

PACKAGE = Path(busilib.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [
    "data",
    "models",
    "training",
    "metrics",
    "reports",
    "runs",
    "predict",
    "studies",
    "submission",
    "pages",
    "publish",
    "cli",
]
"""In the order of the data's way; what stands beside them (errors, paths, …) imports none of them."""


def imported(path: Path, running: bool = False) -> set[str]:
    """Every module that a file names in an import, also inside functions; `running`: not for types alone."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if running and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.fixture(params=MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def module(request) -> Path:
    return request.param


ALLOWED = {
    "gradcam.py": {"tensorflow", "jax", "torch"},  # gradients, which Keras leaves to its backends
    "provenance.py": {"torch"},  # asks PyTorch for its GPUs, where it is the backend
}
"""Modules that name a backend, and why; they do so inside functions only."""


def test_no_module_imports_a_backend(module):
    """So that KERAS_BACKEND alone decides, and TensorFlow need not be installed."""
    tops = {name.split(".")[0] for name in imported(module)}
    assert tops & {"tensorflow", "jax", "tf_keras", "torch"} <= ALLOWED.get(module.name, set())


@pytest.mark.parametrize("name", ALLOWED)
def test_backends_are_named_inside_functions_only(name):
    (path,) = PACKAGE.rglob(name)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in inside:
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not {module.split(".")[0] for module in modules} & {"tensorflow", "jax", "torch"}


def test_keras_comes_through_its_one_door(module):
    if module.name != "keras_backend.py":
        assert not {name for name in imported(module) if name.split(".")[0] == "keras"}


def test_imports_never_run_back(module):
    """data → models → training → metrics → reports → runs → predict → studies → … → cli, see `ROOMS`."""
    room = module.relative_to(PACKAGE).parts[0]
    later = ROOMS[ROOMS.index(room) + 1 :] if room in ROOMS else ROOMS
    for name in imported(module):
        parts = name.split(".")
        if parts[0] == "busilib" and len(parts) > 1:
            assert parts[1] not in later, f"{module.relative_to(PACKAGE)} imports {name}"


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, the first one again at the end; empty without one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as found:
        return found.args[1]
    return []


def test_imports_have_no_circle():
    names = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in MODULES
    }
    graph = {name: imported(path, running=True) & {*names} - {name} for name, path in names.items()}
    assert not (ring := circle(graph)), " → ".join(ring)


def test_a_circle_is_named():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert sorted(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})[1:]) == ["a", "b", "c"]


def test_the_command_line_starts_without_keras():
    code = "import sys, busilib.cli.main; sys.exit(bool({'keras', 'tensorflow', 'torch'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
