"""Graphs in training: tied steps, norms of branches, layers that count, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert import (
    ConvertConfig,
    QatNetwork,
    QuantisedReLU,
    TrainConfig,
    convert,
    prepare,
    train,
)
from spikewright.flow.importers import Graph, MaxStage, Norm, Stage, import_module
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import Connection, Identity, Network, Window

CONFIG = ConvertConfig(weight_bits=4, levels=7, input_levels=7)


class Block(nn.Module):
    """Two activations that meet in a sum with a normed convolution."""

    def __init__(self, *, reads_input: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.reads_input = reads_input
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.c, self.norm = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.norm.running_var.mul_(0.1)
        self.head = nn.Linear(2 * 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu(self.a(x))
        b = x if self.reads_input else F.relu(self.b(x))
        return self.head(torch.flatten(F.relu(self.norm(self.c(a)) + a + b), 1))


def samples(n: int = 64, channels: int = 2) -> torch.Tensor:
    return torch.rand(n, channels, 4, 4, generator=torch.Generator().manual_seed(1))


def labels(n: int = 64) -> torch.Tensor:
    return torch.randint(3, (n,), generator=torch.Generator().manual_seed(2))


def trained(module: nn.Module, epochs: int = 3) -> QatNetwork:
    network = prepare(module, samples(), CONFIG)
    train(network, samples(), labels(), TrainConfig(epochs=epochs, batch=16, learning_rate=2e-2))
    return network


def edge(network: Network, source: str, target: str, *, identity: bool) -> Connection:
    return next(
        each
        for each in network.connections
        if (each.source, each.target) == (source, target)
        and isinstance(each.operator, Identity) is identity
    )


def test_tied_steps_stay_one_parameter() -> None:
    before, network = prepare(Block(), samples(), CONFIG), trained(Block())
    assert len(network.steps) == 2  # of a and b, and of the sum
    with torch.no_grad():
        steps, first = network.level_steps(), before.level_steps()
    assert float(steps["a"]) != float(first["a"])
    ratio = np.log2(float(steps["a"] / steps["b"]))
    assert ratio == round(ratio)
    made = convert(network, samples()).network
    shift = {name: edge(made, name, "add_1", identity=True).operator.shift for name in ("a", "b")}
    assert shift["a"] - shift["b"] == ratio
    # The weights are finer than what is passed on, by a power of two.
    window = edge(made, "a", "add_1", identity=False).operator
    assert isinstance(window, Window) and window.shift < min(shift.values())


def test_steps_tied_to_the_input_do_not_train() -> None:
    network = trained(Block(reads_input=True))
    assert len(network.steps) == 1
    with torch.no_grad():
        steps = network.level_steps()
    ratio = np.log2(float(steps["a"] / steps["input"]))
    assert ratio == round(ratio)


def test_the_norm_of_a_branch_trains_but_keeps_its_statistics() -> None:
    module = Block()
    network = trained(module)
    state = network.state_dict()
    place = next(key for key in state if "branches.0.norm" in key).rpartition(".")[0]
    assert torch.equal(state[f"{place}.running_var"], module.norm.running_var)
    assert torch.equal(state[f"{place}.running_mean"], module.norm.running_mean)
    assert not torch.equal(state[f"{place}.weight"], module.norm.weight)
    assert not torch.equal(state[f"{place}.bias"], module.norm.bias)


def test_layers_count_once_per_sum() -> None:
    module = Block()
    prepare(module, samples(), replace(CONFIG, weight_bits=(2, 3, 4, 5), levels=(1, 2, 3)))
    message = "^weight_bits: must have one entry for each of the 4 layers, found 5$"
    with pytest.raises(ConfigurationError, match=message):
        prepare(module, samples(), replace(CONFIG, weight_bits=(4,) * 5))
    message = "^levels: must have one entry for each of the 3 hidden layers, found 4$"
    with pytest.raises(ConfigurationError, match=message):
        prepare(module, samples(), replace(CONFIG, levels=(7,) * 4))


def test_each_layer_has_its_own_bits_and_levels() -> None:
    config = replace(CONFIG, weight_bits=(2, 3, 4, 5), levels=(1, 2, 3))
    made = convert(Block(), samples(), config).network
    assert [population.soma.s_max for population in made.populations] == [1, 2, 3, None]
    bits = {each.target: each.operator.weight_bits for each in made.connections[:3]}  # type: ignore[union-attr]
    assert bits == {"a": 2, "b": 3, "add_1": 4}


class Meeting(nn.Module):
    """Two quantised activations in one sum."""

    def __init__(self, one: float, other: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.one, self.other = QuantisedReLU(7, one), QuantisedReLU(7, other)
        self.c = nn.Conv2d(2, 2, 1)
        self.head = nn.Linear(2 * 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.one(self.a(x)) + self.other(self.b(x)) + self.c(x)
        return self.head(torch.flatten(F.relu(both), 1))


def test_given_steps_meet_only_as_powers_of_two() -> None:
    made = convert(Meeting(0.125, 0.5), samples(), CONFIG).network
    target = made.populations[2].name
    shifts = [edge(made, name, target, identity=True).operator.shift for name in ("a", "b")]
    assert shifts[1] - shifts[0] == 2
    message = (
        r"^add_1: values that are added as they are must have steps that differ by a power of two, "
        r"found 'a' of step 0\.125 and 'b' of step 0\.3; put a 1x1 convolution on one of them, "
        r"or give both activations one step$"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(Meeting(0.125, 0.3), samples(), CONFIG)


def test_given_steps_too_far_apart_are_refused() -> None:
    message = (
        r"^add_1: values that are added as they are must differ by at most 2\*\*8 in step, found "
        r"2\*\*9; put a 1x1 convolution on one of them$"
    )
    with pytest.raises(UnsupportedError, match=message):
        convert(Meeting(2.0**-10, 0.5), samples(), CONFIG)


def test_shifts_leave_room_for_fraction_bits() -> None:
    network = prepare(Meeting(2.0**-8, 0.5), samples(), CONFIG)
    message = (
        r"^population 'add_1': fraction_bits must be at most [5-9], so that shifts fit 16, found "
        r"12; convert with fewer fraction_bits$"
    )
    with pytest.raises(RangeError, match=message):
        convert(network, samples(), replace(CONFIG, fraction_bits=12))
    assert convert(network, samples()).network.populations


def test_a_norm_read_as_it_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The importer makes none such; a pool of negative gains would be a minimum."""
    module = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 1))
    graph = import_module(module, (2, 4, 4))
    first = graph.stages[0]
    assert isinstance(first, Stage) and isinstance(graph.stages[1], MaxStage)
    ones = np.ones(2)
    norm = Norm(gamma=-ones, beta=ones, mean=0 * ones, variance=ones, eps=0.0)
    normed = Graph(
        input_shape=(2, 4, 4), stages=(replace(first, norm_after=norm), *graph.stages[1:])
    )
    monkeypatch.setattr("spikewright.flow.convert.qat.import_module", lambda *_: normed)
    message = (
        r"^\w+: a batch norm behind an activation must be read by layers with weights alone, found "
        r"'\w+', whose values are used as they are; put the batch norm before the activation$"
    )
    with pytest.raises(UnsupportedError, match=message):
        prepare(module, samples(), CONFIG)


