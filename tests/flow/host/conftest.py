"""Projects that devices are of."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.line import Line
from support.linked import golden_device, make_project
from support.loading import loadable_projects


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
    """Networks for one design, as ``loadable_projects``."""
    return loadable_projects(tmp_path_factory.mktemp("pair"))
