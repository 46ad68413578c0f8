"""The host link's numbers, as docs/link.md gives them; hardware and host are written from it."""

import enum

__all__ = [
    "CRC_BYTES",
    "DEFAULT_BAUD",
    "DEFAULT_TIMEOUT_S",
    "ERRORS",
    "ESCAPE",
    "FLAG",
    "FLIP",
    "HEADER_BYTES",
    "IDENTITY_BYTES",
    "INCREMENT_BITS",
    "INBOX_OVERHEAD",
    "LINK_COUNTERS",
    "LINK_VERSION",
    "NUMBERED",
    "SPI_UNIT_HZ",
    "Fault",
    "FrameType",
    "LoadResult",
    "Spikes",
]

FLAG = 0x7E
ESCAPE = 0x7D
FLIP = 0x20

LINK_VERSION = 1
HEADER_BYTES = 10
CRC_BYTES = 4
INBOX_OVERHEAD = 3
"""Bytes of the inbox that a frame takes beside its payload."""
NUMBERED = 16
"""Types from this one on are numbered."""
IDENTITY_BYTES = 92
INCREMENT_BITS = 20
"""A UART's clock is baud x 2**20 / increment."""
SPI_UNIT_HZ = 1_000_000
"""The same of SPI, whose rate is the host's choice, in place of the baud."""
DEFAULT_BAUD = 3_000_000
"""Bits a second of a line for which nothing else is said."""
DEFAULT_TIMEOUT_S = 5.0
"""Seconds in which a device that lives must have gone on, where the host says no others."""
LINK_COUNTERS = ("bad_frames", "missed_frames", "repeated_frames")


class FrameType(enum.IntEnum):
    """What a frame is for."""

    CONNECT = 1
    ACK = 2
    NAK = 3
    HELLO = 4
    DOWN = 5
    VERSION = 6
    OVERSIZED = 7

    IDENTIFY = 16
    TOKENS = 17
    LOAD = 18
    COUNTERS = 19
    RESET = 20
    ECHO = 21
    SELFTEST = 22

    IDENTITY = 144
    PART = 145
    RESULT = 146
    LOADED = 147
    COUNTED = 148
    DONE = 149
    ECHOED = 150
    TESTED = 151
    ERROR = 159


class Spikes(enum.IntEnum):
    """How the spikes of a TOKENS frame are written."""

    WORDS = 0
    BITMAP = 1
    VALUES = 2


class Fault(enum.IntEnum):
    """Why a command was not executed."""

    COMMAND = 1
    NETWORK = 2
    NOT_READY = 3
    INPUT = 4
    SHORT = 5
    WITHOUT = 6


ERRORS = {
    Fault.COMMAND: "the device knows no such command",
    Fault.NETWORK: "the device has another network",
    Fault.NOT_READY: "the device's network is not loaded",
    Fault.INPUT: "the network has no such input",
    Fault.SHORT: "the payload is too short for the command",
    Fault.WITHOUT: "the device was built without it",
}


class LoadResult(enum.IntEnum):
    """How an image ended."""

    WELL = 0
    DAMAGED = 1  # its crc is wrong, it has a row that no memory has, or it did not end
    LACKING = 2  # a memory was not filled
    DESIGN = 3  # it is for other hardware
    BASE = 4  # it belongs to a network that is not there
