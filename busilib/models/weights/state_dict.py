"""Read the arrays of a PyTorch state dict without PyTorch, and without running anything that is in the file.

A `.pth` file is a pickle, and a pickle is a program. Here it may name an ordered dictionary, a few kinds of
storage and the functions that make a tensor of one, and of these it gets stand-ins that only write down
what was asked for. Bytes become arrays afterwards, once every offset is known to lie inside them.

Both forms of `torch.save` are read: the ZIP archive of PyTorch 1.6 and later, and the older row of pickles
(https://docs.pytorch.org/docs/stable/notes/serialization.html).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from busilib.errors import WeightsError

DTYPES = {"HalfStorage": "<f2", "FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
"""Kinds of storage that a state dict may have, in NumPy's words."""

MAGIC = 0x1950A86A20F9469CFC6C
"""What the older form begins with."""


class _Storage(NamedTuple):
    """Numbers in a row, wherever in the file they are."""

    dtype: str
    key: str
    numel: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and stride count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows the names of a state dict and no others; what it makes of them are names and numbers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return self._parameter
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, numel, *view = pid
        if kind != "storage" or dtype not in DTYPES.values() or any(part is not None for part in view):
            raise pickle.UnpicklingError("it holds what is no plain storage")
        return _Storage(dtype, str(key), _count(numel))

    @staticmethod
    def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("it makes a tensor of what is no storage")
        return _Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, stride)))

    @staticmethod
    def _parameter(tensor: Any, *_: Any) -> Any:
        return tensor


def read_state_dict(file: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch state dict by name.

    Args:
        file: what `torch.save(model.state_dict(), file)` wrote.

    Returns:
        Arrays in PyTorch's own order of axes, float16, float32, float64 or int64.

    Raises:
        WeightsError: if there is no such file, if it is damaged, or if it holds anything but tensors by name.

    Example (not run):
        >>> read_state_dict("resnet34-b627a593.pth")["conv1.weight"].shape
        (64, 3, 7, 7)
    """
    file = Path(file)
    if not file.is_file():
        raise WeightsError(f"{file}: no such file.")
    try:
        with file.open("rb") as opened:
            tensors, storages = (_read_zip if zipfile.is_zipfile(opened) else _read_row)(opened)
            return {name: _array(tensor, storages) for name, tensor in tensors.items()}
    except Exception as error:  # a damaged or foreign file fails in a dozen ways
        raise WeightsError(
            f"{file}: cannot be read as a PyTorch state dict ({type(error).__name__}: {error})."
        ) from error


def _read_zip(file: BinaryIO) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = pickled.removesuffix("data.pkl")
        byteorder = f"{root}byteorder"
        if byteorder in archive.namelist() and archive.read(byteorder) != b"little":
            raise ValueError("its numbers are not little-endian")
        tensors = _tensors(_Unpickler(io.BytesIO(archive.read(pickled))).load())
        return tensors, {
            storage.key: np.frombuffer(archive.read(f"{root}data/{storage.key}"), storage.dtype)
            for storage in {tensor.storage for tensor in tensors.values()}
        }


def _read_row(file: BinaryIO) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    file.seek(0)
    if _Unpickler(file).load() != MAGIC:
        raise ValueError("it does not begin as one")
    _Unpickler(file).load()  # version of the form
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are not little-endian")
    tensors = _tensors(_Unpickler(file).load())
    wanted = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in _Unpickler(file).load():
        numel, storage = int.from_bytes(file.read(8), "little"), wanted[key]
        if numel != storage.numel:
            raise ValueError(f"storage {key} has {numel} numbers, not {storage.numel}")
        storages[key] = np.frombuffer(file.read(numel * np.dtype(storage.dtype).itemsize), storage.dtype)
    return tensors, storages


def _tensors(state: Any) -> dict[str, _Tensor]:
    if not isinstance(state, Mapping):
        raise ValueError(f"it holds a {type(state).__name__}, not tensors by name")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise ValueError(f"{name!r} is no tensor")
    return dict(state)


def _array(tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    (dtype, key, numel), offset, shape, stride = tensor
    storage = storages[key]
    reach = sum((n - 1) * step for n, step in zip(shape, stride, strict=True)) if all(shape) else -1
    if storage.dtype != dtype or len(storage) != numel:
        raise ValueError(f"storage {key} is not whole")
    if offset + reach >= numel or math.prod(shape) > numel:
        raise ValueError(f"a tensor reaches beyond storage {key}")
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False).copy()


def _count(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise pickle.UnpicklingError(f"{number!r} is no count")
    return number
