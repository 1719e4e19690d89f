"""One figure: its value, its 95% interval, how much stands behind it, and its spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DECIMALS = 8
"""Of what is written down."""


LIMITS = ("value", "low", "high")
"""What a dot with its interval is drawn from."""


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Attributes:
        value: of one seed, or the mean of several.
        low, high: its 95% interval; None where there is none.
        n: images behind it.
        sd: standard deviation over seeds (n − 1 in the denominator); None for one seed.
        seeds: how many; None for one.
        why: why there is no interval, such as "3 images"; empty where there is one.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    sd: float | None = None
    seeds: int | None = None
    why: str = ""

    def to_dict(self) -> dict:
        """As JSON holds it: `value`, `low`, `high`, `n`; of several seeds `sd` and `seeds`; `why` if any.

        Example:
            >>> Figure(0.5, 0.25, 0.75, n=40).to_dict()
            {'value': 0.5, 'low': 0.25, 'high': 0.75, 'n': 40}
        """
        held = {name: _rounded(getattr(self, name)) for name in LIMITS} | {"n": self.n}
        if self.seeds is not None:
            held |= {"sd": _rounded(self.sd), "seeds": self.seeds}
        return held | ({"why": self.why} if self.why else {})

    @classmethod
    def from_dict(cls, held: Mapping) -> Figure:
        """Back from JSON; other keys, such as a condition's name, are passed over.

        Example:
            >>> Figure.from_dict({"value": 0.5, "low": None, "high": None, "n": 3, "why": "3 images"}).high
        """
        return cls(**{name: held[name] for name in cls.__dataclass_fields__ if name in held})


def limits(figure: Mapping, form: str = ".2f", to: str = "–") -> str:
    """The interval of a figure in words, or why there is none.

    Args:
        figure: as `Figure.to_dict` gives it.
        form: of a number.
        to: what stands between the two; " to " where they may be negative.

    Example:
        >>> limits({"value": 0.71, "low": 0.66, "high": 0.75, "n": 130})
        '0.66–0.75'
        >>> limits({"value": 1.0, "low": None, "high": None, "n": 3, "why": "3 images"})
        'no interval: 3 images'
    """
    if why := figure.get("why"):
        return f"no interval: {why}"
    return f"{figure['low']:{form}}{to}{figure['high']:{form}}"


def several(figure: Mapping) -> str:
    """Of how many seeds a figure is the mean, and how far they lie apart; empty for one seed.

    Args:
        figure: as `Figure.to_dict` gives it.

    Example:
        >>> several({"value": 0.71, "low": 0.66, "high": 0.75, "n": 130, "sd": 0.012, "seeds": 3})
        ', 3 seeds, SD 0.012'
    """
    return f", {figure['seeds']} seeds, SD {figure['sd']:.3f}" if figure.get("seeds") else ""


def above(figure: Mapping, number: float = 0) -> bool:
    """Whether the whole interval of a figure lies above a number; False where there is none.

    Example:
        >>> above({"value": 0.2, "low": 0.1, "high": 0.3}), above({"value": 0.2, "low": None, "high": None})
        (True, False)
    """
    return figure["low"] is not None and bool(figure["low"] > number)


def below(figure: Mapping, number: float = 0) -> bool:
    """Whether the whole interval of a figure lies below a number; False where there is none."""
    return figure["high"] is not None and bool(figure["high"] < number)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(float(number), DECIMALS)
