"""Runs that are measured: what is told is what the samples, the clock and the line did."""

import numpy as np
import pytest

from spikewright.flow.host.check import expected_tokens
from spikewright.flow.host.measure import measure
from spikewright.golden.errors import MismatchError
from support.line import Hostility, Line


def run(chain, device, **settings):
    samples = device.levels({"x": chain.x})
    layout = chain.manifest.output.layout
    return measure(device, samples, layout=layout, **settings)


def test_figures(chain):
    model = chain.device(increment=1 << 20, latency_s=2e-3)
    line = Line(model, Hostility(delay_s=1e-3))
    line.baud = line.unit_hz = 3_000_000
    with chain.opened(line) as device:
        samples = device.levels({"x": chain.x})
        expected = expected_tokens(device.target, samples, None)
        labels = np.array([int(t[-1]) >> 2 for t in chain.expected])
        seen = []
        found = run(
            chain,
            device,
            expected=expected,
            labels=labels,
            progress=lambda *done: seen.append(done),
        )
    assert (found.samples, found.alone, found.differences, found.correct) == (200, 100, 0, 200)
    assert found.labels == labels.tolist()
    assert seen == [(k, 300) for k in range(1, 301)]
    half, most = found.host_latency_s
    assert 2e-3 < half <= most < 5e-3  # the device's, and twice at most the line's
    assert 0 <= found.device_latency_cycles[0] <= found.device_latency_cycles[1] < 997
    assert found.samples_per_s > 200 / 0.2
    # The model counts a cycle a microsecond.
    assert found.cycles_per_sample == pytest.approx(1e6 / found.samples_per_s, rel=0.1)
    assert found.clock_hz == 3e6
    assert found.line_samples_per_s == pytest.approx(3e5 / max(found.sample_bytes))
    assert found.line.reconnects == found.line.bad == 0 and found.line.sent == 300
    found.check("here")
    assert found.as_dict()["line"]["sent"] == 300


class Listening(Line):
    """Keeps the bytes that cross it."""

    def __init__(self, device):
        super().__init__(device)
        self.there = self.back = b""

    def exchange(self, out, timeout):
        size, found = super().exchange(out, timeout)
        self.there += out[:size]
        self.back += found
        return size, found


def on_line(data, *kinds):
    """Bytes of the frames of these types, flags among them."""
    bodies = [body for body in data.split(b"\x7e") if len(body) > 1 and body[1] in kinds]
    return sum(len(body) + 2 for body in bodies)


def test_bytes_of_a_sample(chain):
    """But for the numbers in headers, and what that does to escapes and checks."""
    line = Listening(chain.device())
    with chain.opened(line) as device:
        samples = device.levels({"x": chain.x})
        results = list(device.infer_levels(samples))
        there, back = device.sample_bytes(samples, results)
    assert there * 200 == pytest.approx(on_line(line.there, 17), rel=0.01)
    assert back * 200 == pytest.approx(on_line(line.back, 145, 146), rel=0.01)


def test_expected_tokens(chain):
    with chain.opened() as device:
        found = expected_tokens(device.target, device.levels({"x": chain.x}), None)
    assert all(map(np.array_equal, found, chain.expected)) and len(found) == 200


def test_a_difference_is_found(chain):
    with chain.opened() as device:
        expected = [words.copy() for words in chain.expected]
        expected[7][0] ^= np.uint64(1 << 8)
        expected[130][0] ^= np.uint64(1 << 8)
        found = run(chain, device, expected=expected)
    assert (found.differences, found.first_difference, found.correct) == (2, 7, None)
    with pytest.raises(
        MismatchError, match="^here, sample 7: every token must be the golden model's"
    ):
        found.check("here")


def test_what_cannot_be_told_is_none(chain):
    model = chain.device()
    line = Line(model, Hostility(reset=0.05), 1)
    with chain.opened(line) as device:
        found = run(chain, device)
    assert found.line.reconnects and found.cycles_per_sample is None
    assert found.differences is found.correct is found.clock_hz is None
    assert found.line_samples_per_s is None
