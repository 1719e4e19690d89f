"""A state dict is read as PyTorch reads it; a file that would do anything else is refused, unexecuted."""

import io
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busilib.errors import WeightsError
from busilib.models.weights.state_dict import MAGIC, read_state_dict

REFUSED = r"file\.pth: cannot be read as a PyTorch state dict"


class Named:
    """Pickled as a global of PyTorch, without PyTorch."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Call:
    """Pickled as a call of a global."""

    def __init__(self, function: Named, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Stored:
    """Pickled as a reference to bytes elsewhere in the file."""

    def __init__(self, kind: str, key: str, numel, word: str = "storage", view=()):
        self.pid = (word, Named("torch", kind), key, "cpu", numel, *view)


class Pickler(pickle._Pickler):
    """Python's own pickler, which can be told to write any name."""

    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Stored) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Named):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def pickled(obj) -> bytes:
    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(obj)
    return buffer.getvalue()


def tensor(storage, offset=0, shape=(2, 3), stride=(3, 1)) -> Call:
    function = Named("torch._utils", "_rebuild_tensor_v2")
    return Call(function, storage, offset, shape, stride, False, OrderedDict())


NUMBERS = np.arange(6, dtype="<f4")
WHOLE = Stored("FloatStorage", "0", 6)


def as_zip(path: Path, obj, numbers: bytes = NUMBERS.tobytes(), byteorder: str = "little") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(obj))
        archive.writestr("archive/byteorder", byteorder)
        archive.writestr("archive/data/0", numbers)
    return path


