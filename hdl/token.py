"""The word of a stream: one of the three tokens, in as few bits as its population needs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Shape, Value, signed, unsigned
from amaranth.lib import data, stream

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import TokenKind

__all__ = ["Axis", "TokenLayout", "axes_of", "spikes_of"]

_KIND_BITS = 2
_WORD_BITS = 63
Words = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One coordinate of an address, as hardware with banked membranes counts it.

    Coordinate i is place i % banks of block i // banks; its code is the block's number above that
    of the place, each in whole bits. Codes ascend with i; with one bank, or a power of two, code
    and coordinate are the same.

    Parameters
    ----------
    size : coordinates, at least 1.
    banks : places of a block, at least 1.
    """

    size: int
    banks: int = 1

    def __post_init__(self) -> None:
        for name in ("size", "banks"):
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"an axis' {name} must be at least 1", found=str(getattr(self, name))
                )

    @property
    def blocks(self) -> int:
        """Blocks, of which the last may be part empty."""
        return -(-self.size // self.banks)

    @property
    def place_bits(self) -> int:
        """Bits of a place; more banks than coordinates need no more of them."""
        return (min(self.banks, self.size) - 1).bit_length()

    @property
    def block_bits(self) -> int:
        """Bits of a block's number."""
        return (self.blocks - 1).bit_length()

    @property
    def bits(self) -> int:
        """Bits of a code; none where there is one coordinate and one bank."""
        return self.place_bits + self.block_bits

    @property
    def codes(self) -> int:
        """Codes from 0 to that of the last coordinate, holes counted."""
        return int(self.encode(np.array(self.size - 1))) + 1

    def encode(self, coordinate: Words) -> Words:
        """Codes of coordinates."""
        coordinate = np.asarray(coordinate, dtype=np.int64)
        return (coordinate // self.banks << self.place_bits) | coordinate % self.banks

    def decode(self, code: Words) -> Words:
        """Coordinates of codes."""
        code = np.asarray(code, dtype=np.int64)
        place = code & ((1 << self.place_bits) - 1)
        return (code >> self.place_bits) * self.banks + place

    def as_dict(self, offset: int) -> dict[str, int]:
        """The axis for a manifest; its code begins at bit ``offset`` of an address."""
        return {
            "size": self.size,
            "banks": self.banks,
            "offset": offset,
            "place_bits": self.place_bits,
            "block_bits": self.block_bits,
        }


Axes = tuple[Axis, Axis, Axis]


def axes_of(shape: Sequence[int], banks: tuple[int, int, int] = (1, 1, 1)) -> Axes:
    """Channel, row and column of a population of ``shape``: (n,), (C, L) or (C, H, W).

    A population of another number of dimensions has no windows, and counts as (n,).
    """
    if len(shape) == 2:
        channels, high, wide = shape[0], 1, shape[1]
    elif len(shape) == 3:
        channels, high, wide = shape
    else:
        channels, high, wide = prod(shape), 1, 1
    return (
        Axis(size=channels, banks=banks[0]),
        Axis(size=high, banks=banks[1]),
        Axis(size=wide, banks=banks[2]),
    )


@dataclass(frozen=True, kw_only=True)
class TokenLayout:
    """Bits of a token, least significant first: kind (2), address, payload; then further spikes.

    The address of a neuron is the codes of its column, row and channel, the column's lowest. The
    payload takes no bits where every spike carries +1. END has its flag in bit 0 of the address;
    the END that leaves an accelerator has the address of the neuron that won there. A SPIKE of
    several slots has in each but the first whether there is a spike (1), its address, its payload.

    Parameters
    ----------
    axes : channel, row and column of the neurons that may be addressed.
    low, high : range of the payload of a spike.
    valued : whether a payload of 0 is sent too, as a readout does.
    powers : whether the magnitude of every payload is a power of two.
    slots : spikes of one step that a token may carry.
    """

    axes: Axes
    low: int
    high: int
    valued: bool = False
    powers: bool = False
    slots: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigurationError(
                "the payload's low must not exceed its high", found=f"{self.low} > {self.high}"
            )
        if self.slots < 1:
            raise ConfigurationError("slots must be at least 1", found=str(self.slots))
        if self.slots > 1 and self.width > _WORD_BITS:
            raise ConfigurationError(
                f"a token of several slots must fit {_WORD_BITS} bits",
                found=f"{self.width} of {self.slots} slots",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns."""
        channels, rows, columns = self.axes
        return (channels.size, rows.size, columns.size)

    @property
    def neurons(self) -> int:
        """Neurons that may be addressed."""
        return prod(self.shape)

    @property
    def address_bits(self) -> int:
        """Bits of the address, at least 1."""
        return max(1, sum(axis.bits for axis in self.axes))

    @property
    def offsets(self) -> tuple[int, int, int]:
        """Where the codes of channel, row and column begin in the address."""
        _, rows, columns = self.axes
        return (columns.bits + rows.bits, columns.bits, 0)

    def encode(self, neuron: Words) -> Words:
        """Addresses of neurons, given by their index in the order of the shape."""
        neuron = np.asarray(neuron, dtype=np.int64)
        if self.neurons == 1:
            return neuron  # the one address bit is left to END's flag
        address = np.zeros_like(neuron)
        places = np.unravel_index(neuron, self.shape)
        for axis, offset, place in zip(self.axes, self.offsets, places, strict=True):
            address |= axis.encode(place) << offset
        return address

    def decode(self, address: Words) -> Words:
        """Neurons of addresses."""
        address = np.asarray(address, dtype=np.int64)
        if self.neurons == 1:
            return address
        neuron = np.zeros_like(address)
        for axis, offset in zip(self.axes, self.offsets, strict=True):
            code = (address >> offset) & ((1 << axis.bits) - 1)
            neuron = neuron * axis.size + axis.decode(code)
        return neuron

    @property
    def is_unit(self) -> bool:
        """Whether every spike carries +1, so that no payload is sent."""
        return not self.valued and self.low >= 0 and self.high <= 1

    @property
    def is_sign(self) -> bool:
        """Whether a payload is nothing but a sign."""
        return not self.is_unit and self.low >= -1 and self.high <= 1

    @property
    def is_shift(self) -> bool:
        """Whether a payload shifts, and may change the sign, but does no more."""
        return not self.is_unit and not self.is_sign and self.powers

    @property
    def parts(self) -> tuple[int, int]:
        """The least and the largest share of a sum that one spike may carry, 0 if of that sign none
        may; every number between them is one too, or 1 at a time is (of powers of two above 2).
        """
        if self.powers and max(-self.low, self.high) > 2:
            return (-1 if self.low < 0 else 0, 1 if self.high > 0 else 0)
        return (min(self.low, 0), max(self.high, 0))

    @property
    def payload_shape(self) -> Shape:
        """Shape of the payload: signed only where it can be negative."""
        if self.is_unit:
            return unsigned(0)
        if self.low < 0:
            return signed(max((~self.low).bit_length(), self.high.bit_length()) + 1)
        return unsigned(max(1, self.high.bit_length()))

    @property
    def single(self) -> "TokenLayout":
        """The same with one slot."""
        return replace(self, slots=1)

    @property
    def slot_bits(self) -> int:
        """Bits of a slot but the first."""
        return 1 + self.address_bits + self.payload_shape.width

    @property
    def width(self) -> int:
        """Bits of the whole token."""
        first = _KIND_BITS + self.address_bits + self.payload_shape.width
        return first + (self.slots - 1) * self.slot_bits

    @property
    def struct(self) -> data.StructLayout:
        """The token as an Amaranth layout; ``slot_1`` and on are {spikes, address, payload}."""
        place = {"address": unsigned(self.address_bits), "payload": self.payload_shape}
        slot = data.StructLayout({"spikes": unsigned(1), **place})
        more = {f"slot_{index}": slot for index in range(1, self.slots)}
        return data.StructLayout({"kind": unsigned(_KIND_BITS), **place, **more})

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
            "axes": [
                axis.as_dict(offset) for axis, offset in zip(self.axes, self.offsets, strict=True)
            ],
            "payload": [_KIND_BITS + self.address_bits, payload.width],
            "signed": bool(payload.signed),
            "slots": self.slots,
        }

    def pack(self, kind: Words, address: Words, payload: Words) -> Words:
        """Words of the tokens whose fields are given, all of shape [tokens]; addresses as neurons.

        Spikes side by side share a word, as many as there are slots.

        Raises
        ------
        RangeError
            If a field does not fit, naming the first token where it happens.
        """
        kind, address, payload = (np.asarray(a, dtype=np.int64) for a in (kind, address, payload))
        spike = kind == int(TokenKind.SPIKE)
        # The address of one neuron has a bit for END's flag.
        bad_address = (address < 0) | (address >= max(2, self.neurons))
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
        place = self.encode(address) | (field << self.address_bits)
        words = kind | (place << _KIND_BITS)
        follows = spike & np.concatenate(([False], spike))[:-1]
        order = np.arange(kind.size)
        slot = (order - np.maximum.accumulate(np.where(follows, 0, order))) % self.slots
        for index in range(1, self.slots):
            shared = np.flatnonzero(slot == index)
            words[shared - index] |= (1 | (place[shared] << 1)) << self._offset(index)
        return words[slot == 0]

    def unpack(self, words: Words) -> tuple[Words, Words, Words]:
        """Fields (kind, neuron, payload) of the tokens in words, of shape [tokens].

        Markers have payload 0; the spikes of a word follow each other.
        """
        words = np.asarray(words, dtype=np.int64)
        kind = words & ((1 << _KIND_BITS) - 1)
        places = [words >> _KIND_BITS]
        carries = [np.ones_like(words)]
        for index in range(1, self.slots):
            places.append(words >> (self._offset(index) + 1))
            carries.append((words >> self._offset(index)) & (kind == int(TokenKind.SPIKE)))
        there = (np.stack(carries, axis=-1) & 1).astype(bool)
        place = np.stack(places, axis=-1)[there]
        kind = np.broadcast_to(kind[..., None], there.shape)[there]
        address = self.decode(place & ((1 << self.address_bits) - 1))
        bits = self.payload_shape.width
        payload = (place >> self.address_bits) & ((1 << bits) - 1)
        if self.payload_shape.signed:
            payload = np.where(payload >= (1 << (bits - 1)), payload - (1 << bits), payload)
        if self.is_unit:
            payload = np.ones_like(kind)
        return kind, address, np.where(kind == int(TokenKind.SPIKE), payload, 0)

    def _offset(self, slot: int) -> int:
        """Where a slot but the first begins."""
        return self.single.width + (slot - 1) * self.slot_bits


def spikes_of(token: "data.View[data.StructLayout]") -> Value:
    """How many spikes a token in hardware carries; 0 if it is no SPIKE."""
    slots = [name for name in token.shape().members if name.startswith("slot_")]
    is_spike = token.kind == TokenKind.SPIKE.value
    return sum((is_spike & token[name].spikes for name in slots), is_spike)
