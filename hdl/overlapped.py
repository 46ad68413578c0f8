"""A population in hardware whose neurons decide while the next step's spikes are added."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from spikewright.golden.spec import Mode

from .config import CoreConfig
from .membranes import Membranes
from .overlap_control import OverlapControl
from .parameters import LoadedTable, ParameterTable, make_table
from .pipeline import delayed
from .serialiser import SpikeSerialiser
from .shell import CoreShell
from .sum_banks import SumBanks
from .sum_lanes import SumLanes
from .sweep import Sweep

__all__ = ["OverlappedCore"]


class OverlappedCore(CoreShell):
    """Spike queues, synapses, a lane of sums for each neuron, a few somas, spike serialiser.

    Rows are added in every cycle. A marker closes the sums, which are then held while as many
    neurons as there are somas decide in a cycle, one slice after the other.

    Parameters
    ----------
    config : the core in numbers, one host in one group.

    Members
    -------
    As of ``CoreShell``.

    Timing
    ------
    latency : cycles from the acceptance of a lone STEP (stepwise, settle) or END (collapsed) to the
    offer of the same token, when idle and nothing fires. interval : cycles that the most expensive
    spike takes. A marker takes a cycle; it waits while the passes of the one before it are made.

    Model: ``golden.model``'s populations. Storage: weights, sums, state (written by a pass after
    reset; none where each sample begins anew), queues.
    """

    def __init__(self, *, config: CoreConfig) -> None:
        state = config.state
        self.sums = self._sums(config)
        self.memory = None
        if not config.stateless:
            self.memory = Membranes(
                groups=config.sweep_words,
                width=config.sweep_lanes * state.bits,
                store=config.plan.membranes,
            )
        late = config.own_groups or (self.memory is not None and self.memory.is_slow)
        # Sums come from far: they are chosen by registers, and held once more on their way.
        far = isinstance(self.sums, SumLanes) and config.far
        self.read_latency = 3 if far else 1 + late
        super().__init__(
            config=config,
            serialiser=SpikeSerialiser(
                channel_lanes=config.sweep_lanes,
                banks=(1, 1),
                layouts=[host.target for host in config.hosts],
            ),
            sweep=Sweep(config=config, read_latency=self.read_latency),
            initial=self._initial_table(config) if self.memory is None else None,
        )
        self.control = OverlapControl(config=config)

    def _sums(self, config: CoreConfig) -> SumLanes | SumBanks:
        """A register of sums a lane; a word of them where lanes have groups of their own."""
        slices = tuple(
            (each.row * config.banks[1] + each.column) * config.channel_lanes + each.channel
            for each in config.slices
        )
        if config.own_groups:
            return SumBanks(
                layout=config.payload,
                lanes=config.lanes,
                groups=config.groups,
                operand_shape=config.operand_shape,
                shift=config.shift,
                total_bits=config.state.total.width,
                store=config.plan.membranes,
                slices=slices,
                slice_lanes=config.sweep_lanes,
            )
        return SumLanes(
            layout=config.payload,
            channel_lanes=config.channel_lanes,
            banks=config.banks,
            operand_shape=config.operand_shape,
            shift=config.shift,
            total_bits=config.state.total.width,
            slices=slices,
            slice_lanes=config.sweep_lanes,
            rows=config.plan.spikes,
            chosen_early=config.far,
        )

    @property
    def latency(self) -> int:
        """Cycles from a lone marker's acceptance to its offer, when idle and nothing fires."""
        if not self.config.shows and self.config.mode is not Mode.COLLAPSED:
            return self.intake.latency + 2 + self.serialiser.latency
        rows = max(each.latency for each in self.synapses) + self.sums.latency
        return self.intake.latency + rows + self.sweep.latency + 3 + self.serialiser.latency

    @property
    def pause(self) -> int:
        """Cycles after a marker of the fullest step in which no spike is taken: its own."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """Tokens to rows and markers; rows to sums; sums to somas; spikes to the serialiser."""
        m = Module()
        self.connect(m)
        m.submodules.sums = sums = self.sums
        m.submodules.sweep = sweep = self.sweep
        m.submodules.control = control = self.control
        intake, serialiser = self.intake, self.serialiser
        accepted = self.fetch(m, control.adds)
        m.d.comb += [
            intake.take.eq(control.take | accepted),
            control.valid.eq(self._offered),
            control.kind.eq(intake.kind),
            control.keep.eq(intake.keep),
            control.closed.eq(sums.closed),
            control.sweeping.eq(sweep.busy),
            control.fired.eq(sweep.fired),
            sums.valid.eq(self.any_row("valid")),
            *self._rows(m),
            sums.read_slice.eq(sweep.read_slice),
            sums.read_enable.eq(sweep.read_enable),
            sweep.start.eq(control.start),
            sweep.show.eq(control.show),
            sweep.initialise.eq(control.initialise),
            sweep.word.eq(self._words(m)),
            sweep.items.ready.eq(serialiser.i.ready),
            serialiser.i.valid.eq(control.marks | sweep.items.valid),
            control.marked.eq(serialiser.i.ready),
            self.busy.eq(
                intake.valid
                | intake.summing
                | self.under_way
                | sums.busy
                | ~control.idle
                | ~serialiser.idle
            ),
        ]
        if not self.config.payload.is_unit:
            m.d.comb += sums.payload.eq(self.row_payload)
        with m.If(~control.marks):
            m.d.comb += serialiser.i.payload.eq(sweep.items.payload)
        with m.Else():
            m.d.comb += [
                serialiser.i.payload.marker.eq(1),
                serialiser.i.payload.kind.eq(control.mark_kind),
                serialiser.i.payload.keep.eq(control.mark_keep),
            ]
        return m

    def _rows(self, m: Module) -> list[Any]:
        """Rows go to the sums, and markers keep their place behind them."""
        sums, sweep = self.sums, self.sweep
        if isinstance(sums, SumLanes):
            latency = max(each.latency for each in self.synapses)
            return [
                sums.enables.eq(self.any_row("enables")),
                sums.operands.eq(self.any_row("operands")),
                sums.closes.eq(
                    delayed(m, self.control.closes, latency, "closes", reset_less=False)
                ),
            ]
        (synapses,) = self.synapses
        return [
            sums.groups.eq(synapses.row_groups),
            sums.operands.eq(synapses.row_operands),
            synapses.marks.eq(self.control.closes),
            sums.closes.eq(synapses.row_closes),
            sums.read_group.eq(sweep.read_group),
            sums.write_enable.eq(sweep.write_enable),
            sums.write_group.eq(sweep.write_group),
            sums.write_slice.eq(sweep.write_slice),
        ]

    @property
    def _offered(self) -> Value:
        """Whether a token may be taken."""
        if isinstance(self.sums, SumLanes):
            return self.intake.valid
        (synapses,) = self.synapses
        return self.intake.valid & self.sums.ready & synapses.room

    def _words(self, m: Module) -> Value:
        """The state of a slice with its sums added, as the sweep's somas know it."""
        config, sweep = self.config, self.sweep
        bits, width = config.state.bits, config.state.total.width
        sums, fresh = self.sums.sums, self.control.fresh
        # Between passes alone it changes.
        early = self.sums.read_latency > 1
        if early:
            sums = Mux(fresh, sums, 0)
        sums = self._held(m, sums, self.read_latency - self.sums.read_latency, "sums")
        stored = self._stored(m) if self.initial is None else self._initial(m, self.initial)
        words = []
        for lane in range(config.sweep_lanes):
            word = stored[lane * bits : (lane + 1) * bits]
            added = sums.word_select(lane, width)
            if not early:
                added = Mux(fresh, added, 0)
            words += [(word[:width] + added)[:width], word[width:]]
        if self.memory is not None:
            m.d.comb += [
                self.memory.read_group.eq(Cat(sweep.read_slice, sweep.read_group)),
                self.memory.read_enable.eq(sweep.read_enable),
                self.memory.write_enable.eq(sweep.write_enable),
                self.memory.write_group.eq(Cat(sweep.write_slice, sweep.write_group)),
                self.memory.write_word.eq(sweep.write_word),
            ]
        return Cat(words)

    def _held(self, m: Module, value: Value, cycles: int, name: str) -> Value:
        """What moves on with the sweep."""
        for cycle in range(cycles):
            later = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=True)
            with m.If(self.sweep.read_enable):
                m.d.sync += later.eq(value)
            value = later
        return value

    def _stored(self, m: Module) -> Value:
        m.submodules.state = self.memory
        return self._held(m, self.memory.word, self.read_latency - 1, "state")

    @staticmethod
    def _initial_table(config: CoreConfig) -> LoadedTable | ParameterTable:
        """What a sample begins with, where nothing is left of the one before."""
        table = config.table("initial_total")
        rows = table.rows
        if not table.by_group:
            _, high, wide = config.hosts[0].blocks
            rows = [row for row in rows for _ in range(high * wide)]
        rows = config.sliced(rows, by_group=table.by_group)
        return make_table(table, rows, config.plan.parameters)

    def _initial(self, m: Module, table: LoadedTable | ParameterTable) -> Value:
        """The state of a slice that decides once a sample."""
        m.submodules.initial = table
        m.d.comb += [
            table.index.eq(Cat(self.sweep.read_slice, self.sweep.read_group)),
            table.enable.eq(self.sweep.read_enable),
        ]
        initial = Cat(table.lane(k) for k in range(self.config.sweep_lanes))
        return self._held(m, initial, self.read_latency - 1, "initial")
