"""What the page on controls tells of the surroundings of a lesion, from the recorded context controls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from busilib.metrics.figure import LIMITS, above, below, limits
from busilib.metrics.measure import FIGURES
from busilib.pages.common import signed
from busilib.pages.shipped import the_study
from busilib.runs.profiles import profile as profile_named
from busilib.studies.context_controls import BOX, FIGURE, ONLY, OUT, PLACEBO, name_of
from busilib.studies.controls import WHOLE
from busilib.studies.ladder import step
from busilib.studies.study import Study, of_seeds

RECORD = "context-controls+efficientnetlite0"
WORDS = {
    OUT: "lesion painted out",
    PLACEBO: "a box elsewhere painted out",
    ONLY: "only the lesion's box left",
}
"""What a way to change an image is called on the page."""

DIGITS = 3


def recorded() -> Study:
    """The recorded context controls.

    Example:
        >>> list(recorded().conditions)[0]
        'whole image'
    """
    return the_study(RECORD)


def margins(study: Study) -> list[float]:
    """The margins of a study, from none up.

    Example:
        >>> margins(recorded())[0]
        0.0
    """
    return sorted({one["margin"] for one in study.conditions.values() if one["shown"] == OUT})


def auc(study: Study, name: str) -> dict:
    """Malignant against benign, on images with a lesion: the area under the curve of a condition.

    Example (not run):
        >>> auc(recorded(), "out 10")["value"]
    """
    return study.metrics(name)[FIGURE]


def curves(study: Study) -> pd.DataFrame:
    """The area under the curve by margin, of probes that learned from such images.

    Returns:
        Columns `shown` (a key of `WORDS`), `margin` (per cent of the image's side), `value`, `low`, `high`,
        `n`.

    Example:
        >>> curves(recorded())["shown"].unique().tolist()
        ['out', 'placebo', 'only']
    """
    rows = [
        {"shown": shown, "margin": 100 * margin}
        | {key: auc(study, name_of(shown, margin))[key] for key in (*LIMITS, "n")}
        for shown in WORDS
        for margin in margins(study)
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(LIMITS, float))


def by_margin(study: Study) -> pd.DataFrame:
    """The same as a table: a row for each margin, a column for each way to change an image.

    Example (not run):
        >>> by_margin(recorded()).loc["10%", "lesion painted out"]
    """
    return pd.DataFrame(
        {
            words: {_margin(one): _cell(auc(study, name_of(shown, one))) for one in margins(study)}
            for shown, words in WORDS.items()
        }
    )


def levels(study: Study) -> dict[str, float]:
    """What the curves compare with: the area under the curve of the whole image and of the box alone.

    Example:
        >>> list(levels(recorded()))
        ['whole image', 'box alone']
    """
    return {name: auc(study, name)["value"] for name in (WHOLE, BOX)}


def _margin(margin: float) -> str:
    return f"{100 * margin:.0f}%"


def _cell(figure: dict) -> str:
    return f"{figure['value']:.2f} ({limits(figure)})"


def gap(study: Study, margin: float, asked: bool = False) -> dict:
    """The lesion painted out less the placebo of the same margin, on the same images.

    Args:
        study: context controls.
        margin: one of `margins`.
        asked: of the probe that learned from whole images.

    Example (not run):
        >>> gap(recorded(), 0.1)["high"] < 0
    """
    return study.conditions[name_of(OUT, margin, asked)]["gaps"][name_of(PLACEBO, margin, asked)]


def without_room(study: Study, margin: float) -> set[str]:
    """The images whose placebo hides a part of the lesion, because there is no other place for it.

    Example (not run):
        >>> len(without_room(recorded(), 0.2))
    """
    return set().union(*of_seeds(study.conditions[name_of(PLACEBO, margin)], "no_room"))


def gap_with_room(study: Study, margin: float) -> dict:
    """`gap` on the images whose placebo hides nothing of the lesion; the larger lesions are not among them.

    Example (not run):
        >>> gap_with_room(recorded(), 0.1)["n"]
    """
    hidden = study.predictions["id"].isin(without_room(study, margin))
    free = replace(study, predictions=study.predictions[~hidden])
    draws = profile_named(study.facts["profile"]).bootstrap_draws
    names = name_of(PLACEBO, margin), name_of(OUT, margin)
    return step(free, FIGURES[study.task][0], *names, draws)


def gaps(study: Study) -> pd.DataFrame:
    """The lesion painted out less the placebo and less the bare box, by margin, on the same images.

    Returns:
        A row for each margin. Columns: less the placebo; less the bare box; and less the placebo, asked of
        the one probe of whole images.

    Example (not run):
        >>> gaps(recorded()).loc["10%", "minus placebo"]
    """
    rows = {
        _margin(margin): {
            "minus placebo": signed(gap(study, margin), DIGITS),
            "minus bare box": signed(study.conditions[name_of(OUT, margin)]["gaps"][BOX], DIGITS),
            "one probe, minus placebo": signed(gap(study, margin, asked=True), DIGITS),
        }
        for margin in margins(study)
    }
    return pd.DataFrame(rows).T


def room(study: Study) -> pd.DataFrame:
    """How many placebos hide a part of their lesion, by margin, and the difference on the other images.

    Example (not run):
        >>> room(recorded()).loc["10%", "hide a part"]
    """
    rows = {}
    for margin in margins(study):
        free = gap_with_room(study, margin)
        rows[_margin(margin)] = {
            "hide a part": len(without_room(study, margin)),
            "hide nothing": free["n"],
            "of these, minus placebo": signed(free, DIGITS),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def sentence(study: Study) -> str:
    """What the context controls found, in the words of the page.

    Example (not run):
        >>> sentence(recorded()).startswith("**")
        True
    """
    none, seeds = margins(study)[0], len(study.facts["seeds"])
    whole, out, placebo = (auc(study, one) for one in (WHOLE, name_of(OUT, none), name_of(PLACEBO, none)))
    means = f" All figures here are means of {seeds} seeds." if seeds > 1 else ""
    return (
        f"**{_lead(study)}.** Of malignant against benign, on the same {whole['n']} lesions, a probe of the "
        f"whole image has an AUC of {_cell(whole)}. Shown pictures with the lesion's box painted out, its "
        f"AUC changes by {signed(gap(study, none, asked=True), DIGITS)} against pictures with a box of that "
        f"size painted out elsewhere. Of probes that learn from such pictures: "
        f"{_cell(out)} without the lesion, {_cell(placebo)} without as much elsewhere, "
        f"{signed(gap(study, none), DIGITS)}. A probe that sees nothing but where the lesion's box lies, and "
        f"how large it is, has {_cell(auc(study, BOX))}.{means}"
    )


def _lead(study: Study) -> str:
    """Of the probe of whole images, without a margin: one comparison, where the margins are five."""
    if below(gap(study, margins(study)[0], asked=True)):
        return "Who learned from whole images looks at the lesion more than elsewhere"
    return "Who learned from whole images does not clearly look at the lesion more than elsewhere"


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def reading(study: Study) -> str:
    """What the curves say: of what is left, of the patch, from within, and of one probe.

    Returns:
        Markdown, a list.

    Example (not run):
        >>> reading(recorded()).count("- **")
        4
    """
    told = (_left(study), _patch(study), _within(study), _one_probe(study))
    return "\n".join(f"- {one}" for one in told)


def _left(study: Study) -> str:
    every = margins(study)
    names = [name_of(OUT, margin) for margin in every]
    clear = [
        margin
        for margin, name in zip(every, names, strict=True)
        if above(study.conditions[name]["gaps"][BOX])
    ]
    share = of_seeds(study.conditions[names[-1]], "box_share")[0]
    where = {0: "at no margin", len(every): "at every margin"}.get(
        len(clear), f"at a margin of {_and(map(_margin, clear))} only" if clear else ""
    )
    return (
        f"**What is left.** With {_margin(every[-1])} added, the box takes {100 * share:.0f}% of a picture "
        f"on average, and what is left has an AUC of {_cell(auc(study, names[-1]))}. The gray patch still "
        "tells where a lesion lies and how large it is. The picture without its lesion clearly knows more "
        f"than the bare box {where}."
    )


def _patch(study: Study) -> str:
    name = name_of(PLACEBO, margins(study)[0])
    found = study.conditions[name]["gaps"][WHOLE]
    return (
        "**A patch elsewhere.** The placebo, without a margin, changes the figure of the whole image by "
        f"{signed(found, DIGITS)}: "
    ) + _verdict(
        found,
        "it hides tissue, and helps all the same, for it is as large as the lesion.",
        "wherever it lies, it costs something.",
        "what it hides and what its size tells come to nothing certain.",
    )


def _within(study: Study) -> str:
    none, *_, widest = margins(study)
    name, narrow = name_of(ONLY, widest), name_of(ONLY, none)
    cut, gained = (study.conditions[one]["gaps"][other] for one, other in ((narrow, WHOLE), (name, narrow)))
    return (
        f"**From within.** The lesion's box, all else painted out, has {_cell(auc(study, narrow))}, less the "
        f"whole image {signed(cut, DIGITS)}: "
        + _verdict(
            cut,
            "to be shown where the lesion is helps more than all around it.",
            "what lies around it is missed.",
            "what lies around it is not clearly missed.",
        )
        + f" With {_margin(widest)} added it has {_cell(auc(study, name))}, a difference of "
        f"{signed(gained, DIGITS)}."
    )


def _one_probe(study: Study) -> str:
    none = margins(study)[0]
    out, placebo = (study.conditions[name_of(shown, none, asked=True)]["gaps"] for shown in (OUT, PLACEBO))
    return (
        "**One probe.** A probe that learned from whole images, and is only asked about pictures with a "
        f"box, changes by {signed(placebo[WHOLE], DIGITS)} where the box lies elsewhere, and by "
        f"{signed(out[WHOLE], DIGITS)} where it hides the lesion, each without a margin."
    )


def _verdict(figure: dict, up: str, down: str, neither: str) -> str:
    """One of three sentences, by where the interval of a difference lies."""
    return up if above(figure) else down if below(figure) else neither
