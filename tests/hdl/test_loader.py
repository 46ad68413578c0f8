"""The loader writes what an image says, and believes it only as a whole."""

import hashlib

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.crc import SerialCrc
from spikewright.hdl.load import Segment, image_of, row_words, words_of_row
from spikewright.hdl.loader import Loader, LoadResult
from support.streams import simulate

DESIGN = hashlib.sha256(b"design").digest()
FIRST = hashlib.sha256(b"first").digest()
SECOND = hashlib.sha256(b"second").digest()
SHAPES = ((5, 16), (1, 3), (4, 37))


def contents(seed, shapes=SHAPES):
    """Rows of each memory."""
    rng = np.random.default_rng(seed)
    return [
        [int.from_bytes(rng.bytes(8), "little") % (1 << width) for _ in range(rows)]
        for rows, width in shapes
    ]


def segment(memory, rows, first=0, shapes=SHAPES):
    words = tuple(words_of_row(row, shapes[memory][1]) for row in rows)
    return Segment(memory=memory, first=first, rows=words)


def whole(memories):
    return [segment(k, rows) for k, rows in enumerate(memories)]


class Bench:
    """A loader, and the memories behind it as lists of words."""

    def __init__(self, ctx, loader, seed=None):
        self.ctx, self.loader = ctx, loader
        self.gaps = None if seed is None else np.random.default_rng(seed)
        self.written = [
            [[None] * row_words(width) for _ in range(rows)] for rows, width in loader.shapes
        ]
        self.network = [None] * 32
        self.cycles = 0

    async def tick(self):
        """A clock; what the ports say in it is written."""
        ctx, loader = self.ctx, self.loader
        for k, memory in enumerate(self.written):
            port = getattr(loader, f"port_{k}")
            enables = ctx.get(port.enables)
            if enables:
                assert enables.bit_count() == 1 and ctx.get(port.active)
                memory[ctx.get(port.row)][enables.bit_length() - 1] = ctx.get(port.data)
        if ctx.get(loader.network.write):
            self.network[ctx.get(loader.network.place)] = ctx.get(loader.network.byte)
        await ctx.tick()
        self.cycles += 1

    async def send(self, words):
        """All words, with gaps where there is a seed."""
        ctx, load = self.ctx, self.loader.load
        for word in words:
            while self.gaps is not None and self.gaps.random() < 0.3:
                ctx.set(load.valid, 0)
                await self.tick()
            ctx.set(load.valid, 1)
            ctx.set(load.payload, int(word))
            while not ctx.get(load.ready):
                await self.tick()
            await self.tick()
        ctx.set(load.valid, 0)

    async def image(self, words):
        """Another image, and how it ended."""
        self.ctx.set(self.loader.reload, 1)
        await self.tick()
        self.ctx.set(self.loader.reload, 0)
        assert not self.ctx.get(self.loader.done)
        await self.send(words)
        for _ in range(self.loader.latency - 1):
            await self.tick()
        assert self.ctx.get(self.loader.done)
        result = self.ctx.get(self.loader.result)
        assert self.ctx.get(self.loader.loaded) or result != LoadResult.WELL
        return result

    def rows(self):
        """What lies in the memories."""
        return [
            [sum(word << 16 * k for k, word in enumerate(row)) for row in memory]
            for memory in self.written
        ]


def run(body, *, shapes=SHAPES, seed=None, own=None):
    loader = Loader(design=DESIGN, shapes=shapes, own=own)

    async def bench(ctx):
        await body(ctx, Bench(ctx, loader, seed))

    simulate(loader, bench)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"design": b"short"}, "design must have 32 bytes, found 5"),
        ({"shapes": ()}, "the memories that are loaded must be 1 to 255, found 0"),
        (
            {"shapes": ((0, 4),)},
            "a memory must have bits, and 1 to 65535 rows, found 0 rows of 4 bits",
        ),
        (
            {"shapes": ((2, 0),)},
            "a memory must have bits, and 1 to 65535 rows, found 2 rows of 0 bits",
        ),
    ],
)
def test_what_it_refuses(arguments, text):
    with pytest.raises(ConfigurationError) as caught:
        Loader(**({"design": DESIGN, "shapes": SHAPES} | arguments))
    assert str(caught.value) == text


