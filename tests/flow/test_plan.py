import json
import re
from dataclasses import replace

import pytest

from spikewright.flow.plan import default_plan
from spikewright.flow.plan_file import (
    load_plan,
    plan_as_dict,
    plan_from_dict,
    save_plan,
    with_depths,
)
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Mode
from spikewright.hdl.design import design_hash
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import (
    CorePlan,
    GuardPlan,
    HardwarePlan,
    Host,
    MembraneStore,
    ParameterStore,
    Products,
    WeightStore,
)
from support.chains import bounded_chain, counting_chain
from support.maps import convolution, map_network

NETWORK = bounded_chain((30, 200, 5), seed=1)


def hosts(*names):
    return tuple(Host(population=name) for name in names)


@pytest.mark.parametrize(
    ("lanes", "built"),
    [
        (None, [16, 5]),
        (8, [8, 5]),
        ((64,), [64, 5]),
        ((300, 2), [200, 2]),
        ({"out": 3}, [16, 3]),
        ({}, [16, 5]),
    ],
)
def test_lanes(lanes, built):
    plan = default_plan(NETWORK, Mode.SETTLE, lanes=lanes)
    assert plan.mode is Mode.SETTLE
    assert [core.hosts for core in plan.cores] == [hosts("h0"), hosts("out")]
    assert [core.lanes for core in plan.cores] == built


def test_membranes_by_groups():
    plan = default_plan(NETWORK, Mode.SETTLE)
    assert [core.membranes for core in plan.cores] == [
        MembraneStore.LUTRAM,
        MembraneStore.REGISTERS,
    ]
    block = default_plan(NETWORK, Mode.SETTLE, membranes=MembraneStore.BLOCK)
    # One group of membranes is read and written in every cycle.
    assert [core.membranes for core in block.cores] == [
        MembraneStore.BLOCK,
        MembraneStore.REGISTERS,
    ]


@pytest.mark.parametrize(
    ("lanes", "message"),
    [
        ((1, 2, 3), "^lanes must be given once, or once for each of h0, out, found 3 of them$"),
        ((), "found 0 of them$"),
        ({"h1": 3}, "^lanes may be given for h0, out, found h1$"),
        (True, "^core 'h0': lanes must be integers of at least 1, found True$"),
        (0, "^core 'h0': lanes must be integers of at least 1, found 0$"),
        ((4, True), "^core 'out': lanes must be integers of at least 1, found True$"),
    ],
)
def test_bad_lanes(lanes, message):
    with pytest.raises(ConfigurationError, match=message):
        default_plan(NETWORK, Mode.SETTLE, lanes=lanes)


SAME = map_network((16, 8, 8), convolution((16, 4, 3, 3)))


def test_banks_that_are_asked_for():
    cores = default_plan(SAME, Mode.STEPWISE, lanes=32, banks=(2, 3)).cores
    # 5 channels on 30 lanes would need 4 blocks of 16 channels; so do 4.
    assert (cores[0].banks, cores[0].channel_lanes) == ((2, 3), 4)
    assert cores[1].banks == (1, 1)
    cores = default_plan(SAME, Mode.STEPWISE, lanes=144, banks={"map": (9, 1)}).cores
    assert cores[0].banks == (8, 1)
    with pytest.raises(
        ConfigurationError, match=r"^core of 'map': lanes must be at least the 3 x 3 banks, found 8"
    ):
        default_plan(SAME, Mode.STEPWISE, lanes=8, banks=((3, 3), (1, 1)))
    for bad in ((0, 3), {"map": 3}):
        with pytest.raises(ConfigurationError, match="'map': banks must be integers of at least 1"):
            default_plan(SAME, Mode.STEPWISE, banks=bad)


def test_membranes_by_words():
    def store(**options):
        return default_plan(SAME, Mode.STEPWISE, **options).cores[0].membranes

    assert store(lanes=1024, banks=(8, 8)) is MembraneStore.REGISTERS
    assert store(lanes=16, banks=(1, 1)) is MembraneStore.LUTRAM
    assert store(lanes=8, banks=(1, 1)) is MembraneStore.BLOCK


