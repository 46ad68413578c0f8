"""An integer network to be trained on: exactly the golden model's integers, with gradients."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spikewright.flow.tuning.shadows import Leaks
from spikewright.flow.tuning.somas import Neurons, Numbers, State, Surrogate
from spikewright.flow.tuning.synapses import Charge, Synapses
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.model.arithmetic import FLOAT32_END, rounds_products
from spikewright.golden.model.encode import check_inputs, check_steps, encode
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    IntArray,
    Mode,
    Network,
    Population,
    ReadoutKind,
    Window,
)

__all__ = ["SLOPE", "Ran", "Trainable", "fast_sigmoid"]

SLOPE = 4.0
"""Of the fast sigmoid that is the surrogate where no other is given."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run: floats that hold integers.

    ``values`` as ``golden.model.Result`` has them: [N, n], of a stream [N, steps, n]. ``levels``
    [steps, N, n] of every population, by name.
    """

    values: Tensor
    levels: dict[str, Tensor]


class Trainable(torch.nn.Module):
    """An integer network that runs stepwise, whose integers are trained by their gradients.

    ``forward`` takes integers [N, n], or [N, steps, n] of ``events`` (by name where there are
    several inputs), and gives what the readout reads, exactly as the golden model does: [N, n], or
    [N, channels, *space] of several positions, or [N, steps, n] of a stream. ``network()`` is the
    integer network as it stands.

    Weights are reals from -1 to 1 of their largest code, rounded straight-through; a spike has the
    derivative of the surrogate (surrogate gradients: Neftci, Mostafa and Zenke, IEEE Signal
    Processing Magazine 2019), as ``flow.tuning.somas`` says.

    Parameters
    ----------
    network : to begin with; connections dense, window, identity, product, and delta of a maximum
        or a clip.
    surrogate : of ``snntorch.surrogate``, or like them: 1 where its argument is above 0, else 0.
        Default: a fast sigmoid of slope 4.
    weights, thresholds, biases, initial : whether weights, thresholds (with reset amounts), biases
        and initial membranes are trained.
    leaks : what of the leaks is.
    frozen : connections, each as (source, target), whose weights stay as they are.
    still : populations of whose numbers none is trained.
    keep_zeros : whether weights of 0, which are no synapses, stay 0.
    steps : T of inputs that are no events; default: ``max_steps``.

    Raises
    ------
    UnsupportedError
        If the network does not run stepwise, filters what it reads, or has another connection.
    ConfigurationError
        If nothing is trained, a frozen connection or a still population does not exist, the
        surrogate is no step, or steps are more than widths are proven for.
    """

    def __init__(
        self,
        network: Network,
        *,
        surrogate: Surrogate | None = None,
        weights: bool = True,
        thresholds: bool = False,
        biases: bool = False,
        initial: bool = False,
        leaks: Leaks = Leaks.FIXED,
        frozen: Collection[tuple[str, str]] = (),
        still: Collection[str] = (),
        keep_zeros: bool = False,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        _check(network, frozen, still)
        self.source = network
        self.steps = steps
        if steps is not None:
            check_steps(network, Mode.STEPWISE, steps, set())
        surrogate = fast_sigmoid(SLOPE) if surrogate is None else surrogate
        _check_surrogate(surrogate)
        self.synapses = torch.nn.ModuleList(
            Synapses(
                network,
                each,
                trains=weights and (each.source, each.target) not in frozen,
                keep_zeros=keep_zeros,
            )
            for each in network.connections
        )
        self.order = network.order()
        self.neurons = torch.nn.ModuleDict(
            {
                f"of_{each.name}".replace(".", "_"): Neurons(
                    each,
                    surrogate,
                    unit=_unit(network, each),
                    thresholds=thresholds and each.name not in still,
                    biases=biases and each.name not in still,
                    initial=initial and each.name not in still,
                    leaks=Leaks.FIXED if each.name in still else Leaks(leaks),
                )
                for each in self.order
            }
        )
        if not any(True for _ in self.parameters()):
            raise ConfigurationError(
                "something must be trained",
                found="nothing",
                where=f"network {network.name!r}",
                action="ask for weights, thresholds, biases, initial or leaks",
            )
        self._activity = torch.zeros(())

    def forward(self, inputs: Tensor | Mapping[str, Tensor]) -> Tensor:
        """What the readout reads."""
        ran = self.run(inputs)
        hidden = [
            each.abs().mean()
            for name, each in ran.levels.items()
            if name != self.source.readout.population
        ]
        self._activity = torch.stack(hidden).mean() if hidden else torch.zeros(())
        population = self.source.population(self.source.readout.population)
        if population.positions == 1 or self.source.readout.kind is ReadoutKind.STREAM:
            return ran.values
        return ran.values.view(-1, *population.shape)

    def activity(self) -> Tensor:
        """Mean over hidden populations of the level of a neuron in a step of the last batch."""
        return self._activity

    def run(self, inputs: Tensor | Mapping[str, Tensor]) -> Ran:
        """What is read, and every level of every population."""
        values = check_inputs(self.source, _whole(self.source, inputs), self._device)
        events = [each.name for each in self.source.inputs if each.encoding is Encoding.EVENTS]
        steps = check_steps(
            self.source, Mode.STEPWISE, self.steps, {values[name].shape[1] for name in events}
        )
        assert steps is not None  # stepwise has a number
        with torch.autocast(self._device.type, enabled=False):  # it would round
            return _Run(self, values, steps).ran()

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def network(self) -> Network:
        """The integer network as it stands; the golden model of it gives what ``forward`` gives.

        Raises
        ------
        RangeError
            If a register of it would need more than hardware offers.
        """
        connections: list[Connection] = []
        for connection, synapses in zip(self.source.connections, self.synapses, strict=True):
            assert isinstance(synapses, Synapses)
            weights = synapses.integers()
            operator = connection.operator
            if weights is not None and isinstance(operator, Dense | Window):
                connection = replace(connection, operator=replace(operator, weights=weights))
            connections.append(connection)
        now = {each.population.name: each.rule() for each in self.all_neurons()}
        return replace(
            self.source,
            populations=tuple(
                replace(each, soma=now[each.name]) for each in self.source.populations
            ),
            connections=tuple(connections),
        )

    def all_neurons(self) -> list[Neurons]:
        """Of every population, each after all that it hears without delay."""
        return [each for each in self.neurons.values() if isinstance(each, Neurons)]


_Branch = tuple[Connection, Synapses, Charge]


@dataclass(kw_only=True, eq=False)
class _Layer:
    """A population in one run, and what comes into it."""

    name: str
    neurons: Neurons
    numbers: Numbers
    dtype: torch.dtype
    branches: list[_Branch]

    def step(self, state: State, charge: Tensor | None) -> None:
        """One step, with what comes in."""
        self.neurons.step(self.numbers, state, None if charge is None else charge.to(self.dtype))


class _Run:
    """One batch through the network.

    Inputs whose spikes all come in the first step, or in every step alike, are multiplied once.
    """

    def __init__(self, module: Trainable, values: dict[str, Tensor], steps: int) -> None:
        self.module, self.network, self.steps = module, module.source, steps
        self.batch = len(next(iter(values.values())))
        made = module.synapses
        pairs = [
            (connection, synapses)
            for connection, synapses in zip(self.network.connections, made, strict=True)
            if isinstance(synapses, Synapses)
        ]
        codes = [None if each.weights is None else each.weights() for _, each in pairs]
        most = _magnitudes(self.network)
        self.layers = []
        for neurons in module.all_neurons():
            name = neurons.population.name
            mine = [
                (connection, each, code)
                for (connection, each), code in zip(pairs, codes, strict=True)
                if connection.target == name
            ]
            charge = sum(each.largest(code, steps, most) for _, each, code in mine)
            with torch.no_grad():
                numbers = neurons.numbers(torch.float64)
            dtype = _type(neurons.largest(numbers, charge, steps))
            self.layers.append(
                _Layer(
                    name=name,
                    neurons=neurons,
                    numbers=neurons.numbers(dtype),
                    dtype=dtype,
                    branches=[
                        (source, each, each.charge(code, _type(charge), steps, most))
                        for source, each, code in mine
                    ],
                )
            )
        # Levels [1, N, n] of the first step or of every step, or [steps, N, n].
        self.sent = {
            each.name: _encoded(each, values[each.name], steps).float()
            for each in self.network.inputs
        }
        self.once = {each.name for each in self.network.inputs if _comes_once(each)}
        self.levels: dict[str, Tensor] = {}
        self.membranes: list[Tensor] = []

    def ran(self) -> Ran:
        """All steps: first who hears no one that hears them, then the others together."""
        states = {each.name: each.neurons.begin(each.numbers, self.batch) for each in self.layers}
        rest = [each for each in self.layers if not self._goes_ahead(each, states)]
        last = _last(rest)
        self._together([each for each in rest if each not in last], states)
        for layer in last:
            self._alone(layer, states[layer.name])
        return Ran(values=self._values(), levels=self.levels)

    def _goes_ahead(self, layer: _Layer, states: Mapping[str, State]) -> bool:
        """Whether it went: all that it hears was sent before."""
        if not all(self._was_sent(connection) for connection, *_ in layer.branches):
            return False
        self._alone(layer, states[layer.name])
        return True

    def _was_sent(self, connection: Connection) -> bool:
        return all(name in self.sent for name in connection.reads)

    def _alone(self, layer: _Layer, state: State) -> None:
        charges = self._charges(layer.branches)
        levels = []
        for charge in charges:
            layer.step(state, charge)
            levels.append(state.level)
            self._read(layer, state)
        self.sent[layer.name] = self.levels[layer.name] = torch.stack(levels)

    def _together(self, layers: list[_Layer], states: Mapping[str, State]) -> None:
        """Step by step; what comes from others is multiplied before."""
        outer, inner = {}, {}
        for layer in layers:
            apart = [each for each in layer.branches if self._was_sent(each[0])]
            outer[layer.name] = self._charges(apart)
            inner[layer.name] = [each for each in layer.branches if each not in apart]
        found: dict[str, list[Tensor]] = {each.name: [] for each in layers}
        now: dict[str, Tensor] = {}
        for step in range(self.steps if layers else 0):
            before, now = now, {}
            for layer in layers:
                charge = outer[layer.name][step]
                for connection, _, synapses in inner[layer.name]:
                    at = step - connection.delay
                    if at >= 0:
                        said = before if connection.delay else now
                        parts = [self._said(name, said, at) for name in connection.reads]
                        charge = _sum(charge, synapses(_beside(parts)))
                state = states[layer.name]
                layer.step(state, charge)
                now[layer.name] = state.level
                found[layer.name].append(state.level)
                self._read(layer, state)
        for name, each in found.items():
            self.sent[name] = self.levels[name] = torch.stack(each)

    def _said(self, name: str, now: Mapping[str, Tensor], step: int) -> Tensor:
        """Levels [N, n] of a step, of those that go together or were sent before."""
        return now[name] if name in now else self._whole(name)[step]

    def _whole(self, name: str) -> Tensor:
        """Levels [steps, N, n] of who was sent."""
        levels = self.sent[name]
        if len(levels) == self.steps:
            return levels
        if name in self.once:
            return torch.cat([levels, levels.new_zeros(self.steps - 1, *levels.shape[1:])])
        return levels.expand(self.steps, -1, -1)

    def _heard(self, connection: Connection) -> Tensor:
        """Levels of all that it reads side by side, [steps, N, n], or [1, N, n] of one input."""
        if len(connection.reads) == 1:
            return self.sent[connection.source]
        return _beside([self._whole(name) for name in connection.reads])

    def _read(self, layer: _Layer, state: State) -> None:
        if layer.name == self.network.readout.population:
            self.membranes.append(state.v)

    def _charges(self, branches: list[_Branch]) -> list[Tensor | None]:
        """What comes in in every step, of all that was sent."""
        found: list[Tensor | None] = [None] * self.steps
        for connection, synapses, charge in branches:
            levels = self._heard(connection)
            alike = len(levels) < self.steps
            count = 1 if {*connection.reads} <= self.once else self.steps
            if synapses.streams:
                parts = [charge(levels[0 if alike else step]) for step in range(count)]
            else:
                each = charge(levels.flatten(0, 1)).view(len(levels), self.batch, -1).unbind()
                parts = list(each) if not alike else [each[0]] * count
            late = connection.delay
            for step in range(min(count, self.steps - late)):
                found[step + late] = _sum(found[step + late], parts[step])
        return found

    def _values(self) -> Tensor:
        membranes = self.membranes
        readout = self.network.readout
        levels = self.levels[readout.population]
        match readout.kind:
            case ReadoutKind.MEMBRANE:
                return membranes[-1]
            case ReadoutKind.COUNT:
                return levels.sum(dim=0)
            case ReadoutKind.MAXIMUM:
                return torch.stack(membranes).amax(dim=0)
            case ReadoutKind.FIRST_SPIKE:
                silent = 1 - levels.abs().clamp(max=1)
                return self.steps - silent.cumprod(dim=0).sum(dim=0)
            case ReadoutKind.STREAM:
                fires = self.network.population(readout.population).soma.fire is not Fire.NONE
                return (levels if fires else torch.stack(membranes)).transpose(0, 1)


def _type(largest: float) -> torch.dtype:
    """float32 where it holds all integers up to there, and products are not rounded to less."""
    return torch.float32 if largest < FLOAT32_END and not rounds_products() else torch.float64


def _last(layers: list[_Layer]) -> list[_Layer]:
    """Those that none of the others hear, in order: they may wait until all is said."""
    waiting: list[_Layer] = []
    for layer in reversed(layers):
        heard = any(
            layer.name in connection.reads
            for each in layers
            if each not in waiting
            for connection, *_ in each.branches
        )
        if not heard:
            waiting.insert(0, layer)
    return waiting


def _beside(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


def _comes_once(source: Input) -> bool:
    return source.encoding in (Encoding.ONCE, Encoding.THRESHOLD)


def _encoded(source: Input, values: Tensor, steps: int) -> Tensor:
    """Payloads [steps, N, n], or [1, N, n] where one step says it."""
    if source.encoding is Encoding.CONSTANT or _comes_once(source):
        return encode(source, values, 1)
    return encode(source, values, steps)


def _magnitudes(network: Network) -> dict[str, float]:
    """The largest level that each input and population can send."""
    found = {each.name: max(map(abs, each.payloads)) for each in network.inputs}
    found |= {each.name: max(map(abs, each.soma.levels)) for each in network.populations}
    return {name: float(each) for name, each in found.items()}


def _unit(network: Network, population: Population) -> float:
    """What a bias of 1 counts: the threshold, or without one the largest weight there can be."""
    if population.soma.fire is not Fire.NONE:
        return float(population.soma.threshold.mean())
    units = [1.0]
    for connection in network.sources(population.name):
        operator = connection.operator
        bits = getattr(operator, "weight_bits", 1)
        units.append(float((1 << (bits - 1)) << getattr(operator, "shift", 0)))
    return max(units)


def _whole(
    network: Network, inputs: Tensor | Mapping[str, Tensor]
) -> Tensor | dict[str, Tensor | IntArray]:
    """Floats that hold integers as integers, and samples of any shape as the contract has them."""
    if not isinstance(inputs, Mapping):
        inputs = {each.name: inputs for each in network.inputs[:1]}
    found: dict[str, Tensor | IntArray] = {}
    for name, values in inputs.items():
        source = next((each for each in network.inputs if each.name == name), None)
        if source is not None and values.ndim > 1:
            values = values.flatten(2 if source.encoding is Encoding.EVENTS else 1)
        if values.is_floating_point():
            bad = values != values.round()
            if bool(bad.any()):
                raise ConfigurationError(
                    "inputs must be whole numbers",
                    found=f"{float(values[bad][0]):g}",
                    where=f"input {name!r}",
                    action="quantise them first: clip(floor(value / step + 0.5), low, high)",
                )
            values = values.long()
        found[name] = values
    return found


def _check(network: Network, frozen: Collection[tuple[str, str]], still: Collection[str]) -> None:
    where = f"network {network.name!r}"
    if Mode.STEPWISE not in network.modes:
        raise UnsupportedError(
            "a network that is trained in time must run stepwise",
            found=", ".join(network.modes),
            where=where,
        )
    if network.readout.decision is Decision.FILTER:
        raise UnsupportedError(
            "a network that is trained must be read without a filter",
            found=f"{len(network.readout.biquads)} biquads",
            where=where,
            action="train the stream, and add the filter to what comes out",
        )
    there = {(each.source, each.target) for each in network.connections}
    for pair in frozen:
        if tuple(pair) not in there:
            raise ConfigurationError(
                "what is frozen must be connections of the network, each as (source, target)",
                found=repr(pair),
                where=where,
            )
    names = [each.name for each in network.populations]
    for name in still:
        if name not in names:
            raise ConfigurationError(
                f"what is still must be populations of the network: {', '.join(names)}",
                found=repr(name),
                where=where,
            )


def _check_surrogate(surrogate: Callable[[Tensor], Tensor]) -> None:
    probe = torch.tensor([-1.0, -0.125, 0.125, 1.0])
    found = surrogate(probe).detach()
    if found.shape != probe.shape or found.tolist() != [0, 0, 1, 1]:
        raise ConfigurationError(
            "a surrogate must be 1 above 0 and 0 below, whatever its derivative",
            found=f"{found.tolist()} at {probe.tolist()}",
            where="surrogate",
            action="take one of snntorch.surrogate",
        )


def fast_sigmoid(slope: float) -> Surrogate:
    """The surrogate of derivative 1 / (1 + slope * |u|)**2, snntorch's."""
    from snntorch import surrogate

    found: Surrogate = surrogate.fast_sigmoid(slope=slope)
    return found
