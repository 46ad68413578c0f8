"""Training: quantised steps learn, results repeat, bad data are refused."""

import copy

import pytest
import torch
from torch import nn

from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    QatNetwork,
    TrainConfig,
    convert,
    prepare,
    train,
)
from spikewright.golden.errors import ConfigurationError

BITS = ConvertConfig(weight_bits=2, levels=3, input_levels=3)


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Sixteen features, four classes: in which quarter the sample is brightest."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(600, 16, generator=generator)
    y = torch.randint(4, (600,), generator=generator)
    x.reshape(600, 4, 4)[torch.arange(600), y] += 0.4
    return x, y


def network(*, after: bool = False) -> nn.Module:
    torch.manual_seed(1)
    layers = [nn.ReLU(), nn.BatchNorm1d(12)] if after else [nn.BatchNorm1d(12), nn.ReLU()]
    return nn.Sequential(nn.Linear(16, 12), *layers, nn.Linear(12, 4))


def accuracy(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((module(x).argmax(1) == y).double().mean())


@pytest.mark.parametrize("after", [False, True])
def test_float_then_quantised_then_integers(after: bool) -> None:
    x, y = task()
    module = network(after=after)
    train(module, x, y, TrainConfig(epochs=15, batch=50, learning_rate=1e-2))
    quantised = prepare(module, x, BITS)
    untrained = accuracy(quantised, x, y)
    steps = {key: value.clone() for key, value in quantised.state_dict().items() if "step" in key}
    train(quantised, x, y, TrainConfig(epochs=15, batch=50, learning_rate=5e-3))
    trained = accuracy(quantised, x, y)
    assert trained >= untrained and trained > 0.85
    learned = [key for key in steps if key != "input_step"]
    assert all(not torch.equal(steps[key], quantised.state_dict()[key]) for key in learned)
    conversion = convert(quantised, x)
    labels = conversion.reference.classify(x)
    # What going to integers costs, in samples of 200 or so that change their label.
    with torch.no_grad():
        assert int((labels != quantised(x).argmax(1)).sum()) <= 2
    assert int(conversion.network.connections[0].operator.weights.max()) == 1


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone() -> None:
    x, y = task()
    results = []
    for _ in range(2):
        module = prepare(network(), x, BITS)
        torch.manual_seed(7)
        expected, threads = torch.rand(1), torch.get_num_threads()
        torch.manual_seed(7)
        train(module, x, y, TrainConfig(epochs=2, batch=50), seed=3)
        assert torch.equal(torch.rand(1), expected) and torch.get_num_threads() == threads
        results.append(module.state_dict())
    assert all(torch.equal(results[0][key], results[1][key]) for key in results[0])


def test_progress_and_history() -> None:
    x, y = task()
    seen: list[Epoch] = []
    history = train(network(), x, y, TrainConfig(epochs=3, batch=50), seen.append, phase="float")
    assert tuple(seen) == history
    assert [(record.phase, record.epoch, record.epochs) for record in history] == [
        ("float", epoch, 3) for epoch in (1, 2, 3)
    ]
    assert history[-1].loss < history[0].loss and 0 < history[-1].accuracy <= 1


def test_sparsity_lowers_the_activity() -> None:
    x, y = task()
    activity = []
    for sparsity in (0.0, 1.0):
        module = prepare(network(), x, BITS)
        config = TrainConfig(epochs=8, batch=50, sparsity=sparsity, learning_rate=5e-3)
        activity.append(train(module, x, y, config)[-1].activity)
    assert activity[1] < 0.7 * activity[0]


def test_a_trained_module_can_be_copied() -> None:
    x, y = task()
    module = prepare(network(), x, BITS)
    train(module, x, y, TrainConfig(epochs=1, batch=50))
    again = copy.deepcopy(module)
    assert isinstance(again, QatNetwork)
    assert convert(again, x).network.content_hash == convert(module, x).network.content_hash


def test_refuses_bad_data() -> None:
    x, y = task()
    with pytest.raises(ConfigurationError, match="found 600 samples and 10 labels"):
        train(network(), x, y[:10], TrainConfig())
    x[0, 0] = float("nan")
    with pytest.raises(
        ConfigurationError, match=r"^training data: must be finite, found NaN or in"
    ):
        train(network(), x, y, TrainConfig())
