"""Real hardware against the golden model, in both simulators."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim import CosimReport, cosimulate, run
from spikewright.flow.cosim.launch import launch
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, FileError, MismatchError
from spikewright.golden.spec import Decision, Encoding, Mode
from spikewright.hdl.plan import MembraneStore
from support import fuzz
from support.chains import bounded_chain, counting_chain, inputs_for

MODES = (Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED)


def check(folder, network, mode, *, lanes=4, membranes=None, samples=12, steps=None, **options):
    generate(network, default_plan(network, mode, lanes=lanes, membranes=membranes), folder)
    report = cosimulate(
        network,
        folder,
        inputs_for(network, samples),
        steps=steps if mode is Mode.STEPWISE else None,
        **{"simulator": "icarus"} | options,
    )
    assert report.samples == samples
    assert report.mismatches == 0
    return report


def check_alone(folder, network, mode, *, lanes=4, membranes=None, steps=None, stall_output=None):
    """As ``check``, without a process of cocotb around the simulation."""
    case = fuzz.Case(
        network=network,
        plan=default_plan(network, mode, lanes=lanes, membranes=membranes),
        inputs={"x": inputs_for(network, 12)},
        steps=steps if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=(None, stall_output),
    )
    fuzz.check(case, folder)


def test_spikes_that_were_not_looked_at_are_an_error(tmp_path, monkeypatch):
    def forgetful(*arguments):
        result = launch(*arguments)
        return result | {"spikes_compared": result["spikes_compared"] - 3}

    monkeypatch.setattr(run, "launch", forgetful)
    network = bounded_chain((9, 6, 4), seed=3)
    generate(network, default_plan(network, Mode.COLLAPSED, lanes=4), tmp_path)
    message = r"^.*: all \d+ spikes of the golden model must have been compared, found \d+$"
    with pytest.raises(MismatchError, match=message):
        cosimulate(network, tmp_path, inputs_for(network, 4), simulator="icarus")


@pytest.mark.parametrize(
    ("simulator", "mode"),
    [
        ("icarus", Mode.STEPWISE),
        ("icarus", Mode.COLLAPSED),
        ("verilator", Mode.SETTLE),
        pytest.param("icarus", Mode.SETTLE, marks=pytest.mark.rest),
        pytest.param("verilator", Mode.STEPWISE, marks=pytest.mark.rest),
        pytest.param("verilator", Mode.COLLAPSED, marks=pytest.mark.rest),
    ],
)
def test_random_chain(tmp_path, simulator, mode):
    # A spread input makes membranes fall again, so that negative spikes happen.
    network = bounded_chain((20, 13, 9, 5), seed=11, encoding=Encoding.SPREAD, high=7)
    report = check(
        tmp_path,
        network,
        mode,
        samples=40,
        steps=5,
        simulator=simulator,
        stall_input="00100",
        stall_output="1101000",
    )
    # The readout's values are compared, but are not spikes.
    sent = [report.counters[name]["spikes_out"] for name in ("h0", "h1")]
    assert report.spikes_compared == round(40 * sum(sent)) > 200
    totals = {name: round(40 * mean) for name, mean in report.counters["h1"].items()}
    assert totals["synops"] == 9 * totals["spikes_in"] > 0
    assert report.counters["out"]["stalls"] > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ((5, 1), {"steps": 1, "lanes": 16}),
        ((1, 1, 1), {"steps": 3}),
        ((9, 1, 7, 3), {"steps": 4, "lanes": 3, "stall_output": "01"}),
        ((10, 37, 23, 10), {"steps": 1, "lanes": 8, "membranes": MembraneStore.BLOCK}),
        ((10, 11, 4), {"steps": 8, "lanes": 2, "membranes": MembraneStore.LUTRAM}),
    ],
)
def test_odd_shapes(tmp_path, mode, sizes, options):
    # The first sample is all zero, in the second every input fires.
    check_alone(tmp_path, bounded_chain(sizes, seed=len(sizes)), mode, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"bits": 2, "high": 1},
        {"bits": 8, "levels": 15, "high": 15},
        {"encoding": Encoding.SPREAD, "high": 7},
        {"decision": Decision.RAW},
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_other_networks(tmp_path, mode, options):
    check_alone(tmp_path, bounded_chain((8, 9, 4), seed=21, **options), mode, steps=4)


def test_events_and_counts(tmp_path):
    report = check(tmp_path, counting_chain((12, 9, 4), seed=3), Mode.STEPWISE, samples=20)
    assert report.spikes_compared > 100


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    network = bounded_chain((6, 7, 3), seed=5)
    folder = tmp_path_factory.mktemp("made")
    generate(network, default_plan(network, Mode.SETTLE, lanes=4), folder)
    return network, folder


def test_report(made):
    network, folder = made
    told = []
    report = cosimulate(
        network, folder, inputs_for(network, 50), simulator="icarus", samples=20, batch=5,
        progress=lambda *done: told.append(done),
    )  # fmt: skip
    assert isinstance(report, CosimReport)
    assert (report.simulator, report.mode, report.samples) == ("icarus", "settle", 20)
    assert told[-1] == (20, 20)
    assert 0 < report.cycles_per_sample < report.latency_cycles
    assert report.cycles > 20 * report.cycles_per_sample
    assert report.cycles_per_second > 0
    assert report.counters["out"]["spikes_out"] == 3


def test_processes_side_by_side(made):
    network, folder = made
    inputs = inputs_for(network, 14)
    reports = [
        replace(
            cosimulate(network, folder, inputs, simulator="icarus", batch=2, jobs=jobs, **options),
            cycles_per_second=0.0,
            processor_seconds=0.0,
            build_seconds=0.0,
        )
        for options in ({}, {"reset_every": 3})
        for jobs in (1, 2)
    ]
    assert [report.jobs for report in reports] == [1, 2, 1, 2]
    for report in reports:
        for counts in report.counters.values():
            del counts["busy"]  # each process begins with clearing memories
    alone, together, stream, streams = (replace(report, jobs=1) for report in reports)
    assert together == alone
    assert streams == stream


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulator": "modelsim"}, "^the simulator must be one of verilator, icarus, found"),
        ({"stall_input": "2"}, "^stall_input: stalls must be .* found '2'$"),
        ({"stall_output": "111"}, "^stall_output: stalls must be .* with one 0, found '111'$"),
        ({"stall_output": ""}, "^stall_output: "),
        ({"stall_input": "0,1,0"}, "^stall_input: .* one for each of 1 inputs, found 3 patterns$"),
        ({"samples": 0}, "^inputs: there must be at least one sample, found none$"),
        ({"batch": 0}, "^batch must be at least 1, found 0$"),
        ({"jobs": 0}, "^jobs must be at least 1, found 0$"),
    ],
)
def test_bad_options(made, options, message):
    network, folder = made
    with pytest.raises(ConfigurationError, match=message):
        cosimulate(network, folder, inputs_for(network, 3), **{"simulator": "icarus"} | options)


def test_hardware_of_another_network(made):
    _, folder = made
    other = bounded_chain((6, 7, 3), seed=6)
    with pytest.raises(MismatchError, match="must be generated from network 'chain-6'"):
        cosimulate(other, folder, inputs_for(other, 3), simulator="icarus")


def test_folder_without_hardware(made, tmp_path):
    network, _ = made
    with pytest.raises(FileError, match="manifest.json: the file must be readable"):
        cosimulate(network, tmp_path, inputs_for(network, 3))


def test_simulation_process_needs_no_torch():
    code = (
        "import spikewright.flow.cosim.bench, spikewright.flow.cosim.simulate, sys;"
        "assert 'torch' not in sys.modules and 'amaranth' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_inputs_cover_the_extremes():
    values = inputs_for(bounded_chain((6, 7, 3), seed=5), 4)
    assert not values[0].any()
    assert np.all(values[1] == 3)
