"""Every preset is what its framework makes of a file, spike for spike.

Where a framework is not installed, what its sources compute stands here in a few lines.
"""

import math

import nir
import numpy as np
import pytest
import torch

from spikewright.flow.nir import PRESETS, preset_of
from spikewright.flow.nir.graph import graph_of
from spikewright.flow.nir.preset import check_preset
from spikewright.flow.nir.reference import Reference
from spikewright.golden.errors import ConfigurationError
from support.frameworks import needs

N, STEPS, BATCH = 6, 60, 20
ONE = np.ones(N)
X = (torch.rand(BATCH, STEPS, 10, generator=torch.Generator().manual_seed(1)) < 0.2).double()

# The frameworks still call these; what they do is what is wanted.
DEPRECATED = pytest.mark.filterwarnings(
    r"ignore:nirtorch\.(load|extract_nir_graph) is being deprecated:DeprecationWarning"
)


def graph(node, weight, *, again=None):
    """Weights, a population, and where given weights from it to itself."""
    ends = {"input": nir.Input({"input": np.array([10])})}
    ends["output"] = nir.Output({"output": np.array([N])})
    nodes = {"w": nir.Affine(weight=weight, bias=np.zeros(N)), "p": node}
    edges = [("input", "w"), ("w", "p"), ("p", "output")]
    if again is not None:
        nodes["again"] = nir.Linear(weight=again)
        edges += [("p", "again"), ("again", "p")]
    return nir.NIRGraph(nodes=ends | nodes, edges=edges, type_check=False)


def ours(whole, rule, steps=STEPS):
    found = graph_of(whole, where="graph")
    return Reference(found, rule).run({"input": X[:, :steps]}).spikes["p"]


def equal(found, wanted, least=50):
    assert wanted.sum() > least
    assert found.tolist() == wanted.tolist()


def weights(seed, scale=1.0):
    return np.random.default_rng(seed).normal(size=(N, 10)) * scale


def whole_weights(seed):
    """With membranes that reach their threshold exactly."""
    return np.random.default_rng(seed).integers(-2, 4, (N, 10)) * 1.0


def lif(preset, *, tau=4, **changes):
    times = tau * preset_of(preset).dt * ONE
    options = {"tau": times, "r": ONE, "v_leak": 0 * ONE, "v_threshold": ONE, "v_reset": 0 * ONE}
    return nir.LIF(**(options | changes))


def cuba(preset, **changes):
    dt = preset_of(preset).dt
    options = {"tau_mem": 8 * dt * ONE, "tau_syn": 4 * dt * ONE, "r": 8 * ONE, "w_in": 4 * ONE}
    options |= {"v_leak": 0 * ONE, "v_threshold": ONE, "v_reset": 0 * ONE}
    return nir.CubaLIF(**(options | changes))


# --- of frameworks that are installed ----------------------------------------------------------


def stepped(module):
    """Spikes of a module that takes its state and returns it."""
    module, state, found = module.double(), None, []
    with torch.no_grad():
        for step in range(STEPS):
            y, state = module(X[:, step], state)
            found.append(y[0] if isinstance(y, tuple) else y)
    return torch.stack(found)


@pytest.mark.parametrize("kind", ["lif", "cuba", "scaled"])
def test_snntorch(kind, capsys):
    snn = needs("snntorch", "snntorch.import_nir")
    node = {
        "lif": lif("snntorch", r=4 * ONE),
        "cuba": cuba("snntorch"),
        "scaled": lif("snntorch", r=1.5 * ONE),
    }[kind]
    whole = graph(node, weights(0))
    equal(ours(whole, preset_of("snntorch")), stepped(snn.import_from_nir(whole)))
    capsys.readouterr()


def test_snntorch_and_whole_weights(capsys):
    snn = needs("snntorch", "snntorch.import_nir")
    whole = graph(lif("snntorch", tau=2, r=2 * ONE, v_threshold=3 * ONE), whole_weights(3))
    equal(ours(whole, preset_of("snntorch")), stepped(snn.import_from_nir(whole)))
    capsys.readouterr()


