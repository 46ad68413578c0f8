"""Ports: bytes both ways, and one message for whatever stands in the way."""

import errno
import os
import pty
import socket
import tty
from types import SimpleNamespace

import pytest
import serial

from spikewright.flow.host import Device, transport
from spikewright.flow.host.transport import Port, open_port, ports
from spikewright.golden.errors import ConfigurationError, FileError, LinkError
from support.pty_device import on_terminal


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    ends = SimpleNamespace(ours=ours, theirs=theirs, path=os.ttyname(theirs))
    yield ends
    for file in (ends.ours, ends.theirs):
        if file is not None:
            os.close(file)


@pytest.mark.parametrize("baud", [9600, 115_200, 3_000_000, 12_000_000])
def test_bytes_go_both_ways(terminal, baud):
    port = Port(terminal.path, baud)
    assert (port.name, port.baud, port.byte_bits) == (terminal.path, baud, 10)
    assert port.unit_hz == baud
    everything = bytes(range(256))
    assert port.exchange(everything, 1.0) == (256, b"")
    assert os.read(terminal.ours, 300) == everything
    os.write(terminal.ours, everything)
    found = b""
    while len(found) < 256:
        sent, data = port.exchange(b"", 1.0)
        assert sent == 0
        found += data
    assert found == everything
    before = port.now()
    assert port.exchange(b"", 0.05) == (0, b"")
    assert 0.04 < port.now() - before < 1
    port.close()


def test_an_spi_controller_behind_a_path(terminal):
    """Its bytes have 8 bits, and its clock says nothing of the device's."""
    port = open_port(f"spi:{terminal.path}", 6_000_000)
    assert isinstance(port, Port) and port.name == f"spi:{terminal.path}"
    assert (port.baud, port.byte_bits, port.unit_hz) == (6_000_000, 8, 1_000_000)
    assert port.exchange(b"there", 1.0) == (5, b"")
    assert os.read(terminal.ours, 10) == b"there"
    port.close()
    with pytest.raises(LinkError, match="^/dev/none: the port must exist"):
        open_port("spi:/dev/none")


def test_what_does_not_go_waits(terminal):
    port = Port(terminal.path)
    sent = 0
    for _ in range(20):  # nobody reads: the terminal is full at some time, and nothing blocks
        sent += port.exchange(bytes(1 << 16), 0.01)[0]
    assert 0 < sent < 20 << 16
    port.close()


def test_a_socket():
    with socket.create_server(("localhost", 0)) as server:
        port = Port(f"socket://localhost:{server.getsockname()[1]}")
        end, _ = server.accept()
        with end:
            assert port.baud is port.unit_hz is None
            assert port.exchange(b"there", 1.0)[0] == 5
            assert end.recv(10) == b"there"
            end.sendall(b"back")
            assert port.exchange(b"", 1.0) == (0, b"back")
        with pytest.raises(LinkError, match=r"^socket://localhost:\d+: the port must stay, found"):
            port.exchange(b"", 1.0)
        port.close()


def test_a_port_is_one_programs(terminal):
    port = Port(terminal.path)
    with pytest.raises(
        LinkError, match=r": the port must be free, found somebody else has it; end"
    ):
        Port(terminal.path)
    port.close()
    Port(terminal.path).close()


def test_a_port_that_goes(terminal):
    port = Port(terminal.path)
    os.close(terminal.ours)
    terminal.ours = None
    with pytest.raises(
        LinkError, match=r": the port must stay, found .*; see whether the board, or its sim"
    ):
        port.exchange(b"x", 1.0)
    port.close()


def listing(monkeypatch, *found):
    made = [
        SimpleNamespace(device=path, hwid=hwid, description=what, manufacturer=maker)
        for path, hwid, what, maker in found
    ]
    monkeypatch.setattr(transport.serial.tools.list_ports, "comports", lambda: made)


def test_no_such_port(monkeypatch):
    listing(monkeypatch)
    with pytest.raises(
        LinkError, match="^/dev/none: the port must exist, found none of that name; p"
    ):
        Port("/dev/none")
    listing(
        monkeypatch,
        ("/dev/ttyUSB1", "USB VID", "ULX3S FPGA", "FTDI"),
        ("/dev/ttyACM0", "USB VID", "n/a", None),
        ("/dev/ttyS0", "n/a", "n/a", None),
    )
    assert ports() == [("/dev/ttyACM0", "a serial port"), ("/dev/ttyUSB1", "FTDI ULX3S FPGA")]
    with pytest.raises(
        LinkError,
        match="give one of those there are: /dev/ttyACM0, /dev/ttyUSB1; a board in the simul.* is "
        "sim:BOARD$",
    ):
        Port("/dev/none")


@pytest.mark.parametrize(
    ("port", "text"),
    [
        ("", "a port must have a name, found ''"),
        ("spi:", "a port must have a name, found 'spi:'"),
        ("socket://localhost", "a socket must have a host and the number of a port, as socket://l"),
        ("socket://:4000", "a socket must have a host and the number"),
        ("socket://localhost:http", "a socket must have a host and the number"),
        ("socket://localhost:65536", "a socket must have a host and the number"),
    ],
)
def test_what_is_no_port(port, text):
    with pytest.raises(ConfigurationError, match=f"^{text}"):
        open_port(port)


def test_no_permission(monkeypatch, terminal):
    def refuse(self):
        raise serial.SerialException(errno.EACCES, "could not open")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    monkeypatch.setattr(transport.grp, "getgrgid", lambda number: SimpleNamespace(gr_name="uucp"))
    with pytest.raises(
        LinkError,
        match=r"^/dev/.*: the port must be yours to open, found no permission; join its group, "
        r"uucp: sudo usermod -aG uucp \$USER, then log in again$",
    ):
        Port(terminal.path)


def test_what_is_no_line(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(
        LinkError, match=r"file: the port must be a serial line, found Could not conf"
    ):
        Port(str(path))
    with pytest.raises(
        LinkError, match="^socket://localhost:1: there must be somebody who listens, f"
    ):
        Port("socket://localhost:1")
    with pytest.raises(
        ConfigurationError, match="^the port must be a path or a URL of pyserial, its"
    ):
        Port("nonsense://x")
    with pytest.raises(
        ConfigurationError, match="^the port must be one that can be waited for: a pat"
    ):
        Port("loop://")


def test_a_device_on_a_terminal(chain):
    """Everything at once, in real time."""
    with on_terminal(chain.device()) as port:
        with Device.open(port, chain.folder) as device:
            for _ in range(2):
                for result, expected in zip(
                    device.infer({"x": chain.x}), chain.expected, strict=True
                ):
                    assert (result.tokens == expected).all()
        with pytest.raises(FileError, match="found no network.safetensors"):
            Device.open(port, chain.folder.parent)
        with Device.open(port) as device:  # and the port was let go
            assert device.echo(b"x") == b"x"
