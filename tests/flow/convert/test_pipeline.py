"""Whole conversions: closed form == golden model in every mode, and close to floating point."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.convert import (
    Conversion,
    ConvertConfig,
    QuantisedReLU,
    Reference,
    convert,
    prepare,
)
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import Encoding, Mode, Network, Payload, int_vector
from spikewright.hdl.make_configs import core_configs


def random_norm(n: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(n)
    norm.weight.data = torch.randn(n)
    norm.bias.data = torch.randn(n) * 0.3
    norm.running_mean = torch.randn(n) * 0.3
    norm.running_var = torch.rand(n) + 0.3
    return norm


def before(n: int) -> list[nn.Module]:
    return [random_norm(n), nn.ReLU()]


def after(n: int) -> list[nn.Module]:
    return [nn.ReLU(), random_norm(n)]


def both(n: int) -> list[nn.Module]:
    return [random_norm(n), nn.ReLU(), random_norm(n)]


def clipped(n: int) -> list[nn.Module]:
    return [random_norm(n), nn.Hardtanh(0.0, 2.0)]


def plain(n: int) -> list[nn.Module]:
    return [nn.ReLU(), nn.Dropout()]


def mlp(
    sizes: tuple[int, ...], activation: Callable[[int], list[nn.Module]], seed: int = 0
) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out), *activation(n_out)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1])).eval()


def positive(module: nn.Module) -> nn.Module:
    """No neuron is dead."""
    for parameter in module.parameters():
        parameter.data.abs_()
    return module


def data(n: int, features: int, *, signed: bool = False, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, features, generator=generator)
    return x * 2 - 1 if signed else x


WIDE = ConvertConfig(weight_bits=(2, 3, 8), levels=(7, 15), input_levels=15, fraction_bits=10)
CASES: dict[str, tuple[nn.Module, ConvertConfig, bool]] = {
    "norm_before": (mlp((100, 37, 23, 10), before), WIDE, False),
    "norm_after": (mlp((100, 37, 23, 10), after), WIDE, False),
    "norm_on_both_sides": (mlp((100, 37, 23, 10), both), WIDE, False),
    "automatic": (mlp((100, 37, 23, 10), before), replace(WIDE, fraction_bits=None), False),
    "signed_input": (mlp((100, 37, 23, 10), after), WIDE, True),
    "spread": (mlp((100, 37, 23, 10), before), replace(WIDE, encoding=Encoding.SPREAD), False),
    "spread_signed": (
        mlp((100, 37, 23, 10), both),
        replace(WIDE, encoding=Encoding.SPREAD, input_levels=3),
        True,
    ),
    "phase": (mlp((100, 37, 23, 10), before), replace(WIDE, encoding=Encoding.PHASE), False),
    "phase_binary": (
        mlp((100, 37, 10), before),
        ConvertConfig(input_levels=1, encoding=Encoding.PHASE),
        False,
    ),
    "binary": (mlp((100, 37, 10), before), ConvertConfig(levels=1, input_levels=1), False),
    "one_neuron": (positive(mlp((9, 1, 1, 2), plain)), ConvertConfig(), False),
    "no_hidden_layer": (mlp((9, 4), plain), ConvertConfig(), False),
}


def converted(name: str) -> tuple[Conversion, torch.Tensor]:
    module, config, signed = CASES[name]
    features = next(layer for layer in module.modules() if isinstance(layer, nn.Linear)).in_features
    conversion = convert(module, data(64, features, signed=signed), config)
    return conversion, data(150, features, signed=signed, seed=2)


def edges(conversion: Conversion, x: torch.Tensor) -> torch.Tensor:
    """Samples as integers, with nothing firing and everything firing among them."""
    values = conversion.reference.encode(x)
    source = conversion.network.inputs[0]
    values[0], values[1], values[2] = 0, source.high, source.low
    return values


def differing(network: Network, reference: Reference, values: torch.Tensor) -> int:
    """Samples on which the golden model's levels or logits are not the reference's, in any mode."""
    model, expected = Model(network), reference.levels(values)
    wrong = torch.zeros(len(values), dtype=torch.bool)
    for mode in (Mode.COLLAPSED, Mode.SETTLE):
        result = model.run(values, mode=mode, trace=True)
        assert result.trace is not None
        wrong |= (result.values != expected[-1]).any(1)
        for population, levels in zip(network.populations[:-1], expected[:-1], strict=True):
            wrong |= (result.trace.spikes[population.name].sum(0) != levels).any(1)
    return int(wrong.sum())


@pytest.mark.parametrize("name", CASES)
def test_reference_equals_the_golden_model(name: str) -> None:
    conversion, x = converted(name)
    assert differing(conversion.network, conversion.reference, edges(conversion, x)) == 0


def test_bits_come_without_multipliers() -> None:
    network = converted("phase")[0].network
    assert network.inputs[0].payload is Payload.SHIFT
    plan = default_plan(network, Mode.STEPWISE)
    assert core_configs(network, plan)[0].ports[0].layout.is_shift
    module, config, _ = CASES["phase"]
    message = (
        r"^encoding phase: inputs that come bit by bit must not be negative, found levels from"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(module, data(64, 100, signed=True), config)


def test_many_steps_reach_the_reference() -> None:
    conversion, x = converted("norm_before")
    values = conversion.reference.encode(x)
    result = Model(conversion.network).run(values, mode=Mode.STEPWISE, steps=64)
    assert torch.equal(result.values, conversion.reference(values))


@pytest.mark.parametrize("fault", ["threshold", "bias", "sign"])
def test_a_planted_fault_is_seen(fault: str) -> None:
    conversion, x = converted("norm_before")
    network = conversion.network
    first, connection = network.populations[0], network.connections[0]
    soma, operator = first.soma, connection.operator
    if fault == "threshold":
        soma = replace(soma, threshold=int_vector(soma.threshold + soma.threshold // 16))
    elif fault == "bias":
        soma = replace(soma, bias=int_vector(soma.bias + soma.threshold // 4))
    else:
        weights = np.array(operator.weights)
        weights[:, 5] *= -1
        operator = replace(operator, weights=weights)
    broken = replace(
        network,
        populations=(replace(first, soma=soma), *network.populations[1:]),
        connections=(replace(connection, operator=operator), *network.connections[1:]),
    )
    assert differing(broken, conversion.reference, conversion.reference.encode(x)) > 0


@pytest.mark.parametrize("name", [name for name in CASES if name != "automatic"])
def test_integers_say_what_the_quantised_module_says(name: str) -> None:
    """With ten fraction bits only values on the very edge of a level may differ."""
    conversion, x = converted(name)
    logits = conversion.reference(conversion.reference.encode(x)) * conversion.logit_step
    with torch.no_grad():
        expected = conversion.quantised(x)
    off = (logits - expected).abs().amax(1)
    close = off <= 0.51 * conversion.logit_step + 1e-4 * expected.abs().max()
    assert close.double().mean() >= 0.9
    assert (logits.argmax(1) == expected.argmax(1)).double().mean() >= 0.98


def test_automatic_fraction_bits_change_few_labels() -> None:
    conversion, x = converted("automatic")
    with torch.no_grad():
        labels = conversion.quantised(x).argmax(1)
    assert (conversion.reference.classify(x) == labels).double().mean() >= 0.96
    shifts = [connection.operator.shift for connection in conversion.network.connections]
    assert max(shifts) < 10
    # Of single branches the weights are shifted by these, and by nothing else.
    assert list(conversion.fraction_bits) == shifts
    # Given layer by layer they make the same network.
    module, config, _ = CASES["automatic"]
    given = replace(config, fraction_bits=conversion.fraction_bits)
    again = convert(module, data(64, 100), given)
    assert again.network.content_hash == conversion.network.content_hash
    with pytest.raises(ConfigurationError, match="fraction_bits"):
        convert(module, data(64, 100), replace(config, fraction_bits=(1, 2)))


def test_eight_bits_are_close_to_the_float_network() -> None:
    for activation in (before, after, both, clipped, plain):
        module = mlp((40, 32, 32, 6), activation, seed=3)
        config = ConvertConfig(weight_bits=8, levels=255, input_levels=255, percentile=100.0)
        x = data(400, 40, signed=True)
        conversion = convert(module, x, config)
        logits = conversion.reference(conversion.reference.encode(x)) * conversion.logit_step
        with torch.no_grad():
            expected = module(x).double()
        error = (logits - expected).abs().mean() / expected.std()
        assert error < 0.03, (activation.__name__, float(error))


@pytest.mark.parametrize("activation", [nn.Hardtanh(0.0, 1.0), QuantisedReLU(5, 0.125)])
def test_a_norm_that_stretches_a_clip_is_refused(activation: nn.Module) -> None:
    """Its channels would clip at different levels, which one highest level cannot say."""
    norm = random_norm(6)
    module = nn.Sequential(nn.Linear(8, 6), activation, norm, nn.Linear(6, 3)).eval()
    message = (
        "^layer_0: a batch norm after a clipped or quantised activation must have one gain, found "
        "gains that differ by channel; put the batch norm before the activation, or use a plain "
        "ReLU$"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(module, data(32, 8), ConvertConfig())
    norm.weight.data = torch.full((6,), 0.5)
    norm.running_var = torch.full((6,), 1.0)
    config = ConvertConfig(weight_bits=8, levels=255, input_levels=255, percentile=100.0)
    conversion = convert(module, data(200, 8), config)
    x = data(200, 8)
    logits = conversion.reference(conversion.reference.encode(x)) * conversion.logit_step
    with torch.no_grad():
        assert (logits - module(x)).abs().max() < 0.05


def test_a_quantised_activation_keeps_its_step() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 6), QuantisedReLU(5, 0.125), nn.Linear(6, 3))
    conversion = convert(module, data(32, 8), ConvertConfig(levels=15))
    assert conversion.network.populations[0].soma.s_max == 5
    assert conversion.quantised.state_dict()["steps.0.value"] == 0.125


@pytest.mark.parametrize(
    ("signed", "levels", "payload", "low"),
    [
        (False, 1, Payload.UNIT, 0),
        (True, 1, Payload.SIGN, -1),
        (False, 3, Payload.GRADED, 0),
        (True, 3, Payload.GRADED, -3),
    ],
)
def test_the_cheapest_input_payload(signed: bool, levels: int, payload: Payload, low: int) -> None:
    config = ConvertConfig(input_levels=levels, percentile=100.0)
    source = convert(mlp((8, 4, 2), plain), data(32, 8, signed=signed), config).network.inputs[0]
    assert (source.payload, source.low, source.high) == (payload, low, levels)


def test_images_are_flattened_in_torchs_order() -> None:
    module = mlp((12, 8, 3), plain)
    x = data(20, 12).reshape(20, 3, 2, 2)
    one, other = convert(module, x), convert(module, x.flatten(1))
    assert one.network.content_hash == other.network.content_hash
    assert torch.equal(one.reference.encode(x), other.reference.encode(x.flatten(1)))


def test_the_same_input_gives_the_same_network() -> None:
    assert converted("norm_before")[0].network.content_hash == (
        converted("norm_before")[0].network.content_hash
    )


def dead() -> nn.Module:
    module = mlp((8, 6, 5, 2), plain)
    assert isinstance(module, nn.Sequential)
    layer = module[4]
    assert isinstance(layer, nn.Linear)
    layer.weight.data.zero_()
    layer.bias.data.fill_(-1.0)
    return module


def prepared() -> nn.Module:
    return prepare(mlp((8, 6, 2), plain), data(32, 8), ConvertConfig(levels=7))


def curved() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 6), nn.Sigmoid(), nn.Linear(6, 2))


def huge() -> nn.Module:
    module = mlp((8, 6, 2), plain)
    for layer in module.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == 2:
            layer.bias.data.fill_(1e9)
    return module


BAD: dict[str, tuple[nn.Module, Any, ConvertConfig, type[Exception], str]] = {
    "dead": (
        dead(),
        data(32, 8),
        ConvertConfig(),
        ConfigurationError,
        "^layer_4: activations must not always be zero, found 0 for all 32 calibration samples; ",
    ),
    "empty": (
        mlp((8, 6, 2), plain),
        torch.zeros(0, 8),
        ConvertConfig(),
        ConfigurationError,
        "^calibration data: must hold at least one sample, found shape",
    ),
    "shape": (
        mlp((8, 6, 2), plain),
        data(32, 9),
        ConvertConfig(),
        ConfigurationError,
        "^1: a sample must have 8 features here, found 9; check the shape of the calibration data",
    ),
    "not_finite": (
        mlp((8, 6, 2), plain),
        torch.full((2, 8), float("nan")),
        ConvertConfig(),
        ConfigurationError,
        "^calibration data: must be finite, found nan at",
    ),
    "zeros": (
        mlp((8, 6, 2), plain),
        torch.zeros(2, 8),
        ConvertConfig(),
        ConfigurationError,
        "^calibration data: must not be zero everywhere, found only zeros",
    ),
    "bits": (
        mlp((8, 6, 2), plain),
        data(32, 8),
        ConvertConfig(weight_bits=(4, 4, 4)),
        ConfigurationError,
        "^weight_bits: must have one entry for each of the 2 layers, found 3",
    ),
    "layer": (
        curved(),
        data(32, 8),
        ConvertConfig(),
        UnsupportedError,
        "^1: every layer must be a supported one, found Sigmoid; use ReLU, which",
    ),
    "overflow": (mlp((8, 6, 2), plain), data(32, 8), ConvertConfig(), RangeError, "layer_4"),
    "prepared_shape": (
        prepared(),
        data(32, 9),
        ConvertConfig(levels=7),
        ConfigurationError,
        r"^calibration data: samples must have the shape \[8\] of the prepared module, found \[9\]",
    ),
    "prepared_choice": (
        prepared(),
        data(32, 8),
        ConvertConfig(levels=15),
        ConfigurationError,
        "^levels: must be 7, as the module was prepared, found 15; prepare and train again",
    ),
}
BAD["overflow"] = (huge(), *BAD["overflow"][1:])


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    module, x, config, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        convert(module, x, config)


def test_weights_lost_in_training_are_refused() -> None:
    module = prepared()
    for key, where in (("layers.0.branches.0.weight", "layer_1"), ("steps.0.value", "layer_1")):
        broken = copy.deepcopy(module)
        broken.state_dict()[key].fill_(float("inf"))
        message = (
            f"^{where}: every weight and step must be finite, found NaN or inf in {key}; train"
        )
        with pytest.raises(ConfigurationError, match=message):
            convert(broken, data(32, 8))
