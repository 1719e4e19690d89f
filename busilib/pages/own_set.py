"""The example on the page about a data set of one's own: written and checked when the book is built."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console

from busilib.data.busi.catalog import scan
from busilib.data.check import check
from busilib.data.images import decode
from busilib.data.outside.folder import SHEET
from busilib.data.phantoms.ultrasound import MINIMUM, write_phantom
from busilib.pages.checked import render

NAME = "our-hospital"
WIDTH = 96
"""Characters in a line of the output, so that it fits the page."""


def write_example(folder: Path) -> pd.DataFrame:
    """Write a small set of phantoms in the general layout: two pictures a patient, two devices.

    Args:
        folder: where to write; made if missing.

    Returns:
        What stands in `images.csv`. Normals have no mask, and one lesion lacks its own.

    Example (not run):
        >>> write_example(Path("our-hospital")).columns.tolist()
        ['id', 'image', 'mask', 'class', 'group', 'device']
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as drawn:
        entries, _ = scan(write_phantom(drawn, **MINIMUM, seed=7))
        rows = []
        for number, entry in enumerate(entries):
            id, whole = f"scan-{number + 1:02}", decode(entry)
            outlined = whole.mask.any() and number != 1
            Image.fromarray(whole.image).save(folder / "images" / f"{id}.png")
            if outlined:
                Image.fromarray(whole.mask.astype(np.uint8) * 255).save(folder / "masks" / f"{id}.png")
            rows.append(
                {
                    "id": id,
                    "image": f"images/{id}.png",
                    "mask": f"masks/{id}.png" if outlined else "",
                    "class": entry.id.split()[0],
                    "group": f"P{number // 2 + 1}",
                    "device": "new" if number % 3 else "old",
                }
            )
    table = pd.DataFrame(rows)
    table.to_csv(folder / SHEET, index=False)
    return table


def example() -> str:
    """A set in the general layout, what `busi data check` says of it, and of the same set with two faults.

    Example (not run):
        >>> "busi data check our-hospital" in example()
        True
    """
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / NAME
        table = write_example(folder)
        head = "\n".join((folder / SHEET).read_text(encoding="utf-8").splitlines()[:4])
        sound = _output(folder)
        table.loc[0, "class"], table.loc[2, "image"] = "cyst", "../scan-03.png"
        table.to_csv(folder / SHEET, index=False)
        faults = [f"  {fault}" for fault in check(folder).faults]
    return (
        f"`{NAME}/{SHEET}` has {len(table)} rows. It begins\n\n```text\n{head}\n…\n```\n\n"
        f"```bash\nbusi data check {NAME}\n```\n\n```text\n{sound}\n```\n\n"
        "The second picture has no mask: “Not measurable” says what that costs. Some pictures of different "
        "groups are near-duplicates, as if one patient had been given two names. Now let us spoil two cells. "
        "The same command ends with\n\n```text\n"
        + "\n".join(faults)
        + "\n```\n\nand with exit code 1. As long as there is a fault, nothing is loaded."
    )


def _output(folder: Path) -> str:
    console = Console(file=(shown := io.StringIO()), width=WIDTH)
    render(replace(check(folder), folder=NAME), console)
    return "\n".join(line.rstrip() for line in shown.getvalue().rstrip().splitlines())
