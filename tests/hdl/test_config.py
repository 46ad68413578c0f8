"""What cores must be is worked out once, from the network and the plan."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Fire,
    Identity,
    Input,
    Interval,
    Leak,
    Mode,
    Network,
    Payload,
    Phases,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    int_vector,
)
from spikewright.hdl import core_configs
from spikewright.hdl.config import shape_of
from spikewright.hdl.make_configs import node_layouts
from spikewright.hdl.product import multiplies
from support.branching import branching, convolution, dense, max_pool
from support.chains import bounded_chain
from support.graphs import plan_for


def leaky(soma):
    weights = Dense(weights=np.arange(-6, 6).reshape(3, 4), weight_bits=4)
    readout = Dense(weights=np.ones((4, 2), dtype=int), weight_bits=2)
    return Network(
        name="t",
        inputs=(
            Input(name="x", shape=(3,), payload=Payload.UNIT, low=0, high=1, encoding="events"),
        ),
        populations=(
            Population(name="a", shape=(4,), soma=soma, payload=Payload.SIGN),
            Population(name="b", shape=(2,), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT),
        ),
        connections=(
            Connection(source="x", target="a", operator=weights),
            Connection(source="a", target="b", operator=readout),
        ),
        readout=Readout(population="b", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )


def test_shapes_of_intervals():
    bounds = [(0, 0), (0, 1), (0, 8), (-1, 0), (-8, 7), (-9, 3), (2, 5)]
    found = [shape_of(Interval(low, high)) for low, high in bounds]
    wanted = [unsigned(1), unsigned(1), unsigned(4), signed(1), signed(4), signed(5), unsigned(3)]
    assert found == wanted


def test_a_core_in_numbers():
    network = leaky(Soma(fire=Fire.BINARY, threshold=3))
    first, second = core_configs(network, plan_for(network, Mode.STEPWISE, lanes=3))
    assert (first.lanes, first.groups, first.channel_lanes, first.banks) == (3, 2, 3, (1, 1))
    assert (second.lanes, second.groups) == (2, 1)  # no more lanes than neurons
    assert first.ports[0].source.is_unit
    assert not second.hosts[0].target.is_unit
    assert first.operand_shape == signed(4)
    assert first.rows(lambda host: np.array([1, 2, 3, 4])) == ([[1, 2, 3], [4, 4, 4]], False)


def test_a_leaky_start_has_leak_and_bias_in_it():
    network = leaky(Soma(fire=Fire.BINARY, threshold=3, initial_v=9, bias=2, leak_v=Leak(shift=1)))
    host = core_configs(network, plan_for(network, Mode.STEPWISE))[0].hosts[0]
    assert host.initial_total.tolist() == [6, 6, 6, 6]


def test_a_current_takes_the_rows_and_the_bias():
    soma = Soma(
        fire=Fire.BINARY, threshold=3, initial_v=9, bias=2, current=True, leak_v=Leak(shift=1)
    )
    core = core_configs(leaky(soma), plan_for(leaky(soma), Mode.STEPWISE))[0]
    assert core.hosts[0].initial_total.tolist() == [2] * 4
    assert core.hosts[0].initial_v.tolist() == [4] * 4
    assert list(core.state.fields) == ["total", "v"]
    assert set(core.parameters) == {"initial_total", "initial_v", "threshold", "bias"}


@pytest.mark.parametrize(
    ("options", "fields", "parameters"),
    [
        ({}, ["total"], set()),
        ({"bias_when": "first"}, ["total"], {"-bias"}),
        ({"s_max": 2}, ["total", "tracer"], set()),
        ({"reset_amount": 2}, ["total"], {"amount"}),
        ({"reset_amount": 3}, ["total"], set()),
        ({"reset_delay": True}, ["total"], set()),
        ({"reset_delay": True, "leak_v": Leak(shift=1)}, ["total"], set()),
        (
            {"reset_delay": True, "leak_v": Leak(shift=1), "leak_order": "after"},
            ["total", "pending"],
            set(),
        ),
        ({"fire": Fire.TERNARY, "threshold_negative": 2}, ["total"], {"negative"}),
        ({"refractory": 2}, ["total", "v", "wait"], {"initial_v"}),
        ({"current": True, "refractory": 2}, ["total", "v", "wait"], {"initial_v"}),
        (
            {"current": True, "phases": Phases(receive=2, slope=int_vector(1))},
            ["total", "v"],
            {"initial_v", "slope"},
        ),
        ({"phases": Phases(receive=2)}, ["total"], set()),
        (
            {"fire": Fire.PATTERN, "phases": Phases(receive=2, fire=1)},
            ["total"],
            set(),
        ),
    ],
)
def test_what_a_neuron_does_not_use_is_not_there(options, fields, parameters):
    network = leaky(Soma(**{"fire": Fire.BINARY, "threshold": 3, **options}))
    core = core_configs(network, plan_for(network, Mode.STEPWISE))[0]
    wanted = {"initial_total", "threshold", "bias"} | parameters
    if "-bias" in parameters:
        wanted -= {"bias", "-bias"}
    assert list(core.state.fields) == fields
    assert set(core.parameters) == wanted


def graph():
    """x (2, 4, 4) -> a (6, 4, 4); a and x -> b (6, 4, 4); max pool -> c (6, 2, 2) -> out."""
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 6, 2, (3, 3), padding=1, shift=2)),
        ("a", "b", Identity(shift=3, negative=True)),
        ("x", "b", convolution(rng, 6, 2, (3, 3), padding=1, bits=4)),
        ("b", "c", max_pool((2, 2), stride=2)),
        ("c", "out", dense(rng, 24, 3)),
    ]
    populations = {"a": (6, 4, 4), "b": (6, 4, 4), "c": (6, 2, 2), "out": (3,)}
    return branching({"x": (2, 4, 4)}, populations, wires, seed=1, relays=("c",))


def cores_of(network, mode=Mode.COLLAPSED, **options):
    return {
        core.hosts[0].population.name: core
        for core in core_configs(network, plan_for(network, mode, **options))
    }


def test_banks_lanes_and_groups():
    cores = cores_of(
        graph(), lanes={"a": 24, "b": 12, "c": 64, "out": 3}, banks={"a": (2, 3), "c": (4, 4)}
    )
    assert (cores["a"].channel_lanes, cores["a"].banks, cores["a"].groups) == (4, (2, 3), 2 * 2 * 2)
    assert (cores["c"].channel_lanes, cores["c"].banks) == (4, (2, 2))  # as many as there are
    assert cores["a"].hosts[0].blocks == (2, 2, 2)
    assert cores["b"].ports[0].source.axes[0].banks == 4  # a's codes


def test_operands_of_all_ports_are_aligned():
    core = cores_of(graph())["b"]
    assert core.shift == 0
    assert core.operand_shape == signed(4)  # -1 << 3, and weights of 4 bits
    assert (core.payload.low, core.payload.high) == (0, 3)
    assert core.v_bits > core.shift


def test_tokens_behind_a_delta_are_the_targets_own():
    core = cores_of(graph(), banks={"c": (2, 2)}, lanes={"c": 8})["c"]
    port = core.ports[0]
    assert port.layout.shape == (6, 2, 2)
    assert port.layout.axes == core.hosts[0].target.axes
    assert (port.layout.low, port.layout.high) == (0, 3)
    assert (port.x.low, port.x.high) == (0, 3)


def test_a_slice_keeps_the_addresses_of_the_whole():
    network = graph()
    plan = plan_for(network, Mode.SETTLE, lanes={"a": 2}, slices={"a": [(0, 2), (2, 6)]})
    first, second = core_configs(network, plan)[:2]
    assert (first.hosts[0].n, second.hosts[0].n) == (32, 64)
    assert first.hosts[0].target is second.hosts[0].target
    assert second.hosts[0].address_block == 1
    assert second.hosts[0].target == node_layouts(network, plan)["a"]
    values = np.arange(6)
    rows, by_group = second.rows(lambda host: values)
    assert (rows, by_group) == ([[2, 3], [4, 5]], False)


def test_hosts_follow_each_other_in_a_core():
    network = graph()
    config = core_configs(
        network, plan_for(network, Mode.SETTLE, lanes=8, banks={"a": (1, 2)}, shared=[("a", "b")])
    )[0]
    first, second = config.hosts
    assert (first.first_group, second.first_group, config.groups) == (0, 16, 32)
    assert (first.first_block, second.first_block) == (0, 2)
    assert [port.host for port in config.ports] == [0, 1, 1]
    rows, by_group = config.rows(lambda host: host.population.soma.threshold)
    assert not by_group
    thresholds = [network.population(name).soma.threshold.tolist() for name in "ab"]
    assert rows == [part for t in thresholds for part in (t[:4], [*t[4:], t[5], t[5]])]


def test_parameters_of_each_neuron_are_by_group():
    core = cores_of(graph(), lanes={"a": 8}, banks={"a": (2, 2)})["a"]
    values = np.arange(96)
    rows, by_group = core.rows(lambda host: values)
    assert by_group
    assert len(rows) == core.groups
    # Group 0: rows 0 and 1, columns 0 and 1, channels 0 and 1 fastest.
    assert rows[0] == [0, 16, 1, 17, 4, 20, 5, 21]


@pytest.mark.parametrize("high", [1, 2, 15])
@pytest.mark.parametrize("fanout", [None, 32])
def test_weights_that_are_multiplied_far_away_wait_for_the_wire(high, fanout):
    network = bounded_chain((6, 4, 3), seed=1, high=high)
    plan = plan_for(network, Mode.STEPWISE)
    plan = replace(plan, cores=tuple(replace(core, fanout=fanout) for core in plan.cores))
    (first, _) = core_configs(network, plan)
    assert first.holds_words is (high > 1 and fanout is not None)


def test_weights_wait_where_any_port_of_a_core_brings_payloads_that_are_multiplied():
    rng = np.random.default_rng(1)
    wires = [
        ("x", "a", dense(rng, 4, 5)),
        ("a", "b", dense(rng, 5, 3)),
        ("x", "b", dense(rng, 4, 3)),
    ]
    network = branching({"x": (4,)}, {"a": (5,), "b": (3,)}, wires, seed=1, high=15)
    plan = plan_for(network, Mode.STEPWISE)
    plan = replace(plan, cores=tuple(replace(core, fanout=8) for core in plan.cores))
    second = core_configs(network, plan)[1]
    assert {multiplies(port.layout) for port in second.ports} == {False, True}
    assert second.holds_words
