"""SPI by an FTDI bridge: what it is told to do, and what becomes of what it answers.

The bridge is a model of its commands. Nothing here was tried on a real one.
"""

import errno
import sys

import pytest
from pyftdi import ftdi
from pyftdi.usbtools import UsbToolsError
from usb.core import NoBackendError, USBError, USBTimeoutError

from spikewright.flow.host import Device
from spikewright.flow.host.spi import SpiBridge
from spikewright.flow.host.transport import open_port
from spikewright.golden.errors import ConfigurationError, LinkError
from spikewright.golden.link import FLAG

URL = "ftdi://ftdi:2232h/1"
FILL = bytes([FLAG])
CLK, COPI, SELECT = 1, 2, 16


class Bridge(ftdi.Ftdi):
    """Of pyftdi's class, with the chip's answers: ``device`` says what comes for each byte."""

    fault = None
    short = 0

    def open_mpsse_from_url(self, url, direction=0, initial=0, frequency=6e6, **more):
        if self.fault is not None:
            raise self.fault
        self.opened = (url, direction, initial, frequency)
        self.answers, self.sent, self.falls, self.level = bytearray(), bytearray(), 0, initial
        self.device = lambda byte: FLAG
        self.closed = False
        return frequency

    def write_data(self, data):
        if self.fault is not None:
            raise self.fault
        assert len(data) <= 1024  # what the smaller of the chips holds
        at = 0
        while at < len(data):
            command = data[at]
            if command == self.SET_BITS_LOW:
                level, outputs = data[at + 1 : at + 3]
                assert outputs == CLK | COPI | SELECT and not level & CLK
                self.falls += bool(self.level & SELECT and not level & SELECT)
                self.level = level
                at += 3
            elif command == self.RW_BYTES_PVE_NVE_MSB:
                # While the flash is selected its answer would come back.
                assert self.level & SELECT
                count = int.from_bytes(data[at + 1 : at + 3], "little") + 1
                for byte in data[at + 3 : at + 3 + count]:
                    self.sent.append(byte)
                    self.answers.append(self.device(byte))
                at += 3 + count
            else:
                assert command == self.SEND_IMMEDIATE and at == len(data) - 1
                at += 1
        return len(data)

    def read_data_bytes(self, size, attempt=1, request_gen=None):
        found = bytes(self.answers[: size - self.short])
        del self.answers[:size]
        return found

    def close(self, freeze=False):
        self.closed = True


@pytest.fixture
def made(monkeypatch):
    """A class of the bridge, of each test its own."""
    found = type("Made", (Bridge,), {})
    monkeypatch.setattr(ftdi, "Ftdi", found)
    return found


@pytest.mark.parametrize(
    ("asked", "made_of_it"),
    [(6_000_000, 6_000_000), (40_000_000, 30_000_000), (4_000_000, 3_750_000), (458, 457)],
)
def test_a_rate_is_never_faster_than_asked_for(made, asked, made_of_it):
    port = open_port(f"spi:{URL}", asked)
    assert isinstance(port, SpiBridge) and port.name == f"spi:{URL}"
    assert port.baud == made_of_it and (port.byte_bits, port.unit_hz) == (8, 1_000_000)
    url, direction, initial, frequency = port._ftdi.opened
    assert (url, direction, initial) == (URL, CLK | COPI | SELECT, SELECT)
    assert frequency <= asked and int(frequency) == made_of_it


def test_bytes_both_ways(made):
    port = SpiBridge(URL, 6_000_000)
    bridge = port._ftdi
    said = iter(FILL * 3 + b"a" + FILL + b"b" + FILL * 2 + b"c")
    bridge.device = lambda byte: next(said, FLAG)
    # A flag behind a byte may end a frame; those behind it only fill.
    assert port.exchange(b"12345", 1.0) == (5, b"a" + FILL)
    assert port.exchange(b"67890", 1.0) == (5, b"b" + FILL + b"c" + FILL)
    assert bytes(bridge.sent) == b"1234567890" and bridge.falls == 2
    before = port.now()
    assert port.exchange(b"", 0.02) == (0, b"")
    assert 0.02 <= port.now() - before < 1
    assert set(bridge.sent[10:]) == {FLAG}
    bridge.device = lambda byte: 0x55
    assert port.exchange(b"", 10.0)[1][:1] == b"\x55"
    sent, _ = port.exchange(bytes(5000), 1.0)
    assert 0 < sent < 1024
    port.close()
    assert bridge.closed


def test_a_device_behind_it(made, chain):
    """Samples go through, by a clock that only goes when somebody sends."""
    model = chain.device(increment=1 << 18)
    now = [0.0]

    def answer(byte):
        now[0] += 2e-6
        if byte != FLAG or answer.last != FLAG:
            model.feed(bytes([byte]), now[0])
        answer.last = byte
        model.run(now[0])
        return model.to_host.pop(0) if model.to_host else FLAG

    answer.last = FLAG
    port = SpiBridge(URL, 6_000_000)
    port._ftdi.device = answer
    port.now = lambda: now[0]
    with Device(port, chain.folder) as device:
        for result, expected in zip(device.infer({"x": chain.x}), chain.expected, strict=True):
            assert (result.tokens == expected).all()
        assert device.clock_hz == 4e6 and device.byte_hz == 750_000
        assert device.statistics.bad == device.statistics.again == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (UsbToolsError("No device found"), "there must be such a bridge, and libusb to reach it, "
         "found No device found; list"),
        (NoBackendError("No backend available"), "found No backend available; list"),
        (ftdi.FtdiMpsseError("no MPSSE"), "found no MPSSE; list"),
        (USBError("Access denied", errno=errno.EACCES), "the bridge must be yours to open, found no"
         " permission; allow it by a rule of udev: docs/host.md$"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened(made, fault, message):
    made.fault = fault
    with pytest.raises(LinkError, match=f"^spi:{URL}: .*{message}"):
        SpiBridge(URL, 6_000_000)


def test_a_rate_that_is_too_slow(made):
    with pytest.raises(
        ConfigurationError,
        match="^the rate of SPI must be at least 458 bits a second, found 457; give another --baud",
    ):
        SpiBridge(URL, 457)


def test_pyftdi_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyftdi.ftdi", None)
    with pytest.raises(LinkError, match=r"must have pyftdi, found none; .*'spikewright\[spi\]'$"):
        SpiBridge(URL, 6_000_000)


def test_a_bridge_that_goes(made):
    port = SpiBridge(URL, 6_000_000)
    port._ftdi.short = 1
    with pytest.raises(LinkError, match=r"the bridge must answer, found 2 of 3 bytes; plug"):
        port.exchange(b"abc", 1.0)
    port._ftdi.fault = USBTimeoutError("Operation timed out")
    with pytest.raises(LinkError, match="the bridge must answer, found Operation timed out; plug"):
        port.exchange(b"abc", 1.0)
