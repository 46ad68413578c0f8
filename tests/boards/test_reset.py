"""Reset ends a fixed time after the PLL has locked, and comes back when the lock is lost."""

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from spikewright.boards import PowerOnReset
from spikewright.golden.errors import ConfigurationError


def run(dut, locks):
    """The reset of every cycle, for the lock of every cycle."""
    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    seen = []

    async def bench(ctx):
        for lock in locks:
            ctx.set(dut.locked, lock)
            seen.append(ctx.get(dut.reset))
            await ctx.tick()

    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_a_wait_of_nothing_is_refused():
    with pytest.raises(ConfigurationError, match=r"^wait must be at least 1, found 0$"):
        PowerOnReset(wait=0)


@pytest.mark.parametrize("wait", [1, 2, 5, 16])
@pytest.mark.parametrize("dark", [0, 1, 7])
def test_reset_lasts_for_the_wait(wait, dark):
    dut = PowerOnReset(wait=wait)
    seen = run(dut, [0] * dark + [1] * (wait + 10))
    low = dark + dut.latency
    assert seen == [1] * low + [0] * (len(seen) - low)


def test_a_lost_lock_starts_again():
    dut = PowerOnReset(wait=4)
    seen = run(dut, [1] * 20 + [0] * 3 + [1] * 20)
    assert seen[19] == 0
    assert seen[26] == 1
    assert seen[23 + dut.latency - 1] == 1
    assert seen[23 + dut.latency] == 0
    assert seen[-1] == 0
