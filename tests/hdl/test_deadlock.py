"""Every state of small systems of forks, merges and cores: none is stuck, none mixes steps up.

``Merge`` argues why. The hardware's own merge follows the same rule, ``MergeRule``: test_merge.
"""

import random
from dataclasses import replace

import pytest

from spikewright.golden.spec import Mode
from support.router_states import (
    SPIKE,
    STEP,
    Core,
    Host,
    MergeRule,
    SampleUnit,
    StepUnit,
    SumUnit,
    System,
    Violation,
    Walk,
)
from support.router_systems import system_of

pytestmark = pytest.mark.pairs

STUCK = r"^nothing can happen"


class EarlyStep(MergeRule):
    """Fault: STEP passes when any input has one."""

    def may_step(self, heads):
        return STEP in heads


class NoLockStep(MergeRule):
    """Fault: a host passes its markers whatever the other hosts of its core do."""

    def has_turn(self, turn, host):
        return not turn[1][host]


class NoBarrier(MergeRule):
    """Fault: a host that has ended the sample begins the next one at once."""

    def has_turn(self, turn, host):
        return not turn[0][host]


def core(*hosts):
    return Core(hosts=hosts)


DIAMOND = (core(Host("B", ("in",))), core(Host("C", ("in", "B"))))
LONG_DIAMOND = (core(Host("A", ("in",))), core(Host("B", ("A",))), core(Host("C", ("A", "B"))))
THREE = (core(Host("B", ("in",))), core(Host("C", ("in",))), core(Host("D", ("B", "C", "in"))))
PARTITION = (
    core(Host("P0", ("in",))),
    core(Host("P1", ("in",))),
    Core(hosts=(Host("P", ("P0", "P1")),), relay=True),
    core(Host("Q", ("P", "in"))),
)
SHARED_APART = (core(Host("A", ("in",), 2), Host("B", ("X",))), core(Host("X", ("A",))))
OPEN = {
    "diamond": System(cores=DIAMOND, samples=2),
    "diamond, deeper on one side": System(cores=DIAMOND, samples=2, depths=(("in", "C", 2),)),
    "long diamond": System(cores=LONG_DIAMOND, inputs=(("in", 2),)),
    "diamond of two inputs": System(cores=DIAMOND, samples=2, inputs=(("in", 2),)),
    "three branches": System(cores=THREE),
    "different steps": System(cores=DIAMOND, samples=2, steps=(0, 1, 2), extra=2),
    "different steps of two inputs": System(
        cores=(core(Host("A", ("x", "y"))),),
        inputs=(("x", 1), ("y", 1)),
        samples=3,
        steps=(0, 1, 2),
    ),
    "partition": System(cores=PARTITION),
    "shared, the way back only through another core": System(cores=SHARED_APART, samples=2),
    "shared, strangers": System(
        cores=(core(Host("A", ("x",)), Host("B", ("y",))),),
        inputs=(("x", 1), ("y", 2)),
        samples=2,
        steps=(1, 2),
    ),
}


def shared(depth, **options):
    """One core hosts A and B; A reaches B directly and through X."""
    cores = (core(Host("A", ("in",), 2), Host("B", ("A", "X"))), core(Host("X", ("A",))))
    return System(cores=cores, depths=(("A", "B", depth),), **options)


def chain(depth, **options):
    """One core hosts three populations, each of which feeds the next, and the first the last."""
    cores = (core(Host("A", ("in",)), Host("B", ("A",)), Host("C", ("B", "A"))),)
    edges = (("A", "B"), ("B", "C"), ("A", "C"))
    return System(cores=cores, depths=tuple((*edge, depth) for edge in edges), **options)


def crossed(first, second, **options):
    """Two cores with two hosts each, one of which feeds a host of the other core."""
    cores = (
        core(Host("A", ("in",), 2), Host("B", ("X",))),
        core(Host("X", ("in",), 2), Host("Y", ("A",))),
    )
    return System(cores=cores, depths=(("A", "Y", first), ("X", "B", second)), **options)


@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", OPEN)
def test_queues_of_one_entry_do(name, overlaps):
    """Where no circle of direct connections joins cores with several hosts."""
    system = System(**(vars(OPEN[name]) | {"overlaps": overlaps}))
    assert Walk(system).explore() > 100


@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize(
    ("build", "depths"), [(shared, (3,)), (chain, (2,)), (crossed, (3, 1)), (crossed, (1, 3))]
)
def test_a_circle_needs_a_whole_step_in_a_queue(build, depths, overlaps):
    """The source's neurons and the marker are enough; one less is not, if none may be held."""
    assert Walk(build(*depths, overlaps=overlaps, samples=2, steps=(1, 2))).explore() > 100
    if not overlaps:
        with pytest.raises(Violation, match=STUCK):
            Walk(build(*(max(1, depth - 1) for depth in depths))).explore()


