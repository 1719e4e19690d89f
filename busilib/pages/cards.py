"""The parts of cards and checklists that are written when the book is built."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from busilib.data.busi.fingerprint import read_table
from busilib.data.splits import FOLDS
from busilib.metrics.calibration import calibrate, calibration_metrics
from busilib.metrics.classification import same_answer
from busilib.metrics.measure import MAIN_FIGURES, intervals
from busilib.metrics.pairing import groups_of
from busilib.models.shipped import SHA256, card_of, shipped
from busilib.pages.common import signed
from busilib.pages.generated import markdown_table
from busilib.pages.outside import constant_answers
from busilib.pages.tables import METRIC_NAMES, cell
from busilib.reports.registry import EXPERIMENTS
from busilib.runs import bench
from busilib.runs.profiles import profile
from busilib.runs.records import Record, read_record
from busilib.studies.records import read_studies
from busilib.studies.study import Study, of_seeds

PROFILES = ("full", "laptop")
"""Profiles of which cards show records; "smoke" runs on phantoms and never is."""

NO_RECORD = "*No record yet.*"

CALIBRATION = ("ece", "brier", "log_loss")

OUTSIDE = {
    "outside-classification": ("malignancy_auc", "sensitivity", "specificity", "malignancy_brier"),
    "outside-segmentation": ("lesion_dice", "lesion_iou", "normal_false_positive_rate"),
}
"""Studies of outside data and the figures that stand for each."""

ANSWERS = {
    "Partly": "answered in part",
    "Not done": "not done",
    "Does not apply": "not applicable",
}
"""How an answer in a checklist begins, and what it is counted as; any other answer is a full one."""

ITEM = re.compile(r"^\| (\d+[a-g]?) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
"""A row of a checklist: number, what the item asks, the answer."""


def out_of_fold(root: Path) -> str:
    """Main figures of all experiments that were tested on every image of BUSI, one table for each task.

    Args:
        root: the repository, whose `results/` holds the records.

    Example:
        >>> "r4-unet" in out_of_fold(Path("."))
        True
    """
    found = _complete(root)
    parts = []
    for task in ("classification", "segmentation"):
        records = [record for record in found if record.facts["task"] == task]
        if records:
            parts.append(_records(records, MAIN_FIGURES[task]))
    return "\n\n".join(parts) or NO_RECORD


def calibration(root: Path) -> str:
    """How well probabilities fit, as they come and after temperature scaling on the validation images.

    Example:
        >>> "calibration error" in calibration(Path("."))
        True
    """
    records = [record for record in _complete(root) if record.facts["task"] == "classification"]
    if not records:
        return NO_RECORD
    head = ["experiment", *(METRIC_NAMES[key] for key in CALIBRATION), "ECE after scaling"]
    rows = [
        [_title(record), *(_cell(record.metrics, key) for key in CALIBRATION), _scaled_ece(record)]
        for record in records
    ]
    return markdown_table(head, "lllll", rows)


def outside(root: Path) -> str:
    """Figures inside and outside from the studies of outside data; those that are recorded.

    Example:
        >>> outside(Path("."))
    """
    parts = [_study(study, keys) for name, keys in OUTSIDE.items() for study in _recorded(name, root)]
    return "\n\n".join(parts) or NO_RECORD


def duplicate_threshold(root: Path) -> str:
    """What the threshold of correlation changes: groups, leaks and a probe's accuracy.

    Example:
        >>> "above 0.95" in duplicate_threshold(Path("."))
        True
    """
    recorded = _recorded("duplicate-threshold", root)
    if not recorded:
        return NO_RECORD
    head = ["folds keep together", "pairs", "groups", "twins in R2's split"]
    head += ["tested by a twin", "accuracy", "difference"]
    rows = []
    for name, facts in recorded[0].conditions.items():
        runs, difference = of_seeds(facts, "random_run"), facts["difference"]
        nothing = facts["threshold"] is None
        counted = ["–"] * 2 if nothing else [facts[key] for key in ("pairs", "groups")]
        rows.append(
            [
                "nothing" if nothing else name,
                *counted,
                "–" if nothing else "; ".join(f"{run['with_twin']} of {run['test']}" for run in runs),
                f"{facts['twins_apart']:.0%}",
                cell(facts["metrics"]["accuracy"]),
                "–" if not difference["value"] else signed(difference, 3),
            ]
        )
    return markdown_table(head, "lrrrrll", rows)


def throughput(root: Path) -> str:
    """Images per second by network, precision and way of sharing two processors, and where measured.

    Example:
        >>> print(throughput(Path(".")))
    """
    file = root / "results" / bench.FILE
    if not file.is_file():
        return NO_RECORD
    facts, speeds = bench.read(file)
    found = {(one.experiment, one.precision, one.jobs, one.threads): one.images_per_second for one in speeds}
    ways = [(precision, jobs, threads) for precision in bench.PRECISIONS for jobs, threads in bench.WAYS]
    head = ["network", *(f"{precision}, {jobs} × {threads}" for precision, jobs, threads in ways)]
    rows = [
        [f"`{id}`", *(f"{found[id, *way]:.1f}" for way in ways)]
        for id in dict.fromkeys(one.experiment for one in speeds)
    ]
    table = markdown_table(head, "l" + "r" * len(ways), rows)
    versions = facts["versions"]
    backend = ", ".join(f"{key} {versions[key]}" for key in ("keras", facts["backend"]) if key in versions)
    return (
        f"{table}\n\nTraining images per second of all jobs together, by precision and jobs × threads of "
        f"each. Profile `{facts['profile']}`, {facts['hardware']}, {backend}, commit {facts['commit']}, "
        f"{facts['date']}."
    )


def shipped_model(root: Path) -> str:
    """The card of the model that comes with the package, made from the file itself.

    Example:
        >>> "never saw" in shipped_model(Path("."))
        True
    """
    parts = []
    for path in shipped():
        card = card_of(path)
        learned, unseen = card["learned_from"], card["never_saw"]
        rows = [[METRIC_NAMES[key], cell(one), one["n"]] for key, one in unseen["figures"].items()]
        table = markdown_table(["figure", "value (95% interval)", "n"], "lrr", rows)
        answered, wrong = unseen["abstention"]["coverage"], unseen["abstention"]["risk"]
        parts.append(
            f"`{path.name}` is `{card['experiment']}` of fold {unseen['fold']}, seed {unseen['seed']}, in "
            f"half precision ({path.stat().st_size / 1e6:.1f} MB, SHA-256 `{SHA256[path.name][:16]}…`). It "
            f"learned from {learned['images']} images of {learned['name']}; {learned['validation']} more "
            f"chose its epoch, temperature and thresholds. What it reaches on the {unseen['images']} images "
            f"of that fold, which it never saw, nor a near-duplicate of one:\n\n{table}\n\nIt names a class "
            f"for {answered:.0%} of them, and {wrong:.0%} of these classes are wrong. It refuses "
            f"{unseen['beyond_the_limit']['look']:.0%} of them as unlike what it learned from."
        )
    return "\n\n".join(parts)


def shipped_table(root: Path) -> str:
    """What the shipped table says of BUSI's images, groups and folds, in one sentence.

    Example:
        >>> shipped_table(Path(".")).startswith("780 images")
        True
    """
    table = read_table()
    sizes = table.groupby("group").size()
    repeats = sum(name.startswith("fold_") for name in table)
    return (
        f"{len(table)} images, {(sizes > 1).sum()} groups of two images or more with "
        f"{sizes[sizes > 1].sum()} images in them, the largest of {sizes.max()}; "
        f"{table['label_conflict'].sum()} images whose group holds more than one class; "
        f"{repeats} × {FOLDS} folds"
    )


def bibtex(root: Path) -> str:
    """How to cite the book, made from `CITATION.cff`.

    Args:
        root: the repository.

    Example (not run):
        >>> bibtex(Path(".")).splitlines()[1]
        '@software{busilib,'
    """
    facts = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    names = [one.get("name") or f"{one['family-names']}, {one['given-names']}" for one in facts["authors"]]
    lines = {
        "author": " and ".join(f"{{{name}}}" for name in names),
        "title": f"{{{facts['title']}}}",
        "version": facts.get("version"),
        "date": facts.get("date-released"),
        "url": facts.get("repository-code"),
    }
    entry = "\n".join(f"  {key} = {{{value}}}," for key, value in lines.items() if value)
    return f"```bibtex\n@software{{busilib,\n{entry}\n}}\n```"


def tally(page: Path) -> str:
    """How many items of a checklist are answered, in part or not at all, in one sentence.

    Args:
        page: of the book, with rows as `ITEM` describes them.

    Example:
        >>> tally(Path("book/claim_checklist.md"))
        'Of 44 items 29 are answered, 10 answered in part, 4 not done and 1 not applicable.'
    """
    answers = [answer for _, _, answer in ITEM.findall(page.read_text(encoding="utf-8"))]
    counts = {told: sum(answer.startswith(begins) for answer in answers) for begins, told in ANSWERS.items()}
    whole = len(answers) - sum(counts.values())
    *most, last = [f"{count} {told}" for told, count in {"are answered": whole, **counts}.items()]
    return f"Of {len(answers)} items {', '.join(most)} and {last}."


def _complete(root: Path) -> list[Record]:
    """Grouped records that cover all folds, in the order of the registry; the larger profile first."""
    order = {id: number for number, id in enumerate(EXPERIMENTS)}
    records = [
        record
        for name in PROFILES
        for path in sorted((root / "results" / name).glob("*/metrics.json"))
        if (record := read_record(path.parent.name, name, root / "results"))
        and record.facts["protocol"] == "grouped"
        and record.facts["task"] != "tissue"
        and record.folds == FOLDS
    ]
    return sorted(records, key=lambda record: order[record.facts["experiment"]])


def _records(records: Sequence[Record], keys: Sequence[str]) -> str:
    head = ["experiment", *(METRIC_NAMES[key] for key in keys), "n", "profile, weights"]
    rows = [
        [
            _title(record),
            *(_cell(record.metrics, key) for key in keys),
            _images(record),
            f"{record.facts['profile']}, {_weights(record.facts['weights']['source'])}",
        ]
        for record in records
    ]
    return markdown_table(head, "l" * (len(keys) + 1) + "rl", rows)


def _title(record: Record) -> str:
    """Id of the experiment, what it was shown where that is unusual, and whether it tells nothing apart."""
    id, _, shown = record.name.partition("+")
    title = f"`{id}`, {shown.replace('-', ' ')}" if shown else f"`{id}`"
    alike = same_answer(record.metrics)
    return f"{title} (the same answer to everybody: {alike})" if alike else title


def _weights(source: str) -> str:
    """Where a network started; a file of weights, which the record names, is one of ImageNet's."""
    if source in ("random", "members", "none"):
        return source
    return "ImageNet, 8 bits" if "int8" in source else "ImageNet"


