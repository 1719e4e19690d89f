"""Weights made for PyTorch give the same activations in Keras; what is no ResNet34 is refused."""

import numpy as np
import pytest
from typer.testing import CliRunner

from busilib.cli.main import app
from busilib.errors import WeightsError
from busilib.keras_backend import keras
from busilib.models.encoders import feature_maps
from busilib.models.resnet34 import resnet34
from busilib.models.unet_resnet34 import STRIDES
from busilib.models.weights.convert import convert

SIZE = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nothing\.pth: no such file"):
        convert(resnet34(32), tmp_path / "nothing.pth", tmp_path)


def test_the_command_line_knows_one_network():
    result = CliRunner().invoke(app, ["weights", "convert", "resnet50", "x.pth"])
    assert result.exit_code == 2 and "no conversion for 'resnet50'" in result.stderr


def network(torch):
    """ResNet34 in plain PyTorch, under torchvision's names; `forward` gives the five feature maps."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, into, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.downsample = None
            if stride > 1:
                self.downsample = nn.Sequential(
                    nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            into = 64
            for stage, (out, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
                strides = [1 if stage == 1 else 2] + [1] * (blocks - 1)
                chain = [Block(into if b == 0 else out, out, stride) for b, stride in enumerate(strides)]
                setattr(self, f"layer{stage}", nn.Sequential(*chain))
                into = out
            self.fc = nn.Linear(512, 1000)

        def forward(self, x):
            maps = [torch.relu(self.bn1(self.conv1(x)))]
            x = self.maxpool(maps[0])
            for stage in range(1, 5):
                x = getattr(self, f"layer{stage}")(x)
                maps.append(x)
            return maps

    return Network()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def made(torch):
    """A network whose every number is random, the running statistics too."""
    generator = torch.Generator().manual_seed(0)
    model = network(torch).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values, low, high in (
                    (module.weight, 0.5, 1.2),
                    (module.bias, -0.3, 0.3),
                    (module.running_mean, -0.5, 0.5),
                    (module.running_var, 0.5, 2.0),
                ):
                    values.uniform_(low, high, generator=generator)
    return model


@pytest.fixture(scope="module")
def file(torch, made, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "resnet34.pth"
    torch.save(made.state_dict(), path)
    return path


@pytest.mark.slow
def test_converted_weights_give_equal_activations(torch, made, file, tmp_path):
    result = CliRunner().invoke(app, ["weights", "convert", "resnet34", str(file), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "resnet34.weights.h5" in result.stdout and f'--weights "{tmp_path}"' in result.stdout
    colours = np.random.default_rng(0).random((2, SIZE, SIZE, 3), np.float32)
    normalised = ((colours - MEAN) / STD).astype(np.float32).transpose(0, 3, 1, 2).copy()
    with torch.no_grad():
        expected = [maps.numpy().transpose(0, 2, 3, 1) for maps in made(torch.from_numpy(normalised))]
    found = feature_maps("resnet34", SIZE, STRIDES, tmp_path, frozen=True, channels=3)(colours)
    assert len(found) == len(expected) == 5
    for mine, theirs in zip(found, expected, strict=True):
        assert theirs.std() > 0.05  # not all dead
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mine), theirs, rtol=1e-4, atol=1e-4)


def changed(torch, made, file, change):
    state = {name: value.clone() for name, value in made.state_dict().items()}
    change(state)
    torch.save(state, file)
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer3.5.bn2.running_var"), "it lacks layer3_5_bn2.running_var"),
        (lambda state: state.update(more=state["bn1.bias"]), "it also holds more"),
        (
            lambda state: state.update({"layer1.0.conv1.weight": state["conv1.weight"]}),
            r"layer1_0_conv1.weight in Keras's order is \(7, 7, 3, 64\), not \(3, 3, 64, 64\)",
        ),
    ],
)
def test_another_state_is_refused(change, message, torch, made, tmp_path):
    with pytest.raises(WeightsError, match=message):
        convert(resnet34(32), changed(torch, made, tmp_path / "other.pth", change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"not a state dict", b"\x80\x02cos\nsystem\n"])
def test_a_file_that_is_no_state_is_refused(content, torch, tmp_path):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.pth: cannot be read as a PyTorch state dict"):
        convert(resnet34(32), path, tmp_path)