def test_weights_by_words():
    def store(**options):
        return default_plan(SAME, Mode.STEPWISE, **options).cores[0].weights

    # A word of all taps for each source channel; with one bank a word a tap.
    assert store(lanes=144) is WeightStore.LOGIC
    assert store(lanes=16) is WeightStore.BLOCK
    assert store(lanes=144, weights=WeightStore.BLOCK) is WeightStore.BLOCK


def test_large_rams_are_for_many_weights():
    def stores(sizes, **options):
        network = bounded_chain(sizes, seed=1, bits=4)
        return [core.weights for core in default_plan(network, Mode.COLLAPSED, **options).cores]

    block, large = WeightStore.BLOCK, WeightStore.SPRAM
    assert stores((256, 33, 10), lanes=8, weights=large) == [large, block]
    assert stores((256, 33, 10), lanes=8) == [block, block]
    with pytest.raises(
        ConfigurationError,
        match=r"^weights: large RAMs must be for a core with more than 32768 bits of weights, found"
        r" at most 32768; leave them out: such weights go into block RAM$",
    ):
        stores((256, 32, 10), lanes=8, weights=large)


def test_queues_of_one_depth():
    network = bounded_chain((8, 5, 3), seed=1)
    plan = default_plan(network, Mode.SETTLE, queue_depth=3)
    assert [core.queue_depths for core in plan.cores] == [(3,), (3,)]
    with pytest.raises(ConfigurationError, match="queue_depths must be integers of at least 2"):
        default_plan(network, Mode.SETTLE, queue_depth=1)


def test_fanout_of_all_cores():
    plain, plan = (default_plan(NETWORK, Mode.SETTLE, fanout=fanout) for fanout in (None, 32))
    assert plain.fanouts == {}
    assert plan.fanouts == dict.fromkeys(range(len(plan.cores)), 32)
    one = replace(plan, cores=(replace(plan.cores[0], fanout=None), *plan.cores[1:]))
    assert list(one.fanouts) == list(range(1, len(plan.cores)))
    assert plan_from_dict(plan_as_dict(one)) == one


def test_queues_that_could_deadlock_are_refused():
    """A connection within a core needs a whole step of its source."""
    network = bounded_chain((8, 5, 5, 3), seed=1)
    share = [("h0", "h1")]
    default_plan(network, Mode.SETTLE, share=share, queue_depth=6)
    with pytest.raises(
        ConfigurationError,
        match=r"the queue must hold a whole step, 6 tokens, or queues could deadlock, found 5;",
    ):
        default_plan(network, Mode.SETTLE, share=share, queue_depth=5)


def test_partition():
    plan = default_plan(SAME, Mode.STEPWISE, lanes=36, banks=(3, 3), partition={"map": 3})
    parts = [core.hosts[0].channels for core in plan.cores[:3]]
    assert parts == [(0, 4), (4, 8), (8, 16)]
    assert {core.lanes for core in plan.cores[:3]} == {36}
    # As few channel lanes as it takes to give every core a block.
    plan = default_plan(SAME, Mode.STEPWISE, lanes=144, partition={"map": 5})
    assert [core.hosts[0].channels for core in plan.cores[:5]] == [
        (0, 3), (3, 6), (6, 9), (9, 12), (12, 16),
    ]  # fmt: skip
    assert core_configs(SAME, plan)[4].hosts[0].n == 4 * 64


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ({"none": 2}, "^a partition may be given for map, out, found none$"),
        ({"map": 17}, "^population 'map': a partition must have 1 to 16 parts, .* found 17$"),
        ({"out": 0}, "'out': a partition must have 1 to 5 parts, the population's channels"),
        ({"out": True}, "found True$"),
    ],
)
def test_bad_partition(partition, message):
    with pytest.raises(ConfigurationError, match=message):
        default_plan(SAME, Mode.STEPWISE, partition=partition)


DEEP = bounded_chain((6, 8, 8, 5), seed=1)


