"""The registers of an accelerator on a bus: one table that hardware, header and documents read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.counters import COUNTERS
from spikewright.hdl.guard import GUARD_COUNTERS
from spikewright.hdl.restart import RESTART_CYCLES, Restart

__all__ = [
    "ADDRESS_BITS",
    "BLOCKS",
    "DATA_BITS",
    "MAGIC",
    "MAP_VERSION",
    "RESET_CYCLES",
    "Access",
    "Block",
    "Field",
    "Register",
    "RegisterMap",
    "When",
    "register_map",
]

DATA_BITS = 32
ADDRESS_BITS = 12  # of bytes: the window of an accelerator is 4 KiB
MAGIC = int.from_bytes(b"SPKW", "big")
MAP_VERSION = 1
RESET_CYCLES = RESTART_CYCLES + Restart.latency
_HASH_WORDS = 4


class Access(StrEnum):
    """What a host may do; anything else is answered with an error."""

    READ = "read"
    WRITE = "write"
    BOTH = "read, write"


class When(StrEnum):
    """The accelerators that have a register."""

    ALWAYS = "all"
    TOKENS = "tokens through registers (wishbone)"
    FRAMES = "inputs of frames"
    LOADED = "weights that are loaded"
    GUARDED = "inputs with a guard"


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits ``low`` to ``low + width - 1`` of a register."""

    name: str
    low: int
    text: str
    width: int = 1


@dataclass(frozen=True, kw_only=True)
class Register:
    """A word of 32 bits at the byte ``address``, a multiple of 4, and what it is for.

    ``constant`` is what it always reads, where there is such a value.
    """

    name: str
    address: int
    access: Access
    text: str
    when: When = When.ALWAYS
    fields: tuple[Field, ...] = ()
    constant: int | None = None

    def __post_init__(self) -> None:
        if self.address % 4 or not 0 <= self.address < 1 << ADDRESS_BITS:
            raise ConfigurationError(
                f"a register's address must be a multiple of 4 below {1 << ADDRESS_BITS:#x}",
                found=f"{self.address:#x}",
                where=f"register {self.name}",
            )

    @property
    def key(self) -> str:
        """The name as hardware writes it."""
        return self.name.lower()

    @property
    def readable(self) -> bool:
        """Whether a host may read it."""
        return self.access is not Access.WRITE

    @property
    def writable(self) -> bool:
        """Whether a host may write it."""
        return self.access is not Access.READ


@dataclass(frozen=True, kw_only=True)
class Block:
    """Registers that there are once, or ``most`` times at the most, ``stride`` bytes apart.

    Addresses count from the begin of a block; names of a repeated one have {} for its number.
    """

    title: str
    base: int
    registers: tuple[Register, ...]
    stride: int = 0
    most: int = 1

    def of(self, number: int) -> Iterator[Register]:
        """The registers of one of them."""
        for each in self.registers:
            yield replace(
                each,
                name=each.name.format(number),
                address=self.base + number * self.stride + each.address,
            )


def _hash(what: str, address: int, rest: str = "") -> tuple[Register, ...]:
    return tuple(
        Register(
            name=f"{what}_HASH{k}",
            address=address + 4 * k,
            access=Access.READ,
            text=f"hexadecimal digits {8 * k + 1} to {8 * k + 8} of the {what.lower()}'s hash, as"
            " the manifest has it" + rest,
        )
        for k in range(_HASH_WORDS)
    )


