"""Training in time: it learns, says what was best, and stops where it diverges."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spikewright.flow.convert import CrossEntropy, SquaredError, TrainConfig
from spikewright.flow.tuning import Trainable, fitting_scale, tune
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)

STEPS, INPUTS, HIDDEN, CLASSES = 6, 8, 24, 4


def network(kind: ReadoutKind = ReadoutKind.MEMBRANE) -> Network:
    """Events into leaky neurons and a readout, with random weights."""
    rng = np.random.default_rng(0)
    leak = Leak(multiplier=1, shift=1)
    decision = Decision.RAW if kind is ReadoutKind.STREAM else Decision.ARGMAX
    return Network(
        name="leaky",
        inputs=(
            Input(
                name="in",
                shape=(INPUTS,),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=(
            Population(
                name="hidden",
                shape=(HIDDEN,),
                soma=Soma(fire=Fire.BINARY, threshold=np.array([10]), leak_v=leak),
                payload=Payload.UNIT,
            ),
            Population(
                name="out",
                shape=(CLASSES,),
                soma=Soma(fire=Fire.NONE),
                payload=Payload.UNIT,
            ),
        ),
        connections=(
            Connection(
                source="in",
                target="hidden",
                operator=Dense(weights=rng.integers(-5, 6, (INPUTS, HIDDEN)), weight_bits=4),
            ),
            Connection(
                source="hidden",
                target="out",
                operator=Dense(weights=rng.integers(-5, 6, (HIDDEN, CLASSES)), weight_bits=4),
            ),
        ),
        readout=Readout(population="out", kind=kind, decision=decision),
        modes=(Mode.STEPWISE,),
        max_steps=STEPS,
    )


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Which pair of inputs is the busiest."""
    draws = torch.Generator().manual_seed(0)
    y = torch.randint(CLASSES, (400,), generator=draws)
    share = torch.full((400, STEPS, INPUTS), 0.2)
    for k in range(2):
        share[torch.arange(400), :, 2 * y + k] = 0.7
    return (torch.rand(share.shape, generator=draws) < share).to(torch.int8), y


def test_it_learns_and_the_network_is_what_it_learnt() -> None:
    x, y = task()
    module = Trainable(network(), thresholds=True)
    config = TrainConfig(epochs=4, batch=50, learning_rate=5e-2)
    tuned = tune(module, x, y, config)
    assert not tuned.diverged and tuned.best > 0 and len(tuned.history) == 4
    labels = Model(tuned.network).run(x, mode=Mode.STEPWISE).labels
    before = Model(network()).run(x, mode=Mode.STEPWISE).labels
    right = float((labels == y).double().mean())
    assert right > 0.9 > 0.5 > float((before == y).double().mean())
    assert tuned.history[-1].accuracy == pytest.approx(right, abs=0.1)
    assert not module.training
    again = tune(Trainable(network(), thresholds=True), x, y, config)
    assert again.network.content_hash == tuned.network.content_hash


def test_values_in_every_step() -> None:
    """A stream learns to follow the mean of what came in."""
    x, _ = task()
    values = x.float().view(400, STEPS, CLASSES, 2).mean(-1).cumsum(1)
    module = Trainable(network(ReadoutKind.STREAM), biases=True)
    objective = SquaredError(scale=0.02)
    config = TrainConfig(epochs=4, batch=50, learning_rate=1e-1)
    tuned = tune(module, x, values, config, objective=objective)
    with torch.no_grad():
        reached, there = objective.score(module(x), values)
    assert reached / there > 0.8 > 0 > tuned.history[0].accuracy
    with pytest.raises(ConfigurationError) as error:
        tune(module, x, values[:, 0], config, objective=objective)
    assert str(error.value) == (
        "training data: values must be of the outputs' shape, [6, 4] a sample, found [4]"
    )


def test_a_run_that_diverges_stops_and_keeps_the_best() -> None:
    x, y = task()
    first = tune(Trainable(network()), x, y, TrainConfig(epochs=3, batch=50, learning_rate=5e-2))
    module = Trainable(first.network)
    config = TrainConfig(epochs=6, batch=50, learning_rate=5.0)
    with pytest.warns(
        UserWarning, match=r"^training diverged in epoch 1 of 6, with a loss of .*"
    ) as told:
        tuned = tune(module, x, y, config, objective=CrossEntropy(scale=0.2))
    assert str(told[0].message).endswith(", and was stopped; the network as it was before is kept")
    assert tuned.diverged and tuned.best == 0 and len(tuned.history) == 1
    assert tuned.network.content_hash == first.network.content_hash


def test_a_loss_that_is_no_number_stops_it() -> None:
    class Broken(CrossEntropy):
        calls = 0

        def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            Broken.calls += 1
            return super().loss(outputs, targets) * (float("nan") if Broken.calls > 38 else 0.05)

    x, y = task()
    config = TrainConfig(epochs=6, batch=50, learning_rate=1e-2)
    with pytest.warns(UserWarning, match=r"with a loss of nan, and was stopped; the network of "):
        tuned = tune(Trainable(network()), x, y, config, objective=Broken())
    assert tuned.diverged and tuned.best == 1 and len(tuned.history) == 2


def test_scale() -> None:
    """Of outputs that are right, the largest; of wrong ones, the least."""
    x, y = task()
    module = Trainable(network())
    labels = module(x).argmax(1)
    right, wrong = fitting_scale(module, x, labels), fitting_scale(module, x, (labels + 1) % 4)
    assert right == 8 * wrong
    silent = replace(network().population("hidden").soma, threshold=np.array([10_000]))
    quiet = replace(
        network(),
        populations=(
            replace(network().population("hidden"), soma=silent),
            network().population("out"),
        ),
    )
    assert fitting_scale(Trainable(quiet), x, y) == 1
