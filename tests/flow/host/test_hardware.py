"""The host and the hardware, which were written from the same page, with a line between them."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.link import LinkPlan
from support.chains import bounded_chain, inputs_for
from support.line import Hostility, Line
from support.link_hardware import LinkedHardware
from support.linked import golden_device, make_project
from support.loading import loadable

GOOD = Hostility(delay_s=1e-3)
HOSTILE = Hostility(
    flip=2e-3, drop=1e-3, repeat=1e-3, burst=5e-4, reset=0.01, delay_s=1e-3, pieces=100
)


@pytest.mark.parametrize(
    ("mode", "hostility", "seed"),
    [
        (Mode.COLLAPSED, GOOD, 0),
        *(pytest.param(mode, HOSTILE, 1, marks=pytest.mark.rest) for mode in Mode),
    ],
)
def test_answers_are_the_golden_models(tmp_path, mode, hostility, seed):
    network = bounded_chain((7, 5, 3), seed=1)
    plan = default_plan(network, mode)
    manifest = make_project(tmp_path, network, plan)
    x = inputs_for(network, 6)
    steps = 4 if mode is Mode.STEPWISE else None
    _, expected = golden_device(tmp_path, network, manifest, {"x": x}, steps=steps)
    hardware = LinkedHardware(network, plan, sizes=LinkPlan(inbox=256, outbox=256))
    line = Line(hardware, hostility, seed)
    in_order = manifest.output.layout.in_order
    with Device(line, tmp_path) as device:
        assert device.identity.board == "simulated"
        results = device.infer({"x": x}, steps=steps)
        for result, wanted in zip(results, expected, strict=True):
            assert np.array_equal(in_order(result.tokens), in_order(wanted))
        # One alone, of which the hardware tells how long it took.
        device.counters(clear=True)
        (alone,) = device.infer({"x": x[1:2]}, steps=steps)
        assert alone.latency_cycles is None or 10 < alone.latency_cycles < 5000
        counters = device.counters()
        if hostility is GOOD:
            assert alone.latency_cycles is not None and device.statistics.again == 0
            assert counters.cores["h0"]["spikes_in"] == np.count_nonzero(x[1])
        assert device.echo(bytes(range(100, 200))) == bytes(range(100, 200))


@pytest.mark.rest
@pytest.mark.parametrize(("hostility", "seed"), [(GOOD, 0), (HOSTILE, 1)])
def test_networks_that_are_loaded(tmp_path, hostility, seed):
    """Two of one shape, and other thresholds: the hardware computes what it was loaded with."""
    a, b = (bounded_chain((7, 5, 3), seed=seed) for seed in (1, 2))
    hidden = a.population("h0")
    soma = replace(hidden.soma, threshold=hidden.soma.threshold + 1)
    c = replace(a, name="c", populations=(replace(hidden, soma=soma), a.population("out")))
    plan = loadable(a)
    x = inputs_for(a, 4)
    hardware = LinkedHardware(a, plan, sizes=LinkPlan(inbox=256, outbox=256))
    with Device(Line(hardware, hostility, seed)) as device:
        assert not device.identity.ready and device.identity.loads
        before, sizes = None, []
        for network in (b, a, c):
            folder = tmp_path / network.name
            manifest = make_project(folder, network, plan)
            _, expected = golden_device(folder, network, manifest, {"x": x})
            # c is a with other thresholds.
            base = before if network is c else None
            sizes.append(device.load(folder, base=base).bytes)
            before = folder
            device.reset()
            in_order = manifest.output.layout.in_order
            for result, wanted in zip(device.infer({"x": x}), expected, strict=True):
                assert np.array_equal(in_order(result.tokens), in_order(wanted))
        assert sizes[0] == sizes[1] and (sizes[2] < sizes[1] or hostility is HOSTILE)
