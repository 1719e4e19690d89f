"""What a protocol is worth: our network as each report did it, and in grouped folds, on notebook 9."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from busilib.metrics.figure import above
from busilib.pages.common import signed
from busilib.pages.comparisons import COMPARISONS, REPEATS, ByProtocol, Compared, compared
from busilib.pages.figures.protocols import AS_DID, GROUPED, two_protocols
from busilib.pages.shipped import PROFILE, the_record
from busilib.pages.words import METRIC_NAMES
from busilib.reports.registry import EXPERIMENTS
from busilib.runs.records import find_parts

DID = {
    "as-r1": "R1: augmented copies, then a random split",
    "as-r2": "R2, as we read it: cut by the true mask, random split",
    "as-r3": "R3: true mask beside the image, random split",
    "as-r4": "R4: random split, validation part",
}
"""What each report did, in a few words. R2 does not say which mask it means (see notebook 6)."""

Made = dict[str, Compared]


def made(id: str = "own-clf", figure: str = "macro_f1") -> Made:
    """The comparisons of a network by protocol, those that are recorded.

    Args:
        id: "own-clf" or "own-seg".
        figure: what is compared; the plan's is "macro_f1" or "lesion_dice".

    Raises:
        PathError: if the first of them is not recorded at all.

    Example (not run):
        >>> made()["as-r2"].found.value
    """
    asked = [one for one in COMPARISONS if isinstance(one, ByProtocol) and one.id == id]
    the_record(id, protocol=asked[0].protocol)
    found = {one.protocol: compared(replace(one, figure=figure)) for one in asked}
    return {protocol: one for protocol, one in found.items() if one}


def _sides(one: Compared) -> pd.DataFrame:
    assert one.repeats is not None  # it is a comparison of protocols
    return one.repeats


def means(one: Compared) -> tuple[float, float]:
    """The mean of both sides over the repeats: as the report did, and grouped.

    Example (not run):
        >>> means(made()["as-r2"])
    """
    return float(_sides(one)[AS_DID].mean()), float(_sides(one)[GROUPED].mean())


def table(found: Made) -> pd.DataFrame:
    """Both sides, what lies between them, and how much the network was shown, a row for each protocol.

    Args:
        found: of `made`.

    Example (not run):
        >>> table(made())
    """
    rows = {}
    for protocol, one in found.items():
        did, grouped = means(one)
        rows[DID[protocol]] = {
            AS_DID: f"{did:.2f}",
            GROUPED: f"{grouped:.2f}",
            "difference": signed(one.found.to_dict()),
            "training images × epochs": f"{_shown(one, protocol)}; grouped {_shown(one, 'grouped')}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _shown(one: Compared, protocol: str) -> str:
    """How many images, copies counted, a network learned from, and how often, in the first repeat."""
    assert isinstance(one.asked, ByProtocol)
    first = find_parts(one.asked.id, PROFILE, protocol)[0]
    return f"{first.facts['split']['train']} × {len(first.tables['history'])}"


def picture(found: Made) -> Figure:
    """Every repeat under both protocols, beside what the reports claim in the same figure.

    Args:
        found: of `made`.

    Example (not run):
        >>> picture(made(figure="accuracy"))
    """
    tables = {DID[protocol]: _sides(one) for protocol, one in found.items()}
    figure = next(iter(found.values())).asked.figure
    claims = {DID[protocol]: _claims(report_of(protocol), figure) for protocol in found}
    return two_protocols(tables, claims, f"{METRIC_NAMES[figure]}; dots and squares are repeats")


def _claims(report: str, figure: str) -> list[float]:
    """What a report claims in a figure: the main claim of each of its systems."""
    mains = (entry.main_claim for entry in EXPERIMENTS.values() if entry.report == report)
    return [claim.value for claim in mains if claim and claim.metric == figure]


def report_of(protocol: str) -> str:
    """The report whose protocol it is.

    Example:
        >>> report_of("as-r2")
        'R2'
    """
    return protocol.removeprefix("as-").upper()


def told(found: Made) -> str:
    """The figure under each protocol, the one worth most first, in words.

    Args:
        found: of `made`.

    Example (not run):
        >>> told(made())
    """
    order = sorted(found, key=lambda protocol: -found[protocol].found.value)
    figure = METRIC_NAMES[found[order[0]].asked.figure]
    parts = []
    for protocol in order:
        did, grouped = means(found[protocol])
        parts.append(f"as {report_of(protocol)} did it {did:.2f}, {signed(found[protocol].found.to_dict())}")
    told = f"In a grouped fold its {figure} is {grouped:.2f}; {'; '.join(parts)}"
    return f"{told}. {clear(found)} Means of {REPEATS} repeats."


def clear(found: Made) -> str:
    """Under which protocols a figure is clearly above the grouped one, in a sentence.

    Args:
        found: of `made`.

    Example (not run):
        >>> clear(made())
        'Clearly above the grouped one: R2, R3.'
    """
    names = [report_of(protocol) for protocol, one in found.items() if above(one.found.to_dict())]
    told = f"Clearly above the grouped one: {', '.join(names)}"
    return f"{told if names else 'None is clearly above the grouped one'}."
