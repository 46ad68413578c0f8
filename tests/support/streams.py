"""Drives and watches streams in Amaranth's simulator, with stalls written as strings of 0 and 1."""

from collections.abc import Callable
from itertools import cycle

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.sim import Simulator

__all__ = ["Watched", "run_stream", "simulate"]


def simulate(dut: Elaboratable, *benches: Callable) -> None:
    """Run testbenches on a clock of 1 us until all are done."""
    top = Module()
    # A module without registers has no domain of its own.
    top.domains.sync = ClockDomain()
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


class Watched:
    """What a stream delivered: ``items`` as (cycle, payload), and when the input was accepted."""

    def __init__(self) -> None:
        self.items: list[tuple[int, object]] = []
        self.accepted: list[int] = []

    @property
    def payloads(self) -> list[object]:
        """Payloads in order."""
        return [payload for _, payload in self.items]


def run_stream(
    dut: Elaboratable,
    payloads: list,
    *,
    count: int,
    read: Callable[[object], object] = lambda payload: payload,
    valid: str = "1",
    ready: str = "1",
    settle: int = 0,
    limit: int = 20000,
    source: object = None,
    sink: object = None,
) -> Watched:
    """Send ``payloads`` into ``dut.i`` and take ``count`` items from ``dut.o``.

    ``valid`` and ``ready`` say, cycle by cycle, whether the source offers and the sink takes. A
    source that offers keeps offering until it is taken. The sink checks that a payload holds while
    it waits.
    """
    watched = Watched()
    source = source if source is not None else dut.i
    sink = sink if sink is not None else dut.o

    async def bench(ctx: object) -> None:
        for _ in range(settle):
            await ctx.tick()
        queue = list(payloads)
        offers, takes = cycle(valid), cycle(ready)
        offering, held = False, None
        for now in range(limit):
            if not offering and queue and next(offers) == "1":
                ctx.set(source.payload, queue[0])
                offering = True
            ctx.set(source.valid, offering)
            taking = next(takes) == "1"
            ctx.set(sink.ready, taking)
            accepted = offering and ctx.get(source.ready)
            if ctx.get(sink.valid):
                payload = read(ctx.get(sink.payload))
                assert held is None or payload == held, "a payload changed while it waited"
                held = payload
                if taking:
                    watched.items.append((now, payload))
                    held = None
            else:
                assert held is None, "an offer was withdrawn"
            if accepted:
                watched.accepted.append(now)
                queue.pop(0)
                offering = False
            await ctx.tick()
            if len(watched.items) >= count and not queue and not offering:
                return
        raise AssertionError(f"{len(watched.items)} of {count} items after {limit} cycles")

    simulate(dut, bench)
    return watched
