"""The hardware plan: how a network is built, never what it computes."""

import enum
from dataclasses import dataclass
from math import prod

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

from .envelope import Envelope

__all__ = [
    "CorePlan",
    "GuardPlan",
    "HardwarePlan",
    "Host",
    "LEAST_FANOUT",
    "MembraneStore",
    "ParameterStore",
    "Products",
    "Rows",
    "SPIKE_PLACES",
    "Sweeps",
    "WeightStore",
]

LEAST_FANOUT = 8  # a copy is one pin more for each of up to three that drive it
SPIKE_PLACES = 2  # of a guard: one is never seen free while a spike passes in every cycle


class MembraneStore(enum.StrEnum):
    """Where membranes live: flip-flops, LUT RAM (asynchronous read), block RAM, or the large RAMs
    of an iCE40UP5K, which read or write in a cycle, never both.
    """

    REGISTERS = "registers"
    LUTRAM = "lutram"
    BLOCK = "block"
    SPRAM = "spram"

    @property
    def interval(self) -> int:
        """Cycles that a word takes, which is read and written, before the next one can be read."""
        return 2 if self is MembraneStore.SPRAM else 1


class WeightStore(enum.StrEnum):
    """Where weights live: initialised block RAM or logic, or the large RAMs of an iCE40UP5K, which
    have no initial contents and are loaded after reset.
    """

    BLOCK = "block"
    SPRAM = "spram"
    LOGIC = "logic"


class Rows(enum.StrEnum):
    """How the weights of a spike lie in rows: a weight for each lane of each group, or only those
    that are not 0, each beside the group that it is added to.
    """

    DENSE = "dense"
    SPARSE = "sparse"


class ParameterStore(enum.StrEnum):
    """Where a neuron's constants live that differ between groups: an initialised memory (tables up
    to 16 rows are constants all the same), constants in logic, or constants that are looked up into
    registers, a lane each, from where they need no logic on their way.
    """

    MEMORY = "memory"
    CONSTANTS = "constants"
    REGISTERS = "registers"


class Products(enum.StrEnum):
    """What makes weight x payload of a graded spike: a multiplier a lane, in every cycle, or only
    the lanes' adders, which take the spike once for each bit of its payload that is set.
    """

    MULTIPLIER = "multiplier"
    SERIAL = "serial"


