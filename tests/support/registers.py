"""Accesses of registers in Amaranth's simulator, and ports of Verilog."""

import re

from spikewright.hdl.interfaces.register_map import Access, Register, RegisterMap

__all__ = ["access", "ports_in", "small_map"]


def ports_in(text, top):
    """Names of the ports that a module of that Verilog declares."""
    begins = text.index(f"\nmodule {top}(")
    body = text[begins : text.index("\nendmodule", begins)]
    return set(re.findall(r"^\s*(?:input|output) (?:\[\d+:0\] )?(\w+);", body, re.M))


def small_map():
    """A register of each access, with a hole."""
    return RegisterMap(
        registers=tuple(
            Register(name=name, address=address, access=kind, text="a word")
            for name, address, kind in (
                ("READ", 0x0, Access.READ),
                ("WRITE", 0x4, Access.WRITE),
                ("BOTH", 0xC, Access.BOTH),
            )
        ),
        counters=(),
    )


async def access(ctx, bus, address, data=None, *, whole=1, limit=20):
    """Returns (error, value, cycles); the strobes of the cycle in between are the caller's."""
    ctx.set(bus.valid, 1)
    ctx.set(bus.write, data is not None)
    ctx.set(bus.address, address // 4)
    ctx.set(bus.whole, whole)
    ctx.set(bus.data, data or 0)
    for cycles in range(1, limit):
        await ctx.tick()
        if ctx.get(bus.done):
            answer = ctx.get(bus.error), ctx.get(bus.value), cycles
            await ctx.tick()
            ctx.set(bus.valid, 0)
            return answer
    raise AssertionError("no answer")
