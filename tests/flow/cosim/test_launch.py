"""The testbench and the process around it, on a stand-in whose faults are planted."""

import os

import numpy as np
import pytest

from spikewright.flow.cosim.launch import launch
from spikewright.flow.cosim.setup import Setup
from spikewright.golden.errors import FileError, MismatchError, ToolError
from support.standin import LAYOUT, VERILOG, make_vectors, write_standin


def run(folder, *, simulator="icarus", samples=6, progress=None, **changes):
    options = {"batch": 2, "watchdog": 100, "input_patterns": ["1"], "output_pattern": "1"}
    options |= changes
    setup = Setup(
        generated=str(folder),
        simulator=simulator,
        folder=str(folder / "sim"),
        samples=samples,
        optimise="-O0",
        **options,
    )
    return launch(setup, make_vectors(samples, 3), progress)


def swap(*pairs):
    verilog = VERILOG
    for before, after in pairs:
        assert before in verilog, before
        verilog = verilog.replace(before, after)
    return verilog


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_stand_in_passes(tmp_path, simulator):
    told = []
    write_standin(tmp_path)
    result = run(tmp_path, simulator=simulator, progress=lambda *done: told.append(done))
    spikes = int((LAYOUT.unpack(make_vectors(6, 3).input_words[0])[0] == 0).sum())
    assert result["difference"] is None
    assert result["spikes_compared"] == spikes
    assert result["counters"]["relay"]["synops"] == 8 * spikes
    assert told[-1] == (6, 6)


def test_stalls_change_no_token(tmp_path):
    write_standin(tmp_path)
    free = run(tmp_path)
    for input_pattern, output_pattern in (("1", "001"), ("1101", "10110")):
        stalled = run(tmp_path, input_patterns=[input_pattern], output_pattern=output_pattern)
        assert stalled["spikes_compared"] == free["spikes_compared"]
        assert stalled["cycles"] > free["cycles"]


def test_cycles_and_latency_of_the_stand_in(tmp_path):
    write_standin(tmp_path)
    lengths = np.diff(make_vectors(6, 3).input_starts[0])
    result = run(tmp_path, batch=6)
    # One token a cycle through two registers.
    assert result["gap_cycles"] == lengths[1:].sum()
    assert result["latency_cycles"] == lengths[0] - 1 + 2


def test_a_build_serves_the_same_verilog_only(tmp_path):
    write_standin(tmp_path)
    run(tmp_path)
    run(tmp_path)
    assert "Skipping compilation" in (tmp_path / "sim" / "runner.log").read_text()
    write_standin(tmp_path, swap(("second <= first", "second <= first ^ 9'h20")))
    # As if it were older than the build.
    os.utime(tmp_path / "accelerator.v", (0, 0))
    with pytest.raises(MismatchError):
        run(tmp_path)


TAKEN = "assign i__ready = !first_full || probe_0_ready;"
SECOND = "if (first_full) second <= first;"
OFFER = "assign o__valid = second_full;"
PLANTED = {
    "payload": (
        [(SECOND, "second <= first ^ (first[1:0] == 0 ? 9'h020 : 0);")],
        r"^sample 0, step 0, output, neuron \d: the hardware must equal the golden model",
    ),
    "address": (
        [("first <= i__payload;", "first <= i__payload ^ (i__payload[1:0] == 0 ? 9'h4 : 0);")],
        r"^sample 0, step 0, relay, neuron \d: .*expected SPIKE.*found SPIKE",
    ),
    "dropped STEP": (
        [("<= i__valid && i__ready;", "<= i__valid && i__ready && i__payload[1:0] != 1;")],
        r"^sample 0, step 0, relay, neuron \d: .*expected STEP, found SPIKE",
    ),
    "dropped spike": (
        [("<= i__valid && i__ready;", "<= i__valid && i__ready && spikes != 2;")],
        "^sample 0, step 0, relay, neuron",
    ),
    "token changes while it waits": (
        [("assign o__payload = second;", "assign o__payload = o__ready ? second : 0;")],
        "output: a token must hold while it waits: .*found another token$",
    ),
    "valid withdrawn": (
        [(OFFER, "assign o__valid = second_full && !counters__cycles[0];")],
        "output: valid must stay until the token is taken: .*found valid withdrawn$",
    ),
    "X after reset": (
        [
            ("reg [8:0] first = 0, second = 0;", "reg [8:0] first = 0; wire [8:0] second;"),
            (SECOND, ""),
        ],
        r"output: a stream must not be unknown \(X\) after reset: .*found X$",
    ),
    "stuck": (
        [(TAKEN, "assign i__ready = spikes < 9 && (!first_full || probe_0_ready);")],
        r"found nothing for 100 cycles, with \d+ input tokens of the batch accepted$",
    ),
    "babble": ([(OFFER, "assign o__valid = 1;")], "^sample 0, .*output"),
    "synops": (
        [("synops = spikes * 8;", "synops = spikes * 7;")],
        "relay: counter synops over samples 0 to 1 must be right: expected",
    ),
    "spikes out": ([("spikes_out = spikes;", "spikes_out = 0;")], "counter spikes_out"),
    "stalls": ([("stalls <= stalls + 1", "stalls <= stalls + 2")], "counter stalls"),
    "busy": ([("busy = counters__cycles;", "busy = 0;")], "counter busy"),
    "cycles": (
        [("counters__cycles + 1;", "counters__cycles + 2;")],
        "accelerator: counter cycles",
    ),
}


