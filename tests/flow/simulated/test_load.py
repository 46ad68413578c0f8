"""Networks that a simulated board is loaded with: from its flash, and over its line."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.host import Device
from spikewright.flow.host.image import read_image
from spikewright.golden.errors import LinkError
from spikewright.golden.link import FrameType, LoadResult
from spikewright.golden.spec import Mode
from support.chains import bounded_chain
from support.linked import make_project
from support.loading import loadable

from .conftest import TIMEOUT_S, bench_of, simulated


@pytest.fixture(scope="session")
def others(bench, tmp_path_factory):
    """b, another network for the bench's design, and c, which is b with other thresholds."""
    root = tmp_path_factory.mktemp("others")
    plan = loadable(bench.network, lanes=4)
    b = bounded_chain((12, 9, 4), seed=2)
    hidden = b.population("h0")
    soma = replace(hidden.soma, threshold=hidden.soma.threshold + 2)
    c = replace(b, name="c", populations=(replace(hidden, soma=soma), b.population("out")))
    found = []
    for network in (b, c):
        make_project(root / network.name, network, plan)
        found.append(bench_of(root / network.name, network, Mode.COLLAPSED, bench.x))
    return found


def check(found, device, count=20):
    for k, result in enumerate(device.infer(found.x[:count])):
        assert result.label == found.labels[k] and np.array_equal(result.values, found.values[k])


def image_of(found):
    return (found.folder / "generated/collapsed/weights.bin").read_bytes()


def test_one_bitstream_computes_what_is_loaded(bench, others):
    """Resets and connections keep it; a loss of the clock brings back what lies in the flash."""
    b, c = others
    with bench.program.running(flash=bench.flash) as running:
        with bench.opened(running) as device:
            check(bench, device)
            assert not np.array_equal(b.values[:20], bench.values[:20])
            assert device.load(b.folder).bytes == len(image_of(b))
            check(b, device)
            sent = device.load(c.folder, base=b.folder)
            assert sent.bytes < len(image_of(c))
            assert not np.array_equal(b.values[:20], c.values[:20])
            check(c, device)
            device.reset()
            check(c, device)
            assert device.load(b.folder, base=c.folder).bytes == sent.bytes
            check(b, device)
        with b.opened(running) as device:
            check(b, device)
            # The board's own sample has another answer now.
            assert not device.selftest()
            running.reset()
            with pytest.raises(LinkError, match="the device must stay the one that it was"):
                check(b, device)
        with bench.opened(running) as device:
            check(bench, device)
            assert device.selftest()


@pytest.mark.parametrize("what", ["nothing", "another design", "damaged", "cut"])
def test_a_flash_without_a_network(bench, others, what):
    """The device says that it waits, and takes one over the line."""
    b, _ = others
    damaged = bytearray(bench.flash)
    damaged[-9] ^= 1
    flash = {
        "nothing": b"",
        "another design": bytes([1]) + bench.flash,
        "damaged": bytes(damaged),
        "cut": bench.flash[:-40],
    }[what]
    with bench.program.running(flash=flash) as running:
        with pytest.raises(LinkError, match="found one that waits for its network; run: spikew"):
            bench.opened(running)
        with Device.open(running.port, baud=running.baud, timeout=TIMEOUT_S) as device:
            assert not device.identity.ready and device.identity.loads
            device.load(b.folder)
            check(b, device, 5)


def test_wrong_images(bench, others):
    """Each is refused for what is wrong with it; those for another device leave it what it had."""
    b, c = others
    loads = read_manifest(b.folder / "generated/collapsed").load
    image, other = (read_image(image_of(each), loads.memories, where="") for each in (b, c))
    damaged = bytearray(image.whole())
    damaged[150] ^= 2
    with bench.program.running(flash=bench.flash) as running, bench.opened(running) as device:
        foreign = replace(image, design=bytes(32).hex()).whole()
        for data, code in ((foreign, LoadResult.DESIGN), (other.since(image), LoadResult.BASE)):
            assert device._send(data) is code
            check(bench, device, 5)
        short = replace(image, memories=image.memories[:-1]).whole()
        for data, code in (
            (bytes(damaged), LoadResult.DAMAGED),
            (image.whole()[:-6], LoadResult.DAMAGED),
            (short, LoadResult.LACKING),
        ):
            assert device._send(data) is code
            assert not device.identify().ready
        # A patch is for a whole network, not for what came last.
        assert device._send(other.since(image)) is LoadResult.BASE
        assert device._send(image.whole()) is LoadResult.WELL
        assert device._send(other.since(image)) is LoadResult.WELL


def test_a_load_that_breaks_off(bench, others):
    """Nothing of it is used; and it cannot be changed into another network, only replaced."""
    b, c = others
    with bench.program.running(flash=bench.flash) as running:
        with Device.open(running.port, baud=running.baud, timeout=TIMEOUT_S) as device:
            device._commands.session.send(FrameType.LOAD, b"\1" + image_of(b)[:200], answers=0)
            device.echo(b"x")
        with Device.open(running.port, baud=running.baud, timeout=TIMEOUT_S) as device:
            assert device.identity.network_hash == b.network.content_hash
            assert not device.identity.ready
            device.load(c.folder)
            check(c, device, 5)


def test_a_loss_of_the_clock_in_the_middle_of_a_load(bench, others):
    """The flash goes first, then all of the image again."""
    b, _ = others
    with bench.program.running(flash=bench.flash) as running, bench.opened(running) as device:
        device._commands.session.send(FrameType.LOAD, b"\1" + image_of(b)[:200], answers=0)
        device.echo(b"x")
        assert not device.identify().ready
        running.reset()
        device.load(b.folder)
        assert device.statistics.reconnects == 1
        check(b, device)


def test_a_flash_that_a_cell_clocks(tmp_path, others):
    """On an ECP5, whose clock of the flash is no pin."""
    found = simulated(tmp_path, "ulx3s-85f", loads=True)
    b, _ = others
    with found.program.running(flash=found.flash) as running, found.opened(running) as device:
        assert not running.waits
        check(found, device)
        device.load(b.folder)
        check(b, device)


@pytest.mark.rest
def test_a_board_without_a_flash(tmp_path, others):
    found = simulated(tmp_path, "versa-ecp5", loads=True)
    b, _ = others
    with found.program.running() as running:
        assert running.waits
        with Device.open(running.port, baud=running.baud, timeout=TIMEOUT_S) as device:
            for each in (found, b):
                device.load(each.folder)
                check(each, device)
