"""Where doubles hold every number on the way, so that the order of a sum cannot matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

import nir
import numpy as np
import numpy.typing as npt

from spikewright.flow.nir.reference import Reference, Traces

__all__ = ["exact_steps", "fraction_bits"]

HELD = 50  # of the 53 bits of a double; the rest is for values halfway
ENDLESS = 2000  # more than any double has

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Grid:
    """Multiples of 2**-bits, whose partial sums stay within ``size``."""

    bits: int
    size: float

    @property
    def exact(self) -> bool:
        return self.bits + ceil(log2(self.size + 1)) <= HELD


def fraction_bits(values: object) -> int:
    """The fewest bits behind the point that hold all ``values``."""
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if not np.isfinite(array).all():
        return ENDLESS
    array = array[array != 0]
    if not array.size:
        return 0
    mantissa, exponent = np.frexp(array)
    whole = np.abs(mantissa * 2.0**53).astype(np.int64)
    zeros = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return max(0, int((53 - zeros - exponent).max()))


def exact_steps(
    reference: Reference, wanted: Traces, inputs: Mapping[str, Values]
) -> dict[str, list[bool]]:
    """By population, whether membranes up to each step are exact.

    ``inputs`` [steps, batch, *shape] of each.
    """
    steps = len(next(iter(inputs.values())))
    sources = {
        name: _Grid(fraction_bits(x), float(np.abs(x).max(initial=0.0)))
        for name, x in inputs.items()
    }
    sources |= {
        name: _Grid(0, float(wanted.spikes[name].abs().max())) for name in reference.dynamics
    }
    return {name: _of(reference, name, sources, steps) for name in reference.dynamics}


def _of(reference: Reference, name: str, sources: Mapping[str, _Grid], steps: int) -> list[bool]:
    dynamics, rule = reference.dynamics[name], reference.rules[name]
    paths = [path for path in reference.graph.paths if path.target == name]
    heard = [_behind(reference, path.nodes, sources[path.source]) for path in paths]
    x = _Grid(max((g.bits for g in heard), default=0), sum(g.size for g in heard))
    resets: list[object] = [dynamics.reset_value, rule.amount or 0.0]
    if dynamics.threshold is not None:
        resets += [dynamics.threshold, (rule.floor or 0.0) * dynamics.threshold]
    reset_bits = max(fraction_bits(each) for each in resets)
    reset_size = max(float(np.abs(np.asarray(each)).max()) for each in resets)
    reset_size *= max(1.0, sources[name].size)
    drift = dynamics.drift + dynamics.left_v * dynamics.reset_value
    i = _Grid(0, 0.0)
    v = _Grid(fraction_bits(drift), float(np.abs(drift).max()))
    # What is fed by one source directly is that, in a first step from 0, however many bits it has.
    fed = len(paths) == 1 and not paths[0].nodes
    copied = fed and not v.size and bool((dynamics.gain == 1).all())
    found: list[bool] = []
    for step in range(steps):
        charge = x
        if dynamics.left_i is not None:
            charge = i = _sum(_scaled(i, dynamics.left_i, step), x)
        gained = _Grid(
            charge.bits + fraction_bits(dynamics.gain),
            charge.size * float(np.abs(dynamics.gain).max()),
        )
        v = _sum(_scaled(v, dynamics.left_v, step), gained)
        v = _sum(v, _Grid(fraction_bits(dynamics.drift), float(np.abs(dynamics.drift).max())))
        found.append((v.exact and all(found)) or (copied and step == 0))
        v = _Grid(max(v.bits, reset_bits), v.size + reset_size)
    return found


def _scaled(grid: _Grid, left: float, step: int) -> _Grid:
    """Before the first step there is nothing to be left of, or a start that counts as it is."""
    return grid if step == 0 else _Grid(grid.bits + fraction_bits(left), grid.size)


def _sum(a: _Grid, b: _Grid) -> _Grid:
    return _Grid(max(a.bits, b.bits), a.size + b.size)


def _behind(reference: Reference, names: tuple[str, ...], grid: _Grid) -> _Grid:
    """What a way of linear nodes makes of a grid."""
    for name in names:
        node = reference.graph.nodes[name]
        match node:
            case nir.Flatten() | nir.Delay():
                continue
            case nir.AvgPool2d() | nir.SumPool2d():
                places = float(np.prod(np.broadcast_to(np.asarray(node.kernel_size), (2,))))
                share = 1 / places if isinstance(node, nir.AvgPool2d) else 1.0
                grid = _Grid(grid.bits + fraction_bits(share), grid.size * places)
            case nir.Scale():
                scale = np.asarray(node.scale, dtype=np.float64)
                grid = _Grid(
                    grid.bits + fraction_bits(scale), grid.size * float(np.abs(scale).max())
                )
            case _:
                weight = np.asarray(node.weight, dtype=np.float64)
                sums = np.abs(weight).reshape(len(weight), -1).sum(axis=1)
                grid = _Grid(grid.bits + fraction_bits(weight), grid.size * float(sums.max()))
                bias = getattr(node, "bias", None)
                if bias is not None:
                    array = np.asarray(bias, dtype=np.float64)
                    grid = _sum(grid, _Grid(fraction_bits(array), float(np.abs(array).max())))
    return grid
