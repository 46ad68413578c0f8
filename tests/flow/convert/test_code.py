"""One spike a neuron: the closed form, training and every stepwise run are one function."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.convert import (
    Code,
    Conversion,
    ConvertConfig,
    QuantisedReLU,
    Reference,
    code_of,
    convert,
    prepare,
)
from spikewright.flow.convert.code import Levels
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import Encoding, Fire, Mode, Network, Payload, Reset, int_vector


def norm(n: int) -> nn.BatchNorm1d:
    made = nn.BatchNorm1d(n)
    made.weight.data = torch.randn(n)
    made.bias.data = torch.randn(n) * 0.3
    made.running_mean = torch.randn(n) * 0.3
    made.running_var = torch.rand(n) + 0.3
    return made


def mlp(seed: int = 0, *, after: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    first, second = nn.Linear(20, 17), nn.Linear(17, 13)
    hidden = [nn.ReLU(), norm(17)] if after else [norm(17), nn.ReLU()]
    return nn.Sequential(first, *hidden, second, nn.ReLU(), nn.Linear(13, 5)).eval()


def maps() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3),
    ).eval()  # fmt: skip


def pools() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3),
    ).eval()  # fmt: skip


class Skip(nn.Module):
    """A sum of levels as they are, and of weighted ones."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.first, self.second = nn.Linear(12, 8), nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        return self.last(torch.relu(self.second(x) + x))


def samples(*shape: int, signed: bool = False) -> torch.Tensor:
    x = torch.rand(300, *shape, generator=torch.Generator().manual_seed(1))
    return x * 2 - 1 if signed else x


CASES: dict[str, tuple[nn.Module, torch.Tensor]] = {
    "mlp": (mlp(), samples(20)),
    "norm_after": (mlp(after=True), samples(20)),
    "signed": (mlp(), samples(20, signed=True)),
    "maps": (maps(), samples(1, 4, 4)),
    "skip": (Skip().eval(), samples(12)),
    "pools": (pools(), samples(1, 4, 4)),
}


def onehot(name: str, levels: int = 7, **changes: Any) -> tuple[Conversion, torch.Tensor]:
    module, x = CASES[name]
    config = ConvertConfig(method="one-hot", levels=levels, fraction_bits=8, **changes)
    return convert(copy.deepcopy(module), x, config), x


def test_levels_by_hand() -> None:
    powers = Levels.leading(7)
    assert powers == Levels(highest=4, powers=True) and (powers.spacing, powers.offset) == (0.75, 0)
    x = torch.tensor([-1.0, 0.0, 0.74, 0.75, 1.49, 1.5, 2.99, 3.0, 3.9, 100.0])
    assert powers(x).tolist() == [0, 0, 0, 1, 1, 2, 2, 4, 4, 4]
    quotients = np.floor(x.numpy() / 0.75)
    assert powers.cut(quotients).tolist() == powers(x).tolist()
    uniform = Levels(highest=3)
    assert uniform(x).tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 3, 3]
    assert uniform.cut(np.array([-2.0, 2.0, 9.0])).tolist() == [0, 2, 3]
    assert [Levels.leading(n).highest for n in (1, 2, 3, 4, 15, 255)] == [
        1,
        2,
        2,
        4,
        8,
        128,
    ]


def test_the_gradient_is_that_of_the_clip() -> None:
    x = torch.tensor([-1.0, 0.2, 3.1, 4.5], requires_grad=True)
    torch.autograd.backward([Levels(highest=4, powers=True)(x).sum()])
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("name", [name for name in CASES if name != "pools"])
@pytest.mark.parametrize("levels", [1, 3, 7])
def test_onehot_steps_equal_the_closed_form(name: str, levels: int) -> None:
    conversion, x = onehot(name, levels)
    network = conversion.network
    assert network.modes == (Mode.STEPWISE,) and network.max_steps == 1
    assert code_of(network) is Code.ONEHOT and conversion.reference.steps == 1
    top = {1: 1, 3: 2, 7: 4}[levels]
    for population in network.populations[:-1]:
        assert population.soma.fire is Fire.ONEHOT and population.soma.max_level == top
        assert population.payload is (Payload.UNIT if top == 1 else Payload.SHIFT)
    values = conversion.reference.encode(x)
    result = Model(network).run(values, mode=Mode.STEPWISE, steps=1, trace=True)
    logits = conversion.reference(values)
    assert result.values.tolist() == logits.tolist()
    assert result.trace is not None
    found = conversion.reference.levels(values)
    for population, wanted in zip(network.populations[:-1], found, strict=False):
        spikes = result.trace.spikes[population.name]
        assert spikes[0].tolist() == wanted.tolist()
        assert set(wanted.unique().tolist()) <= {0, *(1 << k for k in range(top.bit_length()))}
    seen = {int(level) for wanted in found[:-1] for level in wanted.unique()}
    assert seen == {0, *(1 << k for k in range(top.bit_length()))}  # every lane is in use
    with torch.no_grad():
        trained = conversion.quantised(x).argmax(1)
    # What is left is the rounding of thresholds to 8 fraction bits, and of logits.
    assert float((trained == logits.argmax(1)).float().mean()) >= 0.98


