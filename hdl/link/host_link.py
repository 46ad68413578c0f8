"""Joins an accelerator to a host over a stream of bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import IDENTITY_BYTES, INBOX_OVERHEAD, INCREMENT_BITS
from spikewright.golden.spec import TokenKind
from spikewright.hdl.load import LOAD_SIGNATURE
from spikewright.hdl.loader import NETWORK_SIGNATURE
from spikewright.hdl.token import TokenLayout

from .collector import STAMP_BITS, Collector
from .deframer import Deframer
from .endpoint import LINK_COUNTER_BITS, Endpoint
from .executor import COUNTER_BYTES, LOADED_BITS, Executor
from .feeder import Feeder
from .inbox import Inbox
from .outbox import Outbox
from .packer import WordPacker
from .receiver import FrameReceiver
from .sender import FrameSender
from .uart import BYTES

__all__ = ["HostLink", "LinkPlan"]

_TAG_BYTES = 4
_HASH_BYTES = 32
_NAME_BYTES = 16
_MOST_COUNTERS = 255  # IDENTITY has a byte for their number
_TEST_MEMBERS = {
    "test_start": Out(1),
    "testing": Out(1),
    "test_done": In(1),
    "test_right": In(1),
}
_LOAD_MEMBERS = {
    "load": Out(LOAD_SIGNATURE),
    "reload": Out(1),
    "load_waits": In(1),
    "load_done": In(1),
    "load_result": In(LOADED_BITS),
    "network_hash": In(NETWORK_SIGNATURE),
    "tag": In(8 * _TAG_BYTES),
}
_SAMPLES = 256  # under way at most; more than queues and cores can hold


@dataclass(frozen=True, kw_only=True)
class LinkPlan:
    """How large the buffers of a link are.

    Parameters
    ----------
    inbox, outbox : bytes, powers of two, at least 256. counters : whether they can be read.
    """

    inbox: int = 2048
    outbox: int = 1024
    counters: bool = True

    def __post_init__(self) -> None:
        for name in ("inbox", "outbox"):
            size = getattr(self, name)
            if not 256 <= size <= 1 << 15 or size & (size - 1):
                raise ConfigurationError(
                    f"{name} must be a power of two in 256..{1 << 15}", found=str(size)
                )

    @property
    def memories(self) -> list[tuple[int, int]]:
        """(rows, bits) of the buffers, and of what says who the device is."""
        return [(self.inbox, 8), (self.outbox, 8), (IDENTITY_BYTES, 8)]

    @property
    def longest(self) -> int:
        """Bytes of a payload: two frames fit into the inbox, and one of them into the outbox."""
        return min(self.inbox // 2, self.outbox) - INBOX_OVERHEAD


class HostLink(wiring.Component):
    """Frames, their numbers, and the commands in them: all of docs/link.md.

    Parameters
    ----------
    layouts, framed : of the accelerator's inputs, as ``Feeder``. output : layout of its output.
    steps_bits : of T; 0 where nothing is framed. counters : how many of 32 bits it has.
    network, plan : hashes of 32 bytes; a network of None is loaded. board : its name. sizes : of
    the buffers. tests : whether there is a self-test.

    Members
    -------
    rx : In(stream), tx : Out(stream) of bytes. increment : In, tells the clock, or 0.
    o_0, o_1, ... : Out(stream), to the accelerator's inputs. i : In(stream), its output. steps :
    Out, T. count_0, count_1, ... : In, its counters. clear : Out, zeroes them. ready : In, its
    network is there. restart : Out, for a cycle: it is to be reset. connected : Out.
    Where the network is loaded: load : Out(stream), reload : Out; load_done, load_result,
    network_hash, tag : In, all as of ``Accelerator``. load_waits : In, something else fills it;
    what the host loads waits.
    Where it tests: test_start : Out, for a cycle: a self-test is to begin; testing : Out, from then
    on it has the accelerator, until test_done : In, for a cycle in which test_right : In says how
    it ended.

    Timing
    ------
    interval : a byte of a frame takes up to 9 cycles on its way in and 10 on its way out; a source
    that cannot wait must be slower than that. A stall of the host fills the outbox, then stops the
    accelerator; nothing is lost.

    Storage: the two boxes, a few hundred flip-flops. Reset is not connected.
    """

    interval = FrameSender.interval

    def __init__(
        self,
        *,
        layouts: Sequence[TokenLayout],
        framed: Sequence[bool],
        output: TokenLayout,
        steps_bits: int,
        counters: int,
        network: bytes | None,
        plan: bytes,
        board: str,
        sizes: LinkPlan,
        tests: bool = False,
    ) -> None:
        self.loads = network is None
        self.network = bytes(_HASH_BYTES) if network is None else network  # 0: that of none
        if len(self.network) != _HASH_BYTES or len(plan) != _HASH_BYTES:
            raise ConfigurationError(
                f"a hash must have {_HASH_BYTES} bytes",
                found=f"{len(self.network)} and {len(plan)}",
            )
        self.sizes = sizes
        self.tests = tests
        self.layouts = tuple(layouts)
        self.counted = counters if sizes.counters else 0
        widths = [32] * self.counted + [LINK_COUNTER_BITS] * 3
        if len(widths) > _MOST_COUNTERS or COUNTER_BYTES * len(widths) > sizes.longest:
            most = min(_MOST_COUNTERS, sizes.longest // COUNTER_BYTES)
            raise ConfigurationError(
                f"a link of these sizes must have at most {most} counters, three of them its own",
                found=str(len(widths)),
                action="choose larger boxes, or no counters",
            )
        self.steps_bits = steps_bits
        self.receiver = FrameReceiver(longest=sizes.longest)
        self.inbox = Inbox(depth=sizes.inbox)
        self.outbox = Outbox(depth=sizes.outbox)
        self.sender = FrameSender(longest=sizes.longest)
        self.endpoint = Endpoint()
        self.feeder = Feeder(layouts=layouts, framed=framed)
        self.collector = Collector(layout=output, longest=sizes.longest)
        self.executor = Executor(
            identity=self._identity(plan, board, len(widths)),
            inputs=len(self.layouts),
            longest=sizes.longest,
            counters=widths,
            loads=self.loads,
            tests=tests,
        )
        self.packer = WordPacker()
        super().__init__(
            {
                "rx": In(BYTES),
                "tx": Out(BYTES),
                "increment": In(INCREMENT_BITS),
                **{f"o_{k}": Out(layout.signature) for k, layout in enumerate(layouts)},
                "i": In(output.signature),
                **({"steps": Out(steps_bits)} if steps_bits else {}),
                **{f"count_{k}": In(32) for k in range(self.counted)},
                "clear": Out(1),
                "ready": In(1),
                "restart": Out(1),
                "connected": Out(1),
                **(_LOAD_MEMBERS if self.loads else {}),
                **(_TEST_MEMBERS if tests else {}),
            }
        )

    def _identity(self, plan: bytes, board: str, counters: int) -> bytes:
        """What IDENTIFY says, behind what may change."""
        numbers = (self.sizes.inbox, self.sizes.outbox, self.sizes.longest)
        return (
            b"".join(number.to_bytes(2, "little") for number in numbers)
            + bytes([len(self.layouts), counters])
            + self.network
            + plan
            + board.encode()[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
        )

    @property
    def outputs(self) -> list[stream.Interface]:
        """The streams to the accelerator's inputs, in order."""
        return [getattr(self, f"o_{k}") for k in range(len(self.layouts))]

    def elaborate(self, platform: object) -> Module:
        """The line, the boxes, what is between them; a connection resets all but the line."""
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.receiver = self.receiver
        m.submodules.endpoint = endpoint = self.endpoint
        anew = endpoint.connect
        for name in ("inbox", "outbox", "sender", "executor"):
            setattr(m.submodules, name, ResetInserter(anew)(getattr(self, name)))
        m.d.comb += self.restart.eq(anew | self.executor.restart)
        for name in ("feeder", "collector"):
            setattr(m.submodules, name, ResetInserter(self.restart)(getattr(self, name)))
        wiring.connect(m, wiring.flipped(self.rx), deframer.i)
        wiring.connect(m, deframer.o, self.receiver.i)
        wiring.connect(m, self.sender.o, wiring.flipped(self.tx))
        self._join_line(m)
        self._join_commands(m)
        self._join_accelerator(m)
        if self.loads:
            m.submodules.packer = ResetInserter(anew)(self.packer)
            self._join_load(m)
        return m

    def _join_line(self, m: Module) -> None:
        """Receiver, endpoint, boxes and sender."""
        receiver, endpoint, inbox = self.receiver, self.endpoint, self.inbox
        outbox, sender, executor = self.outbox, self.sender, self.executor
        own = self.tag if self.loads else int.from_bytes(self.network[:_TAG_BYTES], "little")
        m.d.comb += [
            receiver.own.eq(own),
            inbox.write.eq(receiver.write),
            inbox.data.eq(receiver.data),
            inbox.commit.eq(endpoint.commit),
            inbox.abort.eq(endpoint.abort),
            *(
                getattr(endpoint, name).eq(getattr(receiver, name))
                for name in (
                    "good",
                    "bad",
                    "other",
                    "kind",
                    "seq",
                    "ack",
                    "oversized",
                )
            ),
            endpoint.crowded.eq(inbox.crowded),
            endpoint.executed.eq(executor.executed),
            endpoint.idle.eq(sender.idle),
            endpoint.frame.eq(outbox.frame),
            endpoint.frame_seq.eq(outbox.seq),
            outbox.ack.eq(endpoint.host_ack),
            outbox.acked.eq(endpoint.acked),
            outbox.again.eq(endpoint.again),
            outbox.taken.eq(endpoint.taken),
            sender.start.eq(endpoint.start),
            sender.numbered.eq(endpoint.send_numbered),
            sender.kind.eq(endpoint.send_kind),
            sender.seq.eq(endpoint.send_seq),
            sender.ack.eq(endpoint.send_ack),
            sender.tag.eq(receiver.tag),
            sender.own.eq(own),
            self.connected.eq(endpoint.connected),
        ]
        wiring.connect(m, outbox.o, sender.i)
        # Only a frame of the outbox is one that it hears of.
        from_outbox = Signal()
        with m.If(sender.idle):
            m.d.sync += from_outbox.eq(endpoint.taken)
        m.d.comb += outbox.sent.eq(sender.done & from_outbox)

    def _join_commands(self, m: Module) -> None:
        """Executor, feeder, and who writes the outbox."""
        executor, feeder, collector = self.executor, self.feeder, self.collector
        outbox = self.outbox
        wiring.connect(m, self.inbox.o, executor.i)
        wiring.connect(m, executor.bytes, feeder.i)
        m.d.comb += [
            executor.number.eq(self.endpoint.send_ack),
            executor.ready.eq(self.ready),
            executor.increment.eq(self.increment),
            executor.done.eq(feeder.done),
            executor.open.eq(outbox.open),
            executor.free.eq(collector.free),
            collector.wanted.eq(executor.wants),
            collector.open.eq(outbox.open),
            *(
                getattr(feeder, name).eq(getattr(executor, name))
                for name in ("begin", "index", "spikes", "end", "keep", "steps", "last")
            ),
            self.clear.eq(executor.clear),
            self.endpoint.clear.eq(executor.clear),
        ]
        for k in range(self.counted):
            m.d.comb += getattr(executor, f"count_{k}").eq(getattr(self, f"count_{k}"))
        for k, name in enumerate(("bad_frames", "missed_frames", "repeated_frames")):
            count = getattr(executor, f"count_{self.counted + k}")
            m.d.comb += count.eq(getattr(self.endpoint, name))
        if self.tests:
            m.d.comb += [
                self.test_start.eq(executor.test_start),
                executor.test_done.eq(self.test_done),
                executor.test_right.eq(self.test_right),
            ]
            with m.If(executor.test_start):
                m.d.sync += self.testing.eq(1)
            with m.Elif(self.test_done | self.restart):
                m.d.sync += self.testing.eq(0)
        own = collector.free
        m.d.comb += [
            outbox.i.valid.eq(Mux(own, executor.o.valid, collector.o.valid)),
            outbox.i.payload.eq(Mux(own, executor.o.payload, collector.o.payload)),
            executor.o.ready.eq(own & outbox.i.ready),
            collector.o.ready.eq(~own & outbox.i.ready),
            outbox.commit.eq(Mux(own, executor.commit, collector.commit)),
            outbox.kind.eq(Mux(own, executor.kind, collector.kind)),
        ]

    def _join_load(self, m: Module) -> None:
        """Bytes of images become words; what passes of a hash is kept."""
        executor, packer = self.executor, self.packer
        wiring.connect(m, executor.load, packer.i)
        wiring.connect(m, packer.o, wiring.flipped(self.load))
        m.d.comb += [
            self.reload.eq(executor.load_first),
            packer.clear.eq(executor.load_first),
            executor.load_waits.eq(self.load_waits),
            executor.load_busy.eq(packer.o.valid),
            executor.load_done.eq(self.load_done),
            executor.load_result.eq(self.load_result),
            executor.write.eq(self.network_hash.write),
            executor.place.eq(self.network_hash.place),
            executor.byte.eq(self.network_hash.byte),
        ]

    def _join_accelerator(self, m: Module) -> None:
        """Its streams, and how long its samples take."""
        feeder, collector = self.feeder, self.collector
        sent, ended = Signal(), Signal()
        wiring.connect(m, wiring.flipped(self.i), collector.i)
        for k, outside in enumerate(self.outputs):
            inside = getattr(feeder, f"o_{k}")
            wiring.connect(m, inside, wiring.flipped(outside))
            accepts = inside.valid & inside.ready
            with m.If(accepts):
                m.d.comb += sent.eq(1)
            if k == 0:
                m.d.comb += ended.eq(accepts & (inside.payload.kind == TokenKind.END.value))
        if self.steps_bits:
            m.d.comb += self.steps.eq(feeder.steps_of_frame)
        left = collector.i.valid & collector.i.ready
        left &= self.i.payload.kind == TokenKind.END.value
        now, began = Signal(STAMP_BITS), Signal(STAMP_BITS)
        # A sample is alone that begins while none is under way; the first input speaks for all.
        begun, alone, under_way = Signal(), Signal(), Signal(range(_SAMPLES))
        m.d.comb += [
            collector.now.eq(now),
            collector.took.eq(Mux(alone, now - began, (1 << STAMP_BITS) - 1)),
        ]
        m.d.sync += [now.eq(now + 1), under_way.eq(under_way + ended - left)]
        with m.If(left):
            m.d.sync += alone.eq(0)
        with m.If(ended):
            m.d.sync += begun.eq(0)
        with m.Elif(sent):
            m.d.sync += begun.eq(1)
        with m.If(sent & ~begun & (under_way == 0)):
            m.d.sync += [began.eq(now), alone.eq(1)]
        with m.If(self.restart):
            m.d.sync += [under_way.eq(0), begun.eq(0), alone.eq(0)]
