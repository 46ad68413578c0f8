"""Networks of methods, whose somas nothing else has, in hardware: every spike of every step.

Constant inputs with a bias in every step, with binary neurons that fire below what a spike takes,
ternary ones of either negative threshold without an upper bound, bursts, leaks, leaky readouts.
"""

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.model import Model
from spikewright.golden.spec import BiasWhen, Encoding, Fire, Mode
from support import fuzz
from support.by_hand import G, converted, tiny

STEPS = 8
SAMPLES = np.array([[a, b] for a in range(4) for b in range(4)])
WANTED = {
    # method: levels, fire, and what of a soma is there
    "rate": (4, Fire.BINARY, ()),
    "neuron-norm": (8, Fire.TERNARY, ("threshold_negative", "s_min")),
    "fast-snn": (4, Fire.TERNARY, ("threshold_negative", "s_min")),
    "dsr": (4, Fire.BINARY, ("reset_amount",)),
    "dsr-lif": (4, Fire.BINARY, ("reset_amount", "leak_v")),
    "hybrid": (4, Fire.BINARY, ("leak_v",)),
    "bursts": (6, Fire.BURST, ()),
}


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=pytest.mark.rest) if name in ("rate", "dsr", "hybrid") else name
        for name in WANTED
    ],
)
def test_every_spike_of_a_method(tmp_path, method):
    levels, fire, there = WANTED[method]
    module = tiny((12.0, -3.0)) if method == "neuron-norm" else tiny()
    network = converted(method, levels, module).network
    soma = network.population(G).soma
    assert network.inputs[0].encoding is Encoding.CONSTANT and soma.fire is fire
    assert soma.bias_when is BiasWhen.EVERY and soma.bias.any() and soma.s_max is None
    optional = ("threshold_negative", "s_min", "reset_amount", "leak_v")
    assert tuple(name for name in optional if getattr(soma, name) is not None) == there
    assert (network.populations[-1].soma.leak_v is not None) == (method == "dsr-lif")
    ran = Model(network).run(SAMPLES, mode=Mode.STEPWISE, steps=STEPS, trace=True)
    sent = set(ran.trace.spikes[G].unique().tolist())
    assert {0, 1} <= sent and (-1 in sent) == (fire is Fire.TERNARY)
    assert (max(sent) > 1) == (fire is Fire.BURST)
    case = fuzz.Case(
        network=network,
        plan=default_plan(network, Mode.STEPWISE, lanes=2),
        inputs={"input": SAMPLES},
        steps=STEPS,
        keep=None,
        stalls=("010", "0010"),
    )
    fuzz.check(case, tmp_path)


@pytest.mark.rest
@pytest.mark.parametrize("method", WANTED)
def test_the_same_from_generated_verilog(tmp_path, method):
    levels, _, _ = WANTED[method]
    network = converted(method, levels).network
    generate(network, default_plan(network, Mode.STEPWISE, lanes=2), tmp_path)
    report = cosimulate(network, tmp_path, SAMPLES, steps=STEPS, simulator="icarus")
    assert (report.samples, report.mismatches) == (len(SAMPLES), 0)
    assert report.spikes_compared > 0
