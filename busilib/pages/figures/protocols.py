"""One network under two protocols: each report's, and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from busilib.pages.figures.style import LOOKS, done

AS_DID, GROUPED = "as the report did", "grouped"


def two_protocols(
    tables: Mapping[str, pd.DataFrame], claims: Mapping[str, Sequence[float]], label: str
) -> Figure:
    """Dots: a network under two protocols, a mark for each repeat; the report's claims where it made any.

    In each row the grouped ones lie above, those of the report's protocol in the middle, the claims below.

    Args:
        tables: by the name of the row, a line per repeat, columns `as the report did` and `grouped`.
        claims: the report's own figures, by the name of the row.
        label: of the axis.

    Example (not run):
        >>> two_protocols({"R2": by_seed(COMPARISONS[1])}, {"R2": [0.82, 0.91]}, "accuracy")
    """
    figure, axis = plt.subplots(figsize=(8, 1.3 + 0.75 * len(tables)), layout="constrained")
    for row, (name, table) in enumerate(tables.items()):
        apart = 0.03 * (np.arange(len(table)) - (len(table) - 1) / 2)
        for lane, column in ((-0.25, GROUPED), (0, AS_DID)):
            colour, marker = LOOKS[f"recorded, {column}"]
            axis.plot(
                table[column],
                row + lane + apart,
                marker,
                color=colour,
                markersize=6,
                label=None if row else f"our network, {column}",
            )
        told = claims.get(name, ())
        colour, marker = LOOKS["claimed"]
        axis.plot(told, [row + 0.25] * len(told), marker, color=colour, markersize=8, label="_")
    if any(claims.values()):
        axis.plot([], [], marker, color=colour, markersize=8, label="claimed, other networks")
    axis.set(yticks=range(len(tables)), yticklabels=list(tables), xlabel=label)
    axis.set_ylim(len(tables) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return done(figure)
