"""Networks whose input comes in every step: whole maps, in integers, against plain torch loops."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert import METHODS, ConvertConfig, convert
from spikewright.flow.convert.method import Negative
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, Network
from support.by_hand import linear

T = 7


def whole(layer: nn.Module, seed: int) -> nn.Module:
    """Weights -3 .. 3, a 3 in every channel: of 3 bits they are their own codes."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        weight = torch.randint(-3, 4, layer.weight.shape, generator=draws).float()
        out = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        weight.movedim(out, 0)[(slice(None), *(0,) * (weight.dim() - 1))] = 3.0
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.randint(-4, 5, layer.bias.shape, generator=draws).float())
    return layer


class Naive:
    """Integers of a converted network, and its neurons step by step in plain torch."""

    def __init__(self, network: Network, method: str) -> None:
        self.network, self.method = network, METHODS[method].neuron
        self.state: dict[str, list[torch.Tensor]] = {}

    def column(self, name: str, vector) -> torch.Tensor:
        """Of a population, per neuron and in its shape."""
        population = self.network.population(name)
        return torch.tensor(population.per_neuron(vector)).reshape(1, *population.shape)

    def shift(self, name: str) -> int:
        """What every weight into a population is multiplied by, its fraction."""
        operators = [c.operator for c in self.network.connections if c.target == name]
        return 1 << min(each.shift for each in operators)

    def fire(self, name: str, charge: torch.Tensor) -> torch.Tensor:
        """The level of one step, by the equations of the method's docstring."""
        soma = self.network.population(name).soma
        threshold, amount = self.column(name, soma.threshold), self.column(name, soma.amount)
        if name not in self.state:
            begin = self.column(name, soma.initial_v).expand_as(charge)
            self.state[name] = [begin, torch.zeros_like(begin)]
        v, sent = self.state[name]
        if self.method.leak is not None:
            v = (v * ((1 << self.method.leak) - 1)) >> self.method.leak
        v = v + charge + self.column(name, soma.bias)
        level = torch.zeros_like(v)
        for _ in range(soma.max_level):
            up = (v >= threshold).long()
            v, level = v - up * amount, level + up
        if self.method.negative is not Negative.NEVER:
            below = v < 0 if self.method.negative is Negative.BELOW_ZERO else v <= -threshold
            down = (below & (sent > 0) & (level == 0)).long()
            v, level = v + down * amount, level - down
        self.state[name] = [v, sent + level]
        return level

    def total(self, name: str, levels: torch.Tensor) -> torch.Tensor:
        """All that was sent so far; what is left when it is taken away is ``change``."""
        before = self.state.setdefault(name, [torch.zeros_like(levels)])
        before[0] = before[0] + levels
        return before[0]

    def change(self, name: str, now: torch.Tensor) -> torch.Tensor:
        """What a relay sends, so that what it has sent in all is ``now``."""
        before = self.state.setdefault(name, [torch.zeros_like(now)])
        step, before[0] = now - before[0], now
        return step


Layers = dict[str, nn.Module]


