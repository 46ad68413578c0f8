"""What hardware does not offer, and what a plan must not say, is refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Fire,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Readout,
    Soma,
)
from spikewright.hdl.checks import check_plan
from spikewright.hdl.plan import CorePlan, GuardPlan, HardwarePlan, Host, WeightStore
from support.chains import bounded_chain


def dense(pre, post):
    return Dense(weights=np.ones((pre, post), dtype=int), weight_bits=2)


def network(*, soma=None, other=None, readout="membrane", out=None, extra=(), payload=Payload.SIGN):
    """Inputs of 6, two populations of (3, 2) and 6 neurons beside each other, one of 2 behind."""
    hidden = soma or Soma(fire=Fire.BINARY, threshold=3)
    return Network(
        name="t",
        inputs=(
            Input(name="x", shape=(6,), payload=Payload.UNIT, low=0, high=1, encoding="events"),
        ),
        populations=(
            Population(name="a", shape=(3, 2), soma=hidden, payload=payload),
            Population(
                name="b", shape=(6,), soma=other or Soma(fire=Fire.BINARY), payload=Payload.SIGN
            ),
            Population(
                name="out", shape=(2,), soma=out or Soma(fire=Fire.NONE), payload=Payload.UNIT
            ),
        ),
        connections=(
            Connection(source="x", target="a", operator=dense(6, 6)),
            Connection(source="x", target="b", operator=dense(6, 6)),
            Connection(source="a", target="out", operator=dense(6, 2)),
            Connection(source="b", target="out", operator=dense(6, 2)),
            *extra,
        ),
        readout=Readout(population="out", kind=readout, decision=Decision.ARGMAX),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )


def core(*names, lanes=1, **options):
    hosts = tuple(name if isinstance(name, Host) else Host(population=name) for name in names)
    return CorePlan(hosts=hosts, lanes=lanes, **options)


def plan(*cores, mode=Mode.STEPWISE):
    return HardwarePlan(mode=mode, cores=tuple(cores))


def part(name, first, last):
    return Host(population=name, channels=(first, last))


REST = (core("b"), core("out"))


@pytest.mark.parametrize(
    ("cores", "message"),
    [
        (
            (core("a"), core("b")),
            r"population 'out': cores must host each of the 2 channels once, found no core",
        ),
        (
            (core("a"), core("a"), *REST),
            r"population 'a': cores must host each of the 3 channels once, found 0 to 2, 0 to 2",
        ),
        (
            (core(part("a", 0, 1)), core(part("a", 2, 3)), *REST),
            r"population 'a': cores must host each of the 3 channels once, found 0 to 0, 2 to 2",
        ),
        (
            (core("a"), core("c"), *REST),
            r"core of 'c': a core must host populations of the network: a, b, out, found 'c'",
        ),
        ((core("a"), core(), *REST), r"a core must host a population, found none"),
        (
            (core(part("a", 0, 1)), core(part("a", 1, 3), lanes=2), *REST),
            r"population 'a': cores that share a population must have the same lanes and banks, "
            r"found 2 lanes, banks \(1, 1\), and 1 lanes, banks \(1, 1\)",
        ),
        (
            (core(part("a", 0, 1), lanes=2), core(part("a", 1, 3), lanes=2), *REST),
            r"population 'a': a slice must begin at a multiple of 2 channel lanes, "
            r"found channel 1",
        ),
        (
            (core("b", part("a", 0, 3)), core("out")),
            r"core of 'b', 'a': a core with several hosts must host whole populations, "
            r"found a slice; give the slice a core of its own",
        ),
        (
            (core("a"), core("b", "out")),
            r"core of 'b', 'out': populations that share a core must have the same fire, "
            r"found none of 'out' and binary of 'b'; give 'out' a core of its own",
        ),
    ],
)
def test_a_plan_that_does_not_host_every_population_once(cores, message):
    with pytest.raises(ConfigurationError, match=rf"^{message}$"):
        check_plan(network(), plan(*cores))


@pytest.mark.parametrize(
    ("change", "what", "found"),
    [
        ({"leak_v": Leak(shift=2)}, "leak", r"\(Leak\(multiplier=1, shift=2\), 'before'\)"),
        ({"reset": "value", "reset_value": 1}, "reset", "value"),
        ({"bias_when": "first"}, "bias_when", "first"),
        ({"s_max": 3}, "bounds of S", r"\(None, 3\)"),
        ({"current": True}, "current", r"\(True, None\)"),
        ({"reset_delay": True}, "reset delay", "True"),
        ({"v_max": 9}, "clip", r"\(None, 9\)"),
    ],
)
def test_populations_that_share_a_core_are_alike(change, what, found):
    net = network(other=Soma(fire=Fire.BINARY, threshold=5, **change))
    with pytest.raises(
        ConfigurationError,
        match=rf"^core of 'a', 'b': populations that share a core must have the same {what}, "
        rf"found {found} of 'b' and .* of 'a'; give 'b' a core of its own$",
    ):
        check_plan(net, plan(core("a", "b"), core("out")))


def test_a_delay_needs_a_core_of_its_own():
    loop = Connection(source="b", target="b", operator=dense(6, 6), delay=1)
    net = network(extra=(loop,))
    check_plan(net, plan(core("a"), *REST))
    with pytest.raises(
        ConfigurationError,
        match=r"^core of 'a', 'b': a core with several hosts must have no connection with a delay, "
        r"found connection 'b' -> 'b'; give 'b' a core of its own$",
    ):
        check_plan(net, plan(core("a", "b"), core("out")))


def test_parameters_of_populations_that_share_a_core_may_differ():
    other = Soma(fire=Fire.BINARY, threshold=[1, 2, 3, 4, 5, 6], bias=-2, initial_v=1)
    check_plan(network(other=other), plan(core("a", "b"), core("out")))


def test_slices_may_come_in_any_order():
    check_plan(network(), plan(core(part("a", 2, 3)), core(part("a", 0, 2)), *REST))


def test_the_mode_must_be_the_networks():
    with pytest.raises(
        ConfigurationError,
        match=r"^network 't': the plan's mode must be one of stepwise, found settle$",
    ):
        check_plan(network(), plan(core("a"), *REST, mode=Mode.SETTLE))


@pytest.mark.parametrize("names", [("y",), ("a",), ("x", "x")])
def test_a_guard_is_of_an_input_of_events(names):
    guards = tuple(GuardPlan(input=name, depth=8) for name in names)
    made = network()
    cores = tuple(
        CorePlan(hosts=(Host(population=each.name),), lanes=2) for each in made.populations
    )
    good = HardwarePlan(mode=Mode.STEPWISE, cores=cores, guards=guards[:1])
    if names == ("x", "x"):
        check_plan(made, good)
    message = (
        r"^plan: a guard must be the only one of an input whose spikes are given as events: 'x', "
        rf"found '{names[-1]}'; leave it out: such an input waits, and loses nothing$"
    )
    with pytest.raises(ConfigurationError, match=message):
        check_plan(made, replace(good, guards=guards))


def wide(*, a=None, b=None, out=None, **options):
    """Both populations behind x take two spikes a cycle, but for what is changed."""
    cores = (
        CorePlan(hosts=(Host(population="a"),), lanes=6, sweep_lanes=2, spikes=2),
        CorePlan(hosts=(Host(population="b"),), lanes=6, sweep_lanes=2, spikes=2),
        CorePlan(hosts=(Host(population="out"),), lanes=2),
    )
    changed = [
        replace(core, **(change or {})) for core, change in zip(cores, (a, b, out), strict=True)
    ]
    return HardwarePlan(mode=Mode.STEPWISE, cores=tuple(changed), **options)


def flat_network(**options):
    """As ``network``, but a is flat too."""
    first = network(**options)
    a, *rest = first.populations
    return replace(first, populations=(replace(a, shape=(6,)), *rest))


def test_several_spikes_a_cycle_are_legal():
    check_plan(flat_network(), wide())


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            {"a": {"sweep_lanes": None}},
            r"^core of 'a': a core that takes several spikes a cycle must "
            r"have sweep_lanes, found none; give it sweep_lanes, and a lane for each neuron, or "
            r"let it take one spike a cycle$",
        ),
        ({"a": {"products": "serial"}}, r"must make products at once, found serial;"),
        (
            {"a": {"weights": WeightStore.SPRAM}},
            r"must have weights in block RAM or logic, of which it reads several rows at once, "
            r"found spram;",
        ),
        (
            {"b": {"spikes": 1}},
            r"^core of 'a', which takes 2 spikes a cycle from 'x': spikes that share "
            r"a token must be taken 2 a cycle wherever they go, found 1 by core of 'b';",
        ),
        ({"guards": (GuardPlan(input="x", depth=9),)}, r"must come from no input with a guard"),
        (
            {"out": {"spikes": 2}},
            r"^core of 'out': a core that takes several spikes a cycle must have",
        ),
    ],
)
def test_several_spikes_a_cycle_need(plan, message):
    with pytest.raises(ConfigurationError, match=message):
        check_plan(flat_network(), wide(**plan))


def test_several_spikes_a_cycle_need_a_whole_source():
    chain = bounded_chain((6, 4, 4, 2), seed=1)
    first, second, last = (
        CorePlan(hosts=(Host(population=name),), lanes=4, sweep_lanes=4, spikes=2)
        for name in ("h0", "h1", "out")
    )
    last = replace(last, sweep_lanes=None, spikes=1)
    halves = [replace(first, hosts=(part("h0", *ends),), lanes=2) for ends in ((0, 2), (2, 4))]
    check_plan(chain, plan(first, second, last))
    check_plan(chain, plan(*halves, replace(second, spikes=1), last))
    with pytest.raises(
        ConfigurationError,
        match=r"must come from a core that hosts one whole population, found a part",
    ):
        check_plan(chain, plan(*halves, second, last))


@pytest.mark.parametrize(
    ("soma", "every_step", "message"),
    [
        (
            {"leak_v": Leak(shift=1)},
            False,
            r"^core of 'out': a core with sweep_lanes must host a population that fires, or does "
            r"nothing between its samples' ends, found 'out', which leaks, clips or has a bias on "
            r"every step; leave sweep_lanes out$",
        ),
        ({"v_max": 9}, False, r"found 'out', which leaks, clips or has a bias on every step"),
        ({"bias": 1}, False, r"found 'out', which leaks, clips or has a bias on every step"),
        (
            {},
            True,
            r"must host a population that fires, or is read when the sample ends, found 'out', "
            r"which is read in every step;",
        ),
    ],
)
def test_overlapped_readouts_are_read_at_the_end(soma, every_step, message):
    made = network()
    a, b, out = made.populations
    kind = "maximum" if every_step else "membrane"
    read = replace(made.readout, kind=kind)
    cores = tuple(
        CorePlan(hosts=(Host(population=each.name),), lanes=2) for each in made.populations
    )
    last = replace(cores[-1], sweep_lanes=2)
    check_plan(made, HardwarePlan(mode=Mode.STEPWISE, cores=(*cores[:-1], last)))
    other = replace(
        made, populations=(a, b, replace(out, soma=replace(out.soma, **soma))), readout=read
    )
    with pytest.raises(ConfigurationError, match=message):
        check_plan(other, HardwarePlan(mode=Mode.STEPWISE, cores=(*cores[:-1], last)))


def test_a_product_has_a_core_of_its_own():
    first, second, *others = network(other=Soma(fire=Fire.BINARY, threshold=3)).connections
    product = replace(second, operator=Product(keys="x", values="x", heads=1))
    net = replace(network(), connections=(first, product, *others))
    with pytest.raises(
        ConfigurationError,
        match=r"^core of 'a', 'b': a core with several hosts must have no product, found "
        r"connection 'x' -> 'b'; give 'b' a core of its own$",
    ):
        check_plan(net, plan(core("a", "b"), core("out")))


def test_all_that_a_product_reads_comes_one_spike_at_a_time():
    """Keys of a source that another core takes two at a time."""
    product = Connection(source="b", target="c", operator=Product(keys="x", values="b", heads=1))
    net = network()
    more = Population(name="c", shape=(6,), soma=Soma(fire=Fire.BINARY), payload=Payload.SIGN)
    net = replace(
        net,
        populations=(*net.populations, more),
        connections=(
            *net.connections,
            product,
            Connection(source="c", target="out", operator=dense(6, 2)),
        ),
    )
    wide = core("a", lanes=6, banks=(1, 2), sweep_lanes=2)
    two = core("b", lanes=6, sweep_lanes=2, spikes=2)
    assert wide.spikes == 1
    with pytest.raises(
        ConfigurationError,
        match=r"spikes that share a token must be taken 2 a cycle wherever they go, found .*1 by "
        r"core of 'c'",
    ):
        check_plan(net, plan(wide, two, core("c"), core("out")))
