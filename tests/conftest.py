"""What all tests share."""

import os

import hypothesis
import pytest
import torch

from spikewright.golden.errors import ToolError

# One process a core runs the tests; torch must not fight the others for the cores.
torch.set_num_threads(1)

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


@pytest.fixture
def source(tmp_path):
    """A user's network file: 12-9-4 with batch norm, as ``file.py:make``."""
    path = tmp_path / "network.py"
    path.write_text(
        "import torch\n"
        "from torch import nn\n"
        "\n"
        "def make():\n"
        "    torch.manual_seed(1)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.BatchNorm1d(9), nn.ReLU(),\n"
        "                         nn.Linear(9, 4))\n"
    )
    return f"{path}:make"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """As below, for fixtures."""
    return (yield from _missing_program_is_a_skip())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """A program that is missing fails in CI, and is a skip that names it on a user's machine."""
    return (yield from _missing_program_is_a_skip())


def _missing_program_is_a_skip():
    try:
        return (yield)
    except ToolError as error:
        if "must be on PATH" in error.must and os.environ.get("CI") != "true":
            pytest.skip(str(error))
        raise
