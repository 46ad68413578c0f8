"""Hardware that is sent changes, and keeps its state, fires as the golden model does."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Const

from spikewright.golden.errors import ConfigurationError, MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl.checks import check_plan
from spikewright.hdl.control import Control
from spikewright.hdl.make_envelope import with_envelope
from spikewright.hdl.plan import Sweeps
from support.branching import branching, convolution, dense, inputs_of, max_pool
from support.changing import changing, twins
from support.fuzz import Case, check, random_case
from support.graphs import plan_for
from support.random_networks import Seeded, random_inputs
from support.renumbered import renumbered

KEEP = (True, True, True, False, True, False)


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.rest) for seed in range(3, 60))]
)
def test_random_networks(tmp_path, seed):
    _, network = twins(seed)
    case = random_case(Seeded(seed), network)
    x = random_inputs(network, batch=len(KEEP), steps=1, seed=seed)
    check(replace(case, inputs=x, keep=KEEP), tmp_path)


def images():
    """A convolution, the maximum over it, and what hears the frame before."""
    rng = np.random.default_rng(2)
    wires = [
        ("x", "a", convolution(rng, 3, 1, (3, 3), padding=1)),
        ("a", "b", max_pool((2, 2), stride=2)),
        ("b", "out", dense(rng, 3 * 3 * 3, 4)),
    ]
    shapes = {"a": (3, 6, 6), "b": (3, 3, 3), "out": (4,)}
    made = branching({"x": (1, 6, 6)}, shapes, wires, seed=3, high=3, relays=["b"])
    back = replace(
        made.connections[0], source="b", target="b", operator=dense(rng, 27, 27), delay=1
    )
    return changing(replace(made, connections=(*made.connections, back)))


def frames_case(mode, **options):
    network = images()
    plan = plan_for(network, mode, **options)
    x = inputs_of(network, len(KEEP), seed=5)
    # Of the second frame only one pixel is another.
    x["x"][1] = x["x"][0]
    x["x"][1, 7] = 3 - x["x"][0, 7]
    stalls = ("0110", "101")
    return Case(network=network, plan=plan, inputs=x, steps=None, keep=KEEP, stalls=stalls)


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_maps_with_a_maximum(tmp_path, mode):
    check(frames_case(mode, banks={"a": (3, 3)}, lanes={"a": 9}), tmp_path)


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_hardware_that_was_made_for_another_network(tmp_path, mode):
    _, network = twins(4)
    plan = with_envelope(renumbered(network, 1), plan_for(network, mode), headroom=4)
    x = random_inputs(network, batch=len(KEEP), steps=1, seed=4)
    stalls = (*[None] * len(network.inputs), None)
    case = Case(network=network, plan=plan, inputs=x, steps=None, keep=KEEP, stalls=stalls)
    check(case, tmp_path)


def test_groups_that_nothing_touches_stay_as_they_are(tmp_path):
    case = frames_case(Mode.SETTLE)
    first = replace(case.plan.cores[0], sweeps=Sweeps.TOUCHED)
    check(replace(case, plan=replace(case.plan, cores=(first, *case.plan.cores[1:]))), tmp_path)


def test_touched_groups_are_not_known_where_a_sample_is_one_pass():
    case = frames_case(Mode.COLLAPSED)
    first = replace(case.plan.cores[0], sweeps=Sweeps.TOUCHED)
    plan = replace(case.plan, cores=(first, *case.plan.cores[1:]))
    message = (
        r"^core of 'a': a core that sweeps what was touched must begin every sample anew, or run "
        r"in settle, found a state that END\(keep\) keeps, in collapsed; let it sweep all$"
    )
    with pytest.raises(ConfigurationError, match=message):
        check_plan(case.network, plan)


def test_a_state_that_is_not_kept_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(Control, "_keeps", property(lambda self: Const(0, 1)))
    with pytest.raises(MismatchError):
        check(frames_case(Mode.SETTLE), tmp_path)
