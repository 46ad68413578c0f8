"""Tokens on AXI4-Stream are what they were, padded to whole bytes, and END has tlast."""

import random
from itertools import product

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import TokenKind
from spikewright.hdl.interfaces.axi_stream import AxiStreamMaster, AxiStreamSlave, bytes_of
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream, simulate

LAYOUT = TokenLayout(axes=axes_of((2,)), low=0, high=3)
WIDE = TokenLayout(axes=axes_of((500,)), low=-3, high=3)


def test_bytes():
    assert (LAYOUT.width, bytes_of(LAYOUT)) == (5, 1)
    assert (WIDE.width, bytes_of(WIDE)) == (14, 2)


def test_every_transfer():
    dut = AxiStreamSlave(layout=LAYOUT)

    async def bench(ctx):
        for data, valid, ready, last, stop in product(range(256), *[(0, 1)] * 4):
            for port, value in (
                (dut.tdata, data),
                (dut.tvalid, valid),
                (dut.o.ready, ready),
                (dut.tlast, last),
                (dut.stop, stop),
            ):
                ctx.set(port, value)
            assert ctx.get(dut.o.payload.as_value()) == data & 31
            assert ctx.get(dut.o.valid) == (valid and not stop)
            assert ctx.get(dut.tready) == (ready and not stop)
            moves = valid and ready and not stop
            assert ctx.get(dut.framing) == (moves and last != (data & 3 == TokenKind.END))

    simulate(dut, bench)


class There(wiring.Component):
    """A master as a stream of (data, last)."""

    def __init__(self, layout):
        self.master = AxiStreamMaster(layout=layout)
        parts = self.master.signature.members
        super().__init__({"i": In(layout.signature), "tdata": Out(parts["tdata"].shape)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.master = self.master
        m.d.comb += [
            self.master.i.payload.eq(self.i.payload),
            self.master.i.valid.eq(self.i.valid),
            self.i.ready.eq(self.master.i.ready),
        ]
        return m


class Sink:
    """What ``run_stream`` takes for a stream."""

    def __init__(self, master):
        self.valid, self.ready = master.tvalid, master.tready
        self.payload = master.tdata


@pytest.mark.parametrize(("valid", "ready"), [("1", "1"), ("10", "1"), ("1", "001"), ("110", "01")])
@pytest.mark.parametrize("layout", [LAYOUT, WIDE])
def test_random_tokens(layout, valid, ready):
    rng = random.Random(7)
    words = [rng.getrandbits(layout.width) & ~3 | rng.randrange(3) for _ in range(80)]
    dut = There(layout)
    seen = run_stream(
        dut,
        [layout.struct.from_bits(word) for word in words],
        count=len(words),
        valid=valid,
        ready=ready,
        sink=Sink(dut.master),
    )
    assert seen.payloads == words
    if valid == ready == "1":
        master = dut.master
        assert seen.items[0][0] - seen.accepted[0] == master.latency
        steps = {b[0] - a[0] for a, b in zip(seen.items, seen.items[1:], strict=False)}
        assert steps == {master.interval}


def test_tlast_goes_with_end():
    dut = AxiStreamMaster(layout=LAYOUT)

    async def bench(ctx):
        ctx.set(dut.tready, 1)
        ctx.set(dut.i.valid, 1)
        for word in range(32):
            ctx.set(dut.i.payload, LAYOUT.struct.from_bits(word))
            await ctx.tick()
            assert ctx.get(dut.tvalid) and ctx.get(dut.tdata) == word
            assert ctx.get(dut.tlast) == (word & 3 == TokenKind.END)

    simulate(dut, bench)
