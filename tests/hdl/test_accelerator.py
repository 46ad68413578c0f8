"""Chains of cores against the golden model, samples back to back, in all modes."""

import itertools
import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    TokenKind,
)
from spikewright.hdl import Accelerator, CorePlan, HardwarePlan, MembraneStore
from support.streams import run_stream, simulate

SPIKE, STEP, END = (kind.value for kind in TokenKind)
STALLS = [("1", "1"), ("0110", "1"), ("1", "0001"), ("011", "10")]


def chain(sizes, *, seed, levels=3, input_levels=1, count=False):
    """A random converted network; with ``count`` its last population spikes."""
    rng = np.random.default_rng(seed)
    populations, connections, source = [], [], "x"
    for k, (pre, post) in enumerate(itertools.pairwise(sizes)):
        name, last = f"p{k}", k == len(sizes) - 2
        if last and not count:
            soma = Soma(fire=Fire.NONE, bias=rng.integers(-9, 9, post), bias_when="first")
        else:
            threshold = rng.integers(3, 12, post)
            soma = Soma(
                fire=Fire.TERNARY,
                threshold=threshold,
                threshold_negative=1,
                initial_v=threshold // 2,
                bias=rng.integers(-9, 9, post),
                bias_when="first",
                s_min=0,
                s_max=levels,
            )
        populations.append(Population(name=name, shape=(post,), soma=soma, payload=Payload.SIGN))
        weights = rng.integers(-4, 4, (pre, post))
        connections.append(
            Connection(source=source, target=name, operator=Dense(weights=weights, weight_bits=3))
        )
        source = name
    kind = ReadoutKind.COUNT if count else ReadoutKind.MEMBRANE
    return Network(
        name="chain",
        inputs=(
            Input(
                name="x",
                shape=(sizes[0],),
                payload=Payload.UNIT if input_levels == 1 else Payload.GRADED,
                low=0,
                high=input_levels,
                encoding=Encoding.ONCE,
            ),
        ),
        populations=tuple(populations),
        connections=tuple(connections),
        readout=Readout(population=source, kind=kind, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,) if count else tuple(Mode),
        max_steps=16,
    )


def tokens(network, values, mode, steps):
    """The input's tokens of each sample."""
    sent = []
    for sample in values:
        sent += [(SPIKE, n, int(x)) for n, x in enumerate(sample) if x]
        sent += [(STEP, 0, 0)] * {Mode.STEPWISE: steps, Mode.SETTLE: 1, Mode.COLLAPSED: 0}[mode]
        sent.append((END, 0, 0))
    return sent


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("input_levels", [1, 5])
def test_a_chain_equals_the_golden_model(mode, valid, ready, input_levels):
    network = chain([9, 11, 6, 4], seed=input_levels, input_levels=input_levels)
    check(network, mode, steps=4, lanes=(4, 6, 3), valid=valid, ready=ready, levels=input_levels)


@pytest.mark.parametrize("mode", list(Mode))
def test_one_neuron_each(mode):
    check(chain([1, 1, 1], seed=5), mode, steps=1, lanes=(1, 1))


@pytest.mark.parametrize("steps", [1, 7])
def test_counts(steps):
    check(chain([5, 6, 3], seed=2, count=True), Mode.STEPWISE, steps=steps, lanes=(2, 2))


def check(network, mode, *, steps, lanes, valid="1", ready="1", levels=1):
    seed = f"{mode}{valid}{ready}{levels}"
    rng = random.Random(seed)
    n = network.inputs[0].n
    values = np.array([[rng.randint(0, levels) for _ in range(n)] for _ in range(5)])
    # All silent, all firing.
    values = np.vstack([values, np.zeros((1, n), int), np.full((1, n), levels)])
    golden = Model(network).run(
        values, mode=mode, steps=steps if mode is Mode.STEPWISE else None, trace=True
    )
    names = [population.name for population in network.populations]
    plan = HardwarePlan(
        mode=mode,
        cores=tuple(
            CorePlan(population=name, lanes=p, membranes=MembraneStore.LUTRAM)
            for name, p in zip(names, lanes, strict=True)
        ),
    )
    dut = Accelerator(network=network, plan=plan)
    unit = dut.input_layout.is_unit
    expected = []
    for k, value in enumerate(golden.values.tolist()):
        expected += [(STEP, 0, 0)] * int(golden.trace.steps[names[-1]][k])
        expected += [(SPIKE, j, v) for j, v in enumerate(value)]
        expected.append((END, int(golden.labels[k]), 0))

    def write(token):
        kind, address, payload = token
        fields = {"kind": kind, "address": address}
        return fields if unit else fields | {"payload": payload}

    def read(payload):
        return (payload.kind, payload.address, payload.payload if payload.kind == SPIKE else 0)

    seen = run_stream(
        dut,
        [write(token) for token in tokens(network, values, mode, steps)],
        count=len(expected),
        read=read,
        valid=valid,
        ready=ready,
    )
    assert seen.payloads == expected, seed


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", list(MembraneStore))
def test_a_reset_in_the_middle_of_a_sample_starts_anew(mode, store):
    """Reset does not clear a memory: what a broken-off sample left must be overwritten."""
    network = chain([9, 8, 4], seed=4)
    values = np.ones((1, 9), dtype=int)
    golden = Model(network).run(values, mode=mode, steps=4 if mode is Mode.STEPWISE else None)
    cores = tuple(CorePlan(population=name, lanes=2, membranes=store) for name in ("p0", "p1"))
    reset = Signal()
    dut = Accelerator(network=network, plan=HardwarePlan(mode=mode, cores=cores))
    spoilt = [(SPIKE, n, 1) for n in (0, 3, 3, 8)]
    seen = []

    async def send(ctx, sent, cycles):
        queue = list(sent)
        ctx.set(dut.o.ready, 1)
        for _ in range(cycles):
            ctx.set(dut.i.valid, bool(queue))
            if queue:
                ctx.set(dut.i.payload, {"kind": queue[0][0], "address": queue[0][1]})
            if queue and ctx.get(dut.i.ready):
                queue.pop(0)
            if ctx.get(dut.o.valid):
                out = ctx.get(dut.o.payload)
                seen.append((out.kind, out.address, out.payload))
            await ctx.tick()
        assert not queue

    async def bench(ctx):
        await send(ctx, spoilt, 60)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await send(ctx, tokens(network, values, mode, 4), 400)

    simulate(ResetInserter(reset)(dut), bench)
    values_seen = [payload for kind, _, payload in seen if kind == SPIKE]
    assert values_seen == golden.values[0].tolist()
    assert [address for kind, address, _ in seen if kind == END] == golden.labels.tolist()