def test_a_wrong_lane_is_seen() -> None:
    conversion, x = onehot("mlp")
    first = conversion.network.populations[0]
    values = conversion.reference.encode(x)
    logits = conversion.reference(values)
    for changes in ({"max_level": 2}, {"threshold": int_vector(first.soma.threshold + 40)}):
        broken = replace(first, soma=replace(first.soma, **changes))
        network = replace(
            conversion.network, populations=(broken, *conversion.network.populations[1:])
        )
        result = Model(network).run(values, mode=Mode.STEPWISE, steps=1)
        assert not torch.equal(result.values, logits)


def test_other_modes_and_more_steps_are_refused_by_name() -> None:
    conversion, x = onehot("mlp")
    values = conversion.reference.encode(x)
    for mode in (Mode.SETTLE, Mode.COLLAPSED):
        message = f"^network 'network': mode must be one of stepwise, found {mode}$"
        with pytest.raises(ConfigurationError, match=message):
            Model(conversion.network).run(values, mode=mode)
    with pytest.raises(ConfigurationError, match=r"steps"):
        Model(conversion.network).run(values, mode=Mode.STEPWISE, steps=2)


@pytest.mark.parametrize("name", ["mlp", "norm_after", "maps"])
def test_first_spikes_equal_the_collapsed_network(name: str) -> None:
    module, x = CASES[name]
    config = ConvertConfig(levels=5, input_levels=3)
    rate = convert(copy.deepcopy(module), x, config)
    first = convert(copy.deepcopy(module), x, replace(config, method="ttfs"))
    assert first.network.modes == (Mode.STEPWISE,)
    assert code_of(first.network) is Code.FIRST_SPIKE
    assert first.reference.steps == first.network.max_steps == 3 + 2 * 5
    assert first.logit_step == rate.logit_step
    values = first.reference.encode(x)
    wanted = Model(rate.network).run(values, mode=Mode.COLLAPSED)
    found = Model(first.network).run(values, mode=Mode.STEPWISE, steps=first.reference.steps)
    assert found.values.tolist() == wanted.values.tolist()
    levels = first.reference.levels(values)
    for one, other in zip(levels, rate.reference.levels(values), strict=True):
        assert one.tolist() == other.tolist()
    for population in first.network.populations[:-1]:
        assert int(found.events[population.name].max()) <= population.n


@pytest.mark.parametrize("name", ["mlp", "norm_after", "maps", "skip", "pools"])
def test_patterns_equal_the_collapsed_network(name: str) -> None:
    """Skips and maxima, too: what comes when does not matter to a sum of bits."""
    module, x = CASES[name]
    config = ConvertConfig(levels=7, input_levels=5)
    rate = convert(copy.deepcopy(module), x, config)
    found = convert(copy.deepcopy(module), x, replace(config, method="pattern"))
    network, reference = found.network, found.reference
    assert network.modes == (Mode.STEPWISE,) and code_of(network) is Code.PATTERN
    layers = {"mlp": 2, "norm_after": 2, "maps": 2, "skip": 2, "pools": 3}[name]
    assert reference.steps == network.max_steps == 3 + 3 * layers
    values = reference.encode(x)
    wanted = Model(rate.network).run(values, mode=Mode.COLLAPSED)
    result = Model(network).run(values, mode=Mode.STEPWISE, steps=network.max_steps, trace=True)
    assert result.values.tolist() == wanted.values.tolist()
    assert result.trace is not None
    levels = reference.levels(values)
    pairs = zip(network.populations[:-1], levels, rate.reference.levels(values), strict=False)
    for population, one, other in pairs:
        assert one.tolist() == other.tolist()
        assert result.trace.spikes[population.name].sum(0).tolist() == one.tolist()
        spikes = sum((one >> bit & 1).sum(1) for bit in range(3))
        assert result.events[population.name].tolist() == spikes.tolist()
        assert {0, 1} < set(one.unique().tolist())


