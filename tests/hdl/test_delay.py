"""What a connection with a delay sends comes one step later, and not in the next sample."""

import random

import pytest
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, TokenKind
from spikewright.hdl.delay import DelayUnit
from spikewright.hdl.merge import Merge
from spikewright.hdl.queue import SpikeQueue
from spikewright.hdl.token import TokenLayout, axes_of
from support.ports import run_ports

LAYOUT = TokenLayout(axes=axes_of((5,)), low=0, high=1)
SPIKE, STEP, END = (kind.value for kind in TokenKind)
RESET, KEEP = EndFlag.RESET.value, EndFlag.KEEP.value
STALLS = [("1", "1", "1"), ("01", "1", "1"), ("1", "0001", "1"), ("1", "1", "001")]


class Consumer(wiring.Component):
    """A merge of one input without a delay and one with, each behind its queue."""

    def __init__(self, depth):
        self.depth = depth
        self.merge = Merge(layouts=[LAYOUT, LAYOUT], hosts=[[0, 1]])
        super().__init__(
            {
                "now": In(LAYOUT.signature),
                "late": In(LAYOUT.signature),
                "o": Out(self.merge.o.signature),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.merge = merge = self.merge
        m.submodules.unit = unit = DelayUnit(layout=LAYOUT)
        m.submodules.first = first = SpikeQueue(layout=LAYOUT, depth=2)
        m.submodules.second = second = SpikeQueue(layout=LAYOUT, depth=self.depth)
        wiring.connect(m, wiring.flipped(self.now), first.i)
        wiring.connect(m, wiring.flipped(self.late), second.i)
        wiring.connect(m, second.o, unit.i)
        wiring.connect(m, first.o, merge.i_0)
        wiring.connect(m, unit.o, merge.i_1)
        wiring.connect(m, merge.o, wiring.flipped(self.o))
        head = first.o
        kind = Cat(head.valid, head.payload.kind)
        m.d.comb += [
            unit.steps.eq(kind == Cat(1, STEP)),
            unit.ends.eq(head.valid & (head.payload.kind == END)),
            unit.keep.eq(head.payload.address[0]),
            unit.passed.eq(unit.o.valid & unit.o.ready & (unit.o.payload.kind != SPIKE)),
        ]
        return m


def mark(kind, address=0):
    return {"kind": kind, "address": address}


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
    dut = Consumer(depth)
    _, sinks = run_ports(
        dut,
        {"now": (sent_now, stalls[0]), "late": (sent_late, stalls[1])},
        {"o": (count, stalls[2])},
        read=lambda token: {name: getattr(token, name) for name in ("kind", "port", "body")},
    )
    assert list(seen(sinks["o"].payloads)) == want
