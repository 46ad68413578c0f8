"""The network file: safetensors, whose one metadata entry is a JSON header.

The header holds the schema number, the structure (arrays by the name of their tensor), the content
hash, the widths of every register by mode, the provenance, and a check sum of all these. Arrays are
stored in the smallest signed integer type that holds them. A file is checked whole before use.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from spikewright.golden.errors import ConfigurationError, FileError, RangeError, UnsupportedError
from spikewright.golden.spec.intervals import analyse
from spikewright.golden.spec.limits import Interval
from spikewright.golden.spec.network import Network
from spikewright.golden.spec.normalise import IntArray
from spikewright.golden.spec.structure import SCHEMA, canonical, decode, encode

__all__ = ["SCHEMA", "SUFFIX", "load", "save"]

SUFFIX = ".safetensors"
ENTRY = "spikewright"
KEYS = ("check", "hash", "network", "provenance", "schema", "widths")
TYPES = (np.int8, np.int16, np.int32, np.int64)
AGAIN = "convert the network again, or fetch the file again"


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network; a file that is there is replaced at once or not at all."""
    path = Path(path)
    if path.suffix != SUFFIX:
        raise FileError(
            f"a network file's name must end in {SUFFIX}", found=repr(path.name), where=str(path)
        )
    structure, arrays = encode(network)
    header = {
        "schema": SCHEMA,
        "network": structure,
        "hash": network.content_hash,
        "widths": _widths(network),
        "provenance": dict(network.provenance),
    }
    header["check"] = _check_sum(header)
    tensors = {name: array.astype(_smallest(array)) for name, array in arrays.items()}
    data = safetensors.numpy.save(tensors, metadata={ENTRY: canonical(header)})
    _write(path, data)


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network and check it whole: header, tensors, legality, hash and widths."""
    path = Path(path)
    header, tensors = _read(path)
    _check_header(header, path)
    arrays = _arrays(tensors, path)
    try:
        network = Network(
            **decode(header["network"], arrays, str(path)), provenance=header["provenance"]
        )
    except (ConfigurationError, UnsupportedError) as error:
        raise FileError(
            "the file must hold a legal network", found=str(error), where=str(path), action=AGAIN
        ) from error
    except RangeError as error:
        raise RangeError(
            error.must,
            found=error.found,
            where=f"{path}: {error.where}" if error.where else str(path),
            action=error.action,
        ) from error
    if network.content_hash != header["hash"]:
        raise FileError(
            f"the content hash must be {network.content_hash}",
            found=repr(header["hash"]),
            where=str(path),
            action=AGAIN,
        )
    _compare_widths(_widths(network), header["widths"], path)
    return network


def _smallest(array: IntArray) -> np.dtype[np.signedinteger[Any]]:
    low, high = int(array.min()), int(array.max())
    fits = (t for t in TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return np.dtype(next(fits))


def _widths(network: Network) -> dict[str, dict[str, dict[str, list[int] | None]]]:
    def plain(interval: Interval | None) -> list[int] | None:
        return None if interval is None else [interval.low, interval.high]

    return {
        mode: {
            name: {
                field.name: plain(getattr(ranges, field.name))
                for field in dataclasses.fields(ranges)
            }
            for name, ranges in analyse(network, mode).items()
        }
        for mode in network.modes
    }


def _check_sum(header: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in header.items() if key != "check"}
    return hashlib.sha256(canonical(rest).encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    # In the same folder, so that the replacement is one atomic rename.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                temporary.unlink()
    except OSError as error:
        raise FileError(
            "the network file must be writable",
            found=error.strerror or type(error).__name__,
            where=str(path),
            action="choose another folder or correct its permissions",
        ) from error


def _read(path: Path) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    try:
        # Opened first for the plain error of the operating system, which safetensors hides.
        with path.open("rb"):
            pass
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except OSError as error:
        raise FileError(
            "the network file must be readable",
            found=error.strerror or type(error).__name__,
            where=str(path),
        ) from error
    except (safetensors.SafetensorError, TypeError, ValueError, KeyError) as error:
        raise FileError(
            "the network file must be whole safetensors",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            action=AGAIN,
        ) from error
    if metadata is None or set(metadata) != {ENTRY}:
        raise FileError(
            f"the file must have the one metadata entry {ENTRY!r}",
            found=", ".join(map(repr, sorted(metadata or {}))) or "none",
            where=str(path),
            action="give a network file made by spikewright",
        )
    try:
        return json.loads(metadata[ENTRY]), tensors
    except (ValueError, RecursionError) as error:
        raise FileError(
            "the file's header must be JSON", found=str(error), where=str(path), action=AGAIN
        ) from error


def _check_header(header: Any, path: Path) -> None:
    if not isinstance(header, dict):
        raise FileError(
            "the file's header must be an object",
            found=type(header).__name__,
            where=str(path),
            action=AGAIN,
        )
    # The schema comes first: another one may have other keys.
    schema = header.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        raise FileError(
            f"the file's schema must be {SCHEMA}",
            found=repr(schema),
            where=str(path),
            action="convert the network again with this version of spikewright",
        )
    for key in sorted(header.keys() ^ set(KEYS)):
        known = key in KEYS
        raise FileError(
            f"the header must have the key {key!r}" if known else "the header must have known keys",
            found="none" if known else repr(key),
            where=str(path),
            action=AGAIN,
        )
    if header["check"] != _check_sum(header):
        raise FileError(
            f"the header's check sum must be {_check_sum(header)}",
            found=repr(header["check"]),
            where=str(path),
            action=AGAIN,
        )
    provenance = header["provenance"]
    if not isinstance(provenance, dict):
        raise FileError(
            "provenance must be an object",
            found=type(provenance).__name__,
            where=str(path),
            action=AGAIN,
        )


def _arrays(tensors: Mapping[str, np.ndarray[Any, Any]], path: Path) -> dict[str, IntArray]:
    arrays: dict[str, IntArray] = {}
    for name, tensor in tensors.items():
        where = f"{path}: tensor {name!r}"
        if tensor.dtype not in TYPES:
            raise FileError(
                "a tensor must hold signed integers",
                found=str(tensor.dtype),
                where=where,
                action=AGAIN,
            )
        if tensor.size == 0:
            raise FileError(
                "a tensor must not be empty",
                found=f"shape {list(tensor.shape)}",
                where=where,
                action=AGAIN,
            )
        wanted = _smallest(tensor)
        if tensor.dtype != wanted:
            raise FileError(
                f"a tensor must be stored in the smallest type that holds it, {wanted}",
                found=str(tensor.dtype),
                where=where,
                action=AGAIN,
            )
        arrays[name] = tensor.astype(np.int64)
    return arrays


def _compare_widths(proven: Mapping[str, Any], found: Any, path: Path) -> None:
    """Name the first width that is not the proven one."""
    if found == proven:
        return
    where = str(path)
    while isinstance(found, dict) and isinstance(proven, dict) and found.keys() == proven.keys():
        key = next(key for key in proven if found[key] != proven[key])
        proven, found = proven[key], found[key]
        where = f"{where}: {key}" if where == str(path) else f"{where}, {key}"
    raise FileError(
        f"the widths must be those proven from the weights, {proven}",
        found=str(found),
        where=where,
        action=AGAIN,
    )
