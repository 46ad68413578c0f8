"""Joins several streams of tokens into one, step by step."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import TokenKind

from .token import TokenLayout

__all__ = ["Merge"]

_KIND_BITS = 2


class Merge(wiring.Component):
    """Passes spikes as they come and lets a marker pass when all inputs of its host agree.

    A *host* is one consumer behind the merge; every input belongs to one host. Spikes pass in turn,
    round robin. A host's STEP passes when each of its inputs waits at a STEP or an END, and one at
    least at a STEP: the STEPs are taken, the ENDs stay, since sources that settle make different
    numbers of steps. Its END passes when all its inputs wait at END, and takes them all; they carry
    the same flag, since the inputs of the network do. So behind the merge no spike leaves its step,
    and nothing of a sample overtakes the END before it.

    Several hosts share one core, which works on one marker at a time. They go in lock step: a host
    passes marker k + 1 of the sample when every other host has passed marker k or ended the sample,
    and marker 1 of the next sample when all have ended. A core that settles answers a host's END
    with ``again`` while that host still fires; then the same END comes once more, as the host's
    next marker, and so in its turn.

    Deadlock: give each token the number of its (sample, marker) as its round. A marker that waits
    for another input waits for a producer of the same round or an earlier one; a full queue that is
    not drained has a marker in it, so its producer waits for a consumer of an *earlier* round. In a
    circle of waits the round cannot fall, so there is no full queue in it, and what is left goes
    from consumers to producers only, which is no circle. This needs no queue of any depth. Only a
    core with several hosts adds a wait within a round: a queue full of spikes whose host is kept
    waiting by the pass of another host of the core. Lock step keeps these passes in ascending
    rounds, and such a queue empty of earlier ones; so it never fills where it holds one whole round
    of its source, that is its neurons and the marker. It must, where direct connections between
    cores with several hosts form a circle (a connection from such a core to itself is one);
    ``depths`` sees to it. ``tests/hdl/test_deadlock.py`` explores every state of small cases.

    Parameters
    ----------
    layouts : tokens of each input, at least 2. hosts : the inputs of each host; each input once.

    Members
    -------
    i_0, i_1, ... : In(stream), one an input. o : Out(stream) of {kind, host, port, body}: ``host``
    says whose token it is, ``port`` the input a spike came from (0 for a marker), ``body`` the bits
    above the kind as that input has them; of a marker only bit 0 may be set, by END's flag.
    again : In, where there are several hosts; sampled when an END is taken from ``o``.

    Timing
    ------
    latency : 1. interval : 1, also of markers; with several hosts the inputs of a host wait until
    its END is taken. ``o`` comes from registers. A stall of the consumer stalls all inputs.

    Model: the multiset of each step's spikes is the sum of the inputs'. Storage: one token, and the
    state of the turn; reset empties it.
    """

    latency = 1
    interval = 1

    def __init__(self, *, layouts: Sequence[TokenLayout], hosts: Sequence[Sequence[int]]) -> None:
        if len(layouts) < 2:
            raise ConfigurationError("a merge must have at least 2 inputs", found=str(len(layouts)))
        if sorted(port for ports in hosts for port in ports) != list(range(len(layouts))):
            raise ConfigurationError(
                f"hosts must have each of {len(layouts)} inputs once", found=str(list(hosts))
            )
        if not all(hosts):
            raise ConfigurationError("each host must have an input", found=str(list(hosts)))
        self.layouts = tuple(layouts)
        self.hosts = tuple(tuple(ports) for ports in hosts)
        self.token = data.StructLayout(
            {
                "kind": _KIND_BITS,
                "host": range(len(self.hosts)),
                "port": range(len(self.layouts)),
                "body": max(layout.width for layout in layouts) - _KIND_BITS,
            }
        )
        members = {f"i_{k}": In(layout.signature) for k, layout in enumerate(layouts)}
        members["o"] = Out(stream.Signature(self.token))
        if len(self.hosts) > 1:
            members["again"] = In(1)
        super().__init__(members)

    @property
    def inputs(self) -> list[stream.Interface]:
        """The inputs in order."""
        return [getattr(self, f"i_{k}") for k in range(len(self.layouts))]

    def elaborate(self, platform: object) -> Module:
        """Choose a marker, or else the next input with a spike; hold it for the consumer."""
        m = Module()
        held, holds = Signal(self.token, reset_less=True), Signal()
        free = Signal()
        m.d.comb += [
            free.eq(~holds | self.o.ready),
            self.o.valid.eq(holds),
            self.o.payload.eq(held),
        ]

        turn = _Turn(len(self.hosts))
        if len(self.hosts) > 1:
            turn.add_to(m)
            m.d.comb += [
                turn.answer.eq(holds & self.o.ready & (held.kind == TokenKind.END.value)),
                turn.host.eq(held.host),
                turn.again.eq(self.again),
            ]
        steps, ends = self._markers(m, turn)
        marks = Signal(len(self.hosts))
        m.d.comb += marks.eq(steps | ends)
        spikes = self._round_robin(m, turn, free & ~marks.any())
        with m.If(free):
            m.d.comb += [turn.passes.eq(marks), turn.ends.eq(ends)]

        body: ValueLike = 0
        port: ValueLike = 0
        host: ValueLike = 0
        for h, ports in enumerate(self.hosts):
            flag = self.inputs[ports[0]].payload.address[0]
            m.d.comb += turn.flags[h].eq(flag)
            body |= ends[h] & Mux(turn.repeats[h], turn.kept[h], flag)
            host |= Mux(marks[h] | Cat(spikes[k] for k in ports).any(), h, 0)
            for k in ports:
                token = self.inputs[k].payload
                stepping = steps[h] & (token.kind == TokenKind.STEP.value)
                taken = stepping | (ends[h] & ~turn.repeats[h]) | spikes[k]
                m.d.comb += self.inputs[k].ready.eq(free & taken)
                body |= Mux(spikes[k], token.as_value()[_KIND_BITS:], 0)
                port |= Mux(spikes[k], k, 0)
        with m.If(free):
            m.d.sync += [
                holds.eq(marks.any() | spikes.any()),
                held.kind.eq(
                    Mux(steps.any(), TokenKind.STEP.value, 0)
                    | Mux(ends.any(), TokenKind.END.value, 0)
                ),
                held.host.eq(host),
                held.port.eq(port),
                held.body.eq(body),
            ]
        return m

    def _markers(self, m: Module, turn: "_Turn") -> tuple[Signal, Signal]:
        """At most one host's STEP or END that may pass now; the lowest host goes first."""
        steps, ends = Signal(len(self.hosts)), Signal(len(self.hosts))
        earlier: ValueLike = 0
        for h, ports in enumerate(self.hosts):
            heads = [self.inputs[k] for k in ports]
            at_step = Cat(i.valid & (i.payload.kind == TokenKind.STEP.value) for i in heads)
            at_end = Cat(i.valid & (i.payload.kind == TokenKind.END.value) for i in heads)
            may_step = Signal(name=f"may_step_{h}")
            may_end = Signal(name=f"may_end_{h}")
            is_open = turn.waits[h] & ~turn.closed[h]
            m.d.comb += [
                may_step.eq(is_open & at_step.any() & (at_step | at_end).all()),
                may_end.eq((is_open & at_end.all()) | (turn.waits[h] & turn.repeats[h])),
                steps[h].eq(may_step & ~earlier),
                ends[h].eq(may_end & ~earlier),
            ]
            earlier |= may_step | may_end
        return steps, ends

    def _round_robin(self, m: Module, turn: "_Turn", enable: ValueLike) -> Signal:
        """At most one input whose spike passes now: the next one after the last, around."""
        count = len(self.layouts)
        asks, behind, spikes = Signal(count), Signal(count), Signal(count)
        for h, ports in enumerate(self.hosts):
            for k in ports:
                source = self.inputs[k]
                is_spike = source.payload.kind == TokenKind.SPIKE.value
                m.d.comb += asks[k].eq(source.valid & is_spike & ~turn.closed[h])
        later = asks & behind
        first = Mux(later.any(), later, asks)
        # In logic rather than by subtraction, whose carry chain is slower for so few inputs.
        for k in range(count):
            m.d.comb += spikes[k].eq(enable & first[k] & ~first[:k].any())
        with m.If(spikes.any()):
            m.d.sync += behind.eq(Cat(spikes[:k].any() for k in range(count)))
        return spikes


