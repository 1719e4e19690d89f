"""Figures of finished runs and of records: of all their images, of some, and of R1's two networks joined."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from busilib.data.busi.fingerprint import read_table
from busilib.data.dataset import CLASSES
from busilib.data.splits import hold_out
from busilib.metrics.combined import gate_counts
from busilib.metrics.measure import measure
from busilib.metrics.pairing import groups_of
from busilib.runs.profiles import profile
from busilib.runs.records import Record, find_record
from busilib.runs.run import Run


def metrics_of(runs: Sequence[Run]) -> dict[str, dict]:
    """Figures of one experiment over the test images of all given folds, see `measure`."""
    first = runs[0]
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    return measure(
        first.experiment.task,
        predictions,
        groups_of(predictions, first.data.table),
        profile(first.spec.profile).bootstrap_draws,
    )


def metrics_on(record: Record, ids: Sequence[str]) -> dict[str, dict]:
    """Figures of a record of BUSI over some of its images, see `measure`.

    Args:
        record: of any protocol.
        ids: of the images that count, such as `busilib.data.busi.subsets.subset_ids("curated")`.

    Example (not run):
        >>> metrics_on(read_record("r4-unet", "laptop"), subset_ids("curated"))["lesion_dice"]["n"]
    """
    rows = record.predictions[record.predictions["id"].isin(ids)].reset_index(drop=True)
    return metrics_of_busi(record.facts["task"], rows, record.facts["profile"])


def metrics_of_busi(task: str, rows: pd.DataFrame, profile_name: str) -> dict[str, dict]:
    """Figures of any rows of predictions of BUSI, see `measure`.

    Args:
        task: key of `busilib.metrics.measure.FIGURES`.
        rows: such as those of a record's lesions, or at its operating point; index from 0.
        profile_name: gives the number of draws.

    Example (not run):
        >>> metrics_of_busi("malignancy", lesions_only(record.predictions), "laptop")["malignancy_auc"]
    """
    return measure(task, rows, groups_of(rows, read_table()), profile(profile_name).bootstrap_draws)


def combined_records(profile_name: str, seed: int = 0) -> dict[str, dict[str, dict]]:
    """R1's combined evaluation from the records of its two networks, on the real BUSI.

    The images are drawn from the first test fold, which both networks share, as R1 drew its hold-out.

    Args:
        profile_name: of the records; it also gives the number of images per class.
        seed: of the draw.

    Returns:
        Figures with intervals of "U-Net alone", "U-Net and classifier" and "DenseNet121"; empty where a
        record is missing.

    Example:
        >>> combined_records("laptop")["U-Net and classifier"]["lesion_dice"]
    """
    outlined, named = (find_record(id, profile_name) for id in ("r1-unet", "r1-densenet121"))
    if outlined is None or named is None:
        return {}
    chosen, draws = profile(profile_name).hold_out, profile(profile_name).bootstrap_draws
    outlines = outlined.predictions.query("fold == 0 and seed == 0").set_index("id")
    names = named.predictions.query("fold == 0 and seed == 0").set_index("id").loc[outlines.index]
    labels = pd.Categorical(outlines["true"], categories=CLASSES).codes
    held, _ = hold_out(labels, chosen, seed)
    outlines, names = outlines.iloc[held], names.iloc[held]
    groups = groups_of(outlines.reset_index(), read_table())
    normal = (names[list(CLASSES)].idxmax(axis=1) == "normal").to_numpy()
    return {
        "U-Net alone": measure("segmentation", outlines, groups, draws),
        "U-Net and classifier": measure("segmentation", gate_counts(outlines, normal), groups, draws),
        "DenseNet121": measure("classification", names, groups, draws),
    }
