"""FuseSoC takes the core, simulates it, and Verilator finds nothing to say against it."""

import os
import subprocess
import sys

import pytest

from spikewright.flow.ip import Interface
from spikewright.flow.tools import simulator_environment


def fusesoc(tmp_path, folder, target, environment):
    """Run a target of the only core in a folder."""
    name = next(
        line.split()[1]
        for line in next(folder.glob("*.core")).read_text().splitlines()
        if line.startswith("name:")
    )
    environment = {
        **environment,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(folder), "run"]
    return subprocess.run(
        [*command, f"--target={target}", name],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "interface",
    [
        "wishbone",
        pytest.param("stream", marks=pytest.mark.rest),
        pytest.param("axi-stream", marks=pytest.mark.rest),
    ],
)
def test_sim(blocks, tmp_path, interface):
    simulator_environment("icarus")
    done = fusesoc(tmp_path, blocks(interface), "sim", dict(os.environ))
    assert done.returncode == 0 and "PASS: accelerator" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("interface", Interface)
def test_lint(blocks, tmp_path, interface):
    environment = simulator_environment("verilator")
    done = fusesoc(tmp_path, blocks(interface), "lint", environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "%Warning" not in said, said
