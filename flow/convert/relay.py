"""Populations without weights: exact or OR max pooling, rounded means, nearest upsampling.

In a network of OR pools whoever reads unit spikes sends unit spikes, so that what an OR reads is
never taken back.
"""

from dataclasses import replace

import numpy as np

from spikewright.flow.convert.config import MaxPool
from spikewright.flow.convert.connect import Sender, sum_window
from spikewright.flow.importers import AverageStage, MaxStage, Pool, UpsampleStage
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Delta,
    DeltaFunction,
    Fire,
    IntArray,
    Operator,
    Payload,
    Population,
    Reset,
    Soma,
    Window,
    WindowKind,
    int_vector,
)

__all__ = ["relay"]

SIGN_BITS = 2


def relay(
    name: str,
    stage: MaxStage | AverageStage | UpsampleStage,
    sender: Sender,
    max_pool: MaxPool,
    *,
    most: int = 1,
) -> tuple[Population, Connection]:
    """The population of a stage, whose levels have the sender's step.

    ``most``: what it may send in a step, where it must keep up with its source.

    Raises UnsupportedError for an OR of anything but unit spikes.
    """
    operator: Operator
    unit = max_pool is MaxPool.OR and sender.payload is Payload.UNIT
    soma = _follower(sender, 1, 0, unit=unit, most=most)
    match stage:
        case MaxStage():
            rank = len(stage.kernel)
            pool = Pool(kernel=stage.kernel, stride=stage.stride, padding=stage.padding)
            window = replace(sum_window(pool), dilation=stage.dilation or (1,) * rank)
            operator = Delta(function=DeltaFunction.MAX, window=window)
            if max_pool is MaxPool.OR:
                _check_or(stage, sender)
                operator, soma = window, Soma(fire=Fire.BINARY, reset=Reset.VALUE)
        case AverageStage():
            operator = sum_window(stage.pool, shift=1)
            count = _counts(stage, sender)
            soma = _follower(sender, 2 * count, count, unit=unit, most=most)
        case UpsampleStage():
            operator = _repeats(sender.seen[0], stage.factor, len(stage.shape) - 1)
    payload = Payload.UNIT if unit else Payload.SIGN if most == 1 else Payload.GRADED
    population = Population(name=name, shape=stage.shape, soma=soma, payload=payload)
    return population, Connection(source=sender.name, target=name, operator=operator)


def _check_or(stage: MaxStage, sender: Sender) -> None:
    """A -1 or a larger value would be added to the other spikes of the window."""
    if sender.payload is not Payload.UNIT:
        raise UnsupportedError(
            "an OR pool must read spikes without a value",
            found=f"payload {sender.payload} of {sender.name!r}",
            where=stage.name,
            action='convert with max_pool "exact", or with input_levels 1 and samples that are '
            "never negative",
        )


def _follower(
    sender: Sender, threshold: IntArray | int, initial: IntArray | int, *, unit: bool, most: int
) -> Soma:
    """S = clip(floor((acc + initial) / threshold), low, high) of the sender's own levels.

    ``unit``: of a sender that never takes a spike back; then neither does the follower.
    """
    return Soma(
        fire=Fire.BURST if most > 1 else Fire.BINARY if unit else Fire.TERNARY,
        threshold=int_vector(threshold),
        threshold_negative=None if unit else int_vector(1),
        initial_v=int_vector(initial),
        reset=Reset.SUBTRACT,
        s_min=None if unit else sender.low,
        s_max=sender.high,
        max_level=most,
    )


def _counts(stage: AverageStage, sender: Sender) -> IntArray:
    """Places of each window that lie in the map, per neuron: floor((2 sum + n) / 2n) rounds."""
    counts = np.ones(1, dtype=np.int64)
    for size, out, kernel, stride, padding in zip(
        sender.seen[1:], stage.shape[1:], stage.kernel, stage.stride, stage.padding, strict=True
    ):
        first = np.arange(out) * stride - padding
        inside = np.minimum(first + kernel, size) - np.maximum(first, 0)
        counts = np.outer(counts, inside).reshape(-1)
    return np.tile(counts, stage.shape[0])


def _repeats(channels: int, factor: int, rank: int) -> Window:
    return Window(
        kind=WindowKind.TRANSPOSED,
        kernel=(factor,) * rank,
        stride=(factor,) * rank,
        padding=(0,) * rank,
        dilation=(1,) * rank,
        output_padding=(0,) * rank,
        groups=channels,
        weights=np.ones((channels, 1, *(factor,) * rank), dtype=np.int64),
        weight_bits=SIGN_BITS,
    )
