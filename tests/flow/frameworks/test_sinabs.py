"""sinabs against the integer networks that are read of its layers, spike for spike."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import import_spiking
from spikewright.flow.frameworks import sinabs as importer
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Fire, Reset
from support.frameworks import needs
from support.spiking import compare, integers

layers = needs("sinabs", "sinabs.layers")
activation = needs("sinabs", "sinabs.activation")


def inputs(rng, steps, batch, *shape, high=1):
    return torch.from_numpy(rng.integers(0, high + 1, (steps, batch, *shape))).float()


def shares(module, **values):
    """Leaks that float32 holds: trained alphas are what a step leaves."""
    for name, value in values.items():
        getattr(module, name).data = torch.tensor(value)
    return module


def neuron(rng, kind, **options):
    options = {
        "spike_threshold": torch.tensor(float(rng.integers(2, 6))),
        "spike_fn": rng.choice([activation.MultiSpike, activation.SingleSpike]),
        "min_v_mem": [None, 0.0, -3.0][int(rng.integers(3))],
    } | options
    if kind == "IAF":
        return layers.IAF(**options)
    options |= {"train_alphas": True, "norm_input": bool(rng.integers(2))}
    syn = bool(rng.integers(2))
    module = layers.LIF(tau_mem=2.0, tau_syn=2.0 if syn else None, **options)
    shares(module, alpha_mem=float(rng.choice([0.5, 0.75])))
    if not syn:
        return module
    alpha = float(rng.choice([0.5, 0.75]))
    if alpha == 0.75:
        # An input counts 3/4 then: the threshold is a whole number of it where 3 divides it.
        module.spike_threshold.data = 3 * torch.ceil(module.spike_threshold / 3)
    return shares(module, alpha_syn=alpha)


def connected(rng, kinds, **options):
    sizes = [int(n) for n in rng.integers(3, 9, len(kinds) + 1)]
    parts = []
    for (a, b), kind in zip(pairwise(sizes), kinds, strict=True):
        parts += [nn.Linear(a, b), neuron(rng, kind, **options)]
    return integers(rng, nn.Sequential(*parts)), sizes[0]


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    kinds = [str(rng.choice(["IAF", "LIF"])) for _ in range(int(rng.integers(1, 4)))]
    module, size = connected(rng, kinds)
    counts, _ = compare(module, inputs(rng, 5, 12, size), "batch")
    assert sum(counts.values()) > 10


FIRE = ("MultiSpike", "SingleSpike", "MaxSpike")


@pytest.mark.parametrize("fire", FIRE)
@pytest.mark.parametrize("least", [None, 0.0, -2.0])
def test_every_way_to_fire(fire, least):
    rng = np.random.default_rng(2)
    fires = getattr(activation, fire)
    fires = fires(max_num_spikes_per_bin=2) if fire == "MaxSpike" else fires
    threshold = torch.tensor(2.0)
    module, size = connected(
        rng, ["IAF", "IAF"], spike_fn=fires, min_v_mem=least, spike_threshold=threshold
    )
    counts, network = compare(module, inputs(rng, 30, 12, size, high=2), "batch", high=2)
    assert min(counts.values()) > 50
    soma = network.populations[0].soma
    assert soma.v_min == (None if least is None else int(least * 2**16))
    # As many spikes as any input can bring, which the analysis of intervals proves.
    most = {"SingleSpike": 1, "MaxSpike": 2}
    if fire in most:
        assert soma.max_level == most[fire]
    else:
        assert soma.fire is Fire.BURST
        assert soma.max_level > 2


@pytest.mark.parametrize("amount", [1.0, 3.0, None])
def test_another_amount_and_a_reset(amount):
    rng = np.random.default_rng(4)
    reset = activation.MembraneSubtract(subtract_value=amount)
    if amount is None:
        reset = activation.MembraneReset()
    module, size = connected(
        rng,
        ["IAF", "LIF"],
        spike_fn=activation.SingleSpike,
        reset_fn=reset,
        spike_threshold=torch.tensor(4.0),
    )
    counts, network = compare(module, inputs(rng, 6, 12, size), "batch")
    assert counts["1"] > 20
    soma = network.populations[0].soma
    assert soma.reset is (Reset.VALUE if amount is None else Reset.SUBTRACT)
    if amount is not None:
        assert soma.amount.tolist() == [int(amount * 2**16)]


@pytest.mark.parametrize("by", ["batch_size", "num_timesteps"])
def test_convolutions_with_steps_and_batch_joined(by):
    rng = np.random.default_rng(3)
    size = {by: 3 if by == "batch_size" else 4}
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        layers.IAFSqueeze(spike_threshold=torch.tensor(3.0), min_v_mem=-2.0, **size),
        layers.SumPool2d(2),
        nn.Conv2d(4, 3, (1, 2)),
        layers.IAFSqueeze(spike_threshold=torch.tensor(5.0), **size),
        nn.Dropout2d(0.5),
        nn.Flatten(),
        nn.Linear(12, 5),
        layers.IAFSqueeze(spike_threshold=torch.tensor(9.0), **size),
    )
    counts, network = compare(integers(rng, module), inputs(rng, 4, 3, 2, 4, 6), "flat")
    assert min(counts.values()) > 10
    kinds = [type(c.operator).__name__ for c in network.connections]
    assert kinds == ["Window", "Window", "Dense"]


def test_layers_that_part_and_join_steps():
    rng = np.random.default_rng(3)
    module = nn.Sequential(
        layers.Repeat(nn.Conv2d(1, 2, 3)),
        layers.IAF(spike_threshold=torch.tensor(2.0), min_v_mem=-1.0),
        nn.Flatten(2),
        nn.Linear(8, 5),
        layers.IAF(spike_threshold=torch.tensor(4.0)),
    )
    counts, _ = compare(integers(rng, module), inputs(rng, 8, 6, 1, 4, 4), "batch")
    assert min(counts.values()) > 10


@pytest.mark.parametrize("kind", ["IAF", "LIF"])
def test_what_comes_back(kind):
    rng = np.random.default_rng(9)
    options = {"spike_threshold": torch.tensor(3.0), "spike_fn": activation.SingleSpike}
    if kind == "LIF":
        options |= {"tau_mem": 2.0, "train_alphas": True, "norm_input": False}
    module = nn.Sequential(
        nn.Linear(5, 6),
        getattr(layers, f"{kind}Recurrent")(rec_connect=nn.Linear(6, 6, bias=False), **options),
    )
    if kind == "LIF":
        shares(module[1], alpha_mem=0.5)
    counts, network = compare(integers(rng, module), inputs(rng, 7, 16, 5), "batch")
    assert counts["1"] > 20
    assert [c.delay for c in network.connections] == [0, 1]


def test_a_leak_that_never_fires_is_read_as_a_membrane():
    rng = np.random.default_rng(1)
    module = nn.Sequential(
        nn.Linear(5, 6), layers.IAF(), nn.Linear(6, 3), layers.ExpLeak(tau_mem=4.0)
    )
    imported = import_spiking(integers(rng, module), (5,))
    assert type(imported.graph.nodes["3"]).__name__ == "LI"


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (
            lambda: layers.IAF(reset_fn=activation.MembraneReset()),
            "1: a layer must have MultiSpike, MaxSpike or SingleSpike with MembraneSubtract, or "
            "SingleSpike with MembraneReset, found MultiSpike with MembraneReset",
        ),
        (
            lambda: layers.IAF(
                spike_fn=activation.SingleSpike, reset_fn=activation.MembraneReset(0.5)
            ),
            "1: reset_value of MembraneReset must be 0, found 0.5",
        ),
        (
            lambda: layers.IAF(reset_fn=activation.MembraneSubtract(0.5)),
            "1: subtract_value must be the threshold, or with SingleSpike below it, found 0.5",
        ),
        (lambda: layers.IAF(min_v_mem=0.5), "1: min_v_mem must not be above 0, found 0.5"),
        (lambda: layers.ExpLeak(tau_mem=2.0, min_v_mem=-1.0), "1: ExpLeak must have no min_v_mem"),
        (
            lambda: nn.Sequential(layers.ExpLeak(tau_mem=2.0), nn.Linear(3, 3), layers.IAF()),
            "node '1.0': a population that never fires must be the one that is read",
        ),
        (lambda: layers.ALIF(tau_mem=2.0, tau_adapt=2.0), "found ALIF"),
        (
            lambda: layers.IAFRecurrent(rec_connect=nn.Linear(3, 3)),
            "1: rec_connect must be a Linear layer without bias, found Linear(",
        ),
    ],
)
def test_options_without_an_equal_are_named(last, text):
    with pytest.raises(UnsupportedError, match=re.escape(text)):
        import_spiking(nn.Sequential(nn.Linear(4, 3), last()), (4,))


def test_spikes_without_a_bound_in_a_loop_are_refused():
    module = nn.Sequential(
        nn.Linear(4, 3), layers.IAFRecurrent(rec_connect=nn.Linear(3, 3, bias=False))
    )
    with pytest.raises(UnsupportedError, match="spikes of a step must be bounded where paths lead"):
        compare(module, inputs(np.random.default_rng(0), 4, 4, 4), "batch")


def test_what_was_read_wrongly_is_found(monkeypatch):
    from dataclasses import replace

    rng = np.random.default_rng(0)
    module, size = connected(rng, ["IAF"], spike_fn=activation.MultiSpike, min_v_mem=-1.0)
    import_spiking(module, (size,))
    right = importer._rule
    for wrong in ({"bursts": 1}, {"floor": None}):
        monkeypatch.setattr(
            importer, "_rule", lambda *args, wrong=wrong: replace(right(*args), **wrong)
        )
        with pytest.raises(UnsupportedError, match="1: what was read must do what the module"):
            import_spiking(module, (size,))