@DEPRECATED
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_snntorch_as_it_trains(reset, capsys):
    """Its neurons subtract a step later, unless they are told otherwise; no file says so."""
    snn = needs("snntorch")
    export = needs("snntorch", "snntorch.export_nir").export_to_nir
    layer = torch.nn.Linear(10, N)
    layer.weight.data = torch.from_numpy(weights(4)).float()
    neuron = snn.Leaky(
        beta=torch.full((N,), 0.75),
        threshold=torch.full((N,), 0.8),
        init_hidden=True,
        reset_mechanism=reset,
    )
    module = torch.nn.Sequential(layer, neuron)
    made = graph_of(export(module, X[0, 0].float()), where="graph")
    rule = preset_of("snntorch")
    if reset == "subtract":
        rule = rule.everywhere(reset="subtract", reset_delay=True)
    (name,) = made.populations
    (source,) = made.inputs
    reference = Reference(made, rule, shapes={source: (10,)})
    found = reference.run({source: X}).spikes[name]
    neuron.mem = torch.zeros(BATCH, N)
    module = module.double()
    with torch.no_grad():
        wanted = torch.stack([module(X[:, step]) for step in range(STEPS)])
    equal(found, wanted)
    capsys.readouterr()


@DEPRECATED
@pytest.mark.parametrize("kind", ["if", "lif"])
def test_sinabs(kind):
    module = needs("sinabs", "sinabs.nir")
    threshold = 2.0 * ONE
    node = lif("sinabs", v_threshold=threshold)
    w = weights(2, 3.0)
    if kind == "if":
        node = nir.IF(r=ONE, v_threshold=threshold)
        w = whole_weights(2) - 1
    made = module.from_nir(graph(node, w), batch_size=BATCH).double()
    # It leaves its leaks in single precision.
    made.p.tau_mem = torch.nn.Parameter(torch.full((N,), 4.0).double()) if kind == "lif" else None
    with torch.no_grad():
        wanted = made(X.flatten(0, 1))[0].unflatten(0, (BATCH, STEPS)).transpose(0, 1)
    equal(ours(graph(node, w), preset_of("sinabs")), wanted)
    assert wanted.max() > 1
    if kind == "if":  # the floor is of this kind alone, and matters
        rule = preset_of("sinabs").changed("IF")
        assert ours(graph(node, w), rule).tolist() != wanted.tolist()


@pytest.mark.parametrize("kind", ["if", "whole", "decays", "keeps", "cuba"])
def test_spikingjelly(kind):
    exchange = needs("spikingjelly", "spikingjelly.activation_based.nir_exchange")
    leaks = {"v_leak": -0.5 * ONE, "v_reset": -0.5 * ONE}
    node = {
        "if": nir.IF(r=1e4 * ONE, v_threshold=ONE, v_reset=0.3 * ONE),
        "whole": nir.IF(r=1e4 * ONE, v_threshold=3 * ONE, v_reset=ONE),
        "decays": lif("spikingjelly", **leaks),
        "keeps": lif("spikingjelly", r=4 * ONE, **leaks),
        "cuba": cuba("spikingjelly", v_reset=0.25 * ONE),
    }[kind]
    whole = graph(node, whole_weights(5) if kind == "whole" else weights(5, 1.5))
    wanted = stepped(exchange.import_from_nir(whole, dtype=torch.float64))
    equal(ours(whole, preset_of("spikingjelly")), wanted)


# --- of frameworks that are not ------------------------------------------------------------------


def currents(weight, steps=STEPS):
    return X[:, :steps].numpy() @ weight.T


@pytest.mark.parametrize("leak", [0.0, 0.4])
def test_norse(leak):
    """functional/lif_box.py, lif_box_feed_forward_step, from module/lif_box.py, initial_state."""
    w, dt = weights(6, 3.0), 1e-3
    node = lif("norse", v_leak=leak * ONE)
    v, wanted = np.full((BATCH, N), leak), []
    for step in range(STEPS):
        v = v + dt * (1 / node.tau) * (currents(w)[:, step] + leak - v)
        z = (v - 1 > 0) * 1.0
        v = (1 - z) * v + z * 0.0
        wanted.append(z)
    equal(ours(graph(node, w), preset_of("norse")), torch.from_numpy(np.stack(wanted)))


