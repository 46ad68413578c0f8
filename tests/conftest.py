"""What all tests share."""

import gc
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest
import torch

from spikewright.golden.errors import ToolError
from support.pairs import covering

# One process a core runs the tests; torch must not fight the others for the cores.
torch.set_num_threads(1)

# Amaranth makes objects by the million, beside those of torch: looking for garbage among them as
# often as Python does takes more time than making them.
gc.set_threshold(100_000, 20, 50)

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


def pytest_configure(config):
    """What every simulation compiles alike, Verilator's runtime above all, is compiled once."""
    compiler_cache = Path(sys.executable).with_name("ccache")
    if compiler_cache.is_file():
        os.environ["OBJCACHE"] = str(compiler_cache)
        os.environ["CCACHE_DIR"] = str(config.cache.mkdir("ccache"))
        os.environ["CCACHE_MAXSIZE"] = "300M"
        # Models are compiled with a header that is compiled before them.
        os.environ["CCACHE_SLOPPINESS"] = "pch_defines,time_macros"


def pytest_addoption(parser):
    """Nothing is left out with ``--all-combinations``."""
    parser.addoption(
        "--all-combinations",
        action="store_true",
        help="also what tests marked pairs leave out, and those marked rest",
    )
    board = parser.getgroup("board", "tests marked board, on a board that is plugged in")
    board.addoption("--board", metavar="PORT", help="its port, as /dev/ttyUSB1")
    board.addoption("--project", metavar="DIR", help="whose bitstream it has, built with --link")
    board.addoption("--baud", type=int, default=1_000_000, help="of that bitstream")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Of a test marked ``pairs`` keep as many as let any two choices of its axes meet.

    Those that are marked ``rest`` are left out, too; and those marked ``board`` without one.
    """
    if not config.getoption("--board"):
        absent = [item for item in items if item.get_closest_marker("board")]
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]
    if config.getoption("--all-combinations"):
        return
    left = {item for item in items if item.get_closest_marker("rest")}
    marked = defaultdict(list)
    for item in items:
        if item in left:
            continue
        if item.get_closest_marker("pairs") and len(choices_of(item)) > 2:
            marked[item.nodeid.partition("[")[0]].append(item)
    for same in marked.values():
        left |= set(same) - {same[k] for k in covering([choices_of(item) for item in same])}
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def pytest_collection_finish():
    """What was imported and collected is no garbage, and is not looked at again."""
    gc.collect()
    gc.freeze()


def choices_of(item):
    """What a test was given by each of its parametrizations."""
    if not hasattr(item, "callspec"):
        return []
    axes = [mark.args[0] for mark in item.iter_markers("parametrize")]
    names = [re.findall(r"\w+", axis) if isinstance(axis, str) else axis for axis in axes]
    return [repr([item.callspec.params[name] for name in axis]) for axis in names]


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
