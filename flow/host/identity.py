"""What a device says of itself."""

import struct
from dataclasses import dataclass

from spikewright.golden.errors import LinkError
from spikewright.golden.link import IDENTITY_BYTES, INCREMENT_BITS

__all__ = ["NAME_BYTES", "Identity"]

NAME_BYTES = 16
"""Of a board's name so many are told."""

_FIELDS = struct.Struct(f"<B3sHHHBB32s32s{NAME_BYTES}s")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An IDENTITY frame.

    ``ready``: the network is there. ``loads``: networks can be loaded. ``tests``: a self-test is
    built in. ``increment``: what the clock is told by, 0 where it is not. ``inbox``, ``outbox``,
    ``longest`` payload: bytes. ``counters``: values of COUNTED, the link's too. ``network_hash``,
    ``plan_hash``: hex.
    """

    ready: bool
    loads: bool
    tests: bool
    increment: int
    inbox: int
    outbox: int
    longest: int
    inputs: int
    counters: int
    network_hash: str
    plan_hash: str
    board: str

    @classmethod
    def parse(cls, payload: bytes, *, where: str) -> "Identity":
        """Read a payload; raises LinkError where it has another length."""
        if len(payload) != IDENTITY_BYTES:
            raise LinkError(
                f"an identity must have {IDENTITY_BYTES} bytes",
                found=str(len(payload)),
                where=where,
                action="build the bitstream again with this version of spikewright",
            )
        flags, increment, inbox, outbox, longest, inputs, counters, network, plan, board = (
            _FIELDS.unpack(payload)
        )
        return cls(
            ready=bool(flags & 1),
            loads=bool(flags & 2),
            tests=bool(flags & 4),
            increment=int.from_bytes(increment, "little"),
            inbox=inbox,
            outbox=outbox,
            longest=longest,
            inputs=inputs,
            counters=counters,
            network_hash=network.hex(),
            plan_hash=plan.hex(),
            board=board.rstrip(b"\0").decode("ascii", errors="replace"),
        )

    def clock_hz(self, unit_hz: int | None) -> float | None:
        """The device's clock, of which its increment makes ``unit_hz``; None if it is not told."""
        if not self.increment or unit_hz is None:
            return None
        return unit_hz * (1 << INCREMENT_BITS) / self.increment
