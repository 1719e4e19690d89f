"""Notebook 1: what is in BUSI, and what in it could fool a model?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.data.busi.fingerprint import read_table
from busilib.pages.facts import doubled, group_sizes
from busilib.pages.figures.facts import doubled_images


def sentence() -> str:
    table = read_table()
    twins, conflicts = table.duplicated("group", keep=False).sum(), table["label_conflict"]
    groups = table["group"].nunique()
    repeated = int((table["group"].value_counts() > 1).sum())
    return (
        f"**Fewer pictures than files.** BUSI's {len(table)} images are {groups} different pictures, of "
        f"which {repeated} stand there more than once: {twins} images have a twin among the others, and the "
        f"largest groups of near-duplicates hold {group_sizes(table).index.max()}. In "
        f"{table.loc[conflicts, 'group'].nunique()} groups, of {conflicts.sum()} images, carry two labels."
    )


def picture() -> Figure:
    return doubled_images(doubled(read_table()))
