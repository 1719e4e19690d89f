"""A trained network in one file: Keras's own `.keras` archive, with what it takes to use it inside.

The archive is a zip. Beside Keras's entries it has `busilib.json` (facts: what it was trained on, how a
picture is prepared, thresholds) and `busilib.npz` (see `Archive.reference`). It is read in Keras's safe mode
and without pickle, so that a file of a stranger runs no code.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from busilib.errors import UserError
from busilib.keras_backend import keras
from busilib.models.shipped import FACTS

REFERENCE, WEIGHTS = "busilib.npz", "model.weights.h5"
FORMAT = 2
"""Raised when older programs could not read what is written."""

BATCH = 32

Output = np.ndarray | dict[str, np.ndarray]
"""What a network says: one array, or one for each of its heads."""


class ArchiveError(UserError, ValueError):
    """A model file that cannot be read, or a network that cannot be put into one."""


@dataclass(frozen=True, eq=False)
class Archive:
    """What a model file holds.

    Attributes:
        model: uncompiled, from one image, float32 (n, size, size, 1), 0 to 1.
        facts: as JSON can hold them.
        reference: what the training images look like, each float32 (m, d) by name (see
            `busilib.metrics.unlike`); kept in half precision.
    """

    model: keras.Model
    facts: dict
    reference: dict[str, np.ndarray]


def write_archive(path: Path, archive: Archive, half: bool = False) -> None:
    """Write a model file beside its place, then into it.

    Args:
        path: ends in `.keras`.
        archive: what to write.
        half: store the weights in half precision; those that it cannot hold stay as they are.

    Example (not run):
        >>> write_archive(Path("r2-cnn.keras"), archive)
    """
    array = io.BytesIO()
    halves = {name: each.astype(np.float16) for name, each in archive.reference.items()}
    np.savez(array, **halves)  # type: ignore[arg-type]  # one of its names could be `allow_pickle`
    own: dict[str, str | bytes] = {
        FACTS: json.dumps({"format": FORMAT, **archive.facts}, indent=1) + "\n",
        REFERENCE: array.getvalue(),
    }
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as part:
        saved, written = Path(part) / "saved.keras", Path(part) / path.name
        archive.model.save(saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():
                content = source.read(name)
                target.writestr(name, _halved(content) if half and name == WEIGHTS else content)
            for name, ours in own.items():
                target.writestr(name, ours)
        written.replace(path)


def read_archive(path: Path) -> Archive:
    """Read a model file.

    Raises:
        ArchiveError: if it is none, damaged, needs code of its own, or is of a later format.

    Example (not run):
        >>> read_archive(Path("r2-cnn.keras")).facts["experiment"]
        'r2-cnn'
    """
    made = "Expected a file that `busi model export` wrote"
    try:
        with zipfile.ZipFile(path) as archive:
            if missing := {FACTS, REFERENCE} - set(archive.namelist()):
                raise ArchiveError(f"{path}: holds no {', '.join(sorted(missing))}. {made}.")
            facts = json.loads(archive.read(FACTS))
            with np.load(io.BytesIO(archive.read(REFERENCE)), allow_pickle=False) as stored:
                reference = {name: stored[name].astype(np.float32) for name in stored.files}
    except ArchiveError:
        raise
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise ArchiveError(f"{path}: cannot be read ({error}). {made}.") from error
    if facts.get("format") != FORMAT:
        raise ArchiveError(
            f"{path}: format {facts.get('format')}, this program reads {FORMAT}. Export the model again."
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds, for damage as for layers with code of their own
        raise ArchiveError(f"{path}: Keras cannot load it ({str(error).splitlines()[0]}). {made}.") from error
    return Archive(model, facts, reference)


def deepest_map(model: keras.Model) -> keras.KerasTensor:
    """The feature map with the fewest places, more than one: what an encoder hands to its head or decoder.

    Of several of one size the last.

    Raises:
        ArchiveError: if the network takes more than one image, or has no feature map.

    Example (not run):
        >>> deepest_map(network(run)).shape
        (None, 4, 4, 1024)
    """
    if len(model.inputs) != 1 or model.inputs[0].shape[-1] != 1:
        raise ArchiveError(f"{model.name}: sees more than one gray image. Pictures come without outlines.")
    maps = []
    for layer in model.layers:
        # A nested base gives its outer tensor only as the input of what follows it.
        if not isinstance(layer, keras.Model | keras.layers.InputLayer):
            maps += [each for each in keras.tree.flatten(layer.input) if len(each.shape) == 4]
    places = [each.shape[1] * each.shape[2] for each in maps]
    several = [count for count in places if count > 1]
    if not several:
        raise ArchiveError(f"{model.name}: has no feature map.")
    return maps[len(places) - 1 - places[::-1].index(min(several))]


def with_features(model: keras.Model) -> keras.Model:
    """The same network with one more output: its deepest feature map, averaged over the places, (n, d).

    Raises:
        ArchiveError: as `deepest_map`.

    Example (not run):
        >>> probabilities, features = ask(with_features(network(run)), busi.images)
    """
    # A name of its own: one that Keras counts out could be that of a layer in the file.
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name="busilib_seen")(deepest_map(model))
    return keras.Model(model.inputs, {"said": model.output, "seen": pooled})


def ask(model: keras.Model, images: np.ndarray) -> tuple[Output, np.ndarray]:
    """What a network of `with_features` says of images, and how its encoder sees them.

    Args:
        model: as `with_features` gives it.
        images: uint8 (n, size, size).

    Returns:
        Its output, float32 (n, 3) for classes, (n, size, size) for masks, (n,) for presence, of several heads
        a dict of them; and its features, float32 (n, d).

    Example (not run):
        >>> ask(with_features(network(run)), busi.images)[1].shape
        (780, 1024)
    """
    starts = range(0, len(images), BATCH)
    found = [model.predict_on_batch(images[n : n + BATCH, ..., None] / np.float32(255)) for n in starts]
    said, seen = (
        keras.tree.map_structure(_joined, *[each[part] for each in found]) for part in ("said", "seen")
    )
    return said, seen


def _joined(*parts) -> np.ndarray:
    whole = np.concatenate([keras.ops.convert_to_numpy(each) for each in parts]).astype(np.float32)
    return whole[..., 0] if whole.shape[-1] == 1 else whole


def _halved(content: bytes) -> bytes:
    """A file of weights in half precision."""
    halved = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(halved, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                values = item[()]
                with np.errstate(over="ignore"):
                    small = values.astype(np.float16) if values.dtype == np.float32 else values
                copied = target.create_dataset(name, data=small if np.isfinite(small).all() else values)
            else:
                copied = target.require_group(name)
            copied.attrs.update(item.attrs)

        source.visititems(copy)
    return halved.getvalue()
