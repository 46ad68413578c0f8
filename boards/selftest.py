"""Runs one stored sample again and again, and says whether every token of the output is right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout
from spikewright.hdl.windows import by_code

__all__ = ["SelfTest", "Tokens"]

Tokens = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Kind, neuron (END's flag or label) and payload of tokens, each [tokens]."""

_LOGIC_ROWS = 64


class SelfTest(wiring.Component):  # type: ignore[type-arg]  # generic only in its stubs
    """Sends a sample's tokens, compares all that comes back until END, pauses, starts again.

    A result is right if every SPIKE of the output has the payload that its neuron must have, if
    there are as many SPIKEs and STEPs as there must be, and if END carries the right label. A
    neuron sends one SPIKE on an output, so that their order does not matter.

    Parameters
    ----------
    input_layouts : tokens of each of the accelerator's inputs. output_layout : of its output.
    tokens : the sample for each input, END last. expected : the output's, END last, at most one
    SPIKE a neuron.
    pause : cycles between a result and the next run, at least 1; None where only start begins one.

    Members
    -------
    o_0, o_1, ... : Out(stream), to the accelerator's inputs. i : In(stream), from it; always ready.
    start : In, ends the pause at once. label : Out, of the last result. done : Out, there was a
    result. match : Out, the last result was right. mismatch : Out, it was not. judged : Out, for a
    cycle: that is of a new one. beat : Out, changes with every result.

    Timing
    ------
    latency : cycles from the start of a run to the offer of its first tokens. interval : cycles a
    token takes where the accelerator does not stall. A result is known two cycles after its END.

    Storage: the tokens and the expected payloads, read only. Reset forgets the results.
    """

    latency = 2
    interval = 1

    def __init__(
        self,
        *,
        input_layouts: Sequence[TokenLayout],
        output_layout: TokenLayout,
        tokens: Sequence[Tokens],
        expected: Tokens,
        pause: int | None,
    ) -> None:
        for sample in (*tokens, expected):
            _check_sample(sample)
        if pause is not None and pause < 1:
            raise ConfigurationError("pause must be at least 1", found=str(pause))
        self.input_layouts = tuple(input_layouts)
        self.output_layout = output_layout
        self.words = [
            [int(word) for word in layout.pack(*sample)]
            for layout, sample in zip(input_layouts, tokens, strict=True)
        ]
        kind, neuron, _ = expected
        self.spikes = int(np.count_nonzero(kind == TokenKind.SPIKE))
        self.steps = int(np.count_nonzero(kind == TokenKind.STEP))
        if np.unique(neuron[kind == TokenKind.SPIKE]).size != self.spikes:
            raise ConfigurationError(
                "a neuron must send at most one spike on the output", found="more of one"
            )
        expected_words = output_layout.pack(*expected)
        self.end = int(expected_words[-1])
        self.payloads = self._payloads(expected_words)
        self.pause = pause
        senders = {f"o_{k}": Out(stream.Signature(e.struct)) for k, e in enumerate(input_layouts)}
        super().__init__(
            {
                **senders,
                "i": In(stream.Signature(output_layout.struct)),
                "start": In(1),
                "label": Out(output_layout.address_bits),
                "done": Out(1),
                "match": Out(1),
                "mismatch": Out(1),
                "judged": Out(1),
                "beat": Out(1),
            }
        )

    @property
    def outputs(self) -> list[Any]:
        """The streams to the accelerator's inputs, in order."""
        return [getattr(self, f"o_{k}") for k in range(len(self.input_layouts))]

    @property
    def _few(self) -> bool:
        """Whether the expected payloads are better kept in logic."""
        return len(self.payloads) <= _LOGIC_ROWS

    def _payloads(self, words: npt.NDArray[np.int64]) -> list[int]:
        """By address the payload's bits, above them whether there must be one."""
        layout = self.output_layout
        spikes = words[words & 3 == TokenKind.SPIKE] >> 2
        addresses = spikes & ((1 << layout.address_bits) - 1)
        table = np.zeros(1 << layout.address_bits, dtype=np.int64)
        table[addresses] = spikes >> layout.address_bits | 1 << layout.payload_shape.width
        return [int(entry) for entry in table]

    def elaborate(self, platform: object) -> Module:
        """Every input sends its tokens; when the output's END has come, pause."""
        m = Module()
        begins = Signal()
        for k, words in enumerate(self.words):
            self._send(m, k, words, begins)
        ended = self._judge(m)
        m.d.sync += self.judged.eq(ended)
        pause = Signal(range(self.pause or 1))
        with m.FSM(init="PAUSE" if self.pause is None else "BEGIN"):
            with m.State("BEGIN"):
                m.d.comb += begins.eq(1)
                m.next = "WAIT"
            with m.State("WAIT"), m.If(ended):
                if self.pause is not None:
                    m.d.sync += pause.eq(self.pause - 1)
                m.next = "PAUSE"
            with m.State("PAUSE"):
                over = self.start
                if self.pause is not None:
                    m.d.sync += pause.eq(pause - 1)
                    over |= pause == 0
                with m.If(over):
                    m.next = "BEGIN"
        return m

    def _send(self, m: Module, index: int, words: list[int], begins: Signal) -> None:
        """Read words and send them, until the last one is taken."""
        output = self.outputs[index]
        last = len(words) - 1
        # Block RAM hides its contents from the optimiser, which must not tailor the accelerator to
        # this one sample.
        read = _stored(m, f"memory_{index}", words, self.input_layouts[index].width, "block")
        address = Signal(range(len(words)), name=f"address_{index}")
        waits = Signal(name=f"waits_{index}")
        fetched = Signal(name=f"fetched_{index}")
        word = Signal(len(read.data), name=f"word_{index}", reset_less=True)
        moves, reads = Signal(name=f"moves_{index}"), Signal(name=f"reads_{index}")
        m.d.comb += [
            moves.eq(~output.valid | output.ready),
            reads.eq(moves & (begins | waits)),
            read.addr.eq(address),
            read.en.eq(reads),
            output.payload.as_value().eq(word),
        ]
        # The block RAM answers late in its cycle, so a register stands between it and the stream.
        with m.If(moves):
            m.d.sync += [fetched.eq(reads), output.valid.eq(fetched), word.eq(read.data)]
        with m.If(reads):
            m.d.sync += [
                waits.eq(address != last),
                address.eq(Mux(address == last, 0, address + 1)),
            ]

    def _judge(self, m: Module) -> Value:
        """Compare each token a cycle after it came; returns when an END comes."""
        shape = self.output_layout.payload_shape
        token = self.i.payload
        style = "logic" if self._few else "block"
        read = _stored(m, "expected", self.payloads, shape.width + 1, style)
        seen = Signal(self.output_layout.struct)
        came = Signal()
        m.d.comb += [self.i.ready.eq(1), read.addr.eq(token.address), read.en.eq(1)]
        m.d.sync += [seen.eq(token), came.eq(self.i.valid)]
        spikes = Signal(range(self.spikes + 2))
        steps = Signal(range(self.steps + 2))
        wrong = Signal()
        right = Signal()
        # Too many are as wrong as one too many.
        more_spikes = Mux(spikes <= self.spikes, spikes + 1, spikes)
        more_steps = Mux(steps <= self.steps, steps + 1, steps)
        with m.If(came):
            with m.Switch(seen.kind):
                with m.Case(TokenKind.SPIKE):
                    differs = read.data != Cat(seen.payload, 1)
                    m.d.sync += [spikes.eq(more_spikes), wrong.eq(wrong | differs)]
                with m.Case(TokenKind.STEP):
                    m.d.sync += steps.eq(more_steps)
                with m.Default():
                    m.d.sync += [spikes.eq(0), steps.eq(0), wrong.eq(0)]
        end = seen.as_value()[: 2 + self.output_layout.address_bits]
        ended: Value = came & (seen.kind == TokenKind.END)
        m.d.comb += right.eq(
            ~wrong & (spikes == self.spikes) & (steps == self.steps) & (end == self.end)
        )
        with m.If(ended):
            m.d.sync += [
                self.label.eq(self._neuron(m, seen.address)),
                self.done.eq(1),
                self.match.eq(right),
                self.mismatch.eq(~right),
                self.beat.eq(~self.beat),
            ]
        return ended

    def _neuron(self, m: Module, address: Value) -> Value:
        """The neuron of an address; they differ where lanes are no power of two."""
        layout = self.output_layout
        if layout.shape[1:] != (1, 1):
            return address  # a map has no label
        neurons = range(layout.neurons)
        codes = layout.encode(np.arange(layout.neurons)).tolist()
        return by_code(m, address, dict(zip(codes, neurons, strict=True)), "label_of")


def _stored(m: Module, name: str, words: list[int], width: int, style: str) -> Any:
    """Read port of a memory."""
    mem: Any = memory.Memory(shape=width, depth=len(words), init=words, attrs={"ram_style": style})
    m.submodules[name] = mem
    return mem.read_port()


def _check_sample(tokens: Tokens) -> None:
    kinds = tokens[0]
    ends = int(np.count_nonzero(kinds == TokenKind.END))
    if ends != 1 or kinds[-1] != TokenKind.END:
        raise ConfigurationError(
            "the stored tokens must be one sample with its END last",
            found=f"{kinds.size} tokens with {ends} END",
        )
