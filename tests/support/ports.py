"""Drives several input streams and watches several output streams of one component at once."""

from collections.abc import Callable, Mapping
from itertools import cycle

from amaranth.hdl import Elaboratable

from support.streams import Watched, simulate

__all__ = ["Feed", "Drain", "run_ports"]


class Feed:
    """One input: what it sends, and cycle by cycle whether it begins to offer."""

    def __init__(self, stream: object, payloads: list, valid: str = "1") -> None:
        self.stream = stream
        self.queue = list(payloads)
        self.offers = cycle(valid)
        self.offering = False
        self.accepted: list[int] = []

    def drive(self, ctx: object) -> None:
        """Offer the next payload, and keep offering what was not taken."""
        if not self.offering and self.queue and next(self.offers) == "1":
            ctx.set(self.stream.payload, self.queue[0])
            self.offering = True
        ctx.set(self.stream.valid, self.offering)

    def look(self, ctx: object, now: int) -> None:
        """Note whether the offer is taken in this cycle."""
        if self.offering and ctx.get(self.stream.ready):
            self.accepted.append(now)
            self.queue.pop(0)
            self.offering = False


class Drain(Watched):
    """One output: how many payloads are awaited, and cycle by cycle whether it takes."""

    def __init__(self, stream: object, count: int, ready: str, read: Callable) -> None:
        super().__init__()
        self.stream, self.count, self.read = stream, count, read
        self.takes = cycle(ready)
        self.taking = False
        self.held: object = None

    def drive(self, ctx: object) -> None:
        """Take or do not take in this cycle."""
        self.taking = next(self.takes) == "1"
        ctx.set(self.stream.ready, self.taking)

    def look(self, ctx: object, now: int) -> None:
        """Note what is taken; a payload must hold while it waits."""
        if not ctx.get(self.stream.valid):
            assert self.held is None, "an offer was withdrawn"
            return
        payload = self.read(ctx.get(self.stream.payload))
        assert self.held is None or payload == self.held, "a payload changed while it waited"
        self.held = payload
        if self.taking:
            self.items.append((now, payload))
            self.held = None


def run_ports(
    dut: Elaboratable,
    feeds: Mapping[str, tuple[list, str]],
    drains: Mapping[str, tuple[int, str]],
    *,
    read: Callable[[object], object] = lambda payload: payload,
    limit: int = 20000,
    each_cycle: Callable[[object], None] = lambda ctx: None,
) -> tuple[dict[str, Feed], dict[str, Drain]]:
    """Send (payloads, stalls) into each input; await (count, stalls) of each output."""
    sources = {name: Feed(getattr(dut, name), *given) for name, given in feeds.items()}
    sinks = {name: Drain(getattr(dut, name), *given, read) for name, given in drains.items()}

    async def bench(ctx: object) -> None:
        for now in range(limit):
            for port in (*sources.values(), *sinks.values()):
                port.drive(ctx)
            each_cycle(ctx)
            for port in (*sources.values(), *sinks.values()):
                port.look(ctx, now)
            await ctx.tick()
            idle = not any(source.queue for source in sources.values())
            if idle and all(len(sink.items) >= sink.count for sink in sinks.values()):
                return
        found = {name: len(sink.items) for name, sink in sinks.items()}
        raise AssertionError(f"{found} items after {limit} cycles")

    simulate(dut, bench)
    return sources, sinks
