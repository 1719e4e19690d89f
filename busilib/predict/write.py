"""Write what was said of pictures: a mask, an overlay and a JSON file for each, and one table."""

from __future__ import annotations

import csv
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation, binary_erosion

from busilib.data.dataset import CLASSES, DataError
from busilib.predict.answer import Answer, Asked, answer, pieces
from busilib.predict.export import NOT_CLINICAL
from busilib.predict.picture import PictureError, read_picture

TABLE = "predictions.csv"
UNREADABLE = "unreadable"
COLUMNS = (
    "image",
    "status",
    "called",
    *CLASSES,
    "lesion_pixels",
    "lesion_share",
    "unlike_look",
    "unlike_encoder",
    "why",
    "note",
)
OUTLINE = (86, 180, 233)
NARROWEST = 420
"""Pixels that an overlay is wide at least, so that its caption can be read."""


def predict(paths: Sequence[Path], models: Sequence[Asked], out: Path) -> Iterator[dict]:
    """Ask about pictures one by one and write what is said.

    Args:
        paths: of pictures.
        models: at least one.
        out: folder, made if need be: of each picture `<name>.json`, `<name>_overlay.png` and, where a lesion
            was looked for, `<name>_mask.png`; and the table `predictions.csv`.

    Yields:
        One row of the table for each picture, once it is written. A picture that cannot be read has the
        status "unreadable" and stops nothing.

    Example (not run):
        >>> rows = list(predict([Path("mine.png")], models, Path("predicted")))
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for path, name in zip(paths, names_of(paths), strict=True):
            try:
                found = answer(read_picture(path), models)
            except (PictureError, DataError) as error:
                row: dict[str, object] = {
                    "image": str(path),
                    "status": UNREADABLE,
                    "why": str(error),
                    "note": NOT_CLINICAL,
                }
                _write_json(out / f"{name}.json", row)
            else:
                row = row_of(found)
                write_answer(found, models, out, name)
            table.writerow(row)
            file.flush()
            yield row


def names_of(paths: Iterable[Path]) -> list[str]:
    """A file name for each picture: its own without ending, numbered where several have the same.

    Example:
        >>> names_of([Path("a/1.png"), Path("b/1.png")])
        ['1', '1 (2)']
    """
    taken, names = set(), []
    for path in paths:
        name, number = path.stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem} ({number})"
        taken.add(name.lower())
        names.append(name)
    return names


def row_of(found: Answer) -> dict:
    """One row of the table.

    Example (not run):
        >>> row_of(found)["note"]
        'Not for clinical use.'
    """
    row: dict[str, object] = {
        "image": str(found.picture.path),
        "status": found.status,
        "called": found.called,
    }
    row |= {name: round(value, 4) for name, value in found.probabilities.items()}
    if found.lesion is not None:
        row |= {
            "lesion_pixels": int(found.lesion.sum()),
            "lesion_share": round(float(found.lesion.mean()), 4),
        }
    if found.unlike:
        for kind in ("look", "encoder"):
            far = [each[kind]["score"] / each[kind]["limit"] for each in found.unlike.values()]
            row[f"unlike_{kind}"] = round(max(far), 3)
    return row | {"why": " ".join(found.why), "note": NOT_CLINICAL}


def write_answer(found: Answer, models: Sequence[Asked], out: Path, name: str) -> None:
    """Write the files of one picture.

    Example (not run):
        >>> write_answer(found, models, Path("predicted"), "mine")
    """
    files = {"overlay": f"{name}_overlay.png"}
    overlay(found).save(out / files["overlay"])
    if found.lesion is not None:
        files["mask"] = f"{name}_mask.png"
        Image.fromarray(found.lesion.astype(np.uint8) * 255).save(out / files["mask"])
    height, width = found.picture.gray.shape
    facts = {
        "note": NOT_CLINICAL,
        "image": str(found.picture.path),
        "width": width,
        "height": height,
        "read_as": list(found.picture.notes),
        "coloured_share": round(found.picture.colour, 4),
        "status": found.status,
        "why": list(found.why),
        "unlike": found.unlike,
    }
    if found.probabilities:
        facts |= {"called": found.called or None, "probabilities": found.probabilities}
    if found.lesion is not None:
        facts["lesion"] = {
            "pixels": int(found.lesion.sum()),
            "share": float(found.lesion.mean()),
            "pieces": pieces(found.lesion),
            "box": _box(found.lesion),
        }
    cards = {one.name: {key: value for key, value in one.facts.items() if key != "note"} for one in models}
    _write_json(out / f"{name}.json", facts | {"files": files, "models": cards})


def overlay(found: Answer) -> Image.Image:
    """The picture at its own size with the outline on it, and below it what is said, in words.

    Example (not run):
        >>> overlay(found).mode
        'RGB'
    """
    picture = np.repeat(found.picture.gray[..., None], 3, axis=2)
    if found.lesion is not None:
        edge = binary_dilation(found.lesion) & ~binary_erosion(found.lesion, border_value=1)
        picture[edge] = OUTLINE
    height, width = found.picture.gray.shape
    whole = max(width, NARROWEST)
    size = max(13, whole // 55)
    lines = [line for text in caption(found) for line in textwrap.wrap(text, whole * 2 // size)]
    font, step = ImageFont.load_default(size), size + size // 3
    canvas = Image.new("RGB", (whole, height + step * len(lines) + size))
    canvas.paste(Image.fromarray(picture), ((whole - width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        draw.text((size // 2, height + size // 2 + number * step), line, fill="white", font=font)
    return canvas


def caption(found: Answer) -> list[str]:
    """What is said of a picture, in a few lines.

    Example (not run):
        >>> caption(found)[-1]
        'Not for clinical use.'
    """
    lines = []
    if found.status == "refused":
        lines.append("Refused.")
    elif found.probabilities:
        parts = ", ".join(f"{name} {value:.2f}" for name, value in found.probabilities.items())
        lines.append(f"{found.called.capitalize() or 'No class is named'} ({parts}).")
    if found.lesion is not None:
        share = f"A lesion on {found.lesion.mean():.1%} of the picture." if found.lesion.any() else ""
        lines.append(share or "No lesion is outlined.")
    return [*lines, *found.why, NOT_CLINICAL]


def _box(lesion: np.ndarray) -> list[int] | None:
    """Left, top, right and bottom of a lesion in pixels, the last two not included."""
    if not lesion.any():
        return None
    rows, columns = (np.flatnonzero(lesion.any(axis=axis)) for axis in (1, 0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _write_json(path: Path, facts: dict) -> None:
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