class _Turn:
    """Whose marker may pass where several hosts share a core; with one host it is always its turn.

    ``passes``, ``ends`` : a host's marker passes now, and whether it is an END with the flag in
    ``flags``. ``answer`` : the END of ``host`` is taken, and comes ``again`` or not.
    ``waits`` : it is the host's turn. ``closed`` : its END is under way, so that its inputs wait;
    ``repeats`` : the END comes again, with the flag ``kept``.
    """

    def __init__(self, hosts: int) -> None:
        self.hosts = hosts
        self.passes = Signal(hosts)
        self.ends = Signal(hosts)
        self.flags = Signal(hosts)
        self.answer = Signal()
        self.host = Signal(range(hosts))
        self.again = Signal()
        self.waits = Signal(hosts, init=(1 << hosts) - 1)
        self.closed = Signal(hosts)
        self.repeats = Signal(hosts)
        self.kept = Signal(hosts)

    def add_to(self, m: Module) -> None:
        """A round is over when all have passed or ended, a sample when all have ended."""
        passed, ended = Signal(self.hosts), Signal(self.hosts)
        passed_now, ended_now = Signal(self.hosts), Signal(self.hosts)
        m.d.comb += [
            self.waits.eq(~(passed | ended)),
            passed_now.eq(passed | self.passes),
            ended_now.eq(ended),
        ]
        for h in range(self.hosts):
            with m.If(self.ends[h]):
                m.d.sync += [self.closed[h].eq(1), self.repeats[h].eq(0)]
                with m.If(~self.repeats[h]):
                    m.d.sync += self.kept[h].eq(self.flags[h])
            with m.If(self.answer & (self.host == h)):
                m.d.sync += [self.closed[h].eq(self.again), self.repeats[h].eq(self.again)]
                m.d.comb += ended_now[h].eq(ended[h] | ~self.again)
        over = (passed_now | ended_now).all()
        m.d.sync += [
            passed.eq(Mux(over, 0, passed_now)),
            ended.eq(Mux(ended_now.all(), 0, ended_now)),
        ]
