"""Lets all neurons of a host decide, one group after the other."""

from dataclasses import fields

from amaranth.hdl import Cat, Const, Module, Mux, Signal, ValueLike, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.spec import Mode

from .choose import choose
from .config import CoreConfig
from .divide import DivideLane
from .parameters import LoadedTable, ParameterTable, make_table
from .places import Places
from .serialiser import group_item
from .soma import BurstLane, SomaLane, SomaShapes, phase_members
from .touched import TouchedPlaces

__all__ = ["Sweep"]


class Sweep(wiring.Component):
    """Reads each group of membranes, lets the somas decide, writes them back, hands spikes on.

    Parameters
    ----------
    config : the core. read_latency : cycles from ``read_group`` to ``word``. pace : cycles
    from one read to the next at least, since the word that was read is written between them.

    Members
    -------
    start : In, begins a pass while not ``busy``, with host : In, show : In (levels are sent, else
    silent), initialise : In (write the initial state instead of the next), hold : In (write
    nothing) and renew : In (write only the initial sum of what is replayed). busy : Out, until the
    last group is written. fired : Out, some neuron fired in the pass; valid from the second cycle
    that is not busy (settle mode only).
    read_group, read_slice, read_enable : Out; word : In; writes : Out, the port is the sweep's;
    write_enable, write_group, write_slice, write_word : Out.
    items : Out(stream) of groups for the serialiser.
    load_<parameter> : In, of each ``LoadedTable``.
    row_valid, row_groups, row_enables : In, the rows that are added, where only groups that they
    touch are swept.

    Timing
    ------
    latency : cycles from ``start`` to the end of a pass of the largest host, if the serialiser
    takes every group. interval : cycles a group takes. A stall of the serialiser stops the pass.

    Model: the step of ``golden.spec.Soma``, or its closed form in collapsed mode.
    """

    def __init__(self, *, config: CoreConfig, read_latency: int, pace: int = 1) -> None:
        self.config = config
        self.read_latency = read_latency
        self.pace = pace
        self.stages = -(-read_latency // pace)  # reads until a word has come
        layouts = [host.target for host in config.hosts]
        self.payload_bits = max(layout.payload_shape.width for layout in layouts)
        self.lanes = config.sweep_lanes
        self.item = group_item(lanes=self.lanes, layouts=layouts)
        word = self.lanes * config.state.bits
        slices = range(max(1, len(config.slices)))
        self.places: Places | TouchedPlaces = (
            TouchedPlaces(config=config)
            if config.skips
            else Places(hosts=config.hosts, slices=config.slices, lanes=self.lanes)
        )
        self.tables = {name: self._table(name) for name in config.parameters}
        super().__init__(
            {
                **{f"load_{each.name}": each.signature.members["load"] for each in self.loads},
                "start": In(1),
                "host": In(range(len(config.hosts))),
                "show": In(1),
                "initialise": In(1),
                "hold": In(1),
                "renew": In(1),
                "busy": Out(1),
                "fired": Out(1),
                "read_group": Out(range(config.groups)),
                "read_slice": Out(slices),
                "read_enable": Out(1),
                "word": In(word),
                "writes": Out(1),
                "write_enable": Out(1),
                "write_group": Out(range(config.groups)),
                "write_slice": Out(slices),
                "write_word": Out(word),
                "items": Out(stream.Signature(self.item)),
                **{
                    name: self.places.signature.members[name]
                    for name in ("row_valid", "row_groups", "row_enables")
                    if config.skips
                },
            }
        )

    @property
    def interval(self) -> int:
        """Cycles a group takes."""
        return max(self.pace, self.decision)

    @property
    def decision(self) -> int:
        """Cycles that somas take for a group: one a bit of the quotient where it divides.

        A burst takes one a bit of its highest level, and two to begin and to end.
        """
        soma = self.config.soma
        if self.config.bursts:
            return soma.max_level.bit_length() + 2
        if not self.config.divides:
            return 1
        return ((soma.s_max or 0) - (soma.s_min or 0)).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the end of a pass, with a serialiser that takes every group."""
        groups = max(host.groups for host in self.config.hosts) * max(1, len(self.config.slices))
        return self.places.latency + self.stages * self.pace + groups * self.interval

    @property
    def empty_latency(self) -> int:
        """Cycles of a pass where no neuron was touched and none has fired."""
        if isinstance(self.places, TouchedPlaces):
            return self.places.empty_latency
        return self.latency

    def elaborate(self, platform: object) -> Module:
        """Ask for a group; take its word; decide and write."""
        m = Module()
        config = self.config
        show, initialise, hold, renew = Signal(), Signal(), Signal(), Signal()
        decides, stores, advance, done = Signal(), Signal(), Signal(), Signal()
        m.submodules.places = places = self.places
        with m.If(self.start):
            m.d.sync += [
                show.eq(self.show),
                initialise.eq(self.initialise),
                hold.eq(self.hold),
                renew.eq(self.renew),
                self.fired.eq(0),
            ]
        phase = self._phase(m)
        first, last = self._count(m, decides, advance)
        steps = decides & ~last
        rests = self._rests(m, advance)
        if rests is not None:
            last = last & ~rests
        goes_on = last & (self.items.ready | ~show)
        m.d.comb += [
            places.start.eq(self.start),
            places.host.eq(self.host),
            places.advance.eq(advance),
            # Of four registers each: what they enable is far away, so it must not be deep as well.
            done.eq(decides & goes_on),
            advance.eq(~decides | goes_on if rests is None else Mux(decides, goes_on, ~rests)),
        ]
        deciding = Signal(places.place.shape())
        takes, taken, waits = places.asks, places.place, [places.busy]
        for stage in range(self.stages):
            following, place = Signal(name=f"takes_{stage}"), Signal.like(deciding)
            with m.If(advance):
                m.d.sync += [following.eq(takes), place.eq(taken)]
            takes, taken = following, place
            waits.append(takes)
        with m.If(advance):
            m.d.sync += [decides.eq(takes), stores.eq(takes & ~hold), deciding.eq(taken)]
        m.d.comb += [
            self.busy.eq(Cat(waits).any() | decides),
            self.read_group.eq(places.place.group),
            self.read_slice.eq(places.place.slice),
            self.read_enable.eq(advance),
            self.writes.eq(decides),
            self.write_enable.eq(stores & goes_on),
            self.write_group.eq(deciding.group),
            self.write_slice.eq(deciding.slice),
            self.items.valid.eq(decides & last & show),
            self.items.payload.host.eq(places.host_held),
            self.items.payload.base.eq(places.base(deciding)),
        ]
        self._look_up(m, taken, advance)
        decide = self._step
        if config.divides or config.bursts:
            decide = self._divide if config.divides else self._burst
        lanes = [decide(m, lane, advance, phase, steps, first) for lane in range(self.lanes)]
        fired = Signal(self.lanes)
        m.d.comb += fired.eq(Cat(fires for fires, *_ in lanes) & places.mask(deciding))
        if isinstance(places, TouchedPlaces):
            m.d.comb += [
                places.initialise.eq(self.initialise),
                places.row_valid.eq(self.row_valid),
                places.row_groups.eq(self.row_groups),
                places.row_enables.eq(self.row_enables),
                places.decided.eq(done),
                places.decided_group.eq(deciding.group),
                places.fired.eq(fired.any()),
                places.renewed.eq(initialise),
            ]
        if config.mode is Mode.SETTLE:
            # A register in front of the wide OR; nobody asks before the pass is over.
            sent = Signal(self.lanes)
            m.d.sync += sent.eq(Mux(done & show, fired, 0))
            with m.If(sent.any()):
                m.d.sync += self.fired.eq(1)
        m.d.comb += [
            self.items.payload.mask.eq(fired),
            self.items.payload.levels.eq(Cat(level for _, level, *_ in lanes)),
            self.write_word.eq(Cat(self._words(lanes, initialise, renew))),
        ]
        return m

    def _words(self, lanes, initialise: Signal, renew: Signal) -> list[ValueLike]:
        """What is written of each lane: the next state, or the initial one, or its sum alone."""
        config = self.config
        words: list[ValueLike] = []
        for lane, (_, _, following, held) in enumerate(lanes):
            beginning: dict[str, ValueLike] = {"total": self.tables["initial_total"].lane(lane)}
            if "initial_v" in self.tables:
                beginning["v"] = self.tables["initial_v"].lane(lane)
            initial = config.state.join(beginning)
            if config.replays:
                bits = config.state.total.width
                renewed = Cat(initial[:bits], held[bits:])
                words.append(Mux(initialise, initial, Mux(renew, renewed, following)))
            else:
                words.append(initial if following is None else Mux(initialise, initial, following))
        return words

    def _phase(self, m: Module) -> dict[str, Signal]:
        """Where in its sample the host that makes a pass is, as its somas ask for it."""
        phases = self.config.soma.phases
        if phases is None:
            return {}
        counts = [
            Signal(range(phases.last + 1), name=f"step_{h}") for h in range(len(self.config.hosts))
        ]
        count = choose(counts, self.host)
        may_fire = count >= phases.receive
        if phases.fire is not None:
            may_fire &= count < phases.last
        bits = self.config.soma.max_level.bit_length()
        told: dict[str, ValueLike] = {
            "may_fire": may_fire,
            "switches": count + 1 == phases.receive,
            "slot": Cat(count == phases.last - 1 - k for k in range(bits)),
        }
        phase = {
            name: Signal(member.shape, name=name)
            for name, member in phase_members(self.config.soma).items()
        }
        with m.If(self.start):
            m.d.sync += [signal.eq(told[name]) for name, signal in phase.items()]
            for host, each in enumerate(counts):
                with m.If(self.host == host):
                    # A pass that only shows leaves the sample where it is.
                    with m.If(self.initialise & ~self.hold):
                        m.d.sync += each.eq(0)
                    with m.Elif(~self.hold & ~self.renew & (each != phases.last)):
                        m.d.sync += each.eq(each + 1)
        return phase

    def _count(self, m: Module, decides: Signal, advance: Signal) -> tuple[ValueLike, ValueLike]:
        """Whether the group that decides is in its first cycle, and whether in its last."""
        if self.decision == 1:
            return Const(1, 1), Const(1, 1)
        count, last = Signal(range(self.decision)), Signal()
        with m.If(decides & ~last):
            m.d.sync += [count.eq(count + 1), last.eq(count == self.decision - 2)]
        with m.Elif(advance):
            m.d.sync += [count.eq(0), last.eq(0)]
        return count == 0, last

    def _rests(self, m: Module, advance: Signal) -> Signal | None:
        """Whether a group was read in the cycle before, so that another one has to be written."""
        if self.pace == 1:
            return None
        rests = Signal()
        # A pass begins with a read, whatever was read while there was none.
        m.d.sync += rests.eq(advance & ~self.start)
        return rests

    def _table(self, name: str) -> LoadedTable | ParameterTable:
        config = self.config
        table = config.table(name)
        rows = table.rows
        if config.overlaps:
            rows = config.sliced(rows, by_group=table.by_group)
        return make_table(table, rows, config.plan.parameters)

    @property
    def loads(self) -> list[LoadedTable]:
        """The tables that are loaded."""
        return [table for table in self.tables.values() if isinstance(table, LoadedTable)]

    def _look_up(self, m: Module, taken, advance: Signal) -> None:
        """Parameters of the group that decides."""
        for each in self.loads:
            wiring.connect(m, wiring.flipped(getattr(self, f"load_{each.name}")), each.load)
        for name, table in self.tables.items():
            by_group = self.config.table(name).by_group
            m.submodules[name] = table
            m.d.comb += [
                table.index.eq(Cat(taken.slice, taken.group if by_group else taken.block)),
                table.enable.eq(advance),
            ]

    def _shapes(self) -> SomaShapes:
        names = {field.name for field in fields(SomaShapes)}
        return SomaShapes(
            **{name: table.shape for name, table in self.tables.items() if name in names}
        )

    def _neuron(
        self, m: Module, lane: int, neuron: SomaLane | BurstLane, advance: Signal, phase
    ) -> None:
        """The state of a lane of the group that decides, and its parameters, go to its neuron."""
        bits = self.config.state.bits
        word = Signal(bits, name=f"word_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += word.eq(self.word.word_select(lane, bits))
        m.d.comb += neuron.word.eq(word)
        for name in neuron.shapes.members:
            m.d.comb += getattr(neuron, name).eq(self.tables[name].lane(lane))
        for name, signal in phase.items():
            m.d.comb += getattr(neuron, name).eq(signal)

    def _sent(self, m: Module, lane: int, fires: ValueLike, level: ValueLike):
        """Whether a lane sends, and what."""
        fires_bit = Signal(name=f"fires_{lane}")
        sent = Signal(self.payload_bits, name=f"level_{lane}")
        m.d.comb += [fires_bit.eq(fires), sent.eq(level)]
        return fires_bit, sent

    def _soma(self, m: Module, kind, lane: int, advance: Signal, phase):
        """The neuron of a lane, with its state and its parameters."""
        config = self.config
        soma = kind(
            soma=config.soma,
            state=config.state,
            v_bits=config.v_bits,
            shapes=self._shapes(),
            replays=config.replays,
        )
        m.submodules[f"soma_{lane}"] = soma
        self._neuron(m, lane, soma, advance, phase)
        return soma

    def _step(self, m: Module, lane: int, advance: Signal, phase, steps, first):
        soma = self._soma(m, SomaLane, lane, advance, phase)
        # A population that never fires is read out whole.
        fires, sent = (soma.level != 0, soma.level) if self.config.fires else (1, soma.membrane)
        return *self._sent(m, lane, fires, sent), soma.following, soma.word

    def _burst(self, m: Module, lane: int, advance: Signal, phase, steps, first):
        soma = self._soma(m, BurstLane, lane, advance, phase)
        rest = Signal(signed(soma.rest_bits), name=f"rest_{lane}", reset_less=True)
        count = Signal(soma.steps, name=f"count_{lane}", reset_less=True)
        tight = Signal(name=f"tight_{lane}", reset_less=True)
        m.d.comb += [soma.rest.eq(rest), soma.count.eq(count), soma.tight.eq(tight)]
        with m.If(steps & first):
            m.d.sync += [rest.eq(soma.rest_start), count.eq(soma.count_start), tight.eq(1)]
        with m.Elif(steps):
            m.d.sync += [
                rest.eq(soma.rest_next),
                count.eq(soma.count_next),
                tight.eq(soma.tight_next),
            ]
        return *self._sent(m, lane, soma.level != 0, soma.level), soma.following, soma.word

    def _divide(self, m: Module, lane: int, advance: Signal, phase, steps, first):
        config = self.config
        soma = config.soma
        layout = config.hosts[0].target
        divide = DivideLane(
            v_bits=config.v_bits,
            threshold_shape=self.tables["threshold"].shape,
            s_min=soma.s_min or 0,
            s_max=soma.s_max or 0,
            level_shape=config.state.tracer
            or (unsigned(1) if layout.is_unit else layout.payload_shape),
        )
        m.submodules[f"divide_{lane}"] = divide
        rest = Signal(signed(divide.rest_bits), name=f"rest_{lane}", reset_less=True)
        quotient = Signal(self.decision, name=f"quotient_{lane}", reset_less=True)
        word = self.word.word_select(lane, config.state.bits)
        m.d.comb += [
            divide.rest.eq(rest),
            divide.quotient.eq(quotient),
            divide.threshold.eq(self.tables["threshold"].lane(lane)),
        ]
        with m.If(advance):
            total = word[: config.state.total.width] if config.keeps else word
            m.d.sync += [rest.eq(total.as_signed()), quotient.eq(0)]
        with m.Elif(steps):
            m.d.sync += [rest.eq(divide.rest_next), quotient.eq(divide.quotient_next)]
        if not config.keeps:
            # The charge is spent: a pass that divides always writes the initial state.
            return *self._sent(m, lane, divide.level != 0, divide.level), None, word
        held = Signal(config.state.bits, name=f"word_{lane}", reset_less=True)
        with m.If(advance):
            m.d.sync += held.eq(word)
        parts = config.state.split(held)
        change = divide.level - parts["tracer"]
        following = config.state.join({"total": parts["total"], "tracer": divide.level})
        return *self._sent(m, lane, change != 0, change), following, held
