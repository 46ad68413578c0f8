"""The float network, kept in a file."""

import pytest
import torch
from torch import nn

from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.golden.errors import FileError


def trained(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Sequential(*layers)
    module.train()
    with torch.no_grad():
        for _ in range(20):
            module(torch.rand(32, 6))
    for layer in module:
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return module.eval()


MODULES = {
    "plain": (nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
    "norm before": (nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
    "norm after": (nn.Linear(6, 5), nn.ReLU6(), nn.BatchNorm1d(5), nn.Linear(5, 3)),
    "norms everywhere": (
        nn.BatchNorm1d(6),
        nn.Linear(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        nn.Linear(5, 3),
        nn.BatchNorm1d(3),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_equals_the_module_and_its_own_file(tmp_path, name):
    module = trained(*MODULES[name])
    original = Original(import_module(module, (6,)))
    x = torch.rand(100, 6)
    with torch.no_grad():
        assert torch.allclose(original(x).float(), module(x), atol=1e-5)
    path = tmp_path / "o.safetensors"
    original.save(path)
    assert torch.equal(Original.load(path)(x), original(x))


@pytest.mark.parametrize("cut", [0, 20, -5])
def test_damaged_file_is_refused(tmp_path, cut):
    path = tmp_path / "o.safetensors"
    Original(import_module(trained(*MODULES["plain"]), (6,))).save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(
        FileError, match=r"whole file of this version.*; convert the network again$"
    ):
        Original.load(path)


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(FileError, match="whole file of this version"):
        Original.load(tmp_path / "none.safetensors")
