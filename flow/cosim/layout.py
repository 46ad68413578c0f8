"""Words of a stream as the manifest lays them out, on numpy arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import FileError, RangeError
from spikewright.golden.spec import TokenKind

__all__ = ["AxisField", "Fields", "Layout", "Words"]

Words = npt.NDArray[np.uint64]
Fields = npt.NDArray[np.int64]

_WORD_BITS = 64
_ADDRESS_BITS = 24
_AXES = ("c", "y", "x")


@dataclass(frozen=True, kw_only=True)
class AxisField:
    """One axis inside an address: coordinate = block * banks + place.

    ``place`` is in ``place_bits`` from ``offset`` up, ``block`` in ``block_bits`` above it.
    """

    size: int
    banks: int
    offset: int
    place_bits: int
    block_bits: int

    def encode(self, coordinate: Fields) -> Fields:
        """The bits of an address that say this coordinate."""
        block, place = np.divmod(coordinate, self.banks)
        return ((block << self.place_bits) | place) << self.offset


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where kind, address and payload of a token lie; each is (offset, width) in bits.

    A word has a token; one of several ``slots`` has as many spikes at the most: behind the token
    come, for each further slot, a bit that says whether there is one, its address and its payload.

    A payload of no bits stands for +1. ``axes`` are c, y and x of the address; neurons are counted
    in C order over their sizes, and what is no neuron's address counts as a negative one.
    """

    width: int
    kind: tuple[int, int]
    address: tuple[int, int]
    payload: tuple[int, int]
    signed: bool
    axes: tuple[AxisField, AxisField, AxisField]
    slots: int = 1

    @classmethod
    def from_manifest(cls, data: Mapping[str, Any], *, where: str) -> "Layout":
        """Read a layout of a manifest; raises FileError."""
        try:
            fields = {
                name: (int(data[name][0]), int(data[name][1]))
                for name in ("kind", "address", "payload")
            }
            c, y, x = (
                AxisField(**{name: int(axis[name]) for name in AxisField.__dataclass_fields__})
                for axis in data["axes"]
            )
            layout = cls(
                width=int(data["width"]),
                signed=bool(data["signed"]),
                axes=(c, y, x),
                slots=int(data["slots"]),
                **fields,
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise FileError(
                "a layout must give width, kind, address, axes, payload, signed and slots",
                found=f"{type(error).__name__} {error}",
                where=where,
            ) from error
        layout._check(where)
        return layout

    def _check(self, where: str) -> None:
        if not 1 <= self.width <= _WORD_BITS:
            raise FileError(
                f"a token must have 1 to {_WORD_BITS} bits", found=str(self.width), where=where
            )
        token = self.kind[1] + self.address[1] + self.payload[1]
        starts = (0, self.kind[1], self.kind[1] + self.address[1])
        in_order = (self.kind[0], self.address[0], self.payload[0]) == starts
        if self.slots < 1 or (self.slots > 1 and not (in_order and self.token_width == token)):
            raise FileError(
                "the slots must lie behind kind, address and payload, and fill the word",
                found=f"{self.slots} slots in {self.width} bits",
                where=where,
            )
        if not 1 <= self.address[1] <= _ADDRESS_BITS:
            raise FileError(
                f"an address must have 1 to {_ADDRESS_BITS} bits",
                found=str(self.address[1]),
                where=where,
            )
        for name, axis in zip(_AXES, self.axes, strict=True):
            place_fits = 1 <= min(axis.banks, axis.size) <= 1 << axis.place_bits
            block_fits = axis.size <= axis.banks << axis.block_bits
            inside = 0 <= axis.offset <= self.address[1] - axis.place_bits - axis.block_bits
            if not (place_fits and block_fits and inside):
                raise FileError(
                    "the coordinates of an axis must fit their bits of the address",
                    found=f"axis {name} with {axis}",
                    where=where,
                )
        if np.unique(self.addresses).size != self.neurons:
            raise FileError(
                "every neuron must have an address of its own",
                found="axes that overlap",
                where=where,
            )

    @property
    def slot_bits(self) -> int:
        """Bits of each slot behind a token."""
        return 1 + self.address[1] + self.payload[1]

    @property
    def token_width(self) -> int:
        """Bits of a token with one spike."""
        return self.width - (self.slots - 1) * self.slot_bits

    def slot_offset(self, index: int) -> int:
        """Where a slot but the first begins."""
        return self.token_width + (index - 1) * self.slot_bits

    @property
    def neurons(self) -> int:
        """Number of neurons that an address can mean."""
        return prod(axis.size for axis in self.axes)

    @cached_property
    def addresses(self) -> Fields:
        """[neurons] the address of each."""
        grid = np.indices([axis.size for axis in self.axes], dtype=np.int64)
        codes = [a.encode(g) for a, g in zip(self.axes, grid, strict=True)]
        return (codes[0] | codes[1] | codes[2]).reshape(-1)

    @cached_property
    def _address_of(self) -> Fields:
        """As ``addresses``, and END's flag where there is one neuron."""
        return self.addresses if self.neurons > 1 else np.arange(2)

    @cached_property
    def _neuron_of(self) -> Fields:
        """[addresses] its neuron; -1 - address where it has none."""
        table = -1 - np.arange(1 << self.address[1], dtype=np.int64)
        table[self._address_of] = np.arange(self._address_of.size)
        return table

    def pack(self, kind: Fields, neuron: Fields, payload: Fields, *, where: str = "") -> Words:
        """Words of tokens; raises RangeError at the first field that the layout cannot carry.

        ``neuron`` is END's flag or label where the token is an END, and nothing in a STEP. What
        else STEP and END carry is zero.
        """
        spike, addressed = kind == TokenKind.SPIKE, kind != TokenKind.STEP
        low, high = self._bounds()
        known = np.where(spike, self.neurons, self._address_of.size)
        checks = (
            (
                "neuron",
                f"{self.neurons} neurons",
                neuron,
                addressed & ((neuron < 0) | (neuron >= known)),
            ),
            (
                "payload",
                f"{self.payload[1]} bits",
                payload,
                spike & ((payload < low) | (payload > high)),
            ),
        )
        for name, room, values, bad in checks:
            if bad.any():
                at = int(np.argmax(bad))
                raise RangeError(
                    f"the {name} of a token must fit its layout of {room}",
                    found=f"{int(values[at])} in token {at}",
                    where=where,
                )
        address = self._address_of[np.where(addressed, neuron, 0)]
        words = kind.astype(np.uint64) << np.uint64(self.kind[0])
        words |= address.astype(np.uint64) << np.uint64(self.address[0])
        if self.payload[1]:
            field = np.where(spike, payload, 0).astype(np.uint64) & _mask(self.payload[1])
            words |= field << np.uint64(self.payload[0])
        return words

    def unpack(self, words: Words) -> tuple[Fields, Fields, Fields]:
        """Kind, neuron (END's flag or label) and payload of words; a marker's payload is 0."""
        kind = self._field(words, self.kind)
        neuron = self._neuron_of[self._field(words, self.address)]
        if self.payload[1]:
            payload = self._field(words, self.payload)
            if self.signed:
                top = np.int64(1) << np.int64(self.payload[1] - 1)
                payload = (payload ^ top) - top
        else:
            payload = np.ones(words.shape, dtype=np.int64)
        return kind, neuron, np.where(kind == TokenKind.SPIKE, payload, 0)

    def gather(self, tokens: Words, starts: Fields) -> tuple[Words, Fields]:
        """Words of tokens: spikes side by side share one, never across a start of a sample.

        ``starts`` [samples + 1] are places among the tokens; those among the words come back.
        """
        if self.slots == 1:
            return tokens, starts
        spike = self._field(tokens, self.kind) == TokenKind.SPIKE
        begins = np.ones(tokens.size + 1, dtype=bool)
        begins[1:-1] = ~(spike[1:] & spike[:-1])
        begins[starts] = True
        at = np.arange(tokens.size)
        run = at - np.maximum.accumulate(np.where(begins[:-1], at, 0))
        slot = run % self.slots
        words = tokens.copy()
        for index in range(1, self.slots):
            shared = np.flatnonzero(slot == index)
            words[shared - index] |= self._in_slot(tokens[shared]) << np.uint64(
                self.slot_offset(index)
            )
        firsts = np.concatenate(([0], np.cumsum(slot == 0)))
        return words[slot == 0], firsts[starts]

    def scatter(self, words: Words) -> Words:
        """Words of one token each: what ``gather`` joined, in the same order."""
        if self.slots == 1:
            return words
        spike = self._field(words, self.kind) == TokenKind.SPIKE
        columns = [words & _mask(self.token_width)]
        there = [np.ones(words.shape, dtype=bool)]
        for index in range(1, self.slots):
            slot = words >> np.uint64(self.slot_offset(index))
            address = (slot >> np.uint64(1)) & _mask(self.address[1])
            token = address << np.uint64(self.address[0])
            if self.payload[1]:
                payload = (slot >> np.uint64(1 + self.address[1])) & _mask(self.payload[1])
                token |= payload << np.uint64(self.payload[0])
            columns.append(token)
            there.append(spike & ((slot & np.uint64(1)) == 1))
        tokens: Words = np.stack(columns, axis=-1)[np.stack(there, axis=-1)]
        return tokens

    def _in_slot(self, tokens: Words) -> Words:
        """What a slot has of a spike."""
        address = (tokens >> np.uint64(self.address[0])) & _mask(self.address[1])
        slot = np.uint64(1) | (address << np.uint64(1))
        if self.payload[1]:
            payload = (tokens >> np.uint64(self.payload[0])) & _mask(self.payload[1])
            slot |= payload << np.uint64(1 + self.address[1])
        return slot

    def significant(self, words: Words) -> Words:
        """Words with the bits that mean nothing cleared: STEP's all but the kind, END's payload."""
        kind = self._field(words, self.kind)
        whole = _mask(self.token_width)
        only_kind = _mask(self.kind[1]) << np.uint64(self.kind[0])
        with_address = only_kind | (_mask(self.address[1]) << np.uint64(self.address[0]))
        mask = np.full(words.shape, whole, dtype=np.uint64)
        mask[kind == TokenKind.STEP] = only_kind
        mask[kind == TokenKind.END] = with_address
        return words & mask

    def in_order(self, words: Words) -> Words:
        """Significant words with the spikes in front of each STEP or END in ascending order.

        The order of spikes within a step means nothing; a marker stays where it is. Spikes of one
        neuron keep their order.
        """
        kind, neuron, _ = self.unpack(words)
        marker = (kind == TokenKind.STEP) | (kind == TokenKind.END)
        # Addresses that are no neuron's come first, a marker after all spikes in front of it.
        span = np.int64(2 << self.address[1])
        key = (np.cumsum(marker) - marker) * (2 * span)
        key += np.where(marker, 2 * span - 1, neuron + span)
        words = self.significant(words)
        if np.all(key[1:] >= key[:-1]):
            return words
        return words[np.argsort(key, kind="stable")]

    def describe(self, word: int) -> str:
        """One token in words, for messages."""
        kind, neuron, payload = (int(f[0]) for f in self.unpack(np.array([word], dtype=np.uint64)))
        place = f"{neuron}" if neuron >= 0 else f"address {-1 - neuron}, which is none's"
        if kind == TokenKind.SPIKE:
            return f"SPIKE(neuron {place}, payload {payload})"
        if kind == TokenKind.STEP:
            return "STEP"
        if kind == TokenKind.END:
            return f"END({place})"
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
