"""Turns groups of fired lanes into streams of tokens."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind

from .choose import choose
from .token import TokenLayout

__all__ = ["SpikeSerialiser", "group_item"]

_BLOCK = 8


def group_item(*, lanes: int, layouts: Sequence[TokenLayout]) -> data.StructLayout:
    """What a serialiser takes: a marker (STEP or END), or a group with the lanes to send."""
    return data.StructLayout(
        {
            "marker": 1,
            "kind": 2,
            "keep": 1,
            "host": range(len(layouts)),
            "base": max(layout.address_bits for layout in layouts),
            "mask": lanes,
            "levels": lanes * max(layout.payload_shape.width for layout in layouts),
        }
    )


class SpikeSerialiser(wiring.Component):
    """Sends one token a cycle for the lanes of a group that fired, or one marker.

    A token takes as many lanes as it has slots, all of one block. Two groups can wait while one is
    sent. Lanes are searched in blocks of up to 8 channels of one bank, a register apart. An address
    is the group's part and the lane's part side by side, so that nothing is added.

    Parameters
    ----------
    channel_lanes, banks : lanes of a group: channels of each row and column bank, counted bank by
    bank. layouts : tokens of each host.

    Members
    -------
    i : In(stream) of {marker, kind, keep, host, base, mask, levels}: with ``marker`` a STEP or END,
    otherwise the lanes to send, whose address is ``base`` with the lane's place set (lane l's
    payload in bits l * payload width and up). o_0, o_1, ... : Out(stream) of tokens, a host each.
    idle : Out, nothing is held.

    Timing
    ------
    latency : cycles from an item's acceptance to its first token's offer, when idle. interval : 1
    a token, without bubbles between blocks and groups; an item without lanes takes one cycle. A
    host's consumer that stalls stalls all hosts.

    Storage: 3 x lanes x (1 + payload) bits; reset empties it.
    """

    latency = 3
    interval = 1

    def __init__(
        self, *, channel_lanes: int, banks: tuple[int, int], layouts: Sequence[TokenLayout]
    ) -> None:
        if channel_lanes < 1 or min(banks) < 1:
            raise ConfigurationError(
                "channel lanes and banks must be at least 1", found=f"{channel_lanes} and {banks}"
            )
        self.channel_lanes = channel_lanes
        self.banks = banks
        self.layouts = tuple(layouts)
        self.slots = max(layout.slots for layout in layouts)
        if self.slots > 1 and len(self.layouts) > 1:
            raise ConfigurationError(
                "hosts of one serialiser must send a spike a token", found=f"{self.slots} slots"
            )
        self.lanes = channel_lanes * banks[0] * banks[1]
        self.block = min(_BLOCK, channel_lanes)
        # Of each block its bank's row and column, and its first channel.
        self.blocks = [
            (row, column, channel)
            for row in range(banks[0])
            for column in range(banks[1])
            for channel in range(0, channel_lanes, self.block)
        ]
        self.item = group_item(lanes=self.lanes, layouts=self.layouts)
        self.payload_bits = max(layout.payload_shape.width for layout in self.layouts)
        members = {f"o_{h}": Out(layout.signature) for h, layout in enumerate(self.layouts)}
        super().__init__({"i": In(stream.Signature(self.item)), "idle": Out(1)} | members)

    @property
    def outputs(self) -> list[stream.Interface]:
        """The hosts' streams in order."""
        return [getattr(self, f"o_{h}") for h in range(len(self.layouts))]

    def elaborate(self, platform: object) -> Module:
        """Wait; choose the next block; send the lanes of a block."""
        m = Module()
        # Wait: one item, untouched. Choose: the blocks of one item that are not yet sent.
        waiting, chosen = Signal(self.item, reset_less=True), Signal(self.item, reset_less=True)
        waits, chooses = Signal(), Signal()
        some = Signal(len(self.blocks))
        # The next block is known as one bit of a register, a cycle before it is picked, and so is
        # whether one token takes all its lanes.
        first = Signal(len(self.blocks), reset_less=True)
        short = Signal(len(self.blocks), reset_less=True)
        send_free, choose_free = Signal(), Signal()
        last_block = (some & ~first) == 0
        m.d.comb += choose_free.eq(~chooses | (send_free & last_block))
        self._accept(m, waiting, waits, chooses, choose_free)

        blocks = [self._lanes_of(waiting.mask, b, 1) for b in range(len(self.blocks))]
        arriving = Cat(lanes.any() for lanes in blocks)
        left = some & ~first
        with m.If(choose_free):
            m.d.sync += [some.eq(arriving), first.eq(_lowest(arriving)), chosen.eq(waiting)]
            m.d.sync += short.eq(Cat(~at_least(lanes, self.slots + 1) for lanes in blocks))
        with m.Elif(send_free):
            m.d.sync += [some.eq(left), first.eq(_lowest(left))]
        ends = chosen.marker | (first & short).any()
        sends = self._send(m, chosen, chooses, first, ends, send_free)
        m.d.comb += self.idle.eq(~(waits | chooses | sends))
        return m

    def _accept(
        self, m: Module, waiting: Signal, waits: Signal, chooses: Signal, choose_free: Signal
    ) -> None:
        """One flip-flop says whether an item is taken: all of the sweep's writes hang on it."""
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

    def _send(
        self,
        m: Module,
        chosen: Signal,
        chooses: Signal,
        first: Signal,
        ends: ValueLike,
        send_free: Signal,
    ) -> Signal:
        """The lanes of one block that are not yet sent, or one marker; returns whether any."""
        bits = self.payload_bits
        sends = Signal()
        lanes_left = Signal(self.block, reset_less=True)
        block_levels = Signal(self.block * bits, reset_less=True)
        header = data.StructLayout(
            {"marker": 1, "kind": 2, "keep": 1, "host": self.item["host"].shape}
        )
        sending = Signal(header, reset_less=True)
        address = Signal.like(chosen.base, reset_less=True)
        # Of the lanes that are left in the block, how many lie below each.
        below = [
            Cat(at_least(lanes_left[:lane], count) for lane in range(self.block))
            for count in range(self.slots + 1)
        ]
        taken, last = Signal(), Signal(reset_less=True)
        ready = choose([o.ready for o in self.outputs], sending.host)
        m.d.comb += [taken.eq(ready), send_free.eq(~sends | (taken & last))]
        with m.If(send_free):
            m.d.sync += [
                sends.eq(chooses),
                sending.marker.eq(chosen.marker),
                sending.kind.eq(chosen.kind),
                sending.keep.eq(chosen.keep),
                sending.host.eq(chosen.host),
                last.eq(ends),
                lanes_left.eq(self._pick(first, chosen.mask, 1)),
                block_levels.eq(self._pick(first, chosen.levels, bits)),
                address.eq(chosen.base | self._place(first, chosen.host)),
            ]
        with m.Elif(taken):
            m.d.sync += [
                lanes_left.eq(lanes_left & below[self.slots]),
                last.eq(~at_least(lanes_left, 2 * self.slots + 1)),
            ]

        places = [(lanes_left & below[k] & ~below[k + 1])[: self.block] for k in range(self.slots)]
        spikes = [self._spike(m, place, block_levels, k) for k, place in enumerate(places)]
        for h, (layout, output) in enumerate(zip(self.layouts, self.outputs, strict=True)):
            token = output.payload
            m.d.comb += [
                output.valid.eq(sends & (sending.host == h)),
                token.kind.eq(Mux(sending.marker, sending.kind, TokenKind.SPIKE.value)),
            ]
            for k, (lane, level) in enumerate(spikes):
                spike = address | (lane << layout.offsets[0])
                slot = token if k == 0 else token[f"slot_{k}"]
                if k == 0:
                    m.d.comb += slot.address.eq(Mux(sending.marker, sending.keep, spike))
                else:
                    spikes_too = ~sending.marker & places[k].any()
                    m.d.comb += [slot.spikes.eq(spikes_too), slot.address.eq(spike)]
                if layout.payload_shape.width:
                    m.d.comb += slot.payload.eq(Mux(sending.marker, 0, level))
        return sends

    def _spike(
        self, m: Module, one_hot: Value, levels: Signal, slot: int
    ) -> tuple[Signal, ValueLike]:
        """The number of a lane, and its level."""
        bits = self.payload_bits
        lane = Signal(range(self.block), name=f"lane_{slot}")
        level: ValueLike = 0
        for place in range(len(lane)):
            picks = [bit for index, bit in enumerate(one_hot) if index >> place & 1]
            m.d.comb += lane[place].eq(Cat(picks).any())
        for index, bit in enumerate(one_hot):
            level |= levels[index * bits : (index + 1) * bits] & bit.replicate(bits)
        return lane, level

    def _lanes_of(self, words: ValueLike, block: int, width: int) -> ValueLike:
        """What a block's lanes have in ``words``; the last block of a bank may be shorter."""
        row, column, channel = self.blocks[block]
        start = (row * self.banks[1] + column) * self.channel_lanes
        count = min(self.block, self.channel_lanes - channel)
        return words[(start + channel) * width : (start + channel + count) * width]

    def _pick(self, one_hot: ValueLike, words: ValueLike, width: int) -> ValueLike:
        picked: ValueLike = 0
        for block in range(len(self.blocks)):
            lanes = self._lanes_of(words, block, width)
            picked |= lanes & one_hot[block].replicate(len(lanes))
        return picked

    def _place(self, one_hot: ValueLike, host: ValueLike) -> ValueLike:
        """The chosen block's part of an address."""
        parts = []
        for layout in self.layouts:
            offsets = layout.offsets
            place: ValueLike = 0
            for block, (row, column, channel) in enumerate(self.blocks):
                at = (channel << offsets[0]) | (row << offsets[1]) | (column << offsets[2])
                place |= Mux(one_hot[block], at, 0)
            parts.append(place)
        return choose(parts, host)


def at_least(bits: Value, count: int) -> Value:
    """Whether so many bits are 1, by halves: lookup tables are faster than a carry chain here."""
    if count <= 0 or count > len(bits):
        return Const(count <= 0, 1)
    if count == 1 or count == len(bits):
        return bits.any() if count == 1 else bits.all()
    low, high = bits[: len(bits) // 2], bits[len(bits) // 2 :]
    ways = [at_least(low, part) & at_least(high, count - part) for part in range(count + 1)]
    return Cat(ways).any()


def _lowest(bits: Value) -> Value:
    return Cat(bit & ~bits[:index].any() for index, bit in enumerate(bits))
