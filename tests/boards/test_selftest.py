"""The self-test sends its sample again and again and judges what comes back."""

from itertools import pairwise

import numpy as np
import pytest

from spikewright.boards import SelfTest
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import simulate

SPIKE, STEP, END = (int(kind) for kind in TokenKind)
INPUT = TokenLayout(axes=axes_of((6,)), low=-3, high=3)
OUTPUT = TokenLayout(axes=axes_of((4,)), low=-9, high=9, valued=True)
TOKENS = [(SPIKE, 2, -3), (SPIKE, 5, 1), (STEP, 0, 0), (END, 0, 0)]
WORDS = [0b101_010_00, 0b001_101_00, 0b000_000_01, 0b000_000_10]
ANSWER = [(STEP, 0, 0), (SPIKE, 0, 4), (SPIKE, 3, -9), (END, 2, 0)]


def fields(tokens):
    return tuple(np.array(field, dtype=np.int64) for field in zip(*tokens, strict=True))


def make(*, tokens=TOKENS, expected=ANSWER, pause=5):
    return SelfTest(
        input_layouts=[INPUT],
        output_layout=OUTPUT,
        tokens=[fields(tokens)],
        expected=fields(expected),
        pause=pause,
    )


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            {"tokens": TOKENS[:-1]},
            ConfigurationError,
            r"^the stored tokens must be one sample with its END last, found 3 tokens with 0 END$",
        ),
        (
            {"expected": [ANSWER[-1], ANSWER[-1]]},
            ConfigurationError,
            r"^the stored tokens must be one sample with its END last, found 2 tokens with 2 END$",
        ),
        (
            {"tokens": [(SPIKE, 6, 1), *TOKENS]},
            RangeError,
            r"^token 0: the address of a token must fit its layout, found 6$",
        ),
        (
            {"expected": [*ANSWER[:-1], (END, 4, 0)]},
            RangeError,
            r"^token 3: the address of a token must fit its layout, found 4$",
        ),
        (
            {"expected": [ANSWER[1], *ANSWER]},
            ConfigurationError,
            r"^a neuron must send at most one spike on the output, found more of one$",
        ),
        ({"pause": 0}, ConfigurationError, r"^pause must be at least 1, found 0$"),
    ],
)
def test_errors(change, kind, message):
    with pytest.raises(kind, match=message):
        make(**change)


def drive(dut, answers, *, ready="1", wait=3, start_at=None):
    """Take each run's tokens, answer; the words and cycles of every run, and its lights."""
    runs, lights = [], []

    async def bench(ctx):
        now = 0

        async def tick():
            nonlocal now
            ctx.set(dut.start, start_at is not None and now >= start_at)
            await ctx.tick()
            now += 1

        for answer in answers:
            words, cycles, held = [], [], None
            while not words or words[-1] & 3 != TokenKind.END:
                taking = ready[now % len(ready)] == "1"
                ctx.set(dut.o_0.ready, taking)
                if ctx.get(dut.o_0.valid):
                    word = ctx.get(dut.o_0.payload.as_value())
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
                assert not ctx.get(dut.o_0.valid), "a run began before the last one's result"
                await tick()
            for kind, address, payload in answer:
                token = {"kind": kind, "address": address, "payload": payload}
                ctx.set(dut.i.payload, token)
                ctx.set(dut.i.valid, 1)
                assert ctx.get(dut.i.ready)
                await tick()
                ctx.set(dut.i.valid, 0)
            await tick()
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
    runs, _ = drive(make(), [ANSWER] * 3, ready=ready)
    assert [words for words, _, _ in runs] == [WORDS] * 3


def test_the_label_is_a_neuron_whatever_its_address():
    """With 3 lanes neuron 3 has address 4: the lights show a class, not an address."""
    axes = axes_of((5,), (3, 1, 1))
    layout = TokenLayout(axes=axes, low=0, high=1, valued=True)
    dut = SelfTest(
        input_layouts=[INPUT],
        output_layout=layout,
        tokens=[fields(TOKENS)],
        expected=fields([(END, 3, 0)]),
        pause=5,
    )
    address = int(layout.encode(np.array(3)))
    assert address == 4
    _, lights = drive(dut, [[(END, address, 0)]] * 2)
    assert [label for label, *_ in lights] == [3, 3]
    assert [match for _, _, match, *_ in lights] == [1, 1]


def test_a_sample_of_one_token():
    runs, _ = drive(make(tokens=TOKENS[-1:]), [ANSWER] * 2)
    assert [words for words, _, _ in runs] == [WORDS[-1:]] * 2


WRONG = {
    "a label": [*ANSWER[:-1], (END, 1, 0)],
    "a payload": [*ANSWER[:2], (SPIKE, 3, -8), ANSWER[-1]],
    "a neuron": [*ANSWER[:2], (SPIKE, 2, -9), ANSWER[-1]],
    "a spike is missing": [*ANSWER[:2], ANSWER[-1]],
    "a spike comes twice": [*ANSWER[:2], ANSWER[1], *ANSWER[2:]],
    "a step is missing": ANSWER[1:],
    "a step is too many": [ANSWER[0], *ANSWER],
    "nothing but the end": ANSWER[-1:],
}


@pytest.mark.parametrize("name", WRONG)
def test_every_token_counts(name):
    """Label, done, match, mismatch, beat: right, wrong, right again in another order."""
    other = [ANSWER[2], ANSWER[1], ANSWER[0], ANSWER[3]]
    _, lights = drive(make(), [ANSWER, WRONG[name], other])
    assert lights == [(2, 1, 1, 0, 1), (WRONG[name][-1][1], 1, 0, 1, 0), (2, 1, 1, 0, 1)]


def test_far_too_many_tokens_are_not_as_many_as_there_must_be():
    _, lights = drive(make(), [ANSWER[:1] * 5 + ANSWER[1:2] * 9 + ANSWER[2:]])
    assert lights == [(2, 1, 0, 1, 1)]


def test_nothing_is_lit_before_a_result():
    dut = make()

    async def bench(ctx):
        ctx.set(dut.o_0.ready, 1)
        for _ in range(50):
            lights = (dut.label, dut.done, dut.match, dut.mismatch, dut.beat)
            assert all(not ctx.get(light) for light in lights)
            await ctx.tick()

    simulate(dut, bench)


def test_latency_interval_and_pause():
    dut = make(pause=9)
    (_, first, ended), (_, second, _) = drive(dut, [ANSWER] * 2)[0]
    assert first[0] == dut.latency
    assert {b - a for a, b in pairwise(first)} == {dut.interval}
    # ``ended`` is the cycle after the result is known.
    assert second[0] - ended == dut.pause + dut.latency


def test_the_button_ends_the_pause():
    dut = make(pause=1000)
    (_, _, ended), (_, second, _) = drive(dut, [ANSWER] * 2, start_at=60)[0]
    assert ended < 60
    assert second[0] == 60 + 1 + dut.latency
