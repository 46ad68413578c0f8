"""The testbench that comes along passes, under both simulators, and fails where a token differs."""

import re
import shutil
import subprocess

import pytest

from spikewright.flow.ip import Interface
from spikewright.flow.tools import find_tool, simulator_environment
from support.bus_cases import framed, guarded, several, wide


def run_icarus(folder):
    """Build and run; returns (exit code, output)."""
    sources = sorted(path.name for path in folder.glob("*.v"))
    subprocess.run(
        [find_tool("iverilog"), "-g2005", "-s", "testbench", "-o", "sim.vvp", *sources],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [find_tool("vvp"), "-n", "sim.vvp"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


ALWAYS = {
    *((several, interface) for interface in Interface),
    (framed, Interface.STREAM),
    (guarded, Interface.AXI_STREAM),
    (wide, Interface.WISHBONE),
}


@pytest.mark.parametrize(
    ("case", "interface"),
    [
        pytest.param(case, interface, marks=() if (case, interface) in ALWAYS else pytest.mark.rest)
        for case in (several, framed, guarded, wide)
        for interface in Interface
    ],
)
def test_icarus(blocks, tmp_path, interface, case):
    folder = tmp_path / "ip"
    shutil.copytree(blocks(interface, case), folder)
    code, output = run_icarus(folder)
    count = len((folder / "expected.hex").read_text().split())
    assert (code, output.split(", ")[-1].strip()) == (
        0,
        f"all {count} tokens as the golden model has them",
    )
    assert output.startswith("PASS")


def spoil_spike(folder):
    words = (folder / "expected.hex").read_text().split()
    at = next(k for k, word in enumerate(words) if int(word, 16) & 3 == 0)
    words[at] = f"{int(words[at], 16) ^ 4:x}"
    (folder / "expected.hex").write_text("\n".join(words))


def spoil_label(folder):
    words = (folder / "expected.hex").read_text().split()
    words[-1] = f"{int(words[-1], 16) ^ 4:x}"
    (folder / "expected.hex").write_text("\n".join(words))


def spoil_input(folder):
    """A step more instead of the end."""
    words = (folder / "tokens_0.hex").read_text().split()
    words[-1] = "1"
    (folder / "tokens_0.hex").write_text("\n".join(words))


def spoil_weights(folder):
    words = (folder / "weights.hex").read_text().split()
    (folder / "weights.hex").write_text("\n".join(f"{int(w, 16) ^ 0xFFFF:x}" for w in words))


@pytest.mark.parametrize(
    ("spoil", "interface", "says"),
    [
        (spoil_spike, "wishbone", "no SPIKE|is missing"),
        (spoil_label, "stream", "is expected, not"),
        (spoil_input, "axi-stream", "is missing|is expected, not|nothing has come"),
        (spoil_weights, "wishbone", "no SPIKE|is expected, not|is missing"),
    ],
)
def test_it_can_fail(blocks, tmp_path, spoil, interface, says):
    folder = tmp_path / "ip"
    shutil.copytree(blocks(interface), folder)
    spoil(folder)
    code, output = run_icarus(folder)
    assert code != 0 and "FAIL" in output and "PASS" not in output
    assert re.search(says, output)


@pytest.mark.parametrize(
    "interface",
    [
        "wishbone",
        pytest.param("stream", marks=pytest.mark.rest),
        pytest.param("axi-stream", marks=pytest.mark.rest),
    ],
)
def test_verilator(blocks, tmp_path, interface):
    environment = simulator_environment("verilator", optimise="-O0")
    folder = tmp_path / "ip"
    shutil.copytree(blocks(interface, several), folder)
    sources = sorted(path.name for path in folder.glob("*.v"))
    quiet = ("-Wno-fatal", "-Wno-lint", "-Wno-style")
    subprocess.run(
        ["verilator", "--binary", "--timing", *quiet, "--top-module", "testbench", *sources],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [folder / "obj_dir" / "Vtestbench"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("PASS")
