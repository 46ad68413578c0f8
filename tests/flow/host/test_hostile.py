"""Thousands of samples over hostile lines: no wrong answer is returned, and none is left out."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.host import Device
from spikewright.flow.host.session import Session
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import LinkError
from spikewright.golden.spec import Mode
from support.branching import branching, dense, inputs_of
from support.chains import counting_chain, inputs_for
from support.line import Hostility, Line
from support.linked import golden_device, make_project

HOSTILE = Hostility(
    flip=4e-4, drop=2e-4, repeat=2e-4, burst=1e-4, reset=6e-3, delay_s=2e-3, pieces=300
)
SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.rest) for seed in range(2, 30))]


def repeated(chain, n, seed):
    """n samples drawn from those that are known."""
    order = np.random.default_rng(seed).integers(0, len(chain.x), n)
    return order, {"x": chain.x[order]}


def agree(chain, order, results):
    """How many results came; each is the golden model's of its sample."""
    count = 0
    for index, result in zip(order, results, strict=False):
        assert np.array_equal(result.tokens, chain.expected[index]), count
        count += 1
    return count


@pytest.mark.parametrize("seed", SEEDS)
def test_every_sample_has_its_answer(chain, seed):
    line = Line(chain.device(outbox=(512, 100)[seed % 2]), HOSTILE, seed)
    order, x = repeated(chain, 2000, seed)
    with chain.opened(line) as device:
        assert agree(chain, order, device.infer(x)) == 2000
        assert device.statistics.reconnects > 0 and line.resets > 0
        assert device.statistics.again > 0 and device.statistics.bad > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_hosts_are_killed_and_started_again(chain, seed):
    """A host is lost in the middle; frames of it are on the line when the next one connects."""
    line = Line(chain.device(), replace(HOSTILE, delay_s=0.05), seed)
    draw = np.random.default_rng(seed)
    for _ in range(20):
        order, x = repeated(chain, 100, int(draw.integers(1 << 30)))
        device = chain.opened(line)
        results = device.infer(x)
        assert agree(chain, order[: draw.integers(1, 100)], results) > 0
        # No close and no goodbye.


def test_an_iterator_that_is_left_leaves_nothing_behind(chain):
    line = Line(chain.device(), HOSTILE, 3)
    with chain.opened(line) as device:
        for _ in range(10):
            order, x = repeated(chain, 60, 1)
            results = device.infer(x)
            assert agree(chain, order[:7], results) == 7
            results.close()
            assert device.echo(b"after it") == b"after it"


@pytest.mark.parametrize("mode", Mode)
def test_events_sequences_and_several_inputs(tmp_path, mode):
    """Samples of many commands, whose answers come in parts."""
    rng = np.random.default_rng(1)
    wires = [
        ("a", "h", dense(rng, 40, 6)),
        ("b", "h", dense(rng, 30, 6)),
        ("h", "o", dense(rng, 6, 9)),
    ]
    network = branching({"a": (40,), "b": (30,)}, {"h": (6,), "o": (9,)}, wires, seed=1)
    manifest = make_project(tmp_path, network, default_plan(network, mode))
    x = inputs_of(network, 60, seed=2)
    steps = 4 if mode is Mode.STEPWISE else None
    model, expected = golden_device(tmp_path, network, manifest, x, steps=steps, longest=24)
    line = Line(model, HOSTILE, 4)
    with Device(line, tmp_path) as device:
        for _ in range(3):
            for wanted, result in zip(expected, device.infer(x, steps=steps), strict=True):
                assert np.array_equal(result.tokens, wanted)


def streaming(tmp_path, hostility, **settings):
    network = counting_chain((12, 9, 4), seed=1, max_steps=12)
    manifest = make_project(tmp_path, network, default_plan(network, Mode.STEPWISE))
    x = inputs_for(network, 6)[:, :2]
    keep = [True] * 5 + [False]
    model, expected = golden_device(
        tmp_path, network, manifest, {"x": x}, steps=2, keep=keep, **settings
    )
    return Device(Line(model, hostility, 1), tmp_path), x, expected


def test_a_stream_keeps_its_state(tmp_path):
    device, x, expected = streaming(tmp_path, replace(HOSTILE, reset=0))
    for _ in range(30):
        for wanted, result in zip(expected, device.stream({"x": x}), strict=True):
            assert np.array_equal(result.tokens, wanted)


def test_a_stream_that_is_broken_says_where(tmp_path):
    device, x, expected = streaming(tmp_path, Hostility(), command_s=0.01)
    results = device.stream({"x": x})
    assert np.array_equal(next(results).tokens, expected[0])
    device._transport.device.reset()
    with pytest.raises(
        LinkError, match=r"^line, sample \d: the device must not be reset while sam"
    ):
        list(results)
    found = [result.tokens for result in device.stream({"x": x})]
    assert all(map(np.array_equal, found, expected))


# --- planted faults ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"check_crc": False}, {"execute_once": False}])
def test_a_faulty_device_is_caught(chain, fault):
    line = Line(chain.device(**fault), HOSTILE, 1)
    order, x = repeated(chain, 2000, 1)
    with pytest.raises((AssertionError, LinkError)):
        agree(chain, order, chain.opened(line).infer(x))


def test_a_session_that_takes_any_number_is_caught(chain, monkeypatch):
    def careless(self, frame):
        self._next_in = frame.seq
        taken(self, frame)

    taken = Session._take_numbered
    monkeypatch.setattr(Session, "_take_numbered", careless)
    line = Line(chain.device(), HOSTILE, 1)
    order, x = repeated(chain, 2000, 1)
    with pytest.raises((AssertionError, LinkError)):
        agree(chain, order, chain.opened(line).infer(x))


def test_a_host_that_does_not_send_again_is_caught(chain, monkeypatch):
    monkeypatch.setattr(Session, "_go_back", lambda self: None)
    line = Line(chain.device(), HOSTILE, 1)
    order, x = repeated(chain, 2000, 1)
    with pytest.raises(LinkError, match="must go on within"):
        agree(chain, order, chain.opened(line).infer(x))
