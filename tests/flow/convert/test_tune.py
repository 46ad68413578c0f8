"""Training with spikes: its gradient, what it may change, and runs that diverge."""

import copy
import warnings

import pytest
import torch

from spikewright.flow.convert import (
    ConvertConfig,
    Epoch,
    QatNetwork,
    TrainConfig,
    prepare,
    train,
    tune_layers,
    tune_rates,
    warn_of_divergence,
)
from spikewright.flow.convert.tune import spiking_accuracy
from support.by_hand import OUT, G, H, calibration, linear, tiny


def blobs(n: int = 512) -> tuple[torch.Tensor, torch.Tensor]:
    """Points 0 .. 3 in the plane, of four classes by quadrant."""
    x = torch.rand(n, 2, generator=torch.Generator().manual_seed(0)) * 3
    return x, (x[:, 0] > 1.5).long() * 2 + (x[:, 1] > 1.5).long()


def network(method: str, levels: int = 3) -> QatNetwork:
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 12), torch.nn.ReLU(), torch.nn.Linear(12, 12), torch.nn.ReLU(),
        torch.nn.Linear(12, 10), torch.nn.ReLU(), torch.nn.Linear(10, 4),
    )  # fmt: skip
    x, y = blobs()
    train(module, x, y, TrainConfig(epochs=12, batch=64, learning_rate=0.02))
    return prepare(module, x, ConvertConfig(method=method, levels=levels))


def test_the_gradient_of_spikes_is_that_of_the_clip():
    """A level is the mean of what is sent, and moves as clip(x / A, 0, 1) does with the bias.

    Of h of the network by hand: (0, 3) has 3 and 9 of A = 12, (3, 3) 6 and 15, (1, 0) -5 and 2.
    """
    module = prepare(tiny(), calibration(), ConvertConfig(method="dsr", levels=4, weight_bits=3))
    module.spiking = True
    x = torch.tensor([[0.0, 3.0], [3.0, 3.0], [1.0, 0.0]])
    levels = module.levels_of(x, H).flatten(1)
    # In 4 steps, fires at 6: h0 3; 6 -> -6; -3; 0, h1 all but the third. Of (3, 3) h0 6 -> -6; 0;
    # 6 -> -6; 0, and h1 all. Of (1, 0) h1 2; 4; 6 -> -6; -4.
    assert (levels * 4).tolist() == [[1, 3], [2, 4], [0, 1]]
    torch.autograd.backward([levels.sum()])
    stage = module.stages[0]
    # per 1 / A: h0 is within 0 .. 12 for two samples and below for one, h1 for two and above
    assert stage.bias.grad.tolist() == [pytest.approx(2 / 12), pytest.approx(2 / 12)]
    module.spiking = False
    module.zero_grad()
    plain = module.levels_of(x, H)
    torch.autograd.backward([plain.sum()])
    assert stage.bias.grad.tolist() == [pytest.approx(2 / 12), pytest.approx(2 / 12)]


def test_rates_are_trained_with_the_spikes_that_are_sent():
    module, (x, y) = network("dsr", 2), blobs()
    module.spiking = True
    before = spiking_accuracy(module, x, y)
    module.spiking = False
    history = tune_rates(module, x, y, TrainConfig(epochs=6, batch=64, learning_rate=0.005))
    assert not module.spiking and not any(stage.spiking for stage in module.stages)
    assert {epoch.phase for epoch in history} == {"spikes"} and history[-1].best is not None
    module.spiking = True
    after = spiking_accuracy(module, x, y)
    assert before < 0.7 and after > 0.85
    # Every hidden layer learned from it, the first as well.
    assert all(stage.bias.grad is not None for stage in module.stages)