# One counter is compared as the other.
_ALIKE = ("spikes out", "stalls", "busy")


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=[pytest.mark.rest] * (each in _ALIKE)) for each in PLANTED],
)
def test_planted_fault_is_found(tmp_path, fault):
    changes, message = PLANTED[fault]
    write_standin(tmp_path, swap(*changes))
    with pytest.raises(MismatchError, match=message):
        run(tmp_path, output_pattern="100")


SPIKES = make_vectors(6, 3).counters[0, 0]
SECOND_SHARE = int(SPIKES[:2].sum())  # spikes that the first of two processes never counts to


def test_processes_side_by_side_find_the_same(tmp_path):
    write_standin(tmp_path)
    told = []
    alone = run(tmp_path)
    found = run(tmp_path, cuts=[2, 4], progress=lambda *done: told.append(done))
    times = ("seconds", "processor_seconds", "elapsed", "build_seconds", "jobs")
    assert (alone["jobs"], found["jobs"]) == (1, 3)
    for name in times:
        del alone[name], found[name]
    assert found == alone
    assert told == sorted(told) and told[-1] == (6, 6)


def test_the_first_difference_in_the_order_of_samples_is_told(tmp_path):
    write_standin(tmp_path, swap((SECOND, f"{SECOND[:-1]} ^ (spikes > {SECOND_SHARE} ? 32 : 0);")))
    with pytest.raises(MismatchError, match=r"^sample [2-5], step \d, output, neuron \d: "):
        run(tmp_path, cuts=[2])
    write_standin(tmp_path, swap((SECOND, f"{SECOND[:-1]} ^ (spikes > 2 ? 32 : 0);")))
    for _ in range(2):
        with pytest.raises(MismatchError, match=r"^sample 0, step \d, output, neuron \d: "):
            run(tmp_path, cuts=[2, 4])


def test_a_process_that_dies_is_named(tmp_path):
    finish = f"(posedge clk) begin if (spikes > {SECOND_SHARE}) $finish;"
    write_standin(tmp_path, swap(("(posedge clk) begin", finish)))
    message = "(?s)share_1/simulation.log: .*, found a failure of process 2 of 2, samples 2 to 5, "
    with pytest.raises(ToolError, match=message):
        run(tmp_path, cuts=[2])


def test_build_that_fails(tmp_path):
    write_standin(tmp_path, swap(("endmodule", "garbage")))
    with pytest.raises(ToolError, match="^.*build.log: icarus must build the simulation, found a"):
        run(tmp_path)


def test_simulation_that_dies(tmp_path):
    write_standin(
        tmp_path, swap(("(posedge clk) begin", "(posedge clk) begin if (spikes > 5) $finish;"))
    )
    with pytest.raises(ToolError, match="icarus must run the simulation"):
        run(tmp_path)


def test_missing_simulator(tmp_path, monkeypatch):
    write_standin(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt-get install iverilog"):
        run(tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    write_standin(tmp_path)
    (tmp_path / "sim").write_text("a file")
    with pytest.raises(FileError, match="the simulation's folder must be writable"):
        run(tmp_path)