LOOPS = {
    "itself": {"wires": {"A": "in late:A"}, "sizes": {"A": 2}},
    "back from the next": {"wires": {"A": "in late:B", "B": "A"}, "sizes": {"B": 2}},
    "an input": {"wires": {"A": "in", "B": "A late:in"}},
    "ahead, once now and once later": {"wires": {"A": "in", "B": "A late:A"}},
    "ahead, once through another": {"wires": {"A": "in", "B": "A", "C": "B late:A"}},
    "ahead, of another input": {"wires": {"A": "in", "B": "other late:A"}},
    "two that feed each other": {"wires": {"A": "in late:A late:B", "B": "A late:B"}},
    "ahead, by who paces": {"wires": {"A": "in", "C": "late:in late:A"}},
    "from a shared core": {"wires": {"A": "in", "B": "in", "C": "B late:A"}, "shared": "AB"},
    "to a partition": {
        "wires": {"P": "in late:in"},
        "sizes": {"P": 2},
        "slices": {"P": (0, 1, 2)},
    },
    "from a partition": {
        "wires": {"P": "in late:P"},
        "sizes": {"P": 2},
        "slices": {"P": (0, 1, 2)},
    },
}


def looped(name, less=0, **options):
    """One of ``LOOPS``, its queues behind a delay as deep as they must be, or less."""
    system = system_of(**LOOPS[name], **options)
    late = tuple((source, target, depth - less) for source, target, depth in system.late_depths)
    return replace(system, late_depths=late)


SMALL = ("itself", "back from the next", "ahead, once now and once later", "ahead, by who paces")
APART = [name for name in LOOPS if not name.endswith("partition")]


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", APART)
def test_a_delay_needs_a_whole_step_in_its_queue_or_two(name, overlaps, keeps):
    # A stream has as many steps at each of its inputs.
    runs = [{"samples": 2, "steps": (1,)}, {"samples": 1, "steps": (2,)}]
    if name in SMALL:
        runs = [{"samples": 2, "steps": (2,) if keeps else (1, 2)}]
    for options in runs:
        assert Walk(looped(name, overlaps=overlaps, keeps=keeps, **options)).explore() > 50


@pytest.mark.parametrize("name", [name for name in LOOPS if name not in APART])
def test_a_delay_and_a_partition(name):
    assert Walk(looped(name, samples=1, steps=(2,))).explore() > 1000


def test_an_end_that_keeps_needs_an_entry_of_its_own():
    """What a source sends last waits for the next sample; its END must not wait behind it."""
    system = looped("itself", less=1, samples=1, steps=(2,), keeps=True)
    with pytest.raises(Violation, match=STUCK):
        Walk(system).explore()


@pytest.mark.parametrize(
    "name", ["itself", "ahead, once now and once later", "two that feed each other"]
)
def test_fewer_entries_behind_a_delay_are_too_few(name):
    """One or two less may do, where markers can wait outside."""
    with pytest.raises(Violation, match=STUCK):
        Walk(looped(name, less=3, samples=2, steps=(3,))).explore()


class Impatient(StepUnit):
    """Fault: it does not wait for the others."""

    def head(self, state, token, timely):
        if not state[1] and token is not None and token[0] is SPIKE:
            return SPIKE
        return super().head(state, token, timely)


@pytest.mark.parametrize("name", [name for name in APART if name.startswith(("an", "ahead"))])
def test_a_delay_that_does_not_wait_is_found(name):
    """What comes back can never come early."""
    with pytest.raises(Violation, match=r"^SPIKE of step \d comes in step \d$"):
        Walk(looped(name, steps=(2,), unit=Impatient)).explore()


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", APART)
def test_a_delay_of_samples_needs_a_whole_one_in_its_queue_or_two(name, overlaps, keeps):
    options = {"overlaps": overlaps, "keeps": keeps, "steps": (0,), "collapsed": True}
    assert (
        Walk(looped(name, mode=Mode.COLLAPSED, samples=3, unit=SampleUnit, **options)).explore()
        > 20
    )


