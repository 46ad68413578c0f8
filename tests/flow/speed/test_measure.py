"""One run that measures; no speed is judged here."""

import pytest
import torch

from spikewright.flow.progress import silent
from spikewright.flow.speed import bare as bare_simulation
from spikewright.flow.speed import measure, measure_speed, speed_table
from spikewright.flow.speed.clock import one_thread, take_time
from spikewright.flow.speed.peers import PEERS
from spikewright.flow.speed.subject import SUBJECTS, Subject
from spikewright.flow.tools import simulator_environment
from spikewright.golden.errors import ConfigurationError, MismatchError
from spikewright.golden.model import Model

TINY = Subject(
    name="tiny",
    sizes=(9, 6, 4),
    lanes=(3, 4),
    density=0.4,
    thresholds=(7, 5),
    model_samples=7,
    simulated_samples=20,
    steps=5,
)


def missing(network):
    raise ImportError("no such package")


@pytest.mark.parametrize("subject", [TINY, *SUBJECTS], ids=lambda each: each.name)
@pytest.mark.parametrize("framework", list(PEERS))
def test_every_framework_spikes_as_the_golden_model(framework, subject):
    pytest.importorskip(framework)
    network = subject.network()
    events = torch.from_numpy(subject.inputs(40))
    spikes = Model(network).run(events, mode="stepwise", trace=True).trace.spikes["layer_2"]
    share = spikes.float().mean()
    assert 0.05 < share < 0.6  # else it says little
    peer = PEERS[framework](network)
    for _ in range(2):  # each run begins anew
        assert torch.equal(peer(events.transpose(0, 1).float()).long(), spikes)


def unoptimised(simulator, **_):
    return simulator_environment(simulator, optimise="-O0")


def test_a_run(tmp_path, monkeypatch):
    # The compiler would take most of the time.
    monkeypatch.setattr(bare_simulation, "simulator_environment", unoptimised)
    monkeypatch.setattr(measure, "SUBJECTS", (TINY,))
    monkeypatch.setattr(measure, "PEERS", {"snntorch": PEERS["snntorch"], "spikingjelly": missing})
    found = measure_speed(tmp_path, working=silent)
    tiny = found["networks"]["tiny"]
    assert tiny["models"]["samples"] == 7
    assert tiny["models"]["spikingjelly"] == {"skipped": "spikingjelly is not installed"}
    assert tiny["models"]["golden"]["samples_per_second"] > 0
    simulations = tiny["simulations"]
    assert simulations["samples"] == 20
    assert simulations["one_process"]["spikes_compared"] > 20
    cosimulated, bare = simulations["one_process"]["cycles"], simulations["bare"]["cycles"]
    # A testbench runs each batch until nothing can come any more.
    assert 0.5 * cosimulated < bare < cosimulated
    table = speed_table(found)
    assert "tiny: 9-6-4, 5 steps; 7 samples, all output spikes equal" in table
    assert "| spikingjelly | spikingjelly is not installed |  |  |" in table
    assert found["measured"]["date"] in table and "verilator 5" in table


def test_a_framework_that_differs_is_an_error(tmp_path, monkeypatch):
    def other(network):
        def run(events):
            spikes = torch.zeros(5, 7, 4)
            spikes[:] = (
                Model(network)
                .run(events.transpose(0, 1).long(), mode="stepwise", trace=True)
                .trace.spikes["layer_2"]
            )
            spikes[2, 3, 1] = 5 - spikes[2, 3, 1]
            return spikes

        return run

    monkeypatch.setattr(measure, "SUBJECTS", (TINY,))
    monkeypatch.setattr(measure, "PEERS", {"snntorch": other})
    message = r"^network 'tiny', sample 3, step 2, neuron 1: snntorch must spike .*, found [45]$"
    with pytest.raises(MismatchError, match=message):
        measure_speed(tmp_path)


def test_samples_must_be_some(tmp_path):
    with pytest.raises(ConfigurationError, match="^samples must be at least 1, found 0$"):
        measure_speed(tmp_path, samples=0)


def test_time_is_that_of_the_fastest_run():
    calls = []
    taken = take_time(lambda: calls.append(1), runs=3)
    assert len(calls) == 4
    assert taken.seconds >= 0 and taken.processor_seconds >= 0


def test_one_thread_is_taken_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
