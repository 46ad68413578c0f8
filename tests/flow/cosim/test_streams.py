import numpy as np
import pytest

from spikewright.flow.cosim.streams import OUTPUT, Golden, concatenate, expected_streams
from spikewright.golden.errors import SpikewrightError
from spikewright.golden.spec import Decision, Mode
from support.chains import bounded_chain, counting_chain

NETWORK = bounded_chain((3, 2, 2), seed=1)


def tokens(stream, sample):
    part = slice(stream.starts[sample], stream.starts[sample + 1])
    return list(
        zip(
            stream.kind[part].tolist(),
            stream.address[part].tolist(),
            stream.payload[part].tolist(),
            strict=True,
        )
    )


def array(*values):
    return np.array(values, dtype=np.int64)


def test_stepwise_and_settle():
    golden = Golden(
        spikes={
            "x": array([[0, 2, 3], [0, 0, 0]], [[0, 0, 0], [1, 0, 0]]),
            "h0": array([[1, 0], [0, 0]], [[0, 0], [-1, 1]], [[0, 1], [0, 0]]),
            "out": np.zeros((3, 2, 2), dtype=np.int64),
        },
        steps={"x": array(1, 2), "h0": array(3, 2), "out": array(3, 2)},
        values=array([0, -5], [7, 0]),
        labels=array(0, 1),
    )
    streams = expected_streams(NETWORK, Mode.SETTLE, golden)
    assert tokens(streams["x"], 0) == [(0, 1, 2), (0, 2, 3), (1, 0, 0), (2, 0, 0)]
    assert tokens(streams["x"], 1) == [(1, 0, 0), (0, 0, 1), (1, 0, 0), (2, 0, 0)]
    assert tokens(streams["h0"], 0) == [
        (0, 0, 1), (1, 0, 0), (1, 0, 0), (0, 1, 1), (1, 0, 0), (2, 0, 0),
    ]  # fmt: skip
    assert tokens(streams["h0"], 1) == [
        (1, 0, 0), (0, 0, -1), (0, 1, 1), (1, 0, 0), (2, 0, 0),
    ]  # fmt: skip
    assert tokens(streams["out"], 0) == [(1, 0, 0)] * 3 + [(0, 0, 0), (0, 1, -5), (2, 0, 0)]
    assert tokens(streams[OUTPUT], 1) == [(1, 0, 0)] * 2 + [(0, 0, 7), (0, 1, 0), (2, 1, 0)]
    assert streams["h0"].per_sample(array(10, 1)).tolist() == [10 + 1, 10 + 1]
    assert streams["x"].per_sample(array(1, 10, 100)).tolist() == [110, 1]
    assert streams[OUTPUT].per_sample(array(1, 1)).tolist() == [2, 2]


def test_collapsed_has_no_steps():
    golden = Golden(
        spikes={"x": array([[0, 2, 3]]), "h0": array([[3, 0]]), "out": array([[0, 0]])},
        steps={"x": array(0), "h0": array(0), "out": array(0)},
        values=array([4, 9]),
        labels=array(1),
    )
    streams = expected_streams(NETWORK, Mode.COLLAPSED, golden)
    assert tokens(streams["x"], 0) == [(0, 1, 2), (0, 2, 3), (2, 0, 0)]
    assert tokens(streams["h0"], 0) == [(0, 0, 3), (2, 0, 0)]
    assert tokens(streams["out"], 0) == [(0, 0, 4), (0, 1, 9), (2, 0, 0)]
    assert tokens(streams[OUTPUT], 0) == [(0, 0, 4), (0, 1, 9), (2, 1, 0)]


def test_labels_of_a_map_are_sent_one_by_one():
    golden = Golden(
        spikes={"x": array([[0, 2, 3]]), "h0": array([[3, 0]]), "out": array([[0, 0]])},
        steps={"x": array(0), "h0": array(0), "out": array(0)},
        values=array([4, 9]),
        labels=array([0, 2]),
    )
    streams = expected_streams(NETWORK, Mode.COLLAPSED, golden)
    assert tokens(streams["out"], 0) == [(0, 0, 4), (0, 1, 9), (2, 0, 0)]
    assert tokens(streams[OUTPUT], 0) == [(0, 0, 0), (0, 1, 2), (2, 0, 0)]


def test_count_readout_and_raw_decision():
    network = counting_chain((2, 2), seed=1)
    golden = Golden(
        spikes={"x": array([[1, 0]], [[0, 1]]), "out": array([[0, 1]], [[1, 1]])},
        steps={"x": array(2), "out": array(2)},
        values=array([1, 2]),
        labels=None,
    )
    assert network.readout.decision is Decision.ARGMAX
    streams = expected_streams(network, Mode.STEPWISE, golden)
    assert tokens(streams["out"], 0) == [
        (0, 1, 1), (1, 0, 0), (0, 0, 1), (0, 1, 1), (1, 0, 0), (2, 0, 0),
    ]  # fmt: skip
    assert tokens(streams[OUTPUT], 0) == [
        (1, 0, 0), (1, 0, 0), (0, 0, 1), (0, 1, 2), (2, 0, 0),
    ]  # fmt: skip


def test_spike_after_the_last_step_is_an_error():
    golden = Golden(
        spikes={"x": array([[0, 0, 0]], [[0, 1, 0]]), "h0": array([[0, 0]])},
        steps={"x": array(1), "h0": array(1), "out": array(1)},
        values=array([0, 0]),
        labels=array(0),
    )
    with pytest.raises(SpikewrightError, match="source 'x', sample 0: .* one in step 1 of 1$"):
        expected_streams(NETWORK, Mode.SETTLE, golden)


def test_concatenation_keeps_samples():
    rng = np.random.default_rng(3)
    spikes = rng.integers(-1, 2, (4, 5, 3))
    whole = Golden(
        spikes={"x": abs(spikes), "h0": spikes[:, :, :2], "out": spikes[:, :, :2] * 0},
        steps=dict.fromkeys(("x", "h0", "out"), np.full(5, 4)),
        values=rng.integers(-9, 9, (5, 2)),
        labels=array(0, 1, 0, 1, 1),
    )
    parts = [
        Golden(
            spikes={k: v[:, part] for k, v in whole.spikes.items()},
            steps={k: v[part] for k, v in whole.steps.items()},
            values=whole.values[part],
            labels=whole.labels[part],
        )
        for part in (slice(0, 2), slice(2, 5))
    ]
    expected = expected_streams(NETWORK, Mode.STEPWISE, whole)
    pieces = [expected_streams(NETWORK, Mode.STEPWISE, part) for part in parts]
    for name, stream in expected.items():
        joined = concatenate([piece[name] for piece in pieces])
        for field in ("kind", "address", "payload", "starts"):
            assert getattr(joined, field).tolist() == getattr(stream, field).tolist()
