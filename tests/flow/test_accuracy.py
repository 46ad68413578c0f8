"""The report counts what it says it counts, and shows a broken network."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from spikewright.flow.accuracy import evaluate, mode_accuracy
from spikewright.flow.convert import Conversion, ConvertConfig, Reference, convert
from spikewright.flow.samples import Samples
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Decision, Mode, int_vector


@pytest.fixture(scope="module")
def case() -> tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 5)).eval()
    x = torch.rand(130, 20)
    with torch.no_grad():
        y = module(x).argmax(1)
    return module, convert(module, x, ConvertConfig(levels=7, max_steps=32)), x, y


def test_report(case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor]) -> None:
    module, conversion, x, y = case
    stages: list[tuple[str, int, int]] = []
    report = evaluate(
        conversion.network,
        conversion.reference,
        module,
        x,
        y,
        steps=(1, 32, 64),
        batch=50,
        quantised_module=conversion.quantised,
        progress=lambda *state: stages.append(state),
    )
    assert report["samples"] == 130 and report["float"] == 1.0
    right = int((conversion.reference.classify(x) == y).sum())
    assert report["quantised"] == report["settle"] == report["collapsed"] == right / 130
    assert set(report["stepwise"]) == {"1", "32"}
    assert report["stepwise"]["32"] == report["quantised"] >= report["stepwise"]["1"]
    assert report["equal_logits"] == {"settle": 130, "collapsed": 130}
    assert report["label_agreement"] >= 0.95
    collapsed = report["events"]["collapsed"]
    values = conversion.reference.encode(x)
    levels = conversion.reference.levels(values)
    assert collapsed["input"] == pytest.approx(float((values != 0).sum()) / 130)
    assert collapsed["layer_0"] == pytest.approx(float((levels[0] != 0).sum()) / 130)
    assert report["events"]["settle"]["layer_0"] >= collapsed["layer_0"]
    assert stages[0] == ("float", 0, 130) and stages[-1] == ("collapsed", 130, 130)


def test_codes_of_one_spike_are_held_against_their_closed_form(
    case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor],
) -> None:
    module, _, x, y = case
    for method in ("one-hot", "ttfs", "pattern"):
        config = ConvertConfig(levels=7, input_levels=3, method=method)
        made = convert(copy.deepcopy(module), x, config)
        steps = made.reference.steps
        assert steps is not None
        wanted = (1, 2) if method == "one-hot" else (1, 4, steps)
        report = evaluate(made.network, made.reference, module, x, y, steps=wanted)
        assert report["equal_logits"] == {"stepwise": 130}
        assert report["stepwise"][str(steps)] == report["quantised"]
        most = 3 if method == "pattern" else 1
        assert 0 < report["spikes_per_neuron"][f"stepwise T={steps}"] <= most
        first = made.network.populations[0]
        bias = replace(first.soma, initial_v=int_vector(first.soma.initial_v + 40))
        broken = replace(
            made.network,
            populations=(replace(first, soma=bias), *made.network.populations[1:]),
        )
        report = evaluate(broken, made.reference, None, x, y, steps=wanted)
        assert report["equal_logits"]["stepwise"] < 130


def test_a_broken_network_is_seen(
    case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor],
) -> None:
    module, conversion, x, y = case
    first = conversion.network.populations[0]
    soma = replace(first.soma, bias=int_vector(first.soma.bias + 40))
    broken = replace(
        conversion.network,
        populations=(replace(first, soma=soma), *conversion.network.populations[1:]),
    )
    report = evaluate(broken, conversion.reference, module, x, y, steps=())
    values = conversion.reference.encode(x)
    same = conversion.reference(values) == Reference(broken)(values)
    expected = int(same.all(1).sum())
    assert expected < int(same.any(1).sum())
    assert report["equal_logits"] == {"settle": expected, "collapsed": expected}


def test_maps_count_positions() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1)).eval()
    x = torch.rand(20, 1, 4, 5)
    conversion = convert(module, x, ConvertConfig(levels=7, max_steps=32))
    y = conversion.reference.classify(x).reshape(20, 4, 5)
    y[:10, 0, 0] = (y[:10, 0, 0] + 1) % 3
    report = evaluate(
        conversion.network,
        conversion.reference,
        module,
        x,
        y,
        steps=(32,),
        batch=7,
        quantised_module=conversion.quantised,
    )
    assert report["quantised"] == report["settle"] == report["collapsed"] == 1 - 10 / 400
    assert report["stepwise"] == {"32": report["settle"]}
    assert report["equal_logits"] == {"settle": 20, "collapsed": 20}
    assert 0.8 < report["float"] < 1 and 0.95 < report["label_agreement"] <= 1
    message = "^evaluation data: a sample must have 20 labels, one for each position of the readou"
    with pytest.raises(ConfigurationError, match=message):
        evaluate(conversion.network, conversion.reference, None, x, y[:, 0, 0])


def test_raw_maps_count_the_first_largest_at_each_position() -> None:
    """Read raw, the same values give the same labels as the readout's own decision."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1)).eval()
    x = torch.rand(20, 1, 4, 5)
    made = convert(module, x, ConvertConfig(weight_bits=2, levels=1, input_levels=1)).network
    y = Reference(made).classify(x)
    raw = replace(made, readout=replace(made.readout, decision=Decision.RAW))
    y[:5, 7] = (y[:5, 7] + 1) % 3
    for network in (made, raw):
        report = evaluate(network, None, None, x, y, steps=())
        assert report["settle"] == report["collapsed"] == 1 - 5 / 400


class Tied(nn.Module):
    """Every class is as likely."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), 5)


def test_the_lowest_class_wins_whatever_torch_names(
    case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, conversion, x, _ = case
    last = torch.full((len(x),), 4)
    monkeypatch.setattr(torch.Tensor, "argmax", lambda values, dim: last[: len(values)])
    report = evaluate(conversion.network, None, Tied(), x, torch.zeros_like(last), steps=())
    assert report["float"] == 1.0


def test_refuses(case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor]) -> None:
    _, conversion, x, y = case
    with pytest.raises(ConfigurationError, match=r"found 130 samples and 3 labels$"):
        evaluate(conversion.network, conversion.reference, None, x, y[:3])
    with pytest.raises(ConfigurationError, match=r"^batch: must be at least 1, found 0$"):
        evaluate(conversion.network, conversion.reference, None, x, y, batch=0)


def test_one_mode_alone(case: tuple[nn.Module, Conversion, torch.Tensor, torch.Tensor]) -> None:
    _, conversion, x, y = case
    network = conversion.network
    report = evaluate(network, None, None, x, y, steps=(1, 3))
    samples = Samples(x=x, y=y)
    for mode, steps, expected in (
        (Mode.STEPWISE, 1, report["stepwise"]["1"]),
        (Mode.STEPWISE, 3, report["stepwise"]["3"]),
        (Mode.SETTLE, None, report["settle"]),
        (Mode.COLLAPSED, None, report["collapsed"]),
    ):
        assert mode_accuracy(network, samples, mode, steps=steps, batch=7) == expected
    with pytest.raises(ConfigurationError, match="the data must have labels"):
        mode_accuracy(network, Samples(x=x), Mode.SETTLE, steps=None)
