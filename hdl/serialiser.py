"""Turns groups of fired lanes into a stream of tokens, in ascending address."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind

from .token import TokenLayout

__all__ = ["SpikeSerialiser", "group_item"]

_BLOCK = 8


def group_item(*, lanes: int, groups: int, layout: TokenLayout) -> data.StructLayout:
    """What a serialiser takes: a marker (STEP or END), or a group with the lanes to send."""
    return data.StructLayout(
        {
            "marker": 1,
            "kind": 2,
            "keep": 1,
            "group": range(groups),
            "mask": lanes,
            "levels": lanes * layout.payload_shape.width,
        }
    )


class SpikeSerialiser(wiring.Component):
    """Sends one token a cycle for the lanes of a group that fired, or one marker.

    Two groups can wait while one is sent. Lanes are searched in blocks of 8, a register apart.

    Parameters
    ----------
    lanes : lanes of a group. groups : groups of the population. layout : tokens to send.

    Members
    -------
    i : In(stream) of {marker, kind, keep, group, mask, levels}: with ``marker`` a STEP or END,
    otherwise the lanes to send (lane l's payload in bits l * payload width and up).
    o : Out(stream) of tokens. idle : Out, nothing is held.

    Timing
    ------
    latency : cycles from an item's acceptance to its first token's offer, when idle. interval : 1
    a token, without bubbles between blocks and groups; an item without lanes takes one cycle.

    Storage: 3 x lanes x (1 + payload) bits; reset empties it.
    """

    latency = 3
    interval = 1

    def __init__(self, *, lanes: int, groups: int, layout: TokenLayout) -> None:
        if lanes < 1 or groups < 1:
            raise ConfigurationError(
                "lanes and groups must be at least 1", found=f"{lanes} and {groups}"
            )
        self.lanes = lanes
        self.groups = groups
        self.layout = layout
        self.blocks = -(-lanes // _BLOCK)
        self.item = group_item(lanes=lanes, groups=groups, layout=layout)
        super().__init__(
            {"i": In(stream.Signature(self.item)), "o": Out(layout.signature), "idle": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        """Wait; choose the next block; send the lanes of a block."""
        m = Module()
        bits = self.layout.payload_shape.width
        padded = self.blocks * _BLOCK

        # Wait: one item, untouched.
        waiting = Signal(self.item, reset_less=True)
        waits = Signal()
        # Choose: the blocks of one item that are not yet sent.
        mask = Signal(padded, reset_less=True)
        levels = Signal(padded * bits, reset_less=True)
        some = Signal(self.blocks)
        base = Signal(self.layout.address_bits, reset_less=True)
        chosen = Signal(data.StructLayout({"marker": 1, "kind": 2, "keep": 1}))
        chooses = Signal()
        # Send: the lanes of one block that are not yet sent, or one marker.
        lanes_left = Signal(_BLOCK, reset_less=True)
        block_levels = Signal(_BLOCK * bits, reset_less=True)
        address = Signal(self.layout.address_bits, reset_less=True)
        sending = Signal(chosen.shape())
        sends = Signal()

        send_free = Signal()
        last_lane = (lanes_left & (lanes_left - 1))[:_BLOCK] == 0
        m.d.comb += send_free.eq(~sends | (self.o.ready & last_lane))

        # The next block is known as one bit of a register, a cycle before it is picked.
        first = Signal(self.blocks, reset_less=True)
        last_block = (some & ~first) == 0
        choose_free = Signal()
        m.d.comb += choose_free.eq(~chooses | (send_free & last_block))
        # One flip-flop says whether an item is taken: all of the sweep's writes hang on it.
        taken = Signal()
        waits_next, chooses_next = Signal(), Signal()
        ready = Signal(init=1)
        loads = waits & (waiting.marker | waiting.mask.any())
        m.d.comb += [
            self.i.ready.eq(ready),
            taken.eq(self.i.valid & ready),
            waits_next.eq(taken | (waits & ~choose_free)),
            # A group in which nobody fired ends here.
            chooses_next.eq(Mux(choose_free, loads, chooses)),
        ]
        m.d.sync += [
            waits.eq(waits_next),
            chooses.eq(chooses_next),
            ready.eq(~waits_next | ~chooses_next),
        ]
        with m.If(taken):
            m.d.sync += waiting.eq(self.i.payload)
        arriving = Cat(
            waiting.mask[b * _BLOCK : (b + 1) * _BLOCK].any() for b in range(self.blocks)
        )
        left = some & ~first
        with m.If(choose_free):
            m.d.sync += [some.eq(arriving), first.eq(self._lowest(arriving))]
        with m.Elif(send_free):
            m.d.sync += [some.eq(left), first.eq(self._lowest(left))]
        with m.If(choose_free):
            m.d.sync += [
                mask.eq(waiting.mask),
                levels.eq(waiting.levels),
                base.eq(waiting.group * self.lanes),
                chosen.marker.eq(waiting.marker),
                chosen.kind.eq(waiting.kind),
                chosen.keep.eq(waiting.keep),
            ]

        with m.If(send_free):
            m.d.sync += [
                sends.eq(chooses),
                sending.eq(chosen),
                lanes_left.eq(self._pick(first, mask, _BLOCK)),
                block_levels.eq(self._pick(first, levels, _BLOCK * bits)),
                address.eq(base + self._index(first) * _BLOCK),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += lanes_left.eq(lanes_left & (lanes_left - 1))

        lane = Signal(range(_BLOCK))
        for index in reversed(range(_BLOCK)):
            with m.If(lanes_left[index]):
                m.d.comb += lane.eq(index)
        level = Array(block_levels[i * bits : (i + 1) * bits] for i in range(_BLOCK))[lane]
        token = self.o.payload
        m.d.comb += [
            self.o.valid.eq(sends),
            token.kind.eq(Mux(sending.marker, sending.kind, TokenKind.SPIKE.value)),
            token.address.eq(Mux(sending.marker, sending.keep, address + lane)),
            self.idle.eq(~(waits | chooses | sends)),
        ]
        if bits:
            m.d.comb += token.payload.eq(Mux(sending.marker, 0, level))
        return m

    def _lowest(self, bits):
        return bits & ~(bits - 1)

    def _pick(self, one_hot, words, width: int):
        picked = 0
        for block in range(self.blocks):
            picked |= words[block * width : (block + 1) * width] & one_hot[block].replicate(width)
        return picked

    def _index(self, one_hot):
        index: ValueLike = 0
        for block in range(self.blocks):
            index |= Mux(one_hot[block], block, 0)
        return index