@pytest.mark.parametrize("name", [name for name in APART if name != "ahead, of another input"])
def test_fewer_entries_behind_a_delay_of_samples_are_too_few(name):
    options = {"samples": 3, "keeps": True, "steps": (0,), "collapsed": True}
    with pytest.raises(Violation, match=STUCK):
        Walk(looped(name, less=3, mode=Mode.COLLAPSED, unit=SampleUnit, **options)).explore()


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", APART)
def test_a_delay_of_sums_needs_no_room(name, overlaps, keeps):
    """Two banks hold what waits; with one, a source that runs ahead would be stuck."""
    small = name in SMALL or name == "an input"
    options = {"samples": 3 if name == "itself" else 2, "steps": (1,), "extra": int(small)}
    system = looped(name, mode=Mode.SETTLE, overlaps=overlaps, keeps=keeps, unit=SumUnit, **options)
    assert all(depth <= 2 for _, _, depth in system.late_depths)
    assert Walk(system).explore() > 20


class OneBank(SumUnit):
    """Fault: what comes waits until the sums of the sample before are sent."""

    def idle(self, state, token):
        return None if state[2] is not None else super().idle(state, token)


@pytest.mark.parametrize("unit", [SumUnit, OneBank])
def test_sums_in_one_bank_are_stuck(unit):
    """A source of two spikes cannot get to the marker that its target waits for."""
    cores = (core(Host("A", ("in",), 2)), core(Host("B", ("A",), late=("A",))))
    walk = Walk(System(cores=cores, samples=2, steps=(1,), keeps=True, unit=unit))
    if unit is SumUnit:
        assert walk.explore() > 100
        return
    with pytest.raises(Violation, match=STUCK):
        walk.explore()


def test_hosts_that_settle_take_turns():
    """With them a whole step is enough; a host that settles on its own needs more."""
    options = {"steps": (1,), "extra": 2}
    assert Walk(shared(3, **options, samples=2)).explore() > 100
    with pytest.raises(Violation, match=STUCK):
        Walk(shared(3, **options, answers=False)).explore()


@pytest.mark.parametrize(
    "system",
    [System(cores=DIAMOND), System(cores=THREE), System(cores=PARTITION)],
    ids=["diamond", "three branches", "partition"],
)
def test_a_step_that_passes_early_is_found(system):
    with pytest.raises(Violation, match=r"^(SPIKE|STEP) of step \d comes in step \d$"):
        Walk(System(**(vars(system) | {"rule": EarlyStep}))).explore()


def test_hosts_without_lock_step_are_found():
    with pytest.raises(Violation, match=STUCK):
        Walk(shared(3, rule=NoLockStep)).explore()


def test_hosts_that_do_not_wait_for_the_end_of_the_sample_are_found():
    """B still makes steps, because X settles, when A sends the next sample."""
    options = {"steps": (1,), "extra": 2, "samples": 2}
    with pytest.raises(Violation, match=STUCK):
        Walk(shared(3, rule=NoBarrier, **options)).explore()


def random_system(rng):
    """Populations that read any before them, on up to three cores, with the least depths."""
    hosts: list[Host] = []
    for index in range(rng.randint(3, 4)):
        before = ["in", *(host.name for host in hosts)]
        reads = rng.sample(before, min(len(before), rng.choice((1, 1, 2))))
        hosts.append(Host(f"p{index}", tuple(reads), rng.randint(1, 2)))
    groups: dict[int, list[Host]] = {}
    for host in hosts:
        groups.setdefault(rng.randrange(3), []).append(host)
    cores = tuple(Core(hosts=tuple(group)) for group in groups.values())
    return System(
        cores=cores,
        depths=least_depths(cores),
        steps=rng.choice([(1,), (0, 1)]),
        extra=rng.randrange(2),
    )


def least_depths(cores):
    """A whole step for each direct connection on a circle of cores with several hosts."""
    place = {h.name: k for k, c in enumerate(cores) if len(c.hosts) > 1 for h in c.hosts}
    hosts = {host.name: host for each in cores for host in each.hosts}
    edges = {
        (source, host.name)
        for host in hosts.values()
        for source in host.reads
        if source in place and host.name in place
    }

    def circles(start, core):
        """Whether direct connections lead from a core to another one."""
        reached, waiting = set(), [start]
        while waiting:
            at = waiting.pop()
            reached.add(at)
            waiting += {place[t] for s, t in edges if place[s] == at} - reached
        return core in reached

    return tuple((s, t, hosts[s].spikes + 1) for s, t in edges if circles(place[t], place[s]))


@pytest.mark.parametrize("seed", range(12))
def test_random_systems_with_the_least_depths(seed):
    system = random_system(random.Random(seed))
    assert Walk(system).explore() > 50
    if system.depths:
        small = tuple((source, target, depth - 1) for source, target, depth in system.depths)
        with pytest.raises(Violation, match=STUCK):
            Walk(System(**(vars(system) | {"depths": small}))).explore()
