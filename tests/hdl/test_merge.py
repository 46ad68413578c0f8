"""A merge loses nothing, keeps steps apart, and lets hosts of one core take turns."""

import itertools
import random

import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind
from spikewright.hdl.merge import Merge
from spikewright.hdl.token import TokenLayout, axes_of
from support.ports import run_ports
from support.router_states import END, SPIKE, STEP, MergeRule

WIDE = TokenLayout(axes=axes_of((5,)), low=-3, high=3)
UNIT = TokenLayout(axes=axes_of((9,)), low=0, high=1)
NARROW = TokenLayout(axes=axes_of((2,)), low=0, high=6)
STALLS = [("1", "1"), ("01", "1"), ("1", "001"), ("110", "011")]


def read(payload):
    return {name: getattr(payload, name) for name in ("kind", "host", "port", "body")}


def spike(layout, rng):
    token = {"kind": SPIKE.value, "address": rng.randrange(layout.neurons)}
    if not layout.is_unit:
        token["payload"] = rng.choice([v for v in range(layout.low, layout.high + 1) if v])
    return token


def mark(kind, keep=0):
    return {"kind": kind.value, "address": keep}


def body_of(layout, token):
    payload = token.get("payload", 0) & ((1 << layout.payload_shape.width) - 1)
    return token["address"] | payload << layout.address_bits


def samples(layout, rng, steps, keeps, most=4):
    """Steps of random spikes: the k-th sample has steps[k] of them and then END(keeps[k])."""
    tokens = []
    for count, keep in zip(steps, keeps, strict=True):
        for _ in range(count):
            tokens += [spike(layout, rng) for _ in range(rng.randrange(most + 1))]
            tokens.append(mark(STEP))
        tokens.append(mark(END, keep))
    return tokens


class Judge:
    """Follows the rule along what the hardware sent."""

    def __init__(self, dut, sent):
        self.rule = MergeRule(dut.hosts)
        self.turn = self.rule.start()
        self.left = [list(tokens) for tokens in sent]
        self.layouts = dut.layouts
        self.keep = {}

    def passes(self, token):
        """One token was sent; it must be what some move passes."""
        heads = [TokenKind(tokens[0]["kind"]) if tokens else None for tokens in self.left]
        kind = TokenKind(token["kind"])
        move = (kind, token["port"] if kind is SPIKE else token["host"])
        assert move in list(self.rule.moves(self.turn, heads))
        taken = self.rule.taken(self.turn, move, heads)
        gone = [self.left[port].pop(0) for port in taken]
        if kind is SPIKE:
            port = token["port"]
            host = next(h for h, ports in enumerate(self.rule.hosts) if port in ports)
            assert token["host"] == host
            assert token["body"] == body_of(self.layouts[port], gone[0])
        else:
            assert token["port"] == 0
            if kind is END and gone:
                self.keep[token["host"]] = gone[0]["address"]
            assert token["body"] == (self.keep[token["host"]] if kind is END else 0)
        self.turn = self.rule.after(self.turn, move)

    def answered(self, host, again):
        self.turn = self.rule.answered(self.turn, host, again)


class Answers:
    """How often each END comes again, in the order in which they first come."""

    def __init__(self, repeats):
        self.repeats = list(repeats)
        self.left = {}

    def again(self, host):
        left = self.left.pop(host) if host in self.left else self._next()
        if left:
            self.left[host] = left - 1
        return left > 0

    def _next(self):
        return self.repeats.pop(0) if self.repeats else 0


def run(dut, sent, *, valid="1", ready="1", repeats=()):
    """All tokens through the merge; ``repeats`` says how often each END comes again."""
    feeds = {
        f"i_{k}": (tokens, valid[k % len(valid) :] + valid[: k % len(valid)])
        for k, tokens in enumerate(sent)
    }
    answers = Answers(repeats)

    def each_cycle(ctx):
        if len(dut.hosts) > 1 and ctx.get(dut.o.valid & dut.o.ready):
            token = read(ctx.get(dut.o.payload))
            ctx.set(dut.again, token["kind"] == END and answers.again(token["host"]))

    count = sum(token["kind"] == SPIKE for tokens in sent for token in tokens)
    for ports in dut.hosts:
        per_sample = list(zip(*(steps_of(sent[port]) for port in ports), strict=True))
        count += sum(max(steps) + 1 for steps in per_sample)
    ends = sum(len(steps_of(sent[ports[0]])) for ports in dut.hosts)
    count += sum(repeats[:ends])
    sources, sinks = run_ports(dut, feeds, {"o": (count, ready)}, read=read, each_cycle=each_cycle)
    return sources, sinks["o"]


def steps_of(tokens):
    """Steps of each sample."""
    steps = [0]
    for token in tokens:
        if token["kind"] == STEP:
            steps[-1] += 1
        elif token["kind"] == END:
            steps.append(0)
    return steps[:-1]


