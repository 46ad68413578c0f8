"""A network as plain JSON data and named arrays, and back; and the hash of its content."""

import dataclasses
import enum
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.golden.errors import FileError
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.operators import Delta, Dense, Identity, Operator, Product, Window
from spikewright.golden.spec.parts import Connection, Input, Population, Readout

if TYPE_CHECKING:
    from spikewright.golden.spec.network import Network

__all__ = [
    "SCHEMA",
    "canonical",
    "content_hash",
    "decode",
    "encode",
    "skeleton_differences",
    "skeleton_hash",
]

Json = Any
_SHOWN = 16
SCHEMA = 3  # what the structure means; another meaning needs another number
KINDS: Mapping[str, type] = {
    kind.__name__.lower(): kind for kind in (Dense, Window, Identity, Product, Delta)
}
_NUMBERS = ("threshold", "initial_v", "bias", "reset_amount")
NETWORK_FIELDS: Mapping[str, Any] = {
    "name": str,
    "inputs": tuple[Input, ...],
    "populations": tuple[Population, ...],
    "connections": tuple[Connection, ...],
    "readout": Readout,
    "modes": tuple[str, ...],
    "max_steps": int,
}


def canonical(data: Json) -> str:
    """The one JSON text of some data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def encode(network: "Network") -> tuple[dict[str, Json], dict[str, IntArray]]:
    """Structure, in which an array stands as the name of its tensor, and the arrays by name."""
    arrays: dict[str, IntArray] = {}
    data = {name: _encode(getattr(network, name), name, arrays) for name in NETWORK_FIELDS}
    return data, arrays


def _encode(value: Any, path: str, arrays: dict[str, IntArray]) -> Json:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return path
    if isinstance(value, tuple):
        return [_encode(item, f"{path}.{index}", arrays) for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value)]
        data = {name: _encode(getattr(value, name), f"{path}.{name}", arrays) for name in fields}
        if path.endswith(".operator"):  # the window of a delta is of one type, and has no tag
            data["operator"] = type(value).__name__.lower()
        return data
    return value


def content_hash(network: "Network") -> str:
    """SHA-256, in hex, over schema, structure and every array as little-endian int64."""
    data, arrays = encode(network)
    digests = {
        name: [list(array.shape), hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()]
        for name, array in arrays.items()
    }
    return hashlib.sha256(canonical([SCHEMA, data, digests]).encode()).hexdigest()


def skeleton_hash(network: "Network") -> str:
    """SHA-256, in hex, of all but the names, the modes, and the numbers of neurons and weights.

    Networks with the same one differ in weights, thresholds, biases, initial states, reset amounts,
    slopes, and the steps by which a host makes levels of raw samples, only. How many weights there
    are is the same, and whether there are thresholds for negative spikes; a reset amount may be
    there or not.
    """
    return hashlib.sha256(canonical([SCHEMA, *_skeleton(network)]).encode()).hexdigest()


def skeleton_differences(network: "Network", other: "Network") -> list[str]:
    """What the skeletons of two networks differ in, each as ``path: own value, not other's``."""
    found: list[str] = []
    for own, others in zip(_skeleton(network), _skeleton(other), strict=True):
        _compare(own, others, "", found)
    return found


def _compare(own: Json, other: Json, path: str, found: list[str]) -> None:
    if isinstance(own, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*own, *other]):
            _compare(own.get(key), other.get(key), f"{path}.{key}" if path else key, found)
    elif isinstance(own, list) and isinstance(other, list) and len(own) == len(other):
        for k, (mine, theirs) in enumerate(zip(own, other, strict=True)):
            name = mine.get("name", k) if isinstance(mine, dict) else k
            _compare(mine, theirs, f"{path}[{name}]", found)
    elif own != other:
        found.append(f"{path}: {_short(own)}, not {_short(other)}")


def _short(value: Json) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    if isinstance(value, dict):
        return "one"
    return "none" if value is None else str(value)[:_SHOWN]


