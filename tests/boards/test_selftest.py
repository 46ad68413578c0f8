"""The self-test sends its sample again and again and tells the label that came back."""

from itertools import pairwise

import pytest

from spikewright.boards import SelfTest
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout
from support.streams import simulate

INPUT = TokenLayout(neurons=6, low=-3, high=3)
OUTPUT = TokenLayout(neurons=4, low=-9, high=9)
WORDS = [0b101_010_00, 0b001_101_00, 0b000_000_01, 0b000_000_10]
RESET = WORDS[-1]


def make(*, tokens=WORDS, expected=2, pause=5):
    return SelfTest(
        input_layout=INPUT, output_layout=OUTPUT, tokens=tokens, expected=expected, pause=pause
    )


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            {"tokens": WORDS[:-1]},
            ConfigurationError,
            r"^the stored tokens must be one sample with its END last, found 3 tokens with 0 END$",
        ),
        (
            {"tokens": [RESET, RESET]},
            ConfigurationError,
            r"^the stored tokens must be one sample with its END last, found 2 tokens with 2 END$",
        ),
        (
            {"tokens": []},
            ConfigurationError,
            r"^the stored tokens must be one sample with its END last, found 0 tokens with 0 END$",
        ),
        (
            {"tokens": [1 << INPUT.width, RESET]},
            RangeError,
            r"^token 0: a stored token must fit 8 bits, found 256$",
        ),
        (
            {"expected": 4},
            RangeError,
            r"^the expected label must lie in 0\.\.3, found 4$",
        ),
        ({"pause": 0}, ConfigurationError, r"^pause must be at least 1, found 0$"),
    ],
)
def test_errors(change, kind, message):
    with pytest.raises(kind, match=message):
        make(**change)


def drive(dut, labels, *, ready="1", wait=3, start_at=None):
    """Take each run's tokens, answer with a label; the words and cycles of every run."""
    runs, lights = [], []

    async def bench(ctx):
        now = 0

        async def tick():
            nonlocal now
            ctx.set(dut.start, start_at is not None and now >= start_at)
            await ctx.tick()
            now += 1

        for label in labels:
            words, cycles, held = [], [], None
            while not words or words[-1] & 3 != TokenKind.END:
                taking = ready[now % len(ready)] == "1"
                ctx.set(dut.o.ready, taking)
                if ctx.get(dut.o.valid):
                    word = ctx.get(dut.o.payload.as_value())
                    assert held is None or word == held, "a payload changed while it waited"
                    held = word
                    if taking:
                        words.append(word)
                        cycles.append(now)
                        held = None
                else:
                    assert held is None, "an offer was withdrawn"
                await tick()
            for _ in range(wait):
                assert not ctx.get(dut.o.valid), "a run began before the last one's result"
                await tick()
            # What is not the END must be passed over.
            answers = [
                (TokenKind.STEP, 3),
                (TokenKind.SPIKE, (label + 1) % 4),
                (TokenKind.END, label),
            ]
            for kind, address in answers:
                ctx.set(dut.i.payload, {"kind": kind, "address": address, "payload": 0})
                ctx.set(dut.i.valid, 1)
                assert ctx.get(dut.i.ready)
                await tick()
                ctx.set(dut.i.valid, 0)
            runs.append((words, cycles, now))
            lights.append(
                tuple(
                    ctx.get(light)
                    for light in (dut.label, dut.done, dut.match, dut.mismatch, dut.beat)
                )
            )

    simulate(dut, bench)
    return runs, lights


@pytest.mark.parametrize("ready", ["1", "01", "0001101"])
def test_the_sample_is_sent_again_and_again(ready):
    runs, _ = drive(make(), [2, 2, 2], ready=ready)
    assert [words for words, _, _ in runs] == [WORDS] * 3


def test_a_sample_of_one_token():
    runs, _ = drive(make(tokens=[RESET]), [2, 0])
    assert [words for words, _, _ in runs] == [[RESET]] * 2


def test_lights():
    """Label, done, match, mismatch, beat."""
    _, lights = drive(make(expected=2), [2, 1, 2, 0, 3])
    assert lights == [
        (2, 1, 1, 0, 1),
        (1, 1, 0, 1, 0),
        (2, 1, 1, 0, 1),
        (0, 1, 0, 1, 0),
        (3, 1, 0, 1, 1),
    ]


def test_without_an_expected_label_nothing_matches():
    _, lights = drive(make(expected=None), [2, 0])
    assert lights == [(2, 1, 0, 0, 1), (0, 1, 0, 0, 0)]


def test_nothing_is_lit_before_a_result():
    dut = make()

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for _ in range(50):
            lights = (dut.label, dut.done, dut.match, dut.mismatch, dut.beat)
            assert all(not ctx.get(light) for light in lights)
            await ctx.tick()

    simulate(dut, bench)


def test_latency_interval_and_pause():
    dut = make(pause=9)
    (_, first, ended), (_, second, _) = drive(dut, [2, 2])[0]
    assert first[0] == dut.latency
    assert {b - a for a, b in pairwise(first)} == {dut.interval}
    assert second[0] - ended == dut.pause + dut.latency


def test_the_button_ends_the_pause():
    dut = make(pause=1000)
    (_, _, ended), (_, second, _) = drive(dut, [2, 2], start_at=60)[0]
    assert ended < 60
    assert second[0] == 60 + 1 + dut.latency
