"""What a neuron's decision takes, as bits of adders and of multiplexers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from spikewright.golden.spec import Fire, Leak, Reset
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.parameters import in_memory

__all__ = ["SomaBits", "multiplied_leaks", "parameter_bits", "soma_bits"]

_TABLE_ROWS = 16  # that a lookup table holds


@dataclass(frozen=True, kw_only=True)
class SomaBits:
    """Of one neuron: adders and comparisons, their bits, and bits that are chosen between."""

    chains: int = 0
    added: int = 0
    chosen: int = 0

    def __add__(self, other: "SomaBits") -> "SomaBits":
        return SomaBits(
            chains=self.chains + other.chains,
            added=self.added + other.added,
            chosen=self.chosen + other.chosen,
        )


def soma_bits(config: CoreConfig, *, multipliers: bool) -> SomaBits:
    """Count the soma of a core; ``multipliers``: a leak by a product is none of its adders."""
    soma, state, bits = config.soma, config.state, config.v_bits
    if config.divides:
        threshold = config.table("threshold").shape.width
        steps = ((soma.s_max or 0) - (soma.s_min or 0)).bit_length()
        rest = max(bits, threshold + steps + 1)
        return SomaBits(chains=1, added=rest, chosen=2 * rest + steps + 2)
    adders = (state.v is not None) + (state.pending is not None) + ("bias" in config.parameters)
    clips = (soma.v_min is not None) + (soma.v_max is not None)
    if not multipliers:
        adders += _leak_adders(soma.leak_v)
        adders += _leak_adders(soma.leak_i) if soma.current else 0
    chosen = clips * bits
    if state.wait is not None:
        chosen += 2 * bits + 3 * state.wait.width
    if state.tracer is not None:
        chosen += 3 * state.tracer.width + 2
    adders += clips
    found = SomaBits(chains=adders, added=adders * bits, chosen=chosen)
    return found if soma.fire is Fire.NONE else found + _decision(config)


def _decision(config: CoreConfig) -> SomaBits:
    """Compare, and take the reset off."""
    soma, v_bits = config.soma, config.v_bits
    threshold = config.table("threshold").shape.width
    bits = max(v_bits, threshold + 1) + 1
    if soma.fire is Fire.ONEHOT:
        powers = soma.max_level.bit_length()
        # What is below a power is not compared with it.
        compared = sum(v_bits - power for power in range(powers))
        chosen = (powers - 1) * threshold + v_bits
        return SomaBits(chains=powers + 1, added=compared + v_bits, chosen=chosen)
    if soma.fire is Fire.PATTERN:
        chosen = (soma.max_level.bit_length() - 1) * threshold + v_bits
        return SomaBits(chains=1, added=bits + soma.max_level.bit_length() - 1, chosen=chosen)
    if soma.fire is Fire.BURST:
        names = ("threshold", "amount", "negative", "bias")
        widest = max(config.table(n).shape.width for n in names if n in config.parameters)
        rest = max(v_bits, widest + 1) + 2 + soma.max_level.bit_length()
        return SomaBits(chains=4, added=3 * rest + v_bits, chosen=2 * rest + v_bits)
    chains, added, chosen = 1, bits, 0
    if soma.fire is Fire.TERNARY:
        chains, added, chosen = chains + 1, added + bits, chosen + bits
        if config.table("negative").shape.width > 1:
            chains, added = chains + 1, added + v_bits
    if "amount" in config.parameters:
        chains, added = chains + 1, added + bits
    if soma.reset is not Reset.NONE:
        chosen += v_bits
    if soma.reset_delay:
        chains, added, chosen = chains + 1, added + v_bits, chosen + v_bits
    return SomaBits(chains=chains, added=added, chosen=chosen)


def multiplied_leaks(config: CoreConfig) -> int:
    """Products that a neuron's leaks take."""
    if config.divides:
        return 0
    leaks = (config.soma.leak_v, config.soma.leak_i if config.soma.current else None)
    return sum(leak is not None and leak.multiplier > 1 for leak in leaks)


def _leak_adders(leak: Leak | None) -> int:
    return 0 if leak is None else leak.multiplier.bit_count() - 1


def parameter_bits(config: CoreConfig) -> tuple[float, float]:
    """Lookup tables of constants that differ between the groups, and bits of them that do."""
    tables = bits = 0.0
    for name in config.parameters:
        table = config.table(name)
        rows = table.rows
        if config.overlaps:
            rows = config.sliced(rows, by_group=table.by_group)
        varied = sum(_varied(column, table.shape.width) for column in zip(*rows, strict=True))
        bits += varied
        if len(rows) > 2 and not in_memory(rows, config.plan.parameters):
            tables += varied * max(1, len(rows) / _TABLE_ROWS)
    return tables, bits


def _varied(column: Sequence[int], width: int) -> int:
    """Bits in which the constants of a lane differ; the others are none of a table's."""
    differ = reduce(or_, (int(value) ^ int(column[0]) for value in column))
    return (differ & ((1 << width) - 1)).bit_count()
