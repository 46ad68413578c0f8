"""A core with compressed rows against the contract: every token, in all modes, with stalls."""

import random

import numpy as np
import pytest

from spikewright.golden.spec import EndFlag, Fire, Mode, Soma
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore, Rows
from support.single_core import END, SETTLING, SPIKE, STEP, STEPWISE, Reference, make, run, samples

STALLS = [("1", "1"), ("0110", "1"), ("1", "00101"), ("011", "101")]


def sparse(soma, **options):
    config = make(soma, **{"rows": Rows.SPARSE, "density": 0.5} | options)
    assert config.own_groups
    return config


@pytest.mark.parametrize("name", list(STEPWISE))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", list(MembraneStore))
def test_stepwise(name, valid, ready, store):
    config = sparse(STEPWISE[name], mode=Mode.STEPWISE, store=store)
    run(config, *samples(config, seed=f"{name}{valid}{ready}"), valid=valid, ready=ready)


@pytest.mark.parametrize("name", list(SETTLING))
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", list(MembraneStore))
def test_settle_and_collapsed(name, mode, valid, ready, store):
    soma = Soma(fire=Fire.TERNARY, threshold_negative=1, bias_when="first", **SETTLING[name])
    config = sparse(soma, mode=mode, store=store, source=(-2, 3), shift=1)
    run(config, *samples(config, seed=f"{name}{mode}"), valid=valid, ready=ready)


@pytest.mark.parametrize("store", list(MembraneStore))
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
@pytest.mark.parametrize(
    ("shape", "banks", "lanes"),
    [((3, 2, 3), (2, 3), 18), ((5, 3, 3), (1, 3), 6), ((40,), (1, 1), 2), ((6,), (1, 1), 9)],
)
def test_banks_and_groups(store, density, shape, banks, lanes):
    """Up to 20 groups a lane, so that LUT RAM is deep and slow too."""
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
    config = sparse(
        soma,
        mode=Mode.COLLAPSED,
        shape=shape,
        banks=banks,
        lanes=lanes,
        store=store,
        density=density,
        pre=12,
    )
    run(config, *samples(config, seed=f"{store}{density}{shape}"))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", list(MembraneStore))
def test_a_marker_keeps_its_place_behind_the_rows(mode, store):
    """None to five spikes, then the marker at once: it must wait for rows that are looked up."""
    soma = Soma(
        fire=Fire.TERNARY, threshold=2, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = sparse(soma, mode=mode, store=store, source=(-1, 1), lanes=1)
    reference, rng = Reference(config), random.Random(1)
    sent, expected = [], []
    for index in range(60):
        for _ in range(index % 6):
            address, payload = rng.randrange(6), rng.choice((-1, 1))
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


@pytest.mark.parametrize("store", list(MembraneStore))
def test_same_place_in_consecutive_rows(store):
    """One lane, one neuron that every row of every spike hits."""
    soma = Soma(fire=Fire.BINARY, threshold=5)
    config = sparse(
        soma, mode=Mode.STEPWISE, store=store, shape=(1,), lanes=1, density=1.0, source=(0, 1)
    )
    run(config, *samples(config, seed="same", count=9))


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.COLLAPSED])
@pytest.mark.parametrize("store", list(MembraneStore))
def test_latency_is_the_property(mode, store):
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = sparse(soma, mode=mode, store=store)
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency
    assert core.interval == max(1, *config.ports[0].schedule.rows_per_neuron)


def test_a_lane_in_its_neighbours_group_is_found(monkeypatch):
    """All lanes at the first lane's group, as of dense rows, give other membranes."""
    original = AccumulatorLanes._arriving

    def arriving(self):
        row = original(self)
        row.groups[:] = [row.groups[0]] * len(row.groups)
        return row

    monkeypatch.setattr(AccumulatorLanes, "_arriving", arriving)
    config = sparse(STEPWISE["if"], mode=Mode.STEPWISE, store=MembraneStore.LUTRAM)
    with pytest.raises(AssertionError):
        run(config, *samples(config, seed="wrong"))