def as_row(path: Path, obj, numbers: bytes = NUMBERS.tobytes(), little: bool = True) -> Path:
    parts = [pickled(MAGIC), pickled(1001), pickled({"little_endian": little}), pickled(obj), pickled(["0"])]
    path.write_bytes(b"".join(parts) + (len(numbers) // 4).to_bytes(8, "little") + numbers)
    return path


@pytest.fixture(params=[as_zip, as_row], ids=["zip", "row"])
def write(request):
    return request.param


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "file.pth"


# What is read


def test_by_hand(write, file):
    """Two views of one storage: the whole in rows, and its second column."""
    state = OrderedDict(all=tensor(WHOLE), column=tensor(WHOLE, 1, (2,), (3,)), one=tensor(WHOLE, 5, (), ()))
    found = read_state_dict(write(file, state))
    assert list(found) == ["all", "column", "one"]
    np.testing.assert_array_equal(found["all"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["column"], [1, 4])
    assert found["one"] == 5 and {value.dtype for value in found.values()} == {np.dtype("f4")}


@settings(max_examples=25, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=4),
    dtype=st.sampled_from(["float16", "float32", "float64", "int64"]),
    zipped=st.booleans(),
)
def test_as_pytorch_reads_it(shapes, dtype, zipped, tmp_path_factory):
    torch = pytest.importorskip("torch")
    made = OrderedDict()
    for place, shape in enumerate(shapes):
        values = torch.arange(int(np.prod(shape))).reshape(shape).to(getattr(torch, dtype))
        made[f"layer.{place}"] = values.permute(tuple(reversed(range(values.ndim))))
    file = tmp_path_factory.mktemp("torch") / "file.pth"
    torch.save(made, file, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(file)
    assert list(found) == list(made)
    for name, values in made.items():
        np.testing.assert_array_equal(found[name], values.numpy(), strict=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_parameters_and_metadata_of_a_module(zipped, file):
    """A module's state dict carries a version of each layer; older files hold parameters, not tensors."""
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    state = module.state_dict()
    state["0.weight"] = module[0].weight
    assert isinstance(state["0.weight"], torch.nn.Parameter) and state._metadata
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(file)
    assert found["1.num_batches_tracked"] == 0
    for name, values in state.items():
        np.testing.assert_array_equal(found[name], values.detach().numpy(), strict=True)


# What is refused


class Boom:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    "state",
    [
        Boom(),
        {"weight": Boom()},
        Call(Named("os", "system"), "touch executed"),
        Call(Named("builtins", "eval"), "open('executed', 'w')"),
        Call(Named("builtins", "getattr"), Named("collections", "OrderedDict"), "fromkeys"),
        Call(Named("collections", "OrderedDict.fromkeys"), "ab"),
        Call(Named("torch", "load"), "other.pth"),
        Call(Named("torch.storage", "_load_from_bytes"), b""),
        Call(Named("numpy", "dtype"), "O"),
        Call(Named("busilib.models.weights.state_dict", "read_state_dict"), "other.pth"),
    ],
    ids=lambda state: getattr(getattr(state, "function", None), "name", type(state).__name__),
)
def test_any_other_name_is_refused_and_not_run(state, write, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=f"{REFUSED} .*no state dict needs"):
        read_state_dict(write(file, state))
    assert not (tmp_path / "executed").exists()


def test_a_harmful_pickle_by_itself_is_refused(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write_bytes(pickle.dumps(Boom()))
    with pytest.raises(WeightsError, match=f"{REFUSED} .*names (posix|nt).system"):
        read_state_dict(file)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (tensor(WHOLE), "it holds a _Tensor, not tensors by name"),
        ([tensor(WHOLE)], "it holds a list, not tensors by name"),
        ({"weight": 3}, "'weight' is no tensor"),
        ({3: tensor(WHOLE)}, "3 is no tensor"),
        ({"nested": {"weight": tensor(WHOLE)}}, "'nested' is no tensor"),
        ({"weight": tensor(WHOLE, offset=1)}, "a tensor reaches beyond storage 0"),
        ({"weight": tensor(WHOLE, shape=(7,), stride=(1,))}, "a tensor reaches beyond storage 0"),
        ({"weight": tensor(WHOLE, shape=(1 << 40,), stride=(0,))}, "a tensor reaches beyond storage 0"),
        ({"weight": tensor(WHOLE, shape=(2,), stride=(1 << 62,))}, "a tensor reaches beyond storage 0"),
        ({"weight": tensor(WHOLE, offset=-1)}, "-1 is no count"),
        ({"weight": tensor(WHOLE, shape=(-2,), stride=(1,))}, "-2 is no count"),
        ({"weight": tensor(WHOLE, shape=(2,), stride=(-1,))}, "-1 is no count"),
        ({"weight": tensor(WHOLE, shape=(2,), stride=(1.0,))}, "1.0 is no count"),
        ({"weight": tensor(WHOLE, shape=(2,), stride=(1, 1))}, "zip()"),
        ({"weight": tensor("O8")}, "it makes a tensor of what is no storage"),
        ({"weight": tensor(Stored("FloatStorage", "0", -6))}, "-6 is no count"),
        ({"weight": tensor(Stored("FloatStorage", "0", 6, word="module"))}, "no plain storage"),
        ({"weight": tensor(Stored("FloatStorage", "0", 6, view=[("0", 0, 3)]))}, "no plain storage"),
        ({"weight": tensor(Stored("BoolStorage", "0", 6))}, "names torch.BoolStorage"),
    ],
)
def test_what_is_no_state_of_tensors_is_refused(state, message, write, file):
    with pytest.raises(WeightsError, match=f"{REFUSED} .*{re.escape(message)}"):
        read_state_dict(write(file, state))


def test_a_kind_of_storage_in_plain_words_is_refused(write, file):
    """NumPy's "O" would take bytes of the file for addresses of objects."""
    storage = Stored("FloatStorage", "0", 3)
    storage.pid = ("storage", "O", "0", "cpu", 3)
    with pytest.raises(WeightsError, match="no plain storage"):
        read_state_dict(write(file, {"weight": tensor(storage, shape=(3,), stride=(1,))}))


@pytest.mark.parametrize("numel", [5, 7, 1 << 60])
def test_a_storage_of_another_length_is_refused(numel, write, file):
    state = {"weight": tensor(Stored("FloatStorage", "0", numel), shape=(2,), stride=(1,))}
    with pytest.raises(WeightsError, match=rf"{REFUSED} .*storage 0 (is not whole|has 6 numbers)"):
        read_state_dict(write(file, state))


def test_other_byte_orders_are_refused(tmp_path):
    for path in (
        as_zip(tmp_path / "zip.pth", {"weight": tensor(WHOLE)}, byteorder="big"),
        as_row(tmp_path / "row.pth", {"weight": tensor(WHOLE)}, little=False),
    ):
        with pytest.raises(WeightsError, match="not little-endian"):
            read_state_dict(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(share, write, file):
    whole = write(file, {"weight": tensor(WHOLE)}).read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsError, match=REFUSED):
        read_state_dict(file)


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), zipped=st.booleans())
def test_a_flipped_byte_gives_numbers_or_a_refusal(place, byte, zipped, tmp_path_factory):
    file = tmp_path_factory.mktemp("flipped") / "file.pth"
    whole = bytearray((as_zip if zipped else as_row)(file, {"weight": tensor(WHOLE)}).read_bytes())
    whole[place % len(whole)] = byte
    file.write_bytes(whole)
    try:
        found = read_state_dict(file)
    except WeightsError:
        return
    assert all(isinstance(value, np.ndarray) for value in found.values())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nothing\.pth: no such file"):
        read_state_dict(tmp_path / "nothing.pth")
