"""Every token of every port comes out once, as its synapses see it; latency is the property."""

import random

import numpy as np
import pytest

from spikewright.golden.spec import Mode, TokenKind
from spikewright.hdl import core_configs
from spikewright.hdl.intake import Intake
from support.branching import branching, dense, max_pool, residual
from support.graphs import plan_for
from support.streams import simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
CLEARED = 20  # cycles after reset in which a delta unit clears its X


def pooling():
    rng = np.random.default_rng(1)
    wires = [("x", "a", max_pool((2, 2), stride=2)), ("a", "out", dense(rng, 8, 3))]
    return branching({"x": (2, 4, 4)}, {"a": (2, 2, 2), "out": (3,)}, wires, seed=1, relays=("a",))


def intake(name):
    network = pooling() if name == "delta" else residual(2)
    options = {"shared": [("a", "b2")]} if name == "hosts" else {}
    configs = core_configs(network, plan_for(network, Mode.STEPWISE, lanes=4, **options))
    core = {"one port": 0, "delta": 0, "two ports": 2, "hosts": 0}[name]
    return Intake(config=configs[core])


def drive(dut, sent, *, seed=None):
    """Tokens by port in, in turns drawn from ``seed`` or at once; what came out, and when."""
    rng = random.Random(seed)
    seen, accepted = [], [None] * len(sent)

    async def bench(ctx):
        for _ in range(CLEARED):
            await ctx.tick()
        queues = [list(tokens) for tokens in sent]
        offering = [False] * len(sent)
        for now in range(2000):
            for k, (queue, stream) in enumerate(zip(queues, dut.inputs, strict=True)):
                if queue and not offering[k]:
                    offering[k] = seed is None or rng.random() < 0.7
                if offering[k]:
                    ctx.set(stream.payload, queue[0])
                ctx.set(stream.valid, offering[k])
            ctx.set(dut.take, seed is None or rng.random() < 0.6)
            if ctx.get(dut.valid) and ctx.get(dut.take):
                port = ctx.get(dut.port)
                token = ctx.get(dut.spike(port))
                kind, host = ctx.get(dut.kind), ctx.get(dut.host)
                seen.append((now, kind, host, port, token.address, ctx.get(dut.keep)))
            for k, stream in enumerate(dut.inputs):
                if offering[k] and ctx.get(stream.ready):
                    accepted[k] = now if accepted[k] is None else accepted[k]
                    queues[k].pop(0)
                    offering[k] = False
            await ctx.tick()
            if not any(queues) and len(seen) and now > 100:
                return

    simulate(dut, bench)
    return seen, accepted


@pytest.mark.parametrize("name", ["one port", "delta", "two ports", "hosts"])
def test_latency(name):
    dut = intake(name)
    seen, accepted = drive(dut, [[{"kind": STEP}] for _ in dut.inputs])
    first = max(now for now in accepted if now is not None)
    assert seen[0][1] == STEP
    if name == "hosts":  # the other host's marker comes behind it
        assert [kind for _, kind, *_ in seen] == [STEP, STEP]
    assert seen[0][0] - first == dut.latency


@pytest.mark.parametrize("name", ["one port", "two ports", "hosts"])
@pytest.mark.parametrize("seed", range(4))
def test_every_spike_comes_once_with_its_port_and_host(name, seed):
    dut = intake(name)
    rng = random.Random(seed)
    ports = dut.config.ports
    addresses = [[rng.randrange(port.source.neurons) for _ in range(9)] for port in ports]
    sent = [
        [
            *({"kind": SPIKE, "address": int(port.source.encode(n))} for n in each),
            {"kind": END, "address": 1},
        ]
        for port, each in zip(ports, addresses, strict=True)
    ]
    seen, _ = drive(dut, sent, seed=seed)
    for k, port in enumerate(ports):
        found = [a for _, kind, _, p, a, _ in seen if kind == SPIKE and p == k]
        assert found == [int(port.source.encode(n)) for n in addresses[k]]
        assert {h for _, kind, h, p, *_ in seen if kind == SPIKE and p == k} == {port.host}
    ends = [(host, keep) for _, kind, host, _, _, keep in seen if kind == END]
    assert sorted(ends) == [(host, 1) for host in range(len(dut.config.hosts))]
