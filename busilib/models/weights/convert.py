"""Make a weights file for Keras out of the ResNet34 that torchvision publishes; needs PyTorch, once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from busilib.keras_backend import keras
from busilib.models.encoders import WeightsError
from busilib.models.resnet34 import NAME, PUBLISHED, bare_resnet34
from busilib.paths import expanded

CONVERTED = f"{NAME}.weights.h5"
"""The name by which `busilib.models.encoders.find_weights` finds it."""

TOP = {"fc.weight", "fc.bias"}
"""Of the classifier, which the encoder does not have."""


def convert_resnet34(file: str | Path, folder: str | Path) -> Path:
    """Turn a state dict of torchvision's ResNet34 into a weights file of `busilib.models.resnet34`.

    Args:
        file: the `.pth` file.
        folder: receives `resnet34.weights.h5`; made if missing.

    Returns:
        The path of the weights file.

    Raises:
        WeightsError: if PyTorch is missing, if `file` cannot be read, or if it is not of a ResNet34.

    Example:
        >>> convert_resnet34("resnet34-b627a593.pth", "weights")
        PosixPath('weights/resnet34.weights.h5')
    """
    file, folder = expanded(file), expanded(folder)
    state = read_state(file)
    model = bare_resnet34(32)
    wanted = {layer.name: _names(layer) for layer in model.layers if layer.weights}
    _check(file, state, {name for names in wanted.values() for name in names})
    for name, names in wanted.items():
        layer = model.get_layer(name)
        values = [_arranged(state[each]) for each in names]
        for each, value, variable in zip(names, values, layer.weights, strict=True):
            if value.shape != tuple(variable.shape):
                raise WeightsError(
                    f"{file}: not a {NAME}: {each} in Keras's order is {value.shape}, not "
                    f"{tuple(variable.shape)}. Expected torchvision's state dict; get {PUBLISHED}."
                )
        layer.set_weights(values)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / CONVERTED)
    return folder / CONVERTED


def read_state(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch state dict by name, read without running any code in the file.

    Raises:
        WeightsError: if PyTorch is missing, or if `file` holds no state dict.

    Example:
        >>> read_state(Path("resnet34-b627a593.pth"))["conv1.weight"].shape
        (64, 3, 7, 7)
    """
    if not file.is_file():
        raise WeightsError(f"{file}: no such file. Get {PUBLISHED} and give its path.")
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            f"{file}: PyTorch is needed to read it, and is not installed. Run `pip install torch`, convert "
            "once, and take it away again if you like; training does not need it."
        ) from error
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        return {name: value.detach().numpy() for name, value in state.items()}
    except Exception as error:  # a damaged or foreign file fails in a dozen ways
        raise WeightsError(
            f"{file}: cannot be read as a PyTorch state dict ({type(error).__name__}: {error}). "
            f"Expected the file {PUBLISHED}; download it again."
        ) from error


def _names(layer: keras.layers.Layer) -> list[str]:
    """PyTorch's names of a layer's weights, in Keras's order."""
    prefix = layer.name.replace("_", ".")
    if isinstance(layer, keras.layers.BatchNormalization):
        return [f"{prefix}.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    return [f"{prefix}.weight"]


def _arranged(value: np.ndarray) -> np.ndarray:
    """PyTorch's (out, in, height, width) as Keras's (height, width, in, out); vectors stay as they are."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _check(file: Path, state: Mapping[str, np.ndarray], wanted: set[str]) -> None:
    found = {name for name in state if not name.endswith("num_batches_tracked")} - TOP
    for what, names in (("lacks", wanted - found), ("also holds", found - wanted)):
        if names:
            some = ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            raise WeightsError(
                f"{file}: not a {NAME}: it {what} {some}. Expected torchvision's state dict; get {PUBLISHED}."
            )
