"""A reset lasts long enough."""

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.hdl.restart import RESTART_CYCLES, Restart
from support.streams import simulate


@pytest.mark.parametrize("kind", ["restart", "reset"])
def test_how_long(kind):
    dut, reset = Restart(), Signal()
    asked = dut.restart if kind == "restart" else reset

    async def active(ctx):
        cycles = 0
        while ctx.get(dut.active):
            await ctx.tick()
            cycles += 1
        return cycles

    async def bench(ctx):
        assert await active(ctx) == RESTART_CYCLES  # as the power comes
        for length in (1, 2, 50):
            ctx.set(asked, 1)
            await ctx.tick().repeat(length)
            ctx.set(asked, 0)
            assert await active(ctx) == RESTART_CYCLES
            await ctx.tick().repeat(3)
            assert not ctx.get(dut.active)

    assert dut.latency == 1
    simulate(ResetInserter(reset)(dut), bench)
