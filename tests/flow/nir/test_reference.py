"""Steps against the continuous solution, and against the equations in plain numbers."""

import math
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import PRESETS, Discretisation
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError

TAU = 2e-2


def network(node, n=1, *, weight=None):
    nodes = {
        "input": nir.Input({"input": np.array([n])}),
        "w": nir.Linear(weight=np.eye(n) if weight is None else weight),
        "p": node,
        "output": nir.Output({"output": np.array([n])}),
    }
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    return graph_of(nir.NIRGraph(nodes=nodes, edges=edges, type_check=False), where="graph")


def vector(value, n=1):
    return np.full(n, value)


def lif(threshold=1e9, leak=0.0):
    return nir.LIF(
        tau=vector(TAU), r=vector(2.0), v_leak=vector(leak), v_threshold=vector(threshold)
    )


@pytest.mark.parametrize("leak", [0.0, -0.5])
@pytest.mark.parametrize(("dt", "error"), [(1e-3, 4e-2), (1e-4, 4e-3), (1e-5, 4e-4)])
def test_euler_follows_the_continuous_solution(dt, error, leak):
    """tau v' = v_leak - v + R I has v = (v_leak + R I) (1 - exp(-t / tau)) from v = 0."""
    steps = round(3 * TAU / dt)
    reference = Reference(network(lif(leak=leak)), Discretisation(dt=dt))
    found = reference.run({"input": torch.ones(1, steps, 1)}).membranes["p"].flatten()
    t = dt * torch.arange(1, steps + 1)
    wanted = (leak + 2.0) * (1 - torch.exp(-t / TAU))
    assert (found - wanted).abs().max() < error
    assert (found - wanted).abs().max() > 0  # it is a method of first order, not the solution


def test_the_exponential_decays_as_the_solution_does():
    reference = Reference(network(lif()), Discretisation(dt=1e-3, decay="exponential"))
    x = torch.zeros(1, 50, 1)
    x[0, 0] = 1
    found = reference.run({"input": x}).membranes["p"].flatten()
    wanted = 2.0 * torch.exp(-1e-3 * torch.arange(50) / TAU)
    assert torch.allclose(found, wanted.double(), rtol=1e-6)


def test_the_first_spike_comes_when_the_solution_crosses_the_threshold():
    dt, threshold = 1e-5, 1.5
    steps = round(3 * TAU / dt)
    reference = Reference(network(lif(threshold)), Discretisation(dt=dt))
    spikes = reference.run({"input": torch.ones(1, steps, 1)}).spikes["p"].flatten()
    crossing = -TAU * math.log(1 - threshold / 2.0)
    assert abs(float(spikes.nonzero()[0]) * dt - crossing) < 3 * dt
    period = torch.diff(spikes.nonzero().flatten())
    assert (period - crossing / dt).abs().max() < 3


def scalar(node, rule, xs):
    """CubaLIF by the equations of NIR, Euler, one neuron."""
    i = v = 0.0
    out = []
    for x in xs:
        i += rule.dt / node.tau_syn[0] * (node.w_in[0] * x - i)
        v += rule.dt / node.tau_mem[0] * (node.v_leak[0] - v + node.r[0] * i)
        fires = v > node.v_threshold[0] if rule.compare == "above" else v >= node.v_threshold[0]
        out.append(int(fires))
        if fires:
            v = v - node.v_threshold[0] if rule.reset == "subtract" else node.v_reset[0]
    return out


@pytest.mark.parametrize("reset", ["subtract", "value"])
@pytest.mark.parametrize("compare", ["above", "reached"])
def test_a_cuba_neuron_is_its_equations(reset, compare):
    node = nir.CubaLIF(
        tau_syn=vector(5e-4),
        tau_mem=vector(9e-4),
        r=vector(3.0),
        v_leak=vector(0.1),
        v_threshold=vector(0.8),
        w_in=vector(2.0),
    )
    rule = Discretisation(dt=1e-4, reset=reset, compare=compare)
    x = torch.from_numpy(np.random.default_rng(1).random((1, 300, 1)) < 0.3)
    found = Reference(network(node), rule).run({"input": x}).spikes["p"].flatten()
    wanted = scalar(node, rule, x.flatten().double().tolist())
    assert found.int().tolist() == wanted
    assert 5 < sum(wanted) < 250


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tau": vector(1e-5)}, "Euler's method must have a step shorter than the time constant"),
        ({"tau": vector(-1.0)}, "a time constant must be finite and above 0, found -1"),
        ({"tau": vector(np.inf)}, "a time constant must be finite and above 0, found inf"),
        ({"v_threshold": vector(0.0)}, "a threshold must be finite and above 0, found 0"),
    ],
)
def test_wrong_parameters(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        Reference(network(replace(lif(), **changes)), PRESETS["snntorch"])


def test_time_constants_of_one_population_are_one():
    node = nir.LIF(
        tau=np.array([1e-2, 2e-2]),
        r=vector(1.0, 2),
        v_leak=vector(0.0, 2),
        v_threshold=vector(1.0, 2),
    )
    with pytest.raises(ConfigurationError, match=r"node 'p': tau must be the same for all neurons"):
        Reference(network(node, 2), PRESETS["snntorch"])