_IDENTIFICATION = Block(
    title="Identification",
    base=0x000,
    registers=(
        Register(name="MAGIC", address=0x0, access=Access.READ, text='"SPKW"', constant=MAGIC),
        Register(
            name="VERSION",
            address=0x4,
            access=Access.READ,
            text="of this table",
            constant=MAP_VERSION,
        ),
        Register(
            name="FEATURES",
            address=0x8,
            access=Access.READ,
            text="what the accelerator has",
            fields=(
                Field(name="INPUTS", low=0, width=8, text="inputs"),
                Field(name="CORES", low=8, width=8, text="cores"),
                Field(name="TOKENS", low=16, text="tokens go through registers, not streams"),
                Field(name="FRAMES", low=17, text="STEPS is there"),
                Field(name="LOADED", low=18, text="weights have to be loaded"),
            ),
        ),
        *_hash("NETWORK", 0x10, "; where weights are loaded, of the network that was loaded last"),
        *_hash("PLAN", 0x20),
    ),
)
_CONTROL = Block(
    title="Control",
    base=0x040,
    registers=(
        Register(
            name="CONTROL",
            address=0x0,
            access=Access.WRITE,
            text="each bit that is 1 does something once",
            fields=(
                Field(name="CLEAR", low=0, text="zeroes all counters, REFUSED and FRAMING"),
                Field(
                    name="SNAPSHOT",
                    low=1,
                    text="keeps all counters of this cycle for reading; with CLEAR, those that are"
                    " zeroed",
                ),
                Field(
                    name="RESET",
                    low=2,
                    text="resets the accelerator and forgets all tokens in it; accesses wait the"
                    f" {RESET_CYCLES} cycles that it takes; what was loaded stays",
                ),
                Field(
                    name="RELOAD",
                    low=3,
                    text="where weights are loaded: the next word of LOAD is the first of an image",
                ),
            ),
        ),
        Register(
            name="STATUS",
            address=0x4,
            access=Access.READ,
            text="how it stands",
            fields=(
                Field(name="LOADED", low=0, text="all weights are there; tokens are taken"),
                Field(
                    name="RESULT",
                    low=1,
                    text="wishbone: an END waits, or as many tokens as there is room for",
                ),
                Field(
                    name="FRAMING",
                    low=2,
                    text="axi-stream: a tlast was not where an END was, since CLEAR",
                ),
                Field(name="LOAD_DONE", low=4, text="the image that was loaded has ended"),
                Field(
                    name="LOAD_RESULT",
                    low=5,
                    width=3,
                    text="how: 0 well, 1 damaged, 2 a memory was not filled, 3 it is for another"
                    " design, 4 it changes a network that is not there",
                ),
            ),
        ),
        Register(
            name="REFUSED",
            address=0x8,
            access=Access.READ,
            text="accesses that were answered with an error since CLEAR; stops at 2**32 - 1",
        ),
        Register(
            name="INTERRUPT",
            address=0xC,
            access=Access.BOTH,
            when=When.TOKENS,
            text="after reset 0",
            fields=(Field(name="RESULT", low=0, text="irq is 1 while RESULT of STATUS is"),),
        ),
        Register(
            name="STEPS",
            address=0x10,
            access=Access.BOTH,
            when=When.FRAMES,
            text="T of the samples that begin, 1 to the network's max_steps, which it is after"
            " reset; others are refused",
        ),
        Register(
            name="LOAD",
            address=0x14,
            access=Access.WRITE,
            when=When.LOADED,
            text="the next 16 bits of weights.bin, in the lower half; refused when all are there",
        ),
    ),
)
_INPUTS = Block(
    title="Inputs, k = 0 .. 15",
    base=0x100,
    stride=0x10,
    most=16,
    registers=(
        Register(
            name="IN{}_DATA",
            address=0x0,
            access=Access.WRITE,
            when=When.TOKENS,
            text="the next word of a token, the lowest bits first; refused while FREE is 0",
        ),
        Register(
            name="IN{}_FREE",
            address=0x4,
            access=Access.READ,
            when=When.TOKENS,
            text="tokens that there is room for",
        ),
        Register(
            name="IN{}_LOSSES",
            address=0x8,
            access=Access.READ,
            when=When.GUARDED,
            text="spikes that the guard dropped, at the last SNAPSHOT; stops at 2**32 - 1",
        ),
        Register(
            name="IN{}_WAITS",
            address=0xC,
            access=Access.READ,
            when=When.GUARDED,
            text="cycles in which a STEP or END had to wait, likewise",
        ),
    ),
)
_OUTPUT = Block(
    title="Output",
    base=0x200,
    registers=(
        Register(
            name="OUT_DATA",
            address=0x0,
            access=Access.READ,
            when=When.TOKENS,
            text="the next word of a token, the lowest bits first, which reading takes away;"
            " refused while LEVEL is 0",
        ),
        Register(
            name="OUT_LEVEL",
            address=0x4,
            access=Access.READ,
            when=When.TOKENS,
            text="tokens that wait",
        ),
    ),
)
_CYCLES = Block(
    title="Counters, of the last SNAPSHOT",
    base=0x400,
    registers=(
        Register(name="CYCLES", address=0x0, access=Access.READ, text="clock cycles, modulo 2**32"),
    ),
)
_COUNTER_TEXTS = {
    "rows": "rows of weights fetched",
    "synops": "neurons updated",
    "spikes_in": "spikes taken",
    "spikes_out": "spikes sent",
    "stalls": "cycles in which a token waited for its consumer",
    "busy": "cycles with something to do",
}
_CORES = Block(
    title="Counters of core k = 0 .. 94, of the last SNAPSHOT",
    base=0x420,
    stride=0x20,
    most=95,
    registers=tuple(
        Register(
            name=f"CORE{{}}_{name.upper()}",
            address=4 * k,
            access=Access.READ,
            text=f"{_COUNTER_TEXTS[name]}, modulo 2**32",
        )
        for k, name in enumerate(COUNTERS)
    ),
)
BLOCKS = (_IDENTIFICATION, _CONTROL, _INPUTS, _OUTPUT, _CYCLES, _CORES)