class Sweeps(enum.StrEnum):
    """Which neurons are asked at a marker: all, or the groups that spikes have touched, where the
    others would decide nothing.
    """

    ALL = "all"
    TOUCHED = "touched"


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a core hosts: a population, or a slice of its channels.

    Parameters
    ----------
    population : its name.
    channels : first and last (exclusive) channel of a population that several cores share; None
        for all of them.
    """

    population: str
    channels: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.channels is None:
            return
        if len(self.channels) != 2 or not 0 <= self.channels[0] < self.channels[1]:
            raise ConfigurationError(
                "a slice must be first and last (exclusive) channel",
                found=repr(self.channels),
                where=f"host of population {self.population!r}",
            )


@dataclass(frozen=True, kw_only=True)
class CorePlan:
    """One core and what it hosts.

    Parameters
    ----------
    hosts : one population, one slice of a population, or several whole populations.
    lanes : accumulator lanes; a row of weights updates up to this many neurons a cycle.
    banks : rows and columns of neurons that are updated in the same cycle; the other lanes are
        neighbouring channels. The product divides ``lanes``.
    sweep_lanes : neurons that decide in a cycle, a power of two, while the rows of the next step go
        on into a second bank of sums; it needs a lane for each neuron, or sparse rows. None: all
        lanes of a group decide in a cycle, and rows wait for it.
    spikes : spikes that are taken in a cycle, all of one connection; what sends them to this core
        puts so many into a token. More than one needs ``sweep_lanes`` and a dense connection.
    sweeps : which groups are swept; ``touched`` needs one whole population that rests while nothing
        reaches it, and connections without delay.
    membranes : where the state lives.
    weights : where the weights live.
    rows : how weights lie in rows; sparse ones need one dense connection, and one spike a cycle. A
        bank of membranes a lane is then built, in any store: each lane adds to a group of its own.
    products : what multiplies; only payloads that are neither unit nor sign nor shift need it.
    parameters : where thresholds, biases, initial states, reset amounts and slopes live.
    fanout : pins that a flip-flop of the core reaches at most: past these there are several, once
        the Verilog is cells; what all lanes of an overlapped core wait for has more registers.
        None: any number.
    queue_depths : entries of the spike queue at each port, a port for each connection into each
        host, in the order of the hosts and then of the network; ``depths.sized`` computes them.
    """

    hosts: tuple[Host, ...]
    lanes: int
    banks: tuple[int, int] = (1, 1)
    sweep_lanes: int | None = None
    spikes: int = 1
    sweeps: Sweeps = Sweeps.ALL
    membranes: MembraneStore = MembraneStore.REGISTERS
    weights: WeightStore = WeightStore.BLOCK
    rows: Rows = Rows.DENSE
    products: Products = Products.MULTIPLIER
    parameters: ParameterStore = ParameterStore.MEMORY
    fanout: int | None = None
    queue_depths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        numbers = {
            "lanes": (1, (self.lanes,)),
            "spikes": (1, (self.spikes,)),
            "banks": (1, self.banks),
            "sweep_lanes": (1, () if self.sweep_lanes is None else (self.sweep_lanes,)),
            "fanout": (LEAST_FANOUT, () if self.fanout is None else (self.fanout,)),
            "queue_depths": (2, self.queue_depths),
        }
        for name, (least, values) in numbers.items():
            for value in values:
                if not isinstance(value, int) or isinstance(value, bool) or value < least:
                    raise ConfigurationError(
                        f"{name} must be integers of at least {least}",
                        found=repr(value),
                        where=self.where,
                    )
        for name, value in (("sweep_lanes", self.sweep_lanes or 1), ("spikes", self.spikes)):
            if value.bit_count() != 1:
                raise ConfigurationError(
                    f"{name} must be a power of two", found=str(value), where=self.where
                )
        if len(self.banks) != 2 or self.lanes % prod(self.banks):
            raise ConfigurationError(
                "lanes must be a multiple of the product of two banks",
                found=f"{self.lanes} lanes, banks {self.banks}",
                where=self.where,
            )

    @property
    def where(self) -> str:
        """The core, for messages."""
        return f"core of {', '.join(repr(host.population) for host in self.hosts)}"

    @property
    def channel_lanes(self) -> int:
        """Neighbouring channels that are updated in the same cycle."""
        return self.lanes // prod(self.banks)


@dataclass(frozen=True, kw_only=True)
class GuardPlan:
    """An input that cannot wait: spikes that find no room are dropped and counted.

    Parameters
    ----------
    input : its name; one whose spikes are given as events.
    depth : tokens that are held.
    reserve : of these, places that are kept free of spikes, so that STEP and END find one.
    """

    input: str
    depth: int
    reserve: int = 2

    def __post_init__(self) -> None:
        for name in ("depth", "reserve"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(
                    f"{name} must be an integer of at least 1",
                    found=repr(value),
                    where=f"guard of input {self.input!r}",
                )
        if self.reserve > self.depth - SPIKE_PLACES:
            raise ConfigurationError(
                f"reserve must leave {SPIKE_PLACES} places to spikes",
                found=f"{self.reserve} of {self.depth}",
                where=f"guard of input {self.input!r}",
            )


@dataclass(frozen=True, kw_only=True)
class HardwarePlan:
    """All cores of an accelerator and the mode they run.

    Parameters
    ----------
    mode : stepwise, settle or collapsed. cores : in any order.
    encoders : whether inputs take frames of values, which encoders in hardware make spikes of
        (stepwise; not those whose spikes are given as events, or spread).
    guards : of the inputs that cannot wait; any other input is made to wait while its queue is
        full, and loses nothing.
    envelope : what the numbers of a network may be that is loaded into this hardware: weights and
        parameters are in memories, which are filled while it runs. None: it is made for one
        network, of which at most the weights in large RAMs are loaded.
    """

    mode: Mode
    cores: tuple[CorePlan, ...]
    encoders: bool = False
    guards: tuple[GuardPlan, ...] = ()
    envelope: Envelope | None = None

    @property
    def fanouts(self) -> dict[int, int]:
        """The fan-out of the cores that limit it, by their number."""
        return {k: core.fanout for k, core in enumerate(self.cores) if core.fanout is not None}
