"""Executes the commands of the inbox, one after the other."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.link import (
    IDENTITY_BYTES,
    INCREMENT_BITS,
    Fault,
    FrameType,
    LoadResult,
)
from spikewright.hdl.loader import Loader

from .uart import BYTES

__all__ = ["COUNTER_BYTES", "LOADED_BITS", "Executor"]

_TOKENS_HEADER = 2
_DYNAMIC_BYTES = 4  # of IDENTITY: flags and the increment
_NETWORK = 12  # where IDENTITY has the network's hash
_HASH_BITS = 5  # of a place in it
COUNTER_BYTES = 4
LOADED_BITS = 3
_ANSWERS = {
    FrameType.IDENTIFY: FrameType.IDENTITY,
    FrameType.LOAD: FrameType.LOADED,
    FrameType.COUNTERS: FrameType.COUNTED,
    FrameType.RESET: FrameType.DONE,
    FrameType.ECHO: FrameType.ECHOED,
    FrameType.SELFTEST: FrameType.TESTED,
}


_CODE_BITS = 3
_NONE = (1 << _CODE_BITS) - 1  # a type that is no command


def _code(command: FrameType) -> int:
    """The last bits of a command's type, which tell it from the others."""
    return command & _NONE


class Executor(wiring.Component):
    """Reads a command, does it, answers, says that it is done with.

    Parameters
    ----------
    identity : the answer to IDENTIFY behind its first four bytes. inputs : of the network.
    longest : bytes of a payload.
    counters : bits of each, in their order. loads : whether networks can be loaded. tests : whether
    there is a self-test.

    Members
    -------
    i : In(stream), bytes of the inbox: type, length with the tag's bit on top, payload. executed :
    Out, for a cycle. number : In, of the command.
    o : Out(stream), bytes for the outbox; wants : Out, from a flip-flop: it has some; free : In, it
    may write; commit, kind : Out, obeyed while ``open`` : In.
    ready : In, the network is there. increment : In, of the UART. count_0, count_1, ... : In,
    counters; clear : Out, zeroes them. restart : Out, for a cycle: resets the accelerator, what
    feeds it and what collects its tokens; no frame of these is half in the outbox then.
    begin, index, spikes, end, keep, steps, bytes, last, done : to and from ``Feeder``.
    Where it loads: load : Out(stream), bytes of an image, of which load_first : Out, for a cycle,
    says that it begins behind; load_waits : In, something else loads, and has not ended; load_busy
    : In, not all that was given has been taken; load_done, load_result : In, ``settling`` cycles
    behind that, whether the image has ended, and how. write, place, byte : In, a byte of the
    network's hash.
    Where it tests: test_start : Out, test_done, test_right : In, once the accelerator was reset.

    Timing
    ------
    interval : 2 cycles a byte, and some ten a command; of TOKENS what the accelerator needs. A
    stall of the outbox stops it.

    Storage: the identity, a counter's value. Reset forgets a command in the middle.
    """

    interval = 2
    settling = Loader.latency

    def __init__(
        self,
        *,
        identity: bytes,
        inputs: int,
        longest: int,
        counters: list[int],
        loads: bool,
        tests: bool,
    ) -> None:
        if len(identity) != IDENTITY_BYTES - _DYNAMIC_BYTES:
            raise ConfigurationError(
                f"what is fixed of the identity must have {IDENTITY_BYTES - _DYNAMIC_BYTES} bytes",
                found=str(len(identity)),
            )
        self.identity = identity
        self.inputs = inputs
        self.longest = longest
        self.counters = tuple(counters)
        self.loads = loads
        self.tests = tests
        members = {
            "i": In(BYTES),
            "executed": Out(1),
            "number": In(8),
            "o": Out(BYTES),
            "wants": Out(1),
            "free": In(1),
            "commit": Out(1),
            "kind": Out(8),
            "open": In(1),
            "ready": In(1),
            "increment": In(INCREMENT_BITS),
            **{f"count_{k}": In(bits) for k, bits in enumerate(counters)},
            "clear": Out(1),
            "restart": Out(1),
            "begin": Out(1),
            "index": Out(4),
            "spikes": Out(2),
            "end": Out(1),
            "keep": Out(1),
            "steps": Out(8),
            "bytes": Out(BYTES),
            "last": Out(1),
            "done": In(1),
        }
        if loads:
            members |= {
                "load": Out(BYTES),
                "load_first": Out(1),
                "load_waits": In(1),
                "load_busy": In(1),
                "load_done": In(1),
                "load_result": In(LOADED_BITS),
                "write": In(1),
                "place": In(_HASH_BITS),
                "byte": In(8),
            }
        if tests:
            members |= {"test_start": Out(1), "test_done": In(1), "test_right": In(1)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """A state for each thing that a command has to do."""
        m = Module()
        kind, left, own = Signal(_CODE_BITS), Signal(range(self.longest + 1)), Signal()
        fault, first = Signal(8), Signal(8)
        place = Signal(range(max(IDENTITY_BYTES, COUNTER_BYTES * len(self.counters), 4) + 1))
        takes = Signal()
        more = Signal()  # left != 0, from a flip-flop, once CHOOSE has looked
        m.d.comb += [
            takes.eq(self.i.valid & self.i.ready),
            self.index.eq(first[:4]),
            self.spikes.eq(first[4:6]),
            self.end.eq(first[6]),
            self.keep.eq(first[7]),
            self.steps.eq(self.i.payload),
            self.last.eq(~more),
            self.bytes.payload.eq(self.i.payload),
        ]
        identity = self._identity(m, place)
        with m.If(takes):
            m.d.sync += more.eq(left != 1)
        with m.FSM():
            self._read(m, kind, left, own, place)
            with m.State("CHOOSE"):
                m.d.sync += more.eq(left != 0)
                self._choose(m, kind, left, own, fault)
            self._tokens(m, left, first, fault, takes)
            if self.loads:
                self._load(m, left, more, first, takes)
            with m.State("COUNTERS"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(takes):
                    m.d.sync += [first.eq(self.i.payload), left.eq(left - 1)]
                    m.next = "SKIP"
            with m.State("SKIP"):
                # What a payload has that nobody asked for.
                m.d.comb += self.i.ready.eq(more & (kind != _code(FrameType.ECHO)))
                with m.If(takes):
                    m.d.sync += left.eq(left - 1)
                with m.If(~more | (kind == _code(FrameType.ECHO))):
                    m.next = "CLAIM"
            self._restart(m, kind)
            self._answer(m, kind, left, more, fault, first, place, takes, identity)
            if self.tests:
                with m.State("BEGIN"):
                    m.d.comb += self.test_start.eq(1)
                    m.next = "TEST"
                with m.State("TEST"), m.If(self.test_done):
                    m.d.sync += first.eq(self.test_right)
                    m.next = "SKIP"
            with m.State("COMMIT"):
                m.d.comb += self.commit.eq(1)
                for command, answer in _ANSWERS.items():
                    with m.If(kind == _code(command)):
                        m.d.comb += self.kind.eq(answer)
                with m.If(fault != 0):
                    m.d.comb += self.kind.eq(FrameType.ERROR)
                with m.If(self.open):
                    m.next = "FINISH"
            with m.State("FINISH"):
                m.d.comb += self.executed.eq(1)
                m.d.sync += self.wants.eq(0)
                m.next = "TYPE"
        return m

    def _read(self, m: Module, kind: Signal, left: Signal, own: Signal, place: Signal) -> None:
        """The three bytes before a payload."""
        with m.State("TYPE"):
            m.d.comb += self.i.ready.eq(1)
            known = self.i.payload[_CODE_BITS:] == FrameType.IDENTIFY >> _CODE_BITS
            m.d.sync += [kind.eq(Mux(known, self.i.payload, _NONE)), place.eq(0)]
            with m.If(self.i.valid):
                m.next = "LOW"
        with m.State("LOW"):
            m.d.comb += self.i.ready.eq(1)
            m.d.sync += left.eq(self.i.payload)
            with m.If(self.i.valid):
                m.next = "HIGH"
        with m.State("HIGH"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(self.i.valid):
                m.d.sync += [left[8:].eq(self.i.payload), own.eq(self.i.payload[7])]
                m.next = "CHOOSE"

    def _choose(self, m: Module, kind: Value, left: Value, own: Value, fault: Signal) -> None:
        """Whether the command can be executed, and where that begins."""
        m.d.sync += fault.eq(0)
        m.next = "SKIP"

        def refuse(reason: Fault) -> None:
            m.d.sync += fault.eq(reason)
            m.next = "SKIP"

        with m.Switch(kind):
            with m.Case(_code(FrameType.TOKENS)):
                m.next = "FIRST"
                with m.If(~own):
                    refuse(Fault.NETWORK)
                with m.Elif(~self.ready):
                    refuse(Fault.NOT_READY)
                with m.Elif(left < _TOKENS_HEADER):
                    refuse(Fault.SHORT)
            with m.Case(_code(FrameType.COUNTERS)):
                m.next = "COUNTERS"
                with m.If(left == 0):
                    refuse(Fault.SHORT)
            with m.Case(_code(FrameType.LOAD)):
                if self.loads:
                    m.next = "LOAD"
                    with m.If(left == 0):
                        refuse(Fault.SHORT)
                else:
                    refuse(Fault.WITHOUT)
            with m.Case(_code(FrameType.SELFTEST)):
                if self.tests:
                    m.next = "SEIZE"
                    with m.If(~self.ready):
                        refuse(Fault.NOT_READY)
                else:
                    refuse(Fault.WITHOUT)
            with m.Case(_code(FrameType.RESET)):
                m.next = "SEIZE"
            with m.Case(_code(FrameType.IDENTIFY)):
                if self.loads:
                    m.next = "AWAIT"
            with m.Case(_code(FrameType.ECHO)):
                pass
            with m.Default():
                refuse(Fault.COMMAND)

    def _tokens(self, m: Module, left: Signal, first: Signal, fault: Signal, takes: Value) -> None:
        """Two bytes that say what comes, then what comes."""
        with m.State("FIRST"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(takes):
                m.d.sync += [first.eq(self.i.payload), left.eq(left - 1)]
                m.next = "SECOND"
        with m.State("SECOND"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(takes):
                m.d.sync += left.eq(left - 1)
                with m.If(self.index < self.inputs):
                    m.d.comb += self.begin.eq(1)
                    m.next = "FEED"
                with m.Else():
                    m.d.sync += fault.eq(Fault.INPUT)
                    m.next = "SKIP"
        with m.State("FEED"):
            m.d.comb += [
                self.bytes.valid.eq(self.i.valid & ~self.last),
                self.i.ready.eq(self.bytes.ready & ~self.last),
            ]
            with m.If(takes):
                m.d.sync += left.eq(left - 1)
            with m.If(self.done):
                m.next = "FINISH"

    def _load(self, m: Module, left: Signal, more: Value, first: Signal, takes: Value) -> None:
        """A byte that says where this is in the image, then some of it.

        A frame of an image that none has begun is none's: nothing is done with it.
        """
        begun, settles = Signal(), Signal(range(self.settling))
        with m.State("LOAD"):
            m.d.comb += self.i.ready.eq(1)
            with m.If(takes):
                m.d.sync += [first.eq(self.i.payload), left.eq(left - 1)]
                m.next = "FILL"
                with m.If(self.i.payload[0]):
                    m.next = "SEIZE"
        with m.State("AWAIT"), m.If(~self.load_waits):
            m.next = "SKIP"
        with m.State("RELOAD"), m.If(~self.load_waits):
            m.d.comb += self.load_first.eq(1)
            m.d.sync += begun.eq(1)
            m.next = "FILL"
        with m.State("FILL"):
            m.d.comb += [
                self.load.payload.eq(self.i.payload),
                self.load.valid.eq(self.i.valid & begun & more),
                self.i.ready.eq((self.load.ready | ~begun) & more),
            ]
            with m.If(takes):
                m.d.sync += left.eq(left - 1)
            with m.If(~more):
                m.next = "FINISH"
                with m.If(first[1]):
                    m.next = "LOADED"
        with m.State("LOADED"), m.If(~self.load_busy):
            m.d.sync += settles.eq(settles + 1)
            with m.If(settles == self.settling - 1):
                ended = begun & self.load_done
                result = Mux(ended, self.load_result, LoadResult.DAMAGED)
                m.d.sync += [first.eq(result), begun.eq(0), settles.eq(0)]
                m.next = "SKIP"

    def _restart(self, m: Module, kind: Value) -> None:
        """The accelerator is reset while the outbox is ours: no answer stays half in it."""
        with m.State("SEIZE"):
            m.d.sync += self.wants.eq(1)
            with m.If(self.free):
                m.next = "RESTART"
        with m.State("RESTART"):
            m.d.comb += self.restart.eq(1)
            m.next = "SKIP"
            if self.loads:
                with m.If(kind == _code(FrameType.LOAD)):
                    m.next = "RELOAD"
            if self.tests:
                with m.If(kind == _code(FrameType.SELFTEST)):
                    m.next = "BEGIN"

    def _answer(
        self,
        m: Module,
        kind: Value,
        left: Signal,
        more: Value,
        fault: Value,
        first: Signal,
        place: Signal,
        takes: Value,
        identity: Value,
    ) -> None:
        """As many bytes as ``left`` says: those of ECHO as they come, others by words or bytes."""
        held = Signal(8 * COUNTER_BYTES)
        with m.State("CLAIM"):
            m.d.sync += self.wants.eq(1)
            with m.If(self.free):
                m.next = "FETCH"
                with m.If(fault != 0):
                    m.d.sync += left.eq(2)
                with m.Else(), m.Switch(kind):
                    with m.Case(_code(FrameType.IDENTIFY)):
                        m.d.sync += left.eq(IDENTITY_BYTES)
                    with m.Case(_code(FrameType.COUNTERS)):
                        m.d.sync += left.eq(COUNTER_BYTES * len(self.counters))
                    with m.Case(_code(FrameType.ECHO)):
                        m.next = "ECHO"
                    with m.Case(_code(FrameType.RESET)):
                        m.next = "COMMIT"
                    with m.Default():
                        m.d.sync += left.eq(1)
        with m.State("ECHO"):
            m.d.comb += [
                self.o.valid.eq(self.i.valid & more),
                self.o.payload.eq(self.i.payload),
                self.i.ready.eq(self.o.ready & more),
            ]
            with m.If(takes):
                m.d.sync += left.eq(left - 1)
            with m.If(~more):
                m.next = "COMMIT"
        words = Array(getattr(self, f"count_{k}") for k in range(len(self.counters)))
        with m.State("FETCH"):
            m.next = "HOLD"  # the table is a cycle behind
        with m.State("HOLD"):
            # A counter is kept while its bytes go, so that they belong together.
            m.d.sync += held.eq(words[place[2:]])
            with m.If(fault != 0):
                m.d.sync += held[:16].eq(Cat(self.number, fault))
            with m.Elif(kind == _code(FrameType.IDENTIFY)):
                m.d.sync += held[:8].eq(identity)
            with m.Elif(kind != _code(FrameType.COUNTERS)):
                m.d.sync += held[:8].eq(first)  # how a load or a test ended
            m.next = "GIVE"
        with m.State("GIVE"):
            m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(held[:8])]
            with m.If(self.o.ready):
                m.d.sync += [held.eq(held >> 8), place.eq(place + 1), left.eq(left - 1)]
                with m.If((kind == _code(FrameType.IDENTIFY)) | place[:2].all()):
                    m.next = "FETCH"
                with m.If(left == 1):
                    m.d.comb += self.clear.eq((kind == _code(FrameType.COUNTERS)) & first[0])
                    m.next = "COMMIT"

    def _identity(self, m: Module, place: Signal) -> Value:
        """Four bytes that may change, then those of a table, which a load writes a hash into."""
        m.submodules.identity = mem = memory.Memory(
            shape=8,
            depth=IDENTITY_BYTES,
            init=[*bytes(_DYNAMIC_BYTES), *self.identity],
            attrs={} if self.loads else {"ram_style": "logic"},
        )
        read = mem.read_port()
        if self.loads:
            write = mem.write_port()
            m.d.comb += [
                write.en.eq(self.write),
                write.addr.eq(self.place + _NETWORK),
                write.data.eq(self.byte),
            ]
        flags = Cat(self.ready, Const(self.loads, 1), Const(self.tests, 1))
        changing = Cat(flags, Const(0, 5), self.increment, Const(0, 24 - INCREMENT_BITS))
        m.d.comb += read.addr.eq(place)
        return Mux(place[2:] == 0, changing.word_select(place[:2], 8), read.data)