@dataclass(frozen=True, kw_only=True)
class RegisterMap:
    """The registers of one accelerator, in ascending order.

    ``counters`` : names of those that a snapshot keeps, in the order of ``counters_of``.
    """

    registers: tuple[Register, ...]
    counters: tuple[str, ...]

    def __post_init__(self) -> None:
        for what, values in (
            ("address", [each.address for each in self.registers]),
            ("name", [each.key for each in self.registers]),
        ):
            if len(set(values)) != len(values):
                raise ConfigurationError(
                    f"registers must differ in {what}", found="two that are the same"
                )

    def find(self, name: str) -> Register:
        """The register of that name."""
        return next(each for each in self.registers if each.name == name)

    def has(self, name: str) -> bool:
        """Whether there is a register of that name."""
        return any(each.name == name for each in self.registers)


def register_map(accelerator: Accelerator, *, plan_hash: str, tokens: bool) -> RegisterMap:
    """The registers of an accelerator.

    Parameters
    ----------
    plan_hash : of its plan, hexadecimal. tokens : whether they go through registers, as on
    Wishbone, or beside them, as AXI streams.

    Raises
    ------
    UnsupportedError
        If it has more inputs or cores than the table has room for.
    """
    for what, number, block in (
        ("inputs", len(accelerator.inputs), _INPUTS),
        ("cores", len(accelerator.cores), _CORES),
    ):
        if number > block.most:
            raise UnsupportedError(
                f"an accelerator on a bus must have at most {block.most} {what}", found=str(number)
            )
    framed = any(each.encoder is not None for each in accelerator.inputs)
    loaded = bool(accelerator.loading)
    there = {
        When.ALWAYS: True,
        When.TOKENS: tokens,
        When.FRAMES: framed,
        When.LOADED: loaded,
        When.GUARDED: False,
    }
    guarded = [k for k, each in enumerate(accelerator.inputs) if each.guard is not None]
    times = {_INPUTS.title: len(accelerator.inputs), _CORES.title: len(accelerator.cores)}
    hashes = {"NETWORK": accelerator.network.content_hash, "PLAN": plan_hash}
    constants = {
        "FEATURES": len(accelerator.inputs)
        | len(accelerator.cores) << 8
        | tokens << 16
        | framed << 17
        | loaded << 18
    } | {
        f"{what}_HASH{k}": int(digits[8 * k : 8 * k + 8], 16)
        for what, digits in hashes.items()
        if not loaded or what == "PLAN"
        for k in range(_HASH_WORDS)
    }
    found = [
        replace(each, constant=constants.get(each.name, each.constant))
        for block in BLOCKS
        for number in range(times.get(block.title, 1))
        for each in block.of(number)
        if there[each.when] or (each.when is When.GUARDED and number in guarded)
    ]
    cores = range(len(accelerator.cores))
    return RegisterMap(
        registers=tuple(found),
        counters=(
            "CYCLES",
            *(f"CORE{k}_{name.upper()}" for k in cores for name in COUNTERS),
            *(f"IN{k}_{name.upper()}" for k in guarded for name in GUARD_COUNTERS),
        ),
    )