def weigh(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Without the bias: thresholds hold it."""
    if isinstance(layer, nn.Linear):
        return F.linear(x.double(), layer.weight.double()).long()
    name = "conv" + type(layer).__name__[-2:].lower()
    if isinstance(layer, nn.ConvTranspose2d):
        name = "conv_transpose2d"
    options = {"stride": layer.stride, "padding": layer.padding}
    return getattr(F, name)(x.double(), layer.weight.double(), None, **options).long()


class Net(nn.Module):
    def __init__(self, layers: Layers, body: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.layers, self.body = nn.ModuleDict(layers), body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.layers, x)


def one(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(layer(x))


def maxima(layers: Layers, x: torch.Tensor) -> torch.Tensor:
    x = F.max_pool2d(one(layers["a"], x), 2)
    return layers["out"](one(layers["b"], x).flatten(1))


def means(layers: Layers, x: torch.Tensor) -> torch.Tensor:
    x = F.avg_pool1d(one(layers["a"], x), 2)
    return layers["out"](one(layers["b"], x).flatten(1))


def skips(layers: Layers, x: torch.Tensor) -> torch.Tensor:
    x = one(layers["a"], x)
    return layers["out"](torch.relu(layers["b"](x) + x).flatten(1))


def larger(layers: Layers, x: torch.Tensor) -> torch.Tensor:
    x = F.interpolate(one(layers["a"], x), scale_factor=2, mode="nearest")
    return layers["out"](one(layers["b"], x).flatten(1))


def rounded(layers: Layers, x: torch.Tensor) -> torch.Tensor:
    x = F.avg_pool2d(one(layers["a"], x), 3, 2, 1, count_include_pad=False)
    return layers["out"](one(layers["b"], x).flatten(1))


CASES: dict[str, tuple[Callable[..., torch.Tensor], Layers, tuple[int, ...]]] = {
    "maximum": (maxima, {
        "a": whole(nn.Conv2d(1, 3, 3, padding=1), 1), "b": whole(nn.Conv2d(3, 2, 2), 2),
        "out": whole(nn.Linear(2, 3), 3)}, (1, 4, 4)),
    "mean": (means, {
        "a": whole(nn.Conv1d(2, 3, 3), 4), "b": whole(nn.Conv1d(3, 2, 2, stride=2), 5),
        "out": whole(nn.Linear(4, 3), 6)}, (2, 10)),
    "skip": (skips, {
        "a": whole(nn.Conv2d(1, 2, 3), 7), "b": whole(nn.Conv2d(2, 2, 3, padding=1), 8),
        "out": whole(nn.Linear(8, 3), 9)}, (1, 4, 4)),
    "upsampling": (larger, {
        "a": whole(nn.Conv1d(1, 2, 3), 10), "b": whole(nn.Conv1d(2, 2, 3), 11),
        "out": whole(nn.Linear(12, 3), 12)}, (1, 6)),
    "rounded mean": (rounded, {
        "a": whole(nn.ConvTranspose2d(2, 3, 2), 13), "b": whole(nn.Conv2d(3, 2, 2), 14),
        "out": whole(nn.Linear(2, 3), 15)}, (2, 2, 2)),
}  # fmt: skip


def relayed(kind: str, naive: Naive, a: torch.Tensor, *, or_pool: bool) -> torch.Tensor:
    """What the second layer gets in a step in which the first sends ``a``."""
    if kind == "mean":
        return F.avg_pool1d(a.double(), 2).mul(2).long()
    if kind == "upsampling":
        return a.repeat_interleave(2, 2)
    if kind == "maximum" and or_pool:
        return (F.max_pool2d(a.double(), 2) > 0).long()
    if kind == "maximum":
        most = F.max_pool2d(naive.total("a sent", a).double(), 2)
        return naive.change("a seen", most.long())
    if kind == "rounded mean":
        mean = F.avg_pool2d(naive.total("a sent", a).double(), 3, 2, 1, count_include_pad=False)
        return naive.change("a seen", torch.floor(mean + 0.5 + 1e-9).long())
    return a


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize(
    "method",
    [
        "fast-snn",
        "bursts",
        "or qcfs",
        *(pytest.param(each, marks=pytest.mark.rest)
          for each in ("rate", "neuron-norm", "dsr", "dsr-lif")),
    ],
)  # fmt: skip
def test_maps_equal_a_plain_loop(kind: str, method: str) -> None:
    body, layers, shape = CASES[kind]
    or_pool, method = method.startswith("or "), method.removeprefix("or ")
    module = Net(layers, body).eval()
    x = torch.randint(0, 4, (120, *shape), generator=torch.Generator().manual_seed(20)).float()
    levels = 12 if method == "bursts" else 4
    config = ConvertConfig(
        method=method,
        levels=levels,
        weight_bits=3,
        input_levels=3,
        max_pool="or" if or_pool else "exact",
    )
    conversion = convert(module, torch.cat([x, torch.full((1, *shape), 3.0)]), config)
    network = conversion.network
    first, second = (p.name for p in network.populations if p.soma.bias.any() and p is not
                     network.populations[-1])  # fmt: skip
    read = network.readout.population
    values = conversion.quantised.encode(x).long()
    assert values.tolist() == x.flatten(1).tolist()
    ran = Model(network).run(values, mode=Mode.STEPWISE, steps=T, trace=True)
    assert ran.trace is not None
    fraction = dict(zip((first, second, read), conversion.fraction_bits, strict=True))
    if method != "neuron-norm":  # whose weights are not the module's own: test_equalise
        check_thresholds(conversion, kind, first, second, fraction)
    codes = {name: coded(conversion, name, layer) for name, layer in
             ((first, layers["a"]), (second, layers["b"]), (read, layers["out"]))}  # fmt: skip
    naive = Naive(network, method)
    total = torch.zeros_like(ran.values)
    bias = naive.column(read, network.population(read).soma.bias)
    leak = METHODS[method].leaky_readout
    for step in range(T):
        a = naive.fire(first, weigh(codes[first], x) << fraction[first])
        seen = relayed(kind, naive, a, or_pool=or_pool)
        charge = weigh(codes[second], seen) + (a if kind == "skip" else 0)
        b = naive.fire(second, charge << fraction[second])
        assert ran.trace.spikes[first][step].tolist() == a.flatten(1).tolist(), step
        assert ran.trace.spikes[second][step].tolist() == b.flatten(1).tolist(), step
        total = (total * 3 >> 2) if leak else total
        total = total + (weigh(codes[read], b.flatten(1)) << fraction[read]) + bias
    assert ran.values.tolist() == total.tolist()
    sent = ran.trace.spikes[second].unique().tolist()
    assert len(sent) >= 2, sent


def coded(conversion, name: str, layer: nn.Module) -> nn.Module:
    """The layer with the integers that the network has for its weights."""
    operator = next(
        c.operator for c in conversion.network.connections
        if c.target == name and getattr(c.operator, "weights", None) is not None
    )  # fmt: skip
    made = copy.deepcopy(layer)
    weights = torch.tensor(operator.weights).float()
    made.weight.data = (weights.T if isinstance(layer, nn.Linear) else weights).reshape(
        layer.weight.shape
    )
    return made


def check_thresholds(conversion, kind, first, second, fraction) -> None:
    """round(2**F A / (unit)): A of a layer, in units of what its source's spike is worth."""
    learned = conversion.quantised.level_steps()
    steps = {name: float(step.detach()) for name, step in learned.items()}
    source = steps[first] / (2 if kind == "mean" else 1)
    for name, unit in ((first, steps["input"]), (second, source)):
        amount = conversion.network.population(name).soma.amount
        wanted = torch.tensor(steps[name] / unit * 2 ** fraction[name] + 0.5).floor()
        assert set(amount.tolist()) == {int(wanted)}, name


def test_neurons_that_no_input_changes_have_their_rate_written_down():
    """Never, always, and by a norm without gain: a rate of 0, of 1 and of a quarter."""
    norm = nn.BatchNorm1d(4, eps=0.0)
    norm.weight.data = torch.tensor([1.0, 1.0, 1.0, 0.0])
    norm.bias.data = torch.tensor([0.0, 0.0, 0.0, 3.0])
    module = nn.Sequential(
        linear([[-3.0, -1.0], [0.0, 3.0], [1.0, 3.0], [2.0, 3.0]], [-1.0, 12.0, -6.0, 0.0]),
        norm, nn.ReLU(),
        linear([[3.0, 3.0, 3.0, 3.0]], [0.0]),
    ).eval()  # fmt: skip
    x = torch.tensor([[3.0, 0.0], [3.0, 2.0]]).repeat(500, 1)
    x[:, 1] = 0  # the largest of the second is 12 then, as always
    x[::2, 0] = 0
    config = ConvertConfig(method="qcfs", levels=4, weight_bits=3, input_levels=3, fraction_bits=0)
    conversion = convert(module, x, config)
    soma = conversion.network.populations[0].soma
    # 256 thresholds of those; the third is 12 as of ``tiny``: -6 + x0 + 3 x1
    assert soma.threshold.tolist() == [256, 256, 12, 256]
    assert soma.bias.tolist() == [0, 256, -6, 64]
    assert soma.initial_v.tolist() == [128, 128, 6, 128]
    weights = conversion.network.connections[0].operator.weights
    assert weights.tolist() == [[0, 0, 1, 0], [0, 0, 3, 0]]  # no synapses
    ran = Model(conversion.network).run(
        torch.tensor([[3, 3]]), mode=Mode.STEPWISE, steps=4, trace=True
    )
    # 128 + 64 and 128 + 128: in the second step, and every fourth from there
    assert ran.trace.spikes["layer_0"][:, 0].T.tolist() == [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [1, 0, 1, 0],
        [0, 1, 0, 0],
    ]


def test_maxima_of_inputs_that_may_be_negative():
    """What comes of the maximum in each step is that of the sample, below 0 too."""
    out = whole(nn.Linear(4, 3), 5)
    module = nn.Sequential(
        nn.MaxPool2d(2), nn.Flatten(), whole(nn.Linear(4, 4), 4), nn.ReLU(), out
    ).eval()
    x = torch.randint(-3, 2, (60, 1, 4, 4), generator=torch.Generator().manual_seed(2)).float()
    x[0] = -3.0
    config = ConvertConfig(method="qcfs", levels=4, weight_bits=3, input_levels=3)
    conversion = convert(module, x, config)
    values = conversion.quantised.encode(x).long()
    ran = Model(conversion.network).run(values, mode=Mode.STEPWISE, steps=T, trace=True)
    first = conversion.network.populations[0].name
    wanted = F.max_pool2d(x, 2).flatten(1).long()
    assert int(wanted.min()) == -3 and values.tolist() == x.flatten(1).tolist()
    for step in range(T):
        assert ran.trace.spikes[first][step].tolist() == wanted.tolist(), step
