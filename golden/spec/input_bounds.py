"""What an input can emit, by its encoding."""

import numpy as np

from spikewright.golden.spec.parts import Encoding, Input, Mode
from spikewright.golden.spec.transfer import Signal

__all__ = ["input_signal"]


def input_signal(source: Input, mode: Mode, max_steps: int, step: int | None = None) -> Signal:
    """Bounds of a step, or of all steps where ``step`` is None."""
    low, high = (min(source.payloads[0], 0), max(source.payloads[1], 0))
    steps = 1
    if source.encoding.repeats:
        steps = max_steps if step is None else step + 1
    total = (low * steps, high * steps)
    if source.encoding is Encoding.PHASE:
        return _phase(source, mode, step)
    if source.encoding is Encoding.CHANGE:
        # Changes add up to x itself, whatever came before.
        return _constant(source.n, (low, high), (min(source.low, 0), max(source.high, 0)))
    if mode is Mode.COLLAPSED:
        return _constant(source.n, total, total)
    silent = (
        source.encoding in (Encoding.ONCE, Encoding.THRESHOLD) and step is not None and step > 0
    )
    silent |= source.encoding is Encoding.LATENCY and step is not None and step >= source.high
    if silent:
        return _constant(source.n, (0, 0), total)
    if step is not None and source.encoding is Encoding.SPREAD:
        # Step t exists for T > t only, and spreads x so thin that a step carries ceil(x / T).
        low, high = low // (step + 1), -(-high // (step + 1))
    return _constant(source.n, (low, high), total)


def _phase(source: Input, mode: Mode, step: int | None) -> Signal:
    """A bit a step, the highest first."""
    total = (0, source.high)
    if mode is Mode.COLLAPSED:
        return _constant(source.n, total, total)
    top = 1 << (source.bits - 1)
    return _constant(source.n, (0, top if step is None else top >> step), total)


def _constant(n: int, step: tuple[int, int], total: tuple[int, int]) -> Signal:
    return Signal(
        low=np.full(n, step[0]),
        high=np.full(n, step[1]),
        total_low=np.full(n, total[0]),
        total_high=np.full(n, total[1]),
    )
