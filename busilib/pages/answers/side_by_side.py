"""Notebook 7: which network outlines lesions best, and does joining them help?"""

from __future__ import annotations

from matplotlib.figure import Figure

from busilib.metrics.figure import above, below
from busilib.pages import figures
from busilib.pages.common import (
    Records,
    beside_claims,
    difference,
    n_common,
    on_common_images,
    signed,
    trained,
)
from busilib.pages.contenders import (
    JOINED,
    PLAIN,
    WAYS,
    contenders,
    networks,
    order_claimed,
    order_of,
    weights,
)
from busilib.pages.tables import cell


def sentence() -> str:
    records = contenders()
    iou = {name: found["lesion_iou"] for name, found in on_common_images(records).items()}
    best = next(name for name in order_of(records) if name in networks(records))
    gains = {
        name: difference(records[name], records[best], "lesion_iou") for name in JOINED if name in records
    }
    helps = [name for name, gain in gains.items() if above(gain)]
    harms = [name for name, gain in gains.items() if below(gain)]
    verdict = f"and the {helps[0]} improves on it" if helps else "and joining it with others does not help"
    verdict += f"; the {harms[0]} is clearly worse" if harms else ""
    said = "; ".join(f"the {name} {signed(gain, 3)}" for name, gain in gains.items())
    n, settings = iou[best]["n"], trained(records[best]).replace(";", ",")
    return (
        f"**Of these short runs, the {best}, {verdict}.** On the {n} lesions among the same "
        f"{n_common(records)} images its IoU is {cell(iou[best])} with {settings}; {_others(records, best)}. "
        f"Against it, pair by pair: {said}. The weights, fitted on validation images, are {weights()}; R4 "
        f"ranks the {order_claimed()[0]} first."
    )


def _others(records: Records, best: str) -> str:
    """How long the other networks learned, in words."""
    epochs = {
        name: record.facts["settings"]["epochs"] for name, record in networks(records).items() if name != best
    }
    return "; ".join(f"the {name} learned for {count} epochs" for name, count in epochs.items())


def picture() -> Figure:
    records = contenders()
    claimed = {name: WAYS[name] for name in WAYS if name in order_claimed()}
    n = on_common_images(records)[PLAIN]["lesion_iou"]["n"]
    return figures.claimed_and_measured(
        beside_claims(records, claimed, "lesion_iou"),
        f"IoU, mean of lesions; recorded on the same {n} lesions",
    )
