"""The command line as a user meets it."""

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch

from spikewright.flow.bench import BENCHMARKS
from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.flow.plan import LARGE_BITS
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from support.chains import counting_chain, inputs_for
from support.cli import spikewright

SCRIPT = Path(sysconfig.get_paths()["scripts"]) / "spikewright"
COMMANDS = (
    "convert",
    "evaluate",
    "plan",
    "generate",
    "cosim",
    "build",
    "explore",
    "calibrate",
    "break-even",
    "demo",
    "bench",
    "control",
    "speed",
)


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.random((60, 12), dtype=np.float32), y=rng.integers(0, 4, 60))
    return path


@pytest.fixture
def project(tmp_path, source, data):
    out = tmp_path / "p"
    spikewright("convert", source, "--calibrate", data, "--out", out, cwd=tmp_path)
    return out


def failure(result, code: int) -> str:
    """The one message of a failed command."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    return result.stderr


def test_help_teaches(tmp_path):
    overall = spikewright("--help", cwd=tmp_path).stdout
    for command in COMMANDS:
        assert command in overall
        text = spikewright(command, "--help", cwd=tmp_path).stdout
        assert f"spikewright {command}" in text, "no example"
        assert len(text.splitlines()) > 10
        # Each option says what it is.
        assert not re.search(r"Likewise|likewise|As of", text)


def test_help_and_pages_name_the_constants_of_the_code(request, monkeypatch, tmp_path):
    pages = (request.config.rootpath / "docs" / "hardware.md").read_text().split()
    words = " ".join(pages)
    assert words.count(f"has more than {LARGE_BITS} bits of them") == 2
    monkeypatch.setattr("spikewright.flow.plan.LARGE_BITS", 4711)
    monkeypatch.setattr("spikewright.hdl.plan.LEAST_FANOUT", 4712)
    shown = spikewright("generate", "--help", cwd=tmp_path).stdout
    assert (shown.count("4711"), shown.count("4712")) == (2, 1)


def test_convert_makes_a_project(project):
    names = sorted(path.name for path in project.iterdir())
    assert names == [
        "network.safetensors", "original.safetensors", "samples.npz", "summary.json",
    ]  # fmt: skip
    made = summary(project)
    assert made["network"]["name"] == "make"
    assert made["network"]["sizes"] == [12, 9, 4]
    assert set(made["seconds"]) == {"convert"}
    assert made["versions"]["torch"].startswith("2.")


def test_the_way_of_a_network(project, data):
    result = spikewright("evaluate", project, "--data", data, "--steps", "1,4", cwd=project)
    assert "collapsed" in result.stdout
    accuracy = summary(project)["accuracy"]
    assert set(accuracy) >= {"float", "quantised", "stepwise", "settle", "collapsed"}
    assert set(accuracy["stepwise"]) == {"1", "4"}
    assert accuracy["settle"] == accuracy["collapsed"] == accuracy["quantised"]
    spikewright("generate", project, "--mode", "settle", "--lanes", "4,2", cwd=project)
    assert (project / "generated/settle/accelerator.v").is_file()
    assert summary(project)["hardware"]["lanes"] == [4, 2]
    result = spikewright(
        "cosim",
        project,
        "--simulator",
        "icarus",
        "--samples",
        5,
        "--stall-output",
        "01",
        cwd=project,
    )
    made = summary(project)
    assert made["cosim"]["mismatches"] == 0
    assert made["cosim"]["samples"] == 5
    assert made["cosim"]["spikes_compared"] > 0
    # What was made to wait says nothing of speed.
    assert made["cosim"]["stalled"] and "performance" not in made
    spikewright("cosim", project, "--simulator", "icarus", "--samples", 5, "--jobs", 2, cwd=project)
    assert 0 < summary(project)["performance"]["efficiency"] <= 1
    # Other hardware for the same mode makes those figures void.
    spikewright("generate", project, "--mode", "settle", "--lanes", "9", cwd=project)
    assert "cosim" not in summary(project)
    result = spikewright("cosim", project, "--simulator", "modelsim", cwd=project, ok=False)
    assert "must be one of verilator, icarus" in failure(result, 2)
    assert "co-simulate" not in result.stderr, "told before the work"
    # A plan file says all.
    plan = project / "generated/settle/plan.json"
    spikewright("generate", project, "--plan", plan, cwd=project)
    assert summary(project)["hardware"]["lanes"] == [9, 4]


@pytest.mark.parametrize(("method", "steps"), [("one-hot", "1"), ("ttfs", "9")])
def test_the_way_of_one_spike_a_neuron(method, steps, source, data, tmp_path):
    out = tmp_path / "p"
    spikewright(
        "convert", source, "--calibrate", data, "--out", out, "--method", method, "--levels", 4,
        "--input-levels", 5, cwd=tmp_path,
    )  # fmt: skip
    spikewright("evaluate", out, cwd=tmp_path)
    accuracy = summary(out)["accuracy"]
    assert accuracy["stepwise"] == {steps: accuracy["quantised"]}
    assert accuracy["equal_logits"] == {"stepwise": 60}
    failure(spikewright("generate", out, "--mode", "settle", cwd=tmp_path, ok=False), 2)
    spikewright("generate", out, cwd=tmp_path)
    spikewright("cosim", out, "--simulator", "icarus", "--samples", 4, cwd=tmp_path)
    made = summary(out)["cosim"]
    assert (made["mode"], made["mismatches"], str(made["steps"])) == ("stepwise", 0, steps)
    message = failure(spikewright("evaluate", out, "--steps", 20, cwd=tmp_path, ok=False), 2)
    assert f"steps must lie in 1..{steps}, the network's max_steps" in message


def test_inputs_that_cannot_wait(tmp_path):
    """From a guard in the plan to its counters in the summary; no self-test can be made of it."""
    network = counting_chain((12, 9, 4), seed=3)
    events = torch.from_numpy(inputs_for(network, 6)).float()
    module = torch.nn.Sequential(torch.nn.Linear(12, 4))
    folder = tmp_path / "p"
    Project.create(
        folder,
        network,
        Original(import_module(module, (12,))),
        Samples(x=events, y=torch.zeros(6, dtype=torch.long)),
    )
    spikewright("generate", folder, "--guard", 4, "--lanes", 2, cwd=tmp_path)
    result = spikewright("cosim", folder, "--simulator", "icarus", cwd=tmp_path)
    counts = summary(folder)["cosim"]["guards"]["x"]
    assert counts["sent"] == int(events.sum()) == counts["kept"] + counts["losses"]
    assert f"{counts['losses']:,} losses" in " ".join(result.stdout.split())
    refused = spikewright("build", folder, "--board", "ulx3s-85f", cwd=tmp_path, ok=False)
    assert "must have inputs that wait" in " ".join(failure(refused, 3).split())


def test_a_guard_is_refused_where_inputs_can_wait(project):
    result = spikewright("generate", project, "--guard", 8, cwd=project, ok=False)
    assert "a guard must have an input whose spikes are given as events" in failure(result, 2)


@pytest.mark.filterwarnings("always")
def test_converting_again_starts_anew_and_says_so(project, source, data, tmp_path):
    spikewright("generate", project, cwd=tmp_path)
    result = spikewright(
        "convert", source, "--calibrate", data, "--out", project, "--weight-bits", "8,2",
        "--qat-epochs", 1, "--name", "other", cwd=tmp_path,
    )  # fmt: skip
    made = summary(project)
    assert made["network"]["name"] == "other"
    assert made["network"]["weight_bits"] == [8, 2]
    assert set(made["seconds"]) == {"train"}
    assert "hardware" not in made
    assert not (project / "generated").exists()
    assert f"warning: {project}: generated/collapsed of the network before" in result.stderr


CONVOLUTIONS = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        x = self.pool(self.first(x))
        return self.last(torch.flatten(self.second(x), 1))


def make():
    torch.manual_seed(1)
    return Net()
"""


