"""Turn what a caller passed into the one form the dataclasses hold, or say what is wrong."""

import enum
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError

__all__ = [
    "IntArray",
    "IntLike",
    "boolean",
    "choice",
    "int_array",
    "int_vector",
    "integer",
    "integers",
    "member",
    "optional_integer",
    "positive_real",
    "put",
    "text",
]

IntArray = npt.NDArray[np.int64]
IntLike = int | Sequence[int] | npt.NDArray[np.integer]
E = TypeVar("E", bound=enum.StrEnum)


def put(instance: object, /, **values: Any) -> None:
    """Set fields of a frozen dataclass while it is being built."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def int_array(value: object, name: str, where: str = "") -> IntArray:
    """A read-only int64 copy of any integer array; floats and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ConfigurationError(
            f"{name} must hold integers of at most 64 bits",
            found=f"dtype {array.dtype}",
            where=where,
        )
    if array.size == 0:
        raise ConfigurationError(
            f"{name} must not be empty", found=f"shape {array.shape}", where=where
        )
    if array.dtype == np.uint64 and int(array.max()) >= 1 << 63:
        raise ConfigurationError(
            f"{name} must fit int64", found=f"the value {int(array.max())}", where=where
        )
    frozen = np.array(array, dtype=np.int64, order="C")
    frozen.setflags(write=False)
    return frozen


def int_vector(value: IntLike, name: str = "vector", where: str = "") -> IntArray:
    """A read-only int64 vector; a single number becomes a vector of one entry."""
    array = int_array(value, name, where)
    if array.ndim > 1:
        raise ConfigurationError(
            f"{name} must be a number or a vector", found=f"shape {array.shape}", where=where
        )
    vector = array.reshape(-1)
    vector.setflags(write=False)
    return vector


def integer(
    value: object, name: str, where: str = "", low: int | None = None, high: int | None = None
) -> int:
    """A plain int within [low, high]; booleans and floats are refused."""
    bounds = ""
    if low is not None and high is not None:
        bounds = f" from {low} to {high}"
    elif low is not None:
        bounds = f" of at least {low}"
    must = f"{name} must be an integer{bounds}"
    if isinstance(value, bool | np.bool_):
        raise ConfigurationError(must, found=repr(value), where=where)
    if not isinstance(value, SupportsIndex):
        raise ConfigurationError(must, found=repr(value), where=where)
    try:
        number = operator.index(value)
    except TypeError:  # arrays of more than one entry only look as if they had an index
        raise ConfigurationError(must, found=repr(value), where=where) from None
    if (low is not None and number < low) or (high is not None and number > high):
        raise ConfigurationError(must, found=str(number), where=where)
    return number


def optional_integer(value: object, name: str, where: str = "") -> int | None:
    """None, or a plain int."""
    return None if value is None else integer(value, name, where)


def integers(value: object, name: str, where: str = "", low: int | None = None) -> tuple[int, ...]:
    """A tuple of plain ints."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(
            f"{name} must be a sequence of integers", found=repr(value), where=where
        )
    return tuple(integer(item, f"each entry of {name}", where, low) for item in value)


def choice(kind: type[E], value: object, name: str, where: str = "") -> E:
    """A member of ``kind``, given as such or by its value."""
    try:
        return kind(value if isinstance(value, str) else "")
    except ValueError:
        options = ", ".join(kind)
        raise ConfigurationError(
            f"{name} must be one of {options}", found=repr(value), where=where
        ) from None


def boolean(value: object, name: str, where: str = "") -> bool:
    """True or False and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False", found=repr(value), where=where)
    return value


def text(value: object, name: str, where: str = "") -> str:
    """A string."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string", found=repr(value), where=where)
    return value


def member(value: object, kind: type | tuple[type, ...], name: str, where: str = "") -> None:
    """Refuse what is not of ``kind``."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        options = ", ".join(item.__name__ for item in kinds)
        raise ConfigurationError(
            f"{name} must be of type {options}", found=type(value).__name__, where=where
        )


def positive_real(value: object, name: str, where: str = "") -> float | None:
    """None, or a positive finite float."""
    if value is None:
        return None
    if isinstance(value, int | float | np.floating) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number > 0:
            return number
    raise ConfigurationError(
        f"{name} must be positive and finite, or None", found=repr(value), where=where
    )
