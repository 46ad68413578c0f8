"""Passes over membranes made of paper: what every neuron decides, keeps and sends, and how long.

The constructor has nothing to refuse: a core's configuration is checked as it is made.
"""

import itertools
import random
from itertools import cycle

import numpy as np
import pytest

from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Payload,
    Phases,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)
from spikewright.hdl import core_configs
from spikewright.hdl.sweep import Sweep
from support.graphs import plan_for
from support.scalar_network import ScalarSoma
from support.streams import simulate

pytestmark = pytest.mark.pairs

LANES = 3
STALLS = ["1", "01", "0011"]


def drawn(rng, n, low, high):
    return rng.integers(low, high + 1, n)


SETTLES = {
    "fire": Fire.TERNARY,
    "threshold_negative": 1,
    "s_min": -2,
    "s_max": 5,
    "bias_when": "first",
}
SOMAS = {
    "binary": {"fire": Fire.BINARY, "leak_v": Leak(multiplier=3, shift=2)},
    "ternary": {"fire": Fire.TERNARY, "threshold_negative": 4, "s_min": -3, "s_max": 2},
    "delayed": {"fire": Fire.BINARY, "reset_delay": True, "v_min": -20},
    "one-hot": {"fire": Fire.ONEHOT, "max_level": 4, "reset": Reset.VALUE, "reset_value": -1},
    "refractory": {"fire": Fire.BINARY, "refractory": 2, "leak_order": LeakOrder.AFTER},
    "current": {"fire": Fire.BINARY, "current": True, "leak_i": Leak(shift=1)},
    "phases": {
        "fire": Fire.BINARY,
        "current": True,
        "phases": Phases(receive=2, fire=2, slope=3),
        "s_max": 1,
    },
    "phases to the end": {
        "fire": Fire.BINARY,
        "current": True,
        "phases": Phases(receive=0, slope=2),
    },
    "pattern": {"fire": Fire.PATTERN, "max_level": 4, "phases": Phases(receive=1, fire=3)},
    "pattern with current": {
        "fire": Fire.PATTERN,
        "max_level": 2,
        "current": True,
        "phases": Phases(receive=2, fire=2, slope=5),
    },
    "crossings": {
        "fire": Fire.TERNARY,
        "threshold": [6],
        "threshold_negative": -5,
        "s_min": 0,
        "s_max": 1,
        "reset": Reset.NONE,
        "current": True,
    },
    "burst of one": {"fire": Fire.BURST, "max_level": 1},
    "burst": {"fire": Fire.BURST, "max_level": 6, "s_max": 20},
    "burst of both signs": {
        "fire": Fire.BURST,
        "max_level": 4,
        "threshold_negative": 3,
        "s_min": -9,
        "s_max": 5,
    },
}


def network(options, mode, *, constant=False):
    """x -> a, b (the same soma, other numbers) -> out; two hosts are to share a core."""
    rng = np.random.default_rng(5)

    def population(name, n):
        soma = Soma(
            **{
                "threshold": drawn(rng, n, 4, 7),
                "initial_v": drawn(rng, n, -2, 3),
                "bias": drawn(rng, n, -2, 2),
            }
            | options
        )
        return Population(name=name, shape=(n,), soma=soma, payload=Payload.GRADED)

    def wire(source, target, pre, post):
        dense = Dense(weights=drawn(rng, (pre, post), -4, 3), weight_bits=3)
        return Connection(source=source, target=target, operator=dense)

    silent = options["fire"] is Fire.NONE
    out = Population(name="out", shape=(2,), soma=Soma(fire=Fire.NONE), payload=Payload.GRADED)
    return Network(
        name="sweep",
        inputs=(
            Input(
                name="x",
                shape=(4,),
                payload=Payload.GRADED,
                low=-2,
                high=3,
                encoding=Encoding.CONSTANT if constant else Encoding.EVENTS,
            ),
        ),
        populations=(population("a", 7), *(() if silent else (population("b", 4), out))),
        connections=(
            wire("x", "a", 4, 7),
            *(() if silent else (wire("x", "b", 4, 4), wire("a", "out", 7, 2))),
            *(() if silent else (wire("b", "out", 4, 2),)),
        ),
        readout=Readout(
            population="a" if silent else "out",
            kind=ReadoutKind.MEMBRANE,
            decision=Decision.RAW,
        ),
        modes=(mode,),
        max_steps=12,
    )


