"""Fills the memories of an accelerator from an image, and says whether all is there."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .crc import SerialCrc
from .load import (
    BASE_WORDS,
    CRC_WORDS,
    HASH_WORDS,
    LOAD_BITS,
    LOAD_SIGNATURE,
    LoadResult,
    load_port,
    words_of,
)
from .segment_writer import SegmentWriter

__all__ = ["LOADER_MEMBERS", "NETWORK_SIGNATURE", "Loader"]


class _State(enum.Enum, shape=3):
    """What the next word is, or that none is taken."""

    DESIGN = 0
    BASE = 1
    ACCEPT = 2
    NETWORK = 3
    SEGMENTS = 4
    CRC = 5
    JUDGE = 6
    DONE = 7


_PLACE_BITS = 5  # of 32 bytes of a hash
_TAG_BYTES = 4

NETWORK_SIGNATURE = wiring.Signature({"write": Out(1), "place": Out(_PLACE_BITS), "byte": Out(8)})
"""The hash of a network while it passes, byte by byte."""

LOADER_MEMBERS = {
    "load": In(LOAD_SIGNATURE),
    "reload": In(1),
    "loaded": Out(1),
    "load_done": Out(1),
    "load_result": Out(LoadResult),
    "network_hash": Out(NETWORK_SIGNATURE),
    "tag": Out(32),
}
"""What an accelerator shows of its loader."""


class Loader(wiring.Component):
    """Reads an image as ``load`` describes it, and writes its rows.

    An image for another design, or one that changes a network that is not there, changes nothing.
    From the first row on nothing is there, until the image has ended well.

    Parameters
    ----------
    design : of 32 bytes. shapes : (rows, bits) of each memory, by its number.
    own : the hash of the only network that the design is for, which nothing is a patch of; None
    where others may come.

    Members
    -------
    load : In(stream), the image; what comes behind its end is swallowed. reload : In, for a cycle:
    the next word is the first of another image.
    port_0, port_1, ... : Out, to the memories. loaded : Out, a whole network is there.
    done : Out, the image has ended; result : Out, how, a ``LoadResult``.
    network : Out, the hash of the network that begins to be loaded, while it passes. tag : Out, the
    first four bytes of the last such, or of ``own``.

    Timing
    ------
    interval : cycles a word takes. latency : cycles from the acceptance of the last word to
    ``done``. It never stalls otherwise.

    Storage: counters, the crc, a bit for each memory. Reset forgets that anything was loaded.
    """

    interval = 2 * SerialCrc.interval
    latency = SerialCrc.interval + 2

    def __init__(
        self, *, design: bytes, shapes: Sequence[tuple[int, int]], own: bytes | None = None
    ) -> None:
        if len(design) != 2 * HASH_WORDS:
            raise ConfigurationError(
                f"design must have {2 * HASH_WORDS} bytes", found=str(len(design))
            )
        self.design = design
        self.own = own
        self.shapes = tuple(shapes)
        self.segments = SegmentWriter(shapes=shapes)
        super().__init__(
            {
                "load": In(LOAD_SIGNATURE),
                "reload": In(1),
                **{f"port_{k}": Out(load_port(*shape)) for k, shape in enumerate(shapes)},
                "loaded": Out(1),
                "done": Out(1),
                "result": Out(LoadResult),
                "network": Out(NETWORK_SIGNATURE),
                "tag": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A word counts as its second byte goes into the crc, and is held until then."""
        m = Module()
        m.submodules.crc = check = SerialCrc()
        m.submodules.segments = segments = self.segments
        state, half, count, calm = Signal(_State), Signal(), Signal(range(HASH_WORDS)), Signal()
        wrong, other, patch = Signal(), Signal(), Signal()
        word, begins, takes = self.load.payload, Signal(), Signal()
        # Two states look at what came, and take no word.
        stands = (state == _State.ACCEPT) | (state == _State.JUDGE)
        m.d.comb += [
            begins.eq(self.load.valid & ~check.busy & ~stands),
            takes.eq(begins & half),
            self.load.ready.eq(half & ~check.busy & ~stands),
            check.clear.eq(self.reload),
            check.byte.eq(word.word_select(half, 8)),
            check.start.eq(begins),
            self.network.write.eq(begins & (state == _State.NETWORK)),
            self.network.place.eq(Cat(half, count)),
            self.network.byte.eq(check.byte),
            self.done.eq(state == _State.DONE),
            segments.word.eq(word),
            segments.writes.eq(begins & ~half & (state == _State.SEGMENTS)),
            segments.takes.eq(takes & (state == _State.SEGMENTS)),
            segments.anew.eq(self.reload),
            segments.active.eq(~self.loaded),
        ]
        for k in range(len(self.shapes)):
            name = f"port_{k}"
            wiring.connect(m, getattr(segments, name), wiring.flipped(getattr(self, name)))
        if self.own is not None:
            m.d.comb += self.tag.eq(int.from_bytes(self.own[:_TAG_BYTES], "little"))
        m.d.sync += [half.eq(half ^ begins), calm.eq(~check.busy)]
        with m.Switch(state):
            with m.Case(_State.DESIGN):
                own = Array(words_of(self.design))
                with m.If(takes):
                    m.d.sync += [count.eq(count + 1), wrong.eq(wrong | (word != own[count]))]
                    with m.If(count == HASH_WORDS - 1):
                        m.d.sync += state.eq(_State.BASE)
            with m.Case(_State.BASE), m.If(takes):
                m.d.sync += [count.eq(count + 1), patch.eq(patch | (word != 0))]
                if self.own is None:
                    here = self.tag.word_select(count[0], LOAD_BITS)
                    m.d.sync += other.eq(other | (word != here))
                with m.If(count == BASE_WORDS - 1):
                    m.d.sync += state.eq(_State.ACCEPT)
            with m.Case(_State.ACCEPT):
                m.d.sync += [count.eq(0), state.eq(_State.NETWORK)]
                with m.If(wrong):
                    self._end(m, state, LoadResult.DESIGN)
                with m.Elif(patch & (other | ~self.loaded | (self.own is not None))):
                    self._end(m, state, LoadResult.BASE)
                with m.Else():
                    m.d.sync += self.loaded.eq(0)
            with m.Case(_State.NETWORK), m.If(takes):
                m.d.sync += count.eq(count + 1)
                # A whole image begins with nothing.
                m.d.comb += segments.clear.eq(~patch)
                if self.own is None:
                    with m.If(count < BASE_WORDS):
                        m.d.sync += self.tag.eq(Cat(self.tag[LOAD_BITS:], word))
                with m.If(count == HASH_WORDS - 1):
                    m.d.sync += state.eq(_State.SEGMENTS)
            with m.Case(_State.SEGMENTS):
                with m.If(segments.ended):
                    m.d.sync += state.eq(_State.CRC)
                # What is no segment may say that it has any number of rows.
                with m.If(segments.wrong):
                    m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.CRC), m.If(takes):
                m.d.sync += count.eq(count + 1)
                with m.If(count == CRC_WORDS - 1):
                    m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.JUDGE), m.If(calm & ~check.busy):
                with m.If(segments.wrong | ~check.right):
                    self._end(m, state, LoadResult.DAMAGED)
                with m.Elif(~segments.filled):
                    self._end(m, state, LoadResult.LACKING)
                with m.Else():
                    m.d.sync += self.loaded.eq(1)
                    self._end(m, state, LoadResult.WELL)
        with m.If(self.reload):
            first = (half, count, wrong, other, patch)
            m.d.sync += [state.eq(_State.DESIGN), *(each.eq(0) for each in first)]
        return m

    def _end(self, m: Module, state: Signal, result: LoadResult) -> None:
        m.d.sync += [state.eq(_State.DONE), self.result.eq(result)]
