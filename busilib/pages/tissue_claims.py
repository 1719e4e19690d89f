"""Page 8: what follows from the figures that R5 prints, and from nothing else. No BCSS, no record."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from busilib.pages.figures.style import LOOKS, done
from busilib.pages.plain import plain
from busilib.reports.experiment import Claim
from busilib.reports.pencil.contradiction import harmonic
from busilib.reports.registry import experiment

ID = "r5-unet-resnet34"

EPOCHS: Mapping[str, int | dict[str, int]] = {
    "first epoch": 1,
    "best epoch": {"pixel_accuracy": 5, "loss": 3},
    "last epoch": 10,
}
"""When R5's printed epochs were; the best accuracy and the lowest loss are of two epochs."""

PANELS = {"pixel_accuracy": "pixel accuracy", "loss": "loss, as printed"}


def claims() -> dict[tuple[str, str], float]:
    """Every figure of R5 by metric and part.

    Example:
        >>> claims()["pixel_accuracy", "first epoch, validation"]
        0.9562
    """
    return {(claim.metric, claim.part): claim.value for claim in experiment(ID).claims}


def _epoch(claim: Claim) -> int:
    found = EPOCHS[claim.part.split(",")[0]]
    return found if isinstance(found, int) else found[claim.metric]


def course(metric: str, part: str) -> pd.Series:
    """R5's printed values of a figure over the epochs.

    Args:
        metric: key of `PANELS`.
        part: "train" or "validation".

    Example:
        >>> course("pixel_accuracy", "validation").to_dict()
        {1: 0.9562, 5: 0.9572, 10: 0.9548}
    """
    found = {
        _epoch(claim): claim.value
        for claim in experiment(ID).claims
        if claim.metric == metric and claim.part.endswith(f"epoch, {part}")
    }
    return pd.Series(found).sort_index()


def signed(change: float) -> str:
    """A change with its sign.

    Example:
        >>> signed(-0.0014)
        '−0.0014'
    """
    return f"{change:+z.4f}".replace("-", "−")


def log() -> Figure:
    """Two panels: what R5 prints of its training, solid on training and dashed on validation tiles."""
    colour, marker = LOOKS["claimed"]
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    for axis, (metric, words) in zip(axes, PANELS.items(), strict=True):
        for part, dash in (("train", "-"), ("validation", "--")):
            values = course(metric, part)
            axis.plot(values.index, values, dash, marker=marker, color=colour, label=f"claimed, {part}")
            axis.annotate(
                f"{values.iloc[-1]:.3f}",
                (values.index[-1], values.iloc[-1]),
                (6, -3),
                textcoords="offset points",
            )
        axis.set(xlabel="epoch", ylabel=words, xticks=(1, 5, 10), xlim=(0.5, 12.5))
    axes[0].set_ylim(0.9, 1)
    axes[1].set_ylim(0, None)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)
    return done(figure)


def log_table() -> HTML:
    """R5's printed epochs as a table, one column each; a dash where R5 prints nothing.

    Example:
        >>> "validation accuracy" in log_table().data
        True
    """
    columns = {
        f"{'training' if part == 'train' else part} {short}": course(metric, part)
        for metric, short in (("pixel_accuracy", "accuracy"), ("loss", "loss"))
        for part in ("train", "validation")
    }
    table = pd.DataFrame(columns).map(lambda value: "–" if pd.isna(value) else f"{value:.4f}").T
    return plain(table.add_prefix("epoch "), "figure")


def most_tumour(accuracy: float, precision: float, recall: float) -> float:
    """The largest share of pixels that can be tumour, if all three figures are of the same pixels.

    Each missed tumour pixel and each pixel wrongly called tumour is an error. Of a share t they are
    t·(1 − R) + t·R·(1 − P)/P of all pixels, and no more than 1 − accuracy.

    Args:
        accuracy: over all tissues.
        precision, recall: P and R of the tumour.

    Returns:
        The share t at which all errors have to do with tumour.

    Example:
        >>> round(most_tumour(0.9, 0.5, 0.5), 9)
        0.1
    """
    return (1 - accuracy) / ((1 - recall) + recall * (1 - precision) / precision)


def tumour() -> HTML:
    """The four figures of R5 and of its base paper, with the F1 that follows from precision and recall.

    Example:
        >>> "93.13" in tumour().data
        True
    """
    found, rows = claims(), {}
    for part, words in (("test", "R5"), ("base paper", "its base paper")):
        precision, recall = found["tumor_precision", part], found["tumor_recall", part]
        rows[words] = {
            "accuracy (%)": f"{100 * found['pixel_accuracy', part]:.1f}",
            "tumour precision (%)": f"{100 * precision:.1f}",
            "tumour recall (%)": f"{100 * recall:.1f}",
            "F1, printed (%)": f"{100 * found['tumor_f1', part]:.2f}",
            "F1, from the two (%)": f"{100 * harmonic(precision, recall):.2f}",
        }
    return plain(pd.DataFrame(rows), "figure")


def parameters() -> HTML:
    """R5's counts of parameters, and the count of the network that is built here.

    What R5 prints are the weights; Keras also counts the running means and variances of the batch
    normalisation, which no gradient reaches.

    Example:
        >>> "19,008" in parameters().data
        True
    """
    found, ours = claims(), experiment(ID).parameters
    encoder, trained, weights = (
        int(found[f"{part}parameters", "model"]) for part in ("encoder_", "trainable_", "")
    )
    counts = {
        "R5: encoder, frozen": encoder,
        "R5: decoder and head, trained": trained,
        "R5: all weights": weights,
        "built here: running means and variances besides": ours - weights,
        "built here: all that Keras counts": ours,
    }
    shown = pd.Series(counts).map("{:,}".format).to_frame("parameters")
    return plain(shown, "part of the network")
