"""What a neuron's decision takes, as bits of adders and of multiplexers."""

from dataclasses import dataclass

from spikewright.golden.spec import Fire, Leak, Reset
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.parameters import in_memory

__all__ = ["SomaBits", "multiplied_leaks", "parameter_bits", "soma_bits"]

_COMPARED = 0.5  # of an adder: a comparison makes one bit
_TABLE_ROWS = 16  # that a lookup table holds


@dataclass(frozen=True, kw_only=True)
class SomaBits:
    """Of one neuron: bits that are added or compared, and bits that are chosen between."""

    added: float
    chosen: float


def soma_bits(config: CoreConfig, *, multipliers: bool) -> SomaBits:
    """Count the soma of a core; ``multipliers``: a leak by a product is none of its adders."""
    soma, state, bits = config.soma, config.state, config.v_bits
    if config.divides:
        threshold = config.table("threshold")[2].width
        steps = ((soma.s_max or 0) - (soma.s_min or 0)).bit_length()
        rest = max(bits, threshold + steps + 1)
        return SomaBits(added=rest, chosen=2 * rest + steps + 2)
    leaks = 0 if multipliers else _leak_adders(soma.leak_v)
    added: float = bits * (leaks + (state.v is not None) + (state.pending is not None))
    chosen: float = 0
    clips = (soma.v_min is not None) + (soma.v_max is not None)
    added += clips * bits * _COMPARED
    chosen += clips * bits
    if state.wait is not None:
        chosen += bits + 2 * state.wait.width
    if soma.fire is not Fire.NONE:
        more = _decision(config)
        added += more.added
        chosen += more.chosen
    if "bias" in config.parameters:
        added += bits
    if soma.current and not multipliers:
        added += _leak_adders(soma.leak_i) * state.total.width
    if state.tracer is not None:
        chosen += 3 * state.tracer.width + 2
    return SomaBits(added=added, chosen=chosen)


def _decision(config: CoreConfig) -> SomaBits:
    """Compare, and take the reset off."""
    soma, v_bits = config.soma, config.v_bits
    threshold = config.table("threshold")[2].width
    bits = max(v_bits, threshold + 1) + 1
    if soma.fire is Fire.ONEHOT:
        powers = soma.max_level.bit_length()
        return SomaBits(added=bits * (powers * _COMPARED + 1), chosen=powers * threshold + v_bits)
    if soma.fire is Fire.BURST:
        names = ("threshold", "amount", "negative", "bias")
        widest = max(config.table(n)[2].width for n in names if n in config.parameters)
        rest = max(v_bits, widest + 1) + 2 + soma.max_level.bit_length()
        return SomaBits(added=3 * rest + v_bits, chosen=2 * rest + v_bits)
    added, chosen = float(bits), 0.0
    if soma.fire is Fire.TERNARY:
        chosen += bits
        if config.table("negative")[2].width > 1:
            added += v_bits * _COMPARED
    if "amount" in config.parameters:
        added += bits * _COMPARED
    if soma.reset is not Reset.NONE:
        chosen += v_bits
    if soma.reset_delay:
        added += v_bits
        chosen += v_bits
    return SomaBits(added=added, chosen=chosen)


def multiplied_leaks(config: CoreConfig) -> int:
    """Products that a neuron's leaks take."""
    if config.divides:
        return 0
    leaks = (config.soma.leak_v, config.soma.leak_i if config.soma.current else None)
    return sum(leak is not None and leak.multiplier > 1 for leak in leaks)


def _leak_adders(leak: Leak | None) -> int:
    return 0 if leak is None else leak.multiplier.bit_count() - 1


def parameter_bits(config: CoreConfig) -> float:
    """Bits of constants that differ between the groups and are logic, in lookup tables of each."""
    found = 0.0
    for name in config.parameters:
        rows, by_group, shape = config.table(name)
        if config.overlaps:
            rows = config.sliced(rows, by_group=by_group)
        if all(row == rows[0] for row in rows) or in_memory(rows, config.plan.parameters):
            continue
        bits = len(rows[0]) * shape.width
        # Of two rows a bit is a wire, or its inverse.
        found += bits * (max(1, len(rows) / _TABLE_ROWS) if len(rows) > 2 else 0.2)
    return found