def _skeleton(network: "Network") -> tuple[Json, Json]:
    """Structure, and what arrays are: shapes of weights, hashes of what must be the same."""
    data, arrays = encode(network)
    for name in ("name", "modes"):
        del data[name]
    for source in data["inputs"]:
        del source["step"]
    for k in range(len(network.populations)):
        soma = data["populations"][k]["soma"]
        for name in _NUMBERS:
            arrays.pop(soma.pop(name) or "", None)
        if soma["phases"] is not None:
            arrays.pop(soma["phases"].pop("slope") or "", None)
        if soma["threshold_negative"] is not None:
            del arrays[soma["threshold_negative"]]
    digests = {
        name: list(array.shape)
        if name.endswith(".weights")
        else hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()
        for name, array in arrays.items()
    }
    return data, digests


class _Decoder:
    def __init__(self, arrays: Mapping[str, IntArray], where: str) -> None:
        self._arrays = arrays
        self._where = where
        self.used: set[str] = set()

    def refuse(self, must: str, found: str) -> FileError:
        return FileError(must, found=found, where=self._where)

    def fields(self, data: Json, wanted: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Every wanted key, and no other."""
        if not isinstance(data, dict):
            raise self.refuse(f"{path} must be an object", type(data).__name__)
        for key in sorted(data.keys() ^ wanted.keys()):
            if key in wanted:
                raise self.refuse(f"{path} must have the key {key!r}", "none")
            raise self.refuse(f"{path} must have known keys only", repr(key))
        return {key: self.value(data[key], hint, f"{path}.{key}") for key, hint in wanted.items()}

    def value(self, data: Json, hint: Any, path: str) -> Any:
        """What a type hint asks for."""
        path = path.removeprefix("network.")
        arms = typing.get_args(hint)
        if isinstance(hint, types.UnionType):
            if types.NoneType in arms:
                if data is None:
                    return None
                return self.value(data, next(a for a in arms if a is not types.NoneType), path)
            return self.operator(data, path)
        if hint == IntArray:
            return self.array(data, path)
        if typing.get_origin(hint) is tuple:
            if not isinstance(data, list):
                raise self.refuse(f"{path} must be a list", type(data).__name__)
            return tuple(
                self.value(item, arms[0], f"{path}.{index}") for index, item in enumerate(data)
            )
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return hint(**self.fields(data, _hints(hint), path))
        return data  # a plain value, which the dataclass that takes it checks

    def operator(self, data: Json, path: str) -> Operator:
        """The operator that its tag names."""
        tag = data.get("operator") if isinstance(data, dict) else None
        kind = KINDS.get(tag) if isinstance(tag, str) else None
        if kind is None:
            raise self.refuse(f"{path} must be one of {', '.join(KINDS)}", repr(tag))
        rest = {key: item for key, item in data.items() if key != "operator"}
        made: Operator = kind(**self.fields(rest, _hints(kind), path))
        return made

    def array(self, data: Json, path: str) -> IntArray:
        """The tensor that goes by the path itself."""
        if data != path:
            raise self.refuse(f"{path} must name its own tensor", repr(data))
        if path not in self._arrays:
            raise self.refuse(f"the tensor {path!r} must be there", "none")
        self.used.add(path)
        return self._arrays[path]


def _hints(kind: type) -> dict[str, Any]:
    return {
        name: hint
        for name, hint in typing.get_type_hints(kind).items()
        if name in {field.name for field in dataclasses.fields(kind)}
    }


def decode(data: Json, arrays: Mapping[str, IntArray], where: str) -> dict[str, Any]:
    """Arguments of ``Network``; every key must be known and every array be used."""
    decoder = _Decoder(arrays, where)
    try:
        result = decoder.fields(data, NETWORK_FIELDS, "network")
    except RecursionError:  # pools within pools
        raise decoder.refuse("the structure must be shallow", "too many levels") from None
    extra = sorted(arrays.keys() - decoder.used)
    if extra:
        raise decoder.refuse("tensors must belong to the network", repr(extra[0]))
    return result
