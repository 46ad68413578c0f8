"""An overlapped core against the contract: every token, in all modes, with stalls on both sides."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.spec import EndFlag, Fire, Mode, Soma
from spikewright.hdl.overlapped import OverlappedCore
from spikewright.hdl.plan import MembraneStore
from support.single_core import (
    END,
    SETTLING,
    SPIKE,
    STEP,
    STEPWISE,
    Reference,
    make,
    run,
    samples,
    words_of,
)
from support.stores import TWO_PORTS

pytestmark = pytest.mark.pairs

FIRING = [name for name, soma in STEPWISE.items() if soma.fire is not Fire.NONE]
STALLS = [("1", "1"), ("0110", "1"), ("1", "00101"), ("011", "101")]


def overlapped(soma, *, sweep_lanes, **options):
    options = {"lanes": 7, "store": MembraneStore.LUTRAM} | options
    config = make(soma, sweep_lanes=sweep_lanes, **options)
    assert config.overlaps and config.groups == 1
    return config


@pytest.mark.parametrize("name", FIRING)
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("sweep_lanes", [2, 8])
def test_stepwise(name, valid, ready, store, sweep_lanes):
    config = overlapped(STEPWISE[name], mode=Mode.STEPWISE, store=store, sweep_lanes=sweep_lanes)
    run(config, *samples(config, seed=f"{name}{valid}{ready}"), valid=valid, ready=ready)


@pytest.mark.parametrize("name", list(SETTLING))
@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
@pytest.mark.parametrize("sweep_lanes", [1, 4])
def test_settle_and_collapsed(name, mode, valid, ready, sweep_lanes):
    soma = Soma(fire=Fire.TERNARY, threshold_negative=1, bias_when="first", **SETTLING[name])
    config = overlapped(soma, mode=mode, sweep_lanes=sweep_lanes, source=(-2, 3), shift=1)
    run(config, *samples(config, seed=f"{name}{mode}"), valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("shape", "banks", "lanes"),
    [((3, 2, 3), (2, 3), 18), ((5, 3, 3), (3, 3), 45), ((2, 2, 1), (2, 1), 4), ((6,), (1, 1), 9)],
)
@pytest.mark.parametrize("sweep_lanes", [1, 2, 4])
def test_slices_of_banks(mode, shape, banks, lanes, sweep_lanes):
    n = int(np.prod(shape))
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=np.arange(n) % 5 + 2,
        threshold_negative=1,
        initial_v=np.arange(n) % 3,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = overlapped(
        soma, mode=mode, shape=shape, banks=banks, lanes=lanes, sweep_lanes=sweep_lanes
    )
    run(config, *samples(config, seed=f"{mode}{shape}"), valid="011", ready="101")


READ = {
    "plain": Soma(fire=Fire.NONE, initial_v=[3, 1, 4, 1, 5, 9, 2]),
    "bias": Soma(fire=Fire.NONE, initial_v=1, bias=[1, -2, 0, 3, 1, 0, 2], bias_when="first"),
}


@pytest.mark.parametrize("name", list(READ))
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize(
    ("sweep_lanes", "spikes", "valid", "ready"),
    [(1, 1, "1", "1"), (2, 4, "011", "101"), (8, 1, "0110", "1")],
)
def test_what_is_read_when_a_sample_ends(name, mode, store, valid, ready, sweep_lanes, spikes):
    """Membranes come with END; one that keeps the state goes on from there."""
    config = overlapped(
        READ[name],
        mode=mode,
        store=store,
        sweep_lanes=sweep_lanes,
        spikes=spikes,
        source=(-2, 3),
    )
    sent, expected = samples(config, seed=f"{name}{mode}{valid}{ready}", count=6)
    assert sum(token[0] == SPIKE for token in expected) == 6 * 7
    run(config, sent, expected, valid=valid, ready=ready)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("spikes", [2, 4])
@pytest.mark.parametrize("source", [(0, 1), (-1, 1), (0, 3), (-9, 9)])
@pytest.mark.parametrize(("valid", "ready"), STALLS)
def test_several_spikes_a_cycle(mode, spikes, source, valid, ready):
    soma = Soma(
        fire=Fire.TERNARY, threshold=3, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = overlapped(soma, mode=mode, sweep_lanes=4, spikes=spikes, source=source, pre=9)
    sent, expected = samples(config, seed=f"{mode}{spikes}{source}", count=9)
    assert any(len(word) > 1 for word in words_of(sent, spikes))
    run(config, sent, expected, valid=valid, ready=ready)


@pytest.mark.parametrize("spikes", [1, 2, 4])
def test_several_spikes_take_one_cycle(spikes):
    """A full step of 64 spikes takes its share of cycles, and one for the marker."""
    soma = Soma(fire=Fire.BINARY, threshold=1 << 14)
    config = overlapped(
        soma, mode=Mode.STEPWISE, sweep_lanes=8, spikes=spikes, source=(0, 1), pre=64
    )
    sent = [*((SPIKE, k, 1) for k in range(64)), (STEP, 0, 0)] * 9
    words, at = [], 0
    while at < len(sent):
        count = spikes if sent[at][0] == SPIKE else 1
        words.append(sent[at : at + count])
        at += count
    _, seen = run(config, sent, [(STEP, 0, 0)] * 9, words=words)
    finishes = [cycle for cycle, _ in seen.items]
    assert set(np.diff(finishes)) == {64 // spikes + 1}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("source", [(0, 1), (-1, 1), (-9, 9)])
@pytest.mark.parametrize("sweep_lanes", [1, 8])
def test_a_marker_keeps_its_place_behind_the_rows(mode, source, sweep_lanes):
    """None, one or two spikes, then the marker at once, again and again."""
    soma = Soma(
        fire=Fire.TERNARY, threshold=2, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    config = overlapped(soma, mode=mode, sweep_lanes=sweep_lanes, source=source)
    reference, rng = Reference(config), random.Random(sweep_lanes)
    sent, expected = [], []
    for index in range(60):
        for _ in range(index % 3):
            address = rng.randrange(6)
            payload = rng.choice([p for p in (source[0], source[1]) if p])
            sent.append((SPIKE, address, payload))
            reference.receive(address, payload)
        if mode is not Mode.COLLAPSED:
            sent.append((STEP, 0, 0))
            expected += [*reference.step(), (STEP, 0, 0)]
        if mode is Mode.COLLAPSED or index % 6 == 5:
            sent.append((END, EndFlag.RESET, 0))
            expected += [*reference.end(False), (END, 0, 0)]
    assert sum(token[0] == SPIKE for token in expected) > 10
    run(config, sent, expected)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", TWO_PORTS)
@pytest.mark.parametrize("source", [(0, 1), (0, 3)])
@pytest.mark.parametrize(("sweep_lanes", "spikes"), [(1, 1), (4, 1), (4, 2), (4, 4)])
def test_latency_is_the_property(mode, store, source, sweep_lanes, spikes):
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = overlapped(
        soma, mode=mode, store=store, source=source, sweep_lanes=sweep_lanes, spikes=spikes
    )
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    core, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("store", [MembraneStore.LUTRAM, MembraneStore.BLOCK])
@pytest.mark.parametrize(("valid", "ready"), STALLS[:2])
def test_sums_that_are_chosen_early(mode, store, valid, ready):
    """Registers choose a slice where the plan limits the fan-out; two cycles more, or one.

    The weights, which are multiplied, have a cycle on their way to the lanes, too.
    """
    soma = Soma(
        fire=Fire.TERNARY, threshold=3, threshold_negative=1, bias_when="first", s_min=0, s_max=3
    )
    options = {"mode": mode, "store": store, "sweep_lanes": 2, "source": (-2, 3)}
    config = overlapped(soma, fanout=8, **options)
    core, _ = run(config, *samples(config, seed=f"{mode}{store}"), valid=valid, ready=ready)
    plain = OverlappedCore(config=overlapped(soma, **options))
    held = store is MembraneStore.BLOCK and mode is not Mode.COLLAPSED
    assert core.latency == plain.latency + 2 - held + 1
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    _, seen = run(config, [last], [last])
    assert seen.items[0][0] - seen.accepted[0] == core.latency


@pytest.mark.parametrize("mode", list(Mode))
def test_latency_of_what_is_read(mode):
    config = overlapped(READ["plain"], mode=mode, sweep_lanes=2)
    last = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    expected = [last]
    if mode is Mode.COLLAPSED:
        expected = [*Reference(config).end(False), last]
    core, seen = run(config, [last], expected)
    if mode is not Mode.COLLAPSED:
        assert seen.items[0][0] - seen.accepted[0] == core.latency


@pytest.mark.parametrize("mode", [Mode.STEPWISE, Mode.COLLAPSED])
def test_rows_do_not_wait_for_the_neurons(mode):
    """Samples of more rows than a pass takes follow each other, each with its markers, no gap."""
    soma = Soma(
        fire=Fire.TERNARY,
        threshold=99,
        threshold_negative=99 if mode is Mode.STEPWISE else 1,
        bias_when="first",
        s_min=0,
        s_max=3,
    )
    config = overlapped(soma, mode=mode, sweep_lanes=1)
    marker = (END if mode is Mode.COLLAPSED else STEP, 0, 0)
    step = [*((SPIKE, k % 6, 1) for k in range(40)), marker]
    reference, expected = Reference(config), []
    for _ in range(4):
        for _, address, payload in step[:-1]:
            reference.receive(address, payload)
        expected += [
            *(reference.end(False) if mode is Mode.COLLAPSED else reference.step()),
            marker,
        ]
    core, seen = run(config, step * 4, expected)
    taken = seen.accepted[10:]
    assert {b - a for a, b in itertools.pairwise(taken)} == {core.interval} == {1}
