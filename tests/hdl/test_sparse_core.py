"""A core with compressed rows against the contract: every token, in all modes, with stalls."""

import random

import numpy as np
import pytest

from spikewright.golden.spec import EndFlag, Fire, Mode, Soma
from spikewright.hdl.lanes import AccumulatorLanes
from spikewright.hdl.plan import MembraneStore, Rows
from spikewright.hdl.sum_banks import SumBanks
from support.single_core import END, SETTLING, SPIKE, STEP, STEPWISE, Reference, make, run, samples
from support.stores import TWO_PORTS

pytestmark = pytest.mark.pairs

STALLS = [("1", "1"), ("011", "00101")]


def sparse(soma, **options):
    config = make(soma, **{"rows": Rows.SPARSE, "density": 0.5} | options)
    assert config.own_groups
    return config


@pytest.mark.parametrize("name", list(STEPWISE))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", TWO_PORTS)
def test_stepwise(name, valid, ready, store):
    config = sparse(STEPWISE[name], mode=Mode.STEPWISE, store=store)
    run(config, *samples(config, seed=f"{name}{valid}{ready}"), valid=valid, ready=ready)


@pytest.mark.parametrize("name", list(SETTLING))
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", TWO_PORTS)
def test_settle_and_collapsed(name, mode, valid, ready, store):
    soma = Soma(fire=Fire.TERNARY, threshold_negative=1, bias_when="first", **SETTLING[name])
    config = sparse(soma, mode=mode, store=store, source=(-2, 3), shift=1)
    run(config, *samples(config, seed=f"{name}{mode}"), valid=valid, ready=ready)


@pytest.mark.parametrize("store", TWO_PORTS)
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
@pytest.mark.parametrize("store", TWO_PORTS)
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


@pytest.mark.parametrize("store", TWO_PORTS)
def test_same_place_in_consecutive_rows(store):
    """One lane, one neuron that every row of every spike hits."""
    soma = Soma(fire=Fire.BINARY, threshold=5)
    config = sparse(
        soma, mode=Mode.STEPWISE, store=store, shape=(1,), lanes=1, density=1.0, source=(0, 1)
    )
    run(config, *samples(config, seed="same", count=9))


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.COLLAPSED])
@pytest.mark.parametrize("store", TWO_PORTS)
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


def overlapped(soma, *, sweep_lanes, **options):
    config = sparse(soma, sweep_lanes=sweep_lanes, **{"store": MembraneStore.LUTRAM} | options)
    assert config.overlaps
    return config


FIRING = [name for name, soma in STEPWISE.items() if soma.fire is not Fire.NONE]
FAST = [MembraneStore.REGISTERS, MembraneStore.LUTRAM]


@pytest.mark.parametrize("name", FIRING)
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(("store", "sweep_lanes"), list(zip(FAST, (2, 4), strict=True)))
def test_overlapped_stepwise(name, valid, ready, store, sweep_lanes):
    config = overlapped(STEPWISE[name], mode=Mode.STEPWISE, store=store, sweep_lanes=sweep_lanes)
    assert config.groups == 3
    run(config, *samples(config, seed=f"{name}{valid}{ready}"), valid=valid, ready=ready)


@pytest.mark.parametrize("name", list(SETTLING))
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(("store", "sweep_lanes"), list(zip(FAST, (4, 1), strict=True)))
def test_overlapped_settle_and_collapsed(name, mode, valid, ready, store, sweep_lanes):
    soma = Soma(fire=Fire.TERNARY, threshold_negative=1, bias_when="first", **SETTLING[name])
    config = overlapped(
        soma, mode=mode, store=store, source=(-2, 3), shift=1, sweep_lanes=sweep_lanes
    )
    run(config, *samples(config, seed=f"{name}{mode}", count=6), valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("shape", "banks", "lanes"),
    [((3, 2, 3), (2, 3), 18), ((5, 3, 3), (1, 3), 6), ((40,), (1, 1), 2), ((6,), (1, 1), 9)],
)
@pytest.mark.parametrize(("sweep_lanes", "flat"), [(1, False), (2, True)])
def test_overlapped_banks_and_groups(mode, shape, banks, lanes, sweep_lanes, flat):
    n = int(np.prod(shape))
    own = np.zeros(n, int) if flat else np.arange(n)
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=own % 5 + 2,
        threshold_negative=1,
        initial_v=own % 3,
        bias=np.repeat(np.arange(shape[0]), n // shape[0]) % 4 if flat else 0,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = overlapped(
        soma, mode=mode, shape=shape, banks=banks, lanes=lanes, sweep_lanes=sweep_lanes, pre=12
    )
    run(config, *samples(config, seed=f"{mode}{shape}", count=6), valid="011", ready="101")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("source", [(0, 1), (-1, 1), (-9, 9)])
@pytest.mark.parametrize("store", FAST)
def test_an_overlapped_marker_keeps_its_place(mode, source, store):
    soma = Soma(
        fire=Fire.TERNARY, threshold=2, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = overlapped(soma, mode=mode, source=source, store=store, sweep_lanes=1, lanes=2)
    reference, rng = Reference(config), random.Random(2)
    sent, expected = [], []
    for index in range(60):
        for _ in range(index % 6):
            address, payload = rng.randrange(6), rng.choice([p for p in source if p])
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
@pytest.mark.parametrize("store", FAST)
@pytest.mark.parametrize("source", [(0, 1), (0, 3)])
@pytest.mark.parametrize("sweep_lanes", [1, 4])
def test_overlapped_latency_is_the_property(mode, store, source, sweep_lanes):
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = overlapped(soma, mode=mode, store=store, source=source, sweep_lanes=sweep_lanes)
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency


def test_rows_go_on_while_neurons_decide():
    """Samples of as many rows as a pass takes follow each other without a gap."""
    soma = Soma(
        fire=Fire.TERNARY, threshold=99, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = overlapped(
        soma, mode=Mode.COLLAPSED, sweep_lanes=4, density=1.0, source=(0, 1), weight_bits=3
    )
    rows = config.ports[0].schedule.rows_per_neuron.tolist()
    assert min(rows) > 1
    sample = [*((SPIKE, k % 6, 1) for k in range(12)), (END, 0, 0)]
    reference, expected = Reference(config), []
    for _ in range(5):
        for _, address, payload in sample[:-1]:
            reference.receive(address, payload)
        expected += [*reference.end(False), (END, 0, 0)]
    _, seen = run(config, sample * 5, expected)
    ends = [cycle for cycle, token in seen.items if token[0] == END]
    assert set(np.diff(ends)) == {2 * sum(rows) + 1}


def test_sums_that_are_not_emptied_are_found(monkeypatch):
    right = SumBanks.elaborate

    def wrong(self, platform):
        self.slices = (*self.slices, 0)  # a last slice that is never written
        return right(self, platform)

    monkeypatch.setattr(SumBanks, "elaborate", wrong)
    config = overlapped(STEPWISE["if"], mode=Mode.STEPWISE, sweep_lanes=4)
    with pytest.raises(AssertionError):
        run(config, *samples(config, seed="wrong"))


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
