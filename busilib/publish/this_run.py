"""What a run of the notebooks computed, apart from what is recorded: folded, and marked where it is phantoms.

The cells of a notebook that are tagged `this-run` show what was computed when it was run; all others show
records and facts that are shipped. On a page each unbroken row of them becomes one block, "Run it yourself".
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from itertools import groupby

import matplotlib
import nbformat
from PIL import Image, ImageDraw, ImageFont

TAG = "this-run"
PHANTOM = "PHANTOM"
"""Stands in every figure, caption and table that was computed on synthetic pictures."""

STRIP = "PHANTOM: synthetic pictures, no finding"
AMBER, INK = "#f5c451", "#2b1d00"

NOTE = (
    '<p class="phantom-note"><b>PHANTOM</b> stands on what this build computed on synthetic pictures: in '
    "the blocks “Run it yourself” of this page, and nowhere else. All else is recorded on real ones, or is a "
    "report's own figure.</p>"
)
"""Announced behind the answer of a page that shows phantoms."""


def set_apart(cells: Iterable[nbformat.NotebookNode], phantom: bool) -> list[nbformat.NotebookNode]:
    """The cells of a page with each unbroken row of cells tagged `this-run` in a block of its own.

    Args:
        cells: of an executed notebook; what they show is changed in place where it is phantoms.
        phantom: whether this run saw synthetic pictures: the blocks are then closed, and figures, captions
            and tables in them are marked.

    Example (not run):
        >>> page.cells = set_apart(page.cells, phantom=True)
    """
    found: list[nbformat.NotebookNode] = []
    for ours, row in groupby(cells, key=lambda cell: TAG in cell.metadata.get("tags", [])):
        members = list(row)
        if ours:
            if phantom:
                for cell in members:
                    _mark(cell)
            words = "Run it yourself" if _computes(members) else "Set-up of this run"
            words = f"{words} · {PHANTOM}" if phantom else words
            number = len(found)
            opening = f'<details class="{TAG}"{"" if phantom else " open"}>\n<summary>{words}</summary>'
            members = [_raw(opening, f"run-{number}"), *members, _raw("</details>", f"run-{number}-end")]
        found += members
    return found


def _computes(members: Iterable[nbformat.NotebookNode]) -> bool:
    return all("parameters" not in cell.metadata.get("tags", []) for cell in members)


def _raw(html: str, id: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(html, id=id)


def _mark(cell: nbformat.NotebookNode) -> None:
    """Put the word into caption, pictures and tables of a cell."""
    look = cell.metadata.get("mystnb", {})
    if "figure" in look:
        look["figure"]["caption"] = f"{PHANTOM}. {look['figure']['caption']}"
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = stamped(data["image/png"])
        if "text/html" in data:
            data["text/html"] = re.sub(
                r"(<table\b[^>]*>)", rf"\1<caption>{STRIP}</caption>", data["text/html"]
            )


def stamped(picture: str) -> str:
    """A picture with an amber strip above it that says what it is.

    Args:
        picture: PNG in base64, as a notebook holds it.

    Returns:
        The same, higher by the strip.

    Example (not run):
        >>> output.data["image/png"] = stamped(output.data["image/png"])
    """
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGBA")
    size = max(22, min(36, image.width // 28))
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf", size)
    whole = Image.new("RGBA", (image.width, image.height + 2 * size), AMBER)
    ImageDraw.Draw(whole).text((size // 2, size), STRIP, INK, font, anchor="lm")
    whole.paste(image, (0, 2 * size))
    out = io.BytesIO()
    whole.save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()
