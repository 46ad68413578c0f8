"""Bytes to and from a device over SPI, of which a USB bridge of FTDI's is the controller."""

import errno
import struct
import time

from spikewright.flow.host.transport import SPI_PREFIX
from spikewright.golden.errors import ConfigurationError, LinkError
from spikewright.golden.link import FLAG, SPI_UNIT_HZ

__all__ = ["SpiBridge"]

_CLK, _COPI, _SELECT = 1 << 0, 1 << 1, 1 << 4  # of ADBUS; cipo is ADBUS2
_OUTPUTS = _CLK | _COPI | _SELECT
_BOTH_WAYS = 0x31  # bytes out at the falling edge and in at the rising one, the highest bit first
_LEVELS, _AT_ONCE = 0x80, 0x87
_LOW_TIMES = 8  # a command takes less than 3 cycles of a slow device's clock
_FASTEST_HZ, _MOST_DIVIDER = 30_000_000, 1 << 16
_MOST = 512  # a bridge's buffers have 1024, of commands too
_POLL = 64
_ATTEMPTS = 8


class SpiBridge:
    """The MPSSE of an FT2232H or FT232H, whose select is that of the board's flash.

    The flash's select falls for a moment before each exchange, which tells the device where a byte
    begins; nothing is clocked meanwhile. Bytes that only fill the line are not passed on.

    Parameters
    ----------
    url : of pyftdi, as ``ftdi://ftdi:2232h/1``. rate : bits a second, at most.

    Raises
    ------
    LinkError
        If pyftdi or libusb are not installed, or there is no such bridge, or it may not be opened.
    ConfigurationError
        If it cannot have that rate.
    """

    byte_bits = 8
    unit_hz: int | None = SPI_UNIT_HZ

    def __init__(self, url: str, rate: int) -> None:
        self.name = f"{SPI_PREFIX}{url}"
        self._filled = True  # by the last byte that came
        try:
            from pyftdi.ftdi import Ftdi
            from pyftdi.usbtools import UsbToolsError
        except ImportError as error:
            raise LinkError(
                "SPI must have pyftdi", found="none", where=self.name,
                action="install it: pip install 'spikewright[spi]'",
            ) from error  # fmt: skip
        divider = -(-_FASTEST_HZ // rate)
        if divider > _MOST_DIVIDER:
            least = -(-_FASTEST_HZ // _MOST_DIVIDER)
            raise ConfigurationError(
                f"the rate of SPI must be at least {least} bits a second",
                found=str(rate),
                action="give another --baud",
            )
        self.baud: int | None = _FASTEST_HZ // divider
        self._ftdi = Ftdi()
        try:
            self._ftdi.open_mpsse_from_url(
                url, direction=_OUTPUTS, initial=_SELECT, frequency=_FASTEST_HZ / divider
            )
        except (OSError, UsbToolsError, ValueError) as error:  # FtdiError is an OSError
            raise _cannot_open(self.name, error) from error

    def now(self) -> float:
        """Seconds since any moment."""
        return time.monotonic()

    def exchange(self, out: bytes, timeout: float) -> tuple[int, bytes]:
        """See Transport."""
        deadline = self.now() + timeout
        some = out[:_MOST]
        while True:
            data = self._clock(some or bytes([FLAG]) * _POLL)
            if some or data or self.now() >= deadline:
                return len(some), data

    def close(self) -> None:
        """Let the bridge go."""
        self._ftdi.close()

    def _clock(self, out: bytes) -> bytes:
        """One transaction; what came, without what only fills."""
        low = bytes([_LEVELS, 0, _OUTPUTS]) * _LOW_TIMES
        high = bytes([_LEVELS, _SELECT, _OUTPUTS])
        head = struct.pack("<BH", _BOTH_WAYS, len(out) - 1)
        try:
            self._ftdi.write_data(low + high + head + out + bytes([_AT_ONCE]))
            data = bytes(self._ftdi.read_data_bytes(len(out), _ATTEMPTS))
        except OSError as error:
            raise self._gone(error.strerror or str(error)) from error
        if len(data) < len(out):
            raise self._gone(f"{len(data)} of {len(out)} bytes")
        return self._without_fill(data)

    def _without_fill(self, data: bytes) -> bytes:
        """Of flags that follow each other the first."""
        kept = bytearray()
        for byte in data:
            fills = byte == FLAG
            if not (fills and self._filled):
                kept.append(byte)
            self._filled = fills
        return bytes(kept)

    def _gone(self, found: str) -> LinkError:
        return LinkError(
            "the bridge must answer",
            found=found,
            where=self.name,
            action="plug the board in again, and start again",
        )


def _cannot_open(name: str, error: Exception) -> LinkError:
    if getattr(error, "errno", None) == errno.EACCES:
        return LinkError(
            "the bridge must be yours to open",
            found="no permission",
            where=name,
            action="allow it by a rule of udev: docs/host.md",
        )
    return LinkError(
        "there must be such a bridge, and libusb to reach it",
        found=str(error),
        where=name,
        action="list those there are: ftdi_urls.py; install libusb-1.0",
    )
