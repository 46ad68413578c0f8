"""What a connection with a delay sends comes one step later, and not in the next sample."""

import random

import pytest

from spikewright.hdl.delay import DelayUnit
from spikewright.hdl.token import TokenLayout, axes_of
from support.late import END, KEEP, RESET, SPIKE, STEP, Consumer, mark
from support.ports import run_ports

LAYOUT = TokenLayout(axes=axes_of((5,)), low=0, high=1)
STALLS = [("1", "1", "1"), ("01", "1", "1"), ("1", "0001", "1"), ("1", "1", "001")]


def tokens(samples):
    """[sample][step][address] and flags, as a stream."""
    for steps, flag in samples:
        for spikes in steps:
            yield from (mark(SPIKE, address) for address in spikes)
            yield mark(STEP)
        yield mark(END, flag)


def expected(now, late):
    """What each step of the consumer adds, as the docstring words it: (now, late), or a flag."""
    before = []
    for (steps, flag), (sources, _) in zip(now, late, strict=True):
        for spikes, source in zip(steps, sources, strict=True):
            yield sorted(spikes), sorted(before)
            before = source
        yield flag
        if flag == RESET:
            before = []


def seen(items):
    """The same of what the merge sent."""
    step = ([], [])
    for token in items:
        if token["kind"] == SPIKE:
            step[token["port"]].append(token["body"])
        elif token["kind"] == STEP:
            yield sorted(step[0]), sorted(step[1])
            step = ([], [])
        else:
            assert step == ([], [])
            yield token["body"]


def drawn(rng, flags, most):
    def spikes():
        return [rng.randrange(5) for _ in range(rng.randrange(4))]

    lengths = [rng.randint(1, most) for _ in flags]
    return [
        [([spikes() for _ in range(n)], flag) for n, flag in zip(lengths, flags, strict=True)]
        for _ in range(2)
    ]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("depth", [6, 12, 40])
def test_every_step_has_the_spikes_of_the_step_before(stalls, most, depth):
    rng = random.Random(f"{stalls}{most}{depth}")
    flags = [RESET, RESET, KEEP, KEEP, RESET, KEEP, RESET, RESET]
    now, late = drawn(rng, flags, most)
    want = list(expected(now, late))
    sent_now, sent_late = list(tokens(now)), list(tokens(late))
    # What waits for a sample that never comes is not awaited either.
    dropped = sum(1 for steps, flag in late for _ in steps[-1] if flag == RESET)
    kept = sum(len(spikes) for steps, _ in late for spikes in steps) - dropped
    count = len(sent_now) + kept
    dut = Consumer(DelayUnit(layout=LAYOUT), depth)
    _, sinks = run_ports(
        dut,
        {"now": (sent_now, stalls[0]), "late": (sent_late, stalls[1])},
        {"o": (count, stalls[2])},
        read=lambda token: {name: getattr(token, name) for name in ("kind", "port", "body")},
    )
    assert list(seen(sinks["o"].payloads)) == want
