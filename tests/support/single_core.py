"""One population on one core, against the contract: its tokens, spike by spike, in plain Python."""

import random

import numpy as np

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Dense,
    EndFlag,
    Fire,
    Interval,
    Leak,
    LeakOrder,
    Mode,
    Payload,
    Population,
    Reset,
    Soma,
    TokenKind,
)
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.host_config import HostConfig
from spikewright.hdl.make_core import make_core
from spikewright.hdl.plan import CorePlan, Host, Rows
from spikewright.hdl.port_config import PortConfig
from spikewright.hdl.sparse_schedule import sparse_schedule
from spikewright.hdl.token import TokenLayout, axes_of
from support.streams import run_stream

__all__ = [
    "END",
    "SETTLING",
    "SPIKE",
    "STEP",
    "STEPWISE",
    "Reference",
    "make",
    "run",
    "samples",
    "words_of",
]

SPIKE, STEP, END = (kind.value for kind in TokenKind)
CLEARED = 60  # cycles after reset in which a core clears its membranes


class Reference:
    """One population, spike by spike, in plain Python, from the contract's words."""

    def __init__(self, config):
        self.mode = config.mode
        population = config.hosts[0].population
        self.dense = config.ports[0].connection.operator
        self.soma = population.soma
        self.n = population.n
        self.threshold = population.per_neuron(self.soma.threshold).tolist()
        negative = self.soma.threshold_negative
        if negative is not None:
            self.negative = population.per_neuron(negative).tolist()
        self.bias = population.per_neuron(self.soma.bias).tolist()
        self.initial_v = population.per_neuron(self.soma.initial_v).tolist()
        self.reset()

    def reset(self):
        self.v = list(self.initial_v)
        self.s = [0] * self.n
        self.acc = [0] * self.n
        self.first = True

    def receive(self, address, payload):
        for k in range(self.n):
            weight = int(self.dense.weights[address, k]) << self.dense.shift
            self.acc[k] += weight * payload

    def step(self):
        soma, levels = self.soma, []
        for k in range(self.n):
            biased = soma.bias_when is BiasWhen.EVERY or self.first
            charge = self.acc[k] + (self.bias[k] if biased else 0)
            v, leak = self.v[k], soma.leak_v
            if leak is None:
                v += charge
            elif soma.leak_order is LeakOrder.BEFORE:
                v = ((leak.multiplier * v) >> leak.shift) + charge
            else:
                v = (leak.multiplier * (v + charge)) >> leak.shift
            level = 0
            if soma.fire is not Fire.NONE and v >= self.threshold[k]:
                level = int(soma.s_max is None or self.s[k] < soma.s_max)
            elif soma.fire is Fire.TERNARY and v <= -self.negative[k]:
                level = -int(soma.s_min is None or self.s[k] > soma.s_min)
            if level and soma.reset is Reset.SUBTRACT:
                v -= level * self.threshold[k]
            elif level and soma.reset is Reset.VALUE:
                v = soma.reset_value
            self.v[k], self.acc[k] = v, 0
            self.s[k] += level
            levels.append(level)
        self.first = False
        return [(SPIKE, k, level) for k, level in enumerate(levels) if level]

    def end(self, keep):
        soma, out = self.soma, []
        if self.mode is Mode.COLLAPSED:
            charge = [v + a + b for v, a, b in zip(self.v, self.acc, self.bias, strict=True)]
            if soma.fire is Fire.NONE:
                out = [(SPIKE, k, v) for k, v in enumerate(charge)]
            else:
                counts = [c // t for c, t in zip(charge, self.threshold, strict=True)]
                counts = [min(max(c, soma.s_min), soma.s_max) for c in counts]
                out = [(SPIKE, k, c) for k, c in enumerate(counts) if c]
        elif soma.fire is Fire.NONE:
            out = [(SPIKE, k, v) for k, v in enumerate(self.v)]
        elif self.mode is Mode.SETTLE:
            while spikes := self.step():
                out += [*spikes, (STEP, 0, 0)]
        if not (keep and self.mode is Mode.STEPWISE):
            self.reset()
        return out


def make(
    soma,
    *,
    mode,
    pre=6,
    shape=(7,),
    lanes=3,
    banks=(1, 1),
    weight_bits=3,
    shift=0,
    source=(-1, 1),
    store,
    sweep_lanes=None,
    spikes=1,
    fanout=None,
    rows=Rows.DENSE,
    density=1.0,
    seed=0,
):
    rng = np.random.default_rng(seed)
    limit = 1 << (weight_bits - 1)
    population = Population(name="p", shape=shape, soma=soma, payload=Payload.SIGN)
    fires = soma.fire is not Fire.NONE
    low, high = {Fire.NONE: (-(1 << 15), (1 << 15) - 1), Fire.BINARY: (0, 1)}.get(
        soma.fire, (-1, 1)
    )
    if fires and mode is Mode.COLLAPSED:
        low, high = soma.s_min, soma.s_max
    dense = Dense(
        weights=rng.integers(-limit, limit, (pre, population.n))
        * (rng.random((pre, population.n)) < density),
        weight_bits=weight_bits,
        shift=shift,
    )
    scheduled = sparse_schedule if rows is Rows.SPARSE else port_schedule
    axes = axes_of(shape, (lanes // (banks[0] * banks[1]), *banks))
    arriving = TokenLayout(axes=axes_of((pre,)), low=source[0], high=source[1], slots=spikes)
    host = HostConfig(
        population=population,
        mode=mode,
        first_channel=0,
        axes=axes,
        target=TokenLayout(axes=axes, low=low, high=high, valued=not fires),
        v=Interval(-(1 << 15), (1 << 15) - 1),
        added=Interval(-(1 << 15), (1 << 15) - 1),
        tracer=Interval(soma.s_min, soma.s_max) if soma.traced else None,
        first_group=0,
        first_block=0,
        every_step=False,
        replays=False,
    )
    port = PortConfig(
        host=0,
        channels=(0, axes[0].size),
        connection=Connection(source="x", target="p", operator=dense),
        source=arriving,
        delta=None,
        x=Interval(0, 0),
        sums=Interval(0, 0),
        layout=arriving,
        serial=False,
        schedule=scheduled(dense, source=arriving, target=axes),
        queue_depth=4,
    )
    plan = CorePlan(
        rows=rows,
        hosts=(Host(population="p"),),
        lanes=lanes,
        banks=banks,
        sweep_lanes=sweep_lanes,
        spikes=spikes,
        fanout=fanout,
        membranes=store,
    )
    keeps = mode is Mode.STEPWISE
    return CoreConfig(plan=plan, mode=mode, keeps=keeps, hosts=(host,), ports=(port,))


def samples(config, *, seed, count=4, steps=3, keep=True):
    """Tokens of some samples and what must come of them."""
    rng = random.Random(seed)
    reference = Reference(config)
    low, high = config.ports[0].source.low, config.ports[0].source.high
    sent, expected = [], []
    for index in range(count):
        for _ in range(1 if config.mode is Mode.COLLAPSED else rng.randrange(1, steps + 1)):
            density = rng.choice([0.0, 0.5, 1.0])
            for address in range(config.ports[0].source.neurons):
                payload = rng.choice([p for p in range(low, high + 1) if p])
                if rng.random() < density:
                    sent.append((SPIKE, address, payload))
                    reference.receive(address, payload)
            if config.mode is not Mode.COLLAPSED:
                sent.append((STEP, 0, 0))
                expected += [*reference.step(), (STEP, 0, 0)]
        kept = keep and index % 2
        sent.append((END, EndFlag.KEEP if kept else EndFlag.RESET, 0))
        expected += [*reference.end(kept), (END, int(kept), 0)]
    return sent, expected


def by_step(tokens):
    """Tokens with the spikes of each step in ascending order: banks send them in another one."""
    ordered, spikes = [], []
    for token in tokens:
        if token[0] == SPIKE:
            spikes.append(token)
        else:
            ordered += [*sorted(spikes), token]
            spikes = []
    return ordered


def words_of(tokens, slots):
    """Tokens that share a word: up to ``slots`` spikes of a step, now and then fewer."""
    rng, words = random.Random(len(tokens)), []
    for token in tokens:
        room = words and words[-1][0][0] == token[0] == SPIKE and len(words[-1]) < slots
        if room and rng.random() < 0.9:
            words[-1].append(token)
        else:
            words.append([token])
    return words


def run(config, sent, expected, *, valid="1", ready="1", words=None):
    source, target = config.ports[0].source, config.hosts[0].target

    def place(neuron, payload):
        fields = {"address": int(source.encode(neuron))}
        return fields if source.is_unit else fields | {"payload": payload}

    def write(word):
        kind, neuron, payload = word[0]
        if kind != SPIKE:
            return {"kind": kind, "address": int(neuron)}
        more = {f"slot_{k}": {"spikes": 1, **place(*word[k][1:])} for k in range(1, len(word))}
        return {"kind": kind, **place(neuron, payload), **more}

    def read(payload):
        if payload.kind != SPIKE:
            return (payload.kind, payload.address, 0)
        value = 1 if target.is_unit else payload.payload
        return (payload.kind, int(target.decode(payload.address)), value)

    core = make_core(config)
    seen = run_stream(
        core,
        [write(word) for word in words or words_of(sent, source.slots)],
        count=len(expected),
        read=read,
        valid=valid,
        ready=ready,
        settle=CLEARED,
        source=core.i_0,
        sink=core.o_0,
    )
    assert by_step(seen.payloads) == expected
    return core, seen


STEPWISE = {
    "if": Soma(fire=Fire.BINARY, threshold=4, bias=[1, -2, 0, 3, 1, 0, 2], initial_v=1),
    "if-first": Soma(fire=Fire.BINARY, threshold=[3, 4, 5, 6, 7, 8, 9], bias=2, bias_when="first"),
    "if-bounded": Soma(fire=Fire.BINARY, threshold=2, s_min=0, s_max=2),
    "lif": Soma(fire=Fire.BINARY, threshold=3, leak_v=Leak(shift=1), initial_v=5, reset="value"),
    "lif-after": Soma(
        fire=Fire.TERNARY,
        threshold=3,
        threshold_negative=2,
        leak_v=Leak(shift=1),
        leak_order=LeakOrder.AFTER,
        bias=1,
    ),
    "m-over-2k": Soma(
        fire=Fire.BINARY, threshold=5, leak_v=Leak(multiplier=7, shift=3), reset="none"
    ),
    "ternary": Soma(fire=Fire.TERNARY, threshold=4, threshold_negative=1, s_min=0, s_max=3),
    "readout": Soma(fire=Fire.NONE, initial_v=[3, 1, 4, 1, 5, 9, 2], bias=2),
    "leaky-readout": Soma(fire=Fire.NONE, initial_v=9, bias=-3, leak_v=Leak(shift=2)),
    "leaky-readout-after": Soma(
        fire=Fire.NONE, bias=-3, leak_v=Leak(shift=1), leak_order=LeakOrder.AFTER
    ),
}
SETTLING = {
    "levels": {"threshold": 4, "s_min": 0, "s_max": 3, "initial_v": 2},
    "per-neuron": {
        "threshold": [2, 3, 4, 5, 6, 7, 8],
        "s_min": 0,
        "s_max": 5,
        "bias": [1, 0, -9, 4, 20, 3, 2],
    },
    "signed": {"threshold": 3, "s_min": -2, "s_max": 2, "initial_v": [1, 2, 1, 2, 1, 2, 1]},
    "one": {"threshold": 3, "s_min": 0, "s_max": 1},
}
