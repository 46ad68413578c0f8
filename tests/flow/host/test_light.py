"""The PC's side of a board needs neither the hardware's language nor the golden model's."""

import subprocess
import sys

import pytest

HEAVY = ("amaranth", "torch", "cocotb", "matplotlib", "scipy", "sklearn")


@pytest.mark.parametrize(
    "module",
    [
        "spikewright.flow.host",
        "spikewright.flow.host.measure",
        "spikewright.flow.host.check",
        "spikewright.flow.cli.watched",
        "spikewright.flow.sample_file",
    ],
)
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"


def test_the_command_line_loads_no_ports_before_they_are_asked_for():
    code = "import sys, spikewright.flow.cli.main; print('serial' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
