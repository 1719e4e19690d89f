"""What others have published on BUSI with care, and under which protocol: figures, with their source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One figure of another group.

    Attributes:
        name: what it is called here.
        system: network and size of its input.
        metric: key of the figure (see `busilib.metrics.metric.METRICS`).
        value: as a fraction.
        spread: as its authors give it, such as "± 0.025, SD of 5 folds"; empty without.
        images: which images it was measured on.
        protocol: how they were divided, and what chose the epoch.
        apart: whether near-duplicates were kept on one side of the split, or removed.
        source: address.
        subset: key of `busilib.data.busi.subsets.SUBSETS` that comes nearest to its images; empty for none.
    """

    name: str
    system: str
    metric: str
    value: float
    spread: str
    images: str
    protocol: str
    apart: bool
    source: str
    subset: str = ""


CURATED = "https://github.com/caumente/multi_task_breast_cancer"
LEAKAGE_AWARE = "https://github.com/wajidali99/breast-ultrasound-classification"
BUS_SET = "https://doi.org/10.1002/mp.16287"


def _curated(metric: str, value: float) -> Peer:
    return Peer(
        name="Aumente-Maestro et al. 2025",
        system="multi-task network, 128 px",
        metric=metric,
        value=value,
        spread="",
        images="450 curated images of BUSI",
        protocol="4 folds; duplicates and inconsistent images removed",
        apart=True,
        source=CURATED,
        subset="curated",
    )


def _leakage_aware(value: float, spread: str, images: str, protocol: str, subset: str = "") -> Peer:
    return Peer(
        name="W. Ali, breast-ultrasound-classification",
        system="DenseNet121, fine-tuned, 224 px",
        metric="malignancy_auc",
        value=value,
        spread=spread,
        images=images,
        protocol=protocol,
        apart=True,
        source=LEAKAGE_AWARE,
        subset=subset,
    )


PEERS = (
    _curated("benign_dice", 0.80),
    _curated("malignant_dice", 0.73),
    _curated("accuracy", 0.80),
    _leakage_aware(
        0.933,
        "± 0.025, SD of 5 folds",
        "526 lesion images of BUSI, without conflicting groups",
        "5 folds by perceptual hash; the tested fold chose the epoch",
        "unconflicted",
    ),
    _leakage_aware(
        0.961,
        "± 0.019, SD of 5 networks",
        "105 lesion images of BUSI, set aside",
        "groups by perceptual hash; a validation fold chose the epoch",
    ),
    Peer(
        name="BUS-Set, Thomas et al. 2023",
        system="Mask R-CNN",
        metric="lesion_dice",
        value=0.851,
        spread="",
        images="1154 images of four sets",
        protocol="5 folds",
        apart=False,
        source=BUS_SET,
    ),
)
"""Sorted by who kept near-duplicates apart, then as found."""