@pytest.fixture
def convolutions(tmp_path):
    (tmp_path / "conv.py").write_text(CONVOLUTIONS)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "maps.npz", x=rng.random((40, 1, 4, 4)), y=rng.integers(0, 3, 40))
    spikewright(
        "convert", "conv.py:make", "--calibrate", "maps.npz", "--out", "c", "--levels", "3",
        "--input-levels", "3", cwd=tmp_path,
    )  # fmt: skip
    return tmp_path / "c"


def test_the_way_of_convolutions(convolutions):
    assert summary(convolutions)["network"]["shapes"] == ["1x4x4", "4x4x4", "4x2x2", "4x2x2", "3"]
    spikewright("evaluate", convolutions, "--steps", "2", cwd=convolutions)
    accuracy = summary(convolutions)["accuracy"]
    assert accuracy["settle"] == accuracy["collapsed"] == accuracy["quantised"]
    options = ("--lanes", "36", "--banks", "3x3", "--fanout", "8")
    result = spikewright("generate", convolutions, *options, cwd=convolutions)
    made = summary(convolutions)["hardware"]
    assert set(made["fanout"]) == {"8"} and "fanout" in result.stdout
    assert not {"sweep_lanes", "spikes", "sweeps", "products", "parameters"} & set(made)
    assert made["mode"] == "collapsed"
    assert made["lanes"] == [36, 16, 16, 3]
    assert made["banks"] == ["3x3", "2x2", "2x2", "1x1"]
    spikewright(
        "cosim", convolutions, "--simulator", "icarus", "--samples", 4, cwd=convolutions
    )  # fmt: skip
    made = summary(convolutions)
    assert made["cosim"]["mismatches"] == 0
    assert 0 < made["performance"]["efficiency"] <= 1


