"""A network run in plain Python, one sample, one neuron, one event at a time.

Written from the docstrings of golden/spec alone, with none of golden/model's ways: no tensors, no
batches, no shortcuts. Events of a step may come in any order; what settles may also be run with
no steps at all, every synapse delivering whenever it likes.
"""

import random
from dataclasses import dataclass, field

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    LeakOrder,
    Network,
    Population,
    ReadoutKind,
    Reset,
)

__all__ = [
    "ScalarRun",
    "ScalarSoma",
    "payloads",
    "run_anyhow",
    "run_collapsed",
    "run_settle",
    "run_stepwise",
]

Levels = list[int]
Sample = dict[str, list]  # by input: [n] values, or [steps][n] payloads for events


@dataclass
class ScalarRun:
    """What one sample did, by name: spikes[name][step][neuron] and so on."""

    spikes: dict[str, list[Levels]]
    membranes: dict[str, list[Levels]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    values: Levels = field(default_factory=list)

    @property
    def label(self) -> int:
        """Lowest index of the largest value."""
        return self.values.index(max(self.values))

    def events(self, name: str) -> int:
        return sum(level != 0 for step in self.spikes[name] for level in step)


class ScalarSoma:
    """One neuron."""

    def __init__(self, population: Population, index: int) -> None:
        soma = self.soma = population.soma

        # a vector of 1, channels or n entries: neuron j belongs to channel j // (n / channels)
        def entry(vector):
            return int(vector[index * len(vector) // population.n])

        self.th = entry(soma.threshold)
        self.th_n = None if soma.threshold_negative is None else entry(soma.threshold_negative)
        self.amount = self.th if soma.reset_amount is None else entry(soma.reset_amount)
        self.bias = entry(soma.bias)
        self.v = entry(soma.initial_v)
        self.i = 0
        self.S = 0
        self.level_before = 0
        self.first = True

    def step(self, acc: int) -> int:
        soma = self.soma
        total = acc
        if self.first or soma.bias_when == BiasWhen.EVERY:
            total += self.bias
        self.first = False
        if soma.current:
            self.i = self._leak(self.i, soma.leak_i) + total
            total = self.i
        if soma.leak_order == LeakOrder.BEFORE:
            self.v = self._leak(self.v, soma.leak_v) + total
        else:
            self.v = self._leak(self.v + total, soma.leak_v)
        if soma.reset_delay:
            self.v -= self.level_before * self.amount
        if soma.v_min is not None and self.v < soma.v_min:
            self.v = soma.v_min
        if soma.v_max is not None and self.v > soma.v_max:
            self.v = soma.v_max
        level = self.fire()
        if level != 0 and not soma.reset_delay:
            if soma.reset == Reset.SUBTRACT:
                self.v -= level * self.amount
            elif soma.reset == Reset.VALUE:
                self.v = soma.reset_value
        self.S += level
        self.level_before = level
        return level

    def fire(self) -> int:
        soma = self.soma
        if soma.fire == Fire.NONE:
            return 0
        may_rise = soma.s_max is None or soma.s_max > self.S
        may_fall = soma.s_min is None or soma.s_min < self.S
        if self.v >= self.th and may_rise:
            return 1
        if soma.fire == Fire.TERNARY and self.v <= -self.th_n and may_fall:
            return -1
        return 0

    @staticmethod
    def _leak(z: int, leak) -> int:
        if leak is None:
            return z
        return (leak.multiplier * z) // 2**leak.shift  # Python's // is floor


def fan_out(connection: Connection, n_source: int, pre: int):
    """The synapses (post, weight) of a source neuron."""
    operator = connection.operator
    if isinstance(operator, Identity):
        weight = 2**operator.shift
        yield operator.offset + pre, -weight if operator.negative else weight
        return
    assert isinstance(operator, Dense)
    weights = operator.weights.tolist()
    if operator.weights.ndim == 2:
        weights = [weights]
    block, row = divmod(pre, n_source // len(weights))
    n_post = len(weights[0][0])
    for column, weight in enumerate(weights[block][row]):
        if weight != 0:
            yield block * n_post + column, weight * 2**operator.shift


def payloads(source: Input, values: list, steps: int) -> list[Levels]:
    """[steps][n] payloads of an input."""
    match source.encoding:
        case Encoding.EVENTS:
            assert len(values) == steps
            return values
        case Encoding.ONCE:
            return [values if t == 0 else [0] * source.n for t in range(steps)]
        case Encoding.CONSTANT:
            return [values for _ in range(steps)]
        case Encoding.SPREAD:
            return [[x * (t + 1) // steps - x * t // steps for x in values] for t in range(steps)]


def _order(network: Network) -> list[Population]:
    """Populations after what they read without delay."""
    done: list[Population] = []
    while len(done) < len(network.populations):
        for population in network.populations:
            needs = {
                c.source
                for c in network.connections
                if c.target == population.name and c.delay == 0
            }
            known = {p.name for p in done} | {i.name for i in network.inputs}
            if population not in done and needs <= known:
                done.append(population)
    return done


def _loop(network: Network, sent: dict[str, list[Levels]], shuffle: random.Random | None):
    """Steps of the whole network, without end; yields (levels, membranes, neurons) by name."""
    order = _order(network)
    size = {part.name: part.n for part in (*network.inputs, *network.populations)}
    neurons = {p.name: [ScalarSoma(p, j) for j in range(p.n)] for p in network.populations}
    before = {name: [0] * n for name, n in size.items()}
    t = 0
    while True:
        now = {
            source.name: sent[source.name][t] if t < len(sent[source.name]) else [0] * source.n
            for source in network.inputs
        }
        for population in order:
            events = []
            for connection in network.connections:
                if connection.target == population.name:
                    levels = (before if connection.delay else now)[connection.source]
                    for pre, payload in enumerate(levels):
                        if payload != 0:
                            events.append((connection, pre, payload))
            if shuffle is not None:
                shuffle.shuffle(events)
            acc = [0] * population.n
            for connection, pre, payload in events:
                for post, weight in fan_out(connection, size[connection.source], pre):
                    acc[post] += weight * payload
            now[population.name] = [
                neuron.step(total)
                for neuron, total in zip(neurons[population.name], acc, strict=True)
            ]
        yield now, {name: [each.v for each in group] for name, group in neurons.items()}, neurons
        before = now
        t += 1


def _values(network: Network, neurons: dict[str, list[ScalarSoma]]) -> Levels:
    count = network.readout.kind == ReadoutKind.COUNT
    return [each.S if count else each.v for each in neurons[network.readout.population]]


def run_stepwise(
    network: Network, sample: Sample, steps: int, shuffle: random.Random | None = None
) -> ScalarRun:
    """The step loop."""
    sent = {each.name: payloads(each, sample[each.name], steps) for each in network.inputs}
    loop = _loop(network, sent, shuffle)
    history = [next(loop) for _ in range(steps)]
    names = [*sent, *(p.name for p in network.populations)]
    return ScalarRun(
        spikes={name: [levels[name] for levels, _, _ in history] for name in names},
        membranes={p.name: [v[p.name] for _, v, _ in history] for p in network.populations},
        steps=dict.fromkeys(names, steps),
        values=_values(network, history[-1][2]),
    )


def run_settle(
    network: Network,
    sample: Sample,
    steps: dict[str, int],
    shuffle: random.Random | None = None,
) -> ScalarRun:
    """The step loop until nothing fires any more, then every population's empty tail is cut.

    ``steps``: how many each input has.
    """
    sent = {
        each.name: payloads(each, sample[each.name], steps[each.name]) for each in network.inputs
    }
    history = []
    for entry in _loop(network, sent, shuffle):
        history.append(entry)
        levels = entry[0]
        fired = any(any(levels[p.name]) for p in network.populations)
        if len(history) > max(steps.values()) and not fired:
            break
    run = ScalarRun(spikes=dict(sent), steps=dict(steps), values=_values(network, history[-1][2]))
    for population in _order(network):
        name = population.name
        count = max(run.steps[c.source] for c in network.connections if c.target == name)
        while count < len(history) and any(history[count][0][name]):
            count += 1
        assert not any(any(levels[name]) for levels, _, _ in history[count:])
        run.steps[name] = count
        run.spikes[name] = [levels[name] for levels, _, _ in history[:count]]
        run.membranes[name] = [v[name] for _, v, _ in history[:count]]
    return run


def run_collapsed(network: Network, sample: Sample) -> ScalarRun:
    """S = clip(floor((v0 + sum I) / th), s_min, s_max), layer by layer."""
    run = ScalarRun(spikes={})
    for each in network.inputs:
        x = sample[each.name]
        total = [sum(c) for c in zip(*x)] if each.encoding == Encoding.EVENTS else x
        run.spikes[each.name] = [total]
    size = {part.name: part.n for part in (*network.inputs, *network.populations)}
    for population in _order(network):
        neurons = [ScalarSoma(population, j) for j in range(population.n)]
        for neuron in neurons:
            neuron.v += neuron.bias
        for connection in network.connections:
            if connection.target == population.name:
                for pre, payload in enumerate(run.spikes[connection.source][0]):
                    for post, weight in fan_out(connection, size[connection.source], pre):
                        neurons[post].v += weight * payload
        soma = population.soma
        for neuron in neurons:
            if soma.fire != Fire.NONE:
                neuron.S = min(max(neuron.v // neuron.th, soma.s_min), soma.s_max)
                neuron.v -= neuron.th * neuron.S
        run.spikes[population.name] = [[neuron.S for neuron in neurons]]
        run.membranes[population.name] = [[neuron.v for neuron in neurons]]
        if population.name == network.readout.population:
            run.values = [neuron.v for neuron in neurons]
    run.steps = dict.fromkeys(run.spikes, 0)
    return run


def run_anyhow(network: Network, sample: Sample, schedule: random.Random) -> ScalarRun:
    """No steps: synapses deliver in any order, neurons fire when they like, until all is quiet.

    ``spikes`` holds each neuron's net level.
    """
    size = {part.name: part.n for part in (*network.inputs, *network.populations)}
    neurons = {p.name: [ScalarSoma(p, j) for j in range(p.n)] for p in network.populations}
    waiting: list[tuple[str, int, int]] = []  # target, neuron, charge

    def send(name: str, pre: int, payload: int) -> None:
        for connection in network.connections:
            if connection.source == name and payload != 0:
                for post, weight in fan_out(connection, size[name], pre):
                    waiting.append((connection.target, post, weight * payload))

    totals = run_collapsed(network, sample).spikes
    for each in network.inputs:
        for pre, payload in enumerate(totals[each.name][0]):
            send(each.name, pre, payload)
    for name, group in neurons.items():
        waiting += [(name, post, neuron.bias) for post, neuron in enumerate(group)]
    while True:
        ready = [(n, j) for n, group in neurons.items() for j, u in enumerate(group) if u.fire()]
        if not waiting and not ready:
            break
        if waiting and (not ready or schedule.random() < 0.5):
            target, post, charge = waiting.pop(schedule.randrange(len(waiting)))
            neurons[target][post].v += charge
        else:
            name, index = schedule.choice(ready)
            neuron = neurons[name][index]
            level = neuron.fire()
            neuron.v -= level * neuron.th
            neuron.S += level
            send(name, index, level)
    return ScalarRun(
        spikes={name: [[each.S for each in group]] for name, group in neurons.items()},
        membranes={name: [[each.v for each in group]] for name, group in neurons.items()},
        values=_values(network, neurons),
    )
