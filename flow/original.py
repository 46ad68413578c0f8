"""The network as it was trained, in floating point: what a conversion's accuracy is held against.

A project keeps it beside the integer network, so that no later command needs the user's source.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch

from spikewright.flow.importers import (
    Activation,
    AverageStage,
    Branch,
    BranchKind,
    FloatArray,
    Graph,
    MaxStage,
    Node,
    Norm,
    Pool,
    Shape,
    Stage,
    UpsampleStage,
    check_graph,
    evaluate,
)
from spikewright.golden.errors import ConfigurationError, FileError

__all__ = ["Original"]

SCHEMA = 2
ENTRY = "spikewright-original"
FILE = "original.safetensors"
BATCH = 256
"""Samples evaluated at once, so that a data set's maps need not all fit in memory."""

AGAIN = "convert the network again"
NODES = {kind.__name__: kind for kind in (Stage, MaxStage, AverageStage, UpsampleStage)}


class Original(torch.nn.Module):
    """Evaluates an imported graph.

    ``forward`` takes samples [N, ...] and returns logits [N, classes], or [N, classes, *places]
    where the readout has more than one place. It computes in float32 where the samples are float32,
    else in float64.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        if x.dtype != torch.float32:
            x = x.to(torch.float64)
        x = x.reshape(len(x), *self.graph.input_shape)
        logits = torch.cat([evaluate(self.graph, part) for part in torch.split(x, BATCH)])
        readout = self.graph.readout
        return logits.flatten(1) if readout.n == readout.shape[0] else logits

    def save(self, folder: Path) -> None:
        """Write safetensors with a JSON header into a folder."""
        arrays: dict[str, FloatArray] = {}
        stages = [
            {"node": type(stage).__name__, **_encoded(stage, str(index), arrays)}
            for index, stage in enumerate(self.graph.stages)
        ]
        header = {"schema": SCHEMA, "input_shape": self.graph.input_shape, "stages": stages}
        data = safetensors.numpy.save(arrays, metadata={ENTRY: json.dumps(header)})
        (folder / FILE).write_bytes(data)

    @classmethod
    def load(cls, folder: Path) -> "Original":
        """Read what ``save`` wrote and check it whole; raises FileError."""
        path = folder / FILE
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {})[ENTRY])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header["schema"] != SCHEMA:
                raise ValueError(f"schema {header['schema']}")
            decoder = _Decoder(arrays)
            stages = tuple(decoder.node(raw) for raw in header["stages"])
            decoder.finish()
            graph = Graph(input_shape=_shape(header["input_shape"]), stages=stages)
            check_graph(graph)
        except (
            OSError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            safetensors.SafetensorError,
            ConfigurationError,
        ) as error:
            raise FileError(
                "the float network must be a whole file of this version",
                found=f"{type(error).__name__}: {error}",
                where=str(path),
                action=AGAIN,
            ) from error
        return cls(graph)


# --- file -----------------------------------------------------------------------------------------


def _encoded(part: Any, path: str, arrays: dict[str, FloatArray]) -> dict[str, Any]:
    """The fields of a part as JSON, its arrays by the path of their field."""
    result: dict[str, Any] = {}
    for item in fields(part):
        value, place = getattr(part, item.name), f"{path}.{item.name}"
        if isinstance(value, np.ndarray):
            arrays[place] = np.ascontiguousarray(value)
            value = {"array": place}
        elif isinstance(value, Norm):
            value = _encoded(value, place, arrays)
        elif isinstance(value, Activation | Pool):
            value = asdict(value)
        elif item.name == "branches":
            value = [_encoded(b, f"{place}.{i}", arrays) for i, b in enumerate(value)]
        result[item.name] = value
    return result


class _Decoder:
    """Parts from exactly their fields; every array of the file must be used once."""

    def __init__(self, arrays: dict[str, FloatArray]) -> None:
        self._arrays = arrays
        self._fields: dict[str, Callable[[Any], Any]] = {
            **dict.fromkeys(("name", "source"), _exactly(str)),
            **dict.fromkeys(("groups", "offset", "factor", "levels"), _exactly(int)),
            **dict.fromkeys(("gain", "eps", "momentum", "clip", "step"), _exactly(float)),
            **dict.fromkeys(("shape", "kernel", "stride", "padding"), _shape),
            **dict.fromkeys(("dilation", "output_padding"), _shape),
            **dict.fromkeys(("weight", "bias"), self._array),
            **dict.fromkeys(("gamma", "beta", "mean", "variance"), self._array),
            **dict.fromkeys(("norm", "norm_before", "norm_after"), partial(self.part, Norm)),
            "kind": BranchKind,
            "activation": partial(self.part, Activation),
            "pool": partial(self.part, Pool),
            "branches": lambda raw: tuple(self.part(Branch, branch) for branch in raw),
        }

    def node(self, raw: dict[str, Any]) -> Node:
        """A stage of any kind."""
        rest = {key: value for key, value in raw.items() if key != "node"}
        node: Node = self.part(NODES[raw["node"]], rest)
        return node

    def part(self, kind: type[Any], raw: dict[str, Any]) -> Any:
        """A dataclass; None stands where a field may be absent."""
        surplus = set(raw) ^ {item.name for item in fields(kind)}
        if surplus:
            raise ValueError(f"{kind.__name__}: missing or surplus {min(surplus)}")
        optional = {item.name for item in fields(kind) if item.default is None}
        values = {}
        for name, value in raw.items():
            absent = value is None and name in optional
            values[name] = None if absent else self._fields[name](value)
        return kind(**values)

    def finish(self) -> None:
        """All arrays are used."""
        if self._arrays:
            raise ValueError(f"a surplus array {min(self._arrays)}")

    def _array(self, raw: dict[str, str]) -> FloatArray:
        return self._arrays.pop(raw["array"])


def _exactly(kind: type[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r} instead of {kind.__name__}")
        return value

    return read


def _shape(value: Any) -> Shape:
    return tuple(_exactly(int)(size) for size in value)