class Paper:
    """A sweep with its memory, in a testbench, and every neuron's scalar definition."""

    def __init__(self, net, mode, *, read_latency=1, pace=1, ready="1"):
        shared = [("a", "b")] if len(net.populations) > 1 else []
        self.net = net
        self.config = core_configs(net, plan_for(net, mode, lanes=LANES, shared=shared))[0]
        self.dut = Sweep(config=self.config, read_latency=read_latency, pace=pace)
        # A memory of one port writes in the next cycle, and its words are held first.
        self.writes, self.late = False, None
        self.ready = cycle(ready)
        self.words = [0] * self.config.groups
        self.mask = (1 << LANES * self.config.state.bits) - 1
        self.fresh()

    def fresh(self):
        self.neurons = [
            [ScalarSoma(host.population, k) for k in range(host.n)] for host in self.config.hosts
        ]

    def renew(self, host):
        population = self.config.hosts[host].population
        self.neurons[host] = [ScalarSoma(population, k) for k in range(population.n)]

    def rows(self, host, x):
        """Add what the rows of values [n] add, to the totals; the sums of each neuron."""
        each, state = self.config.hosts[host], self.config.state
        (connection,) = self.net.sources(each.population.name)
        sums = (np.asarray(x) @ connection.operator.weights).tolist()
        for k, charge in enumerate(sums):
            group, lane = each.first_group + k // LANES, k % LANES
            at, bits = lane * state.bits, state.total.width
            old = self.words[group] >> at & (1 << bits) - 1
            new = old + charge & (1 << bits) - 1
            self.words[group] ^= (old ^ new) << at
        return sums

    async def sweep(self, ctx, host, **flags):
        """Make a pass: {neuron: level} that was sent, its last busy cycle, when items went."""
        dut, each = self.dut, self.config.hosts[host]
        for name in ("show", "initialise", "hold", "renew"):
            ctx.set(getattr(dut, name), int(name in flags and flags[name]))
        ctx.set(dut.host, host)
        ctx.set(dut.start, 1)
        assert not ctx.get(dut.busy)
        asked, sent, times, held = [], {}, [], None
        for now in range(1, 2000):
            await self._tick(ctx, asked)
            ctx.set(dut.start, 0)
            if not ctx.get(dut.busy):
                assert held is None
                return sent, now - 1, times
            ctx.set(dut.items.ready, next(self.ready) == "1")
            if not ctx.get(dut.items.valid):
                assert held is None, "an offer was withdrawn"
                continue
            item = dut.items.payload
            fields = [item.host, item.base, item.mask, item.levels]
            found = [ctx.get(field) for field in fields]
            assert held is None or found == held, "a payload changed while it waited"
            held = found
            if ctx.get(dut.items.ready):
                self._note(each, host, found, len(times), sent)
                times.append(now)
                held = None
        raise AssertionError("the pass does not end")

    def _note(self, each, host, found, number, sent):
        number_of, base, mask, levels = found
        assert (number_of, base) == (host, int(each.target.encode(number * LANES)))
        layout, bits = each.target, self.dut.payload_bits
        for lane in range(LANES):
            if mask >> lane & 1:
                level = levels >> lane * bits & (1 << bits) - 1
                if layout.payload_shape.signed and level >> bits - 1:
                    level -= 1 << bits
                sent[number * LANES + lane] = 1 if layout.is_unit else level

    async def _tick(self, ctx, asked):
        """One cycle of the memory: a read moves on where the sweep does."""
        dut = self.dut
        moves, group = ctx.get(dut.read_enable), ctx.get(dut.read_group)
        write = ctx.get(dut.write_enable) and (ctx.get(dut.write_group), ctx.get(dut.write_word))
        assert not write or ctx.get(dut.writes)
        await ctx.tick()
        if write:
            self.words[write[0]] = write[1]
        if self.late is not None:
            ctx.set(dut.word, self.late)
            self.late = None
        assert not (self.writes and moves), "a read in the cycle of a write"
        self.writes = write and dut.pace > 1
        if moves:
            asked.append(group)
            if len(asked) >= dut.stages:
                # Behind the last group nobody asks, and no word is right.
                shown = asked[-dut.stages]
                word = self.words[shown] if shown < len(self.words) else 0
                if dut.pace > 1:
                    self.late, word = word, self.mask
                ctx.set(dut.word, word)

    def run(self, bench):
        async def whole(ctx):
            for host in range(len(self.config.hosts)):
                sent, cycles, _ = await self.sweep(ctx, host, initialise=True)
                assert sent == {}
                assert cycles <= self.dut.latency
            await bench(ctx)

        simulate(self.dut, whole)

    def step(self, host, sums):
        """Levels of the neurons that fire in a step."""
        levels = [n.step(s) for n, s in zip(self.neurons[host], sums, strict=True)]
        return {k: level for k, level in enumerate(levels) if level}


