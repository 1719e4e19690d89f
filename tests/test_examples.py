"""The examples in docstrings run and say what they print.

Those under `Example:` are run. Those under `Example (not run):` need what is not here: the real BUSI, a
trained network, a network connection, a record.
"""

import ast
import contextlib
import doctest
import importlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

import busilib
from busilib.data.bcss import load_bcss
from busilib.data.busi.catalog import scan
from busilib.data.busi.fingerprint import read_table
from busilib.data.check import check
from busilib.data.dataset import CLASSES
from busilib.data.duplicates import thumbnail
from busilib.data.images import decode
from busilib.data.loader import load_busi
from busilib.data.phantoms.histology import write_histology_phantom
from busilib.data.phantoms.ultrasound import write_phantom
from busilib.data.splits import grouped_split
from busilib.metrics.calibration import calibration_metrics
from busilib.metrics.classification import classification_metrics
from busilib.metrics.malignancy import malignancy_metrics
from busilib.metrics.outline import describe
from busilib.metrics.pairing import groups_of, shared
from busilib.metrics.segmentation import segmentation_metrics
from busilib.pages.own_set import write_example
from busilib.reports.registry import EXPERIMENTS, experiment
from busilib.runs.load import load_data
from busilib.runs.records import read_record
from busilib.settings import Settings
from busilib.studies.context import Context
from busilib.studies.ladder import CLASSIFICATION
from busilib.studies.records import read_study

PACKAGE = Path(busilib.__file__).parent
RUN, NOT_RUN = "Example:", "Example (not run):"
FEWEST = 270
"""Examples that must be run."""
MOST_WITHOUT = 140
"""Public functions that may stand without an example: lower it, and never raise it."""
OF_OUTLINES = {f"busilib.metrics.{name}" for name in ("detection", "segmentation", "strata", "measure")}
"""Modules whose examples are about the predictions of a U-Net; those of others are about a classifier's."""
ROOT = PACKAGE.parent


def documented() -> dict[str, tuple[str, str]]:
    """By dotted name: module and docstring of all public classes, functions, methods and properties."""
    found = {}

    def visit(node: ast.AST, module: str, within: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
                name = f"{within}.{child.name}"
                found[name] = module, ast.get_docstring(child) or ""
                if isinstance(child, ast.ClassDef):
                    visit(child, module, name)

    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        visit(ast.parse(path.read_text(encoding="utf-8")), module, module)
    return found


DOCUMENTED = documented()
EXAMPLES = {
    name: doctest.DocTestParser().get_doctest(doc.split(NOT_RUN)[0].replace("…", "..."), {}, name, module, 0)
    for name, (module, doc) in DOCUMENTED.items()
    if RUN in doc
}


class Checker(doctest.OutputChecker):
    """An example that shows no output only has to run."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A checkout with its records, and data under the names that examples use."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("results", "notebooks", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    write_phantom(folder / "Dataset_BUSI_with_GT", benign=12, malignant=10, normal=8)
    write_histology_phantom(folder / "downloads" / "bcss", slides=6, tiles_per_slide=3, size=32)
    write_example(folder / "our-hospital")
    return folder


@pytest.fixture(scope="module")
def common(place) -> dict:
    """The names that examples use without making them."""
    data = load_busi(place / "Dataset_BUSI_with_GT", size=32, name="phantoms")
    with contextlib.chdir(place):
        record, unet = read_record("r2-cnn", "laptop"), read_record("r1-unet", "laptop")
    busi = read_table()
    record.predictions[["id", "fold", *CLASSES]].to_csv(place / "mine.csv", index=False)
    busi[["id"]].assign(part=np.where(busi.index % 5, "train", "test")).to_csv(
        place / "split.csv", index=False
    )
    return {
        "np": np,
        "pd": pd,
        "Path": Path,
        "Image": Image,
        "Console": Console,
        "check": check,
        "replace": replace,
        "EXPERIMENTS": EXPERIMENTS,
        "experiment": experiment,
        "Settings": Settings,
        "Context": Context,
        "read_table": read_table,
        "read_record": read_record,
        "read_study": read_study,
        "load_data": load_data,
        "load_busi": load_busi,
        "load_bcss": load_bcss,
        "classification_metrics": classification_metrics,
        "segmentation_metrics": segmentation_metrics,
        "data": data,
        "phantoms": data,
        "tiles": load_bcss(place / "downloads" / "bcss", 32),
        "split": grouped_split(data.labels, data.groups, fold=0),
        "entries": scan(place / "Dataset_BUSI_with_GT")[0],
        "record": record,
        "unet": unet,
        "of_unet": groups_of(unet.predictions, busi),
        "mobilenet": read_record("r2-mobilenet", "laptop", place / "results"),
        "predictions": record.predictions,
        "validation": record.validation,
        "groups": groups_of(record.predictions, busi),
        "busi": data,
        "mask": data.masks[0],
        "probabilities": data.masks.astype(np.float32),
        "cnn": record,
        "decode": decode,
        "describe": describe,
        "grouped_split": grouped_split,
        "calibration_metrics": calibration_metrics,
        "malignancy_metrics": malignancy_metrics,
        "CLASSIFICATION": CLASSIFICATION,
        "settings": experiment("r2-cnn").settings,
        "entry": experiment("r2-cnn"),
        "history": pd.DataFrame({"epoch": range(20), "val_loss": [1.0] * 17 + [0.5, 1.0, 1.0]}),
        "masks": data.masks,
        "thumbnails": np.stack([thumbnail(image) for image in data.images]),
        "shared": shared,
        "images": data.images,
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, common, place, monkeypatch):
    monkeypatch.chdir(place)
    example = EXAMPLES[name]
    module = importlib.import_module(example.filename)
    if example.filename in OF_OUTLINES:
        common = common | {"record": common["unet"], "predictions": common["unet"].predictions}
        common |= {"validation": common["unet"].validation, "groups": common["of_unet"]}
    if example.filename.startswith("busilib.submission"):
        common = common | {"busi": read_table()}
    id = name.rsplit(".", 1)[1].replace("_", "-")
    if id in EXPERIMENTS:
        common = common | {"settings": experiment(id).settings}
    example.globs = {**common, **vars(module)}
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with np.printoptions(legacy="1.25"):  # `True`, as one reads it, and not `np.True_`
        doctest.DocTestRunner(Checker(), optionflags=flags).run(example, out=said.append)
    assert not said, f"{''.join(said)}\nMend it, or call it `{NOT_RUN}` if what it needs is not here."


def test_most_examples_are_run():
    held_back = [name for name, (_, doc) in DOCUMENTED.items() if NOT_RUN in doc]
    assert len(EXAMPLES) >= FEWEST, f"{len(EXAMPLES)} are run, {len(held_back)} are not"


def test_public_functions_have_examples():
    functions = {
        name: doc
        for name, (module, doc) in DOCUMENTED.items()
        if name.removeprefix(f"{module}.").islower() and "." not in name.removeprefix(f"{module}.")
    }
    without = [
        name
        for name, doc in functions.items()
        if RUN not in doc and NOT_RUN not in doc
        if not name.startswith("busilib.pages.answers.")  # all alike, and told in their package
    ]
    assert len(without) <= MOST_WITHOUT, without
