"""Convolutional and branching networks: closed form == golden model == quantised module."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert import (
    ConvertConfig,
    MaxPool,
    QatNetwork,
    QuantisedReLU,
    Reference,
    convert,
    encode_input,
)
from spikewright.flow.convert.layers import Value
from spikewright.golden.errors import RangeError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Encoding,
    Fire,
    Identity,
    Mode,
    Network,
    Payload,
    Reset,
    Window,
    int_vector,
)


def norm(n: int, *, flat: bool = False) -> nn.Module:
    """A batch norm with gains of both signs."""
    layer = nn.BatchNorm1d(n) if flat else nn.BatchNorm2d(n)
    layer.weight.data = torch.randn(n)
    layer.bias.data = torch.randn(n) * 0.3
    layer.running_mean = torch.randn(n) * 0.3
    layer.running_var = torch.rand(n) + 0.3
    return layer


def positive(n: int) -> nn.Module:
    """A batch norm with gains above zero."""
    layer = norm(n)
    layer.weight.data = layer.weight.data.abs() + 0.2
    return layer


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        norm(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 9),
        nn.ReLU(),
        nn.Linear(9, 5),
    )


class Residual(nn.Module):
    """An identity block, a block with a strided convolution on its skip, a global average."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.a, self.a_norm = nn.Conv2d(4, 4, 3, padding=1), positive(4)
        self.b, self.b_norm = nn.Conv2d(4, 6, 3, stride=2, padding=1), norm(6)
        self.skip, self.skip_norm = nn.Conv2d(4, 6, 1, stride=2), norm(6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.a_norm(self.a(x)) + x)
        x = F.relu(self.b_norm(self.b(x)) + self.skip_norm(self.skip(x)))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Sums(nn.Module):
    """Values that are added as they are: pooled, tied to each other, subtracted, in a readout."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 4, 3, padding=1)
        self.norm = norm(4)
        self.c = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.d = nn.Conv2d(4, 4, 3, padding=1)
        self.e = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = F.relu(self.a(x)), F.relu(self.b(x))
        both = F.relu(self.norm(a + b))
        down = F.relu(self.c(both) + F.avg_pool2d(both, 2))
        less = F.relu(self.d(down) + down * -0.5)
        return self.e(less) + down


def separable() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        norm(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
        norm(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 1, groups=2),
        nn.ReLU(),
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        nn.Conv2d(8, 5, 1),
        nn.ReLU(),
        nn.AvgPool2d(3, stride=1, padding=1),
        nn.Flatten(),
        nn.Linear(5 * 16, 5),
    )


class Decoder(nn.Module):
    """Down and up again, with skips by concatenation: labels for every position."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.c = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.d = nn.Conv2d(4 + 4 + 6, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu(self.a(x))
        b = F.relu(self.b(F.max_pool2d(a, 2)))
        up = F.relu(self.up(b))
        near = F.interpolate(b, scale_factor=2)
        c = F.relu(self.c(up))
        return self.head(F.relu(self.d(torch.cat([c, a, near], 1))))


