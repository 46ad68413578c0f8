"""Counters that a core of a graph may have; tokens and handshakes are judged in test_launch."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.judge import judge, judge_handshakes
from spikewright.flow.cosim.manifest import Host, read_manifest
from spikewright.flow.cosim.setup import Setup
from spikewright.flow.cosim.testbench import BatchResult, Status
from support.standin import make_vectors, write_standin

VECTORS = make_vectors(2, 2)
SPIKES = int(VECTORS.counters[0, 2].sum())


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(write_standin(tmp_path))


def found(manifest, vectors=VECTORS, **changes):
    """What is said of a batch with right tokens and these counters."""
    right = {
        "cycles": 500,
        "rows": SPIKES,
        "synops": 8 * SPIKES,
        "spikes_in": SPIKES,
        "spikes_out": SPIKES,
        "stalls": 7,
        "busy": 400,
    }
    result = BatchResult(
        status=Status.DONE,
        culprit=0,
        cycles=500,
        accepted=0,
        refused=np.array([5]),
        counters=np.array([*(right | changes).values()], dtype=np.int64),
        stalls=np.array([7, 0]),
        start=0,
        finishes=np.array([1, 2]),
        streams=vectors.words,
    )
    setup = Setup(
        generated="", simulator="icarus", folder="", batch=2, samples=6, watchdog=9,
        input_patterns=["1"], output_pattern="1",
    )  # fmt: skip
    difference = judge(setup, manifest, vectors, result, first=0)
    return None if difference is None else (difference.what, difference.expected, difference.found)


@pytest.mark.parametrize(
    ("status", "culprit", "what", "where"),
    [
        (Status.HANG, 0, "the batch must end", "output"),
        (Status.SURPLUS, 0, "no neuron may spike twice in a step", "relay"),
        (Status.WITHDRAWN, 1, "valid must stay until the token is taken", "output"),
        (Status.UNKNOWN, 2, "a stream must not be unknown (X) after reset", "x"),
    ],
)
def test_a_batch_that_is_only_recorded_must_be_in_order(manifest, status, culprit, what, where):
    result = BatchResult(
        status=Status.DONE, culprit=culprit, cycles=9, accepted=0, refused=np.zeros(1),
        counters=np.zeros(7), stalls=np.zeros(2), start=0, finishes=np.zeros(2), streams=(),
    )  # fmt: skip
    setup = Setup(
        generated="", simulator="icarus", folder="", batch=2, samples=6, watchdog=9,
        input_patterns=["1"], output_pattern="1", record=True,
    )  # fmt: skip
    assert judge_handshakes(setup, manifest, result, first=3) is None
    wrong = judge_handshakes(setup, manifest, replace(result, status=status), first=3)
    assert wrong is not None
    assert (wrong.what, wrong.population, wrong.sample) == (what, where, 3)


def test_right_counters(manifest):
    assert found(manifest) is None


@pytest.mark.parametrize("name", ["rows", "synops", "spikes_in", "spikes_out", "stalls"])
def test_each_counter_is_exact(manifest, name):
    what, expected, seen = found(manifest, **{name: 3})
    assert what == f"counter {name} over samples 0 to 1 must be right"
    assert (int(expected), seen) != (3, expected) and seen == "3"


def test_rows_behind_a_delta_are_one_neuron_each(manifest):
    delta = replace(VECTORS, exact=np.array([False]))
    assert found(manifest, delta) is None
    assert found(manifest, delta, rows=SPIKES + 5, synops=8 * SPIKES + 5) is None
    assert found(manifest, delta, rows=SPIKES + 5)[0].startswith("counter synops")
    assert found(manifest, delta, rows=SPIKES - 1, synops=8 * SPIKES - 1) is not None


def test_a_slice_does_not_stall_as_its_population(manifest):
    (core,) = manifest.cores
    part = replace(core, hosts=(Host(population="relay", channels=(0, 4)),))
    assert found(replace(manifest, cores=(part,)), stalls=123) is None
    assert found(manifest, stalls=123) is not None


def test_a_core_is_busy_while_it_has_rows(manifest):
    assert found(manifest, busy=SPIKES) is None
    assert found(manifest, busy=SPIKES - 1)[0].startswith("counter busy")
    assert found(manifest, busy=501)[0].startswith("counter busy")