@pytest.mark.parametrize("part", ["design", "network", "base"])
def test_an_image_has_hashes_of_their_length(part):
    with pytest.raises(ConfigurationError, match=f"{part} must have"):
        image_of([], **({"design": DESIGN, "network": FIRST} | {part: b"123"}))


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_whole_image_then_a_patch(seed):
    before, after = contents(1), contents(2)

    async def body(ctx, bench):
        loader = bench.loader
        words = image_of(whole(before), design=DESIGN, network=FIRST)
        assert await bench.image(words) == LoadResult.WELL
        assert ctx.get(loader.loaded)
        assert bench.rows() == before
        assert bytes(bench.network) == FIRST
        assert ctx.get(loader.tag) == int.from_bytes(FIRST[:4], "little")
        changed = [segment(0, after[0][2:4], 2), segment(2, after[2][3:], 3)]
        words = image_of(changed, design=DESIGN, network=SECOND, base=FIRST[:4])
        assert await bench.image(words) == LoadResult.WELL
        assert bytes(bench.network) == SECOND
        mixed = [list(rows) for rows in before]
        mixed[0][2:4], mixed[2][3:] = after[0][2:4], after[2][3:]
        assert bench.rows() == mixed

    run(body, seed=seed)


def test_measured_interval_and_latency():
    async def body(ctx, bench):
        words = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
        await bench.send(words)
        # Of the last word, only its first byte has gone into the crc.
        taken = bench.loader.interval * (len(words) - 1) + SerialCrc.interval + 1
        assert bench.cycles == taken
        while not ctx.get(bench.loader.done):
            await bench.tick()
        ended = bench.cycles - taken
        assert ended == bench.loader.latency - 1

    run(body)


def test_what_comes_behind_the_end_is_swallowed():
    async def body(ctx, bench):
        words = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
        await bench.image(words)
        before = bench.rows()
        await bench.send(range(100))
        assert bench.rows() == before and ctx.get(bench.loader.loaded)

    run(body)


def test_images_that_are_not_for_it_change_nothing():
    first = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
    foreign = image_of(whole(contents(2)), design=FIRST, network=SECOND)
    patch = [segment(0, [7], 1)]

    async def body(ctx, bench):
        # A patch of a network that is not there yet.
        words = image_of(patch, design=DESIGN, network=SECOND, base=FIRST[:4])
        assert await bench.image(words) == LoadResult.BASE
        assert bench.written[0][1] == [None]
        assert await bench.image(foreign) == LoadResult.DESIGN
        assert not ctx.get(bench.loader.loaded)
        assert await bench.image(first) == LoadResult.WELL
        for words, result in (
            (foreign, LoadResult.DESIGN),
            (
                image_of(patch, design=DESIGN, network=SECOND, base=SECOND[:4]),
                LoadResult.BASE,
            ),
        ):
            assert await bench.image(words) == result
            assert ctx.get(bench.loader.loaded)
            assert bench.rows() == contents(1)
            assert bytes(bench.network) == FIRST

    run(body)


def test_from_its_head_on_nothing_is_there():
    """Whoever breaks off before it leaves the network, and all that is said of it."""
    good = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
    other = image_of(whole(contents(2)), design=DESIGN, network=SECOND)

    async def body(ctx, bench):
        for length in range(17, 23):
            assert await bench.image(good) == LoadResult.WELL
            ctx.set(bench.loader.reload, 1)
            await bench.tick()
            ctx.set(bench.loader.reload, 0)
            await bench.send(other[:length])
            # Also the first byte of the next word, if it is taken in halves.
            ctx.set(bench.loader.load.payload, other[length])
            ctx.set(bench.loader.load.valid, 1)
            for _ in range(SerialCrc.interval + 1):
                await bench.tick()
            ctx.set(bench.loader.load.valid, 0)
            await bench.tick()
            before = length < 18
            assert ctx.get(bench.loader.loaded) == before, length
            assert (bytes(bench.network) == FIRST) == before, length
            assert before or bench.network[0] == SECOND[0]

    run(body)


