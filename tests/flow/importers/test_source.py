"""Modules come from a file and a function, weights from two safe formats."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spikewright.flow.importers import load_module
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError

SOURCE = """
import torch

def make():
    return torch.nn.Sequential(torch.nn.Linear(3, 2))

def number():
    return 7

def broken():
    raise ValueError("no such thing")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "network.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {"0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.tensor([1.0, -1.0])}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", "nested.pt"])
def test_loads_weights(
    source: Path, state: dict[str, torch.Tensor], tmp_path: Path, suffix: str
) -> None:
    weights = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, weights)
    else:
        torch.save({"state_dict": state, "epoch": 3} if "nested" in suffix else state, weights)
    module = load_module(f"{source}:make", weights)
    assert not module.training
    assert all(torch.equal(module.state_dict()[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("reference", "kind", "message"),
    [
        ("network.py", ConfigurationError, "the source must be FILE.py:FUNCTION, found"),
        ("DIR/none.py:make", FileError, "the source file must exist, found no such file"),
        (
            "DIR/network.py:absent",
            ConfigurationError,
            "the file must define a function named absent, found broken, make, number",
        ),
        ("DIR/network.py:number", ConfigurationError, "number() must return a torch.nn.Module"),
        (
            "DIR/network.py:broken",
            ConfigurationError,
            "broken() must return a module, found ValueError: no such thing",
        ),
    ],
)
def test_bad_source(source: Path, reference: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        load_module(reference.replace("DIR", str(source.parent)))


def test_source_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import no_such_package_anywhere\n")
    with pytest.raises(ConfigurationError, match="must run without an error, found ModuleNotFound"):
        load_module(f"{path}:make")


def test_bad_weights(source: Path, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    def check(path: Path, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=re.escape(message)):
            load_module(f"{source}:make", path)

    check(tmp_path / "none.pt", FileError, "the weights file must exist")
    whole = tmp_path / "whole.safetensors"
    save_file(state, whole)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:40])
    check(cut, FileError, "the weights must be a whole safetensors file")
    text = tmp_path / "text.pt"
    text.write_text("hello, this is no checkpoint")
    check(text, FileError, "the weights must be a safetensors file or a torch checkpoint")
    torch.save(state, whole := tmp_path / "whole.pt")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole.read_bytes()[:300])
    check(cut, FileError, "the weights must be a safetensors file or a torch checkpoint")
    torch.save([1, 2], lists := tmp_path / "list.pt")
    check(lists, FileError, "a checkpoint must hold a state dictionary")
    torch.save(torch.nn.Linear(3, 2), pickled := tmp_path / "pickled.pt")
    check(pickled, UnsupportedError, "a checkpoint must hold tensors only, found other Python")
    names = tmp_path / "names.safetensors"
    save_file({"0.weight": state["0.weight"], "1.w": state["0.bias"]}, names)
    check(names, FileError, "found missing 0.bias; not in the module 1.w")
    state["0.weight"] = torch.zeros(2, 4)
    save_file(state, shapes := tmp_path / "s.safetensors")
    check(shapes, FileError, "0.weight must have shape [2, 3], found [2, 4]")