def mapping() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))


def test_maps_train_with_a_label_for_every_position() -> None:
    x = samples(200)
    y = (x[:, 0] * 3).long().clamp(0, 2)
    network = prepare(mapping(), x, CONFIG)
    assert network(x).shape == (200, 3, 4, 4)
    history = train(network, x, y, TrainConfig(epochs=25, batch=20, learning_rate=2e-2))
    assert history[-1].accuracy > 0.85 > history[0].accuracy
    flat = prepare(mapping(), x, CONFIG)
    again = train(flat, x, y.flatten(1), TrainConfig(epochs=25, batch=20, learning_rate=2e-2))
    assert [epoch.loss for epoch in again] == [epoch.loss for epoch in history]
    reference = convert(network, x).reference
    found = reference.classify(x)
    assert found.shape == (200, 16)
    assert float((found == y.flatten(1)).double().mean()) > 0.85


def test_maps_refuse_other_labels() -> None:
    x = samples(20)
    message = "^training data: a sample must have 16 labels, one for each position, found 1$"
    with pytest.raises(ConfigurationError, match=message):
        train(mapping(), x, torch.zeros(20, dtype=torch.int64), TrainConfig())
    config = TrainConfig(shift=1, image=(4, 4))
    message = "must be 0 where every position has a label, which does not move with the sample, "
    with pytest.raises(ConfigurationError, match=message):
        train(mapping(), x, torch.zeros(20, 4, 4, dtype=torch.int64), config)


def test_one_position_is_a_plain_label() -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 2))
    conversion = convert(module, samples(), CONFIG)
    assert conversion.network.populations[-1].shape == (3, 1, 1)
    assert conversion.quantised(samples()).shape == (64, 3)
    assert conversion.reference.classify(samples()).shape == (64,)


def test_a_graph_is_the_module_that_it_was_read_from() -> None:
    module = Block().eval()
    graph = import_module(module, (2, 4, 4))
    one, other = (prepare(each, samples(), CONFIG) for each in (module, graph))
    hashes = {convert(each, samples()).network.content_hash for each in (one, other)}
    assert len(hashes) == 1
