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


CURATED = "https://github.com/caumente/multi_task_breast_cancer"
LEAKAGE_AWARE = "https://github.com/wajidali99/breast-ultrasound-classification"
BUS_SET = "https://doi.org/10.1002/mp.16287"

_CURATED = {
    "name": "Aumente-Maestro et al. 2025",
    "system": "multi-task network, 128 px",
    "images": "450 curated images of BUSI",
    "protocol": "4 folds; duplicates and inconsistent images removed",
    "apart": True,
    "spread": "",
    "source": CURATED,
}
_LEAKAGE_AWARE = {
    "name": "W. Ali, breast-ultrasound-classification",
    "system": "DenseNet121, fine-tuned, 224 px",
    "metric": "malignancy_auc",
    "apart": True,
    "source": LEAKAGE_AWARE,
}

PEERS = (
    Peer(**_CURATED, metric="benign_dice", value=0.80),
    Peer(**_CURATED, metric="malignant_dice", value=0.73),
    Peer(**_CURATED, metric="accuracy", value=0.80),
    Peer(
        **_LEAKAGE_AWARE,
        value=0.933,
        spread="± 0.025, SD of 5 folds",
        images="526 lesion images of BUSI, without conflicting groups",
        protocol="5 folds by perceptual hash; the tested fold chose the epoch",
    ),
    Peer(
        **_LEAKAGE_AWARE,
        value=0.961,
        spread="± 0.019, SD of 5 networks",
        images="105 lesion images of BUSI, set aside",
        protocol="groups by perceptual hash; a validation fold chose the epoch",
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