def _images(record: Record) -> str:
    """How many images, and how often each was tested."""
    images, seeds = record.predictions["id"].nunique(), len(record.facts["seeds"])
    return f"{seeds} × {images}" if seeds > 1 else f"{images}"


def _cell(metrics: Mapping[str, Mapping[str, float]], key: str) -> str:
    return cell(metrics[key]) if key in metrics else "–"


def _scaled_ece(record: Record) -> str:
    """Calibration error with the temperature of each fold; "–" where no validation images are recorded."""
    folds = set(record.predictions["fold"])
    if record.validation.empty or set(record.validation["fold"]) != folds:
        return "–"
    scaled, _ = calibrate(record.predictions, record.validation)
    draws = profile(record.facts["profile"]).bootstrap_draws
    return cell(intervals(calibration_metrics, scaled, groups_of(scaled, read_table()), draws)["ece"])


def _recorded(name: str, root: Path) -> list[Study]:
    """All records of a study under the first profile that has any."""
    found = (read_studies(name, profile_name, root / "results") for profile_name in PROFILES)
    return next(filter(None, found), [])


def _study(study: Study, keys: Sequence[str]) -> str:
    rows = [
        [name, *(_cell(study.metrics(name), key) for key in keys), condition["n"]]
        for name, condition in study.conditions.items()
    ]
    head = ["network, images", *(METRIC_NAMES[key] for key in keys), "predictions"]
    table = markdown_table(head, "l" * (len(keys) + 1) + "r", rows)
    alike = constant_answers(study)
    return f"{table}\n\n{alike}" if alike else table
