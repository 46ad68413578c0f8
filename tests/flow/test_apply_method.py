"""A method from end to end: what trains when, what is refused, and runs that diverge."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from spikewright.flow.apply_method import apply_method, check_training
from spikewright.flow.convert import METHODS, ConvertConfig, TrainConfig, Tuning
from spikewright.flow.tuning import Leaks, Trainable
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode

X = torch.rand(400, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0.5).long() * 2 + (X[:, 1] + X[:, 2] > 1).long()
EPOCHS = TrainConfig(epochs=1, batch=64, learning_rate=5e-3)


def module() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(),
        nn.Linear(8, 4),
    ).eval()  # fmt: skip


def phases(config: ConvertConfig, **trainings: TrainConfig) -> list[str]:
    seen: list[str] = []
    apply_method(module(), X, config, y=Y, progress=lambda each: seen.append(each.phase),
                 **trainings)  # fmt: skip
    return list(dict.fromkeys(seen))


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("st-bif", ["quantised"]),
        ("dsr", ["quantised", "spikes"]),
        ("dsr-lif", ["quantised", "spikes"]),
        ("fast-snn", ["quantised", "layer by layer, layer_3"]),
        ("hybrid", ["quantised", "through 2 steps"]),
        ("st-pruning", ["quantised", *(f"through {n} steps" for n in (2, 1))]),
    ],
)
def test_what_trains_and_in_which_order(method, wanted):
    config = ConvertConfig(method=method, levels=2)
    trainings = {"training": EPOCHS}
    if METHODS[method].tuning is not None:
        trainings["tuning"] = EPOCHS
    assert phases(config, **trainings) == wanted


@pytest.mark.parametrize(
    ("epochs", "wanted"), [(5, [1, 2, 2]), (6, [2, 2, 2]), (3, [1, 1, 1]), (1, [1, 1, 1])]
)
def test_epochs_of_fewer_and_fewer_steps_add_up(epochs, wanted):
    seen: list[str] = []
    config = ConvertConfig(method="st-pruning", levels=3)
    tuning = replace(EPOCHS, epochs=epochs)
    apply_method(module(), X, config, y=Y, tuning=tuning, progress=lambda e: seen.append(e.phase))
    assert [seen.count(f"through {steps} steps") for steps in (3, 2, 1)] == wanted


def test_tuning_in_time_is_of_the_steps_it_names_and_of_all_numbers(monkeypatch):
    made: list[dict[str, object]] = []

    def trainable(network, **options):
        made.append(options)
        return Trainable(network, **options)

    monkeypatch.setattr("spikewright.flow.apply_method.Trainable", trainable)
    config = ConvertConfig(method="st-pruning", levels=3)
    apply_method(module(), X, config, y=Y, tuning=EPOCHS)
    assert [each.pop("steps") for each in made] == [3, 2, 1]
    numbers = dict.fromkeys(("thresholds", "biases", "initial"), True)
    assert made == [{**numbers, "leaks": Leaks.MULTIPLIER}] * 3


@pytest.mark.parametrize("method", METHODS)
def test_every_method_without_training(method):
    """An integer network that runs in each of its modes, the same from the same."""
    levels = {"bursts": 6, "pattern": 3}.get(method, 4)
    config = ConvertConfig(method=method, levels=levels)
    made = apply_method(module(), X, config)
    again = apply_method(module(), X, config)
    assert made.network.content_hash == again.network.content_hash
    values = made.quantised.encode(X[:20]).long()
    steps = config.steps if config.chosen.repeats else made.network.max_steps
    ran = [
        Model(made.network).run(values, mode=mode, steps=steps if mode is Mode.STEPWISE else None)
        for mode in made.network.modes
    ]
    assert all(each.values.shape == (20, 4) for each in ran)
    if len(ran) == 3:  # with as many steps as it takes to settle
        assert torch.equal(ran[1].values, ran[2].values)
        assert torch.equal(ran[0].values, ran[2].values)


def test_the_same_seed_gives_the_same_network():
    config = ConvertConfig(method="hybrid", levels=2)
    one, other, third = (
        apply_method(module(), X, config, y=Y, training=EPOCHS, tuning=EPOCHS, seed=seed).network
        for seed in (1, 1, 2)
    )
    assert one.content_hash == other.content_hash != third.content_hash


@pytest.mark.parametrize("method", [name for name, each in METHODS.items() if not each.trains])
def test_a_method_without_training_asked_to_train(method):
    message = (
        f"^training: method {method} must come without training: it converts a network as it is, "
        "found epochs of it; leave it out, or take a method that trains, such as qcfs or st-bif$"
    )
    with pytest.raises(ConfigurationError, match=message):
        apply_method(module(), X, ConvertConfig(method=method), y=Y, training=EPOCHS)


@pytest.mark.parametrize("method", [n for n, each in METHODS.items() if each.tuning is None])
def test_a_method_without_tuning_asked_to_tune(method):
    message = f"^tuning: method {method} must come without tuning: it has none, found epochs of it$"
    with pytest.raises(ConfigurationError, match=message):
        check_training(METHODS[method], training=False, tuning=True)


def test_training_needs_labels():
    config = ConvertConfig(method="qcfs")
    with pytest.raises(ConfigurationError, match="^y: training must have labels, found none$"):
        apply_method(module(), X, config, training=EPOCHS)


def test_a_number_of_steps_below_what_the_method_is_made_for():
    message = "max_steps: must be at least 8, the steps that the network is made for, found 4"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        ConvertConfig(method="qcfs", max_steps=4)


@pytest.mark.parametrize("what", ["training", "tuning"])
@pytest.mark.parametrize("method", ["qcfs", "dsr", "hybrid"])
def test_a_run_that_diverges_leaves_the_network_as_it_was(method, what):
    config = ConvertConfig(method=method, levels=4)
    wild = replace(EPOCHS, learning_rate=1e3)
    if what == "tuning" and METHODS[method].tuning is None:
        return
    before = apply_method(module(), X, config).network
    with pytest.warns(UserWarning, match=r"^training diverged in epoch 1 of \d, with a loss of "):
        made = apply_method(module(), X, config, y=Y, **{what: wild}).network
    assert made.content_hash == before.content_hash
    assert METHODS["hybrid"].tuning is Tuning.SURROGATE
