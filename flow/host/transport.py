"""Bytes to and from a device, with timeouts: a serial port, a pseudo-terminal or a socket."""

import errno
import grp
import io
import os
import select
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import serial
import serial.tools.list_ports
import serial.tools.list_ports_common

from spikewright.golden.errors import ConfigurationError, LinkError
from spikewright.golden.link import DEFAULT_BAUD, SPI_UNIT_HZ

__all__ = ["SPI_PREFIX", "Port", "Transport", "open_port", "ports"]

SPI_PREFIX = "spi:"
"""Of a port behind which there is an SPI controller."""
_CHUNK = 1 << 16
_SOCKET = "socket://"
_LAST_PORT = (1 << 16) - 1


class Transport(Protocol):
    """A stream of bytes that may damage them, and the clock that its timeouts are told by.

    ``name`` : what errors call it. ``baud`` : bits a second, None where they are not known;
    ``byte_bits`` of them are a byte. ``unit_hz`` : by what a device tells its clock, None where
    it cannot.
    """

    name: str
    baud: int | None
    byte_bits: int
    unit_hz: int | None

    def now(self) -> float:
        """Seconds since any moment."""

    def exchange(self, out: bytes, timeout: float) -> tuple[int, bytes]:
        """Send as much of ``out`` as goes at once; wait for bytes, ``timeout`` seconds at most.

        Returns how many bytes were sent, and what came. It may return sooner, with nothing, where
        more can be sent. Raises LinkError where the line is gone.
        """

    def close(self) -> None:
        """Let the line go."""


def open_port(port: str, baud: int = DEFAULT_BAUD) -> Transport:
    """The line that a ``--port`` names: as ``Port``, or ``SpiBridge`` for spi:ftdi://...

    Raises
    ------
    LinkError, ConfigurationError
        As they do.
    """
    url = port.removeprefix(SPI_PREFIX)
    if url != port and "://" in url:
        from spikewright.flow.host.spi import SpiBridge

        return SpiBridge(url, baud)
    return Port(port, baud)


class Port:
    """A port of this machine, or what pyserial takes as a URL and can be waited for, such as
    ``socket://host:port``.

    Parameters
    ----------
    port : path or URL; spi:PATH where there is an SPI controller behind it.
    baud : bits a second, where it is a UART or SPI.

    Raises
    ------
    LinkError
        If there is no such port, it may not be opened, or somebody else has it.
    ConfigurationError
        If it cannot have that rate.
    """

    def __init__(self, port: str, baud: int = DEFAULT_BAUD) -> None:
        path = port.removeprefix(SPI_PREFIX)
        _check_name(port, path)
        self.name = port
        spi = path != port
        self.baud = None if path.startswith(_SOCKET) else baud
        self.byte_bits = 8 if spi else 10
        self.unit_hz = SPI_UNIT_HZ if spi else self.baud
        try:
            self._serial = serial.serial_for_url(path, do_not_open=True)
            self._serial.baudrate = baud
            self._serial.timeout = self._serial.write_timeout = 0
            if self.baud is not None:
                self._serial.exclusive = True
            self._serial.open()
        except (OSError, termios.error) as error:  # SerialException is an OSError
            raise _cannot_open(path, error) from error
        except ValueError as error:
            raise ConfigurationError(
                "the port must be a path or a URL of pyserial, its rate one that it can have",
                found=f"{port!r} at {baud} baud",
                action="give a path, or socket://localhost:4000"
                if "://" in path
                else "give a rate that both ends have, as --baud 115200",
            ) from error
        # A USB bridge that holds bytes back for 16 ms can be told not to.
        with suppress(AttributeError, ValueError, OSError, NotImplementedError):
            self._serial.set_low_latency_mode(True)
        try:
            self._file: int = self._serial.fileno()
        except (AttributeError, io.UnsupportedOperation) as error:
            raise ConfigurationError(
                "the port must be one that can be waited for: a path, or socket://host:port",
                found=repr(port),
            ) from error

    def now(self) -> float:
        """Seconds since any moment."""
        return time.monotonic()

    def exchange(self, out: bytes, timeout: float) -> tuple[int, bytes]:
        """See Transport."""
        try:
            reads, writes, _ = select.select(
                [self._file], [self._file] if out else [], [], max(0.0, timeout)
            )
            sent = int(self._serial.write(out[:_CHUNK]) or 0) if writes else 0
            data = bytes(self._serial.read(_CHUNK)) if reads else b""
        except (OSError, ValueError, termios.error) as error:
            raise LinkError(
                "the port must stay",
                found=_reason(error),
                where=self.name,
                action="see whether the board, or its simulator, is still there, and open it again",
            ) from error
        return sent, data

    def close(self) -> None:
        """Let the port go; what was not sent yet is lost."""
        with suppress(OSError, termios.error):
            self._serial.close()


def _check_name(port: str, path: str) -> None:
    """Refuse what can be no port; pyserial would tell in Python's words."""
    if not path:
        raise ConfigurationError(
            "a port must have a name",
            found=repr(port),
            action="give one: spikewright ports lists them",
        )
    if path.startswith(_SOCKET):
        host, _, number = path.removeprefix(_SOCKET).partition("/")[0].rpartition(":")
        if not host or not number.isdecimal() or not 0 < int(number) <= _LAST_PORT:
            raise ConfigurationError(
                "a socket must have a host and the number of a port, as socket://localhost:4000",
                found=repr(port),
            )


def ports() -> list[tuple[str, str]]:
    """Serial ports of this machine: path, and what is there."""
    found = [each for each in serial.tools.list_ports.comports() if _is_there(each)]
    return sorted((each.device, _description(each)) for each in found)


def _is_there(port: serial.tools.list_ports_common.ListPortInfo) -> bool:
    """A PC's old ports are there in name only."""
    return port.hwid != "n/a"


def _description(port: serial.tools.list_ports_common.ListPortInfo) -> str:
    maker = port.manufacturer or ""
    what = port.description if port.description != "n/a" else ""
    return " ".join(part for part in (maker, what) if part) or "a serial port"


def _cannot_open(port: str, error: Exception) -> LinkError:
    code = getattr(error, "errno", None)
    if "://" in port:
        return LinkError(
            "there must be somebody who listens",
            found=_reason(error),
            where=port,
            action="start what answers there, or give another --port",
        )
    if code == errno.EACCES:
        return LinkError(
            "the port must be yours to open",
            found="no permission",
            where=port,
            action=f"join its group, {_group(port)}: sudo usermod -aG {_group(port)} $USER, then"
            " log in again",
        )
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        there = ", ".join(path for path, _ in ports())
        return LinkError(
            "the port must exist",
            found="none of that name",
            where=port,
            action=(
                f"give one of those there are: {there}"
                if there
                else "plug the board in: there are no serial ports"
            )
            + "; a board in the simulator is sim:BOARD",
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
        return LinkError(
            "the port must be free",
            found="somebody else has it",
            where=port,
            action="end the other program that has it open",
        )
    others: dict[int | None, str] = {
        errno.ENOTTY: "a file or device of another kind",
        errno.EISDIR: "a folder",
    }
    return LinkError(
        "the port must be a serial line",
        found=others.get(code, _reason(error)),
        where=port,
        action="list those there are: spikewright ports",
    )


def _group(port: str) -> str:
    """The group that may open it; dialout where it has no name."""
    try:
        return grp.getgrgid(Path(port).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) else str(error)
