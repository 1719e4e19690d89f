"""What the shipped table and the recorded predictions say of BUSI itself: counts, twins, sizes of lesions."""

from __future__ import annotations

import pandas as pd
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from busilib.data.busi.outlines import Outline, read_outlines, solidity
from busilib.data.dataset import CLASSES
from busilib.data.polygons import filled
from busilib.metrics.segmentation import COUNTS
from busilib.studies.study import Study

ALONE, TWIN, CONTRADICTED = "no near-duplicate", "a near-duplicate", "one under another label"


def doubled(table: pd.DataFrame) -> pd.DataFrame:
    """How many images of each class stand alone, have a near-duplicate, or one that contradicts them.

    Args:
        table: of `busilib.data.busi.fingerprint.read_table`.

    Returns:
        One row per class; three columns that add up to its images.

    Example:
        >>> int(doubled(read_table()).to_numpy().sum())
        780
    """
    twin = table.duplicated("group", keep=False)
    kind = pd.Series(ALONE, table.index).mask(twin, TWIN).mask(table["label_conflict"], CONTRADICTED)
    counts = pd.crosstab(table["class"], kind)
    return counts.reindex(index=list(CLASSES), columns=[ALONE, TWIN, CONTRADICTED], fill_value=0)


def group_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """How often a picture stands in BUSI: one row for each number of near-duplicates.

    Example:
        >>> int(group_sizes(read_table())["pictures"].sum())
        615
    """
    sizes = table.groupby("group").size().value_counts().sort_index()
    return pd.DataFrame({"pictures": sizes, "images": sizes * sizes.index})


def conflicts(table: pd.DataFrame) -> pd.DataFrame:
    """Pictures that stand under two labels: one row each, the numbers of the images by class.

    Example:
        >>> conflicts(read_table()).iloc[0].tolist()
        ['42, 131', '51', '–']
    """
    found = table[table["label_conflict"]]
    number = found["id"].str.extract(r"\((\d+)\)", expand=False)
    listed = number.groupby([found["group"], found["class"]]).agg(", ".join).unstack(fill_value="–")
    listed = listed.reindex(columns=list(CLASSES)).fillna("–")
    return listed.set_axis(range(1, len(listed) + 1))


def contradicting_outlines(table: pd.DataFrame) -> list[list[Outline]]:
    """The shipped outlines of pictures that stand as benign and as malignant: one list each, benign first.

    Example:
        >>> [outline.id for outline in contradicting_outlines(read_table())[0]]
        ['benign (42)', 'benign (131)', 'malignant (51)']
    """
    shipped = {outline.id: outline for outline in read_outlines()}
    found = table[table["label_conflict"] & table["id"].isin(list(shipped))]
    groups = [[shipped[id] for id in members["id"]] for _, members in found.groupby("group")]
    return [group for group in groups if len({outline.label for outline in group}) == 2]


def drawn_solidity(outline: Outline) -> float:
    """Area of a shipped outline over that of its convex hull, drawn at the size of its picture.

    Example:
        >>> 0.9 < drawn_solidity(read_outlines()[0]) <= 1
        True
    """
    return solidity(filled(outline.rings, (outline.height, outline.width)))


def rougher_malignant(table: pd.DataFrame) -> tuple[int, int]:
    """Of the pictures that stand as benign and as malignant: how often the malignant drawing is the rougher.

    Returns:
        In how many it is more indented than every benign one, and how many there are.

    Example:
        >>> rougher_malignant(read_table())[1]
        5
    """
    groups = contradicting_outlines(table)
    rougher = 0
    for group in groups:
        measured = [(outline.label, drawn_solidity(outline)) for outline in group]
        malignant = max(value for label, value in measured if label == "malignant")
        rougher += malignant < min(value for label, value in measured if label == "benign")
    return rougher, len(groups)


def lesion_shares(predictions: pd.DataFrame) -> pd.DataFrame:
    """How much of its image each lesion covers, from recorded counts of pixels.

    Args:
        predictions: of a segmentation record; each image counts once.

    Returns:
        Columns `id`, `class`, `share` (percent of the image), of images with a lesion.

    Example (not run):
        >>> lesion_shares(read_record("r4-unet", "laptop").predictions)["share"].median()
    """
    once = predictions.drop_duplicates("id")
    share = 100 * (once["tp"] + once["fn"]) / once[COUNTS].sum(axis=1)
    table = pd.DataFrame({"id": once["id"], "class": once["true"], "share": share})
    return table[share > 0].reset_index(drop=True)


def background_share(predictions: pd.DataFrame) -> float:
    """Share of all pixels that lie in no lesion: the pixel accuracy of an empty answer.

    Args:
        predictions: of a segmentation record; each image counts once.

    Example (not run):
        >>> background_share(read_record("r4-unet", "laptop").predictions)
    """
    counts = predictions.drop_duplicates("id")[COUNTS].sum()
    return float((counts["fp"] + counts["tn"]) / counts.sum())


def stretch(table: pd.DataFrame) -> pd.Series:
    """By which factor squeezing an image to a square makes its lesion taller: width over height.

    Example:
        >>> round(stretch(read_table()).median(), 2)
        1.2
    """
    return table["width"] / table["height"]


def thresholds(study: Study) -> pd.DataFrame:
    """What each threshold of correlation counts as near-duplicates in BUSI.

    Args:
        study: recorded as "duplicate-threshold".

    Example (not run):
        >>> thresholds(read_study("duplicate-threshold")).loc["0.95", "images"]
        292
    """
    found = [facts for facts in study.conditions.values() if facts["threshold"] is not None]
    table = pd.DataFrame(found)[["threshold", "pairs", "groups", "images"]]
    return table.set_index(table.pop("threshold").map("{:.2f}".format))


def format_accuracy(table: pd.DataFrame) -> float:
    """Accuracy of a decision tree that sees width and height alone, on the grouped folds of the table.

    Example:
        >>> format_accuracy(read_table()) < 1
        True
    """
    fold = PredefinedSplit(table["fold_0"])
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    return float(cross_val_score(tree, table[["width", "height"]], table["class"], cv=fold).mean())
