"""A connection in hardware, from spikes to membranes, and what its definition says they hold."""

import random
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, signed
from amaranth.lib import wiring

from spikewright.golden.spec import Dense, Identity, Operator, Window, WindowKind
from spikewright.hdl.geometry import PortSchedule
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore, WeightStore
from spikewright.hdl.synapses import Synapses, natural_latency, operand_shape
from spikewright.hdl.token import Axes, TokenLayout

from .loading import fill
from .streams import simulate

__all__ = ["Port", "Run", "random_spikes", "run", "scatter"]

V_BITS = 20


def scatter(operator: Operator, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """What one spike of each source neuron adds to each target neuron, [*source, *target]."""
    effect = np.zeros((*source, *target), dtype=np.int64)
    if isinstance(operator, Dense):
        blocks = operator.weights if operator.weights.ndim == 3 else operator.weights[np.newaxis]
        flat = np.zeros((int(np.prod(source)), int(np.prod(target))), dtype=np.int64)
        pre, post = blocks.shape[1:]
        for k, block in enumerate(blocks):
            flat[k * pre : (k + 1) * pre, k * post : (k + 1) * post] = block
        return flat.reshape(effect.shape) << operator.shift
    if isinstance(operator, Identity):
        flat = effect.reshape(int(np.prod(source)), -1)
        for j in range(len(flat)):
            flat[j, operator.offset + j] = (-1 if operator.negative else 1) << operator.shift
        return flat.reshape(effect.shape)
    assert isinstance(operator, Window)
    return _window(operator, source, target)


def _window(operator: Window, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    if operator.pool is not None:
        between = operator.pool.output_shape(source)
        first = _window(operator.pool, source, between)
        n = len(between)
        plain = Window(**{**vars(operator), "pool": None})
        return np.tensordot(
            first, _window(plain, between, target), axes=(range(n, 2 * n), range(n))
        )
    effect = np.zeros((*source, *target), dtype=np.int64)
    transposed = operator.kind is WindowKind.TRANSPOSED
    small, large = (source, target) if transposed else (target, source)
    for at in np.ndindex(*small[1:]):
        for tap in np.ndindex(*operator.kernel):
            other = tuple(
                a * s - p + t * d
                for a, s, p, t, d in zip(
                    at, operator.stride, operator.padding, tap, operator.dilation, strict=True
                )
            )
            if any(not 0 <= o < size for o, size in zip(other, large[1:], strict=True)):
                continue
            s_at, t_at = (at, other) if transposed else (other, at)
            for cs in range(source[0]):
                for ct in range(target[0]):
                    weight = _weight(operator, cs, ct, tap, source[0], target[0])
                    effect[(cs, *s_at, ct, *t_at)] += weight << operator.shift
    return effect


def _weight(operator: Window, cs: int, ct: int, tap: tuple[int, ...], n_s: int, n_t: int) -> int:
    if operator.weights is None:
        return int(cs == ct)
    n_in, n_out = n_s // operator.groups, n_t // operator.groups
    if cs // n_in != ct // n_out:
        return 0
    if operator.kind is WindowKind.TRANSPOSED:
        return int(operator.weights[(cs, ct % n_out, *tap)])
    return int(operator.weights[(ct, cs % n_in, *tap)])


class Port(wiring.Component):
    """Synapses and the lanes behind them; everything is reached through the parts."""

    def __init__(self, *, synapses: Synapses, lanes: AccumulatorLanes) -> None:
        self.synapses = synapses
        self.lanes = lanes
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.synapses = synapses = self.synapses
        m.submodules.lanes = lanes = self.lanes
        m.d.comb += [
            lanes.valid.eq(synapses.row_valid),
            lanes.groups.eq(synapses.row_groups),
            lanes.enables.eq(synapses.row_enables),
            lanes.payload.eq(synapses.row_payload),
            lanes.operands.eq(synapses.row_operands),
        ]
        return m


@dataclass
class Run:
    """What came of spikes: membranes of the slice [c, y, x], rows and synops of each spike.

    ``starts`` are the cycles in which each spike was first offered, ``rows`` those of the rows.
    """

    membranes: np.ndarray
    synops: int
    starts: list[int]
    rows: list[int]
    latency: int


def random_spikes(layout: TokenLayout, count: int, rng: random.Random) -> list[tuple[int, int]]:
    """(neuron, payload)."""
    payloads = [p for p in range(layout.low, layout.high + 1) if p]
    return [(rng.randrange(layout.neurons), rng.choice(payloads)) for _ in range(count)]


def run(
    schedule: PortSchedule,
    layout: TokenLayout,
    spikes: list[tuple[int, int]],
    rng: random.Random,
    *,
    gaps: float = 0.0,
    extra: int = 0,
    first_group: int = 0,
    shift: int = 0,
    spare: int = 0,
    weights: WeightStore = WeightStore.BLOCK,
    membranes: MembraneStore = MembraneStore.LUTRAM,
    held: bool = False,
    loads: bool = False,
) -> Run:
    """Feed spikes and read all membranes.

    The operands have ``spare`` bits more than needed, and come ``extra`` cycles late.
    """
    target = schedule.target
    groups = first_group + int(np.prod([axis.blocks for axis in target])) + 1
    shape = signed(operand_shape([schedule], shift).width + spare)
    options = {
        "layout": layout,
        "schedule": schedule,
        "first_group": first_group,
        "groups": groups,
        "channel_lanes": target[0].banks,
        "operand_shape": shape,
        "shift": shift,
        "store": weights,
        "loads": loads or weights is WeightStore.SPRAM,
        "held": held,
    }
    natural = natural_latency(
        layout=layout,
        schedule=schedule,
        first_group=first_group,
        channel_lanes=target[0].banks,
        held=held,
    )
    synapses = Synapses(**options, latency=natural + extra)
    lanes = AccumulatorLanes(
        layout=layout,
        channel_lanes=target[0].banks,
        banks=(target[1].banks, target[2].banks),
        groups=groups,
        operand_shape=shape,
        shift=shift,
        total_bits=V_BITS,
        other_bits=2,
        store=membranes,
    )
    result = Run(np.zeros(0), 0, [], [], synapses.latency)
    words: list[int] = []
    bench = _bench(synapses, lanes, layout, spikes, rng, gaps, result, words)
    simulate(Port(synapses=synapses, lanes=lanes), bench)
    result.membranes = _membranes(words, target, lanes, first_group)
    return result


def _bench(synapses, lanes, layout, spikes, rng, gaps, result, words):
    rows_zero = ("row_groups", "row_enables", "row_operands", "row_payload", "row_synops")

    async def bench(ctx):
        ctx.set(lanes.sweep_writes, 1)
        ctx.set(lanes.write_enable, 1)
        for group in range(lanes.n_groups):
            ctx.set(lanes.write_group, group)
            ctx.set(lanes.write_word, 0)
            await ctx.tick()
        ctx.set(lanes.sweep_writes, 0)
        ctx.set(lanes.write_enable, 0)
        if synapses.loaded is not None:
            await fill(ctx, synapses.load, synapses.loaded)
        queue, now, fresh = list(spikes), 0, True
        while queue or ctx.get(synapses.busy) or ctx.get(lanes.busy):
            offer = bool(queue) and (not fresh or rng.random() >= gaps)
            ctx.set(synapses.valid, offer)
            if offer:
                neuron, payload = queue[0]
                address = int(layout.encode(np.array(neuron)))
                ctx.set(synapses.spike.address, address)
                if not layout.is_unit:
                    ctx.set(synapses.spike.payload, payload)
                if fresh:
                    result.starts.append(now)
                fresh = False
            if ctx.get(synapses.accept):
                queue.pop(0)
                fresh = True
            if ctx.get(synapses.row_valid):
                result.rows.append(now)
                result.synops += ctx.get(synapses.row_synops)
            else:
                assert not any(ctx.get(getattr(synapses, name)) for name in rows_zero)
            await ctx.tick()
            now += 1
            assert now < 100_000
        ctx.set(lanes.sweep, 1)
        ctx.set(lanes.sweep_enable, 1)
        for group in range(lanes.n_groups):
            ctx.set(lanes.sweep_group, group)
            for _ in range(lanes.read_latency):
                await ctx.tick()
            words.append(ctx.get(lanes.word))

    return bench


def _membranes(
    words: list[int], target: Axes, lanes: AccumulatorLanes, first_group: int
) -> np.ndarray:
    """By coordinate; what belongs to no neuron must be 0."""
    c, y, x = target
    whole = np.zeros([axis.blocks * axis.banks for axis in target], dtype=np.int64)
    for group, word in enumerate(words):
        block = group - first_group
        inside = 0 <= block < c.blocks * y.blocks * x.blocks
        cb, yb, xb = np.unravel_index(block if inside else 0, (c.blocks, y.blocks, x.blocks))
        for lane in range(lanes.lanes):
            value = word >> lane * lanes.lane_bits & (1 << V_BITS) - 1
            value -= (value >> V_BITS - 1) << V_BITS
            assert inside or not value
            by, bx, cl = np.unravel_index(lane, (y.banks, x.banks, c.banks))
            if inside:
                whole[cb * c.banks + cl, yb * y.banks + by, xb * x.banks + bx] = value
    own = whole[: c.size, : y.size, : x.size]
    assert np.abs(whole).sum() == np.abs(own).sum(), whole
    return own
