"""How many bytes a sample takes on the line."""

from collections.abc import Iterable, Sequence

import numpy as np

from spikewright.flow.cosim.layout import Layout
from spikewright.flow.host.frames import Frame, encode
from spikewright.flow.host.output import RESULT_END_BYTES, Result
from spikewright.golden.link import FrameType
from spikewright.golden.spec import TokenKind

__all__ = ["bytes_back", "bytes_there"]

_NUMBERS = 256


def bytes_there(commands: Iterable[bytes], tag: bytes) -> int:
    """Of these TOKENS, escapes among them."""
    return sum(
        len(encode(Frame(FrameType.TOKENS, k % _NUMBERS, k % _NUMBERS, tag, payload)))
        for k, payload in enumerate(commands)
    )


def bytes_back(results: Sequence[Result], layout: Layout, longest: int, tag: bytes) -> int:
    """Of the PARTs and RESULTs that brought these, escapes among them but for those of cycles.

    ``layout``: of the output. ``longest``: bytes of a payload.
    """
    size = -(-layout.width // 8)
    count = 0
    for result in results:
        kind, _, _ = layout.unpack(result.tokens)
        for tokens in np.split(result.tokens, np.flatnonzero(kind == TokenKind.END)[:-1] + 1):
            words, _ = layout.gather(tokens, np.array([0, tokens.size]))
            data = words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()
            data += bytes(RESULT_END_BYTES)
            for at in range(0, len(data), longest):
                frame = Frame(FrameType.RESULT, 0, 0, tag, data[at : at + longest])
                count += len(encode(frame))
    return count