def test_a_plan_by_hand(convolutions):
    """Slices and a shared core are written into a plan file; depths are left to be computed."""
    spikewright("generate", convolutions, "--mode", "settle", "--lanes", 4, cwd=convolutions)
    path = convolutions / "generated/settle/plan.json"
    plan = json.loads(path.read_text())
    first, pool, second, last = plan["cores"]
    (name,) = (host["population"] for host in second["hosts"])
    slices = [second | {"hosts": [{"population": name, "channels": [k, k + 2]}]} for k in (0, 2)]
    for core in slices:
        core["lanes"] = 2
        del core["queue_depths"]
    plan["cores"] = [first, pool, *slices, last]
    (convolutions / "mine.json").write_text(json.dumps(plan))
    spikewright("generate", convolutions, "--plan", convolutions / "mine.json", cwd=convolutions)
    assert summary(convolutions)["hardware"]["cores"][2:4] == [f"{name}[0:2]", f"{name}[2:4]"]
    spikewright("cosim", convolutions, "--simulator", "icarus", "--samples", 2, cwd=convolutions)
    assert f"{name}[0:2]" in summary(convolutions)["cosim"]["counters"]
    plan["cores"][2]["hosts"][0]["channels"] = [0, 3]
    (convolutions / "mine.json").write_text(json.dumps(plan))
    result = spikewright(
        "generate", convolutions, "--plan", convolutions / "mine.json", cwd=convolutions, ok=False
    )
    told = failure(result, 2)
    assert f"mine.json, population {name!r}: the plan must suit network" in told
    assert "cores must host each of the 4 channels" in told


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("3", "--banks: must be ROWSxCOLUMNS, separated by commas, found '3'"),
        ("3x0", "--banks: must be at least 1"),
        ("1x1,2x2", "banks must be given once, or once for each of"),
        ("5x5", "lanes must be at least the"),
    ],
)
def test_bad_banks(convolutions, option, text):
    result = spikewright(
        "generate", convolutions, "--lanes", 8, "--banks", option, cwd=convolutions, ok=False
    )
    assert text in failure(result, 2)
    assert not (convolutions / "generated").exists()


BAD_CONVERSIONS = {
    "no such file": ("none.py:make", {}, 6, "the source file must exist"),
    "no function": ("network.py:other", {}, 2, "must define a function named other"),
    "weight bits": (None, {"--weight-bits": "9"}, 2, "error: --weight-bits: must be 2 to 8"),
    "not a number": (None, {"--weight-bits": "4,x"}, 2, "separated by commas"),
    "too many levels": (None, {"--levels": "3,3"}, 2, "levels"),
    "encoding": (None, {"--encoding": "events"}, 2, "once, spread"),
    "pooling": (None, {"--max-pool": "mean"}, 2, "--max-pool: must be one of exact, or"),
    "epochs": (None, {"--qat-epochs": "-1"}, 2, "must not be negative"),
    "weights": (None, {"--weights": "none.pt"}, 6, "weights file must exist"),
    "data": (None, {"--calibrate": "none.npz"}, 6, "readable npz"),
}


