"""What comes back: words of the output to values and labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.layout import Layout, Words
from spikewright.golden.errors import LinkError
from spikewright.golden.spec import Decision, Network, ReadoutKind, TokenKind

__all__ = ["RESULT_END_BYTES", "OutputReader", "Result", "split_result"]

Array = npt.NDArray[np.int64]

RESULT_END_BYTES = 8
"""What a RESULT has behind its words: two counts of cycles."""
_UNKNOWN = (1 << 32) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What the device answered to a sample.

    ``label``: the neuron that won, one for each position of a map, None where nothing decides.
    ``values``: [n] what was read, zeros too, of a map the labels; [steps, n] of a stream.
    ``tokens``: words of the output, one token each, as the manifest lays them out; of a sequence
    those of all frames. ``end_cycle``: in which END left, modulo 2**32. ``latency_cycles``: from
    the first token of the sample to its END, None where another was under way. ``seconds``: at the
    host, from the first command to the result.
    """

    label: int | Array | None
    values: Array
    tokens: Words
    end_cycle: int
    latency_cycles: int | None
    seconds: float


def split_result(payload: bytes, *, where: str) -> tuple[bytes, int, int | None]:
    """A RESULT's words, END's cycle and the latency."""
    if len(payload) < RESULT_END_BYTES:
        raise LinkError(
            f"a result must have at least {RESULT_END_BYTES} bytes",
            found=str(len(payload)),
            where=where,
        )
    cycle, latency = np.frombuffer(payload[-RESULT_END_BYTES:], dtype="<u4")
    return payload[:-RESULT_END_BYTES], int(cycle), None if latency == _UNKNOWN else int(latency)


class OutputReader:
    """Reads the words of an accelerator's output."""

    def __init__(self, network: Network, layout: Layout, *, where: str) -> None:
        self.layout = layout
        self.where = where
        self._bytes = -(-layout.width // 8)
        self._stream = network.readout.kind is ReadoutKind.STREAM
        self._decides = network.readout.decision is Decision.ARGMAX
        self._map = network.population(network.readout.population).positions > 1

    def tokens(self, data: bytes) -> Words:
        """Words of one token each.

        Raises
        ------
        LinkError
            If there are no whole words, or they do not end with their only END.
        """
        whole, rest = divmod(len(data), self._bytes)
        padded = np.zeros((whole, 8), dtype=np.uint8)
        padded[:, : self._bytes] = np.frombuffer(data, np.uint8, whole * self._bytes).reshape(
            whole, self._bytes
        )
        words = self.layout.scatter(padded.view("<u8").reshape(-1).astype(np.uint64))
        kind, neuron, _ = self.layout.unpack(words)
        one_end = np.flatnonzero(kind == TokenKind.END).tolist() == [kind.size - 1]
        if rest or not one_end or (neuron[kind != TokenKind.STEP] < 0).any():
            raise LinkError(
                f"a result must be tokens of {self._bytes} bytes that end with an END",
                found=f"{len(data)} bytes",
                where=self.where,
                action="build the bitstream again from this project",
            )
        return words

    def read(self, tokens: Words) -> tuple[int | Array | None, Array]:
        """Label and values; see Result."""
        kind, neuron, payload = self.layout.unpack(tokens)
        spike = kind == TokenKind.SPIKE
        if self._stream:
            step = np.cumsum(kind == TokenKind.STEP)
            levels = np.zeros((max(1, int(step[-1])), self.layout.neurons), dtype=np.int64)
            np.add.at(levels, (step[spike], neuron[spike]), payload[spike])
            return None, levels
        values = np.zeros(self.layout.neurons, dtype=np.int64)
        values[neuron[spike]] = payload[spike]
        if not self._decides:
            return None, values
        return (values if self._map else int(neuron[-1])), values
