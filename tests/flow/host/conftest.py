"""Projects that devices are of."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.line import Line
from support.linked import golden_device, make_project
from support.loading import loadable


@pytest.fixture(scope="session")
def chain(tmp_path_factory):
    """A small network, collapsed; samples of which the golden model's answers are known."""
    folder = tmp_path_factory.mktemp("host") / "p"
    network = bounded_chain((12, 9, 4), seed=1)
    manifest = make_project(folder, network, default_plan(network, Mode.COLLAPSED))
    x = np.asarray(inputs_for(network, 200))

    def device(**settings):
        return golden_device(folder, network, manifest, {"x": x}, **settings)

    _, expected = device()

    def opened(line=None, **settings):
        return Device(line or Line(device()[0]), folder, **settings)

    return SimpleNamespace(
        folder=folder, network=network, manifest=manifest, x=x, expected=expected,
        device=lambda **settings: device(**settings)[0], opened=opened,
    )  # fmt: skip


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """Two networks of one shape, a and b, for one design; and c, which has b's weights of its first
    layer, and other thresholds and biases: folder, network and manifest of each.
    """
    root = tmp_path_factory.mktemp("pair")
    a, b = (bounded_chain((12, 9, 4), seed=seed) for seed in (1, 2))
    hidden = b.population("h0")
    soma = replace(hidden.soma, threshold=hidden.soma.threshold + 1, bias=hidden.soma.bias - 1)
    c = replace(b, name="c", populations=(replace(hidden, soma=soma), b.population("out")))
    plan = loadable(a)
    found = {}
    for name, network in zip("abc", (a, b, c), strict=True):
        manifest = make_project(root / name, network, plan)
        found[name] = SimpleNamespace(folder=root / name, network=network, manifest=manifest)
    return SimpleNamespace(**found, x=np.asarray(inputs_for(a, 20)), plan=plan)
