"""What a model is shown of an image and a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from busilib.errors import UnknownNameError


@dataclass(frozen=True)
class Inputs:
    """What a model is shown of an image and a mask.

    Attributes:
        mask: which mask takes part: "true", "predicted" or None.
        use: "beside" (a channel of its own), "cut" (the image is black outside the mask) or "alone" (no
            image at all).
    """

    mask: str | None = None
    use: str = "beside"


INPUTS: Mapping[str, Inputs] = {
    "image": Inputs(),
    "image cut by the true mask": Inputs("true", "cut"),
    "image cut by the predicted mask": Inputs("predicted", "cut"),
    "image and true mask": Inputs("true"),
    "image and predicted mask": Inputs("predicted"),
    "true mask alone": Inputs("true", "alone"),
    "predicted mask alone": Inputs("predicted", "alone"),
}
"""Everything a model can be shown, by the name that records and pages use."""


def inputs_named(name: str) -> Inputs:
    """The inputs of that name.

    Raises:
        UnknownNameError: naming those that exist.

    Example:
        >>> inputs_named("image cut by the true mask").use
        'cut'
    """
    if name not in INPUTS:
        raise UnknownNameError(f"no inputs {name!r}. There are: {', '.join(INPUTS)}")
    return INPUTS[name]
