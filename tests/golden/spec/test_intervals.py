"""Every value that an independent scalar simulator sees lies within its proven interval."""

import dataclasses
import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError
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
    Interval,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Ranges,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
    analyse,
    hull,
    int_vector,
    partial_sum_bound,
)
from spikewright.golden.spec.input_bounds import input_signal
from support.scalar_network import payloads

# --- the scalar simulator: written from the docstrings of Soma and the operators, in plain ints ---


def leak(rule, z):
    return z if rule is None else (rule.multiplier * z) >> rule.shift


def at(values, population, n):
    """The parameter of neuron n, of a vector with 1, channels or n entries."""
    if values.size == 1:
        return int(values[0])
    return int(values[n if values.size == population.n else n * values.size // population.n])


class Neuron:
    def __init__(self, population, n):
        soma = population.soma
        self.soma = soma
        self.th = at(soma.threshold, population, n)
        negative = soma.threshold_negative
        self.th_n = None if negative is None else at(negative, population, n)
        amount = soma.reset_amount
        self.amount = self.th if amount is None else at(amount, population, n)
        self.bias = at(soma.bias, population, n)
        slope = None if soma.phases is None else soma.phases.slope
        self.slope = 0 if slope is None else at(slope, population, n)
        self.v = at(soma.initial_v, population, n)
        self.i = self.s = self.pending = 0
        self.first = True
        self.count = self.held = 0

    def fires(self, v, s):
        if v >= self.th and (self.soma.s_max is None or s < self.soma.s_max):
            return 1
        if self.th_n is not None and v <= -self.th_n:
            return -1 if self.soma.s_min is None or s > self.soma.s_min else 0
        return 0

    def step(self, terms, see):
        soma = self.soma
        acc = 0
        bias = self.bias if self.first or soma.bias_when is BiasWhen.EVERY else 0
        self.first = False
        for term in [0, *terms]:
            acc += term
            see("charge", acc)
            see("charge", acc + bias)
        total = acc + bias
        phases, count = soma.phases, self.count
        self.count += 1
        if soma.current:
            switches = phases is not None and count == phases.receive
            self.i = self.slope if switches else leak(soma.leak_i, self.i)
            see("i", self.i)
            self.i += total
            see("i", self.i)
            total = self.i
        v = self.v
        if soma.leak_order is LeakOrder.BEFORE:
            v = leak(soma.leak_v, v)
            see("v", v)
            v += total
        else:
            v += total
            see("v", v)
            v = leak(soma.leak_v, v)
        see("v", v)
        v -= self.pending * self.amount
        see("v", v)
        if soma.v_min is not None:
            v = max(v, soma.v_min)
        if soma.v_max is not None:
            v = min(v, soma.v_max)
        see("v", v)
        level = 0
        held = self.held > 0
        if held:
            v = self.v
        if held or not (phases is None or phases.may_fire(count)):
            pass
        elif soma.fire in (Fire.BINARY, Fire.TERNARY):
            level = self.fires(v, self.s)
        elif soma.fire is Fire.ONEHOT and v >= self.th:
            level = 1
            while 2 * level * self.th <= v and level < soma.max_level:
                level *= 2
        elif soma.fire is Fire.PATTERN:
            level = soma.max_level >> (count - phases.receive)
            level *= v >= self.th * level
        elif soma.fire is Fire.BURST:
            for _ in range(soma.max_level):
                one = self.fires(v, self.s + level)
                if one == 0:
                    break
                v -= one * self.amount
                level += one
        self.held = soma.refractory if level else max(0, self.held - 1)
        if soma.reset_delay:
            self.pending = level
        elif soma.reset is Reset.SUBTRACT and soma.fire not in (Fire.NONE, Fire.BURST):
            v -= level * self.amount
        elif soma.reset is Reset.VALUE and level:
            v = soma.reset_value
        self.v = v
        self.s += level
        see("v", v)
        see("emitted", level)
        see("total", self.s)
        if soma.traced:
            see("tracer", self.s)
        return level


def index_of(shape, place):
    return int(np.ravel_multi_index(place, shape))


def window_pairs(window, source, target):
    """(pre, post, weight) of every tap, by the definition of the (transposed) convolution."""
    geometry = (window.kernel, window.stride, window.padding, window.dilation)
    for out in itertools.product(*map(range, target)):
        for inp in itertools.product(*map(range, source)):
            for tap in itertools.product(*map(range, window.kernel)):
                fits = True
                for o, i, t, _k, s, p, d in zip(out[1:], inp[1:], tap, *geometry, strict=True):
                    if window.kind is WindowKind.TRANSPOSED:
                        fits &= o == i * s + t * d - p
                    else:
                        fits &= i == o * s + t * d - p
                if not fits:
                    continue
                outs, ins = target[0] // window.groups, source[0] // window.groups
                if window.kind is WindowKind.SUM_POOL:
                    if out[0] != inp[0]:
                        continue
                    weight = 1
                elif out[0] // outs != inp[0] // ins:
                    continue
                elif window.kind is WindowKind.CONVOLUTION:
                    weight = int(window.weights[(out[0], inp[0] % ins, *tap)])
                else:
                    weight = int(window.weights[(inp[0], out[0] % outs, *tap)])
                yield index_of(source, inp), index_of(target, out), weight << window.shift


def pairs(operator, source, target) -> Iterator[tuple[int, int, int]]:
    if isinstance(operator, Dense):
        weights = operator.weights if operator.weights.ndim == 3 else operator.weights[None]
        blocks, pre, post = weights.shape
        for b, i, j in itertools.product(range(blocks), range(pre), range(post)):
            yield b * pre + i, b * post + j, int(weights[b, i, j]) << operator.shift
    elif isinstance(operator, Identity):
        for i in range(source.n):
            weight = (-1 if operator.negative else 1) << operator.shift
            yield i, operator.offset + i, weight
    elif operator.pool is None:
        yield from window_pairs(operator, source.shape, target.shape)
    else:
        seen = operator.pool.output_shape(source.shape)
        takes = {}
        for pre, middle, _ in window_pairs(operator.pool, source.shape, seen):
            takes.setdefault(middle, []).append(pre)
        for middle, post, weight in window_pairs(operator, seen, target.shape):
            yield from ((pre, post, weight) for pre in takes.get(middle, ()))


class Synapses:
    """The terms one connection adds to each neuron of its target."""

    def __init__(self, network, connection):
        self.operator = connection.operator
        self.connection = connection
        self.source = network.node(connection.source)
        self.target = network.population(connection.target)
        self.x = [0] * self.source.n
        self.y = None
        self.pairs = []
        if not isinstance(self.operator, Product | Delta):
            self.pairs = list(pairs(self.operator, self.source, self.target))
        elif isinstance(self.operator, Delta):
            self.y = self.f()

    def f(self):
        operator = self.operator
        if operator.function is DeltaFunction.CLIP:
            return [min(max(x, operator.low), operator.high) for x in self.x]
        if operator.function is DeltaFunction.TABLE:
            return [int(operator.table[x - operator.low]) for x in self.x]
        best = [None] * self.target.n
        for pre, post, _ in window_pairs(operator.window, self.source.shape, self.target.shape):
            best[post] = self.x[pre] if best[post] is None else max(best[post], self.x[pre])
        return [b or 0 for b in best]

    def terms(self, spikes):
        result = [[] for _ in range(self.target.n)]
        payload = spikes[self.connection.source]
        if isinstance(self.operator, Delta):
            self.x = [x + p for x, p in zip(self.x, payload, strict=True)]
            new = self.f()
            for post, (y, old) in enumerate(zip(new, self.y, strict=True)):
                result[post].append(y - old)
            self.y = new
        elif isinstance(self.operator, Product):
            heads = self.operator.heads
            key, value = spikes[self.operator.keys], spikes[self.operator.values]
            n_e, n_d = self.source.shape[0] // heads, self.target.shape[0] // heads
            n_t = self.target.n // self.target.shape[0]
            n_s = len(value) // self.target.shape[0]
            for h, d, t, e in itertools.product(range(heads), range(n_d), range(n_t), range(n_e)):
                row, column = h * n_e + e, h * n_d + d
                stored = sum(key[row * n_s + s] * value[column * n_s + s] for s in range(n_s))
                term = payload[row * n_t + t] * stored
                result[column * n_t + t].append(term << self.operator.shift)
        else:
            for pre, post, weight in self.pairs:
                if payload[pre]:
                    result[post].append(weight * payload[pre])
        return result


def encoded(source: Input, values: Sequence, steps: int) -> list[list[int]]:
    if source.encoding is Encoding.EVENTS:
        return [list(values[t]) for t in range(steps)]
    if source.encoding is Encoding.CONSTANT:
        return [list(values)] * steps
    if source.encoding is Encoding.ONCE:
        return [list(values) if t == 0 else [0] * source.n for t in range(steps)]
    if source.encoding in (Encoding.THRESHOLD, Encoding.RATE, Encoding.PHASE, Encoding.LATENCY):
        return payloads(source, list(values), steps)
    return [[x * (t + 1) // steps - x * t // steps for x in values] for t in range(steps)]


def simulate(network, ranges, spikes_in, *, settle, rng):
    """Run stepwise, or until nothing fires; assert each value; give the readout's membranes."""
    synapses = [Synapses(network, c) for c in network.connections]
    neurons = {p.name: [Neuron(p, n) for n in range(p.n)] for p in network.populations}
    sums = {source.name: [0] * source.n for source in network.inputs}

    def see(name):
        def check(register, value):
            interval = getattr(ranges[name], register)
            assert interval is not None, (name, register)
            assert interval.low <= value <= interval.high, (name, register, value, interval)

        return check

    before = {node.name: [0] * node.n for node in (*network.inputs, *network.populations)}
    for name, cells in neurons.items():
        for cell in cells:
            see(name)("v", cell.v)
    for step in itertools.count():
        if step >= len(spikes_in["x"]) and not settle:
            break
        now = {}
        for source in network.inputs:
            given = spikes_in[source.name]
            now[source.name] = given[step] if step < len(given) else [0] * source.n
            for n, payload in enumerate(now[source.name]):
                sums[source.name][n] += payload
                see(source.name)("emitted", payload)
                see(source.name)("total", sums[source.name][n])
        for population in network.order():
            terms = [[] for _ in range(population.n)]
            for item in synapses:
                if item.target is population:
                    spikes = before if item.connection.delay else now
                    for mine, more in zip(terms, item.terms(spikes), strict=True):
                        mine.extend(more)
            for mine in terms:
                rng.shuffle(mine)
            check = see(population.name)
            now[population.name] = [
                cell.step(mine, check)
                for cell, mine in zip(neurons[population.name], terms, strict=True)
            ]
        before = now
        quiet = not any(any(now[p.name]) for p in network.populations)
        if settle and quiet and step + 1 >= len(spikes_in["x"]):
            break
    return [cell.v for cell in neurons[network.readout.population]]


def collapse(network, ranges, totals):
    """The closed form, population by population."""
    levels = dict(totals)
    for population in network.order():
        terms = [[] for _ in range(population.n)]
        for connection in network.sources(population.name):
            for mine, more in zip(terms, Synapses(network, connection).terms(levels), strict=True):
                mine.extend(more)
        soma, mine = population.soma, ranges[population.name]
        result = []
        for n in range(population.n):
            cell = Neuron(population, n)
            total = sum(terms[n])
            a = cell.v + total + cell.bias
            assert total in mine.charge
            assert total + cell.bias in mine.charge
            assert cell.v in mine.v
            assert a in mine.v
            if soma.fire is Fire.NONE:
                result.append(a)
                continue
            level = min(max(a // cell.th, soma.s_min), soma.s_max)
            assert a - soma.s_min * cell.th in mine.v
            assert a - level * cell.th in mine.v
            assert level in mine.emitted
            result.append(level)
        levels[population.name] = result
    return levels[network.readout.population]


def samples(source: Input, steps: int, rng: random.Random, count: int):
    n = source.n * (steps if source.encoding is Encoding.EVENTS else 1)
    span = range(source.low, source.high + 1)
    drawn = [[source.low] * n, [source.high] * n, [min(max(0, source.low), source.high)] * n]
    if len(span) ** n <= count:
        drawn = [list(values) for values in itertools.product(span, repeat=n)]
    while len(drawn) < count:
        drawn.append([rng.choice(span) for _ in range(n)])
    for values in drawn:
        if source.encoding is Encoding.EVENTS:
            yield [values[t * source.n : (t + 1) * source.n] for t in range(steps)]
        else:
            yield values


def check_network(network: Network, count: int) -> None:
    rng = random.Random(1)
    (source,) = network.inputs
    for steps in range(1, network.max_steps + 1):
        for values in samples(source, steps, rng, count):
            spikes = {"x": encoded(source, values, steps)}
            ranges = analyse(network, Mode.STEPWISE)
            simulate(network, ranges, spikes, settle=False, rng=rng)
            if Mode.SETTLE not in network.modes:
                continue
            settled = simulate(network, analyse(network, Mode.SETTLE), spikes, settle=True, rng=rng)
            totals = {"x": [sum(column) for column in zip(*spikes["x"], strict=True)]}
            assert collapse(network, analyse(network, Mode.COLLAPSED), totals) == settled


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_networks_stay_within_their_intervals(
    make_random: Callable[[int], Network], seed: int
) -> None:
    check_network(make_random(seed), 6)


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_fixed_networks_stay_within_their_intervals(
    make_random: Callable[[int], Network], first: int
) -> None:
    for seed in range(first, first + 100):
        check_network(make_random(seed), 4)


# --- bounds are attained where that can be expected ---


def one_layer(weights, soma, *, low=0, high=3, encoding=Encoding.ONCE, modes=None, steps=8):
    fires = soma.fire is not Fire.NONE
    weights = np.array(weights)
    return Network(
        name="one",
        inputs=(
            Input(
                name="x",
                shape=(len(weights),),
                payload=Payload.GRADED,
                low=low,
                high=high,
                encoding=encoding,
            ),
        ),
        populations=(
            Population(name="p", shape=weights.shape[1:], soma=soma, payload=Payload.GRADED),
        ),
        connections=(
            Connection(source="x", target="p", operator=Dense(weights=weights, weight_bits=16)),
        ),
        readout=Readout(
            population="p",
            kind=ReadoutKind.COUNT if fires else ReadoutKind.MEMBRANE,
            decision="raw",
        ),
        modes=modes or (Mode.STEPWISE,),
        max_steps=steps,
    )


def test_collapsed_membrane_is_tight() -> None:
    soma = Soma(fire=Fire.NONE, bias=int_vector([5, -5]), bias_when=BiasWhen.FIRST)
    network = one_layer([[3, -2], [-4, 7]], soma, modes=tuple(Mode))
    # collapsed sums in the membrane, before the bias comes; otherwise the sum has the bias in it
    for mode in Mode:
        assert analyse(network, mode)["p"] == Ranges(
            emitted=Interval(0, 0),
            total=Interval(0, 0),
            charge=Interval(-12, 21),
            v=Interval(-12, 21) if mode is Mode.COLLAPSED else Interval(-11, 16),
        )


def test_collapsed_ternary_is_tight(make_plain: Callable[..., Network]) -> None:
    ranges = analyse(make_plain(), Mode.COLLAPSED)
    # v0 + sum I: neuron 0 in 2 + 1 + [-3, 30], neuron 1 in 2 - 1 + [-24, 21]
    assert ranges["hidden"].v == Interval(-23, 33)
    assert ranges["hidden"].charge == Interval(-25, 31)
    assert ranges["hidden"].emitted == Interval(0, 7)
    assert ranges["hidden"].tracer == Interval(0, 7)
    # levels up to 7 and min(7, 22 // 5) = 4
    assert ranges["out"].v == Interval(-28, 38)


def test_settle_adds_what_the_levels_lag_behind(make_plain: Callable[..., Network]) -> None:
    ranges = analyse(make_plain(), Mode.SETTLE)
    assert ranges["hidden"].v == Interval(-23 - 4 * 5, 33)
    assert ranges["hidden"].emitted == Interval(-1, 1)
    assert ranges["out"].v == Interval(-28, 38)
    assert ranges["out"].charge == Interval(-8, 8)


def test_stepwise_membrane_does_not_grow_with_the_steps(
    make_plain: Callable[..., Network],
) -> None:
    few = analyse(make_plain(max_steps=16), Mode.STEPWISE)
    many = analyse(make_plain(max_steps=60000), Mode.STEPWISE)
    assert few == many


def test_leak_ends_in_a_fixed_point() -> None:
    soma = Soma(fire=Fire.NONE, leak_v=Leak(shift=1))
    network = one_layer([[1]], soma, encoding=Encoding.CONSTANT, steps=50000)
    # v = (v >> 1) + 3 climbs 3, 4, 5, 5, ...
    assert analyse(network, Mode.STEPWISE)["p"].v == Interval(0, 5)


def test_integrator_grows_with_each_step() -> None:
    soma = Soma(fire=Fire.NONE)
    for steps in (1, 2, 100):
        network = one_layer([[1]], soma, encoding=Encoding.CONSTANT, steps=steps)
        assert analyse(network, Mode.STEPWISE)["p"].v == Interval(0, 3 * steps)


def test_binary_neuron_with_reset_is_tight() -> None:
    soma = Soma(fire=Fire.BINARY, threshold=int_vector(5))
    network = one_layer([[1]], soma, encoding=Encoding.CONSTANT, steps=100)
    ranges = analyse(network, Mode.STEPWISE)["p"]
    assert (ranges.v, ranges.emitted) == (Interval(0, 7), Interval(0, 1))
    assert ranges.total == Interval(0, 60)
    assert ranges.tracer is None


@pytest.mark.parametrize("reset", [Reset.SUBTRACT, Reset.VALUE])
@pytest.mark.parametrize("refractory", [0, 1, 3])
def test_refractory_membrane_does_not_grow_with_the_steps(refractory: int, reset: Reset) -> None:
    """A held neuron takes no input, and one that is not held fires."""
    soma = Soma(fire=Fire.BINARY, threshold=int_vector(5), refractory=refractory, reset=reset)
    for steps in (3, 100, 3000):
        network = one_layer([[1]], soma, encoding=Encoding.CONSTANT, steps=steps)
        assert analyse(network, Mode.STEPWISE)["p"].v == Interval(0, 7)


def test_refractory_neuron_that_has_spent_its_levels_goes_on_adding() -> None:
    """The bound of S stops it; then its membrane grows as an integrator's."""
    soma = Soma(fire=Fire.BINARY, threshold=int_vector(5), refractory=1, s_max=1)
    network = one_layer([[1]], soma, encoding=Encoding.CONSTANT, steps=12)
    seen = analyse(network, Mode.STEPWISE)["p"].v
    # It fires from 6 in step 1, is held in step 2, and adds 3 in each of steps 3 to 11.
    assert seen.low == 0
    assert 1 + 3 * 9 <= seen.high <= 3 * 12


def test_neuron_that_cannot_reach_its_threshold_emits_nothing() -> None:
    soma = Soma(fire=Fire.BINARY, threshold=int_vector(10))
    ranges = analyse(one_layer([[1]], soma), Mode.STEPWISE)["p"]
    assert (ranges.emitted, ranges.total) == (Interval(0, 0), Interval(0, 0))


# --- inputs ---


@pytest.mark.parametrize(
    ("encoding", "stepwise", "total", "collapsed"),
    [
        (Encoding.ONCE, (-3, 5), (-3, 5), (-3, 5)),
        (Encoding.SPREAD, (-3, 5), (-3, 5), (-3, 5)),
        (Encoding.EVENTS, (-3, 5), (-24, 40), (-24, 40)),
    ],
)
def test_input_ranges(encoding, stepwise, total, collapsed) -> None:
    soma = Soma(fire=Fire.NONE)
    network = one_layer([[1]], soma, low=-3, high=5, encoding=encoding, modes=tuple(Mode))
    by_mode = {mode: analyse(network, mode)["x"] for mode in Mode}
    assert by_mode[Mode.STEPWISE] == Ranges(emitted=Interval(*stepwise), total=Interval(*total))
    assert by_mode[Mode.SETTLE] == by_mode[Mode.STEPWISE]
    assert by_mode[Mode.COLLAPSED] == Ranges(
        emitted=Interval(*collapsed), total=Interval(*collapsed)
    )


def test_spread_input_thins_out() -> None:
    source = Input(
        name="x", shape=(1,), payload="graded", low=-7, high=10, encoding=Encoding.SPREAD
    )
    for step in range(12):
        signal = input_signal(source, Mode.STEPWISE, 12, step)
        seen = [
            x * (step + 1) // steps - x * step // steps
            for steps in range(step + 1, 13)
            for x in range(-7, 11)
        ]
        assert signal.low[0] <= min(seen) <= signal.low[0] + 1
        assert signal.high[0] == max(seen)


# --- refusals ---


def refused(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_register_that_would_overflow_is_named_with_its_bound() -> None:
    soma = Soma(fire=Fire.NONE)
    with pytest.raises(
        RangeError,
        match=refused(
            "population 'p', mode stepwise: membrane must fit 32 bits, found values from 0 to "
            "5368381445, 33 bits; use smaller weights, inputs or shifts, fewer steps, or a leak "
            "or clip"
        ),
    ):
        one_layer([[32767]], soma, high=32767, encoding=Encoding.CONSTANT, steps=65536)


def test_unsigned_and_signed_32_bits_are_the_last_that_fit() -> None:
    for v0, weight, fits in [
        (0, 2, True),
        (-1, 2, True),
        ((1 << 31) - 1, 2, True),
        ((1 << 31) - 1, 32767, False),
    ]:
        soma = Soma(fire=Fire.NONE, initial_v=int_vector(v0))
        if fits:
            one_layer([[weight]], soma, high=32767)
        else:
            soma = Soma(fire=Fire.NONE, initial_v=int_vector(v0))
            with pytest.raises(RangeError, match=r"^population 'p', mode stepwise: membrane must"):
                one_layer([[weight]] * 3, soma, high=32767)


def test_sum_beyond_exact_floats_is_refused() -> None:
    weights = np.full((4096, 1), 32767)
    source = Input(
        name="x", shape=(4096,), payload="graded", low=0, high=32767, encoding=Encoding.ONCE
    )
    with pytest.raises(
        RangeError,
        match=refused(
            "population 'p' neuron 0: summed input must fit 32 bits, found magnitudes of up to "
            "2.88e+17; use smaller weights, payloads or shifts"
        ),
    ):
        Network(
            name="big",
            inputs=(source,),
            populations=(
                Population(name="p", shape=(1,), soma=Soma(fire=Fire.NONE), payload="unit"),
            ),
            connections=(
                Connection(
                    source="x",
                    target="p",
                    operator=Dense(weights=weights, weight_bits=16, shift=16),
                ),
            ),
            readout=Readout(population="p", kind="membrane", decision="raw"),
            modes=(Mode.STEPWISE,),
            max_steps=1,
        )


def test_payload_that_is_too_wide_is_refused() -> None:
    soma = Soma(fire=Fire.NONE)
    with pytest.raises(
        RangeError,
        match=refused(
            "input 'x', mode collapsed: payload must fit 16 bits, found values from 0 to 80000, "
            "17 bits; use fewer levels or fewer steps"
        ),
    ):
        one_layer(
            [[1]], soma, high=10000, encoding=Encoding.EVENTS, modes=(Mode.COLLAPSED,), steps=8
        )


def test_bounds_of_a_pooled_window_are_attained() -> None:
    """Sums of two payloads of 0..3 each, weights 2 and -1, one window without a second tap."""
    line = {"stride": (2,), "padding": (0,), "dilation": (1,), "output_padding": (0,)}
    pool = Window(kind="sum_pool", kernel=(2,), **line)
    window = Window(
        kind="convolution",
        kernel=(2,),
        weights=[[[2, -1]]],
        weight_bits=3,
        shift=1,
        pool=pool,
        **{**line, "padding": (1,)},
    )
    source = Input(name="x", shape=(1, 4), payload="graded", low=0, high=3, encoding="once")
    soma = Soma(fire=Fire.NONE)
    network = Network(
        name="pooled",
        inputs=(source,),
        populations=(Population(name="p", shape=(1, 2), soma=soma, payload="unit"),),
        connections=(Connection(source="x", target="p", operator=window),),
        readout=Readout(population="p", kind="membrane", decision="raw"),
        modes=tuple(Mode),
        max_steps=1,
    )
    # padded sums (0, a) and (b, 0): -2 a and 4 b, a and b up to 6
    for mode in Mode:
        assert analyse(network, mode)["p"].v == Interval(-12, 24)
        assert partial_sum_bound(network, network.connections[0], mode) == 24
    check_network(network, 300)


def test_bound_of_a_pooled_window_covers_its_pool() -> None:
    """Weights of 0 make the window's sums 0, but not those under it."""
    line = {"stride": (1,), "padding": (0,), "dilation": (1,), "output_padding": (0,)}
    pool = Window(kind="sum_pool", kernel=(3,), **line)
    zeros = {"kernel": (1,), "weights": [[[0]]], "weight_bits": 2}
    window = Window(kind="convolution", pool=pool, **zeros, **line)
    source = Input(name="x", shape=(1, 3), payload="graded", low=-5, high=3, encoding="once")
    out = Population(name="p", shape=(1, 1), soma=Soma(fire=Fire.NONE), payload="unit")
    network = Network(
        name="pooled",
        inputs=(source,),
        populations=(out,),
        connections=(Connection(source="x", target="p", operator=window),),
        readout=Readout(population="p", kind="membrane", decision="raw"),
        modes=tuple(Mode),
        max_steps=1,
    )
    assert partial_sum_bound(network, network.connections[0], Mode.STEPWISE) == 15


def test_table_must_hold_every_sum() -> None:
    delta = Delta(function=DeltaFunction.TABLE, table=int_vector([0, 1, 1, 2]), low=-1)
    source = Input(name="x", shape=(1,), payload="graded", low=-1, high=3, encoding="once")
    arguments = {
        "name": "t",
        "inputs": (source,),
        "populations": (
            Population(name="p", shape=(1,), soma=Soma(fire=Fire.NONE), payload="unit"),
        ),
        "connections": (Connection(source="x", target="p", operator=delta),),
        "readout": Readout(population="p", kind="membrane", decision="raw"),
        "modes": tuple(Mode),
        "max_steps": 3,
    }
    with pytest.raises(
        RangeError,
        match=refused(
            "connection 'x' -> 'p': the table must hold every X that can occur, -1..3, found a "
            "table of -1..2"
        ),
    ):
        Network(**arguments)
    small = Input(name="x", shape=(1,), payload="graded", low=-1, high=2, encoding="once")
    network = Network(**{**arguments, "inputs": (small,)})
    assert analyse(network, Mode.COLLAPSED)["p"].v == Interval(-1, 1)
    check_network(network, 4)


def test_mode_must_be_one_of_the_network(make_plain: Callable[..., Network]) -> None:
    network = make_plain(modes=(Mode.STEPWISE, Mode.SETTLE))
    with pytest.raises(
        ConfigurationError,
        match=refused(
            "network 'plain': mode must be one of the network's: stepwise, settle, found collapsed"
        ),
    ):
        analyse(network, Mode.COLLAPSED)


# --- partial sums ---


def test_partial_sum_bound(make_plain: Callable[..., Network]) -> None:
    network = make_plain()
    first, second = network.connections
    # columns of |weights| sum to 11 and 15, payloads reach 3
    assert partial_sum_bound(network, first, Mode.STEPWISE) == 45
    assert partial_sum_bound(network, second, Mode.SETTLE) == (4 << 1) * 1
    assert partial_sum_bound(network, second, Mode.COLLAPSED) == (4 << 1) * 7
    other = Connection(source="x", target="hidden", operator=first.operator)
    with pytest.raises(
        ConfigurationError,
        match=refused(
            "a connection of the network must be given, found another one, 'x' -> 'hidden'"
        ),
    ):
        partial_sum_bound(network, other, Mode.STEPWISE)


# --- intervals ---


@pytest.mark.parametrize(
    ("low", "high", "bits", "signed"),
    [
        (0, 0, 1, False),
        (0, 1, 1, False),
        (0, 255, 8, False),
        (0, 256, 9, False),
        (5, 7, 3, False),
        (-1, 0, 1, True),
        (-1, 1, 2, True),
        (-8, 7, 4, True),
        (-9, 7, 5, True),
        (-8, 8, 5, True),
        (-5, -3, 4, True),
    ],
)
def test_interval_width(low: int, high: int, bits: int, signed: bool) -> None:
    interval = Interval(low, high)
    assert (interval.bits, interval.signed) == (bits, signed)


def test_hull_and_membership() -> None:
    assert hull(Interval(-1, 2), Interval(3, 9)) == Interval(-1, 9)
    assert 2 in Interval(-1, 2)
    assert 3 not in Interval(-1, 2)


def test_delay_keeps_two_charges_apart() -> None:
    soma = Soma(fire=Fire.NONE)
    plain = one_layer([[5]], soma)
    late = dataclasses.replace(plain.connections[0], delay=1)
    network = dataclasses.replace(plain, connections=(*plain.connections, late))
    ranges = analyse(network, Mode.STEPWISE)["p"]
    assert ranges.charge == Interval(0, 15)
    assert ranges.v == Interval(0, 30)
    once = dataclasses.replace(network, max_steps=1)
    assert analyse(once, Mode.STEPWISE)["p"].v == Interval(0, 15)
