"""The first screen of index and README: computed from the records, and equal to them where it is typed."""

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

from busilib.pages import answers, figures, headline
from busilib.pages.primary import primary
from busilib.publish.notebooks import find

ROOT = Path(__file__).parents[1]


def test_the_figures_of_the_readme_are_those_of_the_records():
    typed = (ROOT / "README.md").read_text(encoding="utf-8").partition("The measured figures")[0]
    told = headline.findings(ROOT) + headline.figure(ROOT) + primary(ROOT)
    known = set(re.findall(r"\d\.\d\d", told))
    assert set(re.findall(r"\d\.\d\d", typed)) <= known


def test_every_finding_names_its_page():
    lines = headline.findings(ROOT).splitlines()
    assert len(lines) >= 3
    for line in lines:
        pages = re.findall(r"\]\(([^)]+)\)", line)
        assert pages and all((ROOT / "book" / page).is_file() for page in pages), pages


def test_every_notebook_has_an_answer_and_a_picture():
    assert list(answers.PAGES) == [path.stem for path in find(ROOT)]
    for name in answers.PAGES:
        text = answers.answer(name).data
        assert text.startswith("**") and re.search(r"\d", text), f"{name}: {text}"
        assert "phantom" not in text.lower()
        assert answers.picture(name).axes


def test_no_module_of_figures_hides_a_figure():
    for module in pkgutil.iter_modules(figures.__path__):
        importlib.import_module(f"{figures.__name__}.{module.name}")
    assert [name for name in figures.__all__ if isinstance(getattr(figures, name), ModuleType)] == []
