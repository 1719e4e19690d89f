"""The cell that lets a notebook run in Colab: there only while pyproject.toml names a public address."""

from __future__ import annotations

from pathlib import Path

import nbformat

from busilib.publish.book import colab_url, repository_url
from busilib.publish.notebooks import find

TAG = "colab"
SOURCE = """\
# In Colab this fetches the project; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    get_ipython().system("git clone --quiet --depth 1 {repository} busi")
    get_ipython().system("pip install --quiet -e 'busi[train]'")
    get_ipython().run_line_magic("cd", "busi")"""


def sync(root: Path) -> list[Path]:
    """Give every notebook its Colab badge and set-up cell, or take them away while there is no address.

    Args:
        root: the repository; `project.urls.Repository` of its pyproject.toml is the address.

    Returns:
        The notebooks that were changed.

    Example (not run):
        >>> sync(Path("."))  # nothing to do
        []
    """
    repository, changed = repository_url(root), []
    for path in find(root):
        before = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(before, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
        address = colab_url(repository, f"notebooks/{path.name}")
        if address:
            notebook.cells[1:1] = _cells(repository, address)
        after = nbformat.writes(notebook, indent=1) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def _cells(repository: str, address: str) -> list[nbformat.NotebookNode]:
    metadata = {"tags": [TAG, "remove-cell"]}
    badge = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
    return [
        nbformat.v4.new_markdown_cell(badge, id="colab-badge", metadata=metadata),
        nbformat.v4.new_code_cell(SOURCE.format(repository=repository), id="colab-setup", metadata=metadata),
    ]