def test_shared_core():
    plan = default_plan(DEEP, Mode.SETTLE, lanes=(4, 2, 5), share=[("h1", "h0")])
    assert [core.hosts for core in plan.cores] == [hosts("h0", "h1"), hosts("out")]
    assert plan.cores[0].lanes == 2
    assert len(plan.cores[0].queue_depths) == 2
    # A path from the core back to itself holds a step's spikes and its marker.
    assert plan.cores[0].queue_depths[1] >= 8 + 1


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ([("h0", "h9")], "^populations that share a core must be known, found h9; the network has"),
        ([("h0", "h0")], "must be named once, found h0, h0"),
        ([("h0", "h1"), ("h1", "out")], "must be named once, found h1"),
    ],
)
def test_bad_sharing(share, message):
    with pytest.raises(ConfigurationError, match=message):
        default_plan(DEEP, Mode.SETTLE, share=share)


def test_banks_of_a_shared_core():
    message = r"must be given the same banks, found \(1, 1\) for 'h0', None for 'h1'$"
    with pytest.raises(ConfigurationError, match=message):
        default_plan(DEEP, Mode.SETTLE, share=[("h0", "h1")], banks={"h0": (1, 1)})


def test_slices_are_not_shared():
    with pytest.raises(ConfigurationError, match="must be whole, found h0"):
        default_plan(DEEP, Mode.SETTLE, share=[("h0", "h1")], partition={"h0": 2})


def test_file_round_trip(tmp_path):
    plan = HardwarePlan(
        mode=Mode.COLLAPSED,
        cores=(
            CorePlan(
                hosts=(Host(population="a", channels=(0, 3)),),
                lanes=12,
                banks=(2, 2),
                membranes=MembraneStore.BLOCK,
                queue_depths=(4, 9),
            ),
            CorePlan(hosts=hosts("b", "c"), lanes=1),
        ),
    )
    for each in (plan, replace(plan, guards=(GuardPlan(input="x", depth=9, reserve=3),))):
        save_plan(each, tmp_path / "plan.json")
        assert load_plan(tmp_path / "plan.json") == each


def test_depths_that_are_left_out_are_computed():
    full = default_plan(DEEP, Mode.SETTLE, lanes=4)
    data = plan_as_dict(full)
    data["cores"][0]["queue_depths"] = [77]
    del data["cores"][1]["queue_depths"]
    plan = with_depths(DEEP, plan_from_dict(data))
    assert plan.cores[0].queue_depths == (77,)
    assert plan.cores[1:] == full.cores[1:]


def test_hash_tells_plans_apart():
    one, other = (default_plan(NETWORK, Mode.SETTLE, lanes=lanes) for lanes in (4, 5))
    again = default_plan(NETWORK, Mode.SETTLE, lanes=4)
    assert design_hash(NETWORK, one) == design_hash(NETWORK, again)
    assert design_hash(NETWORK, one) != design_hash(NETWORK, other)
    assert re.fullmatch("[0-9a-f]{64}", design_hash(NETWORK, one))


def test_defaults_may_be_left_out():
    core = {"hosts": [{"population": "a"}], "lanes": 2}
    plan = plan_from_dict({"schema": 6, "mode": "settle", "cores": [core]})
    assert plan.cores == (CorePlan(hosts=hosts("a"), lanes=2),)


def test_guards_of_inputs_of_events():
    events = counting_chain((4, 3), seed=1)
    plan = default_plan(events, Mode.STEPWISE, guard=16)
    assert plan.guards == (GuardPlan(input="x", depth=16, reserve=2),)
    assert replace(plan, guards=()) == default_plan(events, Mode.STEPWISE)
    message = "^guard: a guard must have an input whose spikes are given as events, found 'x', once"
    with pytest.raises(ConfigurationError, match=message):
        default_plan(NETWORK, Mode.SETTLE, guard=16)