def test_norse_integrates():
    """functional/iaf.py, iaf_feed_forward_step: v_new = v + x; v > v_th; to v_reset, 0."""
    w = whole_weights(7)
    v, wanted = np.zeros((BATCH, N)), []
    for step in range(STEPS):
        v = v + currents(w)[:, step]
        z = (v - 3 > 0) * 1.0
        v = (1 - z) * v + z * 0.0
        wanted.append(z)
    node = nir.IF(r=ONE, v_threshold=3 * ONE)
    equal(ours(graph(node, w), preset_of("norse")), torch.from_numpy(np.stack(wanted)))


def test_norse_with_a_current():
    """utils/import_nir.py, CubaLIF.forward: LIBoxCell of w_in * x, LIFBoxCell of r times it."""
    w, dt = weights(8), 1e-3
    node = cuba("norse")
    i, v, wanted = np.zeros((BATCH, N)), np.zeros((BATCH, N)), []
    for step in range(STEPS):
        i = i + dt / node.tau_syn * (0 - i + node.w_in * currents(w)[:, step])
        v = v + dt / node.tau_mem * (node.r * i + 0 - v)
        z = (v - 1 > 0) * 1.0
        v = (1 - z) * v
        wanted.append(z)
    equal(ours(graph(node, w), preset_of("norse")), torch.from_numpy(np.stack(wanted)))


def rockpool_r(tau, dt):
    """nn/modules/torch/nir.py, _extract_rockpool_module."""
    return tau * math.exp(-dt / tau) / dt * ONE


def test_rockpool():
    """lif_neuron_torch.py, LIFNeuronTorch.forward, and lif_torch.py, StepPWL.forward."""
    w, tau, dt = weights(9, 0.6), 0.02, 1e-3
    node = lif("rockpool", tau=20, r=rockpool_r(tau, dt))
    v, wanted = np.zeros((BATCH, N)), []
    for step in range(STEPS):
        v = v * math.exp(-dt / tau)
        v = v + currents(w)[:, step]
        z = (v >= 1) * np.floor(v / 1)
        v = v - z
        wanted.append(z)
    equal(ours(graph(node, w), preset_of("rockpool")), torch.from_numpy(np.stack(wanted)))


@pytest.mark.parametrize("recurrent", [False, True])
def test_rockpool_with_a_current(recurrent):
    """lif_torch.py, LIFTorch.forward: the current decays before the membrane takes it."""
    w, dt = weights(10, 0.3), 1e-3
    tau_mem, tau_syn = 0.02, 0.01
    # Its export leaves w_in at 1.
    node = cuba(
        "rockpool",
        tau_mem=tau_mem * ONE,
        tau_syn=tau_syn * ONE,
        w_in=ONE,
        r=rockpool_r(tau_mem, dt),
    )
    again = np.random.default_rng(1).normal(size=(N, N)) * 0.1 if recurrent else np.zeros((N, N))
    v, i, z, wanted = (np.zeros((BATCH, N)) for _ in range(4))
    wanted = []
    for step in range(STEPS):
        i = i + currents(w)[:, step] + z @ again.T
        v = v * math.exp(-dt / tau_mem)
        i = i * math.exp(-dt / tau_syn)
        v = v + i
        z = (v >= 1) * np.floor(v / 1)
        v = v - z
        wanted.append(z)
    whole = graph(node, w, again=again if recurrent else None)
    wanted = torch.from_numpy(np.stack(wanted))
    equal(ours(whole, preset_of("rockpool")), wanted)
    assert wanted.max() > 1


def test_rockpool_reads_what_never_fires():
    """exp_syn_torch.py, ExpSynTorch.forward: isyn += input, then isyn *= beta."""
    w, tau, dt = weights(11), 0.02, 1e-3
    node = nir.LI(tau=tau * ONE, r=rockpool_r(tau, dt), v_leak=0 * ONE)
    found = graph_of(graph(node, w), where="graph")
    found = Reference(found, preset_of("rockpool")).run({"input": X}).membranes["p"]
    i = np.zeros((BATCH, N))
    for step in range(STEPS):
        i = (i + currents(w)[:, step]) * math.exp(-dt / tau)
        assert np.allclose(found[step].numpy(), i, rtol=1e-9, atol=1e-12)


