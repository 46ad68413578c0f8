"""The host program and a board's own bits: the same tests in the simulator and on silicon."""

import signal

import numpy as np
import pytest

from spikewright.boards import get_board, usual_link
from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.flow.simulated import board
from spikewright.flow.synthesize import make_top
from spikewright.golden.errors import LinkError
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from support.chains import bounded_chain

from .conftest import TIMEOUT_S, simulated


def check(found, results):
    """Each result is the golden model's, in order."""
    results = list(results)
    assert [result.label for result in results] == found.labels[: len(results)]
    for result, values in zip(results, found.values, strict=False):
        assert np.array_equal(result.values, values)
    return len(results)


def test_samples(plugged):
    found, opened = plugged
    with opened() as device:
        assert check(found, device.infer(found.x)) == len(found.x)
        assert device.statistics.bad == device.statistics.reconnects == 0
        (alone,) = device.infer(found.x[:1])
        assert 0 < alone.latency_cycles < 10_000


def test_commands(plugged):
    found, opened = plugged
    with opened() as device:
        assert device.echo(bytes(range(256))) == bytes(range(256))
        assert device.selftest()
        device.counters(clear=True)
        assert check(found, device.infer(found.x[:5])) == 5
        after = device.counters()
        device.reset()
        assert check(found, device.infer(found.x[:2])) == 2
        assert device.selftest()
    first = next(iter(after.cores.values()))
    assert first["spikes_in"] == np.count_nonzero(found.x[:5])
    assert not any(after.link.values())


def test_a_host_that_is_killed(plugged):
    """What it was at is forgotten, and the next one gets its own answers only."""
    found, opened = plugged
    with opened() as device:
        results = device.infer(found.x)
        assert next(results).label == found.labels[0]
    with opened() as device:
        assert check(found, device.infer(found.x[:20])) == 20


@pytest.mark.parametrize(
    "noise",
    [{"flip": 3e-4}, {"drop": 1e-3, "repeat": 1e-3}, {"flip": 1e-3, "drop": 2e-3, "repeat": 2e-3}],
    ids=["flips", "bytes", "all"],
)
def test_a_hostile_line(bench, noise):
    """No answer is wrong, none is missing, and what happened is told."""
    with bench.program.running(seed=7, flash=bench.flash, **noise) as running:
        with bench.opened(running) as device:
            assert check(bench, device.infer(bench.x)) == len(bench.x)
            assert device.statistics.again > 0 and device.statistics.bad > 0


def test_a_reset_in_the_middle(bench):
    """Samples that were under way are sent again."""
    with bench.program.running(flash=bench.flash) as running:
        with bench.opened(running) as device:
            results = device.infer(bench.x)
            first = [next(results) for _ in range(10)]
            running.reset()
            assert check(bench, [*first, *results]) == len(bench.x)
            assert device.statistics.reconnects == 1


def test_a_reset_loses_what_a_stream_kept(bench):
    with bench.program.running(flash=bench.flash) as running:
        with bench.opened(running) as device:
            results = device.stream(bench.x)
            next(results)
            running.reset()
            with pytest.raises(LinkError, match=r"sample \d+"):
                list(results)
            assert check(bench, device.infer(bench.x[:3])) == 3


def test_a_board_that_is_gone(bench):
    with bench.program.running(flash=bench.flash) as running:
        with Device.open(running.port, bench.folder, baud=running.baud, timeout=1.0) as device:
            running.process.send_signal(signal.SIGSTOP)
            with pytest.raises(LinkError, match=r"must answer|must have gone on|stopped"):
                device.echo(b"x")
            running.process.send_signal(signal.SIGCONT)
            assert device.echo(b"y") == b"y"


def test_spi(tmp_path):
    """The same by the lines of the flash, whose select tells where bytes begin; then with noise.

    What is loaded comes over the line, too.
    """
    found = simulated(tmp_path, "icebreaker", wire="spi", loads=True)
    for noise in ({}, {"flip": 3e-4, "drop": 1e-3, "repeat": 1e-3}):
        with found.program.running(seed=7, **noise) as running:
            assert running.port.startswith("spi:") and running.waits
            with Device.open(running.port, baud=running.baud, timeout=TIMEOUT_S) as device:
                device.load(found.folder)
                assert check(found, device.infer(found.x[:30])) == 30
                assert device.clock_hz == pytest.approx(24e6, rel=1e-4)
                assert (device.statistics.bad > 0) == bool(noise)
                assert device.selftest()


@pytest.mark.parametrize(
    ("name", "pin"), [("versa-ecp5", "clk100_0__p"), ("icebreaker", "clk12_0__io")]
)
def test_a_pin_of_the_design_is_clocked(name, pin):
    """Of a pair of pins the positive one."""
    network, there = bounded_chain((5, 3), seed=1), get_board(name)
    top = make_top(
        board=there,
        pll=there.default_pll,
        constraint_mhz=there.goal_mhz,
        accelerator=Accelerator(network=network, plan=default_plan(network, Mode.COLLAPSED)),
        sample=None,
        link=usual_link(there),
    )
    bench = board._files(top)["bench.v"]
    assert f"assign {pin} = clock;" in bench and f".{pin}({pin})" in bench


@pytest.mark.rest
def test_a_self_test_that_fails(tmp_path):
    found = simulated(tmp_path, "icebreaker", output=1)
    with found.program.running() as running:
        with found.opened(running) as device:
            assert not device.selftest()


@pytest.mark.rest
@pytest.mark.parametrize(
    "name", ["ulx3s-85f", "tang-nano-9k", "hx8k-b-evn", "colorlight-i5", "versa-ecp5"]
)
def test_other_boards(tmp_path, name):
    found = simulated(tmp_path, name)
    with (
        found.program.running() as running,
        found.opened(running) as device,
    ):
        assert check(found, device.infer(found.x)) == len(found.x)
