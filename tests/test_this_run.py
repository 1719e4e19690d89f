"""What a run computed is folded, and marked where it is phantoms; what is recorded is left as it is."""

import base64
import io

import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image

from busilib.publish.this_run import PHANTOM, TAG, set_apart, stamped


def picture(width: int = 300, height: int = 40) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def pixels(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))


def cell(*tags: str, figure: bool = False):
    data = {"text/html": "<table class='dataframe'><tr><td>1</td></tr></table>", "image/png": picture()}
    metadata = {"tags": list(tags)} | ({"mystnb": {"figure": {"caption": "Dots."}}} if figure else {})
    return new_code_cell("x", metadata=metadata, outputs=[new_output("display_data", data=data)])


def page(phantom: bool):
    cells = [new_markdown_cell("# t"), cell(figure=True), cell(TAG, figure=True), cell(TAG), cell()]
    return set_apart(cells, phantom)


def test_each_row_of_cells_becomes_one_block_closed_where_it_is_phantoms():
    for phantom in (True, False):
        sources = [one.source for one in page(phantom)]
        opening = sources[2]
        assert opening.startswith("<details") and ("open" not in opening) == phantom
        assert (PHANTOM in opening) == phantom
        assert [source == "</details>" for source in sources] == [False] * 5 + [True, False]
    rows = set_apart([cell(TAG), cell(), cell(TAG)], phantom=True)
    assert len(rows) == 3 + 2 * 2 and len({one.id for one in rows}) == len(rows)


def test_phantoms_are_marked_in_figure_caption_and_table_and_records_are_not():
    shown = page(phantom=True)
    for one, marked in ((shown[1], False), (shown[3], True), (shown[4], True), (shown[6], False)):
        data = one.outputs[0].data
        assert ("<caption>PHANTOM" in data["text/html"]) == marked
        assert (data["image/png"] != picture()) == marked
    assert shown[3].metadata["mystnb"]["figure"]["caption"] == "PHANTOM. Dots."
    assert shown[1].metadata["mystnb"]["figure"]["caption"] == "Dots."


def test_a_run_on_real_images_is_not_marked():
    for one in page(phantom=False):
        assert PHANTOM not in str(one)


def test_the_strip_stands_above_the_picture_and_hides_nothing_of_it():
    for width in (120, 300, 2000):
        before, after = pixels(picture(width)), pixels(stamped(picture(width)))
        strip = after.shape[0] - before.shape[0]
        assert strip >= 20 and np.array_equal(after[strip:], before)
        assert (
            np.array_equal(after[0, 0], (0xF5, 0xC4, 0x51))
            and (after[:strip] == (0x2B, 0x1D, 0)).all(-1).any()
        )
