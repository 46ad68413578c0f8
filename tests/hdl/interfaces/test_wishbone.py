"""Classic cycles end with ACK or ERR, never both and never by themselves."""

from itertools import product

from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.hdl.interfaces.register_file import RegisterFile
from spikewright.hdl.interfaces.wishbone import WishboneSlave
from support.registers import small_map
from support.streams import simulate

MAP = small_map()


class Joined(wiring.Component):
    """A slave and registers."""

    def __init__(self):
        self.slave, self.file = WishboneSlave(), RegisterFile(registers=MAP)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.slave, m.submodules.file = self.slave, self.file
        wiring.connect(m, self.slave.bus, self.file.bus)
        m.d.comb += self.file.ports["READ"].value.eq(0xCAFE)
        return m


def test_every_cycle():
    dut = Joined()
    slave = dut.slave

    async def bench(ctx):
        for cyc, stb, we, adr, sel in product((0, 1), (0, 1), (0, 1), range(5), range(16)):
            for name, value in (("cyc", cyc), ("stb", stb), ("we", we), ("adr", adr), ("sel", sel)):
                ctx.set(getattr(slave, name), value)
            assert not ctx.get(slave.ack) and not ctx.get(slave.err)
            await ctx.tick()
            good = sel == 0xF and (adr in (1, 3) if we else adr in (0, 3))
            assert ctx.get(slave.ack) == (cyc and stb and good)
            assert ctx.get(slave.err) == (cyc and stb and not good)
            if cyc and stb and not we:
                assert ctx.get(slave.dat_r) == (0xCAFE if good and adr == 0 else 0)
            await ctx.tick()
            ctx.set(slave.stb, 0)
            assert not ctx.get(slave.ack) and not ctx.get(slave.err)
            await ctx.tick()

    simulate(dut, bench)


def test_latency_and_interval():
    dut = Joined()

    async def bench(ctx):
        for name in ("cyc", "stb"):
            ctx.set(getattr(dut.slave, name), 1)
        ctx.set(dut.slave.sel, 0xF)
        acks = []
        for _ in range(12):
            acks.append(ctx.get(dut.slave.ack))
            await ctx.tick()
        assert acks.index(1) == dut.slave.latency
        assert [k for k, ack in enumerate(acks) if ack] == list(range(1, 12, dut.slave.interval))

    simulate(dut, bench)
