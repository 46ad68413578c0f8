"""What a core must be, in numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Shape, signed, unsigned

from spikewright.golden.errors import RangeError
from spikewright.golden.spec import BiasWhen, Fire, IntArray, Interval, Mode, Soma, hull

from .envelope import check_parameter
from .host_config import HostConfig
from .plan import CorePlan, Rows, Sweeps, WeightStore
from .port_config import PortConfig
from .product import multiplies
from .soma import level_shape, needs_pending
from .state import StateLayout
from .synapses import operand_shape
from .token import Axes, Axis, TokenLayout

__all__ = ["CoreConfig", "Slice", "Table", "hull_of", "shape_of"]


def shape_of(interval: Interval) -> Shape:
    """The narrowest shape that holds an interval."""
    bits = max((v if v >= 0 else ~v).bit_length() for v in (interval.low, interval.high))
    return signed(bits + 1) if interval.low < 0 else unsigned(max(1, bits))


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Lanes of a group that decide together: channels of one bank, from ``channel`` on."""

    row: int
    column: int
    channel: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of a parameter, [rows][lanes], whose entries have a shape.

    ``by_group``: rows are groups, not channel blocks. ``loads``: they are loaded while the hardware
    runs, so that they are of one network among others.
    """

    name: str
    rows: list[list[int]]
    by_group: bool
    shape: Shape
    loads: bool


Parameter = Callable[[HostConfig], IntArray]


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreConfig:
    """One core in numbers. Several hosts share the structure of the first one's soma.

    ``keeps``: END(keep) leaves the state of its neurons; else every END makes them begin anew.
    ``pace``: whose markers, tokens of ``pace_layout``, say how many steps there are, where every
    connection has a delay; else None.
    """

    plan: CorePlan
    mode: Mode
    keeps: bool
    hosts: tuple[HostConfig, ...]
    ports: tuple[PortConfig, ...]
    pace: str | None = None
    pace_layout: TokenLayout | None = None

    @property
    def soma(self) -> Soma:
        """The soma whose structure all hosts have."""
        return self.hosts[0].population.soma

    @property
    def banks(self) -> tuple[int, int]:
        """Rows and columns of a group."""
        _, rows, columns = self.hosts[0].axes
        return (rows.banks, columns.banks)

    @property
    def channel_lanes(self) -> int:
        """Channels of a group."""
        return self.hosts[0].axes[0].banks

    @property
    def lanes(self) -> int:
        """Lanes that are built: no more than a population needs; the channel counts fastest."""
        return self.channel_lanes * self.banks[0] * self.banks[1]

    @property
    def groups(self) -> int:
        """Words of membranes."""
        return sum(host.groups for host in self.hosts)

    @property
    def own_groups(self) -> bool:
        """Whether each lane of a row is added to a group of its own."""
        return self.plan.rows is Rows.SPARSE

    @property
    def overlaps(self) -> bool:
        """Whether neurons decide slice by slice, while rows of the next step are added."""
        return self.plan.sweep_lanes is not None

    @property
    def far(self) -> bool:
        """Whether wires get cycles of their own, as where a flip-flop's pins are limited."""
        return self.plan.fanout is not None

    @property
    def holds_words(self) -> bool:
        """Whether weights have a cycle for the wire to the lanes that multiply them."""
        return self.far and multiplies(self.payload)

    @property
    def sweep_lanes(self) -> int:
        """Lanes that decide in a cycle."""
        if self.plan.sweep_lanes is None:
            return self.lanes
        return min(self.plan.sweep_lanes, self.channel_lanes)

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Parts of a group that decide one after the other; none where groups decide whole."""
        if not self.overlaps:
            return ()
        return tuple(
            Slice(row=row, column=column, channel=channel)
            for row in range(self.banks[0])
            for column in range(self.banks[1])
            for channel in range(0, self.channel_lanes, self.sweep_lanes)
        )

    @property
    def most_passes(self) -> int:
        """Passes of one marker: settling makes one a level, one that fires nothing, the reset."""
        if self.mode is not Mode.SETTLE or not self.fires:
            return 1
        return (self.soma.s_max or 0) - (self.soma.s_min or 0) + 2

    @property
    def sweep_words(self) -> int:
        """Words of ``sweep_lanes`` neurons, a power of two of them for each group."""
        return self.groups * _power(max(1, len(self.slices)))

    @property
    def fires(self) -> bool:
        """Whether the hosts spike."""
        return self.hosts[0].fires

    @property
    def shows(self) -> bool:
        """Whether every step sends something: spikes, or membranes that are read."""
        return self.fires or self.hosts[0].every_step

    @property
    def replays(self) -> bool:
        """Whether the hosts keep what the rows of the first step add up to, and add it in each."""
        return self.hosts[0].replays

    @property
    def divides(self) -> bool:
        """Whether they fire once, by division."""
        return self.fires and self.mode is Mode.COLLAPSED

    @property
    def skips(self) -> bool:
        """Whether groups that no spike has touched are left out of a pass."""
        return self.plan.sweeps is Sweeps.TOUCHED and self.groups > 1

    @property
    def stateless(self) -> bool:
        """Whether neurons that decide once a sample begin each with its initial state."""
        return (self.divides or not self.shows) and not self.keeps

    @property
    def shift(self) -> int:
        """Fraction bits below all operands."""
        return min(port.schedule.shift for port in self.ports)

    @property
    def operand_shape(self) -> Shape:
        """Shape of a weight, shifted as its connection is against the others."""
        return operand_shape([port.schedule for port in self.ports], self.shift)

    @property
    def payload(self) -> TokenLayout:
        """Tokens that hold the payload of any port."""
        layouts = [port.layout for port in self.ports]
        return TokenLayout(
            axes=layouts[0].axes,
            low=min(layout.low for layout in layouts),
            high=max(layout.high for layout in layouts),
            powers=all(layout.powers or layout.is_unit or layout.is_sign for layout in layouts),
        )

    @cached_property
    def v_bits(self) -> int:
        """Bits of a membrane in two's complement, proven for every host."""
        bits = max(_signed_bits(host.v) for host in self.hosts)
        return bits if self.hosts[0].keeps_v_apart else max(bits, self.shift + 1)

    @cached_property
    def state(self) -> StateLayout:
        """Registers of a neuron."""
        soma = self.soma
        bounds = [host.tracer for host in self.hosts if host.tracer is not None]
        tracer = shape_of(hull(*bounds)) if bounds and self.fires else None
        if self.divides:
            return StateLayout(total=signed(self.v_bits), tracer=tracer if self.keeps else None)
        apart = self.hosts[0].keeps_v_apart
        added = max(_signed_bits(host.added) for host in self.hosts)
        return StateLayout(
            total=signed(max(added, self.shift + 1) if apart else self.v_bits),
            v=signed(self.v_bits) if apart else None,
            tracer=tracer,
            pending=level_shape(soma) if needs_pending(soma) else None,
            wait=unsigned(soma.refractory.bit_length()) if soma.refractory else None,
        )

    @property
    def bursts(self) -> bool:
        """Whether they may fire several times in a step."""
        return self.soma.fire is Fire.BURST

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The numbers that the somas need, by name, of each neuron of a host."""
        soma = self.soma
        wanted: dict[str, Parameter] = {"initial_total": lambda host: host.initial_total}
        if self.state.v is not None:
            wanted["initial_v"] = lambda host: host.initial_v
        if self.fires:
            wanted["threshold"] = lambda host: host.population.soma.threshold
        if self.divides:
            return wanted
        if soma.threshold_negative is not None:
            wanted["negative"] = _negative
        if any(host.own_amount for host in self.hosts):
            wanted["amount"] = lambda host: host.population.soma.amount
        if soma.phases is not None and soma.phases.slope is not None:
            wanted["slope"] = _slope
        if soma.bias_when is BiasWhen.EVERY and not self.replays:
            wanted["bias"] = lambda host: host.population.soma.bias
        return wanted

    @property
    def loads(self) -> bool:
        """Whether weights and parameters of other networks may be loaded in their turn."""
        return self.hosts[0].bounds is not None

    @property
    def loads_weights(self) -> bool:
        """Whether weights are loaded: large RAMs have no initial contents."""
        return self.loads or self.plan.weights is WeightStore.SPRAM

    def table(self, name: str) -> Table:
        """Rows of a parameter of all hosts, which are within their bounds."""
        values = self.parameters[name]
        bounds = [host.bound(name) for host in self.hosts]
        known = [each for each in bounds if each is not None]
        flat = not any(each.by_position for each in known) if known else None
        rows, by_group = self.rows(values, flat=flat)
        if known:
            interval = hull(*(each.interval for each in known))
        else:
            interval = hull_of(rows)
        shape = shape_of(interval)
        if name.startswith("initial"):  # it becomes state as it is
            state = self.state.total if name == "initial_total" else self.state.v
            assert state is not None  # no parameter of what is not there
            shape = state
        loads = bool(known) and interval.low < interval.high
        return Table(name=name, rows=rows, by_group=by_group, shape=shape, loads=loads)

    def rows(self, values: Parameter, *, flat: bool | None = None) -> tuple[list[list[int]], bool]:
        """A parameter of all hosts as rows of a table, and whether these are groups.

        Where positions do not matter (``flat``, by default if they do not) a row is a channel
        block, [channel lanes], which all banks share; otherwise it is a group, [lanes]. The edge is
        repeated past the last neuron.
        """
        spread = [host.spread(values(host)) for host in self.hosts]
        if flat is None:
            flat = all(map(_is_flat, spread))
        result: list[list[int]] = []
        for host, part in zip(self.hosts, spread, strict=True):
            axes = (host.axes[0], Axis(size=1), Axis(size=1)) if flat else host.axes
            result += _grouped(part[:, :1, :1] if flat else part, axes)
        return result, not flat

    def check_bounds(self) -> None:
        """Refuse parameters that what is built cannot hold; raises RangeError."""
        for name, values in self.parameters.items():
            for host in self.hosts:
                bound = host.bound(name)
                if bound is not None:
                    part = host.spread(values(host))
                    own, flat = hull_of(part), _is_flat(part)
                    check_parameter(host.population.name, bound, own=own, by_position=not flat)
        for host in self.hosts:
            if host.bounds is not None and not host.own_amount and host.sets_amount:
                raise RangeError(
                    "reset amounts must be the thresholds",
                    found="others",
                    where=f"population {host.population.name!r}",
                    action="generate the hardware from a network that has reset amounts of its own",
                )

    def sliced(self, rows: list[list[int]], *, by_group: bool) -> list[list[int]]:
        """Rows of a table by slice, as ``sweep_words`` counts them; the edge is repeated."""
        last = self.channel_lanes - 1
        found = []
        for row in rows:
            parts = []
            for each in self.slices:
                bank = each.row * self.banks[1] + each.column if by_group else 0
                first = bank * self.channel_lanes
                channels = [min(each.channel + k, last) for k in range(self.sweep_lanes)]
                parts.append([row[first + channel] for channel in channels])
            found += parts + [parts[-1]] * (_power(len(parts)) - len(parts))
        return found


def _is_flat(part: IntArray) -> bool:
    """Whether all rows and columns of a channel have the same, [channels, rows, columns]."""
    return bool((part == part[:, :1, :1]).all())


def hull_of(values: IntArray | Sequence[Sequence[int]]) -> Interval:
    """The least interval that has all values."""
    return Interval(int(np.min(values)), int(np.max(values)))


def _power(count: int) -> int:
    """The least power of two that is not below a count."""
    return 1 << (count - 1).bit_length()


def _slope(host: HostConfig) -> IntArray:
    phases = host.population.soma.phases
    assert phases is not None and phases.slope is not None  # of all hosts or none, as of phases
    return phases.slope


def _negative(host: HostConfig) -> IntArray:
    given = host.population.soma.threshold_negative
    assert given is not None  # of all hosts or none, the plan's check says
    return given


def _signed_bits(interval: Interval) -> int:
    return shape_of(interval).width + (interval.low >= 0)


def _grouped(part: IntArray, axes: Axes) -> list[list[int]]:
    padded = np.pad(part, [(0, a.blocks * a.banks - a.size) for a in axes], mode="edge")
    split = padded.reshape([n for a in axes for n in (a.blocks, a.banks)])
    groups = split.transpose(0, 2, 4, 3, 5, 1).reshape(
        -1, axes[0].banks * axes[1].banks * axes[2].banks
    )
    return [[int(v) for v in row] for row in groups]
