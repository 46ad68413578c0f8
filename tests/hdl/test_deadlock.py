"""Every state of small systems of forks, merges and cores: none is stuck, none mixes steps up.

``Merge`` argues why. The hardware's own merge follows the same rule, ``MergeRule``: test_merge.
"""

import random
from dataclasses import replace

import pytest

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
    "itself": (core(Host("A", ("in",), 2, late=("A",))),),
    "back from the next": (core(Host("A", ("in",), late=("B",))), core(Host("B", ("A",), 2))),
    "an input": (core(Host("A", ("in",))), core(Host("B", ("A",), late=("in",)))),
    "ahead, once now and once later": (
        core(Host("A", ("in",))),
        core(Host("B", ("A",), late=("A",))),
    ),
    "ahead, once through another": (
        core(Host("A", ("in",))),
        core(Host("B", ("A",))),
        core(Host("C", ("B",), late=("A",))),
    ),
    "ahead, of another input": (
        core(Host("A", ("in",))),
        core(Host("B", ("other",), late=("A",))),
    ),
    "two that feed each other": (
        core(Host("A", ("in",), late=("A", "B"))),
        core(Host("B", ("A",), late=("B",))),
    ),
}


def loop_depths(cores, less=0):
    """A step behind each delay, two where the source reaches the target in the step as well."""
    hosts = {host.name: host for each in cores for host in each.hosts}

    def leads(source, target):
        return any(source == name or leads(source, name) for name in reads(target))

    def reads(name):
        return hosts[name].reads if name in hosts else ()

    return tuple(
        (
            source,
            name,
            (hosts[source].spikes + 1 if source in hosts else 2) * (1 + twice) + 1 - less,
        )
        for name, host in hosts.items()
        for source in host.late
        for twice in (leads(source, name),)
    )


def looped(name, less=0, **options):
    """One of ``LOOPS``, its queues as deep as they must be, or less."""
    cores = LOOPS[name]
    read = {source for each in cores for host in each.hosts for source in (*host.reads, *host.late)}
    inputs = tuple((source, 1) for source in ("in", "other") if source in read)
    return System(cores=cores, inputs=inputs, depths=loop_depths(cores, less), **options)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", LOOPS)
def test_a_delay_needs_a_whole_step_in_its_queue_or_two(name, overlaps, keeps):
    # A stream has as many steps at each of its inputs.
    steps = (2,) if keeps else (1, 2)
    system = looped(name, overlaps=overlaps, samples=2, steps=steps, keeps=keeps)
    assert Walk(system).explore() > 50


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


@pytest.mark.parametrize("name", [name for name in LOOPS if name.startswith(("an", "ahead"))])
def test_a_delay_that_does_not_wait_is_found(name):
    """What comes back can never come early."""
    with pytest.raises(Violation, match=r"^SPIKE of step \d comes in step \d$"):
        Walk(looped(name, steps=(2,), unit=Impatient)).explore()


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", LOOPS)
def test_a_delay_of_samples_needs_a_whole_one_in_its_queue_or_two(name, overlaps, keeps):
    options = {"overlaps": overlaps, "keeps": keeps, "steps": (0,), "collapsed": True}
    assert Walk(looped(name, samples=3, unit=SampleUnit, **options)).explore() > 20


@pytest.mark.parametrize("name", [name for name in LOOPS if name != "ahead, of another input"])
def test_fewer_entries_behind_a_delay_of_samples_are_too_few(name):
    options = {"samples": 3, "keeps": True, "steps": (0,), "collapsed": True}
    with pytest.raises(Violation, match=STUCK):
        Walk(looped(name, less=3, unit=SampleUnit, **options)).explore()


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", LOOPS)
def test_a_delay_of_sums_needs_no_room(name, overlaps, keeps):
    """Two banks hold what waits; with one, a source that runs ahead would be stuck."""
    options = {"samples": 3 if name == "itself" else 2, "steps": (1,), "extra": 1}
    system = looped(name, overlaps=overlaps, keeps=keeps, unit=SumUnit, **options)
    system = replace(system, depths=())
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