def test_rockpool_states_its_step():
    node = lif("rockpool", tau=20, r=rockpool_r(0.02, 2e-3))
    rule = preset_of("rockpool")
    with pytest.raises(
        ConfigurationError, match=r"node 'p': r must be tau \* exp\(-dt / tau\) / dt"
    ):
        ours(graph(node, weights(0)), rule)
    assert ours(graph(node, weights(0)), rule.everywhere(dt=2e-3)).sum() > 50


@pytest.mark.parametrize("kind", ["lif", "cuba"])
def test_lava(kind):
    """proc/lif/models.py, AbstractPyLifModelFloat.subthr_dynamics and PyLifModelFloat.run_spk."""
    w, dt = weights(12, 0.7), 1e-4
    node = cuba("lava") if kind == "cuba" else lif("lava", r=4 * ONE)
    du = dt / node.tau_syn if kind == "cuba" else ONE
    dv = dt / (node.tau_mem if kind == "cuba" else node.tau)
    gain = node.r * dv * (node.w_in * du if kind == "cuba" else 1)
    u, v, wanted = np.zeros((BATCH, N)), np.zeros((BATCH, N)), []
    for step in range(STEPS):
        u = u * (1 - du) + gain * currents(w)[:, step]
        v = v * (1 - dv) + u
        z = v > 1
        v = np.where(z, 0.0, v)
        wanted.append(z * 1.0)
    equal(ours(graph(node, w), preset_of("lava")), torch.from_numpy(np.stack(wanted)))


# --- what they do not hear -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "node", "text"),
    [
        ("snntorch", nir.IF(r=ONE, v_threshold=ONE), "of a framework that has IF, found snntorch"),
        ("snntorch", lif("snntorch", v_leak=0.5 * ONE), "v_leak of LIF must be 0 .* found 0.5"),
        ("snntorch", lif("snntorch", v_reset=-ONE), "v_reset of LIF must be 0 .* found -1"),
        ("norse", lif("norse", r=2 * ONE), "r of LIF must be 1 with the preset norse, .* found 2"),
        ("norse", lif("norse", v_reset=0.5 * ONE), "v_reset of LIF must be 0 .* found 0.5"),
        ("norse", cuba("norse", v_leak=0.5 * ONE), "v_leak of CubaLIF must be 0 .* found 0.5"),
        ("sinabs", lif("sinabs", r=3 * ONE), "r of LIF must be 1 with the preset sinabs"),
        ("sinabs", cuba("sinabs"), "of a framework that has CubaLIF, found sinabs"),
        ("rockpool", lif("rockpool", v_leak=ONE), "v_leak of LIF must be 0 with the preset rockp"),
        ("lava", cuba("lava", v_reset=ONE), "v_reset of CubaLIF must be 0 with the preset lava"),
    ],
)
def test_what_a_framework_leaves_out(preset, node, text):
    with pytest.raises(ConfigurationError, match=text):
        check_preset(preset, graph_of(graph(node, weights(0)), where="g"), where="g")


def test_what_is_left_is_taken():
    for preset in PRESETS:
        node = lif(preset) if preset != "norse" else lif(preset, v_leak=0.5 * ONE)
        check_preset(preset, graph_of(graph(node, weights(0)), where="g"), where="g")
    check_preset("norse", graph_of(graph(cuba("norse"), weights(0)), where="g"), where="g")


def test_the_kind_of_a_node_and_a_name_of_its_own():
    rule = preset_of("sinabs")
    assert (rule.of("p", "IF").floor, rule.of("p", "LIF").floor, rule.of("p").floor) == (
        1,
        None,
        None,
    )
    own = rule.changed("p", bursts=3)
    assert (own.of("p", "IF").bursts, own.of("q", "IF").floor) == (3, 1)
