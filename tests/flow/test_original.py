"""The float network equals the user's module, and so does its file."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch
from torch import nn

from spikewright.flow.importers import QuantisedReLU, import_module
from spikewright.flow.original import BATCH, FILE, Original
from spikewright.golden.errors import FileError
from support.modules import NETWORKS, samples, shaken

VECTORS = {
    "plain": (nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
    "norm before": (nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
    "norm after": (nn.Linear(6, 5), nn.ReLU6(), nn.BatchNorm1d(5), nn.Linear(5, 3)),
    "quantised": (nn.Linear(6, 5), QuantisedReLU(3, 0.2), nn.Linear(5, 3)),
    "norms everywhere": (
        nn.BatchNorm1d(6),
        nn.Linear(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        nn.Linear(5, 3),
        nn.BatchNorm1d(3),
    ),
    "average inside": (
        nn.Unflatten(1, (2, 3)),
        nn.AvgPool1d(2, 1, 1, count_include_pad=False),
        nn.Upsample(scale_factor=2),
        nn.Flatten(),
        nn.Linear(16, 3),
    ),
}


def case(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(0)
    if name in NETWORKS:
        make, shape = NETWORKS[name]
        return shaken(make()), shape
    layers = VECTORS[name]
    if isinstance(layers[0], nn.Unflatten):
        return shaken(nn.Sequential(*layers[1:])), (2, 3)
    return shaken(nn.Sequential(*layers)), (6,)


@pytest.mark.parametrize("name", [*VECTORS, *NETWORKS])
def test_equals_the_module_and_its_own_file(tmp_path: Path, name: str) -> None:
    module, shape = case(name)
    original = Original(import_module(module, shape))
    x = samples(shape, BATCH + 3)
    with torch.no_grad():
        logits = module(x.clone())
    found = original(x)
    assert found.shape == logits.shape
    np.testing.assert_allclose(found.numpy(), logits.numpy(), rtol=0, atol=1e-9)
    original.save(tmp_path)
    loaded = Original.load(tmp_path)
    assert torch.equal(loaded(x), found)
    (again := tmp_path / "again").mkdir()
    loaded.save(again)
    assert (again / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def test_computes_in_the_samples_type() -> None:
    module, shape = case("resnet")
    original = Original(import_module(module, shape))
    x = samples(shape)
    assert original(x.float()).dtype == torch.float32
    assert original((x * 3).to(torch.int32)).dtype == torch.float64
    np.testing.assert_allclose(original(x.float()).numpy(), original(x).numpy(), atol=1e-4)
    assert original(x[:0]).shape == (0, 5)
    assert torch.equal(original(x.flatten(1)), original(x))


def saved(tmp_path: Path, name: str = "plain") -> Path:
    module, shape = case(name)
    Original(import_module(module, shape)).save(tmp_path)
    return tmp_path / FILE


def refused(path: Path, found: str = "") -> None:
    with pytest.raises(FileError) as caught:
        Original.load(path.parent)
    must = f"{path}: the float network must be a whole file of this version, found {found}"
    assert str(caught.value).startswith(must)
    assert str(caught.value).endswith("; convert the network again")


@pytest.mark.parametrize("cut", [0, 20, -5])
def test_damaged_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    refused(path)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / FILE, "FileNotFoundError")


def altered(path: Path, change) -> None:
    """Write the file again with its header and arrays changed."""
    with safetensors.safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["spikewright-original"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, arrays)
    text = json.dumps(header)
    path.write_bytes(safetensors.numpy.save(arrays, metadata={"spikewright-original": text}))


def put(keys, value):
    """A change of the header's entry at ``keys``."""

    def change(header, arrays):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return change


def drop(keys):
    def change(header, arrays):
        for key in keys[:-1]:
            header = header[key]
        del header[keys[-1]]

    return change


def put_array(name, value):
    def change(header, arrays):
        arrays[name] = value

    return change


BRANCH = ("stages", 0, "branches", 0)
CHANGES = {
    "schema": (put(("schema",), 1), "ValueError: schema 1"),
    "no schema": (drop(("schema",)), "KeyError: 'schema'"),
    "no shape": (drop(("input_shape",)), "KeyError: 'input_shape'"),
    "shape of text": (put(("input_shape",), ["6"]), "TypeError: '6' instead of int"),
    "other input": (
        put(("input_shape",), [7]),
        "ConfigurationError: layer_0, layer_0: the weight must be for 7 values, found 6",
    ),
    "no stages": (put(("stages",), []), "ValueError: a surplus array 0.bias"),
    "other node": (put(("stages", 0, "node"), "Graph"), "KeyError: 'Graph'"),
    "surplus field": (put(("stages", 0, "x"), 1), "ValueError: Stage: missing or surplus x"),
    "missing field": (drop((*BRANCH, "gain")), "ValueError: Branch: missing or surplus gain"),
    "other kind": (put((*BRANCH, "kind"), "delta"), "ValueError: 'delta' is not a valid"),
    "gain of text": (put((*BRANCH, "gain"), "1"), "TypeError: '1' instead of float"),
    "true group": (put((*BRANCH, "groups"), True), "TypeError: True instead of int"),
    "other source": (
        put((*BRANCH, "source"), "x"),
        "ConfigurationError: layer_0: a source must come before its reader, found 'x'",
    ),
    "no activation": (
        put(("stages", 0, "activation"), None),
        "ConfigurationError: layer_0: the last stage, and no other, must be without an activation",
    ),
    "absent array": (put((*BRANCH, "weight", "array"), "x"), "KeyError: 'x'"),
    "surplus array": (put_array("x", np.zeros(1)), "ValueError: a surplus array x"),
    "array used twice": (
        put((*BRANCH, "weight", "array"), "1.branches.0.weight"),
        "KeyError: '1.branches.0.weight'",
    ),
    "other type": (
        put_array("0.bias", np.zeros(5, np.float32)),
        "ConfigurationError: layer_0: bias must be a float64 array",
    ),
    "not a number": (
        put_array("0.bias", np.full(5, np.nan)),
        "ConfigurationError: layer_0: bias must be finite, found NaN or inf",
    ),
    "other size": (
        put_array("0.bias", np.zeros(4)),
        "ConfigurationError: layer_0: the bias must have 5 entries, found [4]",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_altered_file_is_refused(tmp_path: Path, name: str) -> None:
    change, found = CHANGES[name]
    path = saved(tmp_path)
    altered(path, change)
    refused(path, found)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(1)}))
    refused(path, "KeyError: 'spikewright-original'")
