"""Plans that the planner finds for small networks, and what it says where there is none."""

import re
from dataclasses import replace

import pytest

from spikewright.boards import get_board
from spikewright.flow.area import estimate_area
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.plan_file import load_plan, save_plan
from spikewright.flow.planner import Limits, Objective, Pins, plan_hardware
from spikewright.flow.planner.candidate import Candidate
from spikewright.flow.planner.knobs import Knobs, build
from spikewright.flow.planner.picture import draw_front
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.checks import check_plan
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import MembraneStore, Products, WeightStore
from support.chains import bounded_chain, inputs_for
from support.cycles import measured

BOARD = get_board("ulx3s-85f")
SMALL = Pins(lanes={"h0": 24, "out": 5}, spikes=1, share=(), partition={})


@pytest.fixture(scope="module")
def network():
    return bounded_chain((40, 24, 5), seed=3, high=1)


@pytest.fixture(scope="module")
def inputs(network):
    return {"x": inputs_for(network, 8, seed=2)}


@pytest.fixture(scope="module")
def traces(network, inputs):
    return activity(network, Mode.COLLAPSED, inputs)


@pytest.fixture(scope="module")
def fastest(network, traces):
    return plan_hardware(network, BOARD, traces, objective=Objective.THROUGHPUT)


def test_the_fastest_is_wide_and_its_cycles_are_measured(tmp_path, network, inputs, fastest):
    check_plan(network, fastest.plan)
    core_configs(network, fastest.plan)
    # A lane for each of its neurons, in one core or in several.
    hidden = [core for core in fastest.plan.cores if core.hosts[0].population == "h0"]
    assert sum(core.lanes for core in hidden) == 24
    assert fastest.chosen.plan == fastest.plan
    assert fastest.limit == fastest.chosen.cycles.limit
    found = measured(network, fastest.plan, inputs, None, tmp_path)
    assert fastest.chosen.cycles.cycles == pytest.approx(found, rel=0.02)


def test_nobody_beats_the_front(fastest):
    keys = [(1 / each.frames_per_s, each.area.luts, each.area.block_rams) for each in fastest.front]
    assert len(keys) > 4
    assert fastest.chosen in fastest.front
    assert keys == sorted(keys)
    for one in keys:
        better = [
            two for two in keys if two != one and all(a <= b for a, b in zip(two, one, strict=True))
        ]
        assert not better, (one, better)


@pytest.mark.parametrize(
    ("board", "objective"),
    [
        ("icebreaker", Objective.MEMORY),
        ("ulx3s-85f", Objective.THROUGHPUT),
        pytest.param("ulx3s-85f", Objective.AREA, marks=pytest.mark.rest),
        pytest.param("ulx3s-85f", Objective.LATENCY, marks=pytest.mark.rest),
        pytest.param("ulx3s-85f", Objective.MEMORY, marks=pytest.mark.rest),
    ],
)
def test_no_plan_of_a_grid_is_better(network, traces, board, objective):
    board = get_board(board)
    pins = Pins(spikes=1, partition={}, share=())
    planned = plan_hardware(network, board, traces, objective=objective, pins=pins)
    stores = [
        (membranes, weights, depth)
        for membranes in (MembraneStore.REGISTERS, MembraneStore.BLOCK)
        for weights in (None, WeightStore.LOGIC)
        for depth in (None, 4)
    ]
    worths = []
    for lanes in ({"h0": 1, "out": 1}, {"h0": 24, "out": 5}):
        for membranes, weights, depth in stores:
            knobs = Knobs(
                mode=Mode.COLLAPSED,
                lanes=lanes,
                membranes=membranes,
                weights=weights,
                queue_depth=depth,
            )
            plan = build(network, knobs, pins)
            area = estimate_area(network, plan, board)
            cycles = estimate_cycles(network, plan, traces)
            each = Candidate(plan=plan, cycles=cycles, area=area, clock_hz=area.fmax_hz)
            if not each.misses(Limits(), board.resources, None):
                worths.append(each.worth(objective)[0])
    assert worths
    assert planned.chosen.worth(objective)[0] <= min(worths)


def test_a_limit_that_only_short_queues_and_block_ram_meet(network, traces):
    pins = Pins(spikes=1, partition={}, share=())
    small = plan_hardware(network, BOARD, traces, objective=Objective.AREA, pins=pins).chosen
    limits = Limits(luts=small.area.luts)
    planned = plan_hardware(
        network, BOARD, traces, objective=Objective.THROUGHPUT, pins=pins, limits=limits
    )
    assert planned.chosen.area.luts <= small.area.luts


def test_limits_are_kept(network, traces, fastest):
    slow = fastest.front[-1]
    limits = Limits(fps=2 * slow.frames_per_s, luts=fastest.chosen.area.luts)
    planned = plan_hardware(network, BOARD, traces, objective=Objective.AREA, limits=limits)
    assert planned.chosen.frames_per_s >= 2 * slow.frames_per_s
    assert planned.chosen.area.luts <= fastest.chosen.area.luts


def test_a_goal_that_no_plan_meets_tells_the_nearest(network, traces):
    with pytest.raises(ConfigurationError) as caught:
        plan_hardware(
            network,
            BOARD,
            traces,
            objective=Objective.AREA,
            limits=Limits(fps=1e12),
            pins=SMALL,
        )
    pattern = (
        r"^the nearest of \d+ plans, collapsed: h0 24 lanes.*: a plan for ulx3s-85f must keep to"
        r" what is asked of it, found [\d,]+ frames/s where 1,000,000,000,000 are wanted; ask for"
    )
    assert re.match(pattern, str(caught.value)), caught.value


