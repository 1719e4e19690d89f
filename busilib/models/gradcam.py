"""Heat maps of classifiers: which places of the last feature map raise the score of a class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from busilib.errors import UserError
from busilib.keras_backend import keras

BATCH = 32


class ExplanationError(UserError, ValueError):
    """A network is not built in a way that these methods can explain."""


def gradcam(
    model: keras.Model, images: np.ndarray, labels: np.ndarray | None = None, layer: str = ""
) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017): the feature map, its channels weighted by their mean gradient.

    The gradient is that of the class score before the softmax. What lowers the score is cut off at 0. Each
    map is enlarged to its image linearly and divided by its maximum, so maps of two images cannot be compared
    in strength.

    The mean over the places takes away where a channel matters: behind a flattened feature map, heat can
    stand where the network did not look (Draelos and Carin 2020). See `hirescam`.

    Args:
        model: a classifier with one image as input, global pooling or a flattening behind its last feature
            map, and a dense layer as its top.
        images: uint8 (n, h, w), gray levels at the size of the model.
        labels: int (n,), the class to explain for each image; None for the class that the model predicts.
        layer: name of a layer of the model itself (not of a base inside it) whose output is explained; empty
            for the last feature map.

    Returns:
        float32 (n, h, w), 0 to 1; all 0 where nothing raises the score.

    Raises:
        ExplanationError: if the model has another build, such as a mask beside the image.
        ValueError: if images or labels do not fit.

    Example (not run):
        >>> gradcam(network(run), busi.images[run.split.test]).shape
        (156, 128, 128)
    """
    return _heat(model, images, labels, layer, lambda gradient: gradient.mean((1, 2), keepdims=True))


def hirescam(model: keras.Model, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """HiResCAM (Draelos and Carin 2020): the feature map times its gradient, place by place.

    With global average pooling and one dense layer behind the map it equals `gradcam`. With any head that is
    linear in the map, the places' parts before the cut at 0 add up to the score, up to a constant.

    Args:
        model, images, labels: as `gradcam` takes them.

    Returns:
        As `gradcam`.

    Raises:
        ExplanationError, ValueError: as `gradcam`.

    Example (not run):
        >>> hirescam(network(run), busi.images[run.split.test]).max()
        1.0
    """
    return _heat(model, images, labels, "", lambda gradient: gradient)


def feature_map(model: keras.Model, layer: str = "") -> keras.KerasTensor:
    """What is explained: the tensor that goes into the pooling or flattening, or the output of a layer.

    Raises:
        ExplanationError: if there is none.

    Example (not run):
        >>> feature_map(network(run)).shape
        (None, 4, 4, 1024)
    """
    if layer:
        inner = [each for each in model.layers if not isinstance(each, keras.Model | keras.layers.InputLayer)]
        maps = {each.name: each.output for each in inner if len(each.output.shape) == 4}
        if layer not in maps:
            raise ExplanationError(
                f"{model.name} has no feature map {layer!r}. There are: {', '.join(maps) or 'none'}"
            )
        return maps[layer]
    for each in reversed(model.layers):
        # A nested base gives its outer tensor only as the input of what follows it.
        if len(getattr(each.input, "shape", ())) == 4 and len(each.output.shape) == 2:
            return each.input
    raise ExplanationError(
        f"{model.name} cannot be explained: no layer of it pools or flattens a feature map (height, width, "
        "channels). Heat maps are made for convolutional classifiers."
    )


def _heat(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray | None,
    layer: str,
    weigh: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExplanationError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs: heat maps are "
            "made for classifiers that see one image and give one answer. A network that is shown the mask "
            "was told where to look."
        )
    if images.dtype != np.uint8 or images.shape[1:] != model.input.shape[1:3]:
        raise ValueError(
            f"uint8 images (n, {model.input.shape[1]}, {model.input.shape[2]}) are needed, "
            f"not {images.dtype} {images.shape}"
        )
    if labels is not None and np.shape(labels) != (len(images),):
        raise ValueError(f"one label for each of {len(images)} images is needed, not {np.shape(labels)}")
    maps = feature_map(model, layer)
    features, score = keras.Model(model.input, maps), _scores(model, maps)
    heat = np.zeros(images.shape, np.float32)
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        seen = features(images[part][..., None] / np.float32(255), training=False)
        chosen = _numpy(score(seen)).argmax(1) if labels is None else np.asarray(labels)[part]
        gradient = _gradient(lambda x, chosen=chosen: _total(score(x), chosen), seen)
        raised = np.maximum((weigh(_numpy(gradient)) * _numpy(seen)).sum(-1, keepdims=True), 0)
        heat[part] = _numpy(keras.ops.image.resize(raised, images.shape[1:], "bilinear"))[..., 0]
    strongest = heat.max((1, 2), keepdims=True)
    return np.divide(heat, strongest, out=heat, where=strongest > 0)


def _scores(model: keras.Model, maps: keras.KerasTensor) -> Callable:
    """From a feature map to the class scores before the softmax."""
    top = model.layers[-1]
    if not isinstance(top, keras.layers.Dense):
        raise ExplanationError(
            f"{model.name} cannot be explained: its top is a {type(top).__name__}, not a dense layer, whose "
            "scores before the softmax are needed."
        )
    head, bias = keras.Model(maps, top.input), top.bias if top.use_bias else 0
    return lambda x: keras.ops.matmul(head(x, training=False), top.kernel) + bias


def _total(scores, chosen: np.ndarray):
    """The scores of the chosen classes, added up: images do not mix, so each keeps a gradient of its own."""
    return keras.ops.sum(scores * keras.ops.one_hot(chosen, scores.shape[1], dtype=scores.dtype))


def _numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor).astype(np.float32)


def _gradient(total: Callable, x):
    """The gradient of a number with respect to a tensor. Keras has no gradient of its own."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = total(x)
        return tape.gradient(value, x)
    if backend == "jax":
        import jax

        return jax.grad(total)(x)
    import torch

    leaf = x.detach().requires_grad_()
    return torch.autograd.grad(total(leaf), leaf)[0]