@pytest.mark.parametrize("name", BAD_CONVERSIONS)
def test_a_bad_conversion_leaves_nothing(name, tmp_path, source, data):
    wrong, options, code, text = BAD_CONVERSIONS[name]
    arguments = {"--calibrate": data, "--out": "p", **options}
    flat = [each for pair in arguments.items() for each in pair]
    before = sorted(tmp_path.iterdir())
    result = spikewright("convert", wrong or source, *flat, cwd=tmp_path, ok=False)
    assert text in failure(result, code)
    after = [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"]
    assert after == before


def test_calibration_of_another_shape_is_refused(tmp_path, source):
    np.savez(tmp_path / "bad.npz", x=np.ones((5, 11), dtype=np.float32))
    result = spikewright(
        "convert", source, "--calibrate", "bad.npz", "--out", "p", cwd=tmp_path, ok=False
    )
    assert result.returncode in (2, 3)
    failure(result, result.returncode)
    assert not (tmp_path / "p").exists()


def test_training_needs_labels(tmp_path, source):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((20, 12)))
    result = spikewright(
        "convert", source, "--calibrate", "x.npz", "--out", "p", "--qat-epochs", 1,
        cwd=tmp_path, ok=False,
    )  # fmt: skip
    assert "the data must have labels" in failure(result, 2)
    assert not (tmp_path / "p").exists()


def test_a_folder_with_other_files_is_not_taken(tmp_path, source, data):
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    result = spikewright(
        "convert", source, "--calibrate", data, "--out", other, cwd=tmp_path, ok=False
    )
    assert "new, empty or a project" in failure(result, 6)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_an_output_that_cannot_be_written_is_told_at_once(tmp_path, source, data):
    (tmp_path / "file").write_text("")
    for out in ("file", "file/below"):
        result = spikewright(
            "convert", source, "--calibrate", data, "--out", out, cwd=tmp_path, ok=False
        )
        failure(result, 6)


def test_steps_out_of_order_say_what_comes_first(project, tmp_path):
    result = spikewright("cosim", project, cwd=tmp_path, ok=False)
    assert "run: spikewright generate" in failure(result, 6)
    result = spikewright("evaluate", tmp_path / "none", cwd=tmp_path, ok=False)
    assert "spikewright convert" in failure(result, 6)
    result = spikewright("generate", project, "--mode", "quick", cwd=tmp_path, ok=False)
    assert "--mode: must be one of stepwise, settle, collapsed" in failure(result, 2)
    result = spikewright("generate", project, "--spikes", "2", cwd=tmp_path, ok=False)
    assert "give --sweep-lanes N, or let it take one spike a cycle" in failure(result, 2)


def test_a_plan_is_given_alone(project, tmp_path):
    spikewright("generate", project, "--mode", "settle", cwd=tmp_path)
    plan = project / "generated" / "settle" / "plan.json"
    for beside in (
        ("--mode", "collapsed"),
        ("--lanes", "8"),
        ("--membranes", "block"),
        ("--products", "serial"),
    ):
        result = spikewright("generate", project, "--plan", plan, *beside, cwd=tmp_path, ok=False)
        assert f"--plan says all of it and must be given alone, found {beside[0]}" in failure(
            result, 2
        )
    assert [path.name for path in (project / "generated").iterdir()] == ["settle"]


def test_samples_of_another_shape_are_refused(project, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, x=np.zeros((5, 3, 5), dtype=np.float32), y=np.zeros(5, dtype=np.int64))
    result = spikewright("evaluate", project, "--data", path, cwd=tmp_path, ok=False)
    assert "a sample must have 12 values, found shape [3, 5]" in failure(result, 2)
    path.write_bytes(b"not an archive")
    result = spikewright("evaluate", project, "--data", path, cwd=tmp_path, ok=False)
    assert "npz file, found no array of numbers" in failure(result, 6)


def test_performance_is_shown_of_this_run_only(project, tmp_path):
    for mode, stalls, shown in (
        ("collapsed", (), True),
        ("settle", ("--stall-input", "01"), False),
    ):
        spikewright("generate", project, "--mode", mode, cwd=tmp_path)
        options = ("--simulator", "icarus", "--samples", 2, "--mode", mode, *stalls)
        result = spikewright("cosim", project, *options, cwd=tmp_path)
        assert ("Performance" in result.stdout) is shown
        assert "Co-simulation" in result.stdout


