"""Sweeps over what was touched: the same spikes in fewer cycles, in all modes."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Const

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.performance import workload
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import BiasWhen, Encoding, Fire, Leak, Mode, Phases, Reset, Soma
from spikewright.hdl import core_configs
from spikewright.hdl.bound import reached_groups
from spikewright.hdl.checks import check_plan
from spikewright.hdl.plan import HardwarePlan, Host, MembraneStore, Sweeps
from spikewright.hdl.rests import moves_alone
from spikewright.hdl.touched import TouchedPlaces
from support.branching import branching, convolution, dense, max_pool, transposed
from support.graphs import check_graph, plan_for
from support.single_core import END, STEP, make, run, samples
from support.stores import TWO_PORTS

pytestmark = pytest.mark.pairs

STALLS = [("1", "1"), ("0110", "101")]
SHAPE = (3, 7, 9)


def network(seed=1, *, bias=0, **options):
    """Two maps behind each other, and a readout; only the first may have a bias."""
    rng = np.random.default_rng(seed)
    wires = [
        ("x", "a", convolution(rng, 3, 1, (3, 3), padding=1)),
        ("a", "b", convolution(rng, 4, 3, (3, 3), stride=2)),
        ("b", "out", dense(rng, 4 * 3 * 4, 3)),
    ]
    populations = {"a": SHAPE, "b": (4, 3, 4), "out": (3,)}
    made = branching({"x": (1, 7, 9)}, populations, wires, seed=seed, **options)
    # Who fires without a spike is for another test.
    a, b, out = made.populations
    a = replace(a, soma=replace(a.soma, bias=bias))
    b = replace(b, soma=replace(b.soma, bias=0))
    return replace(made, populations=(a, b, out))


def with_touched(net, plan, *names):
    cores = tuple(
        replace(core, sweeps=Sweeps.TOUCHED) if core.hosts[0].population in names else core
        for core in plan.cores
    )
    plan = replace(plan, cores=cores)
    check_plan(net, plan)
    return plan


def few(net, samples, *, seed):
    """Inputs of a few pixels; the first sample has none, the second all."""
    rng = np.random.default_rng(seed)
    source = net.inputs[0]
    values = np.zeros((samples, source.n), dtype=np.int64)
    values[1] = source.high
    for row in values[2:]:
        row[rng.choice(source.n, 3, replace=False)] = rng.integers(1, source.high + 1, 3)
    return {"x": values}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize(
    ("banks", "lanes", "store"),
    [
        ((3, 3), {"a": 27, "b": 9}, MembraneStore.LUTRAM),
        ((1, 1), {"a": 2, "b": 4}, MembraneStore.BLOCK),
        ((2, 3), 6, MembraneStore.REGISTERS),
    ],
)
def test_the_same_spikes(mode, valid, ready, store, banks, lanes):
    net = network()
    plan = plan_for(net, mode, lanes=lanes, banks={"a": banks, "b": banks}, membranes=store)
    x = few(net, 7, seed=len(ready))
    check_graph(net, with_touched(net, plan, "a", "b"), x, valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.rest) for seed in (2, 3))]
)
def test_neurons_that_fire_without_a_spike(mode, seed):
    """Biases above some thresholds, below zero in others, and both signs."""
    rng = np.random.default_rng(seed)
    net = network(seed, bias=rng.integers(-8, 12, 3), signed=bool(seed % 2))
    plan = plan_for(net, mode, lanes={"a": 9, "b": 4}, banks={"a": (3, 3)})
    check_graph(net, with_touched(net, plan, "a", "b"), few(net, 6, seed=seed))


@pytest.mark.parametrize("mode", list(Mode))
def test_other_operators(mode):
    rng = np.random.default_rng(5)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3,), padding=1)),
        ("a", "b", transposed(rng, 4, 3, (3,))),
        ("b", "c", max_pool((2,), stride=2)),
        ("c", "out", dense(rng, 3 * 9, 3)),
    ]
    populations = {"a": (4, 9), "b": (3, 19), "c": (3, 9), "out": (3,)}
    net = branching({"x": (1, 9)}, populations, wires, seed=5, relays=("c",))
    banks = {"a": (1, 3), "b": (1, 3), "c": (1, 2)}
    plan = plan_for(net, mode, lanes={"a": 6, "b": 3, "c": 6}, banks=banks)
    check_graph(net, with_touched(net, plan, "a", "b", "c"), few(net, 6, seed=2))


@pytest.mark.parametrize("mode", list(Mode))
def test_it_takes_fewer_cycles(mode):
    net = network()
    plan = plan_for(net, mode, lanes={"a": 9, "b": 4}, banks={"a": (1, 1)})
    x = few(net, 9, seed=3)
    x["x"][1] = 0
    every = check_graph(net, plan, x)
    touched = check_graph(net, with_touched(net, plan, "a", "b"), x)
    assert touched.cycles < 0.8 * every.cycles


@pytest.mark.parametrize(
    ("fault", "mode"),
    [
        ("rows", Mode.STEPWISE),
        ("moves", Mode.STEPWISE),
        ("moves", Mode.COLLAPSED),
        ("fired", Mode.SETTLE),
    ],
)
def test_a_group_that_is_missed_is_found(monkeypatch, fault, mode):
    """Rows that do not count; groups that move alone or fired taken for resting ones."""
    net = network(2, bias=np.array([11, -3, 2]))
    plan = plan_for(net, mode, lanes={"a": 9, "b": 4}, banks={"a": (3, 3)})
    plan = with_touched(net, plan, "a", "b")
    faults = {
        "moves": ("moves", property(lambda self: [False] * self.config.groups)),
        "rows": ("_reached", lambda self, m: Const(0, self.config.groups)),
        "fired": ("_again", lambda self, m: Const(0, 1)),
    }
    monkeypatch.setattr(TouchedPlaces, *faults[fault])
    with pytest.raises(AssertionError):
        check_graph(net, plan, few(net, 6, seed=4))


def test_reached_groups_are_those_of_the_weights():
    """A spike's rows go to the groups of the neurons that the connection's matrix says."""
    net = network()
    plan = plan_for(net, Mode.COLLAPSED, lanes={"a": 9, "b": 8}, banks={"a": (3, 3), "b": (2, 1)})
    config = core_configs(net, plan)[1]
    reached = reached_groups(config, config.ports[0])
    kernel = net.connections[1].operator
    for c in range(3):
        for y in range(7):
            for x in range(9):
                wanted = {
                    (row // 2, column)
                    for row in range(3)
                    for column in range(4)
                    if 0 <= y - 2 * row < kernel.kernel[0] and 0 <= x - 2 * column < 3
                }
                found = reached[(c * 7 + y) * 9 + x].reshape(1, 2, 4)[0]
                assert {(int(r), int(k)) for r, k in np.argwhere(found)} == wanted


def test_the_bound_counts_what_is_touched():
    net = network()
    plan = plan_for(net, Mode.COLLAPSED, lanes={"a": 9, "b": 4}, banks={"a": (3, 3)})
    x = np.zeros((4, 63), dtype=np.int64)
    x[1, 0] = 1  # one group of 3 x 3 of each of 3 channels
    x[2, 2] = 1  # on the edge of two
    streams = golden_streams(net, Mode.COLLAPSED, {"x": x}, None)
    touched = with_touched(net, plan, "a")
    load = workload(net, touched, streams)
    assert load.sweeps["a"] * 3 * 3 * 3 == (3 + 6) / 4
    assert workload(net, plan, streams).sweeps["a"] == 1


def test_a_replayed_input_is_refused():
    """It is added in every step, and no row says so."""
    net = network(modes=(Mode.STEPWISE,))
    x = replace(net.inputs[0], encoding=Encoding.CONSTANT)
    net = replace(net, inputs=(x,))
    plan = plan_for(net, Mode.STEPWISE, lanes={"a": 9, "b": 4})
    with pytest.raises(
        ConfigurationError, match=r"must host no population whose input is replayed, found 'a';"
    ):
        with_touched(net, plan, "a")
    with_touched(net, plan, "b")


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.COLLAPSED])
@pytest.mark.parametrize("store", TWO_PORTS)
def test_latency_is_the_property(mode, store):
    """Of a step that touched nothing; then steps that did, with stalls."""
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when=BiasWhen.FIRST,
        s_min=0,
        s_max=3,
    )
    config = make(soma, mode=mode, store=store, lanes=2)
    config = replace(config, plan=replace(config.plan, sweeps=Sweeps.TOUCHED))
    assert config.skips
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency
    run(config, *samples(config, seed="touched"), valid="011", ready="00101")


RESTS = {"fire": Fire.BINARY, "threshold": 3}


@pytest.mark.parametrize(
    ("soma", "why"),
    [
        ({}, None),
        ({"reset": Reset.VALUE}, None),
        ({"s_max": 3, "s_min": 0}, None),
        ({"fire": Fire.BURST, "max_level": 4}, None),
        ({"bias": 2, "bias_when": BiasWhen.FIRST}, None),
        ({"fire": Fire.NONE}, "is read"),
        ({"leak_v": Leak(shift=1)}, "leaks, clips or has a bias on every step"),
        ({"bias": 2}, "leaks, clips or has a bias on every step"),
        ({"v_min": 0}, "leaks, clips or has a bias on every step"),
        ({"refractory": 2}, "counts refractory steps"),
        ({"reset_delay": True}, "resets a step later"),
        (
            {"current": True, "phases": Phases(receive=0, slope=2)},
            "leaks, clips or has a bias on every step",
        ),
    ],
)
def test_who_rests(soma, why):
    assert moves_alone(Soma(**RESTS | soma)) == why


def test_what_is_refused():
    net = network()
    plan = plan_for(net, Mode.COLLAPSED, lanes={"a": 9, "b": 4})
    a, b, out = (replace(core, sweeps=Sweeps.TOUCHED) for core in plan.cores)
    every = plan.cores
    for cores, message in (
        (
            (every[0], every[1], out),
            r"^core of 'out': a core that sweeps what was touched must host a population that "
            r"rests while no spike reaches it, found 'out', which is read; let it sweep all$",
        ),
        (
            (replace(a, lanes=189, banks=(7, 9), sweep_lanes=4), every[1], every[2]),
            r"must decide group by group, found 4 sweep lanes",
        ),
        (
            (
                replace(a, hosts=(Host(population="a", channels=(0, 1)),), lanes=1),
                replace(a, hosts=(Host(population="a", channels=(1, 3)),), lanes=1),
                b,
                every[2],
            ),
            r"must host one whole population, found a slice, or several",
        ),
    ):
        with pytest.raises(ConfigurationError, match=message):
            check_plan(net, HardwarePlan(mode=Mode.COLLAPSED, cores=cores))
