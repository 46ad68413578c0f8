"""Steps against the continuous solution, and against the equations in plain numbers."""

import itertools
import math
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import PRESETS, Discretisation
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError, UnsupportedError

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


@pytest.mark.parametrize("leak", [0.0, -0.5])
def test_euler_is_a_method_of_first_order(leak):
    """With half the step half the error, at one and the same time; for a current that changes."""
    end, errors = 3 * TAU, []
    for dt in (4e-4, 2e-4, 1e-4, 5e-5):
        steps = round(end / dt)
        reference = Reference(network(lif(leak=leak)), Discretisation(dt=dt))
        x = torch.cat([torch.ones(steps // 2), torch.zeros(steps - steps // 2)]).double()
        found = reference.run({"input": x.reshape(1, -1, 1)}).membranes["p"][-1].item()
        half = (leak + 2.0) * (1 - math.exp(-end / 2 / TAU))
        errors.append(found - (leak + (half - leak) * math.exp(-end / 2 / TAU)))
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(abs(order - 1) < 0.02 for order in orders), orders
    assert abs(orders[-1] - 1) < abs(orders[0] - 1)


@pytest.mark.parametrize("dt", [1e-3, 7e-3])
def test_the_exponential_is_the_solution_between_inputs(dt):
    """A sum of R exp(-(t - t_k) / tau) over the inputs at t_k, whatever the step."""
    reference = Reference(network(lif()), Discretisation(dt=dt, decay="exponential"))
    x = torch.from_numpy(np.random.default_rng(0).random(60) < 0.2).double()
    found = reference.run({"input": x.reshape(1, -1, 1)}).membranes["p"].flatten()
    age = torch.arange(60)[:, None] - torch.arange(60)[None, :]
    kernel = torch.where(age >= 0, 2.0 * torch.exp(-dt * age.double() / TAU), 0.0)
    assert x.sum() > 5
    assert torch.allclose(found, kernel @ x, rtol=1e-12, atol=0)


def test_the_exponential_goes_to_its_rest():
    reference = Reference(network(lif(leak=-0.5)), Discretisation(dt=1e-3, decay="exponential"))
    found = reference.run({"input": torch.zeros(1, 80, 1)}).membranes["p"].flatten()
    t = 1e-3 * torch.arange(1, 81).double()
    assert torch.allclose(found, -0.5 * (1 - torch.exp(-t / TAU)), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"reset": "none"}, [1, 2, 3, 4, 5, 6]),
        ({"reset": "subtract"}, [1, 2, 3, 1, 2, 3]),
        ({"reset": "subtract", "amount": 1.0}, [1, 2, 3, 3, 3, 3]),
        ({"reset": "subtract", "reset_delay": True}, [1, 2, 3, 1, 2, 3]),
        ({"reset": "value"}, [1, 2, 3, 1.5, 2.5, 3.5]),
        ({"reset": "value", "refractory": 2}, [1, 2, 3, 0.5, 0.5, 1.5]),
        ({"reset": "value", "start": "reset"}, [1.5, 2.5, 3.5, 1.5, 2.5, 3.5]),
        ({"reset": "subtract", "bursts": None}, [1, 2, 3, 1, 2, 3]),
    ],
    ids=str,
)
def test_a_membrane_as_its_threshold_sees_it(changes, wanted):
    """An input of 1 a step, a threshold of 3 that is reached."""
    value = 0.5 if changes["reset"] == "value" else 0.0
    node = nir.IF(r=vector(1.0), v_threshold=vector(3.0), v_reset=vector(value))
    rule = Discretisation(dt=1.0, compare="reached", **changes)
    found = Reference(network(node), rule).run({"input": torch.ones(1, 6, 1)})
    assert found.charged["p"].flatten().tolist() == wanted


def test_spikes_of_a_step_without_a_bound():
    node = nir.IF(r=vector(1.0), v_threshold=vector(3.0))
    x = torch.tensor([100.0, 0.0, 2.0]).reshape(1, 3, 1)
    for bursts, wanted in ((None, [33, 0, 1]), (15, [15, 15, 4])):
        rule = Discretisation(dt=1.0, reset="subtract", compare="reached", bursts=bursts)
        found = Reference(network(node), rule).run({"input": x})
        assert found.spikes["p"].flatten().tolist() == wanted


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


def test_a_membrane_that_goes_on():
    plain = {"input": nir.Input({"input": np.array([1])})}
    nodes = plain | {"p": nir.I(r=vector(1.0)), "q": lif(), "output": nir.Output({"output": [1]})}
    edges = [("input", "p"), ("p", "q"), ("q", "output")]
    whole = nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)
    text = "node 'p': a population that never fires must be the one that is read, found a path"
    with pytest.raises(UnsupportedError, match=text):
        Reference(graph_of(whole, where="graph"), PRESETS["snntorch"])


def test_time_constants_of_one_population_are_one():
    node = nir.LIF(
        tau=np.array([1e-2, 2e-2]),
        r=vector(1.0, 2),
        v_leak=vector(0.0, 2),
        v_threshold=vector(1.0, 2),
    )
    with pytest.raises(ConfigurationError, match=r"node 'p': tau must be the same for all neurons"):
        Reference(network(node, 2), PRESETS["snntorch"])
