"""Brings each lane the weight of a row's word that is meant for it."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError

from .pipeline import delayed

__all__ = ["WeightAlign", "align_latency"]

Options = Sequence[tuple[int, ...]]


def align_latency(y_options: Options, x_options: Options, *, masked: bool) -> int:
    """Cycles from the word to the weights of the lanes."""
    return max(_chooses(y_options) + _chooses(x_options), int(masked))


def _chooses(options: Options) -> bool:
    """Whether a bank along an axis has a choice."""
    return any(len(bank) > 1 for bank in options)


class WeightAlign(wiring.Component):
    """Selects a position of the word for each bank, along y and then along x.

    Parameters
    ----------
    positions : positions of a word along y and x. weights : weights of a position: one for each
    channel lane, or one that is meant for one lane. weight_bits : bits of a weight.
    channel_lanes : lanes of a bank. masked : whether lanes are chosen by ``lane_enables``.
    y_options, x_options : for each bank along an axis, the positions that it ever takes.

    Members
    -------
    word : In, [y position][x position][weight]. y_select_<b>, x_select_<b> : In, a bit for each
    option of a bank that has several; the one that it takes is 1. lane_enables : In, lanes that
    take part (where ``masked``). lane_weights : Out, [y bank][x bank][lane], 0 in lanes that take
    no part.

    Timing
    ------
    latency : a cycle for each axis where a bank has a choice; at least one where lanes are chosen.
    interval : 1. It never stalls.
    """

    interval = 1

    def __init__(
        self,
        *,
        positions: tuple[int, int],
        weights: int,
        weight_bits: int,
        channel_lanes: int,
        masked: bool,
        y_options: Options,
        x_options: Options,
    ) -> None:
        if weights not in (1, channel_lanes):
            raise ConfigurationError(
                f"a position must have one weight or one for each of {channel_lanes} lanes",
                found=str(weights),
            )
        for taken, count in zip((y_options, x_options), positions, strict=True):
            if any(not 0 <= position < count for bank in taken for position in bank):
                raise ConfigurationError(
                    f"banks must take positions below {count}", found=str(list(taken))
                )
        self.positions = positions
        self.weights = weights
        self.weight_bits = weight_bits
        self.channel_lanes = channel_lanes
        self.masked = masked
        self.y_options = tuple(y_options)
        self.x_options = tuple(x_options)
        self.lanes = len(y_options) * len(x_options) * channel_lanes
        selects = {}
        for axis, banks in (("y", self.y_options), ("x", self.x_options)):
            for bank, options in enumerate(banks):
                selects[f"{axis}_select_{bank}"] = In(len(options) if len(options) > 1 else 0)
        super().__init__(
            {
                "word": In(positions[0] * positions[1] * weights * weight_bits),
                "lane_enables": In(channel_lanes if masked else 0),
                "lane_weights": Out(self.lanes * weight_bits),
                **selects,
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the word to the weights of the lanes."""
        return align_latency(self.y_options, self.x_options, masked=self.masked)

    def elaborate(self, platform: object) -> Module:
        """Along y, a register, along x, a register; the last register holds the chosen lanes."""
        m = Module()
        early = int(_chooses(self.y_options) and self.latency > 1)
        rows = []
        for bank, options in enumerate(self.y_options):
            select = getattr(self, f"y_select_{bank}")
            columns = []
            for x in range(self.positions[1]):
                choice = [self._position(y, x) for y in options]
                name = f"y_{bank}_{x}"
                columns.append(delayed(m, _choose(m, choice, select, name), early, name))
            rows.append(columns)
        selects = [
            delayed(m, getattr(self, f"x_select_{bank}"), early, f"x_select_{bank}")
            for bank in range(len(self.x_options))
        ]
        lane_enables = delayed(m, self.lane_enables, early, "lane_enables")
        banks = []
        for y, columns in enumerate(rows):
            for bank, options in enumerate(self.x_options):
                name = f"bank_{y}_{bank}"
                choice = [columns[x] for x in options]
                weights = self._lanes(_choose(m, choice, selects[bank], name), lane_enables)
                banks.append(delayed(m, weights, self.latency - early, name))
        m.d.comb += self.lane_weights.eq(Cat(*banks))
        return m

    def _position(self, y: int, x: int) -> Value:
        return self.word.word_select(y * self.positions[1] + x, self.weights * self.weight_bits)

    def _lanes(self, weights: Value, lane_enables: Value) -> Value:
        """All lanes of a bank."""
        if self.weights < self.channel_lanes:
            weights = weights.replicate(self.channel_lanes)
        if not self.masked:
            return weights
        fields = (weights.word_select(lane, self.weight_bits) for lane in range(self.channel_lanes))
        return Cat(
            Mux(enable, field, 0) for enable, field in zip(lane_enables, fields, strict=True)
        )


def _choose(m: Module, options: list[Value], select: Value, name: str) -> Value:
    if len(options) == 1:
        return options[0]
    value = Signal(options[0].shape(), name=name)
    if len(options) == 2:
        m.d.comb += value.eq(Mux(select[1], options[1], options[0]))
    else:
        # One bit for each option costs three LUTs for five of them; a number would cost five.
        gated = [
            option & bit.replicate(len(option)) for option, bit in zip(options, select, strict=True)
        ]
        m.d.comb += value.eq(reduce(or_, gated))
    return value
