"""A device on many samples: what it says, how long it takes, and whether it is right."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.layout import Layout, Words
from spikewright.flow.host.device import Device
from spikewright.flow.host.output import Result
from spikewright.flow.host.samples import Samples
from spikewright.flow.host.session import Statistics
from spikewright.golden.errors import MismatchError

__all__ = ["Measured", "measure"]

_ALONE = 100
_WRAP = 1 << 32


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a run has shown.

    ``labels``: of each sample, None where nothing decides. ``correct``: of those that were known;
    None without. ``differences``: samples of which a token is not the golden model's, None where
    it was not asked. ``host_latency_s``, ``device_latency_cycles``: of samples sent alone, half of
    them and 99 % took no longer. ``samples_per_s``: at the host, sent as fast as the line takes
    them; ``cycles_per_sample``: between their ENDs. ``sample_bytes``: of one's frames on the line,
    there and back, on average; ``line_samples_per_s``: that it takes of these at the most. None is
    what could not be told. ``line``: what the line did meanwhile.
    """

    samples: int
    labels: list[Any] | None
    correct: int | None
    differences: int | None
    first_difference: int | None
    alone: int
    host_latency_s: tuple[float, float]
    device_latency_cycles: tuple[float, float] | None
    samples_per_s: float
    cycles_per_sample: float | None
    sample_bytes: tuple[float, float]
    line_samples_per_s: float | None
    clock_hz: float | None
    line: Statistics

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def check(self, where: str) -> None:
        """Raises MismatchError where there is a difference."""
        if self.differences:
            raise MismatchError(
                "every token must be the golden model's",
                found=f"{self.differences} of {self.samples} samples with others",
                where=f"{where}, sample {self.first_difference}",
                action="run the device's self-test, and: spikewright cosim",
            )


def measure(
    device: Device,
    samples: Samples,
    *,
    layout: Layout,
    labels: npt.NDArray[np.int64] | None = None,
    expected: Sequence[Words] | None = None,
    steps: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Measured:
    """Run some samples one by one, then all of them as fast as they go.

    Parameters
    ----------
    samples : that fit the device's network. layout : of its output.
    labels : [N], or [N, positions]. expected : words of the output of each.
    steps : T of a stepwise run. progress : called with (samples done, samples in all).

    Raises
    ------
    LinkError
        If the device stops answering.
    """
    count = len(samples)
    alone = min(count, _ALONE)
    before = replace(device.statistics)
    judge = _Judge(layout, expected)
    singles: list[Result] = []
    for result in device.infer_levels(samples.first(alone), steps=steps, depth=1):
        judge(len(singles), result)
        singles.append(result)
        progress(len(singles), alone + count)
    start, breaks = device.now(), device.statistics.reconnects
    results: list[Result] = []
    for result in device.infer_levels(samples, steps=steps):
        judge(len(results), result)
        results.append(result)
        progress(alone + len(results), alone + count)
    seconds = device.now() - start
    sample_bytes = device.sample_bytes(samples, results, steps=steps)
    whole = device.statistics.reconnects == breaks  # cycles begin anew with a connection
    decided = [result.label for result in results]
    latencies = [each.latency_cycles for each in singles if each.latency_cycles is not None]
    return Measured(
        samples=count,
        labels=None if decided[0] is None else [np.asarray(each).tolist() for each in decided],
        correct=None if labels is None else _correct(decided, labels),
        differences=None if expected is None else len(judge.wrong),
        first_difference=min(judge.wrong, default=None),
        alone=alone,
        host_latency_s=_quantiles([each.seconds for each in singles]),
        device_latency_cycles=_quantiles(latencies) if latencies else None,
        samples_per_s=count / seconds if seconds else float("inf"),
        cycles_per_sample=_gap(results) if whole and count > 1 else None,
        sample_bytes=sample_bytes,
        line_samples_per_s=None if device.byte_hz is None else device.byte_hz / max(sample_bytes),
        clock_hz=device.clock_hz,
        line=_since(device.statistics, before),
    )


class _Judge:
    """Finds the samples whose tokens are not as expected; the order within a step is free."""

    def __init__(self, layout: Layout, expected: Sequence[Words] | None) -> None:
        self.wrong: set[int] = set()
        self._layout = layout
        self._expected = expected

    def __call__(self, index: int, result: Result) -> None:
        if self._expected is None:
            return
        wanted, found = (
            self._layout.in_order(words) for words in (self._expected[index], result.tokens)
        )
        if not np.array_equal(wanted, found):
            self.wrong.add(index)


def _correct(decided: Sequence[Any], labels: npt.NDArray[np.int64]) -> int | None:
    """Labels that are right; of a map every position counts."""
    if decided[0] is None:
        return None
    found = np.array(decided).reshape(len(decided), -1)
    return int((found == labels.reshape(len(decided), -1)).sum())


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    half, most = np.percentile(values, [50, 99], method="higher")
    return float(half), float(most)


def _gap(results: Sequence[Result]) -> float:
    """Cycles between two ENDs, on average; none is longer than the counter counts."""
    ends = np.array([each.end_cycle for each in results], dtype=np.int64)
    return float((np.diff(ends) % _WRAP).mean())


def _since(now: Statistics, before: Statistics) -> Statistics:
    return Statistics(**{name: value - asdict(before)[name] for name, value in asdict(now).items()})