def test_a_design_of_one_network_takes_no_patch():
    own = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
    patch = [segment(0, [7], 1)]

    async def body(ctx, bench):
        assert ctx.get(bench.loader.tag) == int.from_bytes(FIRST[:4], "little")
        for _ in range(2):
            assert await bench.image(own) == LoadResult.WELL
            assert bytes(bench.network) == FIRST and bench.rows() == contents(1)
            for base in (FIRST, SECOND):
                words = image_of(patch, design=DESIGN, network=FIRST, base=base[:4])
                assert await bench.image(words) == LoadResult.BASE
                assert ctx.get(bench.loader.loaded) and bench.rows() == contents(1)

    run(body, own=FIRST)


def test_every_damaged_word_is_found():
    """None of them leaves anything that is called loaded, and the next image is loaded."""
    good = image_of(whole(contents(1)), design=DESIGN, network=FIRST)
    rng = np.random.default_rng(5)

    async def body(ctx, bench):
        assert await bench.image(good) == LoadResult.WELL
        for place in range(18, len(good)):
            # Words that say how much comes would make of it an image without an end.
            bad = list(good)
            bad[place] ^= 1 << int(rng.integers(16))
            ctx.set(bench.loader.reload, 1)
            await bench.tick()
            ctx.set(bench.loader.reload, 0)
            await bench.send(bad)
            await bench.tick()
            assert not ctx.get(bench.loader.loaded), place
            if ctx.get(bench.loader.done):
                assert ctx.get(bench.loader.result) == LoadResult.DAMAGED, place
            assert await bench.image(good) == LoadResult.WELL

    run(body)


def test_segments_that_no_memory_has():
    memories = contents(1)

    async def body(ctx, bench):
        for wrong in (
            Segment(memory=3, first=0, rows=((1,),)),
            segment(0, [memories[0][4], 2], 4),
            segment(1, [1], 1),
            segment(2, [1], 1 << 15),
            Segment(memory=0, first=0, rows=()),
        ):
            words = image_of([*whole(memories), wrong], design=DESIGN, network=FIRST)
            assert await bench.image(words) == LoadResult.DAMAGED, wrong
            assert not ctx.get(bench.loader.loaded)
            assert bench.rows() == memories, wrong

    run(body)


def test_a_memory_must_be_filled_from_its_first_row_to_its_last():
    memories = contents(1)

    async def body(ctx, bench):
        good = image_of(whole(memories), design=DESIGN, network=FIRST)
        for lacking in (
            [],
            whole(memories)[1:],
            [*whole(memories)[1:], segment(0, memories[0][:-1])],
            [*whole(memories)[1:], segment(0, memories[0][1:], 1)],
        ):
            assert await bench.image(good) == LoadResult.WELL
            words = image_of(lacking, design=DESIGN, network=FIRST)
            assert await bench.image(words) == LoadResult.LACKING
            assert not ctx.get(bench.loader.loaded)
            # Nor does a patch make it whole.
            words = image_of(whole(memories), design=DESIGN, network=SECOND, base=FIRST[:4])
            assert await bench.image(words) == LoadResult.BASE

    run(body)


def test_an_image_that_breaks_off():
    shapes = ((2, 16), (1, 20))
    memories = contents(1, shapes)
    segments = [segment(k, rows, shapes=shapes) for k, rows in enumerate(memories)]
    good = image_of(segments, design=DESIGN, network=FIRST)

    async def body(ctx, bench):
        for end in range(1, len(good)):
            assert await bench.image(good) == LoadResult.WELL
            ctx.set(bench.loader.reload, 1)
            await bench.tick()
            ctx.set(bench.loader.reload, 0)
            await bench.send(good[:end])
            await bench.tick()
            assert not ctx.get(bench.loader.done)
            # Until it is known for whom it is, the old network is there.
            assert ctx.get(bench.loader.loaded) == (end < 18), end
            if end < 18:
                assert ctx.get(bench.loader.tag) == int.from_bytes(FIRST[:4], "little")
                patch = image_of(segments[:1], design=DESIGN, network=FIRST, base=FIRST[:4])
                assert await bench.image(patch) == LoadResult.WELL, end
            assert await bench.image(good) == LoadResult.WELL
            assert bench.rows() == memories

    run(body, shapes=shapes)
