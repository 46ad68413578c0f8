"""A network run in plain Python, one sample, one neuron, one event at a time.

Written from the docstrings of golden/spec alone, with none of golden/model's ways: no tensors, no
batches, no shortcuts. Events of a step may come in any order; what settles may also be run with
no steps at all, every synapse delivering whenever it likes.
"""

import itertools
import random
from dataclasses import dataclass, field, replace

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Delta,
    DeltaFunction,
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    LeakOrder,
    Network,
    Population,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Window,
    WindowKind,
)

__all__ = [
    "ScalarRun",
    "ScalarSoma",
    "payloads",
    "product_charge",
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

    def label(self, population: Population) -> int | Levels:
        """Lowest channel of the largest value; a list of them where there are more positions."""
        positions = len(self.values) // population.shape[0]
        columns = [self.values[place::positions] for place in range(positions)]
        labels = [column.index(max(column)) for column in columns]
        return labels if positions > 1 else labels[0]

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
        slope = None if soma.phases is None else soma.phases.slope
        self.slope = 0 if slope is None else entry(slope)
        self.v = entry(soma.initial_v)
        self.i = 0
        self.S = 0
        self.level_before = 0
        self.first = True
        self.steps = 0  # made since the reset
        self.silent_until = 0  # the first step in which it may integrate and fire again

    def step(self, acc: int) -> int:
        soma = self.soma
        total = acc
        if self.first or soma.bias_when == BiasWhen.EVERY:
            total += self.bias
        self.first = False
        step = self.steps
        self.steps += 1
        if soma.current:
            begins = soma.phases is not None and step == soma.phases.receive
            self.i = (self.slope if begins else self._leak(self.i, soma.leak_i)) + total
            total = self.i
        if step < self.silent_until:
            return 0
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
        if soma.phases is not None:
            start, length = soma.phases.receive, soma.phases.fire
            if step < start or (length is not None and step >= start + length):
                self.level_before = 0
                return 0
        if soma.fire == Fire.PATTERN:
            bit = soma.max_level // 2 ** (step - soma.phases.receive)
            level = bit if self.v // self.th >= bit else 0
        else:
            level = self.burst() if soma.fire == Fire.BURST else self.fire()
        if level != 0:
            self.silent_until = self.steps + soma.refractory
        if soma.fire == Fire.BURST:
            self.level_before = level
            return level
        if level != 0 and not soma.reset_delay:
            if soma.reset == Reset.SUBTRACT:
                self.v -= level * self.amount
            elif soma.reset == Reset.VALUE:
                self.v = soma.reset_value
        self.S += level
        self.level_before = level
        return level

    def burst(self) -> int:
        """One spike after the other, each with its own reset."""
        level = 0
        while abs(level) < self.soma.max_level:
            one = self.fire()
            if one == 0:
                break
            self.v -= one * self.amount
            self.S += one
            level += one
        return level

    def fire(self) -> int:
        soma = self.soma
        if soma.fire == Fire.NONE:
            return 0
        may_rise = soma.s_max is None or soma.s_max > self.S
        may_fall = soma.s_min is None or soma.s_min < self.S
        if soma.fire == Fire.ONEHOT:
            level = 0
            while max(1, 2 * level) <= soma.max_level and self.v >= max(1, 2 * level) * self.th:
                level = max(1, 2 * level)
            return level
        if self.v >= self.th and may_rise:
            return 1
        if self.th_n is not None and self.v <= -self.th_n and may_fall:
            return -1
        return 0

    @staticmethod
    def _leak(z: int, leak) -> int:
        if leak is None:
            return z
        return (leak.multiplier * z) // 2**leak.shift  # Python's // is floor


Shape = tuple[int, ...]
Synapse = tuple[int, int]  # target neuron, weight


def place_of(index: int, shape: Shape) -> Shape:
    """Coordinates of a neuron, the last of which counts fastest."""
    place = []
    for size in reversed(shape):
        index, rest = divmod(index, size)
        place.insert(0, rest)
    return tuple(place)


def index_of(place: Shape, shape: Shape) -> int:
    index = 0
    for coordinate, size in zip(place, shape, strict=True):
        index = index * size + coordinate
    return index


def touched(window: Window, axis: int, at: int, size: int):
    """(tap, output) pairs along one axis through which an input coordinate acts."""
    stride, dilation = window.stride[axis], window.dilation[axis]
    for tap in range(window.kernel[axis]):
        if window.kind == WindowKind.TRANSPOSED:  # o = i * s - p + t * d
            out, rest = at * stride - window.padding[axis] + tap * dilation, 0
        else:  # i = o * s - p + t * d
            out, rest = divmod(at + window.padding[axis] - tap * dilation, stride)
        if rest == 0 and 0 <= out < size:
            yield tap, out


def window_synapses(window: Window, source: Shape, pre: int) -> list[Synapse]:
    """All synapses of one source neuron; a target may be met through several taps."""
    if window.pool is not None:
        seen = window.pool.output_shape(source)
        behind = replace(window, pool=None)
        return [
            synapse
            for middle, _ in window_synapses(window.pool, source, pre)
            for synapse in window_synapses(behind, seen, middle)
        ]
    target = window.output_shape(source)
    channel, *at = place_of(pre, source)
    found = []
    along = [touched(window, k, here, target[k + 1]) for k, here in enumerate(at)]
    for pairs in itertools.product(*along):
        taps, out = zip(*pairs, strict=True)
        for post_channel in range(target[0]):
            weight = tap_weight(window, source[0], target[0], channel, post_channel, taps)
            if weight != 0:
                found.append((index_of((post_channel, *out), target), weight * 2**window.shift))
    return found


def tap_weight(
    window: Window, n_in: int, n_out: int, channel: int, post_channel: int, taps: Shape
) -> int:
    """The weight between two channels at one tap; 0 where they do not belong together."""
    if window.kind == WindowKind.SUM_POOL:
        return int(channel == post_channel)
    ins, outs = n_in // window.groups, n_out // window.groups
    if channel // ins != post_channel // outs:
        return 0
    if window.kind == WindowKind.CONVOLUTION:
        return int(window.weights[(post_channel, channel % ins, *taps)])
    return int(window.weights[(channel, post_channel % outs, *taps)])


def fan_out(connection: Connection, source: Shape, pre: int) -> list[Synapse]:
    """The synapses of a source neuron, of all connections but delta."""
    operator = connection.operator
    if isinstance(operator, Identity):
        weight = 2**operator.shift
        return [(operator.offset + pre, -weight if operator.negative else weight)]
    if isinstance(operator, Window):
        return window_synapses(operator, source, pre)
    assert isinstance(operator, Dense)
    weights = operator.weights.tolist()
    if operator.weights.ndim == 2:
        weights = [weights]
    block, row = divmod(pre, operator.sources // len(weights))
    n_post = len(weights[0][0])
    return [
        (block * n_post + column, weight * 2**operator.shift)
        for column, weight in enumerate(weights[block][row])
        if weight != 0
    ]


def product_charge(operator: Product, shapes: list[Shape], parts: list[Levels]) -> Levels:
    """What a product adds to each target neuron: ``parts`` are the levels of q, k and v."""
    query, keys, values = parts
    features, outs = shapes[0][0] // operator.heads, shapes[2][0] // operator.heads
    queries, tokens = len(query) // shapes[0][0], len(keys) // shapes[1][0]
    charge = []
    for channel in range(shapes[2][0]):
        head = channel // outs
        for token in range(queries):
            total = 0
            for row in range(head * features, (head + 1) * features):
                for other in range(tokens):
                    total += (
                        query[row * queries + token]
                        * keys[row * tokens + other]
                        * values[channel * tokens + other]
                    )
            charge.append(total * 2**operator.shift)
    return charge


class ScalarDelta:
    """X and y of one delta connection, event by event."""

    def __init__(self, connection: Connection, source: Shape) -> None:
        operator = self.operator = connection.operator
        n = 1
        for size in source:
            n *= size
        self.x = [0] * n
        self.groups = [[pre] for pre in range(n)]
        self.posts = [[pre] for pre in range(n)]  # the targets that a source neuron is part of
        if operator.function == DeltaFunction.MAX:
            self.posts = [
                [post for post, _ in window_synapses(operator.window, source, pre)]
                for pre in range(n)
            ]
            count = 1
            for size in operator.window.output_shape(source):
                count *= size
            self.groups = [[p for p in range(n) if post in self.posts[p]] for post in range(count)]
        self.y = [self.f(post) for post in range(len(self.groups))]

    def f(self, post: int) -> int:
        operator = self.operator
        values = [self.x[pre] for pre in self.groups[post]]
        if operator.function == DeltaFunction.MAX:
            return max(values)
        if operator.function == DeltaFunction.TABLE:
            return int(operator.table[values[0] - operator.low])
        return min(max(values[0], operator.low), operator.high)

    def event(self, pre: int, payload: int) -> list[Synapse]:
        """The changes of y that one event makes."""
        self.x[pre] += payload
        changes = []
        for post in self.posts[pre]:
            y = self.f(post)
            changes.append((post, y - self.y[post]))
            self.y[post] = y
        return changes


class Wires:
    """Every connection of a network, from one event to the charges it brings."""

    def __init__(self, network: Network) -> None:
        self.shape = {part.name: part.shape for part in (*network.inputs, *network.populations)}
        self.deltas = {
            id(each): ScalarDelta(each, self.shape[each.source])
            for each in network.connections
            if isinstance(each.operator, Delta)
        }
        self.known: dict[tuple[int, int], list[Synapse]] = {}

    def event(self, connection: Connection, pre: int, payload: int) -> list[Synapse]:
        """(target neuron, charge) pairs."""
        if id(connection) in self.deltas:
            return self.deltas[id(connection)].event(pre, payload)
        key = (id(connection), pre)
        if key not in self.known:
            self.known[key] = fan_out(connection, self.shape[connection.source], pre)
        return [(post, weight * payload) for post, weight in self.known[key]]


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
        case Encoding.THRESHOLD:
            first = [int(x >= source.threshold) for x in values]
            return [first if t == 0 else [0] * source.n for t in range(steps)]
        case Encoding.PHASE:
            binary = [f"{x:0{source.high.bit_length()}b}" for x in values]
            return [
                [2 ** (len(b) - 1 - t) if t < len(b) and b[t] == "1" else 0 for b in binary]
                for t in range(steps)
            ]
        case Encoding.LATENCY:
            return [[int(x > 0 and t == source.high - x) for x in values] for t in range(steps)]
        case Encoding.RATE:
            state, sent = source.seed, []
            for _ in range(steps):
                sent.append([])
                for x in values:
                    if x != 0:
                        for shift in (13, -17, 5):
                            moved = state << shift if shift > 0 else state >> -shift
                            state = (state ^ moved) % 2**32
                    share = state // 2 ** (32 - source.high.bit_length())
                    sent[-1].append(int(x != 0 and share < x))
            return sent


def _order(network: Network) -> list[Population]:
    """Populations after what they read without delay."""
    done: list[Population] = []
    while len(done) < len(network.populations):
        for population in network.populations:
            needs = {
                name
                for c in network.connections
                if c.target == population.name and c.delay == 0
                for name in c.reads
            }
            known = {p.name for p in done} | {i.name for i in network.inputs}
            if population not in done and needs <= known:
                done.append(population)
    return done


def _loop(
    network: Network,
    sent: dict[str, list[Levels]],
    shuffle: random.Random | None,
    sums: dict[str, Levels] | None = None,
):
    """Steps of the whole network, without end; yields (levels, membranes, neurons) by name.

    ``sums``: delays bring these in the first step, and nothing later.
    """
    order, wires = _order(network), Wires(network)
    size = {part.name: part.n for part in (*network.inputs, *network.populations)}
    neurons = {p.name: [ScalarSoma(p, j) for j in range(p.n)] for p in network.populations}
    nothing = {name: [0] * n for name, n in size.items()}
    before = nothing if sums is None else sums
    t = 0
    while True:
        now = {
            source.name: sent[source.name][t] if t < len(sent[source.name]) else [0] * source.n
            for source in network.inputs
        }
        for population in order:
            events = []
            acc = [0] * population.n
            for connection in network.connections:
                if connection.target == population.name:
                    heard = before if connection.delay else now
                    if isinstance(connection.operator, Product):
                        parts = [heard[name] for name in connection.reads]
                        shapes = [wires.shape[name] for name in connection.reads]
                        charges = product_charge(connection.operator, shapes, parts)
                        acc = [a + b for a, b in zip(acc, charges, strict=True)]
                        continue
                    levels = heard[connection.source]
                    for pre, payload in enumerate(levels):
                        if payload != 0:
                            events.append((connection, pre, payload))
            if shuffle is not None:
                shuffle.shuffle(events)
            for connection, pre, payload in events:
                for post, charge in wires.event(connection, pre, payload):
                    acc[post] += charge
            now[population.name] = [
                neuron.step(total)
                for neuron, total in zip(neurons[population.name], acc, strict=True)
            ]
        yield now, {name: [each.v for each in group] for name, group in neurons.items()}, neurons
        before = now if sums is None else nothing
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
        values=_read(network, history),
    )


def _read(network: Network, history: list):
    """What the readout reads of all steps."""
    readout, name = network.readout, network.readout.population
    fires = network.population(name).soma.fire != Fire.NONE
    levels = [now[name] for now, _, _ in history]
    membranes = [v[name] for _, v, _ in history]
    match readout.kind:
        case ReadoutKind.FIRST_SPIKE:
            found = []
            for neuron in zip(*levels, strict=True):
                fired = [t for t, level in enumerate(neuron) if level != 0]
                found.append(len(levels) - fired[0] if fired else 0)
            return found
        case ReadoutKind.MAXIMUM:
            return [max(neuron) for neuron in zip(*membranes, strict=True)]
        case ReadoutKind.STREAM:
            return _filtered(readout, levels if fires else membranes)
    return _values(network, history[-1][2])


def _filtered(readout: Readout, stream: list[Levels]) -> list[Levels]:
    """Each neuron's values through the biquads, in blocks forwards and backwards."""
    done = []
    for values in zip(*stream, strict=True):
        signal = [value * 2**readout.fraction for value in values]
        if readout.block is None:
            done.append(_cascade(readout, signal))
            continue
        out = []
        for start in range(0, len(signal), readout.block):
            there = _cascade(readout, signal[start : start + readout.block])
            out += _cascade(readout, there[::-1])[::-1]
        done.append(out)
    return [list(step) for step in zip(*done, strict=True)]


def _cascade(readout: Readout, signal: list[int]) -> list[int]:
    for rule in readout.biquads:
        x1 = x2 = y1 = y2 = rest = 0
        out = []
        for x in signal:
            total = rule.b0 * (x + 2 * x1 + x2) - rule.a1 * y1 - rule.a2 * y2 + rest
            y, rest = divmod(total, 2**rule.shift)
            x1, x2, y1, y2 = x, x1, y, y1
            out.append(y)
        signal = out
    return signal


def run_settle(
    network: Network,
    sample: Sample,
    steps: dict[str, int],
    shuffle: random.Random | None = None,
    before: dict[str, Levels] | None = None,
) -> ScalarRun:
    """The step loop until nothing fires any more, then every population's empty tail is cut.

    ``steps``: how many each input has. ``before``: the net levels of the sample before.
    """
    sent = {
        each.name: payloads(each, sample[each.name], steps[each.name]) for each in network.inputs
    }
    history = []
    size = {part.name: part.n for part in (*network.inputs, *network.populations)}
    sums = before or {name: [0] * n for name, n in size.items()}
    for entry in _loop(network, sent, shuffle, sums):
        history.append(entry)
        levels = entry[0]
        fired = any(any(levels[p.name]) for p in network.populations)
        if len(history) > max(steps.values()) and not fired:
            break
    run = ScalarRun(spikes=dict(sent), steps=dict(steps), values=_values(network, history[-1][2]))
    for population in _order(network):
        name = population.name
        paces = [c.source for c in network.connections if c.target == name and c.delay == 0]
        count = max(run.steps[pace] for pace in paces or [network.inputs[0].name])
        while count < len(history) and any(history[count][0][name]):
            count += 1
        assert not any(any(levels[name]) for levels, _, _ in history[count:])
        run.steps[name] = count
        run.spikes[name] = [levels[name] for levels, _, _ in history[:count]]
        run.membranes[name] = [v[name] for _, v, _ in history[:count]]
    return run


def run_collapsed(
    network: Network, sample: Sample, before: dict[str, Levels] | None = None
) -> ScalarRun:
    """S = clip(floor((v0 + sum I) / th), s_min, s_max), layer by layer.

    ``before``: the levels of the sample before.
    """
    run = ScalarRun(spikes={})
    for each in network.inputs:
        x = sample[each.name]
        total = [sum(c) for c in zip(*x)] if each.encoding == Encoding.EVENTS else x
        if each.encoding in (Encoding.THRESHOLD, Encoding.PHASE, Encoding.LATENCY):
            total = [sum(c) for c in zip(*payloads(each, x, max(1, 1 + each.high)), strict=True)]
        run.spikes[each.name] = [total]
    wires = Wires(network)
    for population in _order(network):
        neurons = [ScalarSoma(population, j) for j in range(population.n)]
        for neuron in neurons:
            neuron.v += neuron.bias
        for connection in network.connections:
            if connection.target == population.name:
                levels = run.spikes[connection.source][0] if connection.delay == 0 else []
                if connection.delay and before is not None:
                    levels = before[connection.source]
                for pre, payload in enumerate(levels):
                    for post, charge in wires.event(connection, pre, payload):
                        neurons[post].v += charge
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
    wires = Wires(network)
    neurons = {p.name: [ScalarSoma(p, j) for j in range(p.n)] for p in network.populations}
    waiting: list[tuple[str, int, int]] = []  # target, neuron, charge

    def send(name: str, pre: int, payload: int) -> None:
        for connection in network.connections:
            if connection.source == name and payload != 0:
                for post, charge in wires.event(connection, pre, payload):
                    waiting.append((connection.target, post, charge))

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
