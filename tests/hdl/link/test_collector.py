"""Tokens in whole bytes, cut into frames."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.errors import ConfigurationError
from spikewright.hdl.link.collector import STAMP_BYTES, Collector
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

NARROW = TokenLayout(axes=axes_of((10,)), low=1, high=1)  # 6 bits
WIDE = TokenLayout(axes=axes_of((50,)), low=-300, high=300)  # 18 bits
PART, RESULT, END = 145, 146, 2


def test_a_payload_that_is_too_short():
    with pytest.raises(
        ConfigurationError,
        match=r"^the longest payload must hold a token and its times, 11 bytes, found 10$",
    ):
        Collector(layout=WIDE, longest=10)


def tokens_of(layout, rng, count):
    """Samples of some tokens each; the last token of all is an END."""
    return [
        {
            "kind": END if rng.random() < 0.1 or k == count - 1 else rng.randrange(2),
            "address": rng.randrange(1 << layout.address_bits),
            **(
                {"payload": rng.randrange(layout.low, layout.high + 1)}
                if layout.payload_shape.width
                else {}
            ),
        }
        for k in range(count)
    ]


def run(layout, tokens, *, longest=30, valid="1", ready="1", opens="1", wants="0"):
    """Frames (type, payload, whether somebody waited), in which cycle each token was taken, and
    when it was first offered, and when each byte was.
    """
    dut = Collector(layout=layout, longest=longest)
    frames, taken, bytes_at = [], [], []

    async def bench(ctx):
        left, body, held, now, quiet, free_for, offering = list(tokens), b"", None, 0, 0, 0, 0
        asked = False
        while quiet < 40:
            offering = bool(left) and (offering or valid[now % len(valid)] == "1")
            ctx.set(dut.i.valid, offering)
            if left:
                ctx.set(dut.i.payload, left[0])
            ctx.set(dut.now, now)
            ctx.set(dut.took, now ^ 0xFFFF_FFFF)
            takes = ready[now % len(ready)] == "1"
            ctx.set(dut.o.ready, takes)
            ctx.set(dut.open, opens[now % len(opens)] == "1")
            wanted = wants[now % len(wants)] == "1" or 0 < free_for < 4
            ctx.set(dut.wanted, wanted)
            _, _, took, offers, byte, commit, is_open, kind, free = await ctx.tick().sample(
                *(dut.i.ready, dut.o.valid, dut.o.payload, dut.commit, dut.open),
                *(dut.kind, dut.free),
            )
            asked |= bool(wanted)
            assert held is None or (offers and byte == held), "an offer changed"
            held = byte if offers and not takes else None
            assert not free or (wanted and not body and not offers and not commit)
            free_for = free_for + 1 if free else 0
            if offers and takes:
                body += bytes([byte])
                bytes_at.append(now)
            if commit:
                assert not offers
            if commit and is_open:
                frames.append((kind, body, asked))
                body, asked = b"", False
            if took and offering:
                taken.append(now)
                left.pop(0)
                offering = 0
            quiet = 0 if left else quiet + 1
            now += 1
            assert now < 30_000, "it never ends"
        assert not body

    simulate(dut, bench)
    return frames, taken, bytes_at


def words(layout, tokens, taken):
    """Of each token its bytes, an END's times included."""
    found = []
    for token, now in zip(tokens, taken, strict=True):
        value = layout.struct.const(token).as_value().value
        word = value.to_bytes(-(-layout.width // 8), "little")
        if token["kind"] == END:
            word += now.to_bytes(4, "little") + (now ^ 0xFFFF_FFFF).to_bytes(4, "little")
        found.append(word)
    return found


@pytest.mark.parametrize("layout", [NARROW, WIDE])
@pytest.mark.parametrize(
    ("valid", "ready", "opens", "wants"),
    [
        ("1", "1", "1", "0"),
        ("01101", "1", "0001", "0"),
        ("1", "0010111", "1", "0" * 37 + "1"),
        ("1", "1" * 30 + "0" * 41, "01", "0" * 22 + "111"),
    ],
)
@pytest.mark.parametrize("seed", [8])
def test_tokens_and_frames(layout, valid, ready, opens, wants, seed):
    tokens = tokens_of(layout, random.Random(seed), 70)
    frames, taken, _ = run(layout, tokens, valid=valid, ready=ready, opens=opens, wants=wants)
    expected = words(layout, tokens, taken)
    assert b"".join(body for _, body, _ in frames) == b"".join(expected)
    most = -(-layout.width // 8) + STAMP_BYTES
    for kind, body, asked in frames:
        assert body, "a frame of nothing"
        size, ended = 0, False
        while size < len(body):
            ended = tokens[0]["kind"] == END
            size += len(expected.pop(0))
            tokens.pop(0)
            assert ended == (size == len(body)) or not ended
        assert size == len(body) <= 30
        assert kind == (RESULT if ended else PART)
        # A part goes when somebody waits, or when an END might not fit.
        assert ended or asked or size + most > 30
    assert {kind for kind, _, _ in frames} == {PART, RESULT}


def test_latency_and_interval():
    dut = Collector(layout=WIDE, longest=300)
    tokens = tokens_of(WIDE, random.Random(1), 20)
    for token in tokens[:-1]:
        token["kind"] = 0
    _, taken, bytes_at = run(WIDE, tokens, longest=300)
    assert bytes_at[0] == dut.latency  # the first token is offered in cycle 0
    assert taken == [dut.interval * (k + 1) - 1 for k in range(20)]
    _, taken, _ = run(WIDE, [tokens[-1], tokens[0], tokens[-1]], longest=300)
    assert taken[1] - taken[0] == dut.interval + 9
    _, full, _ = run(WIDE, tokens, longest=11)
    assert full[1] - full[0] == dut.interval + 2


def test_somebody_else_has_it_until_he_wants_no_more():
    dut = Collector(layout=NARROW, longest=30)

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.wanted, 1)
        ctx.set(dut.o.ready, 1)
        for _ in range(20):
            assert ctx.get(dut.free) and not ctx.get(dut.o.valid) and not ctx.get(dut.i.ready)
            await ctx.tick()
        ctx.set(dut.wanted, 0)
        assert not ctx.get(dut.free) and ctx.get(dut.o.valid)

    simulate(dut, bench)


def test_an_offer_is_not_withdrawn():
    """Somebody who comes while the first byte waits comes behind it."""
    dut = Collector(layout=NARROW, longest=30)

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        await ctx.tick()
        ctx.set(dut.wanted, 1)
        for _ in range(5):
            assert ctx.get(dut.o.valid) and not ctx.get(dut.free)
            await ctx.tick()

    simulate(dut, bench)


def test_a_reset_forgets_what_was_written():
    dut, cut = Collector(layout=NARROW, longest=30), Signal()

    async def bench(ctx):
        ctx.set(dut.i.payload, {"kind": END, "address": 3})
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        for cycles in range(1, 12):
            await ctx.tick().repeat(cycles)
            ctx.set(cut, 1)
            await ctx.tick()
            ctx.set(cut, 0)
            ctx.set(dut.wanted, 1)
            assert ctx.get(dut.free) and not ctx.get(dut.commit)
            ctx.set(dut.wanted, 0)

    simulate(ResetInserter(cut)(dut), bench)
