"""Payloads of TOKENS frames against a plain reading of docs/link.md."""

import random
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.feeder import Feeder
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

SPIKE, STEP, END = range(3)
WORDS, BITMAP, VALUES = range(3)
UNIT = TokenLayout(axes=axes_of((40,)), low=1, high=1)  # a word of 1 byte, no payload
SMALL = TokenLayout(axes=axes_of((7,)), low=-3, high=7)  # 2 bytes, a value of 1
LARGE = TokenLayout(axes=axes_of((2000,)), low=-300, high=300)  # 3 bytes, a value of 2
TALL = TokenLayout(axes=axes_of((2,)), low=0, high=70_000)  # a value is as long as a word, 3 bytes
LAYOUTS = [UNIT, SMALL, LARGE, TALL]
FRAMED = [False, False, False, True]


def test_how_many_inputs_there_may_be():
    for count in (0, 17):
        with pytest.raises(
            ConfigurationError, match=rf"^a link must have 1 to 16 inputs, found {count}$"
        ):
            Feeder(layouts=[UNIT] * count, framed=[False] * count)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a TOKENS frame says, and the bytes behind."""

    index: int
    spikes: int
    data: bytes
    end: bool = False
    keep: bool = False
    steps: int = 0


def word_of(layout, kind, address, payload):
    bits = layout.payload_shape.width
    address &= (1 << layout.address_bits) - 1
    return kind | address << 2 | (payload & (1 << bits) - 1) << 2 + layout.address_bits


def reading(layouts, framed, command):
    """The words that leave, in order."""
    layout, data = layouts[command.index], command.data
    size = -(-layout.width // 8)
    value_size = max(1, -(-layout.payload_shape.width // 8))
    found = []
    if command.spikes == WORDS:
        for k in range(len(data) // size):
            word = int.from_bytes(data[size * k : size * (k + 1)], "little")
            found.append(word & (1 << layout.width) - 1)
    elif len(data) >= 2:
        first, rest = int.from_bytes(data[:2], "little"), data[2:]
        if command.spikes == BITMAP:
            for k in range(8 * len(rest)):
                if rest[k // 8] >> k % 8 & 1:
                    found.append(word_of(layout, SPIKE, first + k, 1))
        else:
            for k in range(len(rest) // value_size):
                value = int.from_bytes(rest[value_size * k : value_size * (k + 1)], "little")
                if value:
                    found.append(word_of(layout, SPIKE, first + k, value))
    if not framed[command.index]:
        found += [word_of(layout, STEP, command.keep, 1)] * command.steps
    if command.end:
        found.append(word_of(layout, END, command.keep, 1))
    return found


def run(layouts, framed, commands, *, valid="1", ready="1"):
    """Words of each command, when its first byte was taken, when each token was offered first."""
    dut = Feeder(layouts=layouts, framed=framed)
    found, began, offered, frames = [], [], [], []

    async def bench(ctx):
        now, held = 0, None
        for command in commands:
            words, left, done, first = [], list(command.data), False, True
            for name in ("index", "spikes", "end", "keep", "steps"):
                ctx.set(getattr(dut, name), getattr(command, name))
            while not done:
                ctx.set(dut.begin, first)
                ctx.set(dut.i.valid, not first and bool(left) and valid[now % len(valid)] == "1")
                ctx.set(dut.i.payload, left[0] if left else 0xFF)
                ctx.set(dut.last, not left)
                takes = ready[now % len(ready)] == "1"
                streams = dut.outputs
                for output in streams:
                    ctx.set(output.ready, takes)
                _, _, offers, room, done, *rest = await ctx.tick().sample(
                    *(dut.i.valid, dut.i.ready, dut.done),
                    *(output.valid for output in streams),
                    *(output.payload.as_value() for output in streams),
                )
                valids, payloads = rest[: len(streams)], rest[len(streams) :]
                if offers and room:
                    left.pop(0)
                    began.append(now)
                assert sum(valids) == valids[command.index]
                offer = payloads[command.index] if valids[command.index] else None
                assert held is None or offer == held, "an offer changed"
                if offer is not None and held is None:
                    offered.append(now)
                held = offer if not takes else None
                if offer is not None and takes:
                    words.append(offer)
                if not first:
                    ctx.set(dut.steps, 0xAA)  # it was sampled
                first = False
                now += 1
                assert now < 30_000, "it never ends"
            assert not left and held is None
            found.append(words)
            frames.append(ctx.get(dut.steps_of_frame))

    simulate(dut, bench)
    return found, began, offered, frames


def commands(rng, count):
    found = []
    for _ in range(count):
        index = rng.randrange(len(LAYOUTS))
        spikes = rng.randrange(3)
        sparse = [rng.choice((0, 0, 1, 0x80, 0xFF, rng.randrange(256))) for _ in range(8)]
        data = bytes(sparse[: rng.randrange(9)])
        if spikes != WORDS and rng.random() < 0.9:
            top = LAYOUTS[index].address_bits
            data = rng.randrange(1 << top).to_bytes(2, "little") + data
        found.append(
            Command(
                index=index,
                spikes=spikes,
                data=data,
                end=rng.random() < 0.5,
                keep=rng.random() < 0.5,
                steps=rng.choice((0, 0, 1, 3)),
            )
        )
    return found


@pytest.mark.parametrize(
    ("valid", "ready"), [("1", "1"), ("001", "1"), ("1", "0001"), ("110", "01")]
)
@pytest.mark.parametrize("seed", [9])
def test_against_a_reading(valid, ready, seed):
    sent = commands(random.Random(seed), 70)
    # Of what has no whole address there is nothing but what follows.
    for spikes, data in product((BITMAP, VALUES), (b"", b"\x05")):
        sent.append(Command(index=1, spikes=spikes, data=data, end=True, steps=1))
    found, _, _, frames = run(LAYOUTS, FRAMED, sent, valid=valid, ready=ready)
    assert found == [reading(LAYOUTS, FRAMED, command) for command in sent]
    steps = 0
    for command, shown in zip(sent, frames, strict=True):
        if FRAMED[command.index] and command.end:
            steps = command.steps
        assert shown == steps


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", [10])
def test_an_input_alone(layout, seed):
    """Every byte of a bitmap, and more STEPs than a byte of 7 bits."""
    sent = [
        Command(index=0, spikes=BITMAP, data=bytes([1, 0, *range(0, 256, 7), 255])),
        Command(index=0, spikes=VALUES, data=bytes([0, 0]) + random.Random(seed).randbytes(24)),
        Command(index=0, spikes=WORDS, data=random.Random(seed).randbytes(24)),
        Command(index=0, spikes=WORDS, data=b"", steps=255, end=True, keep=True),
    ]
    found, *_ = run([layout], [False], sent)
    assert found == [reading([layout], [False], command) for command in sent]


def test_latency_and_interval():
    latency = Feeder.latency
    three = Command(index=0, spikes=WORDS, data=bytes(9))
    _, taken, offered, _ = run([LARGE], [False], [three])
    assert [now - taken[2 + 3 * k] for k, now in enumerate(offered)] == [latency] * 3
    assert offered[1] - offered[0] == 4  # a cycle a byte and one a token
    values = Command(index=0, spikes=VALUES, data=bytes([0, 0, 1, 0, 2, 0]))
    _, taken, offered, _ = run([LARGE], [False], [values])
    assert [now - taken[3 + 2 * k] for k, now in enumerate(offered)] == [latency] * 2
    bits = Command(index=0, spikes=BITMAP, data=bytes([0, 0, 0xFF, 0, 0, 0xFF]))
    _, taken, offered, _ = run([LARGE], [False], [bits])
    assert offered[0] == taken[2] + latency
    assert offered[:8] == list(range(offered[0], offered[0] + 8))
    assert [b - a for a, b in pairwise(taken[2:])] == [9, 2, 2]


def test_a_reset_waits_for_begin():
    dut, cut = Feeder(layouts=[LARGE], framed=[False]), Signal()

    async def bench(ctx):
        for spikes in (WORDS, BITMAP, VALUES):
            for cycles in range(2, 14):
                ctx.set(dut.spikes, spikes)
                ctx.set(dut.steps, 2)
                ctx.set(dut.begin, 1)
                await ctx.tick()
                ctx.set(dut.begin, 0)
                ctx.set(dut.i.valid, 1)
                ctx.set(dut.i.payload, 0x81)
                ctx.set(dut.o_0.ready, cycles % 2)
                await ctx.tick().repeat(cycles)
                ctx.set(cut, 1)
                await ctx.tick()
                ctx.set(cut, 0)
                for _ in range(3):
                    assert not ctx.get(dut.o_0.valid) and not ctx.get(dut.i.ready)
                    await ctx.tick()

    simulate(ResetInserter(cut)(dut), bench)
