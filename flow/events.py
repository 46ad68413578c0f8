"""Recordings of event cameras and of spiking ears as samples: which neuron fires in which step.

A recording is a structured numpy array with the fields ``x``, ``t`` and, where the sensor has them,
``y`` and ``p``, in any order; other fields are not looked at. ``t`` counts microseconds, and an
event is never before the one that it follows. So the recordings of the tonic library look.

Time begins with a recording's first event. Nothing is lost in silence: what is merged, clipped,
late or too much is counted in an ``EventCount``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import ceil

import numpy as np
import numpy.typing as npt
import torch

from spikewright.golden.errors import ConfigurationError, RangeError

__all__ = ["AXES", "Binning", "EventCount", "Recording", "bin_events", "bin_recording"]

AXES = "pyx"
MOST_LEVEL = 255
MOST_NUMBER = 1 << 53
MOST_VALUES = 1 << 28
Recording = npt.NDArray[np.void]
Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Binning:
    """How events become samples [steps, *shape].

    Parameters
    ----------
    width, height : of the sensor; x lies in 0..width - 1. With a height of 1 there need be no y.
    polarities : values of p, from 0. With 1, p is not looked at, and all share an address.
    step_us : microseconds a step. None: a recording's time is divided into ``steps`` equal ones.
    steps : how many. None: as many as the longest recording needs, of ``step_us`` each.
    order : the axes of a step, slowest first: of p, y and x those that have more than one value;
        the flat address counts along the last one first. Empty: in the order p, y, x.
    downsample : so many neighbours along y and along x become one.
    level : the most that one address gets in a step; 1 is binary.
    most_per_step : the most events of a step; those after them are dropped. None: no limit.

    Raises
    ------
    ConfigurationError
        If a number is not legal, or steps are not stated.
    """

    width: int
    height: int = 1
    polarities: int = 1
    step_us: float | None = None
    steps: int | None = None
    order: str = ""
    downsample: int = 1
    level: int = 1
    most_per_step: int | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height", "polarities", "downsample", "level"):
            _at_least_one(getattr(self, name), name)
        for name in ("steps", "most_per_step"):
            if getattr(self, name) is not None:
                _at_least_one(getattr(self, name), name)
        if self.level > MOST_LEVEL:
            raise ConfigurationError(
                f"must be at most {MOST_LEVEL}", found=str(self.level), where="level"
            )
        if self.step_us is None and self.steps is None:
            raise ConfigurationError(
                "the length of a step, or the number of steps, must be given", found="neither"
            )
        if self.step_us is not None and not 0 < self.step_us < np.inf:
            raise ConfigurationError(
                "must be a time above 0", found=str(self.step_us), where="step_us"
            )
        if sorted(self.axes) != sorted(self._natural):
            sizes = ", ".join(f"{axis} {self.sizes[axis]}" for axis in AXES)
            raise ConfigurationError(
                "order must name each axis with more than one value once, and no other",
                found=f"{self.order!r} for the sizes {sizes}",
                where="order",
                action=f"give {self._natural!r}",
            )

    @property
    def sizes(self) -> Mapping[str, int]:
        """Values of each axis, after downsampling."""
        return {
            "p": self.polarities,
            "y": ceil(self.height / self.downsample),
            "x": ceil(self.width / self.downsample),
        }

    @property
    def axes(self) -> str:
        """The axes of a step, slowest first."""
        return self.order or self._natural

    @property
    def _natural(self) -> str:
        return "".join(axis for axis in AXES if self.sizes[axis] > 1) or "x"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a step."""
        return tuple(self.sizes[axis] for axis in self.axes)


@dataclass(frozen=True, kw_only=True)
class EventCount:
    """What became of events.

    Parameters
    ----------
    recordings : how many; ``empty`` of them have no event.
    events : all there were.
    late : dropped, since they came after the last step.
    crowded : dropped, since their step had ``most_per_step`` before.
    merged : of the rest, those that met another one of their address in their step.
    clipped : of those, how many no level was left for.
    busiest : the most events of a step, of all that were not late.
    """

    recordings: int = 0
    empty: int = 0
    events: int = 0
    late: int = 0
    crowded: int = 0
    merged: int = 0
    clipped: int = 0
    busiest: int = 0

    def as_dict(self) -> dict[str, int]:
        """As JSON."""
        return asdict(self)

    def plus(self, other: "EventCount") -> "EventCount":
        """Both together."""
        totals = {
            each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)
        }
        return EventCount(**totals | {"busiest": max(self.busiest, other.busiest)})


def bin_events(
    recordings: Sequence[Recording], binning: Binning, names: Sequence[str] | None = None
) -> tuple[torch.Tensor, EventCount]:
    """Samples float32 [N, steps, *shape] of so many recordings, and what became of their events.

    Parameters
    ----------
    names : of the recordings, for messages.

    Raises
    ------
    ConfigurationError
        If there is no recording, a field is missing or not of numbers, or time goes backwards.
    RangeError
        If an event lies outside the sensor.
    """
    if not recordings:
        raise ConfigurationError("there must be at least one recording", found="none")
    where = list(names or (f"recording {k}" for k in range(len(recordings))))
    parts, total = [], EventCount()
    for recording, name in zip(recordings, where, strict=True):
        levels, count = bin_recording(recording, binning, name)
        parts.append(levels)
        total = total.plus(count)
    steps = max(len(each) for each in parts)
    x = torch.zeros(len(parts), steps, *binning.shape)
    for sample, each in zip(x, parts, strict=True):
        sample[: len(each)] = torch.from_numpy(each)
    return x, total


