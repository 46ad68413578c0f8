"""Every position gets the lowest channel of its largest value."""

import itertools
import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.spec import TokenKind
from spikewright.hdl.map_argmax import MapArgmaxReadout
from spikewright.hdl.token import TokenLayout, axes_of
from support.ports import run_ports
from support.streams import simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]


def layout_of(shape, low, high, banks=(1, 1, 1)):
    return TokenLayout(axes=axes_of(shape, banks), low=low, high=high, valued=True)


def run(layout, maps, *, orders, stalls=("1", "1")):
    """Maps [samples, channels, rows, columns]; ``orders`` says in which order values come."""
    dut = MapArgmaxReadout(layout=layout)
    tokens, expected = [], []
    for sample, (values, order) in enumerate(zip(maps, orders, strict=True)):
        keep = sample % 2
        flat = values.reshape(-1)
        spikes = [(SPIKE, n, int(flat[n])) for n in order]
        tokens += [(STEP, 0, 0), *spikes, (END, keep, 0)]
        labels = values.argmax(axis=0).reshape(-1)  # numpy's first of equals
        codes = dut.target.encode(np.arange(dut.target.neurons))
        expected += [(STEP, 0, 0)]
        expected += [(SPIKE, int(p), int(labels[p])) for p in np.argsort(codes)]
        expected += [(END, keep, 0)]
    words = layout.pack(*(np.array(field) for field in zip(*tokens, strict=True)))
    sent = [layout.struct.from_bits(int(word)) for word in words]
    sources, sinks = run_ports(dut, {"i": (sent, stalls[0])}, {"o": (len(expected), stalls[1])})
    words = np.array([payload.as_bits() for payload in sinks["o"].payloads])
    found = zip(*(field.tolist() for field in dut.target.unpack(words)), strict=True)
    assert list(found) == expected
    return dut, sources["i"], sinks["o"]


@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(("low", "high"), [(0, 2), (-2, 0)])
def test_every_triple_at_one_position(valid, ready, low, high):
    """Every three values, in every order of arrival."""
    maps, orders = [], []
    for values in itertools.product(range(low, high + 1), repeat=3):
        for order in itertools.permutations(range(3)):
            maps.append(np.array(values).reshape(3, 1, 1))
            orders.append(order)
    run(layout_of((3, 1, 1), low, high), maps, orders=orders, stalls=(valid, ready))


@pytest.mark.parametrize("seed", range(8))
def test_random_maps(seed):
    """Values in any order, the same position again and again, banks that leave holes."""
    rng = random.Random(seed)
    shape = rng.choice([(5, 3, 4), (1, 2, 2), (3, 7), (12, 1, 5), (4, 6, 1)])
    banks = tuple(rng.randint(1, 4) for _ in range(3))
    layout = layout_of(shape, -3, 4, banks)
    maps, orders = [], []
    for _ in range(4):
        values = np.array(rng.choices(range(-3, 5), k=layout.neurons)).reshape(layout.shape)
        maps.append(values)
        orders.append(rng.sample(range(layout.neurons), layout.neurons))
        if rng.randrange(2):
            # All channels of a position, one right after the other.
            plane = layout.shape[1] * layout.shape[2]
            orders[-1] = sorted(orders[-1], key=lambda n, plane=plane: n % plane)
    stalls = tuple("".join(rng.choices("011", k=23)) + "1" for _ in range(2))
    run(layout, maps, orders=orders, stalls=stalls)


def test_latency_and_interval():
    layout = layout_of((2, 2, 3), 0, 9)
    maps = [np.arange(12).reshape(2, 2, 3) % 7] * 2
    dut, source, sink = run(layout, maps, orders=[range(12)] * 2)
    # The two bits of a column make one address that is no position, behind the first row.
    assert dut.codes == 7
    step, *values, end = source.accepted[:14]
    assert step == dut.codes
    assert sink.items[0][0] - step == dut.latency
    assert {b - a for a, b in itertools.pairwise([step, *values])} == {dut.interval}
    assert end - values[-1] == dut.codes + 1


def test_reset_forgets_the_map():
    dut = MapArgmaxReadout(layout=layout_of((2, 1, 1), 0, 9))
    reset = Signal()
    sent = [(SPIKE, 1, 9), None, (SPIKE, 0, 3), (END, 0, 0)]
    labels = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        await ctx.tick().repeat(4)
        for now, token in enumerate([*sent, *[None] * 4]):
            ctx.set(reset, now == 1)
            if now == 2:
                await ctx.tick().repeat(4)
            ctx.set(dut.i.valid, token is not None)
            if token is not None:
                kind, address, payload = token
                ctx.set(dut.i.payload, {"kind": kind, "address": address, "payload": payload})
            while True:
                if ctx.get(dut.o.valid) and ctx.get(dut.o.payload.kind) == SPIKE:
                    labels.append(ctx.get(dut.o.payload.payload))
                taken = ctx.get(dut.i.ready)
                await ctx.tick()
                if token is None or taken:
                    break

    simulate(ResetInserter(reset)(dut), bench)
    assert labels == [0]