def test_a_board_without_block_ram_tells_what_the_nearest_plan_misses(network, traces):
    board = replace(BOARD, block_ram=replace(BOARD.block_ram, count=0))
    with pytest.raises(ConfigurationError, match=r"found 1 block RAMs where \S+ has 0; ask for"):
        plan_hardware(network, board, traces, objective=Objective.AREA, pins=SMALL)


def test_a_clock_that_no_plan_reaches(network, traces):
    with pytest.raises(ConfigurationError, match=r"about \d+ MHz, at most \d+, where 900 are"):
        plan_hardware(network, BOARD, traces, objective=Objective.AREA, clock_hz=900e6, pins=SMALL)


def test_a_clock_is_the_one_that_counts(network, traces):
    planned = plan_hardware(
        network, BOARD, traces, objective=Objective.AREA, clock_hz=20e6, pins=SMALL
    )
    assert planned.chosen.clock_hz == 20e6
    assert planned.chosen.frames_per_s == 20e6 / planned.chosen.cycles.cycles


def test_a_clock_within_the_spread_of_the_estimate_is_doubtful(fastest):
    chosen, area = fastest.chosen, fastest.chosen.area
    assert not chosen.doubtful
    for share, doubtful, misses in ((-0.1, False, 0), (0.5, True, 0), (1.1, True, 1)):
        clock = area.fmax_hz * (1 + share * area.fmax_spread)
        other = replace(chosen, clock_hz=clock)
        assert other.doubtful is doubtful
        assert len(other.misses(Limits(), BOARD.resources, clock)) == misses
        assert (other.excess(Limits(), BOARD.resources, clock) > 1) is bool(misses)


def test_pins_are_kept(network, traces):
    pins = Pins(
        lanes={"h0": 24},
        sweep_lanes=8,
        spikes=2,
        membranes=MembraneStore.REGISTERS,
        weights=WeightStore.LOGIC,
        fanout=16,
        partition={},
        share=(),
    )
    planned = plan_hardware(network, BOARD, traces, objective=Objective.AREA, pins=pins)
    for each in planned.front:
        core = each.plan.cores[0]
        assert (core.lanes, core.sweep_lanes, core.spikes) == (24, 8, 2)
        assert {core.weights for core in each.plan.cores} == {WeightStore.LOGIC}
        assert {core.membranes for core in each.plan.cores} == {MembraneStore.REGISTERS}
        assert {core.fanout for core in each.plan.cores} == {16}
        assert len(each.plan.cores) == 2


@pytest.mark.parametrize("sweep_lanes", [None, 8])
def test_membranes_are_where_they_are_pinned(network, sweep_lanes):
    """Also where a core has few words of them."""
    pins = Pins(lanes={"h0": 24}, sweep_lanes=sweep_lanes, membranes=MembraneStore.BLOCK)
    sweep = {} if sweep_lanes is None else {"h0": sweep_lanes}
    knobs = Knobs(mode=Mode.COLLAPSED, lanes=pins.lanes, sweep=sweep, membranes=pins.membranes)
    plan = build(network, knobs, pins)
    assert {core.membranes for core in plan.cores} == {MembraneStore.BLOCK}
    core_configs(network, plan)


def test_a_mode_is_chosen_or_pinned(network, inputs, traces):
    both = [traces, activity(network, Mode.SETTLE, inputs)]
    pins = replace(SMALL, membranes=MembraneStore.REGISTERS, weights=WeightStore.LOGIC)
    free = plan_hardware(network, BOARD, both, objective=Objective.THROUGHPUT, pins=pins)
    assert free.plan.mode is Mode.COLLAPSED
    pinned = replace(pins, mode=Mode.SETTLE)
    planned = plan_hardware(network, BOARD, both, objective=Objective.THROUGHPUT, pins=pinned)
    assert planned.plan.mode is Mode.SETTLE


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        (Pins(mode=Mode.STEPWISE), "the pinned mode must be one of collapsed, found stepwise"),
        (Pins(lanes={"nobody": 2}), "pinned lanes must be those of h0, out, found nobody"),
        (
            Pins(partition={"h0": 2}, share=(("h0", "out"),)),
            "pins: a population that shares a core must have one part, found h0; leave one of",
        ),
        (
            Pins(lanes={"h0": 2, "out": 1}, sweep_lanes=2),
            "pins: with pinned sweep_lanes some population must have a lane for each neuron",
        ),
        (
            Pins(spikes=2, products=Products.SERIAL),
            "pins: with several spikes a cycle products must be pinned to multiplier",
        ),
        (
            Pins(spikes=2, lanes={"h0": 2, "out": 1}),
            "pins: some source must be able to send 2 spikes a cycle",
        ),
    ],
)
def test_pins_that_contradict(network, traces, pins, message):
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}"):
        plan_hardware(network, BOARD, traces, objective=Objective.AREA, pins=pins)


def test_the_plan_goes_through_its_file(tmp_path, fastest):
    save_plan(fastest.plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == fastest.plan


def test_the_front_is_drawn(tmp_path, fastest):
    draw_front(fastest, tmp_path / "front.png", title="front")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigurationError, match=r"a plot's name must end in .png, .svg, .pdf"):
        draw_front(fastest, tmp_path / "front.gif", title="front")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front.png"]
