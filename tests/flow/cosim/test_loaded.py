"""Weights in large RAMs: loaded by the testbench, every spike equal, in Verilog and in cells."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import FileError, MismatchError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import WeightStore
from support.branching import branching, convolution, dense, inputs_of
from support.chains import bounded_chain, inputs_for
from support.fuzz import Case, check


def in_spram(plan, *places):
    return replace(
        plan,
        cores=tuple(
            replace(core, weights=WeightStore.SPRAM) if k in places else core
            for k, core in enumerate(plan.cores)
        ),
    )


def chain(mode=Mode.COLLAPSED, *, places=(0, 1), stalls=(None, None), **plan):
    network = bounded_chain((20, 9, 7, 3), seed=2, high=3)
    return Case(
        network=network,
        plan=in_spram(default_plan(network, mode, **{"lanes": 5, **plan}), *places),
        inputs={"x": inputs_for(network, 6, seed=3)},
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=stalls,
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("places", "stalls"), [((1, 2), (None, None)), ((0, 1, 2), ("0100", "1010"))]
)
def test_every_spike_is_equal(tmp_path, mode, places, stalls):
    check(chain(mode, places=places, stalls=stalls), tmp_path)


@pytest.mark.parametrize("mode", list(Mode))
def test_neurons_that_decide_slice_by_slice(tmp_path, mode):
    case = chain(mode, lanes=16, sweep_lanes=4)
    assert case.plan.cores[0].sweep_lanes == 4
    check(case, tmp_path)


@pytest.mark.parametrize("mode", list(Mode))
def test_windows_and_several_ports(tmp_path, mode):
    rng = np.random.default_rng(3)
    wires = [
        ("x", "a", convolution(rng, 3, 2, (3, 3), padding=1)),
        ("y", "a", dense(rng, 4, 75)),
        ("a", "out", dense(rng, 75, 4)),
    ]
    populations = {"a": (3, 5, 5), "out": (4,)}
    network = branching({"x": (2, 5, 5), "y": (4,)}, populations, wires, seed=4)
    plan = in_spram(default_plan(network, mode, lanes=9, banks=(3, 1)), 0, 1)
    case = Case(
        network=network,
        plan=plan,
        inputs=inputs_of(network, 4, seed=1),
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=(None, None, None),
    )
    check(case, tmp_path)


def test_one_wrong_bit_is_found(tmp_path):
    def changed(verilog):
        image = tmp_path / "weights.bin"
        data = bytearray(image.read_bytes())
        # The sign of a weight of the first neuron's row.
        data[1] ^= 0x08
        image.write_bytes(data)
        return [verilog]

    with pytest.raises(MismatchError):
        check(chain(), tmp_path, mapped=changed)


def test_an_image_that_ends_early_is_found(tmp_path):
    def changed(verilog):
        bench = tmp_path / "testbench.v"
        text = bench.read_text()
        words = json.loads((tmp_path / "manifest.json").read_text())["load"]["words"]
        wanted = f"load_sent != 32'd{words}"
        assert wanted in text
        bench.write_text(text.replace(wanted, f"load_sent != 32'd{words - 1}"))
        return [verilog]

    with pytest.raises(MismatchError, match="found nothing for 20000 cycles, with 0 input tokens"):
        check(chain(), tmp_path, mapped=changed)


def test_another_image_is_refused(tmp_path):
    case = chain()
    generate(case.network, case.plan, tmp_path)
    load = read_manifest(tmp_path).load
    assert load is not None
    assert load.image.stat().st_size == 2 * load.words
    load.image.write_bytes(load.image.read_bytes()[:-1] + b"x")
    with pytest.raises(FileError, match="the image must be the one that the manifest describes"):
        read_manifest(tmp_path)
    load.image.unlink()
    with pytest.raises(
        FileError, match=r"the image must lie beside its manifest, found no weights\.bin"
    ):
        read_manifest(tmp_path)


def test_with_verilator(tmp_path):
    case = chain()
    generate(case.network, case.plan, tmp_path)
    report = cosimulate(case.network, tmp_path, case.inputs["x"], batch=2)
    assert report.samples == 6 and report.mismatches == 0
