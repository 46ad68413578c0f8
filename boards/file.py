"""A board that a file describes: one of those there are, with another device on it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikewright.golden.errors import ConfigurationError, FileError

from .board import Board
from .resources import Resources

__all__ = ["BOARD_SCHEMA", "load_board"]

BOARD_SCHEMA = 1
_TEXTS = ("name", "title", "device")
_COUNTS = ("luts", "flip_flops", "block_rams", "sprams", "dsps")


def load_board(path: Path, boards: Mapping[str, Board]) -> Board:
    """Read a board to plan for; it has the family, clocks and pins of the one that it is ``like``.

    The file is JSON: schema, name, title, device, like, and how many luts, flip_flops, block_rams,
    sprams and dsps there are. All must be said: a memory that is not there is 0 of it.

    Raises
    ------
    FileError
        If the file cannot be read, or is of another schema.
    ConfigurationError
        If a key is missing or unknown, or a value is not legal.
    """
    data = _read(path)
    where = str(path)
    if data.get("schema") != BOARD_SCHEMA:
        raise FileError(
            f"the board file's schema must be {BOARD_SCHEMA}",
            found=repr(data.get("schema")),
            where=where,
        )
    known = {"schema", "like", *_TEXTS, *_COUNTS}
    missing, unknown = sorted(known - set(data)), sorted(set(data) - known)
    if missing or unknown:
        wrong = [("missing", missing), ("unknown", unknown)]
        raise ConfigurationError(
            "a board file must have every key, and no other",
            found="; ".join(f"{what} {', '.join(keys)}" for what, keys in wrong if keys),
            where=where,
            action="a memory that the device does not have is 0",
        )
    for name in (*_TEXTS, "like"):
        if not isinstance(data[name], str) or not data[name]:
            raise ConfigurationError(f"{name} must be a text", found=repr(data[name]), where=where)
    if data["like"] not in boards or data["name"] in boards:
        raise ConfigurationError(
            "like must be one of those that spikewright boards lists, and name none of them",
            found=f"{data['like']!r} and {data['name']!r}",
            where=where,
        )
    like = boards[data["like"]]
    counts = {name: data[name] for name in _COUNTS}
    try:
        checked = Resources(
            name=data["name"],
            block_ram_bits=like.block_ram.bits,
            lut_ram=like.lut_ram,
            **counts,
        )
    except ConfigurationError as error:
        raise ConfigurationError(error.must, found=error.found, where=where) from error
    if checked.sprams and like.large_ram is None:
        raise ConfigurationError(
            f"sprams must be 0, as on {like.name}", found=str(checked.sprams), where=where
        )
    large = like.large_ram if checked.sprams else None
    return replace(
        like,
        **{name: data[name] for name in _TEXTS},
        luts=checked.luts,
        ffs=checked.flip_flops,
        block_ram=replace(like.block_ram, count=checked.block_rams),
        large_ram=None if large is None else replace(large, count=checked.sprams),
        dsps=checked.dsps,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(
            "the file must be readable", found=error.strerror or str(error), where=str(path)
        ) from error
    except ValueError as error:
        raise FileError("the file must hold JSON", found=str(error), where=str(path)) from error
    if not isinstance(data, dict):
        raise FileError(
            "the file must hold a JSON object", found=type(data).__name__, where=str(path)
        )
    return data