def host(data):
    return data["cores"][0]["hosts"][0]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d.update(schema=1), FileError, "^plan: the plan's schema must be 6, found 1;"),
        (lambda d: d.update(speed=1), ConfigurationError, "found unknown speed; the keys are"),
        (lambda d: d.pop("mode"), ConfigurationError, "found missing mode"),
        (lambda d: d.update(mode="fast"), ConfigurationError, "^plan, mode: must be one of step"),
        (lambda d: d.update(cores=[]), ConfigurationError, "at least 1, found \\[\\]$"),
        (lambda d: d["cores"].append(3), ConfigurationError, "core 2: a core must be an object"),
        (lambda d: d["cores"][0].update(lane=1), ConfigurationError, "core 0: .*unknown lane;"),
        (lambda d: d["cores"][0].pop("lanes"), ConfigurationError, "found missing lanes"),
        (lambda d: d["cores"][0].update(lanes=0), ConfigurationError, "at least 1, found 0"),
        (lambda d: d["cores"][0].update(lanes="4"), ConfigurationError, "at least 1, found '4'"),
        (lambda d: d["cores"][0].update(population="h0"), ConfigurationError, "unknown population"),
        (lambda d: d["cores"][0].update(hosts=[]), ConfigurationError, "at least 1, found \\[\\]$"),
        (lambda d: d["cores"][0].update(hosts="h0"), ConfigurationError, "hosts must be a list"),
        (lambda d: d["cores"][0].update(hosts=["h0"]), ConfigurationError, "must be an object"),
        (lambda d: host(d).update(name="h0"), ConfigurationError, "found unknown name;"),
        (lambda d: host(d).update(population=1), ConfigurationError, "must be a name"),
        (lambda d: host(d).update(channels=[1]), ConfigurationError, "first and last"),
        (lambda d: host(d).update(channels=[4, 4]), ConfigurationError, "first and last"),
        (lambda d: d["cores"][0].update(banks=[2]), ConfigurationError, "banks"),
        (lambda d: d["cores"][0].update(banks=[3, 1]), ConfigurationError, "lanes must be a multi"),
        (lambda d: d["cores"][0].update(queue_depths=[1]), ConfigurationError, "queue_depths"),
        (lambda d: d["cores"][0].update(membranes="x"), ConfigurationError, "membranes: must be"),
        (lambda d: d.update(guards=3), ConfigurationError, "guards must be a list of at least 0"),
        (lambda d: d.update(guards=[3]), ConfigurationError, "guard 0: a guard must be an object"),
        (lambda d: d.update(guards=[{"input": "x"}]), ConfigurationError, "found missing depth"),
        (
            lambda d: d.update(guards=[{"input": "x", "depth": "9"}]),
            ConfigurationError,
            "^guard of input 'x': depth must be an integer of at least 1, found '9'$",
        ),
        (lambda d: d["cores"][0].update(weights=None), ConfigurationError, "weights: must be"),
    ],
)
def test_bad_plan(change, error, message):
    data = json.loads(json.dumps(plan_as_dict(default_plan(NETWORK, Mode.SETTLE))))
    change(data)
    with pytest.raises(error, match=message):
        plan_from_dict(data)


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize("sweep_lanes", [None, 2])
def test_constants_of_neurons_live_where_they_are_asked_to(mode, sweep_lanes):
    usual = default_plan(NETWORK, mode, lanes=100, sweep_lanes=sweep_lanes)
    for store in ParameterStore:
        plan = default_plan(NETWORK, mode, lanes=100, sweep_lanes=sweep_lanes, parameters=store)
        assert {core.parameters for core in plan.cores} == {store}
        cores = zip(plan.cores, usual.cores, strict=True)
        assert all(replace(core, parameters=other.parameters) == other for core, other in cores)


def test_products_and_parameters():
    plan = default_plan(NETWORK, Mode.SETTLE, products=Products.SERIAL)
    assert {core.products for core in plan.cores} == {Products.SERIAL}
    assert {core.parameters for core in plan.cores} == {ParameterStore.MEMORY}
    core = replace(plan.cores[0], parameters=ParameterStore.REGISTERS)
    other = replace(plan, cores=(core, *plan.cores[1:]))
    assert plan_from_dict(plan_as_dict(other)) == other
    data = plan_as_dict(other)
    data["cores"][0]["parameters"] = "wires"
    message = (
        r"^plan, core 0, parameters: must be one of memory, constants, registers, found 'wires'$"
    )
    with pytest.raises(ConfigurationError, match=message):
        plan_from_dict(data)