def test_only_the_layers_between_are_tuned_and_steps_stay():
    module, (x, y) = network("fast-snn", 4), blobs()
    module.spiking = True
    before, was = copy.deepcopy(module.state_dict()), spiking_accuracy(module, x, y)
    module.spiking = False
    told: list[Epoch] = []
    config = TrainConfig(epochs=3, batch=64, learning_rate=0.002)
    changed = tune_layers(module, x, y, config, told.append)
    assert not module.spiking
    names = [stage.name for stage in module.stages]
    assert changed and set(changed) <= set(names[1:-1])
    for key, value in module.state_dict().items():
        owner = module.owner(key)
        same = torch.equal(value, before[key])
        if key.startswith("steps") or owner not in changed:
            assert same, key
    for name in changed:
        assert any(
            module.owner(key) == name and not torch.equal(value, before[key])
            for key, value in module.state_dict().items()
        )
    module.spiking = True
    assert spiking_accuracy(module, x, y) > was + 0.01
    assert [epoch.phase for epoch in told] == [
        f"layer by layer, {name}" for name in names[1:-1] for _ in range(3)
    ]


def test_a_layer_that_gets_worse_is_kept_as_it_was():
    module, (x, y) = network("fast-snn", 3), blobs()
    before = copy.deepcopy(module.state_dict())
    config = TrainConfig(epochs=1, batch=64, learning_rate=5.0)
    assert tune_layers(module, x, y, config) == ()
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_a_layer_that_gets_no_better_is_kept_as_it_was():
    module, (x, y) = network("fast-snn", 3), blobs()
    before = copy.deepcopy(module.state_dict())
    config = TrainConfig(epochs=1, batch=64, learning_rate=1e-7)  # no spike changes
    assert tune_layers(module, x, y, config) == ()
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_a_layer_that_diverges_is_kept_as_it_was_and_named():
    module, (x, _) = network("fast-snn", 3), blobs()
    y = torch.zeros(len(x), dtype=torch.long)  # which outputs of no number would get all right
    before = copy.deepcopy(module.state_dict())
    # The first step makes weights of no number, and every loss after it.
    config = TrainConfig(epochs=2, batch=64, learning_rate=float("inf"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert tune_layers(module, x, y, config) == ()
    assert [str(each.message) for each in caught] == [
        f"tuning {name} diverged and was stopped; it is kept as it was before"
        for name in ("layer_2", "layer_4")
    ]
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert not module.spiking


def test_rates_that_diverge_stop_and_the_best_is_kept():
    module, (x, y) = network("dsr", 4), blobs()
    before = copy.deepcopy(module.state_dict())
    config = TrainConfig(epochs=5, batch=64, learning_rate=50.0)
    message = "training diverged in epoch 1 of 5, with a loss of .*the network as it was before"
    with pytest.warns(UserWarning, match=message):
        history = tune_rates(module, x, y, config)
    assert len(history) == 1 and history[0].diverged and not module.spiking
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


@pytest.mark.parametrize(("best", "kept"), [(0, "as it was before"), (3, "of epoch 3")])
def test_what_is_said_of_divergence(best, kept):
    last = Epoch(
        phase="spikes", epoch=4, epochs=9, loss=12.345, accuracy=0.1, activity=0.0, seconds=0.0,
        best=best, diverged=True,
    )  # fmt: skip
    message = (
        "^training diverged in epoch 4 of 9, with a loss of 12.3, and was stopped; the network "
        f"{kept} is kept$"
    )
    with pytest.warns(UserWarning, match=message):
        warn_of_divergence([last])


def test_accuracy_counts_positions():
    module = prepare(
        torch.nn.Sequential(linear([[1.0, 0.0]], [0.0]), torch.nn.ReLU(), linear([[1.0], [0.0]],
                            [0.0, 1.5])),
        torch.tensor([[3.0, 0.0], [0.0, 3.0]]), ConvertConfig(weight_bits=8),
    )  # fmt: skip
    x = torch.tensor([[3.0, 0.0], [0.0, 3.0], [2.0, 0.0], [1.0, 0.0]])
    assert spiking_accuracy(module, x, torch.tensor([0, 1, 1, 1])) == 0.75
    assert (G, OUT) == ("layer_2", "layer_4")
