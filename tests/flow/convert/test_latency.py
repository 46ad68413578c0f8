"""First spikes give the logits of the closed form, on every input."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.convert.latency import as_latency
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.model import Model
from spikewright.golden.spec import Identity, Mode
from support.branching import branching, convolution, dense, max_pool
from support.chains import bounded_chain


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_equals_its_closed_form(seed):
    network = bounded_chain((20, 14, 9, 5), seed=seed)
    x = np.random.default_rng(seed).integers(0, network.inputs[0].high + 1, (300, 20))
    wanted = Model(network).run(x, mode="collapsed", trace=True)
    latency = as_latency(network)
    found = Model(latency).run(x, mode="stepwise", trace=True)
    assert found.values.tolist() == wanted.values.tolist()
    assert found.labels.tolist() == wanted.labels.tolist()
    for population in network.populations[:-1]:
        # A level is one spike, however large.
        fired = (wanted.trace.spikes[population.name][0] > 0).sum(dim=1)
        assert found.events[population.name].tolist() == fired.tolist()
        assert found.trace.spikes[population.name].sum(dim=0).max() == 1


def test_convolutions_and_branches_of_one_depth():
    rng = np.random.default_rng(2)
    wires = [
        ("x", "a", convolution(rng, 4, 1, (3, 3), padding=1)),
        ("x", "b", convolution(rng, 4, 1, (1, 1))),
        ("a", "c", convolution(rng, 3, 4, (3, 3), stride=2)),
        ("b", "c", convolution(rng, 3, 4, (3, 3), stride=2)),
        ("c", "out", dense(rng, 27, 4)),
    ]
    shapes = {"a": (4, 7, 7), "b": (4, 7, 7), "c": (3, 3, 3), "out": (4,)}
    network = branching({"x": (1, 7, 7)}, shapes, wires, seed=1)
    x = rng.integers(0, network.inputs[0].high + 1, (100, 49))
    wanted = Model(network).run(x, mode="collapsed")
    found = Model(as_latency(network)).run(x, mode="stepwise")
    assert found.values.tolist() == wanted.values.tolist()


def test_what_cannot_be_is_named():
    rng = np.random.default_rng(2)
    skip = [
        ("x", "a", convolution(rng, 1, 1, (3, 3), padding=1)),
        ("x", "out", Identity()),
        ("a", "out", Identity()),
    ]
    network = branching({"x": (1, 4, 4)}, {"a": (1, 4, 4), "out": (1, 4, 4)}, skip, seed=1)
    text = "population 'out': all sources of a population must fire in one phase, found"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(text)}"):
        as_latency(network)
    pooled = [("x", "a", max_pool((2, 2), stride=2)), ("a", "out", dense(rng, 4, 2))]
    network = branching(
        {"x": (1, 4, 4)}, {"a": (1, 2, 2), "out": (2,)}, pooled, seed=1, relays=("a",)
    )
    with pytest.raises(UnsupportedError, match=r"^population 'a': first spikes have no functions"):
        as_latency(network)
    plain = bounded_chain((6, 4, 3), seed=1)
    with pytest.raises(UnsupportedError, match=r"^first spikes need a network that may run"):
        as_latency(replace(plain, modes=(Mode.STEPWISE,)))