def values(rng):
    return [rng.choice([0, rng.randint(-2, 3)]) for _ in range(4)]


@pytest.mark.parametrize("ready", STALLS)
@pytest.mark.parametrize("read_latency", [1, 2])
@pytest.mark.parametrize("name", SOMAS)
def test_steps_and_samples_of_two_hosts(name, read_latency, ready):
    """Steps, samples that are kept or not, and passes that change nothing, host by host."""
    rng = random.Random(f"{name}{read_latency}{ready}")
    paper = Paper(
        network(SOMAS[name], Mode.STEPWISE), Mode.STEPWISE, read_latency=read_latency, ready=ready
    )
    fired = []

    async def bench(ctx):
        left = [12, 12]  # steps until the proof of the widths ends
        for _ in range(30):
            host = rng.randrange(2)
            if left[host] == 0 or rng.random() < 0.15:
                sent, *_ = await paper.sweep(ctx, host, initialise=True)
                assert sent == {}
                paper.renew(host)
                left[host] = 12
                continue
            left[host] -= 1
            sums = paper.rows(host, values(rng))
            if rng.random() < 0.3:
                before = list(paper.words)
                await paper.sweep(ctx, host, hold=True)
                await paper.sweep(ctx, host, hold=True, initialise=True)
                assert paper.words == before
            shows = rng.random() < 0.8
            sent, *_ = await paper.sweep(ctx, host, show=shows)
            expected = paper.step(host, sums)
            assert sent == (expected if shows else {})
            fired.append(len(sent))

    paper.run(bench)
    assert any(fired)


@pytest.mark.parametrize("name", ["binary", "refractory", "burst"])
def test_what_is_replayed_is_renewed_and_the_rest_stays(name):
    """The sum of the first step counts in each; END(keep) takes the sum, and leaves the rest."""
    rng = random.Random(name)
    options = {key: value for key, value in SOMAS[name].items() if key != "s_max"}
    paper = Paper(network(options, Mode.STEPWISE, constant=True), Mode.STEPWISE)
    assert paper.config.replays
    fired = []

    async def bench(ctx):
        for sample in range(5):
            sums = [paper.rows(host, values(rng)) for host in range(2)]
            for _ in range(2):
                for host in range(2):
                    sent, *_ = await paper.sweep(ctx, host, show=True)
                    assert sent == paper.step(host, sums[host])
                    fired.append(len(sent))
            for host in range(2):
                keeps = sample in (0, 1, 3)
                await paper.sweep(ctx, host, initialise=not keeps, renew=keeps)
                if not keeps:
                    paper.renew(host)

    paper.run(bench)
    assert sum(fired) > 4


@pytest.mark.parametrize("ready", STALLS)
def test_somas_that_never_fire_send_their_membranes(ready):
    """All of them, before the next step's leak and bias; the state stays where it is held."""
    rng = random.Random(ready)
    options = {"fire": Fire.NONE, "leak_v": Leak(shift=1)}
    paper = Paper(network(options, Mode.STEPWISE), Mode.STEPWISE, ready=ready)

    async def bench(ctx):
        pending = False
        for sample in range(4):
            for _ in range(3):
                if pending:
                    assert (await paper.sweep(ctx, 0))[0] == {}
                sums = paper.rows(0, values(rng))
                paper.step(0, sums)
                pending = True
            keeps = sample in (0, 2)
            sent, *_ = await paper.sweep(ctx, 0, show=True, initialise=True, hold=keeps)
            assert sent == {k: neuron.v for k, neuron in enumerate(paper.neurons[0])}
            if not keeps:
                paper.renew(0)
                pending = False

    paper.run(bench)


