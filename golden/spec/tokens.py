"""The three tokens of a stream, in order: SPIKE, STEP, END."""

import enum

__all__ = ["EndFlag", "TokenKind"]


class TokenKind(enum.IntEnum):
    """What one word of a stream says.

    ``SPIKE(address, payload)`` is one event; ``STEP`` says that all spikes of this step were
    sent; ``END(flag)`` ends the sample: read out, then reset or keep the state.
    """

    SPIKE = 0
    STEP = 1
    END = 2


class EndFlag(enum.IntEnum):
    """What END does to the state after the readout."""

    RESET = 0
    KEEP = 1