def test_a_board_without_lut_ram_says_what_to_do(project, tmp_path):
    spikewright("generate", project, "--lanes", "1", "--membranes", "lutram", cwd=tmp_path)
    result = spikewright("build", project, "--board", "icebreaker", cwd=tmp_path, ok=False)
    assert "generate with --membranes block" in failure(result, 2)
    result = spikewright("build", project, "--board", "other", cwd=tmp_path, ok=False)
    assert "spikewright boards lists" in failure(result, 2)
    result = spikewright(
        "build", project, "--board", "ulx3s-85f", "--sample", 60, cwd=tmp_path, ok=False
    )
    assert "one of the project's 60" in failure(result, 2)
    assert not (project / "build").exists()


def test_the_cells_of_a_board(project, tmp_path):
    spikewright("generate", project, "--lanes", "3,2", "--membranes", "registers", cwd=tmp_path)
    options = ("--samples", 3, "--gates")
    sim = ("--simulator", "icarus")
    beside = Path(project).relative_to(tmp_path)  # the simulator works elsewhere
    result = spikewright("cosim", beside, *options, "icebreaker", *sim, cwd=tmp_path)
    assert "Gate level" in result.stdout and "SB_LUT4" in result.stdout
    made = summary(project)
    run = made["gates"]
    assert (run["mismatches"], run["samples"]) == (0, 3) and run["spikes_compared"] > 0
    assert run["gates"]["board"] == "icebreaker"
    assert set(run["gates"]["models"]["yosys"]) <= {"SB_CARRY", *run["gates"]["cells"]}
    assert made["gates_modes"] == {"collapsed": {"icebreaker": run}}
    assert "cosim" not in made and "performance" not in made, "of the Verilog nothing is known"
    result = spikewright("cosim", project, *options, "other", cwd=tmp_path, ok=False)
    assert "spikewright boards lists" in failure(result, 2)
    result = spikewright("cosim", project, *options, "tang-nano-9k", cwd=tmp_path, ok=False)
    assert "models: those of ecp5 and ice40, found gowin" in failure(result, 3)
    spikewright("generate", project, "--lanes", "1", "--membranes", "lutram", cwd=tmp_path)
    assert "gates" not in summary(project) and not summary(project)["gates_modes"]
    result = spikewright("cosim", project, *options, "icebreaker", cwd=tmp_path, ok=False)
    assert "generate with --membranes block" in failure(result, 2)


def test_a_damaged_project_is_refused(project, tmp_path):
    network = project / "network.safetensors"
    whole = network.read_bytes()
    network.write_bytes(whole[:-3])
    result = spikewright("generate", project, cwd=tmp_path, ok=False)
    assert "network.safetensors" in failure(result, 6)
    assert not (project / "generated").exists()
    network.write_bytes(whole)
    made = summary(project)
    made["network"]["hash"] = "0" * 64
    (project / "summary.json").write_text(json.dumps(made))
    result = spikewright("generate", project, cwd=tmp_path, ok=False)
    assert "network and summary must belong together" in failure(result, 6)


def test_a_missing_simulator_says_what_to_install(project, tmp_path):
    spikewright("generate", project, cwd=tmp_path)
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "cosim", str(project), "--simulator", "icarus"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "apt-get install iverilog" in failure(result, 7)


def test_the_help_names_every_benchmark(tmp_path):
    text = spikewright("bench", "--help", cwd=tmp_path).stdout
    for name, benchmark in BENCHMARKS.items():
        line = next(line for line in text.splitlines() if f" {name}, " in line)
        board = {"ulx3s-85f": "ULX3S", "icebreaker": "iCEBreaker"}[benchmark.target.board]
        assert f"{name}, {board}: " in line


def test_data_where_they_belong(tmp_path):
    result = spikewright("bench", "mnist-cnn", "--out", "p", cwd=tmp_path, ok=False)
    assert "data: this benchmark needs the folder of its data, found none" in failure(result, 2)
    result = spikewright(
        "bench", "digits-cnn", "--data", tmp_path, "--out", "p", cwd=tmp_path, ok=False
    )
    assert "the data of this benchmark come along, and it takes no folder" in failure(result, 2)


def test_an_unknown_benchmark_is_refused(tmp_path):
    result = spikewright("bench", "cifar", "--data", tmp_path, "--out", "p", cwd=tmp_path, ok=False)
    assert "mnist-mlp" in failure(result, 2)
    result = spikewright(
        "bench", "mnist-mlp", "--data", tmp_path / "none", "--out", "p", cwd=tmp_path, ok=False
    )
    assert "MNIST folder must exist" in failure(result, 6)
    assert not (tmp_path / "p").exists()