def changed(network: Network, **changes: Any) -> Network:
    first = network.populations[0]
    soma = replace(first.soma, **changes)
    return replace(network, populations=(replace(first, soma=soma), *network.populations[1:]))


def test_what_is_nearly_a_code_has_no_closed_form() -> None:
    network = onehot("mlp")[0].network
    assert code_of(replace(network, max_steps=2)) is None
    assert code_of(changed(network, v_max=3)) is None
    module, x = CASES["mlp"]
    first = convert(
        copy.deepcopy(module), x, ConvertConfig(levels=3, method="ttfs", input_levels=1)
    ).network
    soma = first.populations[0].soma
    assert soma.phases is not None
    for changes in (
        {"threshold": int_vector(soma.threshold + 1)},
        {"reset": Reset.SUBTRACT},
        {"bias": int_vector(1)},
        {"phases": replace(soma.phases, fire=2)},
        {"phases": replace(soma.phases, receive=2)},
        {"s_max": None},
    ):
        broken = changed(first, **changes)
        assert code_of(broken) is None, changes
        with pytest.raises(UnsupportedError, match=r"a closed form needs one input"):
            Reference(broken)
    assert code_of(replace(first, max_steps=first.max_steps + 1)) is None
    pattern = convert(copy.deepcopy(module), x, ConvertConfig(levels=3, method="pattern")).network
    phases = pattern.populations[1].soma.phases
    assert phases is not None
    assert code_of(changed(pattern, phases=replace(phases, receive=3))) is None
    assert code_of(changed(pattern, v_max=3)) is None
    assert code_of(changed(pattern, bias=int_vector(1), bias_when="every")) is None
    assert code_of(replace(pattern, max_steps=pattern.max_steps - 1)) is None
    assert code_of(replace(pattern, max_steps=pattern.max_steps + 1)) is Code.PATTERN


@pytest.mark.parametrize("method", ["one-hot", "ttfs", "pattern", "corrective"])
@pytest.mark.parametrize(
    ("name", "value"), [("max_steps", 8), ("encoding", Encoding.SPREAD), ("max_pool", "or")]
)
def test_what_a_code_decides_is_left_out(method: str, name: str, value: Any) -> None:
    if method == "corrective" and name == "max_steps":
        assert ConvertConfig(method=method, max_steps=8).most_steps == 8
        return
    message = f"^{name}: must be left out with method {method}, found {value}$"
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(method=method, **{name: value})


def test_what_onehot_cannot_is_named() -> None:
    config = ConvertConfig(method="one-hot", levels=7)
    learned = nn.Sequential(nn.Linear(12, 8), QuantisedReLU(3, 0.5), nn.Linear(8, 2))
    message = "^.*: activations must have no levels of their own with method one-hot, found "
    with pytest.raises(UnsupportedError, match=message):
        convert(learned, samples(12), config)
    pooled = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2)
    )
    message = "one-hot levels must be read by layers with weights, by sums or means, found max of"
    with pytest.raises(UnsupportedError, match=message):
        convert(pooled, samples(1, 4, 4), config)
    with pytest.raises(UnsupportedError, match="must have levels from 0, found -15 to 15"):
        convert(mlp(), samples(20, signed=True), ConvertConfig(method="ttfs"))


def test_a_prepared_module_keeps_its_code() -> None:
    module, x = CASES["mlp"]
    made = prepare(copy.deepcopy(module), x, ConvertConfig(method="one-hot"))
    with pytest.raises(ConfigurationError, match="^method: must be one-hot, as the module"):
        convert(made, x, ConvertConfig())


def test_a_step_of_powers_has_the_least_error() -> None:
    """Calibration alone, without training, finds most of the float network's labels."""
    module, x = CASES["maps"]
    conversion, _ = onehot("maps", 7, weight_bits=8)
    with torch.no_grad():
        labels = module(x).argmax(1)
    assert float((conversion.reference.classify(x) == labels).float().mean()) > 0.8