@pytest.mark.parametrize("read_latency", [1, 2])
@pytest.mark.parametrize("ready", STALLS)
def test_settling_says_whether_anything_fired(ready, read_latency):
    """Neurons past the edge are copies that do not count, and neither does a silent pass."""
    rng = random.Random(ready)
    paper = Paper(
        network(SETTLES, Mode.SETTLE), Mode.SETTLE, read_latency=read_latency, ready=ready
    )
    seen = []

    async def bench(ctx):
        for _ in range(6):
            host = rng.randrange(2)
            sums = paper.rows(host, values(rng))
            for _ in range(10):
                shows = rng.random() < 0.9
                sent, *_ = await paper.sweep(ctx, host, show=shows)
                expected = paper.step(host, sums)
                assert sent == (expected if shows else {})
                await ctx.tick()
                fired = ctx.get(paper.dut.fired)
                assert fired == bool(sent)
                seen.append((shows, bool(expected), fired))
                sums = [0] * len(sums)
            await paper.sweep(ctx, host, initialise=True)
            paper.renew(host)

    paper.run(bench)
    assert {(True, True, 1), (True, False, 0), (False, True, 0)} <= set(seen)


@pytest.mark.parametrize("bounds", [(-2, 5), (0, 3), (0, 1), (-4, 0)])
def test_division_of_every_sum(bounds):
    """clip(floor(v / threshold)) of every sum that a small neuron can have."""
    low, high = bounds
    options = SETTLES | {"s_min": low, "s_max": high}
    options |= {"threshold": 3, "initial_v": 1, "bias": -2}
    net = network(options, Mode.COLLAPSED)
    paper = Paper(net, Mode.COLLAPSED)
    seen = set()

    async def bench(ctx):
        every = list(itertools.product(range(-2, 4), repeat=4))
        for x in random.Random(1).sample(every, 60):
            host = random.Random(str(x)).randrange(2)
            sums = paper.rows(host, x)
            sent, *_ = await paper.sweep(ctx, host, show=True, initialise=True)
            counts = [min(max((1 - 2 + s) // 3, low), high) for s in sums]
            assert sent == {k: count for k, count in enumerate(counts) if count}
            seen.update(counts)

    paper.run(bench)
    assert seen == set(range(low, high + 1))


TIMED = {
    "binary": (SOMAS["binary"], Mode.STEPWISE, 1),
    "burst of one": (SOMAS["burst of one"], Mode.STEPWISE, 1 + 2),
    "burst of six": (SOMAS["burst"], Mode.STEPWISE, 3 + 2),
    "burst of four": (SOMAS["burst of both signs"], Mode.STEPWISE, 3 + 2),
    "settle": (SETTLES, Mode.SETTLE, 1),
    "division by 8 values": (SETTLES, Mode.COLLAPSED, 3),
    "division by 2 values": (SETTLES | {"s_min": 0, "s_max": 1}, Mode.COLLAPSED, 1),
}


@pytest.mark.parametrize(("read_latency", "pace"), [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("name", TIMED)
def test_latency_and_interval(name, read_latency, pace):
    """A bit of a quotient takes a cycle, a burst two more; a silent pass takes as long."""
    options, mode, interval = TIMED[name]
    interval = max(interval, pace)
    paper = Paper(network(options, mode), mode, read_latency=read_latency, pace=pace)
    dut = paper.dut
    assert dut.interval == interval

    async def bench(ctx):
        for shows in (True, False):
            _, cycles, times = await paper.sweep(ctx, 0, show=shows, initialise=True)
            assert cycles == dut.latency == 1 + read_latency + 3 * interval
            if shows:
                assert {b - a for a, b in itertools.pairwise(times)} == {dut.interval}

    paper.run(bench)


def test_a_stall_of_the_serialiser_stops_the_pass():
    """Nothing is written before the group has gone; a pass of two groups takes all that longer."""
    paper = Paper(network(SOMAS["binary"], Mode.STEPWISE), Mode.STEPWISE, ready="0001")

    async def bench(ctx):
        _, cycles, times = await paper.sweep(ctx, 1, show=True)
        assert {b - a for a, b in itertools.pairwise(times)} == {4}
        assert len(times) == 2
        assert cycles == times[-1]

    paper.run(bench)
