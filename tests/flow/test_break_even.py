"""Where sparse rows become cheaper: against counts by hand, and against what is built."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.break_even import CoreBreakEven, Cost, Point, break_even
from spikewright.flow.break_even_plot import plot_break_even
from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.memories import core_memories
from spikewright.flow.performance import workload
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode
from spikewright.hdl.bound import bound_cycles
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import Rows
from support.chains import bounded_chain, inputs_for
from support.thinned import thinned

NETWORK = thinned(bounded_chain((30, 24, 3), seed=1, high=1), 0.25)


def load_of(network, plan):
    streams = golden_streams(network, plan.mode, inputs_for(network, 20, seed=1), None)
    return workload(network, plan, streams)


def made(network=NETWORK, **options):
    plan = default_plan(network, Mode.COLLAPSED, lanes=(4, 3), **options)
    return plan, load_of(network, plan)


def test_costs_are_those_of_the_hardware():
    plan, load = made()
    sparse, _ = made(rows=Rows.SPARSE)
    core = break_even(NETWORK, plan, load)[0]
    for found, built in ((core.dense, plan), (core.now, sparse)):
        config = core_configs(NETWORK, built)[0]
        alone = bound_cycles((config,), spikes=load.spikes, steps=load.sweeps)
        assert found.cycles == pytest.approx(alone)
        assert found.rows == pytest.approx(alone - 6)  # groups
        kept = {memory.kind: memory.bits for memory in core_memories(config)}
        # Pointers of so few spikes are logic, which no memory is listed for.
        assert found.bits == kept["weights"] + (found.bits - kept["weights"])
        assert 0 <= found.bits - kept["weights"] < 32 * 16
    assert core.name == "h0" and (core.lanes, core.groups) == (4, 6)
    operator = NETWORK.connections[0].operator
    assert core.density == np.count_nonzero(operator.weights) / operator.weights.size


def test_balanced_weights_take_their_share_of_rows():
    plan, load = made()
    core = break_even(NETWORK, plan, load, shares=(1.0, 0.5, 0.25))[0]
    full, half, quarter = core.points
    assert full.balanced == full.scattered
    assert full.balanced.rows == core.dense.rows
    assert full.balanced.bits > core.dense.bits, "groups and pointers come on top"
    for point in (half, quarter):
        assert point.balanced.rows < point.scattered.rows <= core.dense.rows
        assert point.balanced.bits < point.scattered.bits
    assert core.even("rows", "balanced") == 1.0


def point(density, balanced, scattered):
    costs = (Cost(rows=each, cycles=each, bits=0) for each in (balanced, scattered))
    return Point(density=density, balanced=next(costs), scattered=next(costs))


def test_break_even_lies_between_two_points():
    core = CoreBreakEven(
        name="a",
        lanes=1,
        groups=1,
        dense=Cost(rows=10.0, cycles=10.0, bits=0),
        density=1.0,
        now=Cost(rows=10.0, cycles=10.0, bits=0),
        points=(point(1.0, 14.0, 30.0), point(0.5, 6.0, 20.0), point(0.25, 1.0, 10.0)),
    )
    assert core.even("rows", "balanced") == 0.75
    assert core.even("rows", "scattered") is None
    assert core.even("bits", "balanced") is None


def test_what_no_core_can_have_is_said():
    plan, load = made()
    both = tuple(replace(plan.cores[0], hosts=core.hosts * 2) for core in plan.cores)
    with pytest.raises(ConfigurationError, match="must host one population, found 2 of them"):
        break_even(NETWORK, replace(plan, cores=both), load)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_it_is_drawn(tmp_path, suffix):
    plan, load = made()
    path = tmp_path / f"even{suffix}"
    plot_break_even(break_even(NETWORK, plan, load), path)
    assert path.stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_plot_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^--plot: .* \.png, \.svg, \.pdf, found even\.x"):
        plot_break_even((), tmp_path / "even.x")