def bin_recording(
    recording: Recording, binning: Binning, where: str = "recording"
) -> tuple[Levels, EventCount]:
    """Levels [steps, *shape] of one recording, and what became of its events; see bin_events."""
    t, address = _checked(recording, binning, where)
    step, steps = _steps(t, binning)
    n = int(np.prod(binning.shape))
    if steps * n > MOST_VALUES:
        raise ConfigurationError(
            f"a sample must have at most {MOST_VALUES} values",
            found=f"{steps} steps of {n}",
            where=where,
            action="give longer steps, or fewer",
        )
    late = step >= steps
    step, address = step[~late], address[~late]
    # Time does not go backwards, so the events of a step stand together, in their order.
    rank = np.arange(len(step)) - np.searchsorted(step, step)
    crowded = np.zeros(len(step), dtype=bool)
    if binning.most_per_step is not None:
        crowded = rank >= binning.most_per_step
    counts = np.bincount((step * n + address)[~crowded], minlength=steps * n)
    levels = np.minimum(counts, binning.level).astype(np.uint8)
    return levels.reshape(steps, *binning.shape), EventCount(
        recordings=1,
        empty=int(len(t) == 0),
        events=len(t),
        late=int(late.sum()),
        crowded=int(crowded.sum()),
        merged=int((counts - 1).clip(0).sum()),
        clipped=int((counts - levels).sum()),
        busiest=int(rank.max() + 1) if len(rank) else 0,
    )


def _steps(
    t: npt.NDArray[np.float64] | npt.NDArray[np.int64], binning: Binning
) -> tuple[npt.NDArray[np.int64], int]:
    """The step of each event, and how many steps there are."""
    since = t - t[0] if len(t) else t
    if binning.step_us is None:
        assert binning.steps is not None  # or the binning is refused
        # The last microsecond belongs to the last step.
        span = since[-1] + 1 if len(t) else 1
        return np.floor_divide(since * binning.steps, span).astype(np.int64), binning.steps
    step = np.floor_divide(since, binning.step_us).astype(np.int64)
    needed = int(step[-1]) + 1 if len(step) else 1
    return step, binning.steps or needed


def _checked(
    recording: Recording, binning: Binning, where: str
) -> tuple[npt.NDArray[np.float64] | npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Times and flat addresses, all legal."""
    if recording.ndim != 1 or recording.dtype.names is None:
        raise ConfigurationError(
            "a recording must be a structured array of one dimension, with fields x, t, y and p",
            found=f"{recording.dtype} of shape {list(recording.shape)}",
            where=where,
        )
    limits = {"p": binning.polarities, "y": binning.height, "x": binning.width}
    address = np.zeros(len(recording), dtype=np.int64)
    for axis in binning.axes:
        values = _whole(recording, axis, where)
        _inside(values, axis, limits[axis], where)
        factor = 1 if axis == "p" else binning.downsample
        address = address * binning.sizes[axis] + values // factor
    for axis in set("yx") - set(binning.axes):
        # One value is no axis of a step, and must still be that value.
        if axis in recording.dtype.names:
            _inside(_whole(recording, axis, where), axis, limits[axis], where)
    t = _numbers(recording, "t", where)
    back = np.flatnonzero(np.diff(t) < 0)
    if len(back):
        at = int(back[0]) + 1
        raise ConfigurationError(
            f"time must not go backwards: event {at} must not be before {t[at - 1]} us",
            found=f"{t[at]} us",
            where=where,
            action="sort the recording by its field t",
        )
    return t, address


def _inside(values: npt.NDArray[np.int64], axis: str, limit: int, where: str) -> None:
    outside = np.flatnonzero((values < 0) | (values >= limit))
    if len(outside):
        at = int(outside[0])
        raise RangeError(
            f"{axis} of event {at} must lie in 0..{limit - 1}, on the sensor",
            found=str(values[at]),
            where=where,
            action="give 1 and 0 for brighter and darker" if axis == "p" else "",
        )


def _whole(recording: Recording, name: str, where: str) -> npt.NDArray[np.int64]:
    values = _numbers(recording, name, where)
    whole = values.astype(np.int64)
    broken = np.flatnonzero(whole != values)
    if len(broken):
        at = int(broken[0])
        raise ConfigurationError(
            f"{name} of event {at} must be a whole number", found=f"{values[at]:g}", where=where
        )
    return whole


def _numbers(
    recording: Recording, name: str, where: str
) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
    """A field as int64 where it holds integers or truth values, else as float64."""
    names = recording.dtype.names or ()
    if name not in names:
        raise ConfigurationError(
            f"a recording must have the field {name}",
            found=", ".join(names),
            where=where,
            action="rename its fields, or state the sensor without that axis",
        )
    column = recording[name]
    if column.dtype.kind not in "biuf" or column.ndim != 1:
        raise ConfigurationError(
            f"the field {name} must be of numbers, one an event",
            found=str(recording.dtype[name]),
            where=where,
        )
    broken = np.flatnonzero(~(np.abs(column.astype(np.float64)) < MOST_NUMBER))
    if len(broken):
        at = int(broken[0])
        raise ConfigurationError(
            f"{name} of event {at} must be a number below 2**53 in magnitude",
            found=str(column[at]),
            where=where,
        )
    if column.dtype.kind == "f":
        return np.asarray(column, dtype=np.float64)
    return np.asarray(column, dtype=np.int64)


def _at_least_one(value: object, where: str) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError("must be an integer of at least 1", found=repr(value), where=where)