def after() -> nn.Module:
    """Norms behind activations: constants that meet zero padding, signs that flip."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        norm(4),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        norm(4),
        nn.ReLU(),
        norm(4),
        nn.AvgPool2d(2, padding=1),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        norm(4),
        nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2),
        nn.ReLU(),
        norm(6),
        nn.Flatten(),
        nn.Linear(6 * 11 * 11, 5),
    )


def sequence() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 5, stride=2, padding=2),
        norm(4, flat=True),
        nn.ReLU(),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.Conv1d(4, 4, 3, groups=4),
        nn.ReLU(),
        nn.AvgPool1d(2),
        nn.ConvTranspose1d(4, 3, 4, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * 8, 5),
    )


class Parts(nn.Module):
    """Activations, pools and more of concatenations; a Linear of both."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 2, 3)
        self.quantised = QuantisedReLU(5, 0.1)
        self.c = nn.Conv2d(5, 4, 3, padding=1)
        self.head = nn.Linear(5 * 9 + 4 * 36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = F.relu(torch.cat([self.a(x), self.b(x)], 1))
        c = self.quantised(self.c(both))
        pooled = F.max_pool2d(both, 2)
        return self.head(torch.cat([pooled.flatten(1), c.flatten(1)], 1))


class Vectors(nn.Module):
    """Skips between fully connected layers; a sum whose norm has gains of both signs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(12, 8), nn.Linear(8, 8)
        self.one, self.two = norm(8, flat=True), norm(8, flat=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu(self.a(torch.flatten(x, 1)))
        b = F.relu(self.one(self.b(a)) + a)
        c = F.relu(self.two(a + b))
        return self.head(torch.cat([a, b, c], 1))


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (lenet, (1, 8, 8)),
    "residual": (Residual, (2, 8, 8)),
    "sums": (Sums, (2, 8, 8)),
    "separable": (separable, (2, 8, 8)),
    "decoder": (Decoder, (2, 8, 8)),
    "after": (after, (2, 8, 8)),
    "sequence": (sequence, (2, 36)),
    "parts": (Parts, (2, 8, 8)),
    "vectors": (Vectors, (3, 2, 2)),
}


def module(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return MODULES[name][0]().eval()


def data(name: str, n: int, *, signed: bool = False, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *MODULES[name][1], generator=generator)
    return x * 2 - 1 if signed else x


def quantised_levels(network: QatNetwork, x: torch.Tensor) -> list[torch.Tensor]:
    """Levels [N, n] of every layer but the readout."""
    seen: list[torch.Tensor] = []

    def keep(layer: nn.Module, inputs: object, value: Value) -> None:
        seen.append(value.level.flatten(1))

    hooks = [layer.register_forward_hook(keep) for layer in network.layers[:-1]]
    with torch.no_grad():
        network(x)
    for hook in hooks:
        hook.remove()
    return seen


def check(network: Network, reference: Reference, x: torch.Tensor) -> None:
    """The golden model says of ``x`` what the closed form says, edges of the range included."""
    values = reference.encode(x)
    source = network.inputs[0]
    values[0], values[1], values[2] = 0, source.high, source.low
    expected = reference.levels(values)
    model = Model(network)
    populations = network.populations
    for mode in (Mode.COLLAPSED, Mode.SETTLE):
        result = model.run(values, mode=mode, trace=True)
        assert result.trace is not None
        assert torch.equal(result.values, expected[-1]), mode
        for population, levels in zip(populations[:-1], expected[:-1], strict=True):
            found = result.trace.spikes[population.name].sum(0)
            assert torch.equal(found, levels), (mode, population.name)
        assert result.labels is not None
        assert torch.equal(result.labels, reference.labels(expected[-1])), mode


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_reference_equals_the_golden_model(name: str, signed: bool) -> None:
    config = ConvertConfig(weight_bits=4, levels=7, input_levels=7)
    conversion = convert(module(name, seed=int(signed)), data(name, 64, signed=signed), config)
    x = data(name, 12, signed=signed, seed=2)
    check(conversion.network, conversion.reference, x)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_integers_say_what_the_quantised_module_says(name: str, signed: bool) -> None:
    """With many fraction bits only values on the very edge of a level may differ."""
    config = ConvertConfig(weight_bits=4, levels=7, input_levels=7, fraction_bits=10)
    conversion = convert(module(name), data(name, 64, signed=signed), config)
    x = data(name, 40, signed=signed, seed=2)
    expected = conversion.reference.levels(conversion.reference.encode(x))
    for population, got, want in zip(
        conversion.network.populations[:-1],
        quantised_levels(conversion.quantised, x),
        expected[:-1],
        strict=True,
    ):
        same = (got == want).double().mean()
        assert same >= 0.99, (population.name, float(same))
        assert want.double().std() > 0.05, population.name
    with torch.no_grad():
        logits = conversion.quantised(x).flatten(1)
    close = (expected[-1] * conversion.logit_step - logits).abs() <= 2 * conversion.logit_step
    assert close.double().mean() >= 0.9


def broken(network: Network, fault: str) -> Network:
    """The network with one fault in the first place where it can be."""
    connections, populations = list(network.connections), list(network.populations)
    for index, connection in enumerate(connections):
        operator = connection.operator
        if fault == "window" and isinstance(operator, Window) and operator.weights is not None:
            weights = operator.weights.copy()
            weights[0] *= -1
            operator = replace(operator, weights=weights)
        elif fault == "identity" and isinstance(operator, Identity):
            operator = replace(operator, shift=operator.shift + 1)
        else:
            continue
        connections[index] = replace(connection, operator=operator)
        return replace(network, connections=tuple(connections))
    for index, population in enumerate(populations):
        if fault == "border" and population.soma.bias.size == population.n > population.channels:
            bias = population.soma.bias.reshape(population.channels, -1)
            soma = replace(population.soma, bias=int_vector(bias.max(1)))
            populations[index] = replace(population, soma=soma)
            return replace(network, populations=tuple(populations))
    raise AssertionError(f"no place for {fault}")


@pytest.mark.parametrize(
    ("name", "fault"),
    [("residual", "window"), ("residual", "identity"), ("decoder", "window"), ("after", "border")],
)
def test_a_planted_fault_is_seen(name: str, fault: str) -> None:
    config = ConvertConfig(weight_bits=4, levels=7, input_levels=7)
    conversion = convert(module(name), data(name, 64), config)
    faulty = broken(conversion.network, fault)
    with pytest.raises(AssertionError):
        check(faulty, conversion.reference, data(name, 12, seed=2))


@pytest.mark.parametrize("name", MODULES)
def test_eight_bits_are_close_to_the_float_network(name: str) -> None:
    config = ConvertConfig(weight_bits=8, levels=127, input_levels=255, percentile=100.0)
    original, x = module(name), data(name, 100, signed=True)
    conversion = convert(original, x, config)
    logits = conversion.reference(conversion.reference.encode(x)) * conversion.logit_step
    with torch.no_grad():
        expected = original(x).double().flatten(1)
    error = (logits - expected).abs().mean() / expected.std()
    assert error < 0.04, float(error)


def test_what_overflows_is_named_with_what_to_do() -> None:
    config = ConvertConfig(weight_bits=8, levels=255, input_levels=255, fraction_bits=12)
    message = (
        r"^population '\w+', mode \w+: [\w ]+ must fit 32 bits, found .*, 3\d bits; convert "
        r"with fewer weight_bits, levels, input_levels, fraction_bits or max_steps$"
    )
    with pytest.raises(RangeError, match=message):
        convert(module("residual"), data("residual", 64), config)


class Pools(nn.Module):
    """ORs of hidden maps, of means, of repeated values and of each other; a skip around one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = norm(4)
        self.c = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4 * 9, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.max_pool2d(F.relu(self.a(x)), 3, 2, 1)
        b = F.relu(self.norm(self.b(a)) + a)
        mean = F.avg_pool2d(b, 3, 1, 1, count_include_pad=False)
        near = F.max_pool2d(F.interpolate(mean, scale_factor=2), 3, 1, 1)
        c = F.relu(self.c(F.max_pool2d(near, 2)))
        return self.head(torch.flatten(F.max_pool2d(c, 2, stride=1), 1))


def pooled(network: Network, spikes: dict[str, torch.Tensor]) -> dict[str, tuple[int, int]]:
    """Spikes and silent places of every OR, each of which must be ``any`` of its window."""
    seen = {}
    for connection in network.connections:
        window, target = connection.operator, network.population(connection.target)
        if target.soma.reset is not Reset.VALUE:
            continue
        assert isinstance(window, Window)
        source = spikes[connection.source]
        shape = network.node(connection.source).shape
        maps = source.reshape(-1, *shape).double()
        assert set(maps.unique().tolist()) <= {0.0, 1.0}, connection.source
        wanted = F.max_pool2d(maps, window.kernel, window.stride, window.padding, window.dilation)
        got = spikes[connection.target]
        assert torch.equal(got.reshape(wanted.shape).double(), wanted), connection.target
        seen[connection.target] = (int((got == 1).sum()), int((got == 0).sum()))
    return seen


@pytest.mark.parametrize("encoding", [Encoding.ONCE, Encoding.SPREAD])
@pytest.mark.parametrize("seed", range(3))
def test_an_or_pool_is_any_spike_under_its_window(seed: int, encoding: Encoding) -> None:
    """In every step, however the charge of the neurons below goes up and down."""
    torch.manual_seed(seed)
    config = ConvertConfig(
        levels=7, input_levels=7, max_steps=12, encoding=encoding, max_pool=MaxPool.OR
    )
    x = data("residual", 64, signed=True, seed=seed)
    network = convert(Pools().eval(), x, config).network
    assert network.modes == (Mode.STEPWISE,)
    values = encode_input(network.inputs[0], x[:8])
    trace = Model(network).run(values, mode=Mode.STEPWISE, steps=12, trace=True).trace
    assert trace is not None
    seen = pooled(network, trace.spikes)
    assert len(seen) == 4 and all(fired and silent for fired, silent in seen.values()), seen
    hidden = network.populations[:-1]
    assert {each.payload for each in hidden} == {Payload.UNIT}
    assert {each.soma.fire for each in hidden} == {Fire.BINARY}


def test_an_or_pool_of_the_samples_needs_binary_ones() -> None:
    torch.manual_seed(0)
    made = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 4), nn.ReLU())
    made.append(nn.Linear(4, 3))
    x = data("residual", 32)
    message = (
        "^layer_0: an OR pool must read spikes without a value, found payload graded of 'input'; "
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(made, x, ConvertConfig(input_levels=15, max_pool=MaxPool.OR))
    network = convert(made, x, ConvertConfig(input_levels=1, max_pool=MaxPool.OR)).network
    values = encode_input(network.inputs[0], x)
    trace = Model(network).run(values, mode=Mode.STEPWISE, steps=4, trace=True).trace
    assert trace is not None
    assert len(pooled(network, trace.spikes)) == 1


def test_or_changes_nothing_where_nothing_is_pooled() -> None:
    made, x = module("vectors"), data("vectors", 64)
    exact = convert(made, x, ConvertConfig()).network
    other = convert(made, x, ConvertConfig(max_pool=MaxPool.OR)).network
    assert other.content_hash == exact.content_hash


@pytest.mark.parametrize(("max_steps", "most"), [(64, 4), (3, 3)])
def test_an_or_may_fire_more_often_than_any_neuron_below(max_steps: int, most: int) -> None:
    """Four neurons of one level each that fire in turn, but no more than once a step."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
    )
    made.extend([nn.Flatten(), nn.Linear(128, 2)])
    config = ConvertConfig(levels=1, max_steps=max_steps, max_pool=MaxPool.OR)
    hidden, pool, above, _ = convert(made, data("residual", 32), config).network.populations
    assert (hidden.soma.s_max, pool.soma.s_max, above.soma.s_max) == (1, None, most)
