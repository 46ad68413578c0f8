"""Runs one stored sample again and again, and says whether its label is the expected one."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout

__all__ = ["SelfTest"]


class SelfTest(wiring.Component):  # type: ignore[type-arg]  # generic only in its stubs
    """Sends a sample's tokens, waits for the output's END, keeps its label, pauses, starts again.

    Parameters
    ----------
    input_layout, output_layout : tokens of the accelerator.
    tokens : the sample as words of ``input_layout``, END last.
    expected : label that the sample must get; None where there is none, then ``match`` stays 0.
    pause : cycles between a result and the next run, at least 1.

    Members
    -------
    o : Out(stream), to the accelerator. i : In(stream), from it; always ready.
    start : In, ends the pause at once. label : Out, of the last result. done : Out, there was a
    result. match : Out, the last label was the expected one. mismatch : Out, it was not.
    beat : Out, changes with every result.

    Timing
    ------
    latency : cycles from the start of a run to the offer of its first token. interval : cycles a
    token takes where the accelerator does not stall.

    Storage: len(tokens) words, read only. Reset forgets the results.
    """

    latency = 1
    interval = 2

    def __init__(
        self,
        *,
        input_layout: TokenLayout,
        output_layout: TokenLayout,
        tokens: Sequence[int],
        expected: int | None,
        pause: int,
    ) -> None:
        words = [int(token) for token in tokens]
        kinds = [word & 3 for word in words]
        if kinds.count(TokenKind.END) != 1 or kinds[-1] != TokenKind.END:
            raise ConfigurationError(
                "the stored tokens must be one sample with its END last",
                found=f"{len(words)} tokens with {kinds.count(TokenKind.END)} END",
            )
        for at, word in enumerate(words):
            if not 0 <= word < (1 << input_layout.width):
                raise RangeError(
                    f"a stored token must fit {input_layout.width} bits",
                    found=str(word),
                    where=f"token {at}",
                )
        if expected is not None and not 0 <= expected < output_layout.neurons:
            raise RangeError(
                f"the expected label must lie in 0..{output_layout.neurons - 1}",
                found=str(expected),
            )
        if pause < 1:
            raise ConfigurationError("pause must be at least 1", found=str(pause))
        self.input_layout = input_layout
        self.output_layout = output_layout
        self.tokens = words
        self.expected = expected
        self.pause = pause
        super().__init__(
            {
                "o": Out(stream.Signature(input_layout.struct)),
                "i": In(stream.Signature(output_layout.struct)),
                "start": In(1),
                "label": Out(output_layout.address_bits),
                "done": Out(1),
                "match": Out(1),
                "mismatch": Out(1),
                "beat": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Read a word, send it; at the last one wait for the result, then pause."""
        m = Module()
        last = len(self.tokens) - 1
        # Block RAM hides the contents from the optimiser: it must not tailor the accelerator
        # to this one sample.
        mem: Any = memory.Memory(
            shape=self.input_layout.width,
            depth=len(self.tokens),
            init=self.tokens,
            attrs={"ram_style": "block"},
        )
        m.submodules.memory = mem
        read = mem.read_port()
        address = Signal(range(len(self.tokens)))
        pause = Signal(range(self.pause))
        ended = Signal()
        label = Signal.like(self.label)
        m.d.comb += [
            read.addr.eq(address),
            self.o.payload.as_value().eq(read.data),
            self.i.ready.eq(1),
            ended.eq(self.i.valid & (self.i.payload.kind == TokenKind.END)),
            label.eq(self.i.payload.address),
        ]
        with m.FSM():
            with m.State("READ"):
                m.d.comb += read.en.eq(1)
                m.next = "SEND"
            with m.State("SEND"):
                # The port keeps its word while it is not enabled, as a waiting stream must.
                m.d.comb += [self.o.valid.eq(1), read.en.eq(0)]
                with m.If(self.o.ready):
                    with m.If(address == last):
                        m.d.sync += address.eq(0)
                        m.next = "WAIT"
                    with m.Else():
                        m.d.sync += address.eq(address + 1)
                        m.next = "READ"
            with m.State("WAIT"), m.If(ended):
                m.d.sync += pause.eq(self.pause - 1)
                m.next = "PAUSE"
            with m.State("PAUSE"):
                m.d.sync += pause.eq(pause - 1)
                with m.If(self.start | (pause == 0)):
                    m.next = "READ"
        with m.If(ended):
            equal = (label == self.expected) if self.expected is not None else 0
            differs = (label != self.expected) if self.expected is not None else 0
            m.d.sync += [
                self.label.eq(label),
                self.done.eq(1),
                self.match.eq(equal),
                self.mismatch.eq(differs),
                self.beat.eq(~self.beat),
            ]
        return m
