"""One population in hardware: a stream of spikes in, a stream of its own spikes out."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import EndFlag, Mode, TokenKind

from .config import CoreConfig
from .fetch import RowFetch
from .lanes import AccumulatorLanes
from .queue import SpikeQueue
from .serialiser import SpikeSerialiser
from .sweep import Sweep
from .weights import WeightMemory, pack_rows

__all__ = ["Core"]


class Core(wiring.Component):
    """Spike queue, row fetch, accumulator lanes, somas, spike serialiser.

    A SPIKE costs one row a group. A STEP lets every neuron decide, sends the spikes and then STEP.
    An END, by mode: stepwise resets the state; settle first repeats steps until one fires nothing;
    collapsed decides once, by division. A population that never fires sends all its membranes
    instead. END(keep) leaves the state as it is (collapsed always resets: its charge is spent).
    The core takes the next step's spikes while the serialiser still sends.

    Parameters
    ----------
    config : the core in numbers.

    Members
    -------
    i : In(stream), o : Out(stream).
    row, spike_in, spike_out, stall, busy : Out, high each time a
    row is issued, a spike is taken, a spike is sent, a token waits for its consumer, anything is
    under way.

    Timing
    ------
    latency : cycles from the acceptance of a lone STEP (stepwise, settle) or END (collapsed) to the
    offer of the same token, when idle and nothing fires. interval : cycles a spike takes. A stall
    of the consumer fills the serialiser, then stops the sweep, then fills the queue.

    Model: ``golden.model``'s population. Storage: weights, membranes (written by a pass after
    reset), queue.
    """

    def __init__(self, *, config: CoreConfig) -> None:
        self.config = config
        core = config.plan
        self.queue = SpikeQueue(layout=config.source, depth=core.queue_depth)
        self.fetch = RowFetch(layout=config.source, groups=config.groups, pre=config.pre)
        rows = pack_rows(config.weights, weight_bits=config.weight_bits, lanes=config.lanes)
        self.memory = WeightMemory(
            rows=rows, width=config.lanes * config.weight_bits, store=core.weights
        )
        self.lanes = AccumulatorLanes(
            layout=config.source,
            lanes=config.lanes,
            groups=config.groups,
            weight_bits=config.weight_bits,
            shift=config.shift,
            v_bits=config.v_bits,
            tracer_bits=config.tracer.width if config.tracer is not None else 0,
            store=core.membranes,
        )
        self.sweep = Sweep(config=config)
        self.serialiser = SpikeSerialiser(
            lanes=config.lanes, groups=config.groups, layout=config.target
        )
        soma = config.population.soma
        # A membrane that is read at END must not yet hold the next step's leak and bias.
        self.defers = not config.fires and soma.changes_alone
        super().__init__(
            {
                "i": In(config.source.signature),
                "o": Out(config.target.signature),
                "row": Out(1),
                "spike_in": Out(1),
                "spike_out": Out(1),
                "stall": Out(1),
                "busy": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a lone marker's acceptance to its offer, when idle and nothing fires."""
        passes = self.config.fires or self.config.mode is Mode.COLLAPSED
        sweep = self.sweep.latency + 1 if passes else 0
        return self.queue.latency + sweep + 1 + 1 + self.serialiser.latency

    @property
    def interval(self) -> int:
        """Cycles a spike takes."""
        return self.config.groups

    def elaborate(self, platform: object) -> Module:
        """Join the parts; a state machine chooses between rows and passes."""
        m = Module()
        m.submodules.queue = queue = self.queue
        m.submodules.fetch = fetch = self.fetch
        m.submodules.memory = memory = self.memory
        m.submodules.lanes = lanes = self.lanes
        m.submodules.sweep = sweep = self.sweep
        m.submodules.serialiser = serialiser = self.serialiser
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, serialiser.o, wiring.flipped(self.o))

        # Rows: the memory takes ``memory.latency`` cycles, and so must group and payload.
        valid, group, payload = fetch.row_valid, fetch.row_group, fetch.row_payload
        flying = fetch.row_valid
        for stage in range(memory.latency):
            later = Signal(name=f"row_valid_{stage}")
            later_group = Signal.like(group, name=f"row_group_{stage}", reset_less=True)
            later_payload = Signal.like(payload, name=f"row_payload_{stage}", reset_less=True)
            m.d.sync += [later.eq(valid), later_group.eq(group), later_payload.eq(payload)]
            valid, group, payload = later, later_group, later_payload
            flying = flying | valid
        m.d.comb += [
            fetch.spike.eq(queue.o.payload),
            memory.address.eq(fetch.row_address),
            lanes.valid.eq(valid),
            lanes.group.eq(group),
            lanes.payload.eq(payload),
            lanes.row.eq(memory.row),
            lanes.sweep.eq(sweep.busy),
            lanes.sweep_group.eq(sweep.read_group),
            lanes.sweep_enable.eq(sweep.read_enable),
            sweep.word.eq(lanes.word),
            lanes.sweep_writes.eq(sweep.writes),
            lanes.write_enable.eq(sweep.write_enable),
            lanes.write_group.eq(sweep.write_group),
            lanes.write_word.eq(sweep.write_word),
        ]
        idle = self._control(m, drained=~(flying | lanes.busy))
        m.d.comb += [
            self.row.eq(fetch.valid),
            self.spike_in.eq(fetch.accept),
            self.spike_out.eq(
                self.o.valid & self.o.ready & (self.o.payload.kind == TokenKind.SPIKE.value)
            ),
            self.stall.eq(self.o.valid & ~self.o.ready),
            self.busy.eq(queue.o.valid | flying | lanes.busy | ~idle | ~serialiser.idle),
        ]
        return m

    def _control(self, m: Module, *, drained):
        """The state machine; returns whether it waits for a token."""
        config, queue, sweep, serialiser = self.config, self.queue, self.sweep, self.serialiser
        kind, valid = queue.o.payload.kind, queue.o.valid
        is_spike = kind == TokenKind.SPIKE.value
        is_end = kind == TokenKind.END.value
        keep = Signal()
        m.d.comb += keep.eq(queue.o.payload.address[0] == EndFlag.KEEP.value)
        collapsed, settles = config.mode is Mode.COLLAPSED, config.mode is Mode.SETTLE
        pending = Signal()  # a deferred leak and bias

        # A marker waits here, so that the core need not wait for the serialiser.
        marks, mark_kind, mark_keep = Signal(), Signal(2), Signal()
        with m.If(marks):
            m.d.comb += [
                serialiser.i.valid.eq(1),
                serialiser.i.payload.marker.eq(1),
                serialiser.i.payload.kind.eq(mark_kind),
                serialiser.i.payload.keep.eq(mark_keep),
            ]
            with m.If(serialiser.i.ready):
                m.d.sync += marks.eq(0)
        with m.Else():
            m.d.comb += [
                serialiser.i.valid.eq(sweep.items.valid),
                serialiser.i.payload.eq(sweep.items.payload),
            ]
        # A pass that sends begins when no marker waits.
        m.d.comb += sweep.items.ready.eq(serialiser.i.ready)

        def begin(state: str, *, show: bool, initialise: object, hold: object = 0) -> None:
            m.d.comb += [sweep.start.eq(1), sweep.show.eq(show)]
            m.d.comb += [sweep.initialise.eq(initialise), sweep.hold.eq(hold)]
            m.next = state

        def mark(token: TokenKind) -> None:
            m.d.sync += [marks.eq(1), mark_kind.eq(token.value)]
            m.d.sync += mark_keep.eq(keep if token is TokenKind.END else 0)

        def finish() -> None:
            with m.If(keep):
                m.next = "END"
            with m.Else():
                begin("ENDING", show=False, initialise=1)

        with m.FSM() as machine:
            with m.State("CLEAR"):
                begin("CLEARING", show=False, initialise=1)
            with m.State("CLEARING"):
                with m.If(~sweep.busy):
                    m.next = "RUN"
            with m.State("RUN"):
                with m.If(valid & pending & ~is_end):
                    begin("DEFERRED", show=False, initialise=0)
                with m.Elif(valid & is_spike):
                    m.d.comb += [self.fetch.valid.eq(1), queue.o.ready.eq(self.fetch.accept)]
                with m.Elif(valid & drained & ~marks):
                    with m.If(~is_end):
                        if config.fires:
                            begin("STEPPING", show=True, initialise=0)
                        else:
                            m.next = "STEP"
                    with m.Else():
                        if collapsed:
                            begin("ENDING", show=True, initialise=1)
                        elif not config.fires:
                            begin("ENDING", show=True, initialise=1, hold=keep)
                        elif settles:
                            begin("SETTLING", show=True, initialise=0)
                        else:
                            finish()
            with m.State("DEFERRED"):
                with m.If(~sweep.busy):
                    m.d.sync += pending.eq(0)
                    m.next = "RUN"
            with m.State("STEPPING"):
                with m.If(~sweep.busy):
                    m.next = "STEP"
            with m.State("STEP"):
                with m.If(~marks):
                    mark(TokenKind.STEP)
                    m.d.comb += queue.o.ready.eq(1)
                    m.d.sync += pending.eq(int(self.defers))
                    m.next = "RUN"
            with m.State("SETTLING"):
                with m.If(~sweep.busy):
                    m.next = "SETTLED"
            with m.State("SETTLED"):
                with m.If(~sweep.fired):
                    finish()
                with m.Else():
                    mark(TokenKind.STEP)
                    m.next = "AGAIN"
            with m.State("AGAIN"):
                with m.If(~marks):
                    begin("SETTLING", show=True, initialise=0)
            with m.State("ENDING"):
                with m.If(~sweep.busy):
                    m.next = "END"
            with m.State("END"):
                with m.If(~marks):
                    mark(TokenKind.END)
                    m.d.comb += queue.o.ready.eq(1)
                    with m.If(~keep):
                        m.d.sync += pending.eq(0)
                    m.next = "RUN"
        return machine.ongoing("RUN") & ~marks
