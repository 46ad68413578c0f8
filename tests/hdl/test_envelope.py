"""Hardware that takes other networks is the same for all of them."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil

from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Biquad,
    Decision,
    Fire,
    Mode,
    Payload,
    Readout,
    ReadoutKind,
    analyse,
)
from spikewright.hdl import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.make_envelope import with_envelope
from spikewright.hdl.plan import Rows, Sweeps, WeightStore
from support.branching import residual
from support.chains import bounded_chain, counting_chain
from support.changing import changing
from support.graphs import check_graph, plan_for
from support.random_graphs import random_graph
from support.random_networks import Seeded
from support.random_plans import random_plan
from support.renumbered import renumbered

NETWORK = bounded_chain((12, 9, 4), seed=1)
PLAN = plan_for(NETWORK, Mode.COLLAPSED, lanes=3)
ENVELOPE = with_envelope(NETWORK, PLAN, headroom=1)


def text(network, plan):
    return rtlil.convert(Accelerator(network=network, plan=plan), emit_src=False)


def random_pair(seed):
    """A network, another one of its shape, and a plan that takes both; None where there is none."""
    chooser = Seeded(seed)
    try:
        network = random_graph(chooser)
        mode = network.modes[chooser.integer(0, len(network.modes) - 1)]
        plan = random_plan(chooser, network, mode)
        cores = tuple(replace(core, rows=Rows.DENSE) for core in plan.cores)
        plan = with_envelope(network, replace(plan, cores=cores), headroom=4)
        other = renumbered(network, seed)
        core_configs(other, plan)
    except (ConfigurationError, RangeError):
        return None
    return network, other, plan


# The first two have sweeps of what was touched, of which numbers made hardware once.
DAILY = (33, 39, 0, 4)


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.rest] * (seed not in DAILY)) for seed in range(60)],
)
def test_numbers_make_no_hardware(seed):
    """Neither weights nor parameters are in it, but in the image, whose length is the same."""
    pair = random_pair(seed)
    if pair is None:
        pytest.skip("drew no network that has such hardware")
    network, other, plan = pair
    assert design_hash(network, plan) == design_hash(other, plan)
    assert text(network, plan) == text(other, plan)
    images = [Accelerator(network=each, plan=plan).image for each in (network, other)]
    assert len(images[0]) == len(images[1])
    assert network.content_hash == other.content_hash or images[0][34:-2] != images[1][34:-2]


def test_without_an_envelope_they_do():
    other = renumbered(NETWORK, 1)
    assert text(NETWORK, PLAN) != text(other, PLAN)
    assert design_hash(NETWORK, PLAN) != design_hash(other, PLAN)


def test_another_shape():
    for other in (
        bounded_chain((12, 9, 5), seed=1),
        bounded_chain((12, 9, 4), seed=1, levels=2),
        bounded_chain((12, 9, 4), seed=1, bits=5),
    ):
        with pytest.raises(UnsupportedError, match="must be of the shape that the hardware was"):
            Accelerator(network=other, plan=ENVELOPE)


def changed(**soma):
    first, *others = NETWORK.populations
    first = replace(first, soma=replace(first.soma, **soma))
    return replace(NETWORK, populations=(first, *others))


def test_what_does_not_fit():
    bounds = ENVELOPE.envelope.bounds("h0")
    most = bounds.parameter("threshold").high
    core_configs(changed(threshold=most), ENVELOPE)
    with pytest.raises(RangeError) as caught:
        core_configs(changed(threshold=most + 1), ENVELOPE)
    assert str(caught.value) == (
        f"population 'h0': threshold must lie in 0..{most}, found {most + 1}..{most + 1}; generate "
        "the hardware with more --headroom, or train within these bounds"
    )
    with pytest.raises(RangeError, match=r"population 'h0': charge must lie in "):
        core_configs(changed(bias=bounds.ranges.charge.high), ENVELOPE)
    # Also from below, registers as well as parameters.
    with pytest.raises(RangeError, match=r"population 'h0': charge must lie in "):
        core_configs(changed(bias=bounds.ranges.charge.low), ENVELOPE)
    least = bounds.parameter("initial_total").low
    core_configs(changed(initial_v=0, bias=least), ENVELOPE)
    with pytest.raises(RangeError, match=rf"initial total must lie in {least}\.\."):
        core_configs(changed(initial_v=0, bias=least - 1), ENVELOPE)


def test_what_was_zero_stays_zero():
    """No memory is built for it."""
    plan = with_envelope(silent := changed(bias=0, initial_v=0), PLAN, headroom=0)
    names = [what for _, what, _ in Accelerator(network=silent, plan=plan).loading]
    assert names == ["weights of x", "threshold", "weights of h0", "initial_total"]
    with pytest.raises(RangeError, match=r"population 'h0': initial total must lie in 0\.\.0, fou"):
        core_configs(NETWORK, plan)


def test_more_headroom_takes_more():
    wide = with_envelope(NETWORK, PLAN, headroom=3)
    most = wide.envelope.bounds("h0").parameter("threshold").high
    assert most == 4 * ENVELOPE.envelope.bounds("h0").parameter("threshold").high + 3
    core_configs(changed(threshold=most), wide)
    for wrong in (-1, 17):
        with pytest.raises(ConfigurationError, match=r"^headroom: must lie in 0\.\.16 bits, found"):
            with_envelope(NETWORK, PLAN, headroom=wrong)


def test_a_network_always_fits_its_own_envelope():
    for seed in range(8):
        pair = random_pair(seed)
        if pair is not None:
            network, _, plan = pair
            core_configs(network, with_envelope(network, plan, headroom=0))


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_what_sends_changes_fits_its_own_envelope(mode):
    """Where the state is kept a neuron that fires once sends how far S moved, not S."""
    network = changing(NETWORK)
    plan = with_envelope(network, plan_for(network, mode, lanes=3), headroom=0)
    proven = analyse(network, mode)
    for each in plan.envelope.populations:
        assert each.ranges.emitted == proven[each.population].emitted
    assert len(core_configs(network, plan)) == len(network.populations)


def test_stores_and_rows():
    logic = replace(PLAN, cores=tuple(replace(c, weights=WeightStore.LOGIC) for c in PLAN.cores))
    assert {core.weights for core in with_envelope(NETWORK, logic).cores} == {WeightStore.BLOCK}
    with pytest.raises(ConfigurationError, match="must have weights in block RAM or large RAMs"):
        Accelerator(network=NETWORK, plan=replace(logic, envelope=ENVELOPE.envelope))
    sparse = replace(PLAN, cores=tuple(replace(c, rows=Rows.SPARSE) for c in PLAN.cores))
    with pytest.raises(ConfigurationError, match="a core that takes other networks must have dens"):
        with_envelope(NETWORK, sparse)


def test_by_position():
    """Thresholds that differ between the rows of a channel need memory for all of them."""
    network = residual()
    plan = plan_for(network, Mode.STEPWISE, lanes=4)
    plain = with_envelope(network, plan)
    name = network.order()[0].name
    population = network.population(name)
    each = np.arange(population.n) % 2 + population.soma.threshold.min()
    other = replace(
        network,
        populations=tuple(
            replace(p, soma=replace(p.soma, threshold=each)) if p.name == name else p
            for p in network.populations
        ),
    )
    with pytest.raises(RangeError, match="must be the same for all rows and columns of a channel"):
        core_configs(other, plain)
    core_configs(network, with_envelope(other, plan))


def test_what_is_touched_does_not_follow_from_the_numbers():
    """A neuron that fires by itself may be in any network that comes."""
    quiet = changed(bias=-4)
    core, *others = PLAN.cores
    touched = replace(PLAN, cores=(replace(core, sweeps=Sweeps.TOUCHED), *others))
    plan = with_envelope(quiet, touched, headroom=3)
    assert text(quiet, plan) == text(NETWORK, plan)
    x = {"x": np.random.default_rng(3).integers(0, 4, (4, 12))}
    check_graph(NETWORK, plan, x, built=quiet)


def test_how_a_host_makes_levels_is_no_part_of_the_shape():
    (source,) = NETWORK.inputs
    other = replace(NETWORK, inputs=(replace(source, step=0.25),))
    assert other.content_hash != NETWORK.content_hash
    assert not other.unlike(NETWORK) and text(other, ENVELOPE) == text(NETWORK, ENVELOPE)


def test_what_another_shape_differs_in():
    wide = bounded_chain((12, 8, 4), seed=1)
    found = wide.unlike(NETWORK)
    assert wide.skeleton_hash != NETWORK.skeleton_hash
    assert found[0] == "populations[h0].shape[0]: 8, not 9"
    assert NETWORK.unlike(NETWORK) == []
    one, two = NETWORK.connections
    finer = replace(
        NETWORK, connections=(one, replace(two, operator=replace(two.operator, shift=1)))
    )
    assert finer.unlike(NETWORK) == ["connections[1].operator.shift: 1, not 0"]


def test_a_filter_that_only_the_headroom_overflows():
    """Whose advice is about the headroom; the filter is that of the network."""
    readout = Readout(
        population="out",
        kind=ReadoutKind.STREAM,
        decision=Decision.FILTER,
        biquads=(Biquad(a1=-5, a2=1, shift=3),),
        fraction=16,
    )
    network = replace(NETWORK, readout=readout, modes=(Mode.STEPWISE,))
    plan = plan_for(network, Mode.STEPWISE, lanes=3)
    with_envelope(network, plan, headroom=1)
    with pytest.raises(
        RangeError, match=r"^readout: a filtered value must fit .*; give less --hea"
    ):
        with_envelope(network, plan, headroom=16)
    # What fires may send all that its soma can, whatever this network does.
    chain = counting_chain((8, 6, 3), seed=2)
    hidden, last = chain.populations
    burst = replace(last.soma, fire=Fire.BURST, max_level=32767, threshold=32767)
    quiet = replace(last, soma=burst, payload=Payload.GRADED)
    network = replace(chain, populations=(hidden, quiet), readout=readout)
    with pytest.raises(
        RangeError, match=r"^readout: a filtered value must fit .*; generate without --loadable"
    ):
        with_envelope(network, plan_for(network, Mode.STEPWISE, lanes=3), headroom=0)


def test_a_reset_amount_that_the_hardware_does_not_have():
    network = counting_chain((8, 6, 3), seed=2)
    first, *others = network.populations
    amount = first.soma.threshold + 1
    own = replace(
        network,
        populations=(replace(first, soma=replace(first.soma, reset_amount=amount)), *others),
    )
    plan = plan_for(network, Mode.STEPWISE, lanes=3)
    assert own.skeleton_hash == network.skeleton_hash
    with pytest.raises(RangeError, match=r"^population 'h0': reset amounts must be the threshol"):
        core_configs(own, with_envelope(network, plan, headroom=3))
    core_configs(network, with_envelope(own, plan, headroom=3))


def test_a_bias_that_others_do_not_have():
    """Whether a step changes what is read at the end is no question of this network's bias."""
    first, last = NETWORK.populations
    last = replace(last, soma=replace(last.soma, bias_when=BiasWhen.EVERY))
    biased = replace(NETWORK, populations=(first, last), modes=(Mode.STEPWISE,))
    silent = replace(last, soma=replace(last.soma, bias=0))
    plain = replace(biased, populations=(first, silent))
    plan = with_envelope(biased, plan_for(biased, Mode.STEPWISE, lanes=3), headroom=2)
    assert text(plain, plan) == text(biased, plan)
    x = {"x": np.random.default_rng(3).integers(0, 4, (3, 12))}
    check_graph(biased, plan, x, built=plain)
    check_graph(plain, plan, x, built=biased)
