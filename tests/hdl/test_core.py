"""One core against the contract: every token, in all modes, with stalls on both sides."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.spec import EndFlag, Fire, Mode, Soma
from spikewright.hdl.plan import MembraneStore
from support.single_core import END, SETTLING, SPIKE, STEP, STEPWISE, Reference, make, run, samples
from support.stores import TWO_PORTS

pytestmark = pytest.mark.pairs

STALLS = [("1", "1"), ("0110", "1"), ("1", "00101"), ("011", "101")]


@pytest.mark.parametrize("name", list(STEPWISE))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", TWO_PORTS)
def test_stepwise(name, valid, ready, store):
    config = make(STEPWISE[name], mode=Mode.STEPWISE, store=store)
    run(config, *samples(config, seed=f"{name}{valid}{ready}"), valid=valid, ready=ready)


@pytest.mark.parametrize("name", list(SETTLING))
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("lanes", [1, 3, 7, 9])
def test_settle_and_collapsed(name, mode, valid, ready, lanes):
    soma = Soma(fire=Fire.TERNARY, threshold_negative=1, bias_when="first", **SETTLING[name])
    store = MembraneStore.LUTRAM if lanes < 7 else MembraneStore.REGISTERS
    config = make(soma, mode=mode, store=store, lanes=lanes, source=(-2, 3), shift=1)
    run(config, *samples(config, seed=f"{name}{mode}{lanes}"), valid=valid, ready=ready)


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_readout_without_steps(mode):
    soma = Soma(fire=Fire.NONE, bias=[5, -1, 0, 2, 2, 1, 0], bias_when="first", initial_v=-3)
    config = make(soma, mode=mode, store=MembraneStore.REGISTERS, source=(0, 5))
    run(config, *samples(config, seed=3, keep=False))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("shape", "banks", "lanes"),
    [((3, 2, 5), (2, 3), 6), ((2, 5), (1, 2), 4), ((5, 3, 3), (3, 3), 27), ((1, 4, 3), (3, 1), 3)],
)
@pytest.mark.parametrize(("valid", "ready"), [("1", "1"), ("011", "101")])
def test_banks_of_rows_and_columns(mode, shape, banks, lanes, valid, ready):
    n = int(np.prod(shape))
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=np.arange(n) % 5 + 2,
        threshold_negative=1,
        initial_v=np.arange(n) % 3,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    store = MembraneStore.LUTRAM
    config = make(soma, mode=mode, store=store, shape=shape, banks=banks, lanes=lanes)
    run(config, *samples(config, seed=f"{mode}{shape}"), valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("source", [(0, 1), (-1, 1), (-9, 9)])
@pytest.mark.parametrize(("n", "lanes"), [(3, 4), (20, 1)])
def test_a_pass_misses_no_row_in_front_of_it(mode, store, source, n, lanes):
    """None, one or two spikes, then the marker at once; a row a spike, and slow LUT RAM."""
    soma = Soma(
        fire=Fire.TERNARY, threshold=2, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = make(soma, mode=mode, store=store, shape=(n,), lanes=lanes, source=source)
    reference, rng = Reference(config), random.Random(n)
    sent, expected = [], []
    for index in range(60):
        for _ in range(index % 3):
            address, payload = (
                rng.randrange(6),
                rng.choice([p for p in (source[0], source[1]) if p]),
            )
            sent.append((SPIKE, address, payload))
            reference.receive(address, payload)
        if mode is not Mode.COLLAPSED:
            sent.append((STEP, 0, 0))
            expected += [*reference.step(), (STEP, 0, 0)]
        if mode is Mode.COLLAPSED or index % 6 == 5:
            sent.append((END, EndFlag.RESET, 0))
            expected += [*reference.end(False), (END, 0, 0)]
    assert sum(token[0] == SPIKE for token in expected) > 10
    run(config, sent, expected)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("source", [(0, 1), (0, 3)])
def test_latency_and_interval_are_the_properties(mode, store, source):
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = make(soma, mode=mode, store=store, source=source)
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency
    # A long run of spikes is taken at one row a cycle, whatever lies between them.
    spikes = [(SPIKE, k % 6, 1) for k in range(40)]
    reference = Reference(config)
    for _, address, payload in spikes:
        reference.receive(address, payload)
    out = reference.end(False) if mode is Mode.COLLAPSED else reference.step()
    core, seen = run(config, [*spikes, last], [*out, last])
    taken = seen.accepted[10:40]
    assert {b - a for a, b in itertools.pairwise(taken)} == {core.interval}
