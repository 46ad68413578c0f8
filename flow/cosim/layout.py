"""Words of a stream as the manifest lays them out, on numpy arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import FileError, RangeError
from spikewright.golden.spec import TokenKind

__all__ = ["Layout", "Words"]

Words = npt.NDArray[np.uint64]
Fields = npt.NDArray[np.int64]

_WORD_BITS = 64


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where kind, address and payload of a token lie; each is (offset, width) in bits.

    A payload of no bits stands for +1.
    """

    width: int
    kind: tuple[int, int]
    address: tuple[int, int]
    payload: tuple[int, int]
    signed: bool

    @classmethod
    def from_manifest(cls, data: Mapping[str, Any], *, where: str) -> "Layout":
        """Read a layout of a manifest; raises FileError."""
        try:
            fields = {
                name: (int(data[name][0]), int(data[name][1]))
                for name in ("kind", "address", "payload")
            }
            layout = cls(width=int(data["width"]), signed=bool(data["signed"]), **fields)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise FileError(
                "a layout must give width, kind, address, payload and signed",
                found=f"{type(error).__name__} {error}",
                where=where,
            ) from error
        if not 1 <= layout.width <= _WORD_BITS:
            raise FileError(
                f"a token must have 1 to {_WORD_BITS} bits", found=str(layout.width), where=where
            )
        return layout

    def pack(self, kind: Fields, address: Fields, payload: Fields, *, where: str = "") -> Words:
        """Words of tokens; raises RangeError at the first field that the layout cannot carry.

        What STEP and END carry beside their kind (and END's address) is zero.
        """
        spike = kind == TokenKind.SPIKE
        low, high = self._bounds()
        checks = (
            ("address", address, (address < 0) | (address >> self.address[1] != 0)),
            ("payload", payload, spike & ((payload < low) | (payload > high))),
        )
        for name, values, bad in checks:
            if bad.any():
                at = int(np.argmax(bad))
                raise RangeError(
                    f"the {name} of a token must fit its {getattr(self, name)[1]} bits",
                    found=f"{int(values[at])} in token {at}",
                    where=where,
                )
        words = kind.astype(np.uint64) << np.uint64(self.kind[0])
        words |= address.astype(np.uint64) << np.uint64(self.address[0])
        if self.payload[1]:
            field = np.where(spike, payload, 0).astype(np.uint64) & _mask(self.payload[1])
            words |= field << np.uint64(self.payload[0])
        return words

    def unpack(self, words: Words) -> tuple[Fields, Fields, Fields]:
        """Kind, address and payload of words; the payload of STEP and END is 0."""
        kind = self._field(words, self.kind)
        address = self._field(words, self.address)
        if self.payload[1]:
            payload = self._field(words, self.payload)
            if self.signed:
                top = np.int64(1) << np.int64(self.payload[1] - 1)
                payload = (payload ^ top) - top
        else:
            payload = np.ones(words.shape, dtype=np.int64)
        return kind, address, np.where(kind == TokenKind.SPIKE, payload, 0)

    def significant(self, words: Words) -> Words:
        """Words with the bits that mean nothing cleared: STEP's all but the kind, END's payload."""
        kind = self._field(words, self.kind)
        whole = _mask(self.width)
        only_kind = _mask(self.kind[1]) << np.uint64(self.kind[0])
        with_address = only_kind | (_mask(self.address[1]) << np.uint64(self.address[0]))
        mask = np.full(words.shape, whole, dtype=np.uint64)
        mask[kind == TokenKind.STEP] = only_kind
        mask[kind == TokenKind.END] = with_address
        return words & mask

    def describe(self, word: int) -> str:
        """One token in words, for messages."""
        kind, address, payload = (int(f[0]) for f in self.unpack(np.array([word], dtype=np.uint64)))
        if kind == TokenKind.SPIKE:
            return f"SPIKE(neuron {address}, payload {payload})"
        if kind == TokenKind.STEP:
            return "STEP"
        if kind == TokenKind.END:
            return f"END({address})"
        return f"a token of unknown kind {kind}"

    def _bounds(self) -> tuple[int, int]:
        bits = self.payload[1]
        if not bits:
            return 1, 1
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.signed else (0, (1 << bits) - 1)

    @staticmethod
    def _field(words: Words, field: tuple[int, int]) -> Fields:
        offset, bits = field
        return ((words >> np.uint64(offset)) & _mask(bits)).astype(np.int64)


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)
