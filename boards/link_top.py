"""A board's design that does what a host says."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, ResetInserter, Signal, ValueLike
from amaranth.lib import wiring

from spikewright.golden.link import INCREMENT_BITS
from spikewright.golden.spec import TokenKind
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.counters import COUNTERS
from spikewright.hdl.guard import GUARD_COUNTERS
from spikewright.hdl.link import HostLink, LinkPlan

from .board import Board, Light, Spi, Uart
from .pll import Pll
from .selftest import SelfTest, Tokens
from .strap import Strap
from .top import BoardTop
from .wires import add_wire, choose_wire, clock_increment, rate_at

__all__ = ["LinkTop", "usual_link"]

_INBOX, _OUTBOX = 1024, 512
_ROOMY_LUTS = 7000  # below, counters would take a fifth of the device


def usual_link(board: Board) -> LinkPlan:
    """Buffers of a link: a block RAM each where one is large enough; counters where there is room
    for them.
    """
    shapes = board.block_ram.shapes
    block = max((deep for deep, wide in shapes if wide in (8, 9)), default=0)
    return LinkPlan(
        inbox=max(_INBOX, block), outbox=max(_OUTBOX, block), counters=board.luts >= _ROOMY_LUTS
    )


class LinkTop(BoardTop):
    """An accelerator behind a host link, and maybe a sample to test itself.

    Parameters
    ----------
    board, pll, constraint_mhz, accelerator : as ``BoardTop``. design : the design's hash, 32 bytes.
    sizes : of the link's buffers. wire : one of the board's links; by default the usual one.
    tokens, expected, steps : as ``SelfTestTop``; without tokens there is no self-test.

    Members
    -------
    baud : bits a second that the link takes at the most; of a UART, exactly.

    Raises
    ------
    ConfigurationError
        If the board has no link, or the clock is too slow for it.
    """

    def __init__(
        self,
        *,
        board: Board,
        pll: Pll,
        constraint_mhz: float,
        accelerator: Accelerator,
        design: bytes,
        sizes: LinkPlan,
        wire: Uart | Spi | None = None,
        tokens: Sequence[Tokens] | None = None,
        expected: Tokens | None = None,
        steps: int = 1,
    ) -> None:
        self.wire = choose_wire(board) if wire is None else wire
        super().__init__(
            board=board,
            pll=pll,
            constraint_mhz=constraint_mhz,
            accelerator=accelerator,
            # Such a link is on the flash's lines.
            flash=None if isinstance(self.wire, Spi) else board.flash,
        )
        self.baud = rate_at(self.wire, pll)
        self.increment = clock_increment(self.wire, pll)
        framed = any(each.encoder is not None for each in accelerator.inputs)
        self.counters = _counters(accelerator)
        self.link = HostLink(
            layouts=[each.layout for each in accelerator.inputs],
            framed=[each.encoder is not None for each in accelerator.inputs],
            output=accelerator.output_layout,
            steps_bits=accelerator.network.max_steps.bit_length() if framed else 0,
            counters=len(self.counters),
            network=None
            if accelerator.loader is not None
            else bytes.fromhex(accelerator.network.content_hash),
            plan=design,
            board=board.name,
            sizes=sizes,
            tests=tokens is not None,
        )
        self.steps = steps
        self.selftest: SelfTest | None = None
        if tokens is not None and expected is not None:
            self.selftest = SelfTest(
                input_layouts=[each.layout for each in accelerator.inputs],
                output_layout=accelerator.output_layout,
                tokens=tokens,
                expected=expected,
                pause=None,
            )

    def work(self, m: Module, platform: Any) -> None:
        """Wires, bytes, the link, and the accelerator that it may reset."""
        m.submodules.link = link = self.link
        m.submodules.accelerator = accelerator = self.accelerator
        m.submodules.baud_strap = strap = Strap(
            family=self.board.family, value=self.increment, bits=INCREMENT_BITS
        )
        received, sent = add_wire(m, platform, self.wire, strap.o)
        wiring.connect(m, received, link.rx)
        wiring.connect(m, link.tx, sent)
        self._join(m)
        m.d.comb += [
            link.increment.eq(strap.o),
            accelerator.clear.eq(link.clear),
            accelerator.restart.eq(link.restart),
            link.ready.eq(accelerator.loaded if link.loads else 1),
        ]
        if link.loads:
            self._fill(m)
        for k in range(link.counted):
            m.d.comb += getattr(link, f"count_{k}").eq(self.counters[k])
        if not self.wire.shared:
            self._show(m, platform)

    def _fill(self, m: Module) -> None:
        """The accelerator's memories, by the flash until it has ended, by the host from then on."""
        link, accelerator = self.link, self.accelerator
        wiring.connect(m, accelerator.network_hash, link.network_hash)
        m.d.comb += [
            accelerator.reload.eq(link.reload),
            link.load_done.eq(accelerator.load_done),
            link.load_result.eq(accelerator.load_result),
            link.tag.eq(accelerator.tag),
        ]
        if self.loader is None:
            wiring.connect(m, link.load, accelerator.load)
            m.d.comb += link.load_waits.eq(0)
            return
        boots, flash, host, load = self.boots, self.loader.o, link.load, accelerator.load
        m.d.comb += [
            link.load_waits.eq(boots),
            load.valid.eq(Mux(boots, flash.valid, host.valid)),
            load.payload.eq(Mux(boots, flash.payload, host.payload)),
            flash.ready.eq(load.ready & boots),
            host.ready.eq(load.ready & ~boots),
        ]

    def _join(self, m: Module) -> None:
        """The accelerator and the host, or the self-test while it has it."""
        link, accelerator = self.link, self.accelerator
        sinks = [getattr(accelerator, port.member) for port in accelerator.inputs]
        if self.selftest is not None:
            self._share(m, self.selftest, sinks)
            return
        for sender, sink in zip(link.outputs, sinks, strict=True):
            wiring.connect(m, sender, sink)
        wiring.connect(m, accelerator.o, link.i)
        if link.steps_bits:
            m.d.comb += accelerator.steps.eq(link.steps)

    def _share(self, m: Module, test: SelfTest, sinks: list[Any]) -> None:
        """Tokens of the host or of the self-test, whoever has the accelerator."""
        link, accelerator = self.link, self.accelerator
        m.submodules.selftest = ResetInserter(link.restart)(test)
        testing = link.testing
        for ours, theirs, sink in zip(link.outputs, test.outputs, sinks, strict=True):
            m.d.comb += [
                sink.valid.eq(Mux(testing, theirs.valid, ours.valid)),
                sink.payload.eq(Mux(testing, theirs.payload.as_value(), ours.payload.as_value())),
                theirs.ready.eq(sink.ready & testing),
                ours.ready.eq(sink.ready & ~testing),
            ]
        m.d.comb += [
            link.i.payload.eq(accelerator.o.payload),
            test.i.payload.eq(accelerator.o.payload),
            link.i.valid.eq(accelerator.o.valid & ~testing),
            test.i.valid.eq(accelerator.o.valid & testing),
            accelerator.o.ready.eq(Mux(testing, test.i.ready, link.i.ready)),
            test.start.eq(link.test_start),
            link.test_done.eq(test.judged),
            link.test_right.eq(test.match),
        ]
        if link.steps_bits:
            m.d.comb += accelerator.steps.eq(Mux(testing, self.steps, link.steps))

    def _show(self, m: Module, platform: Any) -> None:
        """The last label, whether somebody is connected, and a light that changes with results."""
        output = self.accelerator.o
        ends = Signal()
        m.d.comb += ends.eq(
            output.valid & output.ready & (output.payload.kind == TokenKind.END.value)
        )
        label, beat = Signal.like(output.payload.address), Signal()
        with m.If(ends):
            m.d.sync += [label.eq(output.payload.address), beat.eq(~beat)]
        lights: dict[Light, ValueLike] = {self.board.match: self.link.connected}
        if self.board.beat is not None:
            lights[self.board.beat] = beat
        self.show(m, platform, lights | self.label(label))


def _counters(accelerator: Accelerator) -> list[Any]:
    """In the manifest's order: cycles, those of the cores, those of the guards."""
    ports = accelerator.counters
    cores = [getattr(ports, f"core{k}") for k in range(len(accelerator.cores))]
    guards = [getattr(ports, f"guard{k}") for k in range(len(accelerator.guarded))]
    found = [ports.cycles]
    found += [getattr(core, name) for core in cores for name in COUNTERS]
    found += [getattr(guard, name) for guard in guards for name in GUARD_COUNTERS]
    return found
