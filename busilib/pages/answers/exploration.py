"""Notebook 1: what is in BUSI, and what in it could fool a model?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.data.busi.fingerprint import read_table
from busilib.pages.facts import doubled, group_sizes
from busilib.pages.figures.facts import doubled_images


def sentence() -> str:
    table = read_table()
    twins, conflicts = table.duplicated("group", keep=False).sum(), table["label_conflict"]
    return (
        f"**Fewer pictures than files.** BUSI's {len(table)} images are {table['group'].nunique()} different "
        f"pictures: {twins} images have a near-duplicate among the others, and one picture stands there "
        f"{group_sizes(table).index.max()} times. {table.loc[conflicts, 'group'].nunique()} pictures, "
        f"{conflicts.sum()} images, stand there under two labels."
    )


def picture() -> Figure:
    return doubled_images(doubled(read_table()))