def judge(dut, sent, seen, repeats=()):
    """Every token was one that might pass, and all came through."""
    judge, answers = Judge(dut, sent), Answers(repeats)
    for token in seen.payloads:
        judge.passes(token)
        if token["kind"] == END:
            judge.answered(token["host"], answers.again(token["host"]))
    assert judge.left == [[] for _ in sent]


def test_constructor_errors():
    with pytest.raises(ConfigurationError, match=r"^a merge must have at least 2 inputs, found 1$"):
        Merge(layouts=[WIDE], hosts=[[0]])
    with pytest.raises(
        ConfigurationError,
        match=r"^hosts must have each of 2 inputs once, found \[\[0\], \[0, 1\]\]$",
    ):
        Merge(layouts=[WIDE, UNIT], hosts=[[0], [0, 1]])
    with pytest.raises(
        ConfigurationError, match=r"^each host must have an input, found \[\[0, 1\], \[\]\]$"
    ):
        Merge(layouts=[WIDE, UNIT], hosts=[[0, 1], []])


@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_every_pair_of_short_streams(valid, ready):
    """Every two samples of up to two steps with up to one spike each, one after the other."""
    parts = [[], [{"kind": SPIKE.value, "address": 1}]]
    shapes = [
        [*itertools.chain.from_iterable([*part, mark(STEP)] for part in steps)]
        for length in range(3)
        for steps in itertools.product(parts, repeat=length)
    ]
    sent = [[], []]
    for keep, pair in enumerate(itertools.product(shapes, repeat=2)):
        for tokens, shape in zip(sent, pair, strict=True):
            tokens += [*shape, mark(END, keep % 2)]
    dut = Merge(layouts=[UNIT, UNIT], hosts=[[0, 1]])
    _, seen = run(dut, sent, valid=valid, ready=ready)
    judge(dut, sent, seen)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("hosts", [[[0, 1, 2]], [[0], [1, 2]], [[2], [0], [1]]])
def test_random_streams_and_stalls(hosts, seed):
    """Sources of one host make different numbers of steps, as they do when they settle."""
    rng = random.Random(seed)
    layouts = [WIDE, UNIT, NARROW]
    keeps = [rng.randrange(2) for _ in range(6)]
    sent = [samples(layout, rng, [rng.randrange(4) for _ in keeps], keeps) for layout in layouts]
    dut = Merge(layouts=layouts, hosts=hosts)
    valid, ready = ("".join(rng.choices("0111", k=29)) + "1" for _ in range(2))
    repeats = [rng.randrange(3) for _ in range(40)] if len(hosts) > 1 else []
    _, seen = run(dut, sent, valid=valid, ready=ready, repeats=repeats)
    judge(dut, sent, seen, repeats)


def test_hosts_go_in_lock_step():
    """One host has all its markers at once; it still waits for the other one's."""
    rng = random.Random(1)
    sent = [[mark(STEP)] * 3 + [mark(END)], samples(UNIT, rng, [2], [0], most=5)]
    dut = Merge(layouts=[UNIT, UNIT], hosts=[[0], [1]])
    _, seen = run(dut, [sent[0] * 2, sent[1] * 2])
    marks = [(t["host"], t["kind"]) for t in seen.payloads if t["kind"] != SPIKE]
    one = [(0, STEP), (1, STEP), (0, STEP), (1, STEP), (0, STEP), (1, END), (0, END)]
    assert marks == one * 2


def test_an_end_comes_again_in_its_turn():
    sent = [[mark(END, 1), mark(STEP), mark(END)], [mark(STEP), mark(STEP), mark(END)] * 2]
    dut = Merge(layouts=[UNIT, UNIT], hosts=[[0], [1]])
    repeats = [1, 0, 0]
    _, seen = run(dut, sent, repeats=repeats)
    judge(dut, sent, seen, repeats)
    marks = [(t["host"], t["kind"], t["body"]) for t in seen.payloads]
    assert marks[:5] == [(0, END, 1), (1, STEP, 0), (0, END, 1), (1, STEP, 0), (1, END, 0)]


def test_inputs_take_turns():
    """Three inputs with many spikes each: none is served twice before the others."""
    spikes = [{"kind": SPIKE.value, "address": 1}] * 8
    dut = Merge(layouts=[UNIT] * 3, hosts=[[0, 1, 2]])
    _, seen = run(dut, [[*spikes, mark(STEP), mark(END)] for _ in range(3)])
    ports = [t["port"] for t in seen.payloads if t["kind"] == SPIKE]
    assert ports == [0, 1, 2] * 8


@pytest.mark.parametrize("hosts", [[[0, 1]], [[0], [1]]])
def test_latency_and_interval(hosts):
    rng = random.Random(5)
    sent = [samples(UNIT, rng, [1], [0], most=30), samples(UNIT, rng, [1], [0], most=30)]
    dut = Merge(layouts=[UNIT, UNIT], hosts=hosts)
    sources, seen = run(dut, sent)
    times = [now for now, _ in seen.items]
    assert times[0] - sources["i_0"].accepted[0] == dut.latency
    assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}
