"""Goes through those groups of a population only that a spike has touched."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib.wiring import In

from spikewright.golden.spec import IntArray, Mode

from .config import CoreConfig
from .places import Places

__all__ = ["TouchedPlaces"]


class TouchedPlaces(Places):
    """The groups of a host that a row has reached, or that fired when they last decided.

    The others would decide what they did, which is nothing: a neuron that does not move alone, did
    not fire and got no spike has the state of the step before. A pass that begins a sample anew
    visits those that are not as a sample begins; the first pass after reset visits all.

    A row of groups, those of a channel block and row block, is looked at in a cycle, and skipped in
    that cycle where it has nothing to visit.

    Parameters
    ----------
    config : the core, one whole population.

    Members
    -------
    As of ``Places``, and: busy : Out, a pass is not over. initialise : In, with ``start``, it is
    one that begins a sample anew. row_valid, row_groups, row_enables : In, as of
    ``AccumulatorLanes``. decided : In, group decided_group : In has been written, and fired : In
    says whether a neuron of it fired; renewed : In, it is as a sample begins.

    Timing
    ------
    latency : 2 from ``start`` to the first group. interval : 1, and a cycle for a row of groups
    without any. A row of weights counts 2 cycles later, a decision 1 cycle later.

    Storage: two bits a group, one in collapsed mode, where a sample is one pass.
    """

    latency = 2

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        (host,) = config.hosts
        channels, rows, self.width = host.blocks
        self.rows = channels * rows  # of groups
        group = range(config.groups)
        banks = config.banks[0] * config.banks[1]
        super().__init__(
            hosts=config.hosts,
            more={
                "initialise": In(1),
                "row_valid": In(1),
                "row_groups": In(banks * Shape.cast(group).width),
                "row_enables": In(banks),
                "decided": In(1),
                "decided_group": In(group),
                "fired": In(1),
                "renewed": In(1),
            },
        )

    @property
    def empty_latency(self) -> int:
        """Cycles from ``start`` to the end of a pass that visits nothing."""
        return self.rows - 1

    def elaborate(self, platform: object) -> Module:
        """Bits of groups; the lowest of a row is shown, and taken out of the row."""
        m = Module()
        wants = self._wants(m)
        place, width = self.place, self.width
        left, row = Signal(width), Signal(range(self.rows + 1))
        group, at = Signal(range(self.rows * width)), Signal.like(place)
        lowest = left & -left
        shows = Signal()
        rest = Signal(width)
        m.d.comb += [
            shows.eq(self.advance | ~self.asks),
            rest.eq(Mux(shows, left & ~lowest, left)),
            self.busy.eq(self.asks | left.any() | (row != self.rows)),
        ]
        with m.If(shows):
            x = Signal.like(place.x)
            for bit in range(len(x)):
                picks = [lowest[k] for k in range(width) if k >> bit & 1]
                m.d.comb += x[bit].eq(Cat(picks).any())
            m.d.sync += [
                self.asks.eq(left.any()),
                place.block.eq(at.block),
                place.y.eq(at.y),
                place.x.eq(x),
                place.group.eq(group + x),
            ]
        with m.If(self.start):
            m.d.sync += [left.eq(wants[0]), row.eq(1), at.eq(0), group.eq(0)]
        with m.Else():
            m.d.sync += left.eq(rest)
            with m.If(~rest.any() & (row != self.rows)):
                m.d.sync += [left.eq(self._row(wants, row)), row.eq(row + 1)]
                wraps = at.y == self.hosts[0].blocks[1] - 1
                m.d.sync += [
                    group.eq(group + width),
                    at.y.eq(Mux(wraps, 0, at.y + 1)),
                    at.block.eq(at.block + wraps),
                ]
        return m

    def _row(self, wants: list[Value], row: Signal) -> Value:
        found: Value = Const(0, self.width)
        for index, bits in enumerate(wants):
            found = found | (bits & (row == index).replicate(self.width))
        return found

    def _wants(self, m: Module) -> list[Value]:
        """By row of groups, those that the pass must visit."""
        config, groups = self.config, self.config.groups
        moves = Const(sum(1 << k for k, each in enumerate(self.moves) if each), groups)
        active, other = Signal(groups, init=moves.value), Signal(groups)
        touched, decided = self._reached(m), self._decided(m)
        anew, every = Signal(), Signal(init=1)
        with m.If(self.start):
            m.d.sync += anew.eq(self.initialise)
        with m.If(every & self.start):
            m.d.sync += every.eq(0)
        # The first pass has begun before its bits are asked for; it is the only one that finds all.
        first = Signal()
        with m.If(self.start):
            m.d.sync += first.eq(every)
        renewed = Signal()
        m.d.sync += renewed.eq(self.renewed)
        kept = Mux(renewed, moves & decided, Mux(self._again(m), decided, 0))
        m.d.sync += active.eq((active & ~decided) | kept | touched)
        m.d.sync += other.eq((other & ~decided) | Mux(renewed, 0, decided) | touched)
        if config.mode is Mode.COLLAPSED:
            wanted: Value = other | moves
        else:
            now = Mux(self.start, self.initialise, anew)
            wanted = Mux(now, other, active)
        all_of = Mux(self.start, every, first)
        wanted = wanted | all_of.replicate(groups)
        return [wanted[r * self.width : (r + 1) * self.width] for r in range(self.rows)]

    def _again(self, m: Module) -> Signal:
        """Whether the group that decided a cycle ago fired, and may do so again."""
        again = Signal()
        m.d.sync += again.eq(self.fired)
        return again

    def _reached(self, m: Module) -> Signal:
        """Groups that the row of two cycles ago was added to."""
        bits = len(self.row_groups) // len(self.row_enables)
        touched = Signal(self.config.groups)
        ways: list[list[Value]] = [[] for _ in range(self.config.groups)]
        for bank in range(len(self.row_enables)):
            group, comes = Signal(bits, name=f"group_{bank}"), Signal(name=f"comes_{bank}")
            m.d.sync += [
                group.eq(self.row_groups.word_select(bank, bits)),
                comes.eq(self.row_valid & self.row_enables[bank]),
            ]
            for index, each in enumerate(ways):
                each.append(comes & (group == index))
        m.d.comb += touched.eq(Cat(Cat(each).any() for each in ways))
        return touched

    def _decided(self, m: Module) -> Signal:
        decided = Signal(self.config.groups)
        group, comes = Signal.like(self.decided_group), Signal()
        m.d.sync += [group.eq(self.decided_group), comes.eq(self.decided)]
        m.d.comb += decided.eq(Cat(comes & (group == index) for index in range(self.config.groups)))
        return decided

    @property
    def moves(self) -> list[bool]:
        """Groups with a neuron that fires without any spike in a sample that begins."""
        config = self.config
        (host,) = config.hosts
        soma = config.soma
        if config.loads:
            return [True] * config.groups  # in some network that may be loaded

        def fires(start: IntArray) -> IntArray:
            population = host.population
            v = population.per_neuron(soma.initial_v) + population.per_neuron(soma.bias)
            moves = v >= population.per_neuron(soma.threshold)
            if config.mode is Mode.COLLAPSED:
                moves |= (v < 0) & ((soma.s_min or 0) < 0)
            elif soma.threshold_negative is not None:
                moves |= v <= -population.per_neuron(soma.threshold_negative)
            return moves.astype(start.dtype)

        rows, by_group = config.rows(lambda host: fires(host.initial_total))
        if by_group:
            return [any(row) for row in rows]
        places = host.blocks[1] * host.blocks[2]
        return [any(row) for row in rows for _ in range(places)]
