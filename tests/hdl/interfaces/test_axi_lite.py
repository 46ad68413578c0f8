"""Reads and writes, their channels in any order: each is answered once, as it must be."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.hdl.interfaces.axi_lite import OKAY, SLVERR, AxiLiteSlave
from spikewright.hdl.interfaces.register_file import RegisterFile
from support.registers import small_map
from support.streams import simulate

MAP = small_map()


class Joined(wiring.Component):
    """A slave and registers, of which BOTH reads what was written last."""

    def __init__(self):
        self.slave, self.file = AxiLiteSlave(), RegisterFile(registers=MAP)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.slave, m.submodules.file = self.slave, self.file
        wiring.connect(m, self.slave.bus, self.file.bus)
        both = self.file.ports["BOTH"]
        with m.If(both.written):
            m.d.sync += both.value.eq(self.file.data)
        m.d.comb += self.file.ports["READ"].value.eq(0xCAFE)
        return m


def good_write(address, strobes):
    return strobes == 0 or (strobes == 0xF and address in (0x4, 0xC))


class Channel:
    """A side of a channel that offers items, or takes them, when chance says so."""

    def __init__(self, slave, name, rng, chance):
        self.valid, self.ready = getattr(slave, f"{name}valid"), getattr(slave, f"{name}ready")
        self.rng, self.chance, self.offering = rng, chance, False
        self.moved = []

    def offer(self, ctx, items, put):
        """Before the edge; returns whether the first item is taken."""
        if not self.offering and items and self.rng.random() < self.chance:
            self.offering = True
            put(items[0])
        ctx.set(self.valid, self.offering)
        taken = self.offering and ctx.get(self.ready)
        if taken:
            self.offering = False
            self.moved.append(items.pop(0))

    def take(self, ctx, get):
        """Before the edge."""
        takes = self.rng.random() < self.chance
        ctx.set(self.ready, takes)
        if takes and ctx.get(self.valid):
            self.moved.append(get())


@pytest.mark.parametrize("chance", [1, 0.5, 0.15])
def test_random_accesses(chance):
    seed = int(100 * chance)
    rng = random.Random(seed)
    dut = Joined()
    slave = dut.slave
    choices = [0x0, 0x4, 0xC, 0xC, 0x8, 0x1, 0xE, 0x400, 0xFFC]
    writes = [
        (rng.choice(choices), rng.getrandbits(32), rng.choice((0xF, 0xF, 0xF, 0, 1, 0xE)))
        for _ in range(150)
    ]
    reads = [rng.choice(choices) for _ in range(150)]

    async def bench(ctx):
        aw, w, b, ar, r = (Channel(slave, n, rng, chance) for n in ("aw", "w", "b", "ar", "r"))
        addresses, datas, wanted = [each[0] for each in writes], list(writes), list(reads)

        def put_data(item):
            ctx.set(slave.wdata, item[1])
            ctx.set(slave.wstrb, item[2])

        held = {}
        for _ in range(20000):
            aw.offer(ctx, addresses, lambda item: ctx.set(slave.awaddr, item))
            w.offer(ctx, datas, put_data)
            ar.offer(ctx, wanted, lambda item: ctx.set(slave.araddr, item))
            for name in ("b", "r"):  # an answer stands until it is taken
                shown = (ctx.get(getattr(slave, f"{name}resp")), ctx.get(slave.rdata))
                if held.get(name) is not None:
                    assert ctx.get(getattr(slave, f"{name}valid"))
                    assert shown[0] == held[name][0]
                    assert name == "b" or shown == held[name]
                held[name] = shown if ctx.get(getattr(slave, f"{name}valid")) else None
            before = len(b.moved), len(r.moved)
            b.take(ctx, lambda: ctx.get(slave.bresp))
            r.take(ctx, lambda: (ctx.get(slave.rresp), ctx.get(slave.rdata)))
            for name, channel, count in (("b", b, before[0]), ("r", r, before[1])):
                if len(channel.moved) > count:
                    held[name] = None
            await ctx.tick()
            if len(b.moved) == len(writes) and len(r.moved) == len(reads):
                break
        assert b.moved == [OKAY if good_write(a, s) else SLVERR for a, _, s in writes], seed
        written = {0, *(d for a, d, s in writes if a == 0xC and s == 0xF)}
        assert len(r.moved) == len(reads)
        for address, (response, value) in zip(reads, r.moved, strict=True):
            if address == 0x0:
                assert (response, value) == (OKAY, 0xCAFE)
            elif address == 0xC:
                assert response == OKAY and value in written
            else:
                assert (response, value) == (SLVERR, 0)

    simulate(dut, bench)


def test_a_read_sees_the_write_before_it():
    dut = Joined()
    slave = dut.slave

    async def bench(ctx):
        for value in (1, 0xFFFFFFFF, 5):
            ctx.set(slave.awaddr, 0xC)
            ctx.set(slave.wdata, value)
            ctx.set(slave.wstrb, 0xF)
            for name in ("awvalid", "wvalid", "bready"):
                ctx.set(getattr(slave, name), 1)
            await ctx.tick()
            ctx.set(slave.awvalid, 0)
            ctx.set(slave.wvalid, 0)
            await ctx.tick().until(slave.bvalid)
            ctx.set(slave.araddr, 0xC)
            ctx.set(slave.arvalid, 1)
            ctx.set(slave.rready, 1)
            await ctx.tick()
            ctx.set(slave.arvalid, 0)
            await ctx.tick().until(slave.rvalid)
            assert ctx.get(slave.rdata) == value

    simulate(dut, bench)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_latency_and_interval(kind):
    dut = Joined()
    slave = dut.slave
    asks, answer = (
        (("arvalid", "rready"), "rvalid")
        if kind == "read"
        else (("awvalid", "wvalid", "bready"), "bvalid")
    )

    async def bench(ctx):
        for name in asks:
            ctx.set(getattr(slave, name), 1)
        ctx.set(slave.wstrb, 0xF)
        ctx.set(slave.awaddr, 0xC)
        answers = []
        for cycle in range(40):
            if ctx.get(getattr(slave, answer)):
                answers.append(cycle)
            await ctx.tick()
        assert answers[0] == slave.latency
        assert {b - a for a, b in pairwise(answers)} == {slave.interval}

    simulate(dut, bench)


def test_writes_and_reads_take_turns():
    dut = Joined()
    slave = dut.slave

    async def bench(ctx):
        for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
            ctx.set(getattr(slave, name), 1)
        ctx.set(slave.wstrb, 0xF)
        ctx.set(slave.awaddr, 0xC)
        order = ""
        for _ in range(60):
            order += "w" * ctx.get(slave.bvalid) + "r" * ctx.get(slave.rvalid)
            await ctx.tick()
        assert "ww" not in order and "rr" not in order and len(order) > 10

    simulate(dut, bench)
