"""Samples as a device takes them: levels, frame by frame, and what END keeps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.flow.host.levels import check_levels, levels_of
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Encoding, Network

__all__ = ["Given", "Levels", "Samples", "prepare"]

Array = npt.NDArray[np.int64]
Given = npt.ArrayLike | Mapping[str, npt.NDArray[np.generic]]
Levels = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Levels [N * frames, n], or [N, steps, n] of events, by input."""

    levels: Levels
    frames: int = 1

    def __len__(self) -> int:
        return len(next(iter(self.levels.values()))) // self.frames

    def most_steps(self, network: Network) -> int:
        """Steps that events have; 0 where no input has any."""
        events = [each.name for each in network.inputs if each.encoding is Encoding.EVENTS]
        return max((self.levels[name].shape[1] for name in events), default=0)

    def first(self, n: int) -> "Samples":
        """The first n samples."""
        return self.part(0, n)

    def part(self, start: int, stop: int) -> "Samples":
        """Samples from ``start`` to ``stop``, as a list's."""
        rows = slice(start * self.frames, stop * self.frames)
        return Samples(
            levels={name: values[rows] for name, values in self.levels.items()}, frames=self.frames
        )

    def __iter__(self) -> Iterator[list[Levels]]:
        """The frames of each sample."""
        for start in range(0, len(self) * self.frames, self.frames):
            yield [
                {name: values[start + k] for name, values in self.levels.items()}
                for k in range(self.frames)
            ]


def prepare(network: Network, given: Given) -> Samples:
    """Raw samples [N, ...] of the only input, or integer levels by input; arrays, tensors or lists.

    A network that hears its past takes sequences [N, frames, ...] of raw samples.

    Raises
    ------
    ConfigurationError, RangeError
        If they do not fit the network.
    """
    if isinstance(given, Mapping):
        return Samples(levels=_by_name(network, given))
    if len(network.inputs) > 1:
        raise ConfigurationError(
            "samples of several inputs must be integer levels by name",
            found="one array",
            where=f"network {network.name!r}",
            action=f"give {', '.join(each.name for each in network.inputs)}",
        )
    source = network.inputs[0]
    raw = _numbers(given, source.name)
    late = any(connection.delay for connection in network.connections)
    alone = raw.ndim == 2 or raw.shape[1:] == source.shape
    frames = 1
    if late and not alone and source.encoding is not Encoding.EVENTS:
        frames = raw.shape[1]
        raw = raw.reshape(-1, *raw.shape[2:])
    return Samples(levels={source.name: levels_of(source, raw)}, frames=frames)


def _numbers(given: object, name: str) -> npt.NDArray[np.generic]:
    """An array of at least one sample; also what numpy makes one of, such as lists and tensors."""
    where = f"input {name!r}"
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        found = type(given).__name__ if array.dtype == object else str(array.dtype)
        raise ConfigurationError("samples must be an array of numbers", found=found, where=where)
    if array.ndim < 2 or not len(array):
        raise ConfigurationError(
            "samples must be an array [N, ...] with at least one",
            found=f"shape {list(array.shape)}",
            where=where,
        )
    return array


def _by_name(network: Network, given: Mapping[str, npt.NDArray[np.generic]]) -> Levels:
    names = [each.name for each in network.inputs]
    if set(given) != set(names):
        raise ConfigurationError(
            f"there must be levels of {', '.join(names)}", found=", ".join(given) or "none"
        )
    levels = {
        each.name: check_levels(each, np.asarray(given[each.name])) for each in network.inputs
    }
    counts = {len(values) for values in levels.values()}
    if 0 in counts:
        raise ConfigurationError("there must be at least one sample", found="none")
    if len(counts) != 1:
        raise ConfigurationError(
            "every input must have as many samples", found=", ".join(map(str, sorted(counts)))
        )
    return levels
