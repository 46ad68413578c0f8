"""Every access to every address, in both directions: the right register, or an error."""

import random
from itertools import product

from spikewright.hdl.interfaces.register_file import RegisterFile
from support.registers import access, small_map
from support.streams import simulate

MAP = small_map()
BY_ADDRESS = {each.address: each for each in MAP.registers}


def test_every_access():
    dut = RegisterFile(registers=MAP)

    async def bench(ctx):
        for k, port in enumerate(dut.ports.values()):
            ctx.set(port.value, 100 + k)
        cases = product(range(0, 32, 4), (None, 0x1234), (0, 1), (0, 1))
        for address, data, whole, refuse in cases:
            register = BY_ADDRESS.get(address)
            for port in dut.ports.values():
                ctx.set(port.refuse, refuse)
            offers = register is not None and (
                register.readable if data is None else register.writable
            )
            good = offers and whole and not refuse
            ctx.set(dut.bus.valid, 1)
            ctx.set(dut.bus.write, data is not None)
            ctx.set(dut.bus.address, address // 4)
            ctx.set(dut.bus.whole, whole)
            ctx.set(dut.bus.data, data or 0)
            for name, port in dut.ports.items():
                mine = bool(good) and name == register.name
                assert ctx.get(port.read) == (mine and data is None)
                assert ctx.get(port.written) == (mine and data is not None)
            assert ctx.get(dut.refused) == (not good)
            assert ctx.get(dut.data) == (data or 0)
            await ctx.tick()
            assert ctx.get(dut.bus.done)
            # The answer's cycle is not another access.
            assert not any(ctx.get(p.read) or ctx.get(p.written) for p in dut.ports.values())
            assert not ctx.get(dut.refused)
            assert ctx.get(dut.bus.error) == (not good)
            known = list(dut.ports).index(register.name) if good else 0
            assert ctx.get(dut.bus.value) == (100 + known if good and data is None else 0)
            await ctx.tick()
            ctx.set(dut.bus.valid, 0)
            await ctx.tick()
            assert not ctx.get(dut.bus.done)

    simulate(dut, bench)


def test_latency_and_interval():
    dut = RegisterFile(registers=MAP)
    rng = random.Random(1)

    async def bench(ctx):
        _, _, cycles = await access(ctx, dut.bus, 0x0)
        assert cycles == dut.latency
        # An access that never ceases is answered again and again.
        ctx.set(dut.bus.valid, 1)
        ctx.set(dut.bus.whole, 1)
        ctx.set(dut.bus.write, 0)
        ctx.set(dut.bus.address, rng.choice((0, 3)))
        done = []
        for _ in range(20):
            done.append(ctx.get(dut.bus.done))
            await ctx.tick()
        assert done == [0, 1] * 10 and dut.interval == 2

    simulate(dut, bench)
