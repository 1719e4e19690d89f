"""Make a weights file for Keras out of a state dict that was published for PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models.weights.state_dict import read_state_dict
from busilib.paths import expanded

TOP = "fc"
"""The classifier's layer, which an encoder does not have."""

NORM = ("weight", "bias", "running_mean", "running_var")
"""PyTorch's names of what a batch normalisation holds, in Keras's order."""


def convert(network: keras.Model, file: str | Path, folder: str | Path) -> Path:
    """Turn a PyTorch state dict into a weights file of the same network in Keras.

    Layers are matched by name: "layer1.0.conv1" or "_blocks.0._bn1" in PyTorch are "layer1_0_conv1" and
    "blocks_0_bn1" in Keras. Every array must find its place, but for the classifier's.

    Args:
        network: of convolutions without bias and batch normalisations; it is given the weights.
        file: the `.pth` file.
        folder: receives `<name of the network>.weights.h5`; made if missing.

    Returns:
        The path of the weights file.

    Raises:
        WeightsError: if `file` cannot be read, or is of another network.

    Example (not run):
        >>> convert(resnet34(32), "resnet34-b627a593.pth", "weights")
        PosixPath('weights/resnet34.weights.h5')
    """
    file, folder = expanded(file), expanded(folder)
    state = _by_layer(read_state_dict(file))
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    wanted = {f"{name}.{each}" for name, layer in layers.items() for each in _names(layer)}
    for what, names in (("lacks", wanted - state.keys()), ("also holds", state.keys() - wanted)):
        if names:
            some = ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            raise WeightsError(f"{file}: not a {network.name}: it {what} {some}.")
    for name, layer in layers.items():
        values = [_arranged(state[f"{name}.{each}"], layer) for each in _names(layer)]
        for each, value, variable in zip(_names(layer), values, layer.weights, strict=True):
            if value.shape != tuple(variable.shape):
                raise WeightsError(
                    f"{file}: not a {network.name}: {name}.{each} in Keras's order is {value.shape}, not "
                    f"{tuple(variable.shape)}."
                )
        layer.set_weights(values)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{network.name}.weights.h5"
    network.save_weights(target)
    return target


def _by_layer(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays an encoder needs under Keras's name of the layer and PyTorch's name of the array."""
    found = {}
    for name, value in state.items():
        prefix, _, each = name.rpartition(".")
        layer = re.sub(r"[._]+", "_", prefix).strip("_")
        if each != "num_batches_tracked" and layer != TOP:
            found[f"{layer}.{each}" if layer else each] = value
    return found


def _names(layer: keras.layers.Layer) -> tuple[str, ...]:
    return NORM if isinstance(layer, keras.layers.BatchNormalization) else ("weight",)


def _arranged(value: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    """PyTorch's (out, in, height, width) in Keras's order of axes; vectors stay as they are."""
    if value.ndim != 4:
        return value
    # One filter a channel is (channels, 1, height, width) there and (height, width, channels, 1) here.
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return value.transpose(2, 3, 0, 1) if depthwise else value.transpose(2, 3, 1, 0)
