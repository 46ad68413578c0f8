"""The word of a stream: one of the three tokens, in as few bits as its population needs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data, stream

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind

__all__ = ["TokenLayout"]

_KIND_BITS = 2
Words = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TokenLayout:
    """Bits of a token, least significant first: kind (2), address, payload.

    The payload takes no bits where every spike carries +1. END has its flag in bit 0 of the
    address; the END that leaves an accelerator has the label there.

    Parameters
    ----------
    neurons : neurons that may be addressed, at least 1.
    low, high : range of the payload of a spike.
    valued : whether a payload of 0 is sent too, as a readout does.
    """

    neurons: int
    low: int
    high: int
    valued: bool = False

    def __post_init__(self) -> None:
        if self.neurons < 1:
            raise ConfigurationError("neurons must be at least 1", found=str(self.neurons))
        if self.low > self.high:
            raise ConfigurationError(
                "the payload's low must not exceed its high", found=f"{self.low} > {self.high}"
            )

    @property
    def address_bits(self) -> int:
        """Bits of the address, at least 1."""
        return max(1, (self.neurons - 1).bit_length())

    @property
    def is_unit(self) -> bool:
        """Whether every spike carries +1, so that no payload is sent."""
        return not self.valued and self.low >= 0 and self.high <= 1

    @property
    def payload_shape(self) -> Shape:
        """Shape of the payload: signed only where it can be negative."""
        if self.is_unit:
            return unsigned(0)
        if self.low < 0:
            return signed(max((~self.low).bit_length(), self.high.bit_length()) + 1)
        return unsigned(max(1, self.high.bit_length()))

    @property
    def width(self) -> int:
        """Bits of the whole token."""
        return _KIND_BITS + self.address_bits + self.payload_shape.width

    @property
    def struct(self) -> data.StructLayout:
        """The token as an Amaranth layout."""
        return data.StructLayout(
            {
                "kind": unsigned(_KIND_BITS),
                "address": unsigned(self.address_bits),
                "payload": self.payload_shape,
            }
        )

    @property
    def signature(self) -> stream.Signature:
        """The stream of such tokens, seen from its source."""
        return stream.Signature(self.struct)

    def as_dict(self) -> dict[str, object]:
        """Offsets and widths, for a manifest."""
        payload = self.payload_shape
        return {
            "width": self.width,
            "kind": [0, _KIND_BITS],
            "address": [_KIND_BITS, self.address_bits],
            "payload": [_KIND_BITS + self.address_bits, payload.width],
            "signed": bool(payload.signed),
        }

    def pack(self, kind: Words, address: Words, payload: Words) -> Words:
        """Words of the tokens whose fields are given, all of shape [tokens].

        Raises
        ------
        RangeError
            If a field does not fit, naming the first token where it happens.
        """
        kind, address, payload = (np.asarray(a, dtype=np.int64) for a in (kind, address, payload))
        spike = kind == int(TokenKind.SPIKE)
        bad_address = (address < 0) | (address >= (1 << self.address_bits))
        bad_payload = spike & ((payload < self.low) | (payload > self.high))
        for what, bad, values in (
            ("address", bad_address, address),
            ("payload", bad_payload, payload),
        ):
            if bad.any():
                at = int(np.argmax(bad))
                raise RangeError(
                    f"the {what} of a token must fit its layout",
                    found=str(int(values[at])),
                    where=f"token {at}",
                )
        bits = self.payload_shape.width
        field = np.where(spike, payload, 0) & ((1 << bits) - 1)
        return kind | (address << _KIND_BITS) | (field << (_KIND_BITS + self.address_bits))

    def unpack(self, words: Words) -> tuple[Words, Words, Words]:
        """Fields (kind, address, payload) of words, of shape [tokens]; markers have payload 0."""
        words = np.asarray(words, dtype=np.int64)
        kind = words & ((1 << _KIND_BITS) - 1)
        address = (words >> _KIND_BITS) & ((1 << self.address_bits) - 1)
        bits = self.payload_shape.width
        payload = (words >> (_KIND_BITS + self.address_bits)) & ((1 << bits) - 1)
        if self.payload_shape.signed:
            payload = np.where(payload >= (1 << (bits - 1)), payload - (1 << bits), payload)
        if self.is_unit:
            payload = np.ones_like(words)
        return kind, address, np.where(kind == int(TokenKind.SPIKE), payload, 0)
